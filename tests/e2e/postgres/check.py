# check.py FILE DIRECTORY - the last write of each flow in FILE (JSON lines), against what the clients said; in DIRECTORY is what pgbench
# says that it did.
import json
import re
import sys
from collections import Counter

flows = {}
for line in open(sys.argv[1], encoding="utf-8"):
    f = json.loads(line)
    if f["proto"] == "postgres":
        flows[f["id"]] = f
flows = list(flows.values())


def attr(half, key):
    return half["attrs"].get(key)


def find(target, op="Query", status=None):
    got = [f for f in flows if f["request"] and f["request"]["op"] == op and (f["request"]["target"] or "").startswith(target)]
    got = [f for f in got if status is None or (f["response"] or {}).get("status") == status]
    assert got, f"no {op} {target} {status}"
    return got


def rows(f):
    return [json.loads(line) for line in f["response"]["body"]["text"].splitlines()]


# Nothing is left over: each request has its answer, each answer its request; flags only where they belong.
bad = [f for f in flows if not f["request"] or (f["request"]["op"] != "Notification" and (not f["response"] or f["state"] != "done"))]
assert not bad, (len(bad), bad[:2])
flagged = {(f["request"]["target"] or "")[:20]: f["flags"] for f in flows if f["flags"] and f["request"]["op"] != "Describe"}
assert flagged == {"(statement \"_pg3_0\" ": ["midstream"], "SELECT 'said after' ": ["midstream"], "SELECT length('lllll": ["truncated"],
                   "copy pgbench_account": ["truncated"]}, flagged
assert "hunter2" not in open(sys.argv[1], encoding="utf-8").read(), "a password is in the flows"

# psql
f = find("SELECT 'by unix socket'")[0]
assert f["l4"] == "unix" and rows(f) == [["by unix socket"]], f
f = find("SELECT 1 AS one")[0]
assert f["l4"] == "tcp" and rows(f) == [["1", None, "zwei"]] and attr(f["response"], "columns") == '["one","nothing","two"]', f
f = find("SELECT nope", status="42703")[0]
assert f["failed"] and attr(f["response"], "position") == "8" and "nope" in f["response"]["reason"], f
assert attr(find("INSERT INTO t VALUES (1, 'a')", status="INSERT")[0]["response"], "affected") == "2"
assert attr(find("INSERT INTO t VALUES (1, 'twice')", status="23505")[0]["response"], "constraint") == "t_pkey"
find("UPDATE t SET", status="UPDATE")
find("CREATE TABLE t ", status="CREATE TABLE")
f = find("COPY t FROM", status="COPY")[0]
assert attr(f["response"], "affected") == "1000" and f["request"]["body"]["text"] == "".join(f"{i}\tcopied\n" for i in range(10, 1010)), f
assert find("COPY t TO", status="COPY")[0]["response"]["body"]["text"].count("\n") == 1002
for target, n, width in (("SELECT repeat('k'", 100, 60), ("SELECT repeat('m'", 1000, 1000), ("SELECT repeat('s'", 300, 1000)):
    f = find(target)[0]
    got = rows(f)
    assert len(got) == n and all(len(r[0]) == width for r in got) and attr(f["response"], "rows") == str(n), target
f = find("SELECT length('l")[0]
assert attr(f["request"], "statement_len") == "300035" and rows(f) == [["300000"]], f["response"]
f = find("news", "Notification")[0]
assert f["request"]["body"]["text"] == "to whom it may concern", f
assert {f["request"]["target"] for f in find("ALTER ROLE")} == {"ALTER ROLE app PASSWORD *"}
find("postgres", "Startup", "28P01")

# How clients came in; what TLS protects begins with the startup, and is on the connection of the SSLRequest.
auth = Counter(attr(f["response"], "auth") for f in find("postgres", "Startup", "OK"))
assert auth["trust"] == 2 and auth["password"] == 1 and auth["md5"] == 1 and auth["SCRAM-SHA-256-PLUS"] == 5 and auth["SCRAM-SHA-256"] > 20, auth
tls = {f["conn"] for f in find("", "SSLRequest", "S")}
assert tls == {f["conn"] for f in flows if f["tls"]} == {f["conn"] for f in find("postgres", "Startup") if f["tls"]} and len(tls) == 5, tls
for target, op in (("SELECT 'by TLS'", "Query"), ("SELECT $1::text AS encrypted", "Execute")):
    f = find(target, op)[0]
    assert f["tls"]["library"] == "openssl", f

# The client from before
f = find('(statement "_pg3_0" is unknown: made before capture', "Execute")[0]
assert rows(f) == [["4713"]] and attr(f["request"], "unknown") == "statement", f
assert rows(find("SELECT 'said after'")[0]) == [["said after"]]

