# SPDX-License-Identifier: Apache-2.0
"""Datagrams between processes of our own, by every call; prints what was moved: one JSON object.

udp_traffic.py READY   begins when the file READY exists."""
import hashlib
import json
import os
import random
import socket
import struct
import sys
import time

while not os.path.exists(sys.argv[1]):
    time.sleep(0.05)
random.seed(7)
moved = {"sent": [], "received": []}


def note(what, data):
    moved[what].append([len(data), hashlib.sha256(data).hexdigest()[:16]])


def blob(n):
    return random.randbytes(n)


def query(name, qid):
    return struct.pack(">6H", qid, 0x100, 1, 0, 0, 0) + b"".join(
        bytes([len(p)]) + p for p in name.split(b".")) + b"\0" + struct.pack(">2H", 1, 1)


def pair(family, host):
    server = socket.socket(family, socket.SOCK_DGRAM)
    server.bind((host, 0))
    return server, socket.socket(family, socket.SOCK_DGRAM), server.getsockname()[:2]


ports = []
for family, host in ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")):
    server, client, at = pair(family, host)
    ports.append(at[1])
    # A question and its answer, as a resolver does it.
    q = query(b"www.limpid.test", 4711)
    client.sendto(q, at)
    got, frm = server.recvfrom(512)
    assert got == q
    answer = q[:2] + b"\x81\x80\0\1\0\1" + q[8:] + b"\xc0\x0c" + struct.pack(">2HIH", 1, 1, 60, 4) + b"\x0a\0\0\1"
    server.sendto(answer, frm)
    assert client.recv(512, socket.MSG_PEEK) == answer  # not moved by this
    assert client.recvfrom(512)[0] == answer
    for d in (q, answer):
        note("sent", d)
        note("received", d)
    # Connected: send, write, writev, sendmsg; recv_into, readv, recvmsg.
    client.connect(at)
    server.connect(client.getsockname()[:2])
    for n in (1, 511, 1472, 16384, 16385, 40000, 65000):
        d = blob(n)
        client.send(d)
        assert server.recv(65535) == d
        os.write(server.fileno(), d[::-1])
        assert os.read(client.fileno(), 65535) == d[::-1]
        client.sendmsg([d[:n // 3], d[n // 3:]])
        assert b"".join(server.recvmsg(65535)[:1]) == d
        os.writev(server.fileno(), [d[:n // 2], d[n // 2:]])
        a, b = bytearray(n // 2), bytearray(65535)
        assert os.readv(client.fileno(), [a, b]) == n
        for x in (d, d[::-1], d, d):
            note("sent", x)
            note("received", x)
    # Cut off: only the beginning is received.
    d = blob(3000)
    client.send(d)
    assert server.recv(1000) == d[:1000]
    note("sent", d)
    note("received", d[:1000])
moved["ports"] = ports
moved["pid"] = os.getpid()
print(json.dumps(moved), flush=True)
time.sleep(1)
