#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""screen.py [--resize COLUMNS@FILE] [--raw FILE] [--until FILE] COLUMNS ROWS COMMAND... - what COMMAND shows on a terminal of that size.

Runs it in a pseudo-terminal, draws what it writes with a terminal emulator (pyte) and prints the screen's lines without the blanks at their ends.
--until: it is sent SIGINT when FILE is there; the screen is printed as it was before that, then a line "-- end --", then as it is at the end.
--resize: the terminal gets so many columns when that file is there.  --raw: the bytes that were written, as they come.
"""
import argparse
import fcntl
import os
import pty
import select
import signal
import struct
import sys
import termios
import time

import pyte


def size(fd, columns, rows):
    fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))


def show(screen):
    lines = [line.rstrip() for line in screen.display]
    while lines and not lines[-1]:
        lines.pop()
    print("\n".join(lines), flush=True)


def main():
    p = argparse.ArgumentParser()
    p.add_argument("columns", type=int)
    p.add_argument("rows", type=int)
    p.add_argument("--resize")
    p.add_argument("--raw")
    p.add_argument("--until")
    p.add_argument("command", nargs=argparse.REMAINDER)
    a = p.parse_args()
    screen = pyte.Screen(a.columns, a.rows)
    stream = pyte.ByteStream(screen)
    raw = open(a.raw, "wb", buffering=0) if a.raw else None
    pid, fd = pty.fork()
    if pid == 0:
        os.environ["TERM"] = "xterm-256color"
        time.sleep(0.2)  # until the size is set
        os.execvp(a.command[0], a.command)
    size(fd, a.columns, a.rows)
    columns, resize_at = a.resize.split("@") if a.resize else (0, None)
    stopped = False
    while True:
        ready, _, _ = select.select([fd], [], [], 0.05)
        if resize_at and os.path.exists(resize_at):
            size(fd, int(columns), a.rows)
            screen.resize(a.rows, int(columns))
            resize_at = None
        if a.until and os.path.exists(a.until) and not stopped:
            show(screen)
            print("-- end --")
            os.kill(pid, signal.SIGINT)
            stopped = True
        if not ready:
            continue
        try:
            data = os.read(fd, 65536)
        except OSError:
            break
        if not data:
            break
        if raw:
            raw.write(data)
        stream.feed(data)
    _, status = os.waitpid(pid, 0)
    show(screen)
    sys.exit(os.waitstatus_to_exitcode(status) & 255)


main()
