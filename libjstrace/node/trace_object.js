'use strict';
/*
 * What a handler of an analysis script gets for an event: all properties of the object that was given to trace(), and over them what is known of the event. The object itself, whatever it is, is at .fields.
 * Used by the package, for functions that run in the program, and by the host of scripts.
 */

/**
 * @typedef {{name: string, timestamp: number, pid: number, title: string, hostname: string}} About
 *
 * @param {*} fields as given to trace()
 * @param {string} name
 * @param {number} timestamp ms, as Date.now()
 * @param {number} pid
 * @param {string} title
 * @param {string} hostname
 * @returns {About & Object<string, *>}
 */
function traceObject(fields, name, timestamp, pid, title, hostname) {
	const trace = {};

	if (typeof fields === 'object' && fields !== null) {
		Object.assign(trace, fields);
		if (Object.prototype.hasOwnProperty.call(fields, '__proto__')) {
			/* What JSON.parse() makes of such a key is a property; assigning it would be something else. */
			Object.setPrototypeOf(trace, Object.prototype);
			define(trace, '__proto__', fields['__proto__'], true);
		}
	}
	trace.timestamp = timestamp;
	trace.title = title;
	trace.pid = pid;
	trace.name = name;
	trace.hostname = hostname;
	define(trace, 'fields', fields, false);
	return trace;
}

function define(object, name, value, enumerable) {
	Object.defineProperty(object, name, { value, enumerable, writable: true, configurable: true });
}

module.exports = traceObject;
