# SPDX-License-Identifier: Apache-2.0
"""read_world.py - what 37-read.sh captures: a server, a client, and what can happen to packets."""
import http.server
import json
import os
import pty
import socket
import ssl
import subprocess
import sys
import threading

LARGE = b"0123456789abcdef" * 25000


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *args):
        pass

    def answer(self, status, body, kind="text/plain"):
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        if self.path.startswith("/large"):
            self.answer(200, LARGE)
        elif self.path == "/chunked":
            self.send_response(200)
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            for part in (b"one ", b"two ", b"three"):
                self.wfile.write(b"%x\r\n%s\r\n" % (len(part), part))
            self.wfile.write(b"0\r\n\r\n")
        elif self.path == "/none":
            self.answer(404, b"there is no such thing")
        else:
            self.answer(200, b'{"path":"%s"}' % self.path.encode(), "application/json")

    def do_POST(self):
        self.answer(201, b"%d bytes" % len(self.rfile.read(int(self.headers["Content-Length"]))))


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    address_family = socket.AF_INET6

    def server_bind(self):
        self.socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        super().server_bind()


def serve(port, tls_port, cert, key):
    plain, secure = Server(("::", int(port)), Handler), Server(("::", int(tls_port)), Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    secure.socket = context.wrap_socket(secure.socket, server_side=True)
    threading.Thread(target=secure.serve_forever, daemon=True).start()
    plain.serve_forever()


def receive(s, want):
    got = b""
    while got.count(b"HTTP/1.1 ") < want or not got.endswith(b"}"):
        part = s.recv(65536)
        if not part:
            break
        got += part


def talk(port, tls_port):
    import http.client

    for host in ("127.0.0.1", "::1"):
        c = http.client.HTTPConnection(host, int(port), timeout=20)
        for i in range(5):
            c.request("GET", f"/item/{i}")
            c.getresponse().read()
        for path in ("/large", "/chunked", "/none"):
            c.request("GET", path)
            c.getresponse().read()
        c.request("POST", "/upload", LARGE[:100000])
        c.getresponse().read()
        c.close()
        s = socket.create_connection((host, int(port)))  # a pipeline
        s.sendall(b"".join(b"GET /pipe/%d HTTP/1.1\r\nHost: x\r\n\r\n" % i for i in range(3)))
        receive(s, 3)
        s.close()
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    with context.wrap_socket(socket.create_connection(("127.0.0.1", int(tls_port))), server_hostname="capture.test") as s:
        s.sendall(b"GET /secret HTTP/1.1\r\nHost: capture.test\r\nConnection: close\r\n\r\n")
        while s.recv(65536):
            pass
    for host in ("127.0.0.1", "::1"):
        c = http.client.HTTPConnection(host, int(port), timeout=20)
        c.request("GET", "/last")
        c.getresponse().read()
        c.close()


# --- what lines and captures do to packets, done to a real capture of Ethernet ------------------------------


def packets(path):
    with open(path, "rb") as f:
        data = f.read()
    at, out = 24, []
    while at + 16 <= len(data):
        n = int.from_bytes(data[at + 8:at + 12], "little")
        out.append((data[at:at + 8], data[at + 16:at + 16 + n]))
        at += 16 + n
    return data[:24], out


def write(path, head, out):
    with open(path, "wb") as f:
        f.write(head)
        for when, frame in out:
            f.write(when + len(frame).to_bytes(4, "little") * 2 + frame)


def reordered(out):
    """Neighbours of one direction change places, but for those of the handshake and the end; times stay in order."""
    frames = [frame for _, frame in out]
    for i in range(0, len(frames) - 1, 2):
        one, two = frames[i:i + 2]
        same = one[head_of(one):head_of(one) + 4] == two[head_of(two):head_of(two) + 4]
        if same and all(flags(f) & 7 == 0 and payload(f) for f in (one, two)):
            frames[i], frames[i + 1] = frames[i + 1], frames[i]
    return [(when, frame) for (when, _), frame in zip(out, frames)]


def ahead(out):
    """What a server says comes before what it answers, as when each direction has a queue of its own; times stay in order."""
    frames, moved = [frame for _, frame in out], 0
    for i in range(len(frames) - 1):
        one, two = frames[i:i + 2]
        a, b = head_of(one), head_of(two)
        if one[a:a + 2] == two[b + 2:b + 4] and payload(one) and payload(two) and not (flags(one) | flags(two)) & 7:
            frames[i], frames[i + 1] = two, one
            moved += 1
    assert moved > 10, f"only {moved} were moved"
    return [(when, frame) for (when, _), frame in zip(out, frames)]


def head_of(frame):
    """Where TCP begins."""
    return 14 + (40 if frame[12:14] == b"\x86\xdd" else 20)


def flags(frame):
    return frame[head_of(frame) + 13]


def payload(frame):
    at = head_of(frame)
    return frame[at + (frame[at + 12] >> 4) * 4:]


def fragmented(out):
    done = []
    for i, (when, frame) in enumerate(out):
        if frame[12:14] != b"\x08\x00" or len(frame) < 200:
            done.append((when, frame))
            continue
        ip, rest, pieces = bytearray(frame[14:34]), frame[34:], []
        for at in range(0, len(rest), 1480):
            piece = rest[at:at + 1480]
            ip[2:4] = (20 + len(piece)).to_bytes(2, "big")
            ip[4:6] = (i % 65536).to_bytes(2, "big")
            ip[6:8] = (at // 8 | (0x2000 if at + 1480 < len(rest) else 0)).to_bytes(2, "big")
            pieces.append((when, frame[:14] + bytes(ip) + piece))
        done += pieces[::-1] if i % 2 else pieces
    return done


def overlapping(out):
    """Each segment comes again, the second time with more in front of it: the first copy of a byte counts."""
    done, last = [], {}
    for when, frame in out:
        at, body = head_of(frame), payload(frame)
        done.append((when, frame))
        key = (frame[at - 20:at + 4], frame[:14])
        before = last.get(key)
        seq = int.from_bytes(frame[at + 4:at + 8], "big")
        if body and before and before[0] + len(before[1]) == seq and len(body) < 1000:
            wrong = b"?" * min(len(before[1]), 100)
            head = bytearray(frame[:len(frame) - len(body)])
            head[at + 4:at + 8] = (seq - len(wrong)).to_bytes(4, "big")
            size = len(head) - 14 + len(wrong) + len(body)
            if frame[12:14] == b"\x08\x00":
                head[16:18] = size.to_bytes(2, "big")
            else:
                head[18:20] = (size - 40).to_bytes(2, "big")
            done.append((when, bytes(head) + wrong + b"?" * len(body)))
        if body:
            last[key] = (seq, body)
    return done


def lossy(out, every, first):
    """One packet of so many is missing, if it says anything."""
    return [p for i, p in enumerate(out) if i % every != first or not payload(p[1])]


def flows(limpid, capture):
    """What was said, as text; not who, nor when."""
    told = subprocess.run([limpid, "read", "--json", capture], capture_output=True, text=True, check=True).stdout
    said = set()
    for line in told.splitlines():
        f = json.loads(line)
        if f["proto"] == "tls":  # a FIN that was sent with lost bytes counts as one of them
            f["request"]["body"] = f["response"]["body"] = None
        keys = ("proto", "state", "failed", "request", "response", "messages", "flags")
        said.add(json.dumps({key: f[key] for key in keys} | {"server": f["server"]["port"]}, sort_keys=True))
    return said


def losses(limpid, capture, target):
    """Each packet is missing in turn, then each so many of them: what differs from the whole says so."""
    head, out = packets(capture)
    whole = flows(limpid, capture)
    ways = [(f"packet {i}", out[:i] + out[i + 1:]) for i, p in enumerate(out) if payload(p[1])]
    ways += [(f"packets {first} and every {every}th", lossy(out, every, first)) for every in (5, 23) for first in range(every)]
    differ = 0
    for name, left in ways:
        write(target, head, left)
        other = flows(limpid, target) - whole
        differ += 1 if other else 0
        for f in other:
            assert json.loads(f)["flags"], f"without {name}: {f[:300]} ... {f[-200:]}"
    print(f"{len(ways)} losses, {differ} make a difference")
    assert differ > len(ways) // 2


def change(how, source, target):
    head, out = packets(source)
    changed = {
        "ahead": ahead,
        "reordered": reordered,
        "doubled": lambda o: [p for p in o for _ in (0, 1)],
        "tagged": lambda o: [(w, f[:12] + b"\x88\xa8\x00\x07\x81\x00\x00\x08" + f[12:]) for w, f in o],
        "fragmented": fragmented,
        "overlapping": overlapping,
        "lossy": lambda o: lossy(o, 23, 11),
    }[how](out)
    assert changed != out, "nothing was changed"
    write(target, head, changed)


def progress(limpid, capture):
    """Standard error is a terminal, standard output is not."""
    main, side = pty.openpty()
    child = subprocess.Popen([limpid, "read", capture], stdout=subprocess.DEVNULL, stderr=side)
    os.close(side)
    shown = b""
    while True:
        try:
            part = os.read(main, 4096)
        except OSError:
            break
        if not part:
            break
        shown += part
    assert child.wait() == 0
    assert b"% of 1" in shown and b"[#" in shown and b" flows" in shown, shown
    assert shown.endswith(b"\r\x1b[K"), shown[-40:]


def main():
    what, args = sys.argv[1], sys.argv[2:]
    {"serve": serve, "talk": talk, "change": change, "losses": losses, "progress": progress}[what](*args)


if __name__ == "__main__":
    main()
