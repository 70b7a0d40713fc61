'use strict';
/*
 * Channels of node:diagnostics_channel as probes: those that Node publishes, by doing what publishes them, and the program's own. What this Node does not publish is skipped.
 */

const test = require('node:test');
const assert = require('node:assert');
const dc = require('node:diagnostics_channel');
const http = require('node:http');
const net = require('node:net');
const { once } = require('node:events');
const core = require('jstrace/core.js');
const diagnostics = require('jstrace/diagnostics');

const major = Number(process.versions.node.split('.')[0]);
const since = (version) => major < version ? `Node ${version} publishes it` : false;
const settle = () => new Promise((resolve) => setTimeout(resolve, 20));
const ofNames = (all, ...names) => all.filter(([name]) => names.includes(name));

function done(bridge) {
	bridge && bridge.close();
	core.watch();
	core.taken();
}

async function serve(body) {
	const server = http.createServer((req, res) => {
		res.statusCode = req.url === '/bad' ? 500 : 200;
		res.end('ok');
	}).listen(0, '127.0.0.1');
	await once(server, 'listening');
	await body(server.address().port);
	server.close();
	await settle();
}

function get(port, path) {
	return new Promise((resolve, reject) => http.get({ port, host: '127.0.0.1', path, agent: false }, (res) => res.resume().on('end', resolve)).on('error', reject));
}

test('nothing is subscribed unless its probe is watched', async () => {
	const bridge = diagnostics();
	const names = ['http.server.request.start', 'http.server.response.finish', 'undici:request:create', 'net.server.socket'];
	const subscribed = () => names.map((name) => dc.hasSubscribers(name));
	assert.deepStrictEqual(subscribed(), [false, false, false, false]);
	core.watch('http.server.request:start');
	assert.deepStrictEqual(subscribed(), [true, false, false, false]);
	core.watch('net.server:socket', 'http.server.request:end');
	assert.deepStrictEqual(subscribed(), [false, true, false, true]);
	core.watch();
	assert.deepStrictEqual(subscribed(), [false, false, false, false]);
	core.watch('net.server:socket');
	bridge.close();
	bridge.close();
	await settle();
	assert.deepStrictEqual(subscribed(), [false, false, false, false]);
	assert.strictEqual(core.listeners.size, 0);
	done();
});

test('a bridge that is made while its probe is watched works at once', async () => {
	core.watch('my.thing:done');
	const bridge = diagnostics('my.thing.done', { node: false });
	assert.deepStrictEqual(bridge.probes, ['my.thing:done']);
	dc.channel('my.thing.done').publish({ n: 1 });
	assert.strictEqual(core.taken().length, 1);
	done(bridge);
});

test('http server and client: names, fields and ids', async () => {
	const bridge = diagnostics();
	await serve(async (port) => {
		core.watch('http.server.request:start', 'http.server.request:end', 'http.client.request:start', 'http.client.request:response');
		await get(port, '/a?secret=1');
		await get(port, '/bad');
		await settle();
		const all = core.taken();
		const [start, next] = ofNames(all, 'http.server.request:start').map(([, fields]) => fields);
		const [end, bad] = ofNames(all, 'http.server.request:end').map(([, fields]) => fields);
		assert.deepStrictEqual(start, { id: start.id, method: 'GET', path: '/a', host: `127.0.0.1:${port}`, socket: start.socket, async_id: start.async_id });
		assert.deepStrictEqual({ ...end, async_id: 0 }, { id: start.id, method: 'GET', path: '/a', status: 200, host: start.host, socket: start.socket, async_id: 0 });
		assert.deepStrictEqual([bad.id, bad.status, bad.path], [next.id, 500, '/bad']);
		assert.notStrictEqual(next.id, start.id);
		const [asked] = ofNames(all, 'http.client.request:start').map(([, fields]) => fields);
		const [answered] = ofNames(all, 'http.client.request:response').map(([, fields]) => fields);
		assert.deepStrictEqual({ ...asked, async_id: 0 }, { id: asked.id, method: 'GET', path: '/a', host: start.host, async_id: 0 });
		assert.deepStrictEqual([answered.id, answered.status], [asked.id, 200]);
	});
	done(bridge);
});

