# SPDX-License-Identifier: Apache-2.0
"""Reads a recording (docs/recording.md) without any of Limpid's code: connections, and what was captured of them."""
import struct
import sys

OPEN, DATA, CLOSE = 1, 2, 3
TCP, UNIX, UDP = 0, 1, 2
READ, WRITE = 0, 1
UNKNOWN, CLIENT, SERVER = 0, 1, 2
LATE, END_READ, END_ALL = 2, 1, 4
DATAGRAM, BEGIN = 1, 4


class Conn:
    def __init__(self, cookie):
        self.cookie = cookie
        self.opens = []
        self.bytes = [bytearray(), bytearray()]
        self.moved = [0, 0]  # as the records of data say
        self.missing = [0, 0]  # of those, not captured
        self.jumps = 0  # records that do not follow the one before
        self.datagrams = [[], []]
        self.total = self.closed_ns = None
        self.how = 0

    def __getattr__(self, name):  # what EV_OPEN said last
        if name.startswith("_") or not self.opens or name not in self.opens[-1]:
            raise AttributeError(name)
        return self.opens[-1][name]

    def whole(self):
        """Every byte that moved was captured."""
        return bool(self.opens) and self.total == self.moved and self.missing == [0, 0] and not self.jumps

    def __repr__(self):
        who = "%s %r side %d peer %x" % (self.comm, self.path, self.side, self.peer_cookie) if self.opens else "unknown"
        return "%x: %s, moved %s missing %s jumps %d total %s how %d opens %d" % (
            self.cookie, who, self.moved, self.missing, self.jumps, self.total, self.how, len(self.opens))


def text(b):
    return b.split(b"\0", 1)[0].decode()


def on_open(c, flags, tgid, r):
    cgroup, peer, local, remote, lport, rport, side, l4, n, _, peer_tgid, comm, peer_comm, peer_cgroup = struct.unpack_from(
        "<QQ16s16sHHBBHII16s16sQ", r)
    c.opens.append({"cgroup": cgroup, "peer_cookie": peer, "local": local, "remote": remote, "lport": lport, "rport": rport,
                    "side": side, "l4": l4, "path": bytes(r[104:104 + n]), "peer_tgid": peer_tgid, "comm": text(comm),
                    "peer_comm": text(peer_comm), "peer_cgroup": peer_cgroup, "tgid": tgid, "late": bool(flags & LATE)})


def on_data(c, flags, r):
    off, n, ncap, d = struct.unpack_from("<QIIB", r)
    data = r[24:24 + ncap]
    c.jumps += off != c.moved[d] and not (c.opens and c.late and c.moved[d] == 0)
    c.moved[d] += n
    c.missing[d] += n - ncap
    c.bytes[d] += data
    if flags & DATAGRAM and flags & BEGIN:
        c.datagrams[d].append(bytearray())
    if flags & DATAGRAM:
        c.datagrams[d][-1] += data


def read(path):
    """Connections in the order in which they were first told of."""
    conns = {}
    with open(path, "rb") as f:
        data = f.read()
    magic, version, head = struct.unpack_from("<8sHH", data)
    if (magic, version, head) != (b"LIMPIDRC", 3, 32):
        sys.exit("no recording: %r, version %d" % (magic, version))
    at = head
    while at < len(data):
        ts, size, kind, flags, cookie, tgid, _ = struct.unpack_from("<QIHHQII", data, at)
        r = data[at + 32:at + size]
        at += size
        if kind not in (OPEN, DATA, CLOSE):
            continue
        c = conns.setdefault(cookie, Conn(cookie))
        if kind == OPEN:
            on_open(c, flags, tgid, r)
        elif kind == DATA:
            on_data(c, flags, r)
        else:
            *total, _, _, how, _ = struct.unpack_from("<QQQQII", r)
            c.total, c.how, c.closed_ns = total, c.how | how, ts
    return list(conns.values())
