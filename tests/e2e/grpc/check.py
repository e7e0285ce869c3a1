# SPDX-License-Identifier: Apache-2.0
"""check.py FILE CLIENT PORT WHAT [named] - is the call of that client to that server's port, in what `limpid tail --json` printed, as it was?

named: its fields have the names of talk.proto.  Exits with 1, and says why, when it is not."""
import json
import sys

path, client, port, what = sys.argv[1:5]
named = "named" in sys.argv[5:]
flows = {}
for line in open(path, encoding="utf-8"):
    try:
        f = json.loads(line)
    except ValueError:
        continue  # the last line may be half written
    if f["server"]["port"] != int(port):
        continue
    known = flows.setdefault(f["id"], {"messages": {}, "live": 0})
    for m in f.get("messages") or []:
        assert m["seq"] not in known["messages"], "message %d twice" % m["seq"]
        known["messages"][m["seq"]] = m
    known["live"] = max(known["live"], len(known["messages"]) if f["state"] == "open" else 0)
    flows[f["id"]] = dict(f, messages=known["messages"], live=known["live"])


def must(good, *why):
    if not good:
        for f in list(flows.values())[-12:]:
            q, a = f["request"] or {}, f["response"] or {}
            print(f["proto"], f["state"], f["flags"], q.get("target"), fields(q), a.get("status"), fields(a))
        print(what, *why)
        sys.exit(1)


ASK = {"1": "name", "2": "count", "3": "delay_ms", "4": "fail", "5": "mood"}
ANSWER = {"1": "text", "2": "number", "3": "mood"}


def fields(x, names=None):
    d = (x.get("body") or {}).get("decoded")
    if d is None or names is None:
        return d
    d = {names.get(k, k) if not named else k: v for k, v in d.items()}
    if named and "mood" in d:
        must(d["mood"] == "MOOD_GOOD", "mood", d)
        d["mood"] = 1
    return {k: int(v) if k == "number" else v for k, v in d.items()}


def calls(method, **want):
    ret = []
    for f in flows.values():
        q = f["request"] or {}
        asked = fields(q, ASK)
        if client not in [v for k, v in q.get("headers", []) if k == "x-client"] or q["target"] != "/limpid.talk.Talk/" + method:
            continue
        if not want or all((asked or {}).get(k) == v for k, v in want.items()):
            ret.append(f)
    return ret


def one(method, **want):
    found = calls(method, **want)
    must(len(found) == 1, "%d such calls" % len(found))
    f = found[0]
    must(f["proto"] == "grpc" and f["request"]["op"] == method, f["proto"], f["request"]["op"])
    must(not f["flags"], "flags", f["flags"])
    must(f["state"] != "open", "open")
    return f


def ended(f, status, failed, reason=None):
    a = f["response"]
    must(f["state"] == "done" and a["status"] == status and f["failed"] == failed, f["state"], a["status"], f["failed"])
    must(reason is None or a["reason"] == reason, "reason", a["reason"])


def seconds(m):
    return float(m["ts"][14:16]) * 60 + float(m["ts"][17:-1])


def said(f, direction, numbers, apart):
    """These numbers, in this order, each so many seconds after the one before."""
    of = [m for _, m in sorted(f["messages"].items()) if m["dir"] == direction]
    names = ASK if direction == "c2s" else ANSWER
    got = [fields(m, names).get("count" if direction == "c2s" else "number") for m in of]
    must(got == numbers, direction, got)
    must(f["stream"][direction]["messages"] == len(numbers), f["stream"])
    must(not named or {m["op"] for m in of} <= {"Ask" if direction == "c2s" else "Answer"}, "op", of)
    for a, b in zip(of, of[1:]):
        gap = (seconds(b) - seconds(a)) % 3600
        must(gap >= apart * 0.6, direction, "only %.3f s between two" % gap)
    must(f["stream"]["left_out"] == 0, f["stream"])


if what == "unary":
    f = one("Unary", name="unary")
    ended(f, "OK", False)
    must(fields(f["request"], ASK) == {"name": "unary", "count": 7, "mood": 1}, fields(f["request"]))
    must(fields(f["response"], ANSWER) == {"text": "unary", "number": 7, "mood": 1}, fields(f["response"]))
    must(not f["messages"], "messages")
    if client != "web":
        must(f["request"]["attrs"]["timeout"][-1] == "s", f["request"]["attrs"])
        must("trailer:x-server" in f["response"]["attrs"], f["response"]["attrs"])
    must(not named or f["request"]["attrs"]["kind"] == "unary", "kind")