test('http client errors', { skip: since(20) }, async () => {
	const bridge = diagnostics();
	core.watch('http.client.request:error');
	await get(1, '/').catch(() => {});
	await settle();
	const [[, fields]] = core.taken();
	assert.deepStrictEqual([fields.error, fields.host, fields.path], ['ECONNREFUSED', '127.0.0.1:1', '/']);
	done(bridge);
});

test('sockets', async () => {
	const bridge = diagnostics();
	const server = net.createServer((socket) => socket.end()).listen(0, '127.0.0.1');
	await once(server, 'listening');
	core.watch('net.client:socket', 'net.server:socket');
	const socket = net.connect(server.address().port, '127.0.0.1');
	await once(socket, 'connect');
	const port = socket.localPort;
	await once(socket.resume(), 'close');
	server.close();
	const all = core.taken();
	const [[, accepted]] = ofNames(all, 'net.server:socket');
	const [[, made]] = ofNames(all, 'net.client:socket');
	assert.deepStrictEqual([accepted.address, accepted.port], ['127.0.0.1', port]);
	assert.ok(made.id > 0 && accepted.id > 0 && made.id !== accepted.id);
	done(bridge);
});

test('fetch', async () => {
	const bridge = diagnostics();
	const names = ['create', 'bodySent', 'headers', 'trailers'].map((event) => `undici:request:${event}`);
	await serve(async (port) => {
		core.watch(...names, 'undici:request:error', 'undici:client:connected', 'undici:client:sendHeaders', 'undici:client:connectError');
		await (await fetch(`http://127.0.0.1:${port}/x?y`, { method: 'POST', body: 'abc' })).text();
		await fetch('http://127.0.0.1:9').catch(() => {});
		await fetch(`http://localhost:${port}/x?y`, { headers: { connection: 'close' } }).catch(() => {});
		const all = core.taken();
		const [create] = ofNames(all, names[0]).map(([, fields]) => fields);
		assert.deepStrictEqual([create.method, create.origin, create.path], ['POST', `http://127.0.0.1:${port}`, '/x']);
		for (const name of names)
			assert.strictEqual(ofNames(all, name)[0][1].id, create.id, name);
		assert.strictEqual(ofNames(all, names[2])[0][1].status, 200);
		const [[, connected]] = ofNames(all, 'undici:client:connected');
		assert.deepStrictEqual([connected.host, connected.port], ['127.0.0.1', port]);
		assert.strictEqual(ofNames(all, 'undici:client:sendHeaders')[0][1].socket, connected.socket);
	});
	done(bridge);
});

test('child processes and workers', { skip: since(20) }, async () => {
	const bridge = diagnostics();
	core.watch('child_process:created', 'worker_threads:created');
	const child = require('node:child_process').spawn('true');
	await once(child, 'close');
	const worker = new (require('node:worker_threads').Worker)('0', { eval: true });
	const thread = worker.threadId;
	await once(worker, 'exit');
	const [[, made], [, started]] = core.taken();
	assert.deepStrictEqual([made.child, made.command], [child.pid, 'true']);
	assert.strictEqual(started.thread, thread);
	done(bridge);
});

test('listening', { skip: since(20) }, async () => {
	const bridge = diagnostics();
	core.watch('net.server.listen:asyncStart', 'net.server.listen:asyncEnd', 'net.server.listen:error');
	const server = net.createServer().listen(0, '127.0.0.1');
	await once(server, 'listening');
	const { port } = server.address();
	const second = net.createServer().listen(port, '127.0.0.1').on('error', () => {});
	await once(second, 'error');
	server.close();
	const all = core.taken();
	assert.deepStrictEqual([all[0][1].port, all[0][1].host], [0, '127.0.0.1']);
	assert.deepStrictEqual([all[1][1].port, all[1][1].id], [port, all[0][1].id]);
	assert.strictEqual(ofNames(all, 'net.server.listen:error')[0][1].error, 'EADDRINUSE');
	done(bridge);
});

