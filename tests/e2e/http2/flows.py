#!/usr/bin/env python3
"""flows.py FILE COUNT EXPRESSION: do so many exchanges (COUNT+: at least) satisfy the expression?  In it f is the flow, q and a its
request and answer, h and r their fields as dictionaries.  Prints what there is when it is not so."""
import json
import sys

path, count, text = sys.argv[1:4]
expression = compile(text, "expression", "eval")
flows = {}
for line in open(path, encoding="utf-8"):
    try:
        f = json.loads(line)
    except ValueError:  # being written
        continue
    flows[f["id"]] = f
n = 0
for f in flows.values():
    q, a = f["request"] or {}, f["response"] or {}
    try:
        n += bool(eval(expression, {"f": f, "q": q, "a": a, "h": dict(q.get("headers", [])), "r": dict(a.get("headers", []))}))
    except (KeyError, TypeError):
        pass
good = n >= int(count[:-1]) if count.endswith("+") else n == int(count)
if not good:
    print(f"{n} of {len(flows)} instead of {count}: {text}")
    for f in list(flows.values())[-8:]:
        q, a = f["request"] or {}, f["response"] or {}
        print(f["proto"], f["state"], q.get("op"), q.get("target"), a.get("status"), f["flags"], (a.get("body") or {}).get("len"))
sys.exit(not good)
