# SPDX-License-Identifier: Apache-2.0
"""The server of ../script.py by http.server: a thread a connection, the head and the body of an answer written apart."""
import http.server
import os
import ssl
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), ".."))
import talk


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self):
        want = talk.query(self.path)
        got = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        assert got == talk.body(self.path, int(want["send"])), self.path
        payload = talk.body(self.path, int(want["answer"]))
        self.send_response(int(want["status"]))
        self.send_header("X-Echo", self.headers["X-Seq"])
        self.send_header("Content-Length", str(len(payload)))
        self.end_headers()
        self.wfile.write(payload)

    do_GET = do_POST = do_PUT = do_DELETE = answer


class Server(http.server.ThreadingHTTPServer):
    request_queue_size = 128

    def finish_request(self, request, client_address):  # the handshake in the connection's thread
        with context.wrap_socket(request, server_side=True) as s:
            self.RequestHandlerClass(s, client_address, self)


context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(os.environ["CERT"], os.environ["KEY"])
Server(("127.0.0.1", int(os.environ["PORT"])), Handler).serve_forever()
