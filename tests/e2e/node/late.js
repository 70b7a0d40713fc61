'use strict';
/*
 * An event in the midst of which a second session begins: one of its getters waits for that. Then one of many fields.
 */
const trace = require('../../../libjstrace/node');
const whenWatched = require('./when_watched.js');

const first = trace.probe('late:event');
const second = trace.probe('late:second');
const many = Object.fromEntries(Array.from({ length: 24 }, (_, i) => [`f${i}`, i]));

whenWatched(first, () => {
	console.log('inside');
	first({ get wait() { for (const end = Date.now() + 10000; !second.enabled && Date.now() < end;); return 1; }, request: { url: '/late' } });
	trace('late:many', many);
	second();
});
