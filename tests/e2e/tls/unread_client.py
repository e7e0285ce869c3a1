# A TLS client of GnuTLS, which Limpid does not read: connects, then sends and receives when told over standard input.
# python3 unread_client.py gnutls PORT     with GnuTLS (loaded by ctypes: nothing has to be built)
# python3 unread_client.py serve PORT CERT KEY     the server, with OpenSSL
import ctypes
import os
import socket
import sys
import threading

ANSWER = 5000


def serve(port, cert, key):
    import ssl
    ctx = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ctx.load_cert_chain(cert, key)
    ctx.set_alpn_protocols(["http/1.1"])
    s = socket.create_server(("127.0.0.1", port))
    print("listening", flush=True)

    def one(k):
        try:
            with ctx.wrap_socket(k, server_side=True) as t:
                while t.recv(65536):
                    t.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % ANSWER + b"x" * ANSWER)
        except OSError:
            pass

    while True:
        threading.Thread(target=one, args=(s.accept()[0],), daemon=True).start()


class Gnutls:
    def __init__(self, sock, name, priority):
        g = self.g = ctypes.CDLL("libgnutls.so.30")
        g.gnutls_record_send.restype = g.gnutls_record_recv.restype = ctypes.c_ssize_t
        self.sock = sock
        self.session = ctypes.c_void_p()
        self.cred = ctypes.c_void_p()
        self.must(g.gnutls_certificate_allocate_credentials(ctypes.byref(self.cred)))
        self.must(g.gnutls_init(ctypes.byref(self.session), 2))  # GNUTLS_CLIENT
        self.must(g.gnutls_priority_set_direct(self.session, priority, None))
        self.must(g.gnutls_credentials_set(self.session, 1, self.cred))
        self.must(g.gnutls_server_name_set(self.session, 1, name, len(name)))

        class Datum(ctypes.Structure):
            _fields_ = [("data", ctypes.c_char_p), ("size", ctypes.c_uint)]
        protocols = (Datum * 2)(Datum(b"h2", 2), Datum(b"http/1.1", 8))
        self.must(g.gnutls_alpn_set_protocols(self.session, protocols, 2, 0))
        g.gnutls_transport_set_int2(self.session, sock.fileno(), sock.fileno())
        self.must(g.gnutls_handshake(self.session))

    def must(self, rc):
        if rc < 0:
            sys.exit("gnutls: %d" % rc)

    def talk(self):
        request = b"GET / HTTP/1.1\r\nHost: shop.example\r\n\r\n"
        self.must(self.g.gnutls_record_send(self.session, request, len(request)))
        got, buf = 0, ctypes.create_string_buffer(65536)
        while got < ANSWER:
            n = self.g.gnutls_record_recv(self.session, buf, len(buf))
            if n == -28:  # GNUTLS_E_AGAIN: a session ticket came
                continue
            self.must(n)
            got += n


def main():
    if sys.argv[1] == "serve":
        serve(int(sys.argv[2]), *sys.argv[3:])
    versions = iter(("NORMAL:-VERS-ALL:+VERS-TLS1.3", "NORMAL:-VERS-ALL:+VERS-TLS1.2"))
    t = None
    print("ready", os.getpid(), flush=True)
    for line in sys.stdin:
        if line == "connect\n":
            s = socket.create_connection(("127.0.0.1", int(sys.argv[2])))
            t = Gnutls(s, b"shop.example", next(versions).encode())
        elif line == "talk\n":
            t.talk()
        elif line == "close\n":
            t.sock.close()
        print("done", flush=True)


main()
