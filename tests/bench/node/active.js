'use strict';
/*
 * Fires latency pairs as fast as it can, from the first moment on that somebody watches, in batches between which the event loop turns: active.js PACKAGE SECONDS prints "ready", and at the end "events seconds ns-an-event".
 * The last counts the time in the batches alone, and the median of them. PACKAGE is the folder of jstrace, ours or npm's 0.3.0. Afterwards it fires bench:over until it is ended.
 */
const trace = require(process.argv[2]);

const BATCH = Number(process.env.BATCH || 20000);
const seconds = Number(process.argv[3]);
const costs = [];
let events = 0, began = 0n;

function batch() {
	const start = process.hrtime.bigint();

	for (let i = 0; i < BATCH; i++) {
		const id = i & 1023;

		trace('request:start', { id });
		trace('request:end', { id, status: 200, path: '/api' });
	}
	costs.push(Number(process.hrtime.bigint() - start) / (2 * BATCH));
	events += 2 * BATCH;
}

function turn() {
	const now = process.hrtime.bigint();

	if (now - began < BigInt(seconds * 1e9)) {
		batch();
		setImmediate(turn);
		return;
	}
	costs.sort((a, b) => a - b);
	console.log(events, Number(now - began) / 1e9, costs[costs.length >> 1].toFixed(1));
	setInterval(() => trace('bench:over', { events }), 20);
}

let watched = false;

/* 0.3.0 tells nothing of who watches: its clients are waited for by time. */
const timer = setInterval(() => {
	watched = trace.probe ? trace.probe('request:end').enabled : process.uptime() > 4;
	if (!watched)
		return;
	clearInterval(timer);
	setTimeout(() => {
		began = process.hrtime.bigint();
		turn();
	}, 300);
}, 5);
console.log('ready');
