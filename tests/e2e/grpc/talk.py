# SPDX-License-Identifier: Apache-2.0
"""talk.py serve PORT TLS-PORT | talk.py call|loop HOST:PORT [tls] - the service of talk.proto in Python, with grpcio.

Expects talk_pb2, cert.pem and key.pem in the working directory.  call: the calls that check.py knows; loop: one a second, on one connection."""
import concurrent.futures
import sys
import time

sys.path.insert(0, ".")
import grpc
import talk_pb2 as pb

SERVICE = "limpid.talk.Talk"


def finish(ask, context):
    if ask.fail:
        context.abort(grpc.StatusCode.NOT_FOUND, ask.fail)


def unary(ask, context):
    time.sleep(ask.delay_ms / 1000)
    finish(ask, context)
    context.set_trailing_metadata((("x-server", "python"),))
    return pb.Answer(text=ask.name, number=ask.count, mood=ask.mood)


def many(ask, context):
    for i in range(ask.count):
        time.sleep(ask.delay_ms / 1000)
        if not context.is_active():
            return
        yield pb.Answer(text=ask.name, number=i + 1)
    finish(ask, context)


def total(asks, context):
    return pb.Answer(text="sum", number=sum(a.count for a in asks))


def chat(asks, context):
    for ask in asks:
        yield pb.Answer(text=ask.name, number=ask.count)


def serve(port, tls_port):
    server = grpc.server(concurrent.futures.ThreadPoolExecutor(40), compression=grpc.Compression.NoCompression)
    make = {"Unary": (grpc.unary_unary_rpc_method_handler, unary), "Many": (grpc.unary_stream_rpc_method_handler, many),
            "Sum": (grpc.stream_unary_rpc_method_handler, total), "Chat": (grpc.stream_stream_rpc_method_handler, chat)}
    handlers = {name: kind(f, pb.Ask.FromString, pb.Answer.SerializeToString) for name, (kind, f) in make.items()}
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE, handlers),))
    server.add_insecure_port("127.0.0.1:" + port)
    pair = (open("key.pem", "rb").read(), open("cert.pem", "rb").read())
    server.add_secure_port("127.0.0.1:" + tls_port, grpc.ssl_server_credentials([pair]))
    server.start()
    print("listening", flush=True)
    server.wait_for_termination()


def channel(address, tls):
    if not tls:
        return grpc.insecure_channel(address)
    credentials = grpc.ssl_channel_credentials(open("cert.pem", "rb").read())
    return grpc.secure_channel(address, credentials, (("grpc.ssl_target_name_override", "localhost"),))


def asks(*counts):
    for n in counts:
        yield pb.Ask(name="ask", count=n)
        time.sleep(0.1)


def outcome(call):
    try:
        call()
    except grpc.RpcError as e:
        return e.code()
    raise AssertionError("no error")


def call(address, tls):
    with channel(address, tls) as c:
        def stub(kind, name):
            return getattr(c, kind)("/%s/%s" % (SERVICE, name), pb.Ask.SerializeToString, pb.Answer.FromString)

        one, many_of = stub("unary_unary", "Unary"), stub("unary_stream", "Many")
        say = {"timeout": 20, "metadata": (("x-client", "python"),)}
        assert one(pb.Ask(name="unary", count=7, mood=1), **say).number == 7
        one(pb.Ask(), **say)
        assert [a.number for a in many_of(pb.Ask(name="many", count=5, delay_ms=300), **say)] == [1, 2, 3, 4, 5]
        assert stub("stream_unary", "Sum")(asks(1, 2, 3), **say).number == 6
        assert [a.number for a in stub("stream_stream", "Chat")(asks(1, 2, 3), **say)] == [1, 2, 3]
        code = grpc.StatusCode
        assert outcome(lambda: one(pb.Ask(name="error", fail="naïve: 100% gone"), **say)) == code.NOT_FOUND
        assert outcome(lambda: list(many_of(pb.Ask(name="late error", count=2, fail="over"), **say))) == code.NOT_FOUND
        assert outcome(lambda: stub("unary_unary", "Nothing")(pb.Ask(name="nothing"), **say)) == code.UNIMPLEMENTED
        assert outcome(lambda: one(pb.Ask(name="deadline", delay_ms=1500), **dict(say, timeout=0.4))) == code.DEADLINE_EXCEEDED
        stream = many_of(pb.Ask(name="cancel", count=50, delay_ms=100), **say)
        next(stream), next(stream)
        stream.cancel()
        long = "x" * 3000
        assert one(pb.Ask(name=long), compression=grpc.Compression.Gzip, **say).text == long
        futures = [one.future(pb.Ask(name="twenty", count=i, delay_ms=200), **say) for i in range(20)]
        assert [f.result().number for f in futures] == list(range(20))


def loop(address, tls):
    with channel(address, tls) as c:
        one = c.unary_unary("/%s/Unary" % SERVICE, pb.Ask.SerializeToString, pb.Answer.FromString)
        n = 0
        while True:
            one(pb.Ask(name="old", count=n), timeout=20, metadata=(("x-client", "old-python"),))
            n += 1
            time.sleep(0.2)


what, *rest = sys.argv[1:]
if what == "serve":
    serve(*rest)
else:
    {"call": call, "loop": loop}[what](rest[0], rest[1:] == ["tls"])
