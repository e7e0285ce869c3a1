# SPDX-License-Identifier: Apache-2.0
"""table.py [--partly] check|update TABLE [NAME...] - the table of rows in docs/tls.md against the one that was run.

check: each row that ran is there with the same figures, and there is no other but those NAMEd, which this machine could
not run.  --partly: some files of rows were chosen, so there may be others.
"""
import sys

BEGIN, END = "<!-- rows: sudo tests/e2e/26-tls-rows.sh update -->", "<!-- rows end -->"
DOC = "docs/tls.md"


def row(line):
    return line.split("`")[1]


def name(line):
    return row(line).rpartition("-")[0]


partly = sys.argv[1] == "--partly"
what, table, *skipped = sys.argv[1 + partly:]
text = open(DOC, encoding="utf-8").read()
before, rest = text.split(BEGIN + "\n")
inside, after = rest.split(END)
old = [line for line in inside.splitlines() if line.startswith("| `")]
new = open(table, encoding="utf-8").read().splitlines()
if what == "update":
    ran = {row(line) for line in new}
    kept = [line for line in old if row(line) not in ran and (partly or name(line) in skipped)]
    head = "| row | program | TLS library | found | missed | doubled | wrong | socket by, or why unread |\n|---|---|---|---|---|---|---|---|\n"
    body = "".join(line + "\n" for line in sorted(new + kept, key=row))
    open(DOC, "w", encoding="utf-8").write(before + BEGIN + "\n" + head + body + END + after)
    sys.exit()
wrong = [f"not in {DOC}: {line}" for line in new if line not in old]
if not partly:
    wrong += [f"in {DOC}, but not run: {line}" for line in old if line not in new and name(line) not in skipped]
sys.exit("\n".join(wrong) or 0)
