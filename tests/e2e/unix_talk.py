# SPDX-License-Identifier: Apache-2.0
"""Streams over unix sockets between a process and its child; prints what was moved, one JSON object.

unix_talk.py READY DIR   connections that begin after the file READY exists, and one from before."""
import hashlib
import json
import os
import random
import signal
import socket
import sys
import time

READY, DIR = sys.argv[1:3]
SIZES = [1, 2, 4095, 4096, 4097, 16383, 16384, 16385, 65536, 300001, 1 << 20]
MSG_SIZES = [7, 5000, 20000]
rnd = random.Random(5)


def take(s, n):
    out = b""
    while len(out) < n:
        d = s.recv(min(n - len(out), 70001))
        assert d
        out += d
    return out


def sender(s, data, how):
    if how == "send":
        s.sendall(data)
    elif how == "write":
        at = 0
        while at < len(data):
            at += os.write(s.fileno(), data[at:at + 50000])
    else:  # many pieces at once
        at = 0
        while at < len(data):
            at += s.sendmsg([data[at + i:at + i + 1000] for i in range(0, 64000, 1000)])


def talk(s, mine):
    """Both ends call it; whose turn it is alternates.  Hashes of what was sent, and received."""
    r = random.Random(9)
    hashes = [hashlib.sha256(), hashlib.sha256()]
    total = [0, 0]
    for turn, n in enumerate(SIZES + MSG_SIZES):
        data = r.randbytes(n)
        sends = (turn % 2 == 0) == mine
        if sends:
            sender(s, data, ("send", "write", "iov")[turn % 3])
        else:
            assert take(s, n) == data
        hashes[not sends].update(data)
        total[not sends] += n
    return {"sent": total[0], "received": total[1], "sent_sha": hashes[0].hexdigest(), "received_sha": hashes[1].hexdigest()}


def child(fn):
    pid = os.fork()
    if pid == 0:
        fn()
        os._exit(0)
    return pid


def connected(address):
    """Client in a child, server here."""
    lst = socket.socket(socket.AF_UNIX)
    lst.bind(address)
    lst.listen()

    def client():
        c = socket.socket(socket.AF_UNIX)
        c.connect(address)
        talk(c, True)
        assert c.recv(1) == b""
        c.close()
    pid = child(client)
    s, _ = lst.accept()
    lst.close()
    r = talk(s, False)
    s.close()
    os.waitpid(pid, 0)
    return {"server": os.getpid(), "client": pid, **r}


def paired():
    a, b = socket.socketpair()

    def other():
        a.close()
        talk(b, False)
        b.close()
    pid = child(other)
    b.close()
    r = talk(a, True)
    a.close()
    os.waitpid(pid, 0)
    return {"first": os.getpid(), "second": pid, **r}


def killed(path):
    """A client that is killed in the middle; the server goes on for a while with a dup of its descriptor."""
    lst = socket.socket(socket.AF_UNIX)
    lst.bind(path)
    lst.listen()

    def client():
        c = socket.socket(socket.AF_UNIX)
        c.connect(path)
        c.sendall(b"never answered")
        time.sleep(60)
    pid = child(client)
    s, _ = lst.accept()
    assert take(s, 14) == b"never answered"
    time.sleep(0.2)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    at = time.clock_gettime_ns(time.CLOCK_MONOTONIC)
    assert s.recv(1) == b""
    fd = os.dup(s.fileno())
    s.close()
    time.sleep(0.1)
    os.close(fd)
    return {"client": pid, "killed_ns": at, "closed_ns": time.clock_gettime_ns(time.CLOCK_MONOTONIC)}


def datagram_and_seqpacket():
    """Kinds that are not captured."""
    for kind in (socket.SOCK_DGRAM, socket.SOCK_SEQPACKET):
        a, b = socket.socketpair(socket.AF_UNIX, kind)
        a.send(b"not a stream")
        assert b.recv(100) == b"not a stream"


def shared_secret_of_before():
    lst = socket.socket(socket.AF_UNIX)
    path = DIR + "/before.sock"
    lst.bind(path)
    lst.listen()
    c = socket.socket(socket.AF_UNIX)
    c.connect(path)
    s, _ = lst.accept()
    c.sendall(b"said before")
    assert take(s, 11) == b"said before"
    return c, s


old_c, old_s = shared_secret_of_before()
print("ready", flush=True)
while not os.path.exists(READY):
    time.sleep(0.02)
out = {"pid": os.getpid()}
old_c.sendall(b"said late")
assert take(old_s, 9) == b"said late"
old_s.sendall(b"answered")
assert take(old_c, 8) == b"answered"
out["path"] = connected(DIR + "/talk.sock")
out["abstract"] = connected("\0limpid-test-%d" % os.getpid())
out["pair"] = paired()
datagram_and_seqpacket()
out["killed"] = killed(DIR + "/killed.sock")
print(json.dumps(out), flush=True)
time.sleep(2.5)
