#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The probed program comes to no harm: what is in its memory before and after, files that change below it, and Limpid
killed at any moment.  Prints TAP lines.

target.py LIMPID TMP"""
import glob
import hashlib
import json
import os
import random
import re
import shutil
import socket
import ssl
import subprocess
import sys
import time

LIMPID, TMP = sys.argv[1:3]
LIBS = "/usr/lib/x86_64-linux-gnu"
n_tests = 0

SERVER = r"""
import ssl, sys
import socket
c = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
c.load_cert_chain(sys.argv[1] + ".crt", sys.argv[1])
l = socket.create_server(("127.0.0.1", 0))
print(l.getsockname()[1], flush=True)
while True:
    s, _ = l.accept()
    try:
        with c.wrap_socket(s, server_side=True) as t:
            while q := t.recv(1000):
                body = q.split()[1]
                t.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))
    except OSError:
        pass
"""


def report(good, text, *notes):
    global n_tests
    n_tests += 1
    print(f"{'ok' if good else 'not ok'} {n_tests} - {text}", flush=True)
    if not good:
        for n in notes:
            print(f"# {str(n)[:700]}", flush=True)


def until(seconds, what):
    """seconds: what a quick machine could take; another one gets more."""
    end = time.monotonic() + 4 * seconds
    while not what():
        if time.monotonic() > end:
            return False
        time.sleep(0.05)
    return True


# --- the target ---------------------------------------------------------------------------------------------


class Target:
    """A server whose libssl is a file of its own."""

    def __init__(self, lib):
        env = dict(os.environ, LD_LIBRARY_PATH=lib)
        self.p = subprocess.Popen(["/usr/bin/python3", "-c", SERVER, f"{TMP}/pem"], env=env, stdout=subprocess.PIPE,
                                  stderr=subprocess.DEVNULL)
        self.lib = f"{lib}/libssl.so.3"
        self.port = int(self.p.stdout.readline())

    def works(self, target="/x"):
        c = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        c.check_hostname, c.verify_mode = False, ssl.CERT_NONE
        try:
            with socket.create_connection(("127.0.0.1", self.port), 5) as s, c.wrap_socket(s) as t:
                t.sendall(f"GET {target} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
                got = b""
                while target.encode() not in got:
                    piece = t.recv(1000)
                    if not piece:
                        return False
                    got += piece
                return True
        except OSError:
            return False

    def code(self):
        """Digest of all of the library's executable memory."""
        h = hashlib.sha256()
        with open(f"/proc/{self.p.pid}/maps", encoding="utf-8") as maps, open(f"/proc/{self.p.pid}/mem", "rb") as mem:
            for line in maps:
                if "r-xp" in line and self.lib in line:
                    a, b = (int(x, 16) for x in line.split()[0].split("-"))
                    mem.seek(a)
                    h.update(mem.read(b - a))
        return h.hexdigest()

    def maps_lib(self):
        with open(f"/proc/{self.p.pid}/maps", encoding="utf-8") as maps:
            return any(self.lib in line and "r-xp" in line for line in maps)

    def alive(self):
        return self.p.poll() is None

    def end(self):
        self.p.kill()
        self.p.wait()


def fresh_lib(name):
    lib = f"{TMP}/{name}"
    os.mkdir(lib)
    for f in ("libssl.so.3", "libcrypto.so.3"):
        shutil.copy(f"{LIBS}/{f}", lib)
    return lib


# --- Limpid ---------------------------------------------------------------------------------------------------


class Limpid:
    def __init__(self, pid, *args):
        self.out, self.err = f"{TMP}/limpid.out", f"{TMP}/limpid.err"
        with open(self.out, "wb") as o, open(self.err, "wb") as e:
            self.p = subprocess.Popen([LIMPID, "tail", "--json", "--log-level=debug", "--pid", str(pid), *args], stdout=o,
                                      stderr=e, stdin=subprocess.DEVNULL)

    def said(self, text):
        with open(self.err, "rb") as f:
            return text.encode() in f.read()

    def ready(self):
        return until(20, lambda: self.said("capturing")) and until(10, lambda: self.said("openssl 3"))

    def targets(self):
        with open(self.out, "rb") as f:
            return [json.loads(line)["request"]["target"] for line in f if line.endswith(b"\n") and b'"request":{' in line]

    def stop(self):
        self.p.terminate()
        return self.p.wait(20)

    def family(self):
        """Its processes: what it started, and what those started."""
        pids, found = {self.p.pid}, True
        while found:
            found = False
            for stat in glob.glob("/proc/[0-9]*/stat"):
                try:
                    with open(stat, encoding="utf-8", errors="replace") as f:
                        pid, rest = f.read().split(" ", 1)
                    ppid = int(rest.rsplit(")", 1)[1].split()[1])
                except OSError:
                    continue
                if ppid in pids and int(pid) not in pids:
                    pids.add(int(pid))
                    found = True
        return pids

    def kill(self):
        for pid in sorted(self.family()):
            if pid > 1 and pid != os.getpid():
                try:
                    os.kill(pid, 9)
                except ProcessLookupError:
                    pass
        self.p.wait()


