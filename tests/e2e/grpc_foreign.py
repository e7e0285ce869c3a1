# SPDX-License-Identifier: Apache-2.0
"""grpcio's ends of gRPC for 30-grpc-interop.sh.

grpc_foreign.py client PORT  calls our hub in every way and prints one line a finding
grpc_foreign.py server       serves limpid.v1.Collector and a few odd methods on a free port
"""
import sys
import threading
import time
from concurrent import futures

import grpc
import limpid_pb2 as pb

EXCHANGE = "/limpid.v1.Collector/Exchange"
BIG = 5 << 20
OPTIONS = [("grpc.max_receive_message_length", 64 << 20), ("grpc.max_send_message_length", 64 << 20)]


def say(*words):
    print(*words, flush=True)


def flow(n, body):
    f = pb.Flow(id=bytes([n >> 8, n & 255]) + bytes(14), proto="http1", state=1)
    f.conn.l4 = "tcp"
    f.req.op = b"GET"
    f.req.target = b"/py"
    f.resp.body.data = bytes(body)
    f.resp.body.len = body
    return f


class Exchange:
    """One exchange; messages are queued with put, answers read with next."""

    def __init__(self, channel, timeout=20):
        self.out, self.more = [], threading.Condition()
        method = channel.stream_stream(EXCHANGE, pb.AgentMessage.SerializeToString, pb.HubMessage.FromString)
        self.call = method(self.messages(), timeout=timeout)

    def messages(self):
        while True:
            with self.more:
                while not self.out:
                    self.more.wait()
                m = self.out.pop(0)
            if m is None:
                return
            yield m

    def put(self, m):
        with self.more:
            self.out.append(m)
            self.more.notify()


def code_of(call):
    try:
        call()
        return 0
    except grpc.RpcError as e:
        return e.code().value[0]


def full_exchange(channel):
    x = Exchange(channel)
    x.put(pb.AgentMessage(hello=pb.Hello(agent_id="py1", hostname="snake", version="1", kernel="6")))
    say("welcome", next(x.call).welcome.last_seq)
    say("settings", next(x.call).settings.body_limit)
    x.put(pb.AgentMessage(containers=pb.Containers(containers=[pb.Container(id="1", name="web")])))
    x.put(pb.AgentMessage(health=pb.Health(facts=[pb.Fact(key="k")])))
    x.put(pb.AgentMessage(batch=pb.Batch(seq=1, flows=[flow(i, 10) for i in range(500)])))
    say("ack", next(x.call).ack.seq)
    x.put(pb.AgentMessage(batch=pb.Batch(seq=2, flows=[flow(501, BIG)])))
    say("ack", next(x.call).ack.seq)
    x.put(None)
    say("left", len(list(x.call)), "code", x.call.code().value[0])


def client(port):
    channel = grpc.insecure_channel("127.0.0.1:%s" % port, OPTIONS)
    full_exchange(channel)

    unary = channel.unary_unary("/limpid.v1.Collector/Nope")
    say("unknown", code_of(lambda: unary(b"x", timeout=10)))
    with futures.ThreadPoolExecutor(50) as pool:
        codes = list(pool.map(lambda _: code_of(lambda: unary(b"x", timeout=20)), range(50)))
    say("unknown50", codes.count(12))

    x = Exchange(channel, timeout=0.5)
    x.put(pb.AgentMessage(hello=pb.Hello(agent_id="deadline")))
    say("deadline", code_of(lambda: list(x.call)))

    x = Exchange(channel)
    x.put(pb.AgentMessage(hello=pb.Hello(agent_id="cancel")))
    next(x.call)
    x.call.cancel()
    say("cancel", x.call.code().value[0])

    x = Exchange(channel)
    x.put(pb.AgentMessage(batch=pb.Batch(seq=1)))
    say("turn", code_of(lambda: list(x.call)), "detail", x.call.details())

    zipped = channel.stream_stream(EXCHANGE, pb.AgentMessage.SerializeToString, pb.HubMessage.FromString)
    big = pb.AgentMessage(hello=pb.Hello(agent_id="zip", hostname="h" * 2000))
    call = zipped(iter([big]), timeout=10, compression=grpc.Compression.Gzip)
    say("gzip", code_of(lambda: list(call)))
    full_exchange(channel)


def exchange(requests, context):
    for m in requests:
        kind = m.WhichOneof("msg")
        if kind == "hello":
            say("hello", m.hello.hostname)
            yield pb.HubMessage(welcome=pb.Welcome(hub_version="py"))
            yield pb.HubMessage(settings=pb.Settings(body_limit=815))
        elif kind == "containers":
            say("containers", m.containers.containers[0].name)
        elif kind == "batch":
            say("batch", m.batch.seq, "flows", len(m.batch.flows), "target",
                m.batch.flows[-1].req.target.decode(), "body", len(m.batch.flows[-1].resp.body.data))
            yield pb.HubMessage(ack=pb.Ack(seq=m.batch.seq))


def slow(request, context):
    gone = threading.Event()
    context.add_callback(gone.set)
    say("slow began")
    gone.wait(20)
    say("slow ended", "early" if gone.is_set() else "late")
    return b""


def drip(request, context):
    context.add_callback(lambda: say("drip ended"))
    while context.is_active():
        yield b"drop"
        time.sleep(0.01)


def fail(request, context):
    context.abort(grpc.StatusCode.PERMISSION_DENIED, "no \u2713 entry 100%")


def server():
    def plain(kind, fn):
        return kind(fn, lambda b: b, lambda b: b)

    methods = {
        "Echo": plain(grpc.unary_unary_rpc_method_handler, lambda b, c: b),
        "Slow": plain(grpc.unary_unary_rpc_method_handler, slow),
        "Drip": plain(grpc.unary_stream_rpc_method_handler, drip),
        "Fail": plain(grpc.unary_unary_rpc_method_handler, fail),
    }
    s = grpc.server(futures.ThreadPoolExecutor(8), options=OPTIONS)
    s.add_generic_rpc_handlers((
        grpc.method_handlers_generic_handler("t.T", methods),
        grpc.method_handlers_generic_handler("limpid.v1.Collector", {
            "Exchange": grpc.stream_stream_rpc_method_handler(
                exchange, pb.AgentMessage.FromString, pb.HubMessage.SerializeToString)}),
    ))
    say("port", s.add_insecure_port("127.0.0.1:0"))
    s.start()
    sys.stdin.read()
    s.stop(0)


if sys.argv[1] == "client":
    client(sys.argv[2])
else:
    server()
