# SPDX-License-Identifier: Apache-2.0
"""aio.py client|server - the conversation of ../script.py by asyncio's streams, which give OpenSSL memory and not a socket."""
import asyncio
import os
import ssl
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), ".."))
import talk


async def read_message(r):
    """(first line, headers, body), or None at the end of the stream"""
    head = (await r.readuntil(b"\r\n\r\n")).decode("latin-1")
    first, *lines = head.strip().split("\r\n")
    headers = {k.lower(): v.strip() for k, _, v in (line.partition(":") for line in lines)}
    return first, headers, await r.readexactly(int(headers.get("content-length", 0)))


async def connection(steps):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    r, w = await asyncio.open_connection("127.0.0.1", int(os.environ["PORT"]), ssl=context)
    requests = [talk.request(os.environ["ROW"], seq, m, t, n) for seq, _, m, t, n, _, _ in steps]
    if steps[0][1] == "pipe":
        w.write(b"".join(requests))
    for step, request in zip(steps, requests):
        if step[1] != "pipe":
            w.write(request)
            await w.drain()
        talk.check_answer(step, await read_message(r))
    w.close()


async def client():
    connections = talk.by_connection(os.environ["SCRIPT"])
    for name, steps in connections.items():
        if not name.startswith("conc"):
            await connection(steps)
    await asyncio.gather(*(connection(s) for n, s in connections.items() if n.startswith("conc")))


async def serve(r, w):
    try:
        while True:
            first, headers, got = await read_message(r)
            target = first.split()[1]
            assert got == talk.body(target, int(talk.query(target)["send"])), first
            w.write(talk.answer(target, headers["x-seq"]))
            await w.drain()
    except (asyncio.IncompleteReadError, ConnectionError, ssl.SSLError):
        w.close()


async def server():
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(os.environ["CERT"], os.environ["KEY"])
    s = await asyncio.start_server(serve, "127.0.0.1", int(os.environ["PORT"]), ssl=context, backlog=128)
    await s.serve_forever()


asyncio.run(client() if sys.argv[1] == "client" else server())
