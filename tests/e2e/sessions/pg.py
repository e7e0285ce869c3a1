# SPDX-License-Identifier: Apache-2.0
"""pg.py PORT - psycopg: the extended protocol, values in binary, a statement prepared once, a pipeline, an error, COPY."""
import sys

import psycopg

with psycopg.connect(f"host=127.0.0.1 port={sys.argv[1]} user=postgres dbname=postgres sslmode=disable", autocommit=True) as c:
    c.execute("CREATE TABLE IF NOT EXISTS shop (id int, name text, price numeric)")
    for i in range(8):  # from the fifth on it is prepared
        c.execute("INSERT INTO shop VALUES (%s, %s, %s)", (i, "été %d" % i, 1.5 * i))
    k = c.cursor(binary=True)
    k.execute("SELECT id, name, price FROM shop WHERE id > %s ORDER BY id", (3,))
    assert len(k.fetchall()) == 4
    try:
        c.execute("SELECT nope FROM shop")
    except psycopg.Error:
        pass
    with c.pipeline():
        for i in range(3):
            c.execute("UPDATE shop SET price = price + 1 WHERE id = %s", (i,))
    with c.cursor().copy("COPY shop TO STDOUT") as copy:
        assert len(list(copy)) == 8
    k = c.cursor()
    k.execute("SELECT repeat('x', 100) AS r FROM generate_series(1, 300)")
    assert len(k.fetchall()) == 300
