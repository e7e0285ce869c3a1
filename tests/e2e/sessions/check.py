# SPDX-License-Identifier: Apache-2.0
"""check.py said FILE - what flows in JSON lines say: each once, its writes put together, without who, when and numbers.

Sorted, so that two readings of the same traffic are the same text."""
import json
import sys

DROPPED = ("id", "ts", "duration_ns", "ttfb_ns", "send_ns", "conn", "client", "server", "seen_by", "tls")
flows = {}
for line in open(sys.argv[2], encoding="utf-8"):
    try:
        f = json.loads(line)
    except ValueError:
        continue  # the last line may be half written
    known = flows.setdefault(f["id"], {"messages": {}})
    messages = known["messages"]
    messages.update((m["seq"], m) for m in f["messages"])
    known.update(f, messages=messages)
for f in flows.values():
    f["ports"] = [(f[end] or {}).get("port") for end in ("server",)]
    f["messages"] = [{k: v for k, v in m.items() if k != "ts"} for _, m in sorted(f["messages"].items())]
    for key in DROPPED:
        f.pop(key, None)
for text in sorted(json.dumps(f, sort_keys=True, ensure_ascii=False) for f in flows.values() if "/ready" not in json.dumps(f["request"])):
    print(text)
