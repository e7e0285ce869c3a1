# client.py PORT late|DIRECTORY - what Python's clients say: psycopg 3 (extended, binary, pipeline), psycopg 2 (simple).  late: prepares
# a statement, waits for a line, executes it.
import datetime
import sys
import uuid
from decimal import Decimal

import psycopg
import psycopg2

PORT, WHAT = sys.argv[1:]


def connect(**more):
    args = dict(host="127.0.0.1", port=PORT, dbname="postgres", user="app", password="hunter2", sslmode="disable", autocommit=True)
    return psycopg.connect(**{**args, **more})


def late():
    with connect() as c:
        for _ in range(2):
            c.execute("SELECT %s::int + 4711 AS late", (1,), prepare=True)
        print("prepared", flush=True)
        sys.stdin.readline()
        assert c.execute("SELECT %s::int + 4711 AS late", (2,), prepare=True).fetchone() == (4713,)
        c.execute("SELECT 'said after' AS attach")
    print("executed", flush=True)


TYPES = [True, 42, 1 << 40, 1.5, Decimal("12.50"), Decimal("-0.00001234"), Decimal("NaN"), "größe\n'x'", b"\x00\xff", None,
         datetime.date(2026, 2, 28), datetime.time(12, 30, 0, 5), datetime.datetime(1999, 12, 31, 23, 59, 59, 123456),
         datetime.datetime(2026, 1, 1, tzinfo=datetime.timezone.utc), datetime.timedelta(days=3, hours=-5),
         uuid.UUID("12345678-1234-5678-1234-567812345678"), [1, 2, None], ["a b", 'q"', None]]


def types(c):
    marks = ", ".join(f"%b AS c{i}" for i in range(len(TYPES)))
    c.execute("SET timezone = 'UTC'")
    c.execute("SELECT 'types' AS kind, " + marks, TYPES, binary=True)
    # What the server itself prints for the same values, to compare with.
    c.execute("SELECT 'printed' AS kind, " + marks, TYPES, binary=False)
    rest = ("SELECT '{kind}' AS kind, '10.1.2.0/24'::cidr, '::1'::inet, '{{\"a\": [1]}}'::jsonb, '(1,2)'::point, 'x'::\"char\", 1::\"char\", "
            "'08:00:2b:01:02:03'::macaddr, B'10110', 'infinity'::timestamptz, '-infinity'::date, '2026-01-01 BC'::date, "
            "'13:00:00+02'::timetz, 3.4e38::real, 1e-7::float8, 'nan'::float8, 123456789012345678901234567890.5::numeric, 0::numeric(10,4), "
            "'1 year 2 mons -3 days 04:05:06.7'::interval, '{{{{1,2}},{{3,4}}}}'::int[], 'pg_class'::regclass::oid, int4range(1,5), 65::int2, "
            "'12.34'::money, 'n'::name, '(0,1)'::tid, 'a b'::tsvector, '<a/>'::xml, '[2:3]={{7,8}}'::int[], ARRAY[1.5,NULL]::numeric[], "
            "ARRAY[true], 1e100::float8, 0.1::float4, -0.0::float8, '24:00'::time, 10000::numeric, 1e-20::numeric, '-1 day'::interval, "
            "'1 day -00:00:01'::interval, '0'::interval, 'fe80::1/64'::inet, '\\x'::bytea, ''::text, '{{}}'::int[], '1999-01-01 00:00:00.5'::timestamp, "
            "'Infinity'::numeric, '12345-01-01'::date, '0/16B3748'::pg_lsn, '2026-06-01 12:00+00'::timestamptz, '[1,2]'::json")
    c.execute(rest.format(kind="rest"), binary=True)
    c.execute(rest.format(kind="rest printed"), binary=False)


def modern():
    with connect() as c:
        types(c)
        with c.pipeline():
            for i in range(200):
                c.execute("INSERT INTO piped VALUES (%s, %s)" if i else "CREATE TABLE piped (n int, t text)", (i, "x" * i) if i else None)
        try:
            with c.pipeline():
                c.execute("SELECT 'before' AS broken")
                c.execute("SELECT 1/%s AS broken", (0,))
                c.execute("SELECT 'skipped' AS broken")
        except psycopg.errors.DivisionByZero:
            pass
        c.cursor().executemany("INSERT INTO piped VALUES (%s, 'many')", [(i,) for i in range(100)])
        with c.transaction(), c.cursor(name="of_server") as s:
            s.itersize = 300
            s.execute("SELECT * FROM generate_series(1, 1000) AS fetched")
            assert len(list(s)) == 1000
        with c.cursor() as s:
            with s.copy("COPY piped (n, t) FROM STDIN (FORMAT BINARY)") as copy:
                copy.set_types(["int4", "text"])
                for i in range(500):
                    copy.write_row((i, "binary"))
            with s.copy("COPY (SELECT n FROM piped ORDER BY n) TO STDOUT") as copy:
                assert len(list(copy.rows())) == 799
    with connect(user="in_clear") as c, connect(user="hashed") as d:
        c.execute("SELECT 'clear' AS auth")
        d.execute("SELECT 'md5' AS auth")
    with connect(sslmode="require") as c:
        c.execute("SELECT %s::text AS encrypted", ("typed by TLS",), binary=True)
    with connect(host=WHAT, user="postgres") as c:
        c.execute("SELECT %s::int8 AS unix", (77,), binary=True)


def old():
    c = psycopg2.connect(host="127.0.0.1", port=PORT, dbname="postgres", user="app", password="hunter2", sslmode="disable")
    s = c.cursor()
    s.execute("SELECT %s AS two, %s", ("it's", None))
    s.execute("SELECT 1; SELECT 2 AS second; INSERT INTO piped VALUES (0, 'multi')")
    c.rollback()
    s.callproc("abs", (-5,))
    assert s.fetchone() == (5,)
    c.close()


if WHAT == "late":
    late()
else:
    modern()
    old()
