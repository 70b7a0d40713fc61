'use strict';
/*
 * A server that is traced and left again and again. GET /stats tells what it has: heap after a collection, resident memory, descriptors, threads, delay of the event loop since the last time.
 */
const fs = require('fs');
const http = require('http');
const { monitorEventLoopDelay } = require('perf_hooks');
const trace = require('../../../libjstrace/node');

const delay = monitorEventLoopDelay({ resolution: 1 });
let ids = 0;

function stats() {
	global.gc();
	const got = { heap: process.memoryUsage().heapUsed, rss: process.memoryUsage().rss, fds: fs.readdirSync('/proc/self/fd').length, threads: fs.readdirSync('/proc/self/task').length, delay: delay.percentile(99) / 1e6, requests: ids };

	delay.reset();
	return got;
}

const server = http.createServer((request, response) => {
	if (request.url === '/stats') {
		response.end(JSON.stringify(stats()));
		return;
	}
	const id = ++ids;

	trace('request:start', { id });
	response.end('hello');
	trace('request:end', { id, path: request.url });
});

delay.enable();
server.listen(0, '127.0.0.1', () => console.log(server.address().port));
