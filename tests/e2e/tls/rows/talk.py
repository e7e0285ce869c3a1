# SPDX-License-Identifier: Apache-2.0
"""talk.py server|client - one end of the conversation of ../rows, by Python's ssl on blocking sockets.

It is the other end of every row, and a row itself.  Environment: PORT, SCRIPT (see script.py), ROW; CERT, KEY of a
server.  Both check what they are told; with LOG=FILE they append a line for each exchange: ROW SEQ CLIENT-PORT.
With PLAIN=PATH it is plain HTTP on that unix socket, for a proxy that does the TLS.
"""
import os
import socket
import ssl
import sys
import threading

LOG = os.open(os.environ["LOG"], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644) if "LOG" in os.environ else None


def body(target, n):
    unit = target.encode() + b" "
    return (unit * (n // len(unit) + 1))[:n]


def script(path):
    """[(seq, connection, method, target, bytes to send, bytes of the answer, status)]"""
    with open(path, encoding="ascii") as f:
        return [(s, c, m, t, int(n), int(a), int(st)) for s, c, m, t, n, a, st in (line.split() for line in f)]


def read_message(f):
    """(first line, headers, body), or None at the end of the stream"""
    first = f.readline()
    if not first:
        return None
    headers = {}
    while (line := f.readline().strip()):
        name, _, value = line.decode("latin-1").partition(":")
        headers[name.lower()] = value.strip()
    if headers.get("transfer-encoding") == "chunked":
        parts = []
        while (n := int(f.readline(), 16)):
            parts.append(f.read(n))
            f.readline()
        f.readline()
        return first.decode("latin-1").strip(), headers, b"".join(parts)
    return first.decode("latin-1").strip(), headers, f.read(int(headers.get("content-length", 0)))


def log(row, seq, port):
    if LOG is not None:
        os.write(LOG, f"{row} {seq} {port}\n".encode())


def request(row, seq, method, target, n):
    head = f"{method} {target} HTTP/1.1\r\nHost: localhost\r\nX-Row: {row}\r\nX-Seq: {seq}\r\n"
    if method in ("POST", "PUT"):
        head += f"Content-Length: {n}\r\n"
    return head.encode() + b"\r\n" + body(target, n)


def check_answer(step, message):
    seq, _, _, target, _, answer, status = step
    first, headers, got = message
    assert int(first.split()[1]) == status, (seq, first)
    assert headers.get("x-echo") == seq, (seq, headers)
    assert got == body(target, answer), (seq, len(got), answer)


def connect(port):
    if "PLAIN" in os.environ:
        s = socket.socket(socket.AF_UNIX)
        s.connect(os.environ["PLAIN"])
    else:
        s = socket.create_connection(("127.0.0.1", port))
        s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    s.settimeout(60)
    return s


def talk(context, port, row, steps):
    """One connection; all requests in one write when it is the one that pipelines."""
    with connect(port) as plain:
        with (context.wrap_socket(plain, server_hostname="localhost") if context else plain) as s:
            mine, f = s.getsockname()[1] if context else 0, s.makefile("rb")
            requests = [request(row, seq, m, t, n) for seq, _, m, t, n, _, _ in steps]
            if steps[0][1] == "pipe":
                s.sendall(b"".join(requests))
            for step, r in zip(steps, requests):
                if step[1] != "pipe":
                    s.sendall(r)
                check_answer(step, read_message(f))
                log(row, step[0], mine)
            s.settimeout(5)
            try:
                if context:
                    s.unwrap()
            except (OSError, ValueError):
                pass  # not every server says farewell


def by_connection(path):
    ret = {}
    for step in script(path):
        ret.setdefault(step[1], []).append(step)
    return ret


def connections(path, one):
    """one(steps) for each connection of the script: those that are to exist at the same time in threads."""
    failed, threads = [], []

    def guarded(steps):
        try:
            one(steps)
        except Exception as e:  # a thread's exception would be only printed
            failed.append(f"{steps[0][1]}: {type(e).__name__} {e}")

    for name, steps in by_connection(path).items():
        if name.startswith("conc"):
            threads.append(threading.Thread(target=guarded, args=(steps,)))
        else:
            guarded(steps)
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    if failed:
        sys.exit("\n".join(failed))


def client(port, path, row):
    context = None
    if "PLAIN" not in os.environ:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    connections(path, lambda steps: talk(context, port, row, steps))


def query(target):
    return dict(p.split("=") for p in target.partition("?")[2].split("&"))


def answer(target, seq):
    fields = query(target)
    payload = body(target, int(fields["answer"]))
    head = f"HTTP/1.1 {fields['status']} Fine\r\nX-Echo: {seq}\r\nContent-Length: {len(payload)}\r\n"
    return head.encode() + b"Content-Type: text/plain\r\n\r\n" + payload


def serve_one(context, plain, port):
    try:
        plain.settimeout(60)
        if context:
            plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with (context.wrap_socket(plain, server_side=True) if context else plain) as s:
            f = s.makefile("rb")
            while (message := read_message(f)):
                first, headers, got = message
                method, target, _ = first.split()
                fields = query(target)
                seq, row = headers.get("x-seq", "?"), headers.get("x-row", "?")
                if got == body(target, int(fields["send"])) and method == fields["method"]:
                    log(row, seq, port)
                else:
                    log(row, seq + "-damaged", port)
                s.sendall(answer(target, seq))
    except (OSError, ValueError) as e:
        print(f"{port}: {e}", file=sys.stderr)


def server(port):
    context, path = None, os.environ.get("PLAIN")
    if path is None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(os.environ["CERT"], os.environ["KEY"])
        listener = socket.create_server(("127.0.0.1", port), backlog=128)
    else:
        listener = socket.create_server(path, family=socket.AF_UNIX, backlog=128)
    with listener:
        while True:
            s, peer = listener.accept()
            theirs = peer[1] if path is None else 0
            threading.Thread(target=serve_one, args=(context, s, theirs), daemon=True).start()


if __name__ == "__main__":
    if sys.argv[1] == "server":
        server(int(os.environ["PORT"]))
    else:
        client(int(os.environ["PORT"]), os.environ["SCRIPT"], os.environ["ROW"])
