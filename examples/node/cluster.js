'use strict';
/*
 * The server of http.js in four processes that share a port. Each has a title of its own, so that one of them can be traced: jstrace -t api-2 …
 *     node cluster.js [PORT]
 */

const cluster = require('cluster');

const WORKERS = 4;

if (cluster.isPrimary) {
	process.title = 'api-primary';
	for (let n = 1; n <= WORKERS; n++)
		cluster.fork({ WORKER: n });
	/* The port is known when the first listens. */
	cluster.once('listening', (worker, address) => console.log('%d workers on port %d', WORKERS, address.port));
	process.on('SIGTERM', () => cluster.disconnect(() => process.exit()));
} else {
	process.title = `api-${process.env.WORKER}`;
	require('./http.js');
}
