"""N requests to HOST over one HTTPS connection, 150 ms apart; prints "TARGET MILLISECONDS" when each answer is whole.

timed.py HOST N
"""
import http.client
import ssl
import sys
import time

context = ssl.create_default_context()
context.check_hostname = False
context.verify_mode = ssl.CERT_NONE
c = http.client.HTTPSConnection(sys.argv[1], context=context, timeout=20)
for i in range(int(sys.argv[2])):
    c.request("GET", f"/seq/timed-{i}")
    c.getresponse().read()
    print(f"/seq/timed-{i} {time.time() * 1000:.1f}", flush=True)
    time.sleep(0.15)