test('console, modules and http2', { skip: since(22) }, async () => {
	const bridge = diagnostics();
	core.watch('console:debug', 'module.import:start', 'module.import:asyncEnd', 'module.require:start', 'http2.server.stream:start', 'http2.server.stream:close', 'http2.client.stream:finish');
	console.debug('told', 2);
	await import('node:fs');
	require('node:http2');
	const http2 = require('node:http2');
	const server = http2.createServer((req, res) => res.end('ok')).listen(0, '127.0.0.1');
	await once(server, 'listening');
	const client = http2.connect(`http://127.0.0.1:${server.address().port}`);
	await once(client.request({ ':path': '/h2?x' }).resume(), 'close');
	client.close();
	server.close();
	await settle();
	const all = core.taken();
	assert.deepStrictEqual([all[0][1].text, all[0][1].values], ['told', 2]);
	const of = (name) => ofNames(all, name)[0][1];
	assert.strictEqual(of('module.import:start').module, 'node:fs');
	assert.strictEqual(of('module.import:asyncEnd').id, of('module.import:start').id);
	assert.strictEqual(of('module.require:start').module, 'node:http2');
	assert.deepStrictEqual([of('http2.server.stream:start').path, of('http2.server.stream:start').method], ['/h2', 'GET']);
	assert.deepStrictEqual([of('http2.server.stream:close').id, of('http2.server.stream:close').status], [of('http2.server.stream:start').id, 200]);
	assert.strictEqual(of('http2.client.stream:finish').status, 200);
	done(bridge);
});

test('the program\'s own channels: scalars alone, however odd the message', async () => {
	const channel = dc.channel('app.cache.get');
	const bridge = diagnostics('app.cache.get', { node: false });
	core.watch('app.cache:get');
	const cycle = { key: 'k', hit: true, big: 1n, ms: 1.5, nothing: null, list: [1], when: undefined, call() {}, error: Object.assign(new Error('long text'), { code: 'ECODE' }) };
	cycle.self = cycle;
	const request = {};
	const bad = { get key() { throw new Error('bad'); } };
	for (const message of [cycle, 'text', 7, null, undefined, bad, Object.create(null), { request, n: 1 }, { request, n: 2 }, { id: 'mine' }, new Proxy({}, { ownKeys() { throw new Error('bad'); } })])
		channel.publish(message);
	const all = core.taken().map(([, fields]) => {
		assert.ok(fields.async_id >= 0);
		delete fields.async_id;
		return fields;
	});
	assert.deepStrictEqual(all.slice(0, 6), [{ key: 'k', hit: true, big: 1n, ms: 1.5, error: 'ECODE' }, { value: 'text' }, { value: 7 }, {}, {}, {}]);
	assert.ok(all[6].id > 0 && all[6].id === all[7].id);
	assert.deepStrictEqual(all[8], { id: 'mine' });
	assert.strictEqual(all.length, 9);
	const wide = Object.fromEntries(Array.from({ length: 40 }, (_, index) => [`k${index}`, index]));
	channel.publish({ ...wide, id: 3 });
	const [[, cut]] = core.taken();
	assert.ok(Object.keys(cut).length <= 16 && cut.id === 3 && cut.k0 === 0, Object.keys(cut).join());
	done(bridge);
});