# pgbench: as many as it says
apps = {f["conn"]: attr(f["request"], "application") for f in find("postgres", "Startup")}
for mode, op in (("simple", "Query"), ("extended", "Execute"), ("prepared", "Execute"), ("tls", "Execute")):
    said = int(re.search(r"actually processed: (\d+)/", open(f"{sys.argv[2]}/pgbench-{mode}").read()).group(1))
    mine = [f for f in flows if apps.get(f["conn"]) == "bench-" + mode and f["request"]["op"] == op and not f["failed"]]
    got = Counter(f["response"]["status"] + (" abalance" if "abalance FROM" in f["request"]["target"] else "") for f in mine)
    want = {"BEGIN": said, "COMMIT": said, "INSERT": said, "UPDATE": 3 * said, "SELECT abalance": said}
    assert said > 0 and {k: got[k] for k in want} == want, (mode, said, got)
    affected = sum(int(attr(f["response"], "affected") or 0) for f in mine)
    assert affected == 4 * said, (mode, affected)
    if op == "Execute":  # three of them have parameters that are typed, or text
        assert sum(bool(attr(f["request"], "params")) and attr(f["request"], "params") != "[]" for f in mine) == 5 * said, mode

# psycopg: binary values as the server itself prints them
for kind, op in (("types", "Execute"), ("rest", "Execute")):
    f = find(f"SELECT '{kind}' AS kind", op)[0]
    got, types = rows(f)[0], json.loads(attr(f["response"], "types"))
    printed = rows([f for f in flows if (f["request"]["target"] or "").startswith(("SELECT 'printed' AS kind", "SELECT 'rest printed' AS kind")[kind == "rest"])][0])[0]
    assert len(got) == len(printed) == len(types), (len(got), len(printed))
    differ = [(t, a, b) for t, a, b in zip(types[1:], got[1:], printed[1:]) if a != b and t not in ("money", "tsvector")]
    assert not differ, differ
params = json.loads(attr(find("SELECT 'types' AS kind", "Execute")[0]["request"], "params"))
assert params[:4] == ["t", "42", "1099511627776", "1.5"] and params[9] is None, params
assert len([f for f in find("INSERT INTO piped VALUES ($1, $2)", "Execute", "INSERT")]) == 199
assert len([f for f in find("INSERT INTO piped VALUES ($1, 'many')", "Execute", "INSERT")]) == 100
assert [f["response"]["status"] for f in find("", "Execute") if "AS broken" in f["request"]["target"]] == ["SELECT", "22012", "SKIPPED"]
f = find('(portal "of_server" is unknown: made by SQL', "Describe")[0]
assert not f["flags"], f
assert sum(int(attr(f["response"], "rows") or 0) for f in flows if "of_server" in (f["request"]["target"] or "")) == 1000
assert attr(find("COPY piped", "Query", "COPY")[0]["response"], "affected") == "500"
assert rows(find("SELECT $1::int8 AS unix", "Execute")[0]) == [["77"]]
f = find("SELECT 1; SELECT 2", status="INSERT")[0]
assert attr(f["response"], "tag") == ["SELECT 1", "SELECT 1", "INSERT 0 1"] and rows(f) == [["1"], ["2"]], f

# JDBC: each of a batch, what failed, what was not run; a statement that becomes a named one; rows in pieces
jdbc = find("CREATE TABLE batch", "Execute")[0]["conn"]
batch = [f for f in flows if f["conn"] == jdbc]
inserts = Counter(f["response"]["status"] for f in batch if f["request"]["target"] == "INSERT INTO batch VALUES ($1, $2)" and f["request"]["op"] == "Execute")
assert inserts == {"INSERT": 1001, "23505": 1, "SKIPPED": 1}, inserts
assert find("INSERT INTO batch", "Execute")[3]["request"]["attrs"]["params"] == '["3","row 3"]'
counts = [f for f in batch if "AS jdbc" in (f["request"]["target"] or "") and f["request"]["op"] == "Execute"]
assert [rows(f) for f in counts] == [[[str(i)]] for i in range(12)], counts[:2]
assert any(attr(f["request"], "statement") for f in counts)
fetched = [f for f in batch if "fetched_by_jdbc" in (f["request"]["target"] or "") and f["request"]["op"] == "Execute"]
assert [f["response"]["status"] for f in fetched] == ["SUSPENDED", "SUSPENDED", "SELECT"], fetched
assert sum(len(rows(f)) for f in fetched) in (1000, 1001)
print(len(flows), "flows")
