'use strict';
/*
 * The middlewares of express, connect, node:http and koa, with real servers on this machine. The real express and koa take their turn where they are installed (NODE_PATH).
 */

const test = require('node:test');
const assert = require('node:assert');
const http = require('node:http');
const http2 = require('node:http2');
const net = require('node:net');
const { once } = require('node:events');
const core = require('jstrace/core.js');
const express = require('jstrace/express');
const koa = require('jstrace/koa');

const ALL = ['request:start', 'request:end', 'request:close'];

const installed = (name) => {
	try {
		return require(name);
	} catch {
		return undefined;
	}
};

/* A server while `body` runs. */
async function serve(listener, body) {
	const server = http.createServer(listener).listen(0, '127.0.0.1');
	await once(server, 'listening');
	try {
		await body(server.address().port, server);
	} finally {
		server.closeAllConnections && server.closeAllConnections();
		server.close();
		core.watch();
		core.taken();
	}
}

function get(port, path, method = 'GET') {
	return new Promise((resolve, reject) => {
		http.request({ port, host: '127.0.0.1', path, method, agent: false }, (res) => {
			let text = '';
			res.on('data', (data) => text += data).on('end', () => resolve({ status: res.statusCode, text }));
		}).on('error', reject).end();
	});
}

/* What was sent, once it is `count` events; more that came meanwhile are given too. */
async function events(count) {
	const all = [];
	for (const deadline = Date.now() + 5000; all.length < count && Date.now() < deadline;) {
		await new Promise((resolve) => setTimeout(resolve, 2));
		all.push(...core.taken());
	}
	await new Promise((resolve) => setTimeout(resolve, 20));
	return all.concat(core.taken());
}

/* The little of connect that a middleware meets: one after the other, errors to the end, mounts that shorten req.url. */
function connect() {
	const stack = [];
	const app = (req, res) => {
		req.originalUrl = req.url;
		let at = 0;
		const next = (error) => {
			const layer = stack[at++];
			if (error || !layer) {
				res.statusCode = error ? 500 : 404;
				return res.end(error ? 'failed' : 'not found');
			}
			if (!req.originalUrl.startsWith(layer.mount))
				return next();
			req.url = req.originalUrl.slice(layer.mount.length) || '/';
			try {
				layer.take(req, res, next);
			} catch (thrown) {
				next(thrown);
			}
		};
		next();
	};
	app.use = (mount, take) => {
		stack.push(take ? { mount, take } : { mount: '', take: mount });
		return app;
	};
	return app;
}

test('plain http: start and end with the same id, and the fields', async () => {
	const middleware = express();
	await serve((req, res) => {
		middleware(req, res);
		res.statusCode = 201;
		res.end('twelve bytes');
	}, async (port) => {
		core.watch(...ALL);
		await get(port, '/a/b?secret=1', 'POST');
		const [start, end, ...more] = await events(2);
		assert.deepStrictEqual(more, []);
		assert.strictEqual(start[0], 'request:start');
		assert.strictEqual(end[0], 'request:end');
		assert.ok(start[1].id > 0 && start[1].async_id > 0);
		assert.deepStrictEqual(start[1], { id: start[1].id, method: 'POST', path: '/a/b', async_id: start[1].async_id });
		assert.deepStrictEqual(end[1], { id: start[1].id, method: 'POST', path: '/a/b', status: 201, length: 12, async_id: start[1].async_id });
		await get(port, '/');
		const [second] = await events(2);
		assert.ok(second[1].id > start[1].id);
	});
});

test('connect: next is called, mounts keep the whole path, an error has its status', async () => {
	const app = connect().use(express()).use('/api', (req, res, next) => req.url === '/bad' ? next(new Error('bad')) : res.end(req.url));
	await serve(app, async (port) => {
		core.watch(...ALL);
		assert.strictEqual((await get(port, '/api/users')).text, '/users');
		await get(port, '/api/bad');
		await get(port, '/none');
		const ends = (await events(6)).filter(([name]) => name === 'request:end').map(([, fields]) => [fields.path, fields.status]);
		assert.deepStrictEqual(ends, [['/api/users', 200], ['/api/bad', 500], ['/none', 404]]);
	});
});

