'use strict';
/*
 * Once somebody watches, fires probes at the end of the program's stack, and some whose getters fire the same probe again; tells what was thrown by what trace() calls, and how often such a getter ran.
 */
const vm = require('vm');
const trace = require('../../../libjstrace/node');
const whenWatched = require('./when_watched.js');

const watched = trace.probe('nested:last');
const deepest = trace.probe('nested:deep');
let thrown = 0, ran = 0;

/* What trace() itself has no stack for, it cannot catch: that is as with any function. */
function count(error) {
	if (/^[^\n]*\n\s+at (?!trace |nested:deep |deeper |pad )/.test(error.stack))
		thrown++;
}

function deeper(n, errors) {
	try {
		if (n & 1)
			trace('nested:deep', { id: n, list: [n] });
		else
			deepest({ id: n, list: [n] });
	} catch (error) {
		errors[n % 64] = error;
	}
	deeper(n + 1, errors);
}

function pad(n, errors) {
	return n > 0 ? pad(n - 1, errors) : deeper(0, errors);
}

function fire() {
	for (let i = 0; i < 60; i++) {
		const errors = Array(64);

		try {
			pad(i, errors);
		} catch {
			// the program's own overflow
		}
		errors.forEach(count);
	}

	const again = { get a() { ran++; trace('nested:again', again); return 1; }, get b() { ran++; trace('nested:again', again); return 2; } };

	trace('nested:again', again);
	/* Stopped in a getter. */
	const sandbox = vm.createContext({ go: () => trace('nested:stopped', { get id() { return vm.runInContext('for (;;);', sandbox); } }) });

	for (let i = 0; i < 20; i++) {
		try {
			vm.runInContext('go()', sandbox, { timeout: 5 });
		} catch {
			// it was stopped
		}
	}
	setTimeout(() => {
		trace('nested:after', { id: 1 });
		console.log(`thrown ${thrown}, ran ${ran}`);
		watched();
	}, 50);
}

whenWatched(watched, fire);
