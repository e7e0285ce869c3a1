# SPDX-License-Identifier: Apache-2.0
"""shop.py api|stock|push|visit - the programs of a small shop, for tools/make-samples.

Everything that is said is made up, also what looks like a secret.  Expects talk_pb2 (tests/e2e/grpc/talk.proto) beside it."""
import asyncio
import concurrent.futures
import json
import subprocess
import sys
import time

sys.path.insert(0, "/shop")


def serve_stock():
    import grpc
    import talk_pb2 as pb

    def reserve(ask, context):
        if ask.count > 20:
            context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, f"out of stock for {ask.name}")
        return pb.Answer(text=ask.name, number=100 - ask.count, mood=pb.MOOD_GOOD)

    def watch(ask, context):
        for i in range(ask.count):
            time.sleep(0.05)
            yield pb.Answer(text=ask.name, number=100 - i)

    calls = {
        "Unary": grpc.unary_unary_rpc_method_handler(reserve, pb.Ask.FromString, pb.Answer.SerializeToString),
        "Many": grpc.unary_stream_rpc_method_handler(watch, pb.Ask.FromString, pb.Answer.SerializeToString),
    }
    server = grpc.server(concurrent.futures.ThreadPoolExecutor(4))
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("limpid.talk.Talk", calls),))
    server.add_insecure_port("0.0.0.0:9090")
    server.start()
    server.wait_for_termination()


def serve_api():
    import grpc
    import psycopg
    import redis
    import talk_pb2 as pb
    from aiohttp import web

    db = psycopg.connect("host=db user=shop dbname=shop password=not-a-real-password", autocommit=True)
    cache = redis.Redis(host="cache")
    stock = grpc.insecure_channel("stock:9090")
    reserve = stock.unary_unary("/limpid.talk.Talk/Unary", pb.Ask.SerializeToString, pb.Answer.FromString)
    watch = stock.unary_stream("/limpid.talk.Talk/Many", pb.Ask.SerializeToString, pb.Answer.FromString)

    async def user(request):
        number = int(request.match_info["id"])
        kept = cache.get(f"user:{number}")
        if kept:
            return web.Response(body=kept, content_type="application/json")
        row = db.execute("SELECT id, name, mail, joined FROM users WHERE id = %s", (number,)).fetchone()
        if not row:
            return web.json_response({"error": "no such user"}, status=404)
        out = {"id": row[0], "name": row[1], "mail": row[2], "joined": str(row[3]), "orders": []}
        for o in db.execute("SELECT id, sku, quantity, total FROM orders WHERE user_id = %s ORDER BY id", (number,)).fetchall():
            out["orders"].append({"id": o[0], "sku": o[1], "quantity": o[2], "total": str(o[3])})
        text = json.dumps(out)
        cache.setex(f"user:{number}", 60, text)
        return web.Response(text=text, content_type="application/json")

    async def basket(request):
        """Asks for each line by itself: what the page calls a repeated statement."""
        lines = []
        for (number,) in db.execute("SELECT id FROM orders ORDER BY id LIMIT 6").fetchall():
            lines.append(str(db.execute("SELECT sku, total FROM orders WHERE id = %s", (number,)).fetchone()))
        return web.json_response({"lines": lines})

    async def order(request):
        what = await request.json()
        try:
            left = reserve(pb.Ask(name=what["sku"], count=what["quantity"]), timeout=2)
        except grpc.RpcError as e:
            return web.json_response({"error": e.details()}, status=409)
        try:
            with db.transaction():
                db.execute("INSERT INTO orders (id, user_id, sku, quantity, total) VALUES (%s, %s, %s, %s, %s)", (what["id"], what["user"], what["sku"], what["quantity"], "19.99"))
        except psycopg.errors.UniqueViolation:
            return web.json_response({"error": "this order is there already"}, status=422)
        cache.delete(f"user:{what['user']}")
        cache.publish("orders", json.dumps(what))
        return web.json_response({"id": what["id"], "left": left.number}, status=201)

    async def events(request):
        out = web.StreamResponse(headers={"Content-Type": "text/event-stream", "Cache-Control": "no-cache"})
        await out.prepare(request)
        for i, word in enumerate(["Your", " order", " is", " on", " its", " way", "."]):
            await out.write(f"id: {i}\nevent: token\ndata: {json.dumps({'delta': word})}\n\n".encode())
            await asyncio.sleep(0.05)
        await out.write_eof()
        return out

    async def search(request):
        return web.json_response({"data": {"products": [{"sku": "W-19", "name": "Widget"}, {"sku": "G-4", "name": "Gadget"}]}})

    async def login(request):
        await request.post()
        return web.json_response({"token": "a-made-up-token", "expires_in": 3600}, headers={"Set-Cookie": "sid=made-up-session; HttpOnly"})

    async def broken(request):
        await asyncio.sleep(0.9)
        for a in watch(pb.Ask(name="W-19", count=3)):
            pass
        return web.json_response({"error": "timeout", "cause": {"service": "billing", "after_ms": 900}}, status=500)

    app = web.Application()
    app.add_routes([web.get("/v1/users/{id}", user), web.post("/v1/orders", order), web.get("/v1/basket", basket), web.get("/v1/events", events), web.post("/graphql", search), web.post("/login", login), web.get("/v1/invoice", broken), web.get("/health", lambda r: web.Response(text="ok"))])
    web.run_app(app, port=8080, access_log=None)


def serve_push():
    import websockets

    async def talk(ws):
        async for text in ws:
            for i in range(4):
                await ws.send(json.dumps({"type": "price", "sku": "W-19", "value": 12.5 + i / 4}))
                await asyncio.sleep(0.05)
            await ws.send(b"\x0a\x04W-19\x10\x28")

    async def main():
        async with websockets.serve(talk, "0.0.0.0", 7000):
            await asyncio.Future()

    asyncio.run(main())


def visit():
    def curl(*args):
        subprocess.run(["curl", "-sk", "--compressed", "-o", "/dev/null", *args], check=False)

    json_type = ("-H", "Content-Type: application/json")
    curl("http://web/")
    curl("https://web/login", "-d", "user=ann&password=made-up")
    auth = ("-H", "Authorization: Bearer a-made-up-token", "-H", "traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")
    for n in (7, 7, 8, 99):
        curl(f"https://web/v1/users/{n}?expand=orders", *auth)
    for what in ({"id": 501, "user": 7, "sku": "W-19", "quantity": 2}, {"id": 502, "user": 8, "sku": "G-4", "quantity": 1}, {"id": 501, "user": 7, "sku": "W-19", "quantity": 2}, {"id": 503, "user": 7, "sku": "W-19", "quantity": 40}):
        curl("https://web/v1/orders", "-d", json.dumps(what), *json_type, *auth)
    curl("https://web/graphql", "-d", '{"operationName":"Search","query":"query Search($text: String!) { products(text: $text) { sku name } }","variables":{"text":"wid"}}', *json_type)
    curl("https://web/v1/basket", *auth)
    curl("https://web/v1/invoice", *auth)
    curl("http://web/v1/events", "-N", "-H", "Accept: text/event-stream")
    curl("http://web/gone")
    import websockets

    async def live():
        async with websockets.connect("ws://push:7000/live") as ws:
            await ws.send('{"sub":"prices"}')
            for _ in range(5):
                await ws.recv()

    asyncio.run(live())


{"api": serve_api, "stock": serve_stock, "push": serve_push, "visit": visit}[sys.argv[1]]()
