// SPDX-License-Identifier: Apache-2.0
// web.js serve PORT PORT2 | web.js call PORT PORT2 - the service of talk.proto by gRPC-Web, with connect-node: over HTTP/1.1 at PORT,
// over HTTP/2 at PORT2.  Expects talk.pb in the working directory, and the modules where NODE_PATH says.
'use strict';
const fs = require('fs');
const assert = require('assert');
const { createFileRegistry, fromBinary } = require('@bufbuild/protobuf');
const { FileDescriptorSetSchema } = require('@bufbuild/protobuf/wkt');
const { Code, ConnectError, createClient } = require('@connectrpc/connect');
const { connectNodeAdapter, createGrpcWebTransport } = require('@connectrpc/connect-node');
const talk = createFileRegistry(fromBinary(FileDescriptorSetSchema, fs.readFileSync('talk.pb'))).getService('limpid.talk.Talk');
const wait = (ms) => new Promise((done) => setTimeout(done, ms));
const headers = { 'x-client': 'web' };

function serve(port, port2) {
  const adapter = connectNodeAdapter({
    routes: (router) => router.service(talk, {
      unary(ask) {
        if (ask.fail) throw new ConnectError(ask.fail, Code.NotFound);
        return { text: ask.name, number: BigInt(ask.count), mood: ask.mood };
      },
      async* many(ask) {
        for (let i = 1; i <= ask.count; i++) {
          await wait(ask.delayMs);
          yield { text: ask.name, number: BigInt(i) };
        }
        if (ask.fail) throw new ConnectError(ask.fail, Code.NotFound);
      },
    }),
  });
  require('http').createServer(adapter).listen(port, '127.0.0.1', () =>
    require('http2').createServer(adapter).listen(port2, '127.0.0.1', () => console.log('listening')));
}

async function talkTo(port, httpVersion) {
  const c = createClient(talk, createGrpcWebTransport({ baseUrl: `http://127.0.0.1:${port}`, httpVersion }));
  const failed = (p) => p.then(() => assert.fail('no error'), (e) => assert.equal(e.code, Code.NotFound));
  const all = async (ask) => {
    const got = [];
    for await (const m of c.many(ask, { headers })) got.push(Number(m.number));
    return got;
  };
  assert.equal((await c.unary({ name: 'unary', count: 7, mood: 1 }, { headers })).number, 7n);
  await c.unary({}, { headers });
  assert.deepEqual(await all({ name: 'many', count: 5, delayMs: 300 }), [1, 2, 3, 4, 5]);
  await failed(c.unary({ name: 'error', fail: 'naïve: 100% gone' }, { headers }));
  await failed(all({ name: 'late error', count: 2, fail: 'over' }));
}

async function call(port, port2) {
  await talkTo(port, '1.1');
  await talkTo(port2, '2');
  process.exit(0);
}

const [what, ...ports] = process.argv.slice(2);
Promise.resolve(({ serve, call })[what](...ports)).catch((e) => {
  console.error(e);
  process.exit(1);
});
