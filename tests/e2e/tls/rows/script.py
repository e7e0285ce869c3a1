# SPDX-License-Identifier: Apache-2.0
"""script.py warm|all - the conversation, a line for each exchange:

	SEQ CONNECTION METHOD TARGET BYTES-SENT BYTES-ANSWERED STATUS

Exchanges of one connection are one after another in this order, but those of "pipe", whose requests go out in one
write where the client can, and the connections "conc..." exist at the same time.  The target says all that a server
has to know: ?method=&send=&answer=&status=.  A body is the target and a blank, repeated and cut.
"""
import sys

# Around the sizes of TLS records and of buffers.
SIZES = [0, 1, 100, 1460, 4096, 16383, 16384, 16385, 40000, 333]


def line(seq, connection, method, path, send, answer, status=200):
    target = f"{path}?method={method}&send={send}&answer={answer}&status={status}"
    print(seq, connection, method, target, send, answer, status)


def main():
    if sys.argv[1] == "warm":
        line("warm", "keep", "GET", "/warm", 0, 10)
        return
    for i in range(20):
        method, status = ("GET", "POST", "PUT", "DELETE")[i % 4], (200, 201, 404, 200, 500)[i % 5]
        send = SIZES[(i * 3 + 2) % 10] if method in ("POST", "PUT") else 0
        line(f"keep-{i}", "keep", method, f"/keep/{i}", send, SIZES[i % 10], status)
    line("big-0", "big", "POST", "/big/up", 5000000, 10)
    line("big-1", "big", "GET", "/big/down", 0, 5000000)
    line("big-2", "big", "GET", "/big/after", 0, 100)
    for i in range(8):
        line(f"pipe-{i}", "pipe", *(("POST", f"/pipe/{i}", 300) if i % 3 == 1 else ("GET", f"/pipe/{i}", 0)), 200 + 10 * i)
    for c in range(8):
        for i in range(5):
            line(f"conc{c}-{i}", f"conc{c}", "POST", f"/conc/{c}/{i}", 2000 + c, 3000 + i)


main()
