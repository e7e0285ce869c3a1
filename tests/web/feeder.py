#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""feeder.py PB_DIR HOST:PORT - an agent for tests of the page: what comes in as JSON lines goes to the hub.

In:  {"flows": [flow...]}, {"containers": [...], "runtime": "..."}, {"health": {"facts": [...], "counters": {...}}}
Out: {"connected": true|false}, {"settings": {...}}, {"acked": FLOWS}

A client of its own, on grpcio, so that it shares no mistake with src/sink.  PB_DIR holds limpid_pb2.py.
Batches are kept until acknowledged, and sent again to a hub that comes back.
"""
import base64
import json
import os
import queue
import sys
import threading
import time
import uuid

sys.path.insert(0, sys.argv[1])
import grpc  # noqa: E402
import limpid_pb2 as pb  # noqa: E402

HOST = sys.argv[3] if len(sys.argv) > 3 else "testhost"
AGENT = uuid.uuid4().hex
lock = threading.Lock()
unacked = {}  # seq -> (batch, number of flows)
state = {"seq": 0, "acked": 0, "containers": None, "health": pb.Health()}
current = None  # queue of the connection there is


def say(**what):
    sys.stdout.write(json.dumps(what) + "\n")
    sys.stdout.flush()


def raw(v):
    """Text, or {"b64": ...} for bytes that are none."""
    if v is None:
        return b""
    return base64.b64decode(v["b64"]) if isinstance(v, dict) else v.encode("utf-8", "surrogatepass")


def peer(p):
    addr = bytes(10) + b"\xff\xff" + bytes(int(x) for x in p["ip"].split("."))
    return pb.Peer(addr=addr, port=p.get("port", 0), pid=p.get("pid", 0), comm=raw(p.get("comm", "")),
                   container=p.get("container", ""), container_id=p.get("container_id", ""),
                   image=p.get("image", ""), project=p.get("project", ""))


def half(h):
    b = h.get("body")
    m = pb.Half(begin_ns=h["begin_ns"], end_ns=h["end_ns"], op=raw(h.get("op")), target=raw(h.get("target")),
                status=raw(h.get("status")), reason=raw(h.get("reason")),
                headers=[pb.Attr(key=raw(k), value=raw(v)) for k, v in h.get("headers") or []],
                attrs=[pb.Attr(key=raw(k), value=raw(v)) for k, v in h.get("attrs") or []])
    if b:
        data = raw(b["data"])
        m.body.CopyFrom(pb.Body(data=data, len=b.get("len", len(data)), captured=b.get("captured", len(data)),
                                type=raw(b.get("type")), encoding=raw(b.get("encoding"))))
    return m


def flow(f):
    m = pb.Flow(id=bytes.fromhex(f["id"].replace("-", "")), epoch_ns=int(f["epoch_ns"]), proto=f.get("proto", "http1"),
                state=f.get("state", 1), flags=f.get("flags", 0), failed=f.get("failed", False))
    m.conn.CopyFrom(pb.Conn(id=f.get("conn", 1), client=peer(f["client"]), server=peer(f["server"]),
                            seen_by=f.get("seen_by", 1), l4="tcp"))
    if f.get("tls"):
        t = f["tls"]
        m.conn.tls.CopyFrom(pb.Tls(library=t.get("library", ""), version=t.get("version", ""), road=t.get("road", ""),
                                   sni=raw(t.get("sni")), alpn=raw(t.get("alpn")), protocol=t.get("protocol", ""),
                                   cipher=t.get("cipher", ""), group=t.get("group", ""), offered=raw(t.get("offered")),
                                   subject=raw(t.get("subject")), issuer=raw(t.get("issuer")), names=raw(t.get("names")),
                                   not_after=t.get("not_after", 0), alert=t.get("alert", ""), alert_by=t.get("alert_by", ""),
                                   flags=t.get("flags", 0), reason=t.get("reason", ""), why=t.get("why", ""),
                                   hint=t.get("hint", ""), mapping=t.get("mapping", "")))
    for x in f.get("msgs", []):
        data = raw(x.get("data"))
        m.msgs.append(pb.Message(seq=x["seq"], ts_ns=x["ts_ns"], from_server=x["server"], op=raw(x["op"]),
                                 body=pb.Body(data=data, len=len(data), captured=len(data)),
                                 attrs=[pb.Attr(key=raw(k), value=raw(v)) for k, v in x.get("attrs") or []]))
    if f.get("stream"):
        t = f["stream"]
        m.stream.CopyFrom(pb.Stream(client_messages=t["n"][0], server_messages=t["n"][1], client_bytes=t["bytes"][0],
                                    server_bytes=t["bytes"][1], left_out=t["left_out"]))
    if f.get("req"):
        m.req.CopyFrom(half(f["req"]))
    if f.get("resp"):
        m.resp.CopyFrom(half(f["resp"]))
    return m


def container(c):
    return pb.Container(id=c["id"], name=c["name"], image=c.get("image", ""), project=c.get("project", ""),
                        service=c.get("service", ""), state=c.get("state", "running"),
                        networks=c.get("networks", ""), pod=c.get("pod", ""), namespace=c.get("namespace", ""), captured=c.get("captured", True),
                        addrs=[bytes(10) + b"\xff\xff" + bytes(int(x) for x in a.split(".")) for a in c.get("addrs", [])])


def process(p):
    libs = [pb.TlsLibrary(name=l["name"], version=raw(l.get("version")), path=raw(l.get("path")), code=l.get("code", "read"))
            for l in p.get("libraries", [])]
    plain = {k: v for k, v in p.items() if k not in ("comm", "libraries")}
    return pb.TlsProcess(comm=raw(p["comm"]), libraries=libs, **plain)


def send(msg):
    if current:
        current.put(msg)


def command(c):
    with lock:
        if "flows" in c:
            for i in range(0, len(c["flows"]), 200):
                part = c["flows"][i:i + 200]
                state["seq"] += 1
                b = pb.Batch(seq=state["seq"], flows=[flow(f) for f in part])
                unacked[b.seq] = (b, len(part))
                send(pb.AgentMessage(batch=b))
        if "containers" in c:
            state["containers"] = pb.Containers(containers=[container(x) for x in c["containers"]],
                                                runtime=c.get("runtime", "docker 28.2"))
            send(pb.AgentMessage(containers=state["containers"]))
        if "health" in c:
            h = c["health"]
            state["health"] = pb.Health(
                facts=[pb.Fact(key=f["key"], level=f["level"], text=f["text"], hint=f.get("hint", "")) for f in h["facts"]],
                counters=[pb.Counter(key=k, value=v) for k, v in h["counters"].items()],
                tls=[process(p) for p in h.get("tls", [])], tls_left_out=h.get("tls_left_out", 0))
            send(pb.AgentMessage(health=state["health"]))


def receive(m):
    kind = m.WhichOneof("msg")
    if kind == "settings":
        s = m.settings
        say(settings={"mode": s.mode, "names": list(s.names), "hosts": s.hosts, "include_new": s.include_new,
                      "paused": s.paused, "body_limit": s.body_limit, "conn_budget": s.conn_budget, "ends": list(s.ends), "processes": list(s.processes)})
        return
    seq = {"ack": lambda: m.ack.seq, "welcome": lambda: m.welcome.last_seq}.get(kind, lambda: 0)()
    with lock:
        for k in [k for k in unacked if k <= seq]:
            state["acked"] += unacked.pop(k)[1]
    if kind == "ack":
        say(acked=state["acked"])


def exchange(addr):
    """One connection, until it ends."""
    global current
    q = queue.Queue()

    def outgoing():
        while True:
            m = q.get()
            if m is None:
                return
            yield m

    with grpc.insecure_channel(addr, options=[("grpc.enable_http_proxy", 0)]) as ch:
        call = ch.stream_stream("/limpid.v1.Collector/Exchange", request_serializer=pb.AgentMessage.SerializeToString,
                                response_deserializer=pb.HubMessage.FromString)
        q.put(pb.AgentMessage(hello=pb.Hello(agent_id=AGENT, hostname=HOST, version="0.1.0", kernel="6.1.0-test")))
        it = call(outgoing())
        try:
            for m in it:
                if m.WhichOneof("msg") == "welcome":
                    receive(m)
                    with lock:
                        current = q
                        if state["containers"]:
                            q.put(pb.AgentMessage(containers=state["containers"]))
                        q.put(pb.AgentMessage(health=state["health"]))
                        for seq in sorted(unacked):
                            q.put(pb.AgentMessage(batch=unacked[seq][0]))
                    say(connected=True)
                else:
                    receive(m)
        except grpc.RpcError:
            pass
        finally:
            with lock:
                if current is q:
                    current = None
                    say(connected=False)
            q.put(None)


def tick():
    while True:
        time.sleep(1)
        with lock:
            send(pb.AgentMessage(health=state["health"]))


def stdin():
    for line in sys.stdin:
        command(json.loads(line))
    os._exit(0)


threading.Thread(target=tick, daemon=True).start()
threading.Thread(target=stdin, daemon=True).start()
while True:
    exchange(sys.argv[2])
    time.sleep(0.2)
