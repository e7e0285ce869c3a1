#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Recordings: read again they give the flows of the live run; what is wrong with one is said.  Prints TAP lines.

recording.py LIMPID TMP"""
import json
import os
import socket
import subprocess
import sys
import threading
import time

LIMPID, TMP = sys.argv[1:3]
n_tests = 0


def report(good, text, *notes):
    global n_tests
    n_tests += 1
    print(f"{'ok' if good else 'not ok'} {n_tests} - {text}", flush=True)
    if not good:
        for n in notes:
            print(f"# {str(n)[:600]}", flush=True)


def wait_ready(file):
    for _ in range(4000):
        with open(file, "rb") as f:
            if b"captur" in f.read():
                return
        time.sleep(0.02)


def start(name, *args):
    with open(f"{TMP}/{name}.out", "wb") as o, open(f"{TMP}/{name}.err", "wb") as e:
        return subprocess.Popen([LIMPID, *args], stdout=o, stderr=e, stdin=subprocess.DEVNULL)


def stop(p):
    p.terminate()
    return p.wait(20)


def serve(listener):
    """Answers each request with as many bytes as its target says."""
    def one(s):
        with s, s.makefile("rb") as f:
            while line := f.readline():
                while f.readline() not in (b"\r\n", b""):
                    pass
                body = b"%s\n" % (line.split()[1][1:].split(b"?")[0] or b"0")
                body = (body * (1 + int(body) // len(body)))[:int(body)]
                s.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
    while True:
        try:
            s, _ = listener.accept()
        except OSError:
            return
        threading.Thread(target=one, args=(s,), daemon=True).start()


def server():
    listener = socket.create_server(("127.0.0.1", 0))
    pid = os.fork()
    if pid == 0:
        serve(listener)
        os._exit(0)
    port = listener.getsockname()[1]
    listener.close()
    return pid, port


def ask(s, target):
    s.sendall(b"GET /%s HTTP/1.1\r\nHost: a\r\n\r\n" % target.encode())
    left, head = None, b""
    while left is None or left > 0:
        got = s.recv(1 << 20)
        assert got
        if left is not None:
            left -= len(got)
            continue
        head += got
        if b"\r\n\r\n" in head:
            at = head.index(b"\r\n\r\n") + 4
            left = int(head.split(b"Content-Length: ")[1].split(b"\r")[0]) - (len(head) - at)


def read(file, *args):
    return subprocess.run([LIMPID, "read", "--json", file, *args], capture_output=True, check=False)


def comparable(text):
    """The flows without what two captures of one thing cannot have in common."""
    flows = [json.loads(line) for line in text.splitlines()]
    for f in flows:
        for key in ("id", "ts", "duration_ns", "ttfb_ns"):
            del f[key]
    return sorted(json.dumps(f, sort_keys=True) for f in flows)


def same_flows(pid, port):
    live, rec = start("live", "tail", "--json", "--pid", str(pid)), None
    rec = start("rec", "record", "-o", f"{TMP}/a.rec", "--pid", str(pid))
    wait_ready(f"{TMP}/live.err")
    wait_ready(f"{TMP}/rec.err")
    with socket.create_connection(("127.0.0.1", port)) as s:
        for n in (0, 1, 1000, 100000, 3000000, 7):
            ask(s, f"{n}?first")
    for n in range(20):
        with socket.create_connection(("127.0.0.1", port)) as s:
            ask(s, f"{n}?short")
    time.sleep(0.5)
    rcs = stop(live), stop(rec)
    report(rcs == (0, 0), "tail and record end with 0", rcs)
    first, second = read(f"{TMP}/a.rec"), read(f"{TMP}/a.rec")
    report(first.stdout == second.stdout and first.returncode == 0, "a recording read twice is the same, ids and times too")
    with open(f"{TMP}/live.out", "rb") as f:
        want, got = comparable(f.read()), comparable(first.stdout)
    report(len(want) == 26 and want == got, "the recording gives the flows of the live run", len(want), len(got),
           *[w for w in want if w not in got][:2], *[g for g in got if g not in want][:2])
    report(oct(os.stat(f"{TMP}/a.rec").st_mode)[-3:] == "600", "only its owner may read a recording")


def lossy(pid, port):
    """A ring that is far too small: the holes are in the recording."""
    rec = start("rec", "record", "-o", f"{TMP}/b.rec", "--pid", str(pid), "--events-ring", "64k")
    wait_ready(f"{TMP}/rec.err")
    conns = [socket.create_connection(("127.0.0.1", port)) for _ in range(4)]
    threads = [threading.Thread(target=lambda s=s: [ask(s, "1000000?big") for _ in range(30)]) for s in conns]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    for s in conns:
        ask(s, "5?after")
        time.sleep(0.3)
        ask(s, "5?last")
        s.close()
    time.sleep(0.3)
    stop(rec)
    first, second = read(f"{TMP}/b.rec"), read(f"{TMP}/b.rec")
    flows = [json.loads(line) for line in first.stdout.splitlines()]
    report(first.stdout == second.stdout, "a recording with holes read twice is the same")
    report(any("after_gap" in f["flags"] for f in flows), "what was lost shows as gaps")
    whole = [f for f in flows if f["request"] and f["response"]]
    report(all(f["response"]["body"]["len"] == int(f["request"]["target"][1:].split("?")[0]) for f in whole
               if f["state"] == "done" and f["response"]["body"]), "and no answer is given to another request",
           [f["request"]["target"] for f in whole][:9])
    last = [f for f in whole if f["request"]["target"] == "/5?last" and f["state"] == "done"]
    report(len(last) == 4, "after the holes every connection is read again", len(last), len(flows))


def bad_files():
    with open(f"{TMP}/a.rec", "rb") as f:
        data = f.read()
    damaged = bytearray(data)
    damaged[32 + 12:32 + 14] = b"\xff\xff"
    other = bytearray(data)
    other[8:10] = b"\x01\x00"
    for name, content, says in (
            ("an empty file", b"", "is neither a Limpid recording nor a pcap"),
            ("a text", b"GET / HTTP/1.1\r\n" * 20, "is neither a Limpid recording nor a pcap"),
            ("a recording of another version", other, "was recorded by another version of Limpid"),
            ("a damaged recording", damaged, "is damaged at byte 32"),
            ("a recording that is cut off", data[:len(data) - 1], "is cut off after")):
        with open(f"{TMP}/bad.rec", "wb") as f:
            f.write(content)
        r = read(f"{TMP}/bad.rec")
        report(r.returncode == 1 and says in r.stderr.decode(), f"{name} is refused with the reason", r.returncode, r.stderr)
    cut = read(f"{TMP}/bad.rec")
    report(cut.stdout.count(b"\n") >= 25, "what came before the cut was read", cut.stdout.count(b"\n"))
    r = read(f"{TMP}/absent.rec")
    report(r.returncode == 1 and b"No such file" in r.stderr, "a file that is not there is said", r.stderr)


def full_disk(pid, port, file, text):
    rec = start("rec", "record", "-o", file, "--pid", str(pid))
    wait_ready(f"{TMP}/rec.err")
    with socket.create_connection(("127.0.0.1", port)) as s:
        ask(s, "4000000")
    try:
        rc = rec.wait(10)
    except subprocess.TimeoutExpired:
        rc = f"none, {stop(rec)}"
    with open(f"{TMP}/rec.err", "rb") as f:
        said = f.read()
    report(rc == 1 and b"the recording cannot be written: No space left" in said, text, rc, said)


def disks(pid, port):
    full_disk(pid, port, "/dev/full", "a full disk: record ends with 1 and the reason")
    os.mkdir(f"{TMP}/small")
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", f"{TMP}/small"], check=False).returncode:
        return
    try:
        full_disk(pid, port, f"{TMP}/small/c.rec", "a disk that becomes full: the same")
        r = read(f"{TMP}/small/c.rec")
        report(b"is cut off after" in r.stderr and r.returncode == 1, "what fitted is read", r.stderr)
    finally:
        subprocess.run(["umount", f"{TMP}/small"], check=False)


def large(pid, port):
    """Memory does not grow with the recording, and a terminal is told how far it is."""
    rec = start("rec", "record", "-o", f"{TMP}/l.rec", "--pid", str(pid), "--events-ring", "128m")
    wait_ready(f"{TMP}/rec.err")
    with socket.create_connection(("127.0.0.1", port)) as s:
        for _ in range(60):
            ask(s, "1000000?large")
            time.sleep(0.02)
    time.sleep(0.3)
    stop(rec)
    terminal, its_end = os.openpty()
    with open(f"{TMP}/l.out", "wb") as out:
        p = subprocess.Popen([LIMPID, "read", f"{TMP}/l.rec"], stdout=out, stderr=its_end, stdin=subprocess.DEVNULL)
        os.close(its_end)
        said = b""
        try:
            while piece := os.read(terminal, 1000):
                said += piece
        except OSError:
            pass  # the other end is closed
        _, status, usage = os.wait4(p.pid, 0)
        p.returncode = os.waitstatus_to_exitcode(status)
    size = os.path.getsize(f"{TMP}/l.rec")
    report(size > 30e6 and usage.ru_maxrss < 80000 and p.returncode == 0, "a large recording needs no more memory than a small one",
           size, usage.ru_maxrss, p.returncode)
    report(b"MB, " in said and said.endswith(b"\r\x1b[K"), "a terminal is told how far it is, and is clean afterwards", said[-200:])


def killed(pid, port):
    """Limpid and all its processes are killed: what was captured until a second ago is there."""
    rec = start("rec", "record", "-o", f"{TMP}/k.rec", "--pid", str(pid))
    wait_ready(f"{TMP}/rec.err")
    with socket.create_connection(("127.0.0.1", port)) as s:
        ask(s, "11?before")
    time.sleep(1.6)
    rec.kill()
    rec.wait()
    time.sleep(0.2)
    r = read(f"{TMP}/k.rec")
    report(b"/11?before" in r.stdout, "a recording survives SIGKILL up to its last second", r.returncode, r.stderr)


PID, PORT = server()
try:
    same_flows(PID, PORT)
    lossy(PID, PORT)
    bad_files()
    disks(PID, PORT)
    large(PID, PORT)
    killed(PID, PORT)
finally:
    if PID > 1:
        os.kill(PID, 9)
print(f"1..{n_tests}")
