#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Unix sockets and UDP: what a recording holds, against what the programs say they moved.  Prints TAP lines.

unix_udp.py LIMPID TMP"""
import hashlib
import json
import os
import subprocess
import sys
import time

import events
from events import CLIENT, END_ALL, READ, SERVER, UNKNOWN, UNIX, WRITE

LIMPID, TMP = sys.argv[1:3]
HERE = os.path.dirname(os.path.abspath(__file__))
n_tests = 0


def report(good, text, *notes):
    global n_tests
    n_tests += 1
    print(f"{'ok' if good else 'not ok'} {n_tests} - {text}", flush=True)
    if not good:
        for n in notes:
            print(f"# {str(n)[:900]}", flush=True)


def recorded(name, program, *options):
    """Runs the program while it is recorded.  What it printed, and the connections."""
    go, err, rec = (f"{TMP}/{name}.{x}" for x in ("go", "err", "rec"))
    p = subprocess.Popen([sys.executable, f"{HERE}/{program}", go, TMP], stdout=subprocess.PIPE, text=True)
    with open(err, "wb") as e:
        limpid = subprocess.Popen([LIMPID, "record", "--pid", str(p.pid), "-o", rec, *options], stderr=e)
    for _ in range(2400):
        with open(err, "rb") as e:
            if b"capturing" in e.read():
                break
        time.sleep(0.05)
    open(go, "w").close()
    out, _ = p.communicate(timeout=240)
    limpid.terminate()
    limpid.wait(20)
    return json.loads(out.strip().splitlines()[-1]), events.read(rec)


def sha(b):
    return hashlib.sha256(b).hexdigest()


def end_of(conns, **wanted):
    """The one connection with these attributes."""
    got = [c for c in conns if c.opens and all(getattr(c, k) == v for k, v in wanted.items())]
    return got[0] if len(got) == 1 else None


def one_sided(c, said):
    return (c.whole() and [len(c.bytes[WRITE]), len(c.bytes[READ])] == [said["sent"], said["received"]]
            and sha(c.bytes[WRITE]) == said["sent_sha"] and sha(c.bytes[READ]) == said["received_sha"])


def both(text, conns, path, said, sides, pids):
    a = end_of(conns, path=path, side=sides[0], tgid=pids[0])
    b = end_of(conns, path=path, side=sides[1], tgid=pids[1])
    if not a or not b:
        report(False, text, conns)
        return
    report(one_sided(a, said) and b.whole() and a.bytes[WRITE] == b.bytes[READ] and a.bytes[READ] == b.bytes[WRITE],
           f"{text}: every byte, at both ends", a, b, said)
    report(a.peer_cookie == b.cookie or b.peer_cookie == a.cookie, f"{text}: the ends know each other", a, b)
    report(all(c.l4 == UNIX and not c.late and c.how & END_ALL for c in (a, b)), f"{text}: begins and ends", a, b)


def unix():
    said, conns = recorded("unix", "unix_talk.py")
    pid = said["pid"]
    both("a path", conns, f"{TMP}/talk.sock".encode(), said["path"], (SERVER, CLIENT), (pid, said["path"]["client"]))
    both("an abstract name", conns, b"\0limpid-test-%d" % pid, said["abstract"], (SERVER, CLIENT),
         (pid, said["abstract"]["client"]))
    both("a socketpair", conns, b"", said["pair"], (UNKNOWN, UNKNOWN), (pid, said["pair"]["second"]))
    c = end_of(conns, path=f"{TMP}/talk.sock".encode(), side=CLIENT)
    report(c and c.peer_tgid == pid and c.peer_comm.startswith("python") and c.peer_cgroup == c.cgroup,
           "an end knows the process at the other end", c and c.opens)
    old = {c.side: c for c in conns if c.opens and c.path == f"{TMP}/before.sock".encode()}
    report(set(old) == {CLIENT, SERVER} and all(c.late and not c.missing[0] and not c.missing[1] for c in old.values())
           and old[CLIENT].bytes == [b"answered", b"said late"] == old[SERVER].bytes[::-1],
           "a connection from before is late, with both sides, and its bytes from then on", old)
    k = {c.side: c for c in conns if c.opens and c.path == f"{TMP}/killed.sock".encode()}
    report(set(k) == {CLIENT, SERVER} and all(c.how & END_ALL for c in k.values()), "a killed process ends its connections", k)
    late_ms = {s: (c.closed_ns - said["killed"]["killed_ns"]) / 1e6 for s, c in k.items() if c.closed_ns}
    report(CLIENT in late_ms and 0 < late_ms[CLIENT] < 2500, "within two and a half seconds", late_ms)
    report(SERVER in late_ms and 100 <= late_ms[SERVER] < 100 + 50 * (1 + (said["killed"]["closed_ns"] - said["killed"]["killed_ns"]) / 1e8),
           "a close of one of two descriptors is not the end, that of the last is", late_ms)
    report(not any(b"not a stream" in x for c in conns for x in c.bytes), "datagrams and packets of unix sockets are left alone")


def udp():
    said, conns = recorded("udp", "udp_traffic.py", "--udp", "all")
    for d, name in ((WRITE, "sent"), (READ, "received")):
        got = sorted([len(x), sha(x)[:16]] for c in conns for x in c.datagrams[d])
        report(got == sorted(said[name]), f"every datagram {name}, with its borders", len(got), len(said[name]), conns)
    report(all(c.l4 == events.UDP and c.tgid == said["pid"] and not c.jumps for c in conns) and len(conns) == 4,
           "one connection per socket and address", conns)
    report(sorted(c.lport for c in conns if c.side == SERVER) == sorted(said["ports"]), "who was asked is the server", conns)
    some, conns = recorded("udp-port", "udp_traffic.py", "--udp", "9")
    report(len(conns) == 4 and not any(c.moved != [0, 0] for c in conns), "other ports' datagrams are not copied", conns)


unix()
udp()
