# SPDX-License-Identifier: Apache-2.0
"""ws2.py PORT - WebSockets in streams of one HTTP/2 connection (RFC 8441), by the libraries h2 and wsproto, deflated with context takeover."""
import socket
import sys

import h2.config
import h2.connection
import h2.events
import h2.settings
from wsproto.extensions import PerMessageDeflate
from wsproto.frame_protocol import CloseReason, FrameProtocol, Opcode

PRICES = ['{"type":"price","symbol":"ABC","value":%d}' % i for i in range(5)]


class Socket:
    def __init__(self, peer, path):
        self.peer, self.stream = peer, peer.conn.get_next_available_stream_id()
        self.deflate, self.got, self.pongs, self.closed, self.last = PerMessageDeflate(), [], 0, False, ""
        peer.sockets[self.stream] = self
        offer = f"permessage-deflate; {self.deflate.offer()}"
        peer.conn.send_headers(self.stream, [
            (":method", "CONNECT"), (":protocol", "websocket"), (":scheme", "http"), (":path", path), (":authority", "127.0.0.1"),
            ("sec-websocket-version", "13"), ("sec-websocket-extensions", offer.rstrip("; ") if offer.endswith("; ") else offer)])
        peer.until(lambda: hasattr(self, "frames"))

    def agreed(self, headers):
        said = dict(headers)
        assert said[":status"] == "200", said
        self.deflate.finalize(said["sec-websocket-extensions"])
        self.frames = FrameProtocol(client=True, extensions=[self.deflate])

    def data(self, data):
        self.frames.receive_bytes(data)
        for frame in self.frames.received_frames():
            if frame.opcode is Opcode.CLOSE:
                self.closed = True
            elif frame.opcode is Opcode.PONG:
                self.pongs += 1
            elif frame.opcode in (Opcode.TEXT, Opcode.BINARY):
                self.last += frame.payload if frame.opcode is Opcode.TEXT else frame.payload.hex()
                if frame.message_finished:
                    self.got.append(self.last)
                    self.last = ""

    def send(self, data):
        for at in range(0, len(data), 16000):
            part = data[at:at + 16000]
            self.peer.until(lambda: self.peer.conn.local_flow_control_window(self.stream) >= len(part))
            self.peer.conn.send_data(self.stream, part)
        self.peer.flush()

    def talk(self, what):
        self.send(self.frames.send_data(what, fin=True))
        self.peer.until(lambda: self.got)
        assert self.got.pop() == (what if isinstance(what, str) else what.hex()), what[:80]



class Peer:
    def __init__(self, port):
        self.s, self.sockets, self.may_connect = socket.create_connection(("127.0.0.1", port), timeout=30), {}, False
        self.conn = h2.connection.H2Connection(h2.config.H2Configuration(client_side=True, header_encoding="utf-8"))
        self.conn.initiate_connection()
        self.until(lambda: self.may_connect)

    def flush(self):
        self.s.sendall(self.conn.data_to_send())

    def until(self, done):
        while not done():
            self.flush()
            data = self.s.recv(65536)
            assert data, "the server has gone"
            for event in self.conn.receive_data(data):
                if isinstance(event, h2.events.RemoteSettingsChanged):
                    self.may_connect |= self.conn.remote_settings.get(h2.settings.SettingCodes.ENABLE_CONNECT_PROTOCOL) == 1
                elif isinstance(event, h2.events.ResponseReceived):
                    self.sockets[event.stream_id].agreed(event.headers)
                elif isinstance(event, h2.events.DataReceived):
                    self.conn.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
                    self.sockets[event.stream_id].data(event.data)
            self.flush()


peer = Peer(int(sys.argv[1]))
one, two = Socket(peer, "/chat?one"), Socket(peer, "/chat?two")
for price in PRICES:  # in turn: each direction of each stream has a window of its own
    one.talk(price)
    two.talk(price.replace("ABC", "XYZ"))
one.talk(bytes(range(256)))
two.talk("long " * 40000)
one.send(one.frames.ping(b"here"))
peer.until(lambda: one.pongs)
one.send(one.frames.send_data("in ", fin=False) + one.frames.send_data("three ", fin=False) + one.frames.send_data("fragments", fin=True))
peer.until(lambda: one.got)
assert one.got.pop() == "in three fragments"
one.send(one.frames.close(CloseReason.NORMAL_CLOSURE, "bye"))
two.send(two.frames.close(3000, "tab closed"))
peer.until(lambda: one.closed and two.closed)
for each in (one, two):  # hypercorn 0.13 ends the connection with the first of them
    peer.conn.end_stream(each.stream)
peer.flush()
