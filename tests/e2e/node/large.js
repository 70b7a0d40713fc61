'use strict';
/*
 * Fires probes with what would take very long to read to its end, once somebody watches, and tells how much was read of what can count that.
 */
const trace = require('../../../libjstrace/node');
const whenWatched = require('./when_watched.js');

let reads = 0;
const counted = (target) => new Proxy(target, { get(object, key) { reads++; return object[key]; } });
const bare = (count) => Object.fromEntries(Array.from({ length: count }, (_, i) => [`p${i}`, undefined]));

/** @type {[string, unknown][]} */
const events = [
	['large:buffer', { it: Buffer.alloc(50e6) }], ['large:floats', { it: new Float64Array(5e6) }], ['large:string', { it: new String('x'.repeat(5e6)) }], ['large:bytes', Buffer.alloc(20e6)],
	['large:array', Array.from({ length: 5e5 }, (_, i) => ({ i, list: [i] }))], ['large:sparse', { it: new Array(2 ** 32 - 1) }], ['large:bigint', { it: 3n ** 10000000n }], ['large:key', { it: { ['k'.repeat(1e7)]: 1, b: 2 } }],
	['large:nothing', { it: Object.fromEntries(Array.from({ length: 3000 }, (_, i) => [`o${i}`, bare(2000)])) }],
	['large:counted', counted(new Array(1e6).fill({}))], ['large:inner', { it: counted(Object.fromEntries(Array.from({ length: 1e5 }, (_, i) => [`p${i}`, undefined]))) }],
];
const watched = trace.probe('large:last');

whenWatched(watched, () => {
	for (const [name, payload] of events)
		trace(name, payload);
	console.log(`reads ${reads}`);
	watched();
});
