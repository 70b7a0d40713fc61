'use strict';
/*
 * Fires probes with whatever may be given to one, once somebody watches, and ends. What trace() throws is told, and so what it took.
 */
const trace = require('../../../libjstrace/node');
const whenWatched = require('./when_watched.js');

const cyclic = { name: 'loop' };
cyclic.self = cyclic;
const thrower = Object.defineProperty({ id: 1 }, 'bad', { get() { throw new Error('no'); }, enumerable: true });
const hostile = new Proxy({}, { get() { throw new Error('trap'); }, ownKeys() { throw new Error('trap'); } });
const revoked = Proxy.revocable({}, {});
revoked.revoke();
const bare = Object.create(null);
bare.id = 7;
const deep = {};
let at = deep;
for (let i = 0; i < 100000; i++)
	at = at.down = {};
const wide = {};
for (let i = 0; i < 40; i++)
	wide[`field${i}`] = i;
const nesting = { get id() { trace('odd:inner', { id: 'in' }); return 5; } };
function recurse() {
	recurse.depth++;
	trace('odd:recurse', { id: recurse.depth });
	recurse();
}
recurse.depth = 0;

/** @type {[string, unknown][]} */
const events = [
	['odd:none', undefined], ['odd:null', null], ['odd:string', 'text'], ['odd:number', 42], ['odd:array', ['a', 2]], ['odd:bare', bare], ['odd:function', function named() {}], ['odd:symbol', Symbol('s')],
	['odd:bigint', { id: 10n, large: 2n ** 63n, huge: 2n ** 70n, low: -(2n ** 63n) }], ['odd:kinds', { id: 1, real: 1.5, yes: true, no: false, nothing: null, missing: undefined, fn() {}, sym: Symbol('x'), inf: Infinity, nan: NaN, zero: -0 }],
	['odd:json', { toJSON() { return { id: 3, made: 'up' }; } }], ['odd:jsontext', { toJSON() { return 'text'; } }], ['odd:jsonthrows', { id: 4, toJSON() { throw new Error('no'); } }], ['odd:date', { when: new Date(0) }],
	['odd:cycle', cyclic], ['odd:throws', thrower], ['odd:proxy', hostile], ['odd:revoked', revoked.proxy], ['odd:deep', { id: 1, deep }], ['odd:wide', wide], ['odd:long', { id: 1, text: 'x'.repeat(10e6) }],
	['odd:unicode', { id: 1, text: 'zwölf \u{1F600} \ud800 \0 end' }], ['odd:nested', { id: 1, req: { url: '/a', headers: { host: 'h' } }, list: [1, [2]] }], ['odd:reserved', { timestamp: 1, hostname: 'h', title: 't', pid: 5, name: 'n' }],
	['odd:inside', nesting], ['odd:map', { m: new Map([[1, 2]]), buffer: Buffer.from('abc') }],
];
const names = [undefined, null, 12, {}, [], Symbol('name'), { toString() { throw new Error('no'); } }, '', 'odd:' + 'n'.repeat(300), 'odd:a\0b', Object.create(null)];
const watched = trace.probe('odd:last');

function fire() {
	let thrown = 0;
	const guarded = (fn) => {
		try {
			fn();
		} catch (error) {
			thrown++;
			console.log('threw', error);
		}
	};

	for (const [name, payload] of events)
		guarded(() => trace(name, payload));
	for (const name of names)
		guarded(() => trace(name, { id: 1 }));
	guarded(() => trace.call(null, 'odd:call', { id: 1 }));
	guarded(() => trace.apply({}, ['odd:apply', { id: 2 }]));
	guarded(() => trace());
	try {
		recurse();
	} catch {
		// the program's own overflow
	}
	watched({ thrown, deep: recurse.depth > 100 });
	console.log(`thrown ${thrown}`);
}

whenWatched(watched, fire);
