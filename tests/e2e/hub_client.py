# SPDX-License-Identifier: Apache-2.0
"""Agent, tab and idle clients for 40-hub.sh; each prints one line a finding.

hub_client.py agent GRPC-PORT AGENT-ID FLOWS BODY   sends flows one batch each and waits until all are acknowledged
hub_client.py tab HTTP-PORT TOKEN FILTER            what the first full tick of a tab says
hub_client.py idle HTTP-PORT                        when connections on which nothing useful happens are closed
"""
import base64
import json
import os
import random
import select
import socket
import struct
import sys
import time


def say(*words):
    print(*words, flush=True)


def agent(port, agent_id, flows, body):
    import grpc
    import limpid_pb2 as pb

    noise = random.Random(agent_id)

    def flow(n):
        f = pb.Flow(id=agent_id.encode()[:8].ljust(8) + struct.pack(">Q", n), proto="http1", state=1)
        f.epoch_ns = time.time_ns() - time.monotonic_ns()
        f.conn.l4 = "tcp"
        f.req.begin_ns = time.monotonic_ns()
        f.req.op, f.req.target = b"GET", b"/item/%d" % n
        f.resp.status, f.resp.end_ns = b"200", time.monotonic_ns()
        f.resp.body.data = noise.randbytes(body)
        f.resp.body.len = f.resp.body.captured = body
        return f

    options = [("grpc.max_receive_message_length", 64 << 20)]
    channel = grpc.insecure_channel(f"127.0.0.1:{port}", options=options)
    method = channel.stream_stream("/limpid.v1.Collector/Exchange", pb.AgentMessage.SerializeToString,
                                   pb.HubMessage.FromString)

    def messages():
        yield pb.AgentMessage(hello=pb.Hello(agent_id=agent_id, hostname=agent_id, version="1", kernel="6"))
        for n in range(1, flows + 1):
            yield pb.AgentMessage(batch=pb.Batch(seq=n, flows=[flow(n)]))
        while not done:
            time.sleep(0.05)

    done = []
    for m in method(messages(), timeout=120):
        if m.HasField("ack") and m.ack.seq == flows:
            say("acknowledged", m.ack.seq)
            done.append(True)
            break
    channel.close()


def recv_exact(s, n):
    out = b""
    while len(out) < n:
        got = s.recv(n - len(out))
        if not got:
            raise EOFError
        out += got
    return out


def ws_recv(s):
    """One text message (RFC 6455)."""
    text = b""
    while True:
        first, n = recv_exact(s, 2)
        if n == 126:
            n, = struct.unpack(">H", recv_exact(s, 2))
        elif n == 127:
            n, = struct.unpack(">Q", recv_exact(s, 8))
        part = recv_exact(s, n)
        if first & 15 == 8:
            raise EOFError
        if first & 15 in (9, 10):
            continue
        text += part
        if first & 0x80:
            return json.loads(text)


def ws_send(s, message):
    data = json.dumps(message).encode()
    head = bytes([0x81, 0x80 | len(data)]) if len(data) < 126 else bytes([0x81, 0xFE]) + struct.pack(">H", len(data))
    mask = os.urandom(4)
    s.sendall(head + mask + bytes(b ^ mask[i % 4] for i, b in enumerate(data)))


def tab(port, token, text):
    s = socket.create_connection(("127.0.0.1", port), 20)
    key = base64.b64encode(os.urandom(16)).decode()
    s.sendall((f"GET /api/ws HTTP/1.1\r\nHost: localhost:{port}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
               f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\nOrigin: http://localhost:{port}\r\n"
               f"Cookie: limpid_{port}={token}\r\n\r\n").encode())
    head = b""
    while b"\r\n\r\n" not in head:
        head += recv_exact(s, 1)
    say("upgrade", head.split()[1].decode())
    say("boot", ws_recv(s)["boot"])
    ws_send(s, {"op": "sub", "filter": text, "n": 5, "view": 1})
    while True:
        m = ws_recv(s)
        if m["op"] != "tick":
            continue
        ws_send(s, {"op": "ack", "seq": m["seq"]})
        if "scan" not in m:
            break
    say("total", m["total"], "matched", m["matched"], "rows", len(m["rows"]))


def idle(port):
    begin = {"nothing": b"", "half a header": b"GET / HTTP/1.1\r\nHost: loc",
             "half a body": b"POST /api/login HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99\r\n\r\nabc",
             "a byte a second": b"GET / HTTP/1.1\r\nX: "}
    start, live = time.time(), {}
    for name, data in begin.items():
        live[name] = socket.create_connection(("127.0.0.1", port))
        live[name].sendall(data)
    while live and time.time() - start < 25:
        readable, _, _ = select.select(list(live.values()), [], [], 1)
        for name, s in list(live.items()):
            try:
                if s in readable and not s.recv(65536):
                    raise EOFError
                if name == "a byte a second":
                    s.send(b"a")
            except (OSError, EOFError):
                say("closed", name)
                del live[name]
    for name in live:
        say("open", name)


if sys.argv[1] == "agent":
    agent(int(sys.argv[2]), sys.argv[3], int(sys.argv[4]), int(sys.argv[5]))
elif sys.argv[1] == "tab":
    tab(int(sys.argv[2]), sys.argv[3], sys.argv[4])
else:
    idle(int(sys.argv[2]))
