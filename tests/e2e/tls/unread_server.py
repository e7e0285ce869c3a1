# The server of the test of what is not read, with OpenSSL, which is read: python3 unread_server.py PORT CERT KEY
import socket
import ssl
import sys
import threading

ANSWER = 5000

ctx = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
ctx.load_cert_chain(sys.argv[2], sys.argv[3])
ctx.set_alpn_protocols(["http/1.1"])
s = socket.create_server(("127.0.0.1", int(sys.argv[1])))
print("listening", flush=True)


def one(k):
    try:
        with ctx.wrap_socket(k, server_side=True) as t:
            while t.recv(65536):
                t.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % ANSWER + b"x" * ANSWER)
    except OSError:
        pass


while True:
    threading.Thread(target=one, args=(s.accept()[0],), daemon=True).start()
