// server.js PLAIN-PORT TLS-PORT CERT KEY: Node's HTTP/2 server, in the clear and by TLS.
"use strict";
const http2 = require("http2"), fs = require("fs"), zlib = require("zlib");
const [plain, secure, cert, key] = process.argv.slice(2);
const big = "0123456789abcdef".repeat(20000);

function answer(stream, headers) {
	const path = headers[":path"];
	stream.on("error", () => {});
	if (path.startsWith("/hints")) {
		stream.additionalHeaders({ ":status": 103, link: "</s.css>; rel=preload" });
		stream.respond({ ":status": 200 });
		stream.end("hinted");
	} else if (path.startsWith("/trailers")) {
		stream.respond({ ":status": 200, trailer: "x-sum" }, { waitForTrailers: true });
		stream.on("wantTrailers", () => stream.sendTrailers({ "x-sum": "42" }));
		stream.end("with trailers");
	} else if (path.startsWith("/push")) {
		stream.pushStream({ ":path": "/pushed.css" }, (err, pushed) => {
			if (!err) {
				pushed.respond({ ":status": 200, "content-type": "text/css" });
				pushed.end("b{}");
			}
		});
		stream.respond({ ":status": 200 });
		stream.end("pushes");
	} else if (path.startsWith("/gzip")) {
		stream.respond({ ":status": 200, "content-encoding": "gzip", "content-type": "text/plain" });
		stream.end(zlib.gzipSync("unpacked ".repeat(50)));
	} else if (path.startsWith("/big")) {
		stream.respond({ ":status": 200, "content-type": "text/plain" });
		stream.end(big);
	} else if (path.startsWith("/refuse")) {
		stream.close(http2.constants.NGHTTP2_REFUSED_STREAM);
	} else if (path.startsWith("/none")) {
		stream.respond({ ":status": 404 }, { endStream: true });
	} else {
		const parts = [];
		stream.on("data", (d) => parts.push(d));
		stream.on("end", () => {
			stream.respond({ ":status": 200, "content-type": "text/plain", "x-n": headers["x-n"] || "" });
			stream.end(Buffer.concat([Buffer.from("echo "), ...parts]));
		});
	}
}
http2.createServer().on("stream", answer).listen(plain);
http2.createSecureServer({ cert: fs.readFileSync(cert), key: fs.readFileSync(key) }).on("stream", answer)
	.listen(secure, () => console.log("listening"));
