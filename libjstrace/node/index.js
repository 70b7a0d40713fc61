'use strict';
/*
 * jstrace for Node.js: require('jstrace')(name, object) fires a probe. See core.js.
 */
const { trace } = require('./core.js');

module.exports = trace;

/* Whoever starts a process so lets its user run code in it. */
if (process.env.JSTRACE_REMOTE === '1' && require('worker_threads').isMainThread) {
	try {
		require('./remote.js').listen();
	} catch (error) {
		process.stderr.write(`jstrace: JSTRACE_REMOTE=1: ${error.message}\n`);
	}
}
