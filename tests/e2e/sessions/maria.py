# SPDX-License-Identifier: Apache-2.0
"""maria.py PORT - PyMySQL at a MariaDB: statements, rows, an error, several results."""
import sys

import pymysql
from pymysql.constants import CLIENT

c = pymysql.connect(host="127.0.0.1", port=int(sys.argv[1]), user="root", database="test", charset="utf8mb4", autocommit=True,
                    client_flag=CLIENT.MULTI_STATEMENTS)
k = c.cursor()
k.execute("CREATE OR REPLACE TABLE shop (id int, name varchar(30))")
for i in range(5):
    k.execute("INSERT INTO shop VALUES (%s, %s)", (i, "été %d" % i))
k.execute("SELECT id, name FROM shop ORDER BY id")
assert len(k.fetchall()) == 5
try:
    k.execute("SELECT nope FROM shop")
except pymysql.err.OperationalError:
    pass
k.execute("UPDATE shop SET name = NULL WHERE id < 3")
k.execute("SELECT 1 AS a; SELECT 'x' AS b, 2 AS c")
while k.nextset():
    pass
k.execute("SELECT repeat('m', 200) AS r FROM seq_1_to_300")
assert len(k.fetchall()) == 300
c.ping()
c.close()