test('tracing channels: all five, paired by their context', { skip: dc.tracingChannel ? false : 'this Node has no tracing channels' }, async () => {
	const tracing = dc.tracingChannel('db');
	const bridge = diagnostics('tracing:db', { node: false });
	assert.deepStrictEqual(bridge.probes, ['db:start', 'db:end', 'db:asyncStart', 'db:asyncEnd', 'db:error']);
	core.watch(...bridge.probes);
	tracing.traceSync(() => 'result', { table: 'users' });
	await tracing.tracePromise(async () => { throw new Error('bad'); }, { table: 'orders' }).catch(() => {});
	const all = core.taken();
	assert.deepStrictEqual(all.map(([name]) => name), ['db:start', 'db:end', 'db:start', 'db:end', 'db:error', 'db:asyncStart', 'db:asyncEnd']);
	assert.ok(all[0][1].id > 0 && all[0][1].id === all[1][1].id);
	assert.deepStrictEqual(new Set(all.slice(2).map(([, fields]) => fields.id)).size, 1);
	assert.notStrictEqual(all[2][1].id, all[0][1].id);
	assert.deepStrictEqual([all[1][1].result, all[4][1].error, all[4][1].table], ['result', 'bad', 'orders']);
	bridge.close();
	await settle();
	assert.strictEqual(dc.hasSubscribers('tracing:db:start'), false);

	const one = diagnostics(tracing, 'tracing:other:start', dc.channel('plain'), { node: false });
	assert.deepStrictEqual(one.probes, ['db:start', 'db:end', 'db:asyncStart', 'db:asyncEnd', 'db:error', 'other:start', 'plain:message']);
	done(one);
});

test('fields of one\'s own, another trace, and what is no name', async () => {
	const calls = [];
	const trace = Object.assign((name, object) => calls.push([name, object]), { enabled: true });
	const bridge = diagnostics({ node: false, trace, channels: { 'a.b': (message) => ({ twice: message.n * 2 }), 'a.c': () => { throw new Error('bad'); }, 'a.d': () => null } });
	for (const name of ['a.b', 'a.c', 'a.d'])
		dc.channel(name).publish({ n: 21 });
	assert.deepStrictEqual(calls.map(([name, { twice }]) => [name, twice]), [['a:b', 42], ['a:d', undefined]]);
	done(bridge);
	await settle();
	assert.strictEqual(dc.hasSubscribers('a.b'), false);
	const odd = diagnostics(undefined, null, 7, [], () => {}, Symbol('x'), { node: false });
	done(odd);
});

test('named twice, sent once; and watched until the last has closed', async () => {
	const channel = dc.channel('twice.over');
	const first = diagnostics('twice.over', { node: false });
	const second = diagnostics('twice.over', { node: false });
	core.watch('twice:over');
	channel.publish({});
	assert.strictEqual(core.taken().length, 1);
	first.close();
	await settle();
	channel.publish({});
	assert.strictEqual(core.taken().length, 1);
	second.close();
	channel.publish({});
	await settle();
	channel.publish({});
	assert.strictEqual(core.taken().length, 0);
	const third = diagnostics('twice.over', { node: false });
	channel.publish({});
	assert.strictEqual(core.taken().length, 1);
	done(third);
});

test('a bridge that is closed while its channel publishes does no harm', async () => {
	const channel = dc.channel('closing.now');
	const bridge = diagnostics('closing.now', { node: false });
	core.watch('closing:now');
	let reached = 0;
	const before = () => bridge.close(), after = () => reached++;
	channel.subscribe(before);
	channel.subscribe(after);
	channel.publish({});
	await settle();
	channel.publish({});
	assert.strictEqual(reached, 2);
	channel.unsubscribe(before);
	channel.unsubscribe(after);
	done();
});

test('ids go with their objects', { skip: typeof gc === 'function' ? false : 'needs --expose-gc' }, async () => {
	const channel = dc.channel('leak.test');
	const bridge = diagnostics('leak.test', { node: false });
	const trace = core.watch('leak:test');
	let gone = 0;
	const registry = new FinalizationRegistry(() => gone++);
	(() => {
		for (let n = 0; n < 100; n++) {
			const request = {};
			registry.register(request);
			channel.publish({ request });
		}
	})();
	core.taken();
	for (let n = 0; n < 20 && gone < 100; n++) {
		gc();
		await settle();
	}
	assert.ok(gone >= 99, `${gone} of 100 are gone`);
	done(bridge, trace);
});
