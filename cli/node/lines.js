'use strict';
/*
 * Lines of a stream, in slices: after some milliseconds of work timers and signals have their turn. Meanwhile nothing is read, so that whoever writes finds the pipe full, and nothing grows here.
 */

const { performance } = require('perf_hooks');

const SLICE_MS = 10;
const LONGEST = 32 << 20; /* characters of a line */

class Lines {
	/**
	 * @param {import('stream').Readable} stream
	 * @param {(line: string) => void} take
	 * @param {() => void} rest called whenever all that is there has been taken
	 */
	constructor(stream, take, rest = () => {}) {
		this.stream = stream;
		this.take = take;
		this.rest = rest;
		this.text = '';
		this.at = 0;
		this.working = false;
		this.silent = false;
		stream.setEncoding('utf8');
		stream.on('data', (chunk) => {
			this.text = this.at < this.text.length ? this.text.slice(this.at) + chunk : chunk;
			this.at = 0;
			if (this.text.length > LONGEST)
				stream.destroy(new Error('a line without end'));
			else
				this.work();
		});
	}

	/** Nothing more is wanted. */
	stop() {
		this.silent = true;
	}

	work() {
		const until = performance.now() + SLICE_MS;

		this.working = true;
		while (!this.silent) {
			const end = this.text.indexOf('\n', this.at);

			if (end < 0)
				break;

			const line = this.text.slice(this.at, end);

			this.at = end + 1;
			this.take(line);
			if (performance.now() > until) {
				this.stream.pause();
				setImmediate(() => this.work());
				return;
			}
		}
		this.working = false;
		this.stream.resume();
		this.rest();
	}
}

module.exports = Lines;