def bpftool(*args):
    for tool in ("/usr/sbin/bpftool", "bpftool"):
        if shutil.which(tool):
            r = subprocess.run([tool, "-j", *args], capture_output=True, check=False)
            return json.loads(r.stdout or b"[]") if r.returncode == 0 else []
    return None


OURS = {"socket_state", "socket_gone", "socket_scan", "socket_enter", "socket_exit", "socket_enter_again", "socket_exit_again", "socket_enter_sure", "socket_exit_sure",
        "task_exec", "task_exit", "tls_enter",
        "tls_leave", "go_enter", "go_leave", "socket_verdict"}


def held():
    """Program and link ids by the process that has them open."""
    ids = {}
    for info in glob.glob("/proc/[0-9]*/fdinfo/*"):
        try:
            with open(info, encoding="utf-8", errors="replace") as f:
                found = re.findall(r"^(prog_id|link_id):\s*(\d+)", f.read(), re.M)
        except OSError:
            continue
        for what, n in found:
            ids.setdefault((what, int(n)), set()).add(int(info.split("/")[2]))
    return ids


def orphans():
    """Programs and links of Limpid that no process holds.  Those of other captures on this machine have an owner."""
    progs = {p["id"]: p["name"] for p in bpftool("prog", "show") if p.get("name") in OURS}
    links = [x for x in bpftool("link", "show") if x.get("prog_id") in progs]
    ids = held()
    return ([f"program {name}" for n, name in progs.items() if ("prog_id", n) not in ids] +
            [f"link to {progs[x['prog_id']]}" for x in links if ("link_id", x["id"]) not in ids])


def others(family=()):
    """Other captures that put probes on whatever they find."""
    probes = {p["id"] for p in bpftool("prog", "show") if p.get("name") in ("tls_enter", "tls_leave", "go_enter", "go_leave")}
    return {pid for (what, n), pids in held().items() if what == "prog_id" and n in probes for pid in pids} - set(family)


def alone(seconds=30):
    return until(seconds, lambda: not others())


def uprobe_events():
    for path in ("/sys/kernel/tracing/uprobe_events", "/sys/kernel/debug/tracing/uprobe_events"):
        try:
            with open(path, encoding="utf-8") as f:
                return f.read()
        except OSError:
            continue
    return ""


def leavings():
    """What Limpid could have left in the file system."""
    return sorted(glob.glob("/tmp/limpid*") + glob.glob("/sys/fs/cgroup/**/limpid*", recursive=True) +
                  glob.glob("/sys/fs/bpf/*limpid*") + glob.glob("/dev/shm/*limpid*"))


# --- the tests --------------------------------------------------------------------------------------------------


def probe_and_leave(t, perf):
    """Failures of one round; None: another capture came between."""
    if not alone():
        return None
    before, bad = t.code(), []
    if perf:
        os.environ["LIMPID_UPROBE_MULTI"] = "0"
    limpid = Limpid(t.p.pid)
    if not limpid.ready() or not t.works("/one") or not until(5, lambda: "/one" in limpid.targets()):
        bad.append("its calls are not seen")
    during = t.code()
    family = limpid.family()
    disturbed = others(family)
    if limpid.stop() != 0:
        bad.append("Limpid does not end with 0")
    os.environ.pop("LIMPID_UPROBE_MULTI", None)
    if during == before:
        bad.append("no probe was in its memory")
    if not until(3, lambda: t.code() == before):
        bad.append("its code is not as before")
    if not t.alive() or not t.works("/two"):
        bad.append("it does not work")
    return None if bad and (disturbed or others()) else bad


def memory(t):
    for perf in (False, True):
        text = f"{'perf uprobes' if perf else 'probes'}: every byte of its code is as before when they are gone"
        for _ in range(4):
            bad = probe_and_leave(t, perf)
            if bad is not None:
                break
        if bad is None:
            global n_tests
            n_tests += 1
            print(f"ok {n_tests} - {text} # SKIP other captures on this machine put probes on it", flush=True)
        else:
            report(not bad, text, *bad)


