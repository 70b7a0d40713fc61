'use strict';
/*
 * Fires probes with what would take very long to read to its end, once somebody watches, and tells which took more than a second.
 */
const trace = require('../../../libjstrace/node');

const bare = (count) => Object.fromEntries(Array.from({ length: count }, (_, i) => [`p${i}`, undefined]));

/** @type {[string, unknown][]} */
const events = [
	['large:buffer', { it: Buffer.alloc(50e6) }], ['large:floats', { it: new Float64Array(5e6) }], ['large:string', { it: new String('x'.repeat(5e6)) }], ['large:bytes', Buffer.alloc(20e6)],
	['large:array', Array.from({ length: 5e5 }, (_, i) => ({ i, list: [i] }))], ['large:sparse', { it: new Array(2 ** 32 - 1) }], ['large:bigint', { it: 3n ** 10000000n }], ['large:key', { it: { ['k'.repeat(1e7)]: 1, b: 2 } }],
	['large:nothing', { it: Object.fromEntries(Array.from({ length: 9000 }, (_, i) => [`o${i}`, bare(2000)])) }],
];
const watched = trace.probe('large:last');

const timer = setInterval(() => {
	if (!watched.enabled)
		return;
	clearInterval(timer);
	for (const [name, payload] of events) {
		const start = performance.now();

		trace(name, payload);
		if (performance.now() - start > 1000)
			console.log(`slow: ${name}`);
	}
	watched();
}, 2);
console.log('ready');
