# client.py - a Python client: a transaction, a large value, subscriptions, MONITOR, a blocking command, any bytes.
import threading
import time

import redis

r = redis.Redis(port=16379)
p = r.pipeline(transaction=True)
p.set("t", 1)
p.incr("t")
p.lpush("t", 2)
try:
    p.execute()
except redis.ResponseError:
    pass
r.set("big", b"0123456789" * 300000)
assert len(r.get("big")) == 3000000
r.set("bytes", b"\xff\x00\x01")
threading.Timer(0.3, lambda: redis.Redis(port=16379).lpush("queue", "job")).start()
assert r.blpop("queue", timeout=20) == (b"queue", b"job")

s = r.pubsub()
s.subscribe("news")
s.psubscribe("n*")
messages = []


def take(n):
    end = time.time() + 20
    while len(messages) < n and time.time() < end:
        m = s.get_message(timeout=0.2)
        if m:
            messages.append(m)


take(2)
r.publish("news", "hello")
take(4)
assert [m["type"] for m in messages] == ["subscribe", "psubscribe", "message", "pmessage"], messages
s.unsubscribe()
s.punsubscribe()
take(6)
s.close()

with r.monitor() as m:
    r.set("watched", "x")
    listened = m.listen()
    while "watched" not in next(listened)["command"]:
        pass
