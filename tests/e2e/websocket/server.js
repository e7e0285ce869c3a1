// SPDX-License-Identifier: Apache-2.0
// server.js PORT TLS-PORT CERT KEY - Node's ws and http: echoes /chat, sends events below /events.
const fs = require("fs"), http = require("http"), https = require("https"), zlib = require("zlib");
const { WebSocketServer } = require("ws");
const [port, tlsPort, cert, key] = process.argv.slice(2);

function events(req, res) {
	const gzip = req.url.includes("gzip");
	const head = { "Content-Type": "text/event-stream", "Cache-Control": "no-store", "Access-Control-Allow-Origin": "*" };
	if (gzip) head["Content-Encoding"] = "gzip";
	if (req.url.includes("close")) res.useChunkedEncodingByDefault = false;
	res.writeHead(200, head);
	const z = gzip ? zlib.createGzip() : null;
	if (z) z.pipe(res);
	let n = 0;
	const say = (t) => (z ? (z.write(t), z.flush(zlib.constants.Z_SYNC_FLUSH)) : res.write(t));
	say(": welcome\n\n");
	const timer = setInterval(() => {
		n++;
		say(`id: ${n}\nevent: tick\ndata: {"n":${n}}\ndata: ${"x".repeat(20)}\n\n`);
		if (n === 5) {
			clearInterval(timer);
			z ? z.end() : res.end();
		}
	}, 100);
}

function on(req, res) {
	if (req.url.startsWith("/events")) return events(req, res);
	res.setHeader("Content-Type", "text/html");
	res.end("<!doctype html><title>t</title>");
}

for (const [server, p] of [[http.createServer(on), port], [https.createServer({ cert: fs.readFileSync(cert), key: fs.readFileSync(key) }, on), tlsPort]]) {
	const wss = new WebSocketServer({ server, perMessageDeflate: { threshold: 0 } });
	wss.on("connection", (ws) => {
		ws.ping("are you there");
		ws.on("message", (data, binary) => {
			if (String(data) === "close me") return ws.close(4001, "as asked");
			ws.send(data, { binary });
		});
	});
	server.listen(Number(p), "0.0.0.0");
}
console.log("listening");
