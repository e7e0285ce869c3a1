# SPDX-License-Identifier: Apache-2.0
"""check.py FILE KIND TARGET [tls] - the conversation with that target in what `limpid tail --json` printed.

KIND: python, go, browser, sse.  Exits with 1, and says why, when it is not what was said."""
import json
import sys

path, kind, target = sys.argv[1:4]
tls = "tls" in sys.argv[4:]
flows = {}
for line in open(path, encoding="utf-8"):
    try:
        f = json.loads(line)
    except ValueError:
        continue  # the last line may be half written
    if f.get("request") and f["request"]["target"] == target and bool(f["tls"]) == tls:
        known = flows.setdefault(f["id"], {"messages": {}})
        messages = known["messages"]
        for m in f["messages"]:
            assert m["seq"] not in messages, "message %d twice" % m["seq"]
            messages[m["seq"]] = m
        flows[f["id"]] = dict(f, messages=messages)


def must(good, *why):
    if not good:
        print(*why)
        sys.exit(1)


must(len(flows) == 1, "%d such flows" % len(flows))
flow = next(iter(flows.values()))
messages = [flow["messages"][k] for k in sorted(flow["messages"])]


def said(direction, *ops):
    out = []
    for m in messages:
        if m["dir"] == direction and m["op"] in ops:
            b = m["body"] or {}
            out.append(b.get("text", b.get("base64", "")))
    return out


must(flow["state"] == "done", "state", flow["state"])
must(not flow["flags"], "flags", flow["flags"])
must([m["seq"] for m in messages] == list(range(1, len(messages) + 1)), "numbers", [m["seq"] for m in messages])
must(sum(flow["stream"][d]["messages"] for d in ("c2s", "s2c")) == len(messages), "counted", flow["stream"], len(messages))
must(flow["stream"]["left_out"] == 0, "left out")
prices = ['{"type":"price","symbol":"ABC","value":%d}' % i for i in range(5)]
if kind == "sse":
    must(flow["proto"] == "sse" and flow["response"]["status"] == "200", flow["proto"])
    ticks = [m for m in messages if m["op"] == "tick"]
    must(messages[0]["op"] == "comment" and messages[0]["body"]["text"] == "welcome", messages[0])
    must([m["attrs"]["id"] for m in ticks] == list("12345"), ticks)
    must([m["body"]["text"] for m in ticks] == ['{"n":%d}\n%s' % (i, "x" * 20) for i in range(1, 6)], ticks)
    spread = float(ticks[-1]["ts"][17:29]) - float(ticks[0]["ts"][17:29])
    must(spread % 60 > 0.2, "all at once:", spread)
    sys.exit(0)
must(flow["proto"] == "websocket" and flow["response"]["status"] == "101", flow["proto"])
c2s, s2c = said("c2s", "text", "binary"), said("s2c", "text", "binary")
must(c2s[:5] == prices, "from the client", c2s[:5])
must(s2c[:5] == prices, "from the server", s2c[:5])
closes = [m for m in messages if m["op"] == "close"]
must(closes, "no close")
code, reason = closes[0]["attrs"]["code"], (closes[0]["body"] or {}).get("text")
if kind == "python":
    must(len(c2s) == 8 and c2s == s2c, len(c2s), len(s2c))
    must(len(c2s[6]) == 200000, "the large one has", len(c2s[6]))
    must(c2s[7] == "in three fragments", c2s[7])
    must((code, reason, closes[0]["dir"]) == ("1000", "bye", "c2s"), closes)
    must(said("s2c", "pong") == ["here"], messages)
elif kind == "go":
    must((code, reason, closes[0]["dir"]) in (("4001", "as asked", "s2c"), ("1001", "enough", "c2s")), closes)
else:
    must((code, reason) == ("3000", "tab closed"), closes)
must(all(m["body"]["encoding"] == "permessage-deflate" for m in messages if m["op"] == "text"), "not deflated")
