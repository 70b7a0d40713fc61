'use strict';
/*
 * The probe of a `trace` option. What a program passes may be jstrace itself, or just a function (name, object), as libraries have long taken: that one is called each time, unless
 * it says by an `enabled` of false that nobody listens.
 */

/**
 * @param {Function} [trace] what the program passed; without it jstrace itself is used
 * @param {string} name the probe's name
 * @returns {Function & { enabled: boolean }} probe(object)
 */
function probeOf(trace, name) {
	if (typeof trace !== 'function')
		trace = require('./index.js');
	if (typeof trace.probe === 'function')
		return trace.probe(name);
	const probe = (object) => trace(name, object);
	Object.defineProperty(probe, 'enabled', { get: () => trace.enabled !== false });
	return probe;
}

module.exports = probeOf;
