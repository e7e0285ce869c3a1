#!/usr/bin/env python3
"""What a kubelet does, as far as a test needs it: pods through a container runtime's socket (Kubernetes' CRI).

cri.py SOCKET pod NAME NAMESPACE UID CGROUP-PARENT [pod|host]     prints the sandbox's id; host: in the host's network
cri.py SOCKET run SANDBOX NAME COMMAND...                         creates and starts a container of it, prints its id
cri.py SOCKET ip SANDBOX                                          its address
cri.py SOCKET exec CONTAINER COMMAND...                           prints what it says
cri.py SOCKET state CONTAINER                                     0 created, 1 running, 2 exited
cri.py SOCKET remove SANDBOX                                      stops and removes it with its containers
cri.py image                                                      an image with busybox alone, for ctr images import

Messages are made by hand; field numbers are those of k8s.io/cri-api, runtime/v1.  A sandbox's configuration is kept in
SOCKET.SANDBOX, because each container's creation needs it again.
"""
import hashlib
import io
import json
import sys
import tarfile

IMAGE = "docker.io/limpid-test/busybox:latest"


def varint(n):
    out = b""
    while n > 127:
        out += bytes([n & 127 | 128])
        n >>= 7
    return out + bytes([n])


def field(no, value):
    if isinstance(value, int):
        return varint(no << 3) + varint(value)
    value = value.encode() if isinstance(value, str) else value
    return varint(no << 3 | 2) + varint(len(value)) + value


def labels(no, values):
    return b"".join(field(no, field(1, k) + field(2, v)) for k, v in values.items())


def parse(data):
    """The fields of a message: number to list of values."""
    at, out = 0, {}

    def number():
        nonlocal at
        n = shift = 0
        while True:
            byte = data[at]
            at += 1
            n |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return n

    while at < len(data):
        key = number()
        value = number()
        if key & 7 == 2:
            value, at = data[at:at + value], at + value
        out.setdefault(key >> 3, []).append(value)
    return out


class Runtime:
    def __init__(self, socket):
        import grpc
        self.socket = socket
        self.channel = grpc.insecure_channel("unix://" + socket)

    def call(self, method, message):
        same = {"request_serializer": bytes, "response_deserializer": bytes}
        return parse(self.channel.unary_unary("/runtime.v1.RuntimeService/" + method, **same)(message, timeout=60))

    def pod(self, name, namespace, uid, parent, network="host"):
        own = {"io.kubernetes.pod.name": name, "io.kubernetes.pod.namespace": namespace, "io.kubernetes.pod.uid": uid}
        spaces = field(1, 2 if network == "host" else 0) + field(2, 1)
        linux = field(1, parent) + field(2, field(1, spaces))
        config = field(1, field(1, name) + field(2, uid) + field(3, namespace)) + labels(6, own) + field(8, linux)
        if network != "host":
            config += field(2, name)
        sandbox = self.call("RunPodSandbox", field(1, config))[1][0].decode()
        with open(f"{self.socket}.{sandbox}", "w") as f:
            json.dump([own, config.hex(), spaces.hex()], f)
        return sandbox

    def run(self, sandbox, name, *command):
        with open(f"{self.socket}.{sandbox}") as f:
            own, config, spaces = json.load(f)
        own["io.kubernetes.container.name"] = name
        container = field(1, field(1, name)) + field(2, field(1, IMAGE)) + b"".join(field(3, c) for c in command)
        container += labels(9, own) + field(15, field(2, field(3, bytes.fromhex(spaces))))
        made = self.call("CreateContainer", field(1, sandbox) + field(2, container) + field(3, bytes.fromhex(config)))
        made = made[1][0].decode()
        self.call("StartContainer", field(1, made))
        return made

    def ip(self, sandbox):
        status = parse(self.call("PodSandboxStatus", field(1, sandbox))[1][0])
        return parse(status[5][0])[1][0].decode()

    def exec(self, container, *command):
        out = self.call("ExecSync", field(1, container) + b"".join(field(2, c) for c in command) + field(3, 10))
        return b"".join(out.get(1, []) + out.get(2, [])).decode()

    def state(self, container):
        return parse(self.call("ContainerStatus", field(1, container))[1][0]).get(3, [0])[0]

    def remove(self, sandbox):
        self.call("StopPodSandbox", field(1, sandbox))
        self.call("RemovePodSandbox", field(1, sandbox))
        return ""


def image():
    def add(archive, name, data=None):
        info = tarfile.TarInfo(name)
        info.mode = 0o755
        info.type = tarfile.DIRTYPE if data is None else tarfile.REGTYPE
        info.size = len(data or b"")
        archive.addfile(info, io.BytesIO(data or b""))

    layer = io.BytesIO()
    with tarfile.open(fileobj=layer, mode="w") as t, open("/bin/busybox", "rb") as f:
        add(t, "bin")
        add(t, "bin/busybox", f.read())
    digest = "sha256:" + hashlib.sha256(layer.getvalue()).hexdigest()
    config = {"architecture": "amd64", "os": "linux", "config": {"Cmd": ["/bin/busybox", "sleep", "86400"]},
              "rootfs": {"type": "layers", "diff_ids": [digest]}}
    manifest = [{"Config": "config.json", "RepoTags": [IMAGE], "Layers": ["layer.tar"]}]
    with tarfile.open(fileobj=sys.stdout.buffer, mode="w|") as t:
        add(t, "config.json", json.dumps(config).encode())
        add(t, "layer.tar", layer.getvalue())
        add(t, "manifest.json", json.dumps(manifest).encode())


if sys.argv[1:] == ["image"]:
    image()
else:
    print(getattr(Runtime(sys.argv[1]), sys.argv[2])(*sys.argv[3:]))
