'use strict';
/*
 * A core for tests: probes that record what they are given, and are watched as the test says. It has the shape of libjstrace/node/core.js.
 */

const watched = new Set();
const listeners = new Set();
const events = [];

/* Watches these names, and no other. */
function watch(...names) {
	watched.clear();
	names.forEach((name) => watched.add(name));
	[...listeners].forEach((listener) => listener());
}

function onchange(listener) {
	listeners.add(listener);
	return () => listeners.delete(listener);
}

/* What was sent so far, which is then forgotten; without fields that are undefined. */
function taken() {
	return events.splice(0).map(([name, object]) => [name, object && Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined))]);
}

function probe(name) {
	const fire = (object) => {
		if (watched.has(name))
			events.push([name, object]);
	};
	Object.defineProperty(fire, 'name', { value: name });
	return Object.defineProperty(fire, 'enabled', { get: () => watched.has(name) });
}

function trace(name, object) {
	probe(name)(object);
}
trace.probe = probe;
Object.defineProperty(trace, 'enabled', { get: () => watched.size > 0 });

module.exports = { trace, probe, onchange, subscribe: () => () => {}, watch, taken, listeners };
