"""TLS between two memory BIOs in one process: 10,000 bytes are written and read, and no socket is used."""
import ssl
import sys

server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
server.load_cert_chain(sys.argv[1], sys.argv[2])
client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
client.check_hostname = False
client.verify_mode = ssl.CERT_NONE
a, b = ssl.MemoryBIO(), ssl.MemoryBIO()
c = client.wrap_bio(a, b)
s = server.wrap_bio(b, a, server_side=True)
done = set()
while len(done) < 2:
    for end in (c, s):
        try:
            end.do_handshake()
            done.add(end)
        except ssl.SSLWantReadError:
            pass
c.write(b"x" * 10000)
got = 0
while got < 10000:
    got += len(s.read(4096))
print(got)
