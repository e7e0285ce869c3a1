# SPDX-License-Identifier: Apache-2.0
"""compare.py [--settled] MARK ROWS SCRIPT LOG FLOWS - each row's exchanges as Limpid showed them, against what was said.

ROWS has a line for each row: NAME-SIDE, its server's port, library, text, why it is not read (or nothing), separated by
tabs.  Prints "ok" or "not" and the row's line of the table, and on standard error what was not as it should be.
With --settled it only says by the exit status whether each exchange was shown.
"""
import collections
import hashlib
import json
import re
import sys


MARK = sys.argv[-5]  # before the command name of each row
# Nested or remembered from an earlier call is a matter of what was buffered when; matched is another kind of evidence.
SOCKET = {"nested": "the call", "sticky": "the call", "matched": "matched"}


def body(target, n):
    unit = target.encode() + b" "
    return [n, n, hashlib.sha256((unit * (n // len(unit) + 1))[:n]).hexdigest()]


def expected(script):
    """What does not differ from row to row, by the sequence's name."""
    want = {}
    for seq, _, method, target, send, answer, status in (line.split() for line in open(script, encoding="ascii")):
        want[seq] = {
            "request": {"op": method, "target": target, "x-seq": seq, "body": body(target, int(send))},
            "response": {"status": status, "x-echo": seq, "body": body(target, int(answer))},
        }
    return want


def comm(row):
    name, _, side = row.rpartition("-")
    return f"{MARK}{name}-{side[0]}"


class Row:
    def __init__(self, line):
        self.id, port, self.library, self.text, self.reason = line.rstrip("\n").split("\t")
        self.server_port = int(port)
        self.side = self.id.rpartition("-")[2]
        self.ports = {}  # seq: the client's port, as the other end saw it
        self.flows = collections.defaultdict(list)
        self.stray = []
        self.reasons = {}  # client's port: why that connection is not read
        self.sockets = set()  # how the socket was known, of all flows: "the call", "matched"

    def take(self, flow):
        seq = (flow["request"] or {}).get("x-seq")
        if flow["proto"] == "tls":
            # a connection of the conversation that is said to be unread, although its exchanges are there
            if flow["client"]["port"] in self.ports.values():
                self.reasons[flow["client"]["port"]] = flow["tls"]["reason"]
                self.stray.append(flow)
        elif seq in self.ports:
            self.flows[seq].append(flow)
        elif flow["proto"] == "tcp" and flow["server"]["ip"] is None:
            pass  # a program's processes among each other, over a pair of unix sockets
        elif "warm" not in (seq, (flow["response"] or {}).get("x-echo")):
            self.stray.append(flow)

    def wrong(self, flow, want, seq):
        """What differs from the transcript, as text; empty when nothing does."""
        got = {
            "request": {k: flow["request"][k] for k in want["request"]},
            "response": {k: flow["response"][k] for k in want["response"]} if flow["response"] else None,
        }
        out = [f"{k} {got[k]} for {want[k]}" for k in want if got[k] != want[k]]
        facts = {
            "row": (flow["request"]["x-row"], self.id),
            "proto": (flow["proto"], "http1"),
            "state": (flow["state"], "done"),
            "flags": (flow["flags"], []),
            "seen_by": (flow["seen_by"], self.side),
            "addresses": ((flow["client"]["ip"], flow["server"]["ip"]), ("127.0.0.1", "127.0.0.1")),
            "client's port": (flow["client"]["port"], self.ports[seq]),
            "server's port": (flow["server"]["port"], self.server_port),
            "road": (flow["tls"]["road"], "probes"),
        }
        out += [f"{k}: {a} for {b}" for k, (a, b) in facts.items() if a != b]
        mapping = flow["tls"]["mapping"]
        if mapping not in SOCKET:
            out.append(f"mapping {mapping}")
        self.sockets.add(SOCKET.get(mapping, "?"))
        library = f"{flow['tls']['library']} {flow['tls']['version']}"
        if not re.match(re.escape(self.library) + r"(?!\d)", library):
            out.append(f"library {library}")
        return "; ".join(out)

    def shown(self, want):
        return self.reasons.keys() >= set(self.ports.values()) if self.reason else len(self.flows) == len(want)

    def judge(self, want):
        """(line of the table, whether all is well)"""
        missed = doubled = bad = 0
        for seq in want:
            flows = self.flows.get(seq, [])
            missed += not flows
            doubled += max(0, len(flows) - 1)
            for what in filter(None, (self.wrong(f, want[seq], seq) for f in flows)):
                bad += 1
                if bad < 4:
                    print(f"{self.id} {seq}: {what}", file=sys.stderr)
        found = len(want) - missed
        if missed and not self.reason:
            print(f"{self.id}: missed: {' '.join(s for s in want if s not in self.flows)}", file=sys.stderr)
        if self.reason:  # then each connection must at least be there, with the reason
            connections = set(self.ports.values())
            bad += sum(self.reasons.get(port) != self.reason for port in connections)
            for port in connections - self.reasons.keys():
                print(f"{self.id}: nothing is said of the connection from port {port}", file=sys.stderr)
            told = ", ".join(sorted(set(self.reasons.values())))
        else:
            for f in self.stray[:3]:
                print(f"{self.id}: besides: {json.dumps(f)}", file=sys.stderr)
            bad, told = bad + len(self.stray), ", ".join(sorted(self.sockets))
        line = f"| `{self.id}` | {self.text} | {self.library} | {found} | {missed} | {doubled} | {bad} | {told} |"
        return line, found == (0 if self.reason else len(want)) and not (doubled or bad)


def main():
    settled = sys.argv[1] == "--settled"
    rows_file, script, log, flows = sys.argv[-4:]
    want = expected(script)
    rows = [Row(line) for line in open(rows_file, encoding="utf-8")]
    by_id, by_comm = {r.id: r for r in rows}, {comm(r.id): r for r in rows}
    for line in open(log, encoding="ascii"):
        row, seq, port = line.split()
        if seq != "warm":
            by_id[row].ports[seq] = int(port)
    last = {}
    for line in open(flows, encoding="ascii"):
        if line.endswith("\n"):
            flow = json.loads(line)
            last[flow["id"]] = flow
    for flow in last.values():
        for end in ("client", "server"):
            row = by_comm.get(flow[end]["comm"])
            if row and row.side == end:  # a proxy is a client, too
                row.take(flow)
    if settled:
        sys.exit(not all(r.shown(want) for r in rows))
    for r in rows:
        line, well = r.judge(want)
        print("ok" if well else "not", line)


main()
