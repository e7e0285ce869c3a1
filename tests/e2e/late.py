#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Attaches Limpid at every step of a conversation between two processes; prints TAP lines.

late.py LIMPID TMP.  Every step moves some bytes from one end to the other, and the next one begins when the other
end has read them all, so the moment of attachment is exact."""
import json
import os
import socket
import struct
import subprocess
import sys
import time

LIMPID, TMP = sys.argv[1:3]
n_tests = 0


def report(good, text, *notes):
    global n_tests
    n_tests += 1
    print(f"{'ok' if good else 'not ok'} {n_tests} - {text}", flush=True)
    if not good:
        for n in notes:
            print(f"# {n}", flush=True)


# (side, bytes, exchange that is complete with it or None); the first request of each exchange names it
STEPS = [
    ("c", "GET /one HTTP/1.1\r\nHo"),
    ("c", "st: a\r\n\r\n"),
    ("s", "HTTP/1.1 200 OK\r\nContent-Le"),
    ("s", "ngth: 10\r\n\r\nfirst"),
    ("s", " body"),
    ("c", "POST /two HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nsome "),
    ("c", "body"),
    ("s", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n6\r\nsec"),
    ("s", "ond\r\n4"),
    ("s", "\r\nbody\r\n0\r\n"),
    ("s", "\r\n"),
    ("c", "PUT /three HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n"),
    ("s", "HTTP/1.1 100 Continue\r\n\r\n"),
    ("c", "put 3"),
    ("s", "HTTP/1.1 201 Created\r\nContent-Length: 5\r\n\r\nthird"),
    ("c", "HEAD /four HTTP/1.1\r\nHost: a\r\n\r\n"),
    ("s", "HTTP/1.1 200 OK\r\nContent-Length: 4000\r\n\r\n"),
    ("c", "GET /five HTTP/1.1\r\nHost: a\r\n\r\nGET /six HTTP/1.1\r\nHost: a\r\n\r\n"),
    ("s", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nfifth"),
    ("s", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nsixth"),
    ("c", "GET /seven HTTP/1.1\r\nHost: a\r\n\r\n"),
    ("s", "HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\nseventh"),
]
TRUTH = {
    "/one": ("GET", None, "200", "first body"),
    "/two": ("POST", "some body", "200", "secondbody"),
    "/three": ("PUT", "put 3", "201", "third"),
    "/four": ("HEAD", None, "200", None),
    "/five": ("GET", None, "200", "fifth"),
    "/six": ("GET", None, "200", "sixth"),
    "/seven": ("GET", None, "200", "seventh"),
}
FIRST_STEP = {"/one": 0, "/two": 5, "/three": 11, "/four": 15, "/five": 17, "/six": 17, "/seven": 20}


class End:
    """A process that holds one end: reads orders from a pipe, answers when one is done."""

    def __init__(self, sock, others, listener=None):
        r, order_w = os.pipe()
        done_r, done_w = os.pipe()
        self.pid = os.fork()
        if self.pid == 0:
            for o in others:
                o.close()
            os.close(order_w)
            os.close(done_r)
            self.work(sock, os.fdopen(r, "rb"), done_w, listener)
            os._exit(0)
        os.close(r)
        os.close(done_w)
        self.order, self.done = os.fdopen(order_w, "wb", buffering=0), os.fdopen(done_r, "rb", buffering=0)

    @staticmethod
    def work(sock, orders, done, listener):
        while True:
            head = orders.read(5)
            if len(head) < 5:
                return
            what, n = struct.unpack("<cI", head)
            if what == b"w":
                sock.sendall(orders.read(n))
            elif what == b"a":
                with listener.accept()[0] as s:
                    s.recv(1000)
                    s.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
            else:
                while n > 0:
                    n -= len(sock.recv(n))
            os.write(done, b".")

    def tell(self, what, n, data=b""):
        self.order.write(struct.pack("<cI", what, n) + data)
        assert self.done.read(1) == b"."

    def end(self):
        self.order.close()
        self.done.close()
        os.waitpid(self.pid, 0)


# Joined while an answer was owed, and then two requests at once: only a silence tells that nothing is owed any more.
DOUBTFUL = {16: {"/five", "/six"}, 17: {"/five", "/six"}}


class Talk:
    def __init__(self, path=None):
        listener = socket.socket(socket.AF_UNIX if path else socket.AF_INET)
        listener.bind(path or ("127.0.0.1", 0))
        listener.listen()
        client = socket.socket(listener.family)
        client.connect(listener.getsockname())
        server, _ = listener.accept()
        self.port = None if path else listener.getsockname()[1]
        self.server = End(server, [client], listener)
        self.client = End(client, [listener, server])
        client.close()
        server.close()
        self.listener = listener  # listens on: that tells the sides
        self.step = 0

    def go_on(self, until):
        while self.step < until:
            side, text = STEPS[self.step]
            data = text.encode()
            a, b = (self.client, self.server) if side == "c" else (self.server, self.client)
            a.tell(b"w", len(data), data)
            b.tell(b"r", len(data))
            self.step += 1

    def end(self):
        self.client.end()
        self.server.end()
        self.listener.close()


def wait_for(file, text, seconds):
    end = time.monotonic() + 4 * seconds  # of a quick machine
    while time.monotonic() < end:
        with open(file, encoding="utf-8", errors="replace") as f:
            if text in f.read():
                return True
        time.sleep(0.02)
    return False


def capture(args, work):
    out, err = f"{TMP}/late.out", f"{TMP}/late.err"
    with open(out, "wb") as o, open(err, "wb") as e:
        p = subprocess.Popen([LIMPID, *args], stdout=o, stderr=e, stdin=subprocess.DEVNULL)
        try:
            ready = wait_for(err, "capturing", 20)
            work()
            time.sleep(0.3)
        finally:
            p.terminate()
            p.wait(20)
    with open(out, "rb") as f:
        return ready, f.read()


def body(half):
    b = half.get("body") if half else None
    return b.get("text") if b else None


def judge(flows, at):
    """What is wrong with the flows of a capture that began after `at` steps."""
    wrong, found = [], set()
    last = {}
    for f in flows:
        last[f["id"]] = f
    for f in last.values():
        q, a = f["request"], f["response"]
        if at > 0 and "midstream" not in f["flags"]:
            wrong.append(f"not flagged: {f}")
        names = [n for n, t in TRUTH.items()
                 if (not q or (q["target"] == n and q["op"] == t[0])) and (not a or a["status"] == t[2])]
        whole = [n for n in names if (not q or (body(q) or None) == t_req(n)) and (not a or (body(a) or None) == t_resp(n))]
        if not names or (not whole and f["state"] == "done" and "after_gap" not in f["flags"] and q):
            wrong.append(f"never happened: {json.dumps(f)[:400]}")
        if q and a and whole and f["state"] == "done":
            found.add(q["target"])
    for name, first in FIRST_STEP.items():
        if first >= at and name not in found | DOUBTFUL.get(at, set()):
            wrong.append(f"{name} is missing")
    return wrong


def t_req(n):
    return TRUTH[n][1]


def t_resp(n):
    return TRUTH[n][3]


def attach_at(at):
    talk = Talk()
    who = [talk.server.pid, talk.client.pid][at % 2]
    if at:
        talk.go_on(at)
    time.sleep(0.03)  # the kernel tells by its ticks who was the last to say something

    def work():
        if at in DOUBTFUL:
            talk.go_on(20)
            time.sleep(2.3)
        talk.go_on(len(STEPS))

    ready, out = capture(["tail", "--json", "--body", "--pid", str(who)], work)
    talk.end()
    flows = [json.loads(line) for line in out.splitlines() if line]
    wrong = judge(flows, at)
    end = "server" if at % 2 == 0 else "client"
    report(ready and not wrong, f"attached to the {end} after step {at} of {len(STEPS)}: the next exchange is right", *wrong)


def events(data):
    at = 32
    while at + 32 <= len(data):
        ts, size, kind, flags, cookie, tgid, tid = struct.unpack_from("<QIHHQII", data, at)
        yield kind, flags, tgid, data[at:at + size]
        at += size


def idle_connections():
    """Nothing is said: they are announced all the same, also one that nobody has accepted."""
    talk = Talk()
    talk.go_on(len(STEPS))
    queued = socket.create_connection(("127.0.0.1", talk.port))
    file = f"{TMP}/idle.rec"

    def accept():
        queued.sendall(b"GET /queued HTTP/1.1\r\nHost: a\r\n\r\n")
        talk.server.tell(b"a", 0)

    capture(["record", "-o", file, "--pid", str(talk.server.pid)], accept)
    with open(file, "rb") as f:
        data = f.read()
    late = [(tgid, struct.unpack_from("<HHBB", ev, 32 + 16 + 32)) for kind, flags, tgid, ev in events(data)
            if kind == 1 and flags & 2]
    of_server = [o for tgid, o in late if tgid == talk.server.pid and o[0] == talk.port]
    report(len(of_server) == 1, "an idle connection is announced at the start, with its process", str(late))
    report(bool(of_server) and of_server[0][2] == 2, "its server is told by the port that listens", str(of_server))
    out = subprocess.run([LIMPID, "read", "--json", file], capture_output=True, check=False).stdout
    flows = [json.loads(line) for line in out.splitlines()]
    queued_ok = [f for f in flows if f["request"] and f["request"]["target"] == "/queued" and f["state"] == "done"
                 and f["response"] and f["response"]["status"] == "200"]
    report(len(queued_ok) >= 1, "a connection that waited in the accept queue is read from its first byte",
           out.decode()[:600])
    talk.end()


def idle_unix():
    """The same on a socket with a path; it says something afterwards."""
    talk = Talk(f"{TMP}/late.sock")
    talk.go_on(11)
    file = f"{TMP}/unix.rec"
    capture(["record", "-o", file, "--pid", str(talk.server.pid)], lambda: None)
    with open(file, "rb") as f:
        late = [ev for kind, flags, tgid, ev in events(f.read()) if kind == 1 and flags & 2 and tgid == talk.server.pid and
                b"/late.sock" in ev]
    report(len(late) == 1, "an idle connection over a unix socket is announced with its path", len(late))
    _, out = capture(["tail", "--json", "--body", "--pid", str(talk.server.pid)], lambda: talk.go_on(15))
    flows = [json.loads(line) for line in out.splitlines()]
    report([f["request"]["target"] for f in flows if f["request"]] == ["/three"],
           "and its next exchange is right", out[:500])
    talk.end()


for step in range(len(STEPS)):
    attach_at(step)
idle_connections()
idle_unix()
print(f"1..{n_tests}")