def killed(t):
    quiet = alone()
    before, events, files = t.code(), uprobe_events(), leavings()
    bad = []
    for i in range(10):
        limpid = Limpid(t.p.pid)
        time.sleep(random.choice((0.02, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.8)) if i < 8 else 1.5)
        t.works(f"/round{i}")
        limpid.kill()
        quiet = quiet and not others()
        if not until(8, lambda: t.code() == before) and quiet:
            bad.append(f"round {i}: the target's code is not as before")
        if not t.alive() or not t.works(f"/after{i}"):
            bad.append(f"round {i}: the target does not work")
            break
    report(not bad, "killed with SIGKILL at ten random moments: the target's memory is restored, and it works", *bad)
    report(until(10, lambda: not orphans()), "no program and no link is left in the kernel", orphans())
    report(uprobe_events() == events, "no event is left in tracefs", uprobe_events())
    report(leavings() == files, "no file and no cgroup is left", leavings())


def written_in_place():
    """cp over a library that is in use, as no package manager does."""
    t = Target(fresh_lib("inplace"))
    limpid = Limpid(t.p.pid)
    report(limpid.ready() and t.works("/before"), "a library of its own is attached")
    with open(t.lib, "r+b") as f:  # the same inode; harmless: its last byte, in the section headers
        f.seek(-1, 2)
        last = f.read(1)
        f.seek(-1, 2)
        f.write(last)
    report(until(2, lambda: limpid.said("was changed while it was in use")),
           "a library that is written to loses its probes at once, and that is said")
    report(until(5, lambda: "/before" in limpid.targets()) and t.works("/after"), "the program that uses it works on")
    t2 = Target(os.path.dirname(t.lib))
    # Another process, chosen by hand: it is a child of ours, not of the first.
    limpid.stop()
    limpid = Limpid(t2.p.pid)
    report(limpid.ready() and t2.works("/anew") and until(5, lambda: "/anew" in limpid.targets()),
           "who starts to use it now is decrypted")
    with open(t.lib, "r+b") as f:
        f.truncate(4096)
    report(until(2, lambda: limpid.said("was changed while it was in use")), "a library that is truncated loses its probes at once")
    report(limpid.stop() == 0, "and Limpid ends as it should")
    t.end()
    t2.end()


def renamed():
    """A package manager writes a new file and renames it over the old one."""
    lib = fresh_lib("renamed")
    t = Target(lib)
    limpid = Limpid(os.getpid())  # and the processes that it starts
    report(limpid.ready(), "a library is attached before it is replaced")
    shutil.copy(f"{LIBS}/libssl.so.3", f"{lib}/new")
    os.rename(f"{lib}/new", f"{lib}/libssl.so.3")
    t2 = Target(lib)
    good = t.works("/old") and t2.works("/new")
    report(good and until(5, lambda: {"/old", "/new"} <= set(limpid.targets())),
           "a library replaced by a rename: who has the old one and who has the new one are both decrypted", limpid.targets())
    report(not limpid.said("was changed while"), "and nothing was given up")
    limpid.stop()
    t.end()
    t2.end()


def lies():
    """A file whose symbols point anywhere: Limpid lives on, and the program too."""
    src, out = f"{TMP}/lie.c", f"{TMP}/lie"
    places = {"beyond the file": "0x7fffffff0", "a page of data": "data_page", "the ELF header": "0x40"}
    for name, where in places.items():
        with open(src, "w", encoding="utf-8") as f:
            f.write('__attribute__((aligned(4096))) char data_page[4096] = {1};\n'
                    f'__asm__(".globl SSL_read\\n.type SSL_read, @function\\n.set SSL_read, {where}\\n");\n'
                    'int puts(const char *); unsigned sleep(unsigned);\n'
                    'int main(void) { for (int i = 0; i < 100; i++) sleep(1); return 0; }\n')
        r = subprocess.run(["gcc", "-w", "-rdynamic", src, "-o", out], capture_output=True, check=False)
        if r.returncode:
            report(False, f"a symbol that points at {name}: the liar is built", r.stderr)
            continue
        p = subprocess.Popen([out])
        limpid = Limpid(p.pid)
        told = until(20, lambda: limpid.said("capturing"))
        time.sleep(0.5)
        report(told and limpid.p.poll() is None and p.poll() is None and limpid.stop() == 0,
               f"a symbol that points at {name} harms nobody")
        p.kill()
        p.wait()


subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=a",
                "-keyout", f"{TMP}/pem", "-out", f"{TMP}/pem.crt", "-days", "2"], check=True, capture_output=True)
os.chmod(f"{TMP}/pem", 0o644)
main = Target(fresh_lib("lib"))
if not main.maps_lib():
    print("ok 1 - the target # SKIP this python does not take libssl from LD_LIBRARY_PATH")
    main.end()
    sys.exit(0)
try:
    memory(main)
    killed(main)
finally:
    main.end()
written_in_place()
renamed()
lies()
print(f"1..{n_tests}")
