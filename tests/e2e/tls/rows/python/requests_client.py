# SPDX-License-Identifier: Apache-2.0
"""The client of ../script.py by requests.  It does not pipeline: those requests go one by one."""
import os
import sys
import threading

import requests
import urllib3

sys.path.insert(0, os.path.join(os.path.dirname(__file__), ".."))
import talk

urllib3.disable_warnings()


def connection(steps):
    with requests.Session() as s:
        s.trust_env = False
        for seq, _, method, target, n, answer, status in steps:
            r = s.request(method, f"https://127.0.0.1:{os.environ['PORT']}{target}", verify=False,
                          headers={"X-Row": os.environ["ROW"], "X-Seq": seq},
                          data=talk.body(target, n) if method in ("POST", "PUT") else None)
            assert (r.status_code, r.headers["X-Echo"]) == (status, seq), (seq, r.status_code, r.headers)
            assert r.content == talk.body(target, answer), (seq, len(r.content))


talk.connections(os.environ["SCRIPT"], connection)