elif what == "empty":
    found = [f for f in calls("Unary") if (f["request"]["body"] or {}).get("len") == 0]
    must(len(found) == 1 and fields(found[0]["request"]) == {} and fields(found[0]["response"]) == {}, len(found))
    ended(found[0], "OK", False)
elif what == "many":
    f = one("Many", name="many")
    ended(f, "OK", False)
    said(f, "s2c", [1, 2, 3, 4, 5], 0.3)
    must(f["live"] >= 2, "shown while it was open:", f["live"])
    must(fields(f["request"], ASK)["count"] == 5 and f["response"]["body"] is None, "bodies")
elif what == "sum":
    f = one("Sum")
    ended(f, "OK", False)
    said(f, "c2s", [1, 2, 3], 0.05)
    must(fields(f["response"], ANSWER)["number"] == 6, fields(f["response"]))
elif what == "chat":
    f = one("Chat")
    ended(f, "OK", False)
    said(f, "c2s", [1, 2, 3], 0.05)
    said(f, "s2c", [1, 2, 3], 0.05)
elif what == "error":
    f = one("Unary", name="error")
    ended(f, "NOT_FOUND", True, "naïve: 100% gone")
    must(not (f["response"]["body"] or {}).get("len"), "a body")
elif what == "late":
    f = one("Many", name="late error")
    ended(f, "NOT_FOUND", True, "over")
    said(f, "s2c", [1, 2], 0)
elif what == "nothing":
    ended(one("Nothing"), "UNIMPLEMENTED", True)
elif what == "deadline":
    f = one("Unary", name="deadline")
    # Who is quicker: the server says it, or the client takes its call back.
    must(f["response"]["status"] in (["DEADLINE_EXCEEDED"] + (["CANCELLED"] if f["state"] == "reset" else [])), f["response"]["status"])
    must(f["failed"] and f["request"]["attrs"]["timeout"][:2] in ("39", "40"), f["request"]["attrs"])
    must(0.38 < f["duration_ns"] / 1e9 < 1.4, f["duration_ns"])
elif what == "cancel":
    f = one("Many", name="cancel")
    must(f["state"] == "reset" and f["response"]["status"] == "CANCELLED", f["state"], f["response"]["status"])
    must(f["response"]["attrs"]["reset_by"] == "client", f["response"]["attrs"])
    must(2 <= f["stream"]["s2c"]["messages"] < 20, f["stream"])
elif what == "gzip":
    f = one("Unary", name="x" * 3000)
    ended(f, "OK", False)
    must(f["request"]["body"]["encoding"] == "gzip" and f["request"]["body"]["len"] < 300, f["request"]["body"])
    must(fields(f["response"], ANSWER)["text"] == "x" * 3000, "answer")
elif what == "twenty":
    found = calls("Unary", name="twenty")
    must(len(found) == 20 and len({f["conn"]["id"] if isinstance(f["conn"], dict) else f["conn"] for f in found}) == 1, len(found))
    pairs = sorted(((fields(f["request"], ASK).get("count", 0), fields(f["response"], ANSWER).get("number", 0)) for f in found))
    must(pairs == [(i, i) for i in range(20)], pairs)
    must(all(f["state"] == "done" and not f["flags"] and f["response"]["status"] == "OK" for f in found), "an end")
elif what == "old":
    # Opened before capture: what heads say may be unknown, and then nobody knows that it is gRPC; nothing may be taken for something else.
    late = [f for f in flows.values() if "midstream" in f["flags"] and f["state"] == "done"]
    must(len(late) >= 10, len(late))
    for f in late[1:]:
        q, a = f["request"], f["response"]
        must(f["proto"] in ("grpc", "http2") and not f["failed"], f["proto"], f["failed"])
        must(q["op"] in ("POST", "Unary") and q["target"] in ("/limpid.talk.Talk/Unary", "(unknown)"), q["op"], q["target"])
        must(a["status"] in ("200", None, "OK"), a["status"])
        if f["proto"] == "grpc":
            q, a = fields(q, ASK), fields(a, ANSWER)
            must(q["name"] == "old" and a["text"] == "old" and q.get("count") == a.get("number"), q, a)
else:
    must(False, "is not known")