test('length: of the header, of a body given whole, and unknown in chunks', async () => {
	const middleware = express();
	await serve((req, res) => {
		middleware(req, res);
		if (req.url === '/header') {
			res.setHeader('Content-Length', 5);
			res.write('he');
			res.end('llo');
		} else if (req.url === '/chunks') {
			res.write('a');
			res.end('b');
		} else {
			res.end('x');
		}
	}, async (port) => {
		core.watch('request:end');
		for (const path of ['/header', '/chunks', '/whole'])
			await get(port, path);
		assert.deepStrictEqual((await events(3)).map(([, fields]) => [fields.path, fields.length]), [['/header', 5], ['/chunks', undefined], ['/whole', 1]]);
	});
});

test('a request that began unwatched has its end, one that is never watched nothing', async () => {
	const middleware = express();
	let release;
	await serve((req, res) => {
		middleware(req, res);
		release = () => res.end();
	}, async (port) => {
		const slow = get(port, '/slow');
		while (!release)
			await new Promise((resolve) => setTimeout(resolve, 2));
		core.watch(...ALL);
		release();
		await slow;
		const [end, ...more] = await events(1);
		assert.deepStrictEqual(more, []);
		assert.strictEqual(end[0], 'request:end');
		assert.ok(end[1].id > 0);
		core.watch();
		const unseen = get(port, '/unseen');
		release = undefined;
		while (!release)
			await new Promise((resolve) => setTimeout(resolve, 2));
		release();
		await unseen;
		assert.deepStrictEqual(await events(0), []);
	});
});

test('close: the client goes before the end, be it before the first byte or in the middle of a large body', async () => {
	const middleware = express();
	await serve((req, res) => {
		middleware(req, res);
		if (req.url === '/large')
			res.end(Buffer.alloc(64 << 20));
		else if (req.url === '/begun')
			res.write('begun');
	}, async (port) => {
		core.watch(...ALL);
		for (const path of ['/silent', '/begun', '/large']) {
			const socket = net.connect(port, '127.0.0.1');
			socket.on('error', () => {});
			socket.write(`GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`);
			if (path === '/silent')
				await new Promise((resolve) => setTimeout(resolve, 30));
			else
				await once(socket, 'data');
			socket.resetAndDestroy ? socket.resetAndDestroy() : socket.destroy();
			const [start, close, ...more] = await events(2);
			assert.deepStrictEqual(more, []);
			assert.deepStrictEqual([start[0], close && close[0], close && close[1].path], ['request:start', 'request:close', path]);
			assert.strictEqual(close[1].id, start[1].id);
			assert.strictEqual(close[1].length, undefined);
		}
	});
});

test('one connection, many requests: each has its id', async () => {
	const middleware = express();
	await serve((req, res) => {
		middleware(req, res);
		res.end();
	}, async (port) => {
		core.watch(...ALL);
		const socket = net.connect(port, '127.0.0.1');
		socket.write('GET /1 HTTP/1.1\r\nHost: x\r\n\r\nGET /2 HTTP/1.1\r\nHost: x\r\n\r\nGET /3 HTTP/1.1\r\nHost: x\r\n\r\n');
		const all = await events(6);
		socket.destroy();
		assert.strictEqual(all.length, 6);
		assert.strictEqual(new Set(all.map(([, fields]) => fields.id)).size, 3);
	});
});

test('http2: end, and close where the client gives up', async () => {
	const middleware = express();
	const server = http2.createServer((req, res) => {
		middleware(req, res);
		if (req.url === '/slow')
			res.write('begun');
		else
			res.end('ok');
	}).listen(0, '127.0.0.1');
	await once(server, 'listening');
	core.watch(...ALL);
	const client = http2.connect(`http://127.0.0.1:${server.address().port}`);
	await once(client.request({ ':path': '/ok?x' }).resume(), 'close');
	const slow = client.request({ ':path': '/slow' });
	slow.on('error', () => {});
	await once(slow, 'data');
	slow.close(http2.constants.NGHTTP2_CANCEL);
	const all = (await events(4)).map(([name, { path, status, method }]) => [name, path, status, method]);
	client.close();
	server.close();
	core.watch();
	assert.deepStrictEqual(all, [['request:start', '/ok', undefined, 'GET'], ['request:end', '/ok', 200, 'GET'], ['request:start', '/slow', undefined, 'GET'], ['request:close', '/slow', 200, 'GET']]);
});

