'use strict';
/*
 * Workers that ask to be told of changes, and end at once: as many as the argument says.
 */
const { Worker, isMainThread } = require('worker_threads');
const { onchange } = require('../../../libjstrace/node/core.js');

async function run(count) {
	for (let i = 0; i < count; i++) {
		const worker = new Worker(__filename);

		await new Promise((resolve) => worker.once('exit', resolve));
	}
	console.log(`ended ${count}`);
}

onchange(() => {});
if (isMainThread)
	run(Number(process.argv[2]));
