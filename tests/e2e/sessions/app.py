# SPDX-License-Identifier: Apache-2.0
"""app.py PORT - hypercorn, which speaks HTTP/1.1, HTTP/2 by prior knowledge, and WebSocket over both."""
import asyncio
import sys

import hypercorn.asyncio
import hypercorn.config


async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        for kind in ("startup", "shutdown"):
            await receive()
            await send({"type": f"lifespan.{kind}.complete"})
        return
    if scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.accept"})
        while (event := await receive())["type"] == "websocket.receive":
            await send({"type": "websocket.send", "text": event.get("text"), "bytes": event.get("bytes")})
        return
    body, more = b"", True
    while more:
        event = await receive()
        body, more = body + event.get("body", b""), event.get("more_body", False)
    status = 404 if scope["path"] == "/none" else 200
    answer = body or (b"0123456789abcdef" * 12500 if scope["path"] == "/large" else b'{"path":"%s"}' % scope["path"].encode())
    await send({"type": "http.response.start", "status": status, "headers": [(b"content-type", b"application/json")]})
    await send({"type": "http.response.body", "body": answer})


config = hypercorn.config.Config()
config.bind = [f"127.0.0.1:{sys.argv[1]}"]
asyncio.run(hypercorn.asyncio.serve(app, config))
