"""HTTPS by Python: web.py plain|asyncio|aiohttp server PORT CERT KEY, or ... client PORT CONNECTIONS REQUESTS,
or web.py asyncio both PORT CERT KEY CONNECTIONS REQUESTS: the two in one process.

Every request is a POST with 300 bytes that no other request has, every answer has its body.  asyncio and aiohttp give OpenSSL
memory BIOs.  plain does not; it is the other end of programs that cannot say what they sent, and says so in their place, when a
connection ends (asyncio says it of itself; aiohttp nothing):
    peer PID LOCALPORT REMOTEPORT sent BYTES SHA256 received BYTES SHA256
where PID is `other`, and the rest what the other end would say.
"""
import asyncio
import hashlib
import os
import signal
import socket
import ssl
import sys
import threading


class Count:
    def __init__(self):
        self.n, self.h = [0, 0], [hashlib.sha256(), hashlib.sha256()]

    def add(self, i, b):
        self.n[i] += len(b)
        self.h[i].update(b)
        return b

    def tell(self, who, lp, rp, sent, received):
        out = f"peer {who} {lp} {rp} sent {self.n[sent]} {self.h[sent].hexdigest()} received {self.n[received]} {self.h[received].hexdigest()}\n"
        os.write(1, out.encode())  # at once, of threads too


def body(conn, nr):
    return (b"%d/%d " % (conn, nr)).ljust(300, bytes([65 + (conn * 7 + nr) % 26]))


def message(first, b):
    return b"%s\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n%s" % (first, len(b), b)


def length(head):
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            return int(line.split(b":")[1])
    return 0


def context(cert=None, key=None):
    c = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER if cert else ssl.PROTOCOL_TLS_CLIENT)
    if cert:
        c.load_cert_chain(cert, key)
    else:
        c.check_hostname, c.verify_mode = False, ssl.CERT_NONE
    return c


# --- plain ---
def read_message(s, count, buf):
    while b"\r\n\r\n" not in buf:
        b = s.recv(65536)
        if not b:
            return None, b""
        buf += count.add(1, b)
    head, _, rest = buf.partition(b"\r\n\r\n")
    while len(rest) < length(head):
        rest += count.add(1, s.recv(65536))
    n = length(head)
    return rest[:n], rest[n:]


def plain_serve(raw, ctx):
    count, buf = Count(), b""
    try:
        s = ctx.wrap_socket(raw, server_side=True)
        ports = s.getsockname()[1], s.getpeername()[1]
        while True:
            b, buf = read_message(s, count, buf)
            if b is None:
                break
            s.sendall(count.add(0, message(b"HTTP/1.1 200 OK", b)))
        count.tell("other", ports[1], ports[0], 1, 0)
        s.close()
    except OSError as e:
        print(e, file=sys.stderr)


def plain_server(port, cert, key):
    ctx, l = context(cert, key), socket.create_server(("127.0.0.1", port), backlog=200)
    print("listening", flush=True)
    while True:
        threading.Thread(target=plain_serve, args=(l.accept()[0], ctx), daemon=True).start()


def plain_client(port, conns, requests):
    ctx = context()
    ends = [(ctx.wrap_socket(socket.create_connection(("127.0.0.1", port))), Count()) for _ in range(conns)]
    for nr in range(requests):
        for i, (s, count) in enumerate(ends):
            s.sendall(count.add(0, message(b"POST /%d HTTP/1.1" % nr, body(i, nr))))
        for i, (s, count) in enumerate(ends):
            b, _ = read_message(s, count, b"")
            assert b == body(i, nr)
    for s, count in ends:
        ports = s.getsockname()[1], s.getpeername()[1]
        s.close()
        count.tell("other", ports[1], ports[0], 1, 0)


# --- asyncio ---
async def read_async(r, count):
    head = count.add(1, await r.readuntil(b"\r\n\r\n"))
    return count.add(1, await r.readexactly(length(head)))


async def asyncio_serve(r, w):
    count = Count()
    ports = w.get_extra_info("sockname")[1], w.get_extra_info("peername")[1]
    try:
        while True:
            w.write(count.add(0, message(b"HTTP/1.1 200 OK", await read_async(r, count))))
            await w.drain()
    except (asyncio.IncompleteReadError, ConnectionError):
        pass
    count.tell(os.getpid(), *ports, 0, 1)
    w.close()


async def asyncio_server(port, cert, key):
    s = await asyncio.start_server(asyncio_serve, "127.0.0.1", port, ssl=context(cert, key))
    print("listening", flush=True)
    await s.serve_forever()


async def asyncio_client(port, conns, requests):
    ends = []
    for _ in range(conns):
        ends.append((*await asyncio.open_connection("127.0.0.1", port, ssl=context()), Count()))
    for nr in range(requests):
        for i, (r, w, count) in enumerate(ends):
            w.write(count.add(0, message(b"POST /%d HTTP/1.1" % nr, body(i, nr))))
        for i, (r, w, count) in enumerate(ends):
            assert await read_async(r, count) == body(i, nr)
    for r, w, count in ends:
        count.tell(os.getpid(), w.get_extra_info("sockname")[1], w.get_extra_info("peername")[1], 0, 1)
        w.close()


async def asyncio_both(port, cert, key, conns, requests):
    server = asyncio.create_task(asyncio_server(port, cert, key))
    await asyncio.sleep(0.2)
    print("ready", flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.readline)
    await asyncio_client(port, int(conns), int(requests))
    await asyncio.sleep(0.5)
    server.cancel()


# --- aiohttp ---
async def aiohttp_server(port, cert, key):
    from aiohttp import web

    async def answer(request):
        return web.Response(body=await request.read())

    app = web.Application()
    app.router.add_post("/{nr}", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port, ssl_context=context(cert, key)).start()
    print("listening", flush=True)
    await asyncio.Event().wait()


async def aiohttp_client(port, conns, requests):
    import aiohttp

    ctx = context()
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=conns, ssl=ctx)) as session:

        async def one(i):
            for nr in range(requests):
                async with session.post(f"https://127.0.0.1:{port}/{nr}", data=body(i, nr)) as r:
                    assert await r.read() == body(i, nr)

        await asyncio.gather(*[one(i) for i in range(conns)])


signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
run = globals()[f"{sys.argv[1]}_{sys.argv[2]}"]
args = (int(sys.argv[3]), *([int(a) for a in sys.argv[4:]] if sys.argv[2] == "client" else sys.argv[4:]))
if asyncio.iscoroutinefunction(run):
    try:
        asyncio.run(run(*args))
    except asyncio.CancelledError:
        pass
else:
    run(*args)
