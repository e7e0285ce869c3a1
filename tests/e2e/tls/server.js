// An HTTPS server of Node, whose OpenSSL is part of the executable and works on memory BIOs.
const [cert, key, port] = process.argv.slice(2);
const fs = require('fs');
require('https')
  .createServer({ cert: fs.readFileSync(cert), key: fs.readFileSync(key) }, (_, answer) => answer.end('hello'))
  .listen(Number(port), '127.0.0.1', () => console.log('listening'));
