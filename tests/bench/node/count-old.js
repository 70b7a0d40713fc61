'use strict';
/* The latency job for npm's jstrace@0.3.0: keeps the starts, makes a histogram, and tells at the end how many events it saw. */
const start = new Map(), buckets = new Map();
let seen = 0;

exports.local = function (traces) {
	traces.on('request:start', (trace) => {
		seen++;
		start.set(trace.id, trace.timestamp);
	});
	traces.on('request:end', (trace) => {
		const bucket = Math.floor(Math.log2(1 + Date.now() - start.get(trace.id)));

		seen++;
		buckets.set(bucket, (buckets.get(bucket) || 0) + 1);
	});
	traces.on('bench:over', () => {
		console.log(seen);
		process.exit(0);
	});
};
