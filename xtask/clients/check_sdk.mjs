// Connects the official TypeScript SDK to the example server, over one of its transports.
//
// node check_sdk.mjs NODE_MODULES TRANSPORT URL

import assert from 'node:assert';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

const [modules, name, url] = process.argv.slice(2);
const load = (file) =>
    import(pathToFileURL(join(modules, '@modelcontextprotocol/sdk/dist/esm/client', file)));
const { Client } = await load('index.js');
const module = { WebSocket: 'websocket.js', SSE: 'sse.js', StreamableHTTP: 'streamableHttp.js' }[name];
const Transport = (await load(module))[`${name}ClientTransport`];

const client = new Client({ name: 'check', version: '1.0.0' });
await client.connect(new Transport(new URL(url)));
const tools = (await client.listTools()).tools.map((tool) => tool.name);
for (const tool of ['add', 'echo', 'count']) assert(tools.includes(tool), tool);

const sum = await client.callTool({ name: 'add', arguments: { a: 2, b: 40 } });
assert.equal(sum.content[0].text, '42');

// This client forgets about progress that arrives in one read with the result, so it is not counted here.
const counted = await client.callTool({ name: 'count', arguments: { n: 5 } }, undefined, {
    onprogress: () => {},
});
assert(!counted.isError);

const calls = Array.from({ length: 50 }, (_, n) =>
    client.callTool({ name: 'echo', arguments: { text: String(n) } }),
);
const texts = (await Promise.all(calls)).map((result) => result.content[0].text);
assert.deepEqual(texts, Array.from({ length: 50 }, (_, n) => String(n)));
await client.close();
