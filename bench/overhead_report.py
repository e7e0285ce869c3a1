# SPDX-License-Identifier: Apache-2.0
"""Tables out of what bench/overhead measured: lines of key=value words, or two profiles."""
import re
import statistics
import sys


def number(s):
    try:
        return float(s)
    except ValueError:
        return 0.0 if s == "none" else float("nan")


def read(path):
    for line in open(path):
        words = dict(w.split("=", 1) for w in line.split() if "=" in w)
        yield {k: v if k in ("mode", "test") else number(v) for k, v in words.items()}


def median(values):
    values = list(values)
    return statistics.median(values) if values else float("nan")


def table(rows, test):
    rows = [r for r in rows if r["test"] == test]
    bare = {}
    for r in rows:
        if r["mode"] == "bare":
            bare.setdefault(r["round"], []).append(r)
    modes = list(dict.fromkeys(r["mode"] for r in rows))
    print(f"\n{test:<10} {'rate':>7} {'ratio':>6} {'(worst - best)':>15} {'p50 us':>7} {'ratio':>6} {'p99 us':>7} {'ratio':>6}"
          f" {'target':>7} {'ratio':>6}  others, CPU us per request")
    for mode in modes:
        mine = [r for r in rows if r["mode"] == mode]

        def ratios(key):
            out = []
            for r in mine:
                base = [b[key] for b in bare.get(r["round"], [])]
                if base and statistics.mean(base):
                    out.append(r[key] / statistics.mean(base))
            return out

        spread = ratios("rate") or [float("nan")]
        others = sorted({k for r in mine for k in r if k.startswith("cpu.") and k != "cpu.target"})
        print(f"{mode:<10} {median(r['rate'] for r in mine):>7.0f} {median(spread):>6.2f}"
              f" {min(spread):>8.2f} - {max(spread):.2f}"
              f" {median(r['p50'] for r in mine):>7.0f} {median(ratios('p50')):>6.2f}"
              f" {median(r['p99'] for r in mine):>7.0f} {median(ratios('p99')):>6.2f}"
              f" {median(r['cpu.target'] for r in mine):>7.1f} {median(ratios('cpu.target')):>6.2f}  "
              + ", ".join(f"{k[4:].replace('limpid-', '')} {median(r.get(k, 0) for r in mine):.1f}" for k in others))


def counts(rows):
    for mode in ("decode", "only_tcp", "full"):
        mine = [r for r in rows if r["mode"] == mode and r["test"] == "count"]
        if not mine:
            continue
        total = {k: sum(r.get(k, 0) for r in mine) for k in ("made", "seen", "stored", "dropped", "missing")}
        print(f"{mode}: {total['made']:.0f} requests made, {total['seen']:.0f} exchanges decoded"
              f" (wrk does not count what is under way at its end)", end="")
        print(f", {total['missing']:.0f} bytes missing" if mode != "full" else
              f", {total['stored']:.0f} stored, {total['dropped']:.0f} dropped before the hub")


KINDS = [
    ("Limpid's programs", r"bpf_prog_"),
    ("what they call", r"bpf_|_nofault|htab|nulls_elem|ktime_get_mono_fast|read_tsc|ringbuf|task_storage|check_object_size|virt_addr_valid"),
    ("the tracepoints", r"bpf_trace_run|syscall_trace_enter|syscall_exit_work|__traceiter|trace_special|__bpf_trace"),
]


def profile(path, by_symbol):
    rows = []
    for line in open(path):
        m = re.match(r"\s+([\d.]+)%\s+(\S+)\s+\[(.)\]\s+(.*)", line)
        if m:
            rows.append((float(m[1]), m[3], m[4].strip()))
    if by_symbol:
        return ", ".join(f"{s} {p:.1f} %" for p, _, s in rows[:14])
    out = []
    order = [KINDS[2], KINDS[0], KINDS[1]]
    left = rows
    for name, pattern in order:
        hit = [r for r in left if re.search(pattern, r[2])]
        left = [r for r in left if r not in hit]
        out.append(f"{name} {sum(p for p, _, _ in hit):.1f} %")
    out.append(f"rest of the kernel {sum(p for p, k, _ in left if k == 'k'):.1f} %")
    out.append(f"nginx itself {sum(p for p, k, _ in left if k != 'k'):.1f} %")
    return ", ".join(out)


if sys.argv[1] == "--profile":
    try:
        print("\nthe server's time:", profile(sys.argv[2], False))
        print("the decoder's time:", profile(sys.argv[3], True))
    except FileNotFoundError:
        print("\nno profile: perf is not there")
else:
    seen = list(read(sys.argv[1]))
    for name in ("http", "https", "paced"):
        table(seen, name)
    print()
    counts(seen)
