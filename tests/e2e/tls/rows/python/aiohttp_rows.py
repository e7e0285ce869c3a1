# SPDX-License-Identifier: Apache-2.0
"""aiohttp_rows.py client|server - the conversation of ../script.py by aiohttp.  It does not pipeline as a client."""
import asyncio
import os
import ssl
import sys

import aiohttp
from aiohttp import web

sys.path.insert(0, os.path.join(os.path.dirname(__file__), ".."))
import talk


async def connection(steps):
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=1, ssl=False)) as s:
        for seq, _, method, target, n, answer, status in steps:
            data = talk.body(target, n) if method in ("POST", "PUT") else None
            async with s.request(method, f"https://127.0.0.1:{os.environ['PORT']}{target}", data=data,
                                 headers={"X-Row": os.environ["ROW"], "X-Seq": seq}) as r:
                got = await r.read()
                assert (r.status, r.headers["X-Echo"]) == (status, seq), (seq, r.status, r.headers)
                assert got == talk.body(target, answer), (seq, len(got))


async def client():
    connections = talk.by_connection(os.environ["SCRIPT"])
    for name, steps in connections.items():
        if not name.startswith("conc"):
            await connection(steps)
    await asyncio.gather(*(connection(s) for n, s in connections.items() if n.startswith("conc")))


async def answer(request):
    want, got = talk.query(request.raw_path), await request.read()
    assert got == talk.body(request.raw_path, int(want["send"])), request.raw_path
    return web.Response(status=int(want["status"]), headers={"X-Echo": request.headers["X-Seq"]},
                        body=talk.body(request.raw_path, int(want["answer"])))


def server():
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(os.environ["CERT"], os.environ["KEY"])
    app = web.Application(client_max_size=1 << 24)
    app.router.add_route("*", "/{rest:.*}", answer)
    web.run_app(app, host="127.0.0.1", port=int(os.environ["PORT"]), ssl_context=context, access_log=None)


if sys.argv[1] == "client":
    asyncio.run(client())
else:
    server()
