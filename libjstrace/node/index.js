'use strict';
/*
 * jstrace for Node.js: require('jstrace')(name, object) fires a probe. See core.js.
 */
const { trace } = require('./core.js');

module.exports = trace;

/* Whoever starts a process so lets its user run code in it. Else not even the module is loaded. */
if (process.env.JSTRACE_REMOTE === '1')
	require('./remote.js').listen();
