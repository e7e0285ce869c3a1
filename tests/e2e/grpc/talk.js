// SPDX-License-Identifier: Apache-2.0
// talk.js serve PORT TLS-PORT | talk.js call|loop HOST:PORT [tls] - the service of talk.proto in Node, with grpc-js.
// Expects talk.proto, cert.pem and key.pem in the working directory, and the modules where NODE_PATH says.
'use strict';
const fs = require('fs');
const assert = require('assert');
const grpc = require('@grpc/grpc-js');
const { ReflectionService } = require('@grpc/reflection');
const definition = require('@grpc/proto-loader').loadSync('talk.proto', { keepCase: true });
const { Talk } = grpc.loadPackageDefinition(definition).limpid.talk;
const wait = (ms) => new Promise((done) => setTimeout(done, ms));
const number = (m) => Number(m.number || 0);

const gone = (ask) => ({ code: grpc.status.NOT_FOUND, details: ask.fail });
const talk = {
  async Unary({ request: ask }, done) {
    await wait(ask.delay_ms);
    const trailers = new grpc.Metadata();
    trailers.set('x-server', 'node');
    if (ask.fail) done(gone(ask));
    else done(null, { text: ask.name, number: ask.count, mood: ask.mood }, trailers);
  },
  async Many(call) {
    for (let i = 1; i <= call.request.count && !call.cancelled; i++) {
      await wait(call.request.delay_ms);
      call.write({ text: call.request.name, number: i });
    }
    if (call.request.fail) call.emit('error', gone(call.request));
    else call.end();
  },
  Sum(call, done) {
    let sum = 0;
    call.on('data', (ask) => { sum += ask.count; });
    call.on('end', () => done(null, { text: 'sum', number: sum }));
  },
  Chat(call) {
    call.on('data', (ask) => call.write({ text: ask.name, number: ask.count }));
    call.on('end', () => call.end());
  },
};

async function serve(port, tlsPort) {
  const server = new grpc.Server();
  server.addService(Talk.service, talk);
  new ReflectionService(definition).addToServer(server);
  const pair = { private_key: fs.readFileSync('key.pem'), cert_chain: fs.readFileSync('cert.pem') };
  const bind = (p, how) => new Promise((done, no) => server.bindAsync(`127.0.0.1:${p}`, how, (e) => (e ? no(e) : done())));
  await bind(port, grpc.ServerCredentials.createInsecure());
  await bind(tlsPort, grpc.ServerCredentials.createSsl(null, [pair]));
  console.log('listening');
}

function connect(address, tls) {
  const how = tls ? grpc.credentials.createSsl(fs.readFileSync('cert.pem')) : grpc.credentials.createInsecure();
  return new Talk(address, how, { 'grpc.ssl_target_name_override': 'localhost', 'grpc.default_authority': 'localhost' });
}

const about = (who) => { const m = new grpc.Metadata(); m.set('x-client', who); return m; };
const one = (c, ask, ms = 20000, who = 'node') => new Promise((done, no) =>
  c.Unary(ask, about(who), { deadline: Date.now() + ms }, (e, a) => (e ? no(e) : done(a))));
const outcome = (p) => p.then(() => assert.fail('no error'), (e) => e.code);
async function all(stream) {
  const got = [];
  for await (const m of stream) got.push(number(m));
  return got;
}
async function say(stream) {
  for (const count of [1, 2, 3]) {
    stream.write({ name: 'ask', count });
    await wait(100);
  }
  stream.end();
}

async function call(address, tls) {
  const c = connect(address, tls);
  const many = (ask) => c.Many(ask, about('node'), { deadline: Date.now() + 20000 });
  assert.equal(number(await one(c, { name: 'unary', count: 7, mood: 1 })), 7);
  await one(c, {});
  assert.deepEqual(await all(many({ name: 'many', count: 5, delay_ms: 300 })), [1, 2, 3, 4, 5]);
  const sum = await new Promise((done, no) => say(c.Sum(about('node'), (e, a) => (e ? no(e) : done(a)))));
  assert.equal(number(sum), 6);
  const chat = c.Chat(about('node'));
  say(chat);
  assert.deepEqual(await all(chat), [1, 2, 3]);
  assert.equal(await outcome(one(c, { name: 'error', fail: 'naïve: 100% gone' })), grpc.status.NOT_FOUND);
  assert.equal(await outcome(all(many({ name: 'late error', count: 2, fail: 'over' }))), grpc.status.NOT_FOUND);
  const unary = Talk.service.Unary;
  const nothing = new Promise((done, no) => c.makeUnaryRequest('/limpid.talk.Talk/Nothing', unary.requestSerialize, unary.responseDeserialize,
    { name: 'nothing' }, about('node'), (e, a) => (e ? no(e) : done(a))));
  assert.equal(await outcome(nothing), grpc.status.UNIMPLEMENTED);
  assert.equal(await outcome(one(c, { name: 'deadline', delay_ms: 1500 }, 400)), grpc.status.DEADLINE_EXCEEDED);
  const stream = many({ name: 'cancel', count: 50, delay_ms: 100 });
  let seen = 0;
  stream.on('data', () => { if (++seen === 2) stream.cancel(); });
  await new Promise((done) => { stream.on('error', done); });
  const long = 'x'.repeat(3000);
  const how = tls ? grpc.credentials.createSsl(fs.readFileSync('cert.pem')) : grpc.credentials.createInsecure();
  const zip = new Talk(address, how, { 'grpc.ssl_target_name_override': 'localhost', 'grpc.default_compression_algorithm': 2 });
  assert.equal((await one(zip, { name: long })).text, long);
  zip.close();
  const twenty = await Promise.all([...Array(20).keys()].map((count) => one(c, { name: 'twenty', count, delay_ms: 200 })));
  assert.deepEqual(twenty.map(number), [...Array(20).keys()]);
  c.close();
}

async function loop(address, tls) {
  const c = connect(address, tls);
  for (let n = 0; ; n++) {
    await one(c, { name: 'old', count: n }, 20000, 'old-node');
    await wait(200);
  }
}

const [what, first, second] = process.argv.slice(2);
({ serve, call, loop })[what](first, what === 'serve' ? second : second === 'tls').catch((e) => {
  console.error(e);
  process.exit(1);
});
