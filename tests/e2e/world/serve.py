# SPDX-License-Identifier: Apache-2.0
"""serve.py KIND PORT [ADDRESS] - servers that hand their connections on in the ways that servers do.

Each answers a request of HTTP/1.1 with the pid of the process that writes the answer, and goes on with the
connection until it ends.  Ends when its standard input does."""
import array
import os
import signal
import socket
import sys
import threading


def answer(conn):
    got = b""
    while True:
        while b"\r\n\r\n" not in got:
            more = conn.recv(65536)
            if not more:
                conn.close()
                return
            got += more
        got = got.split(b"\r\n\r\n", 1)[1]
        body = b"%d\n" % os.getpid()
        conn.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))


def forked(fn, *args):
    if os.fork() == 0:
        fn(*args)
        os._exit(0)


def accept_all(listener):
    while True:
        answer(listener.accept()[0])


def prefork(listener):
    for _ in range(3):
        forked(accept_all, listener)


def named(conn):
    with open(f"/proc/self/task/{threading.get_native_id()}/comm", "w") as f:
        f.write("worker-7")
    answer(conn)


def threads(listener):
    """One thread accepts, others serve, under names of their own."""
    def loop():
        while True:
            conn = listener.accept()[0]
            threading.Thread(target=named, args=(conn,), daemon=True).start()

    threading.Thread(target=loop, daemon=True).start()


def fork(listener):
    def loop():
        while True:
            conn = listener.accept()[0]
            forked(answer, conn)
            conn.close()

    forked(loop)


def dup(listener):
    def loop():
        while True:
            conn = listener.accept()[0]
            again = socket.socket(fileno=os.dup(conn.fileno()))
            conn.close()
            answer(again)

    forked(loop)


def passed(listener):
    """One process accepts and gives the descriptor away over a unix socket; another one serves."""
    here, there = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)

    def give():
        while True:
            conn = listener.accept()[0]
            here.sendmsg([b"x"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [conn.fileno()]))])
            conn.close()

    def take():
        while True:
            anc = there.recvmsg(1, socket.CMSG_SPACE(4))[1]
            fd = array.array("i")
            fd.frombytes(anc[0][2][:4])
            answer(socket.socket(fileno=fd[0]))

    forked(give)
    forked(take)


def inetd(listener):
    """The connection becomes the standard input and output of a program that is executed."""
    def loop():
        while True:
            conn = listener.accept()[0]
            if os.fork() == 0:
                os.dup2(conn.fileno(), 0)
                os.dup2(conn.fileno(), 1)
                os.execv("/bin/bash", ["served", "-c", r"""
                    while IFS= read -r line; do
                        [ "$line" = $'\r' ] || continue
                        printf 'HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s\n' $((${#$} + 1)) $$
                    done"""])
            conn.close()

    forked(loop)


def main():
    kind, port = sys.argv[1], int(sys.argv[2])
    address = sys.argv[3] if len(sys.argv) > 3 else "127.0.0.1"
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if address == "::":
        listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
    listener.bind((address, port))
    listener.listen(16)
    os.setpgid(0, 0)
    group = os.getpid()

    def end(*_):
        os.killpg(group, signal.SIGKILL)  # its own, which it made

    signal.signal(signal.SIGTERM, lambda *_: end() if os.getpid() == group else os._exit(0))
    kinds = {"prefork": prefork, "threads": threads, "fork": fork, "dup": dup, "passed": passed, "inetd": inetd}
    kinds[kind](listener)
    listener.close() if kind not in ("threads",) else None
    print("listening", flush=True)
    sys.stdin.read()
    end()


main()
