# SPDX-License-Identifier: Apache-2.0
"""collect.py - what compare.py needs of each flow that `limpid tail --json` prints, without the megabytes of bodies."""
import base64
import hashlib
import json
import sys


def body(b):
    if b is None:
        return [0, 0, hashlib.sha256(b"").hexdigest()]
    data = b["text"].encode() if b.get("text") is not None else base64.b64decode(b.get("base64") or "")
    return [b["len"], b["captured"], hashlib.sha256(data).hexdigest()]


def one(message, name, fields):
    if message is None:
        return None
    headers = {k.lower(): v for k, v in message["headers"]}
    out = {k: message.get(k) for k in fields}
    out.update({n: headers.get(n) for n in name}, body=body(message["body"]))
    return out


for line in sys.stdin:
    f = json.loads(line)
    tls = f["tls"] or {}
    out = {
        "id": f["id"], "proto": f["proto"], "state": f["state"], "seen_by": f["seen_by"], "flags": f["flags"],
        "tls": {k: tls.get(k) for k in ("library", "version", "road", "reason", "mapping")},
        "request": one(f["request"], ("x-row", "x-seq"), ("op", "target")),
        "response": one(f["response"], ("x-echo",), ("status",)),
    }
    for end in ("client", "server"):
        out[end] = {k: f[end].get(k) for k in ("ip", "port", "pid", "comm")}
    print(json.dumps(out), flush=True)
