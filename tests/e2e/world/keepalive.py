"""Requests /seq/FROM ... /seq/TO-1 over a few keep-alive connections and checks every answer.

keepalive.py http|https HOST FROM TO [PAUSE_SECONDS]
"""
import http.client
import ssl
import sys
import time

scheme, host, first, end = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
pause = float(sys.argv[5]) if len(sys.argv) > 5 else 0


def connect():
    if scheme == "https":
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        return http.client.HTTPSConnection(host, context=context, timeout=20)
    return http.client.HTTPConnection(host, timeout=20)


connections = [connect() for _ in range(4)]
for i in range(first, end):
    c = connections[i % len(connections)]
    c.request("GET", f"/seq/{i}")
    r = c.getresponse()
    body = r.read().decode()
    if r.status != 200 or body != f"answer to /seq/{i}\n":
        sys.exit(f"request {i}: {r.status} {body!r}")
    if pause:
        time.sleep(pause)
print(end - first)