test('options: another prefix, another trace, and one that throws', async () => {
	const calls = [];
	const prefixed = express({ prefix: 'http' });
	const plain = express({ trace: (name, object) => calls.push([name, object.path]) });
	const bad = express({ trace: () => { throw new Error('bad'); } });
	const silent = express({ trace: Object.assign(() => calls.push('called'), { enabled: false }) });
	await serve((req, res) => {
		for (const middleware of [prefixed, plain, bad, silent])
			middleware(req, res);
		res.end();
	}, async (port) => {
		core.watch('http:start');
		await get(port, '/x');
		assert.deepStrictEqual((await events(1)).map(([name]) => name), ['http:start']);
		assert.deepStrictEqual(calls, [['request:start', '/x'], ['request:end', '/x']]);
	});
});

test('ids of a worker are not those of the main thread', async () => {
	const { Worker } = require('node:worker_threads');
	const worker = new Worker(`
		const { parentPort } = require('node:worker_threads');
		require(${JSON.stringify(require.resolve('jstrace/express'))})({ trace: (name, { id }) => parentPort.postMessage(id) })({ method: 'GET', url: '/' }, {});
	`, { eval: true });
	const [id] = await once(worker, 'message');
	assert.ok(Number.isSafeInteger(id) && id > 2 ** 32, String(id));
});

test('what is no request does no harm', () => {
	core.watch(...ALL);
	let called = 0;
	express()({}, {}, () => called++);
	express()(null, null, () => called++);
	express()(Object.freeze({}), undefined, () => called++);
	assert.strictEqual(called, 3);
	core.watch();
	core.taken();
});

test('koa: the shape of its context', async () => {
	const middleware = koa();
	await serve(async (req, res) => {
		const ctx = { req, res, _matchedRoute: '/users/:id' };
		const value = await middleware(ctx, async () => {
			res.statusCode = 202;
			res.end('ok');
			return 'value';
		});
		assert.strictEqual(value, 'value');
	}, async (port) => {
		core.watch(...ALL);
		await get(port, '/users/7');
		const [start, end] = await events(2);
		assert.strictEqual(start[1].id, end[1].id);
		assert.deepStrictEqual(end[1], { id: start[1].id, method: 'GET', path: '/users/7', status: 202, length: 2, route: '/users/:id', async_id: start[1].async_id });
	});
});

test('the real express', { skip: installed('express') ? false : 'express is not installed' }, async () => {
	const real = installed('express');
	const app = real();
	const router = real.Router();
	router.get('/users/:id', (req, res) => res.json({ id: req.params.id }));
	router.get('/bad', () => { throw new Error('bad'); });
	app.set('env', 'test');
	app.use(express());
	app.use('/api', router);
	await serve(app, async (port) => {
		core.watch(...ALL);
		assert.strictEqual((await get(port, '/api/users/7?x=1')).text, '{"id":"7"}');
		await get(port, '/api/bad');
		await get(port, '/none');
		const all = await events(6);
		const ends = all.filter(([name]) => name === 'request:end').map(([, { path, status, route }]) => [path, status, route]);
		assert.deepStrictEqual(ends, [['/api/users/7', 200, '/api/users/:id'], ['/api/bad', 500, '/bad'], ['/none', 404, undefined]]);
		assert.strictEqual(all[1][1].length, 10);
	});
});

test('the real koa', { skip: installed('koa') ? false : 'koa is not installed' }, async () => {
	const Koa = installed('koa');
	const app = new Koa();
	app.silent = true;
	app.use(koa());
	app.use(async (ctx) => {
		await null;
		if (ctx.path === '/bad')
			ctx.throw(503);
		if (ctx.path === '/json')
			ctx.body = { a: 1 };
		else if (ctx.path === '/text')
			ctx.body = 'text';
	});
	await serve(app.callback(), async (port) => {
		core.watch(...ALL);
		for (const path of ['/json?x', '/text', '/bad', '/none'])
			await get(port, path);
		const ends = (await events(8)).filter(([name]) => name === 'request:end').map(([, { path, status, length }]) => [path, status, length]);
		assert.deepStrictEqual(ends, [['/json', 200, 7], ['/text', 200, 4], ['/bad', 503, 19], ['/none', 404, 9]]);
	});
});
