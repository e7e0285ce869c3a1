# SPDX-License-Identifier: Apache-2.0
"""curl.py CURL - the client of ../script.py by curl, one process a connection.  It does not pipeline."""
import os
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(__file__), ".."))
import talk


def connection(steps):
    with tempfile.TemporaryDirectory() as tmp:
        config = []
        for i, (seq, _, method, target, n, _, _) in enumerate(steps):
            config += ["next"] if i else []
            config += [f'url = "https://127.0.0.1:{os.environ["PORT"]}{target}"', f'request = "{method}"', "insecure", "silent",
                       "show-error", "http1.1", f'header = "X-Row: {os.environ["ROW"]}"', f'header = "X-Seq: {seq}"',
                       'header = "Expect:"', f'output = "{tmp}/{seq}"', 'noproxy = "*"',
                       f'write-out = "%{{http_code}} %header{{x-echo}} %{{num_connects}}\\n"']
            if method in ("POST", "PUT"):
                with open(f"{tmp}/{seq}.body", "wb") as f:
                    f.write(talk.body(target, n))
                config.append(f'data-binary = "@{tmp}/{seq}.body"')
        done = subprocess.run([sys.argv[1], "-q", "-K", "-"], input="\n".join(config), text=True, capture_output=True, timeout=60)
        assert done.returncode == 0, done.stderr
        for i, ((seq, _, _, target, _, answer, status), line) in enumerate(zip(steps, done.stdout.splitlines(), strict=True)):
            assert line == f"{status} {seq} {int(i == 0)}", (seq, line)
            got = open(f"{tmp}/{seq}", "rb").read() if answer else b""
            assert got == talk.body(target, answer), (seq, len(got))


talk.connections(os.environ["SCRIPT"], connection)
