# SPDX-License-Identifier: Apache-2.0
"""attributes.py serve PORT | talk PORT - MySQL's query attributes: mysql-mimic, a server in Python, and Oracle's connector."""
import sys


def serve(port):
    import asyncio

    from mysql_mimic import MysqlServer, Session

    class One(Session):
        async def query(self, expression, sql, attrs):
            return [("été", 7)], ["word", "number"]

    async def run():
        server = MysqlServer(session_factory=One, port=int(port))
        await server.serve_forever()

    asyncio.run(run())


def talk(port):
    import mysql.connector

    c = mysql.connector.connect(host="127.0.0.1", port=int(port), user="app", password="", use_pure=True, ssl_disabled=True)
    k = c.cursor()
    k.add_attribute("traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")
    k.add_attribute("attempt", 3)
    k.execute("SELECT word, number FROM t")
    assert k.fetchall() == [("été", 7)]
    k.clear_attributes()
    k.execute("SELECT word, number FROM without_attributes")
    k.fetchall()
    c.close()


{"serve": serve, "talk": talk}[sys.argv[1]](sys.argv[2])
