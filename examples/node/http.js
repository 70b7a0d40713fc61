'use strict';
/*
 * A server with two probes: request:start {id, method, path} and request:end {id, status, path}. It takes its time, up to a quarter of a second, and answers with one of several codes.
 *     node http.js [PORT]        the port may also be in $PORT; without either it is 3000, and 0 is any free one
 *
 * npm install jstrace comes first; in the source tree: mkdir node_modules && ln -s ../../../libjstrace/node node_modules/jstrace
 */

const http = require('http');
const trace = require('jstrace');

const port = Number(process.argv[2] || process.env.PORT || 3000);
const codes = [200, 200, 200, 200, 201, 400, 404, 404, 500, 505];
let ids = 0;

const server = http.createServer((req, res) => {
	const id = ++ids;
	const path = req.url;

	trace('request:start', { id, method: req.method, path });
	setTimeout(() => {
		res.statusCode = codes[Math.random() * codes.length | 0];
		res.end('hello world\n');
		trace('request:end', { id, status: res.statusCode, path });
	}, Math.random() * 250);
});

server.listen(port, () => console.log('listening on port %d, process %d', server.address().port, process.pid));
