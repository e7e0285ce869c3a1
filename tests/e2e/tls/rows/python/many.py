# SPDX-License-Identifier: Apache-2.0
"""many.py client|server - the conversation of ../script.py with all connections at once on one thread: non-blocking
sockets in a selector, so calls about different connections alternate and many of them find nothing."""
import os
import selectors
import socket
import ssl
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), ".."))
import talk

selector = selectors.DefaultSelector()
left = 0


class Connection:
    """Bytes that wait to be written, bytes that wait to be understood; what() is called for each whole message."""

    def __init__(self, s, what, at_end):
        self.s, self.what, self.at_end, self.out, self.have, self.ready = s, what, at_end, b"", bytearray(), False
        selector.register(s, selectors.EVENT_READ | selectors.EVENT_WRITE, self)

    def send(self, data):
        self.out += data
        self.go()

    def go(self):
        events = selectors.EVENT_READ
        try:
            if not self.ready:
                events = selectors.EVENT_READ | selectors.EVENT_WRITE
                self.s.do_handshake()
                self.ready = True
            self.write()
            self.read()
        except ssl.SSLWantReadError:
            events = selectors.EVENT_READ
        except ssl.SSLWantWriteError:
            events = selectors.EVENT_READ | selectors.EVENT_WRITE
        except (ConnectionError, ssl.SSLError, EOFError):
            selector.unregister(self.s)
            self.s.close()
            self.at_end()
            return
        selector.modify(self.s, events | (selectors.EVENT_WRITE if self.out else 0), self)

    def write(self):
        while self.out:
            self.out = self.out[self.s.send(self.out):]

    def read(self):
        while True:
            data = self.s.recv(65536)
            if not data:
                raise EOFError
            self.have += data
            while (message := self.message()):
                self.what(self, *message)
            self.write()

    def message(self):
        """(first line, headers, body) once it is whole"""
        end = self.have.find(b"\r\n\r\n")
        if end < 0:
            return None
        first, *lines = self.have[:end].decode("latin-1").split("\r\n")
        headers = {k.lower(): v.strip() for k, _, v in (line.partition(":") for line in lines)}
        n = end + 4 + int(headers.get("content-length", 0))
        if len(self.have) < n:
            return None
        body = bytes(self.have[end + 4:n])
        del self.have[:n]
        return first, headers, body


def non_blocking(context, plain, **how):
    plain.setblocking(False)
    plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return context.wrap_socket(plain, do_handshake_on_connect=False, suppress_ragged_eofs=True, **how)


def client():
    global left
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    connections = talk.by_connection(os.environ["SCRIPT"])
    left = len(connections)

    def start(steps):
        todo = [talk.request(os.environ["ROW"], seq, m, t, n) for seq, _, m, t, n, _, _ in steps]
        answers = iter(steps)
        remaining = len(steps)

        def answered(c, *message):
            nonlocal remaining
            global left
            talk.check_answer(next(answers), message)
            remaining -= 1
            if remaining == 0:
                left -= 1
                raise EOFError
            if todo:
                c.out += todo.pop(0)

        def ended():
            if remaining:
                sys.exit(f"{steps[0][1]}: closed, {remaining} answers are missing")

        s = non_blocking(context, socket.create_connection(("127.0.0.1", int(os.environ["PORT"]))))
        c = Connection(s, answered, ended)
        c.out = b"".join(todo) if steps[0][1] == "pipe" else todo.pop(0)
        if steps[0][1] == "pipe":
            todo.clear()

    for steps in connections.values():
        start(steps)


def server():
    global left
    left = 1
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(os.environ["CERT"], os.environ["KEY"])

    def asked(c, first, headers, body):
        target = first.split()[1]
        assert body == talk.body(target, int(talk.query(target)["send"])), first
        c.out += talk.answer(target, headers["x-seq"])

    listener = socket.create_server(("127.0.0.1", int(os.environ["PORT"])), backlog=128)
    selector.register(listener, selectors.EVENT_READ, lambda: Connection(
        non_blocking(context, listener.accept()[0], server_side=True), asked, lambda: None))


if sys.argv[1] == "client":
    client()
else:
    server()
while left:
    for key, _ in selector.select(60):
        key.data.go() if isinstance(key.data, Connection) else key.data()
