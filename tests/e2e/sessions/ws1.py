# SPDX-License-Identifier: Apache-2.0
"""ws1.py PORT - a WebSocket over HTTP/1.1 by wsproto, in the clear, not deflated: what tshark can read, too."""
import socket
import sys

from wsproto import ConnectionType, WSConnection
from wsproto.events import AcceptConnection, BytesMessage, CloseConnection, Message, Request, TextMessage

s = socket.create_connection(("127.0.0.1", int(sys.argv[1])), timeout=30)
ws = WSConnection(ConnectionType.CLIENT)


def until(kind):
    got = ""
    while True:
        for event in ws.events():
            if isinstance(event, Message):
                got += event.data if isinstance(event.data, str) else event.data.hex()
                if event.message_finished and kind is Message:
                    return got
            elif isinstance(event, kind):
                return event
        data = s.recv(65536)
        ws.receive_data(data or None)


s.sendall(ws.send(Request(host="127.0.0.1", target="/chat?http1")))
until(AcceptConnection)
for i in range(5):
    s.sendall(ws.send(TextMessage(data=f"message {i}")))
    assert until(Message) == f"message {i}"
s.sendall(ws.send(BytesMessage(data=bytes(range(200)))))
assert until(Message) == bytes(range(200)).hex()
s.sendall(ws.send(CloseConnection(code=1000, reason="bye")))
until(CloseConnection)
