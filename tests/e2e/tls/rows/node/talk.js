// SPDX-License-Identifier: Apache-2.0
// talk.js client|server - one end of the conversation of ../script.py by Node's https; what pipelines, by tls.connect.
"use strict";
const fs = require("fs");
const https = require("https");
const tls = require("tls");

const { PORT, SCRIPT, ROW, CERT, KEY } = process.env;

function body(target, n) {
  const unit = target + " ";
  return unit.repeat(Math.floor(n / unit.length) + 1).slice(0, n);
}

function script() {
  const connections = new Map();
  for (const line of fs.readFileSync(SCRIPT, "ascii").trim().split("\n")) {
    const [seq, connection, method, target, send, answer, status] = line.split(" ");
    const step = { seq, connection, method, target, send: +send, answer: +answer, status: +status };
    connections.set(connection, [...(connections.get(connection) ?? []), step]);
  }
  return connections;
}

function check(step, status, echo, got) {
  if (status !== step.status || echo !== step.seq || got !== body(step.target, step.answer))
    throw new Error(`${step.seq}: ${status} ${echo} ${got.length}`);
}

function exchange(agent, step) {
  return new Promise((resolve, reject) => {
    const headers = { "X-Row": ROW, "X-Seq": step.seq };
    const send = step.method === "POST" || step.method === "PUT" ? body(step.target, step.send) : "";
    if (step.method === "POST" || step.method === "PUT") headers["Content-Length"] = step.send;
    const options = { agent, headers, method: step.method, port: PORT, host: "127.0.0.1", path: step.target, rejectUnauthorized: false };
    const r = https.request(options, (a) => {
      let got = "";
      a.setEncoding("latin1");
      a.on("data", (d) => (got += d));
      a.on("end", () => {
        check(step, a.statusCode, a.headers["x-echo"], got);
        resolve();
      });
    });
    r.on("error", reject);
    r.end(send);
  });
}

async function connection(steps) {
  if (steps[0].connection === "pipe") return pipelined(steps);
  const agent = new https.Agent({ keepAlive: true, maxSockets: 1 });
  for (const step of steps) await exchange(agent, step);
  agent.destroy();
}

function pipelined(steps) {
  return new Promise((resolve, reject) => {
    const s = tls.connect({ port: PORT, host: "127.0.0.1", rejectUnauthorized: false }, () => {
      s.write(steps.map((t) => {
        const length = t.method === "POST" ? `Content-Length: ${t.send}\r\n` : "";
        return `${t.method} ${t.target} HTTP/1.1\r\nHost: localhost\r\nX-Row: ${ROW}\r\nX-Seq: ${t.seq}\r\n${length}\r\n${body(t.target, t.send)}`;
      }).join(""));
    });
    let have = "";
    let next = 0;
    s.setEncoding("latin1");
    s.on("error", reject);
    s.on("data", (d) => {
      have += d;
      for (let end; next < steps.length && (end = have.indexOf("\r\n\r\n")) >= 0; next++) {
        const head = have.slice(0, end);
        const n = end + 4 + Number(/content-length: *([0-9]+)/i.exec(head)[1]);
        if (have.length < n) return;
        check(steps[next], Number(head.split(" ")[1]), /x-echo: *(.*)/i.exec(head)[1].trim(), have.slice(end + 4, n));
        have = have.slice(n);
      }
      if (next === steps.length) s.end(resolve);
    });
  });
}

async function client() {
  const together = [];
  for (const [name, steps] of script())
    if (name.startsWith("conc")) together.push(steps);
    else await connection(steps);
  await Promise.all(together.map(connection));
}

function server() {
  https.createServer({ cert: fs.readFileSync(CERT), key: fs.readFileSync(KEY) }, (q, a) => {
    let got = "";
    q.setEncoding("latin1");
    q.on("data", (d) => (got += d));
    q.on("end", () => {
      const want = new URLSearchParams(q.url.split("?")[1]);
      if (got !== body(q.url, +want.get("send"))) throw new Error(`a wrong request: ${q.url}`);
      a.writeHead(+want.get("status"), { "X-Echo": q.headers["x-seq"], "Content-Type": "text/plain" });
      a.end(body(q.url, +want.get("answer"))); // chunked: no length is given
    });
  }).listen(PORT, "127.0.0.1");
}

if (process.argv[2] === "client") {
  client().catch((e) => {
    console.error(e);
    process.exit(1);
  });
} else {
  server();
}
