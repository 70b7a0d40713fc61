'use strict';
/*
 * Workers that come and go, each ended in the midst of its probes; with --expose-gc rubbish is collected in between, and in getters. Tells how many it had when it is killed by SIGTERM.
 */
const { Worker, isMainThread, parentPort, threadId } = require('worker_threads');
const trace = require('../../../libjstrace/node');

const collect = global.gc ?? (() => {});

function busy() {
	const probe = trace.probe('worker:bound');
	let n = 0;

	function turn() {
		for (let i = 0; i < 1000; i++) {
			trace('worker:named', { id: ++n, thread: threadId, text: `t${n % 10}`, get late() { if (n % 500 === 0) collect(); return n; } });
			probe({ id: n });
		}
		setImmediate(turn);
	}
	setImmediate(turn);
}

if (!isMainThread) {
	busy();
	parentPort.postMessage('busy');
	return;
}

let ended = 0, stop = false;

async function churn() {
	while (!stop) {
		const worker = new Worker(__filename);

		await new Promise((resolve) => worker.once('message', resolve));
		await new Promise((resolve) => setTimeout(resolve, 1 + ended % 7));
		await worker.terminate();
		ended++;
		trace('worker:ended', { ended });
		collect();
	}
	console.log(`ended ${ended}`);
	process.exit(0);
}
process.on('SIGTERM', () => { stop = true; });
churn();
churn();
console.log('ready');
