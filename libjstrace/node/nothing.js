'use strict';
/*
 * The core where there is no addon: the same functions, which do nothing.
 */
function trace() {}

function probe(name) {
	const fire = function probe() {};

	try {
		Object.defineProperty(fire, 'name', { value: String(name) });
	} catch {
		// no string can be made of it
	}
	fire.enabled = false;
	return fire;
}

trace.enabled = false;
trace.probe = probe;

const stop = () => {};

module.exports = { trace, probe, subscribe: () => stop, onchange: () => stop, version: undefined };
