# shellcheck shell=bash
# Python 3.11 of Debian 12: its ssl module uses the system's OpenSSL.
both python "openssl 3.0" "Python, ssl on blocking sockets, a thread a connection" $py $rows/talk.py
both many "openssl 3.0" "Python, all connections at once on one thread, non-blocking" $py $rows/python/many.py
client requests "openssl 3.0" "Python, requests" $py $rows/python/requests_client.py
server httpserver "openssl 3.0" "Python, http.server" $py $rows/python/http_server.py
both asyncio "openssl 3.0" "Python, asyncio (memory BIO)" $py $rows/python/aio.py
both aiohttp "openssl 3.0" "Python, aiohttp (memory BIO)" $py $rows/python/aiohttp_rows.py
