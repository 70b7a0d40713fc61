'use strict';
/*
 * Counts SIGUSR2 in every way that Node.js offers, while it is traced; 'go' on standard input sends itself one after the other.
 */
const trace = require('../../../libjstrace/node');
const counts = { on: 0, once: 0 };
const on = () => counts.on++;

process.on('SIGUSR2', on);
process.once('SIGUSR2', () => counts.once++);

function soon() {
	return new Promise((resolve) => setTimeout(resolve, 1));
}

async function until(condition) {
	for (let i = 0; i < 10000 && !condition(); i++)
		await soon();
	return condition();
}

async function go() {
	for (let i = 1; i <= 20; i++) {
		process.kill(process.pid, 'SIGUSR2');
		await until(() => counts.on === i);
		trace('signal:had', { id: i });
	}
	process.off('SIGUSR2', on);
	process.on('SIGUSR2', on); // the last listener went, and another came
	process.kill(process.pid, 'SIGUSR2');
	await until(() => counts.on === 21);
	console.log(JSON.stringify(counts));
	process.off('SIGUSR2', on);
	process.kill(process.pid, 'SIGUSR2'); // nobody listens: ends the process
	setTimeout(() => console.log('still here'), 5000);
}

process.stdin.once('data', go);
setInterval(() => trace('signal:tick', { id: 0 }), 5);
process.title = 'jst-first-title';
setTimeout(() => { process.title = 'jst-second'; console.log('ready'); }, 10);
