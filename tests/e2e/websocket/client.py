# SPDX-License-Identifier: Apache-2.0
"""client.py URL HOLD-SECONDS - Python's websockets, with permessage-deflate and context takeover."""
import asyncio
import ssl
import sys

import websockets

url, hold = sys.argv[1], float(sys.argv[2])


async def main():
    tls = None
    if url.startswith("wss:"):
        tls = ssl.create_default_context()
        tls.check_hostname = False
        tls.verify_mode = ssl.CERT_NONE
    async with websockets.connect(url, ssl=tls, max_size=None) as ws:
        async def talk(what):
            await ws.send(what)
            got = await ws.recv()
            assert got == what, got

        for i in range(5):
            await talk('{"type":"price","symbol":"ABC","value":%d}' % i)
        await talk(bytes(range(256)))
        await talk("x" * 200000)
        await (await ws.ping(b"here"))
        await asyncio.sleep(hold)
        await ws.send(iter(["in ", "three ", "fragments"]))
        assert await ws.recv() == "in three fragments"
        await ws.close(1000, "bye")


asyncio.run(main())
