"""upgrade.py PORT: a server on the h2 library that agrees to HTTP/1.1's upgrade to h2c (RFC 7540, 3.2), and to prior knowledge."""
import socket
import sys
import threading

import h2.config
import h2.connection
import h2.events


def serve(s):
    conn = h2.connection.H2Connection(h2.config.H2Configuration(client_side=False, header_encoding="utf-8"))
    data = s.recv(65536)
    if data.startswith(b"PRI"):
        conn.initiate_connection()
        ready = []
    else:
        while b"\r\n\r\n" not in data:
            data += s.recv(65536)
        head, data = data.split(b"\r\n\r\n", 1)
        lines = head.decode().split("\r\n")
        fields = {k.strip().lower(): v.strip() for k, v in (x.split(":", 1) for x in lines[1:])}
        s.sendall(b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n")
        conn.initiate_upgrade_connection(fields["http2-settings"])
        ready = [1]
    while True:
        for event in conn.receive_data(data) if data else []:
            if isinstance(event, h2.events.StreamEnded):
                ready.append(event.stream_id)
        for stream in ready:
            conn.send_headers(stream, [(":status", "200"), ("content-type", "text/plain")])
            conn.send_data(stream, b"stream %d" % stream, end_stream=True)
        ready = []
        out = conn.data_to_send()
        if out:
            s.sendall(out)
        data = s.recv(65536)
        if not data:
            return


listener = socket.create_server(("", int(sys.argv[1])))
print("listening", flush=True)
while True:
    threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()
