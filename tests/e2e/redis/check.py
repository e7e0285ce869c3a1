# check.py FILE - the last write of each flow in FILE (JSON lines, messages appended), against what traffic.sh said.
import json
import sys

flows, messages = {}, {}
for line in open(sys.argv[1], encoding="utf-8"):
    f = json.loads(line)
    if f["proto"] != "redis":
        continue
    flows[f["id"]] = f
    for m in f["messages"]:
        messages.setdefault(f["id"], {})[m["seq"]] = m
all_flows = list(flows.values())


def text(half):
    return (half or {}).get("body") and half["body"].get("text")


def find(op, target=None, **more):
    got = [f for f in all_flows if f["request"] and f["request"]["op"] == op and (target is None or f["request"]["target"] == target)]
    for key, want in more.items():
        got = [f for f in got if (f["response"] or {}).get(key) == want]
    assert got, f"no {op} {target} {more}"
    return got


def said(op, target):
    f = find(op, target)[-1]
    return f, [m for _, m in sorted(messages.get(f["id"], {}).items())]


find("SET", "plain", status="OK")
assert text(find("GET", "plain", status="string")[0]["response"]) == '"hello"'
f = find("LPUSH", "plain", status="WRONGTYPE")[0]
assert f["failed"] and f["response"]["reason"].startswith("Operation against")
assert json.loads(text(find("HGETALL", "h", status="map")[0]["response"])) == {"a": "1", "b": "2"}
f = find("EVAL", "k", status="array")[0]
assert json.loads(text(f["response"])) == ["k", "v", {"error": "E no"}], text(f["response"])
assert json.loads(text(find("CONFIG GET", "requirepass")[0]["response"])) == ["requirepass", "***"]
assert text(find("AUTH")[0]["request"]) == '["***"]'
f = find("GET", "by-tls", status="string")[0]
assert f["tls"]["library"] == "openssl" and text(f["response"]) == '"secret"', f
moved = find("SET", "foo", status="MOVED")[0]
assert not moved["failed"] and moved["response"]["attrs"]["redirect"].startswith("127.0.0.1:1639"), moved
find("SET", "foo", status="OK")
for op in ("SET", "GET"):
    n = len([f for f in find(op, "key:__rand_int__") if f["state"] == "done" and f["response"]])
    assert n == 2000, f"redis-benchmark: {n} {op} of 2000"
f = find("EXEC", status="array")[0]
assert f["failed"] and json.loads(text(f["request"])) == [["SET", "t", "1"], ["INCRBY", "t", "1"], ["LPUSH", "t", "2"]], f["request"]
f = find("SET", "big")[0]
assert f["request"]["body"]["len"] > 3000000 and "truncated" in f["flags"], f["flags"]
assert find("GET", "big")[0]["response"]["body"]["len"] == 3000000 + len("$3000000\r\n\r\n")
assert "base64" in text(find("SET", "bytes")[0]["request"])
f = find("BLPOP", "queue", status="array")[0]
assert f["duration_ns"] > 200000000, f["duration_ns"]
f, m = said("SUBSCRIBE", "news")
assert f["state"] == "done" and f["response"]["status"] == "subscribe", f
assert [x["op"] for x in m if x["dir"] == "s2c"] == ["psubscribe", "message", "pmessage", "unsubscribe", "punsubscribe"], m
assert [x["body"]["text"] for x in m if x["op"].endswith("message")] == ["hello", "hello"], m
f, m = said("MONITOR", "")
assert any(x["op"] == "SET" and text(x) == '["watched","x"]' for x in m), m
f, m = said("PSYNC", "")
assert f["response"]["attrs"]["replication"] == "full" and m[0]["op"] == "snapshot", (f, m[:2])
assert any(x["op"] == "SET" and x["attrs"]["key"] == "replicated" for x in m), [x["op"] for x in m]
assert any(x["dir"] == "c2s" and "ACK" in text(x) for x in m)
assert "hunter2" not in open(sys.argv[1], encoding="utf-8").read(), "a password is in the flows"
bad = [f for f in all_flows if not f["request"] or set(f["flags"]) & {"after_gap", "bad_framing"}]
assert not bad, bad[:2]
print(len(all_flows), "flows")
