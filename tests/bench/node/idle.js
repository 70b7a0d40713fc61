'use strict';
/*
 * ns a call of a probe that nobody watches, beside an empty function: idle.js OLD ROUNDS prints a line "name ns ns …" for each, one figure a round. OLD: the folder of npm's jstrace@0.3.0, or -.
 * Each has a loop of its own, so that every call is compiled for the one function that it calls.
 */
const channel = require('node:diagnostics_channel').channel('request:start');
const trace = require('../../../libjstrace/node');

const [old, rounds] = [process.argv[2], Number(process.argv[3])];
const CALLS = 2e7;

/* As in a module: constants around a function. The comment makes each a function of its own for the engine, which knows equal texts again. */
function loop(name, body) {
	return new Function('given', `const f = given;

	return function () { // ${name}
		const start = process.hrtime.bigint();

		for (let i = 0; i < ${CALLS}; i++)
			${body};
		return Number(process.hrtime.bigint() - start) / ${CALLS};
	};`);
}

const named = (name, f) => loop(name, "f('request:start', { id: i })")(f);
const variants = {
	empty: named('empty', function empty(name, object) {}), // eslint-disable-line no-unused-vars
	jstrace: named('jstrace', trace),
	probe: loop('probe', 'f({ id: i })')(trace.probe('request:start')),
	channel: loop('channel', 'if (f.hasSubscribers) f.publish({ id: i })')(channel),
};

if (old !== '-')
	variants['jstrace@0.3.0'] = named('old', require(old));

const figures = {};

for (let round = -2; round < rounds; round++) {
	for (const [name, run] of Object.entries(variants)) {
		const ns = run();

		if (round >= 0)
			(figures[name] ??= []).push(ns.toFixed(3));
	}
}
for (const [name, list] of Object.entries(figures))
	console.log(name, ...list);
process.exit(0);
