// HTTPS by Node: https.js server PORT CERT KEY, or https.js client PORT CONNECTIONS REQUESTS (web.py says of what kind).
const https = require('https');
const fs = require('fs');
const [what, port, ...rest] = process.argv.slice(2);

function serve() {
  https
    .createServer({ cert: fs.readFileSync(rest[0]), key: fs.readFileSync(rest[1]) }, (request, answer) => {
      const parts = [];
      request.on('data', (b) => parts.push(b));
      request.on('end', () => answer.end(parts.length ? Buffer.concat(parts) : 'hello'));
    })
    .listen(Number(port), '127.0.0.1', () => console.log('listening'));
}

function body(conn, nr) {
  return Buffer.from(`${conn}/${nr} `.padEnd(300, String.fromCharCode(65 + ((conn * 7 + nr) % 26))));
}

function ask(agent, conn, nr, requests) {
  if (nr === requests) return agent.destroy();
  const options = { port, host: '127.0.0.1', method: 'POST', path: `/${nr}`, agent, rejectUnauthorized: false };
  const request = https.request({ ...options, headers: { 'Content-Length': 300 } }, (answer) => {
    const parts = [];
    answer.on('data', (b) => parts.push(b));
    answer.on('end', () => {
      if (!Buffer.concat(parts).equals(body(conn, nr))) process.exit(1);
      ask(agent, conn, nr + 1, requests);
    });
  });
  request.end(body(conn, nr));
}

if (what === 'server') serve();
else
  for (let conn = 0; conn < Number(rest[0]); conn++)
    ask(new https.Agent({ keepAlive: true, maxSockets: 1 }), conn, 0, Number(rest[1]));
