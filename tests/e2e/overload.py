# SPDX-License-Identifier: Apache-2.0
"""HTTP clients that count every byte they move, and the server they talk to, in a process of its own.

overload.py PORTFILE        the server; writes its port
overload.py PORT STEPS...   the client: one step per line of standard input; prints what it has moved after each
  few PATH     three exchanges, on the connection that is kept
  storm SECS   exchanges with bodies of 20 kB on six connections
  dense SECS   the same with bodies that no compression makes smaller
  get BYTES    one download of so many bytes
  noise BYTES  as many in a protocol that nobody knows
  hang PATH    three requests on three connections, which are not answered
  close        everything
"""
import os
import socket
import sys
import threading
import time

CONNECTIONS = 6


def serve(conn):
	with conn, conn.makefile("rb") as lines:
		while True:
			request = lines.readline().split()
			if not request:
				return
			if request[0] == b"\1noise":
				conn.sendall(b"\xfe" * int(request[1]))
				continue
			while lines.readline().strip():
				pass
			path = request[1].decode()
			if path.startswith("/hang"):
				continue
			n = int(path[5:]) if path.startswith("/get/") else 20000 if path.startswith(("/storm", "/dense")) else 10
			conn.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % n)
			block = os.urandom(n) if path.startswith("/dense") else b"x" * 65536
			while n:
				n -= conn.send(block[:n])


def server(file):
	listener = socket.create_server(("127.0.0.1", 0))
	with open(file, "w") as f:
		f.write(str(listener.getsockname()[1]))
	while True:
		threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()


class Connection:
	def __init__(self, port):
		self.s = socket.create_connection(("127.0.0.1", port))
		self.moved = 0

	def exchange(self, path):
		request = b"GET %s HTTP/1.1\r\nHost: overload\r\n\r\n" % path.encode()
		self.s.sendall(request)
		self.moved += len(request)
		head = b""
		while b"\r\n\r\n" not in head:
			part = self.s.recv(65536)
			self.moved += len(part)
			head += part
		at = head.index(b"\r\n\r\n")
		left = int(head[:at].split(b"Content-Length: ")[1]) - (len(head) - at - 4)
		while left:
			part = self.s.recv(65536)
			self.moved += len(part)
			left -= len(part)


	def noise(self, n):
		line = b"\1noise %d\n" % n
		self.s.sendall(line)
		self.moved += len(line) + n
		while n:
			n -= len(self.s.recv(min(n, 65536)))


def storm(conns, path, seconds):
	end = time.monotonic() + seconds
	n = 0

	def one(c):
		nonlocal n
		while time.monotonic() < end:
			c.exchange("/%s/%d" % (path, n))
			n += 1

	threads = [threading.Thread(target=one, args=(c,)) for c in conns]
	for t in threads:
		t.start()
	for t in threads:
		t.join()


def client(port):
	conns = [Connection(port) for _ in range(CONNECTIONS)]
	for line in sys.stdin:
		step, _, arg = line.strip().partition(" ")
		if step == "few":
			for i in range(3):
				conns[0].exchange("%s/%d" % (arg, i))
		elif step in ("storm", "dense"):
			storm(conns, step, float(arg))
		elif step == "get":
			conns[1].exchange("/get/" + arg)
		elif step == "noise":
			conns[2].noise(int(arg))
		elif step == "hang":
			for c in conns[3:]:
				c.s.sendall(b"GET %s HTTP/1.1\r\nHost: overload\r\n\r\n" % arg.encode())
		elif step == "close":
			for c in conns:
				c.s.close()
		print(sum(c.moved for c in conns), flush=True)


if sys.argv[1].isdigit():
	client(int(sys.argv[1]))
else:
	server(sys.argv[1])
