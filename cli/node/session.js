'use strict';
/*
 * A run of the native jstrace: it attaches, and what it writes comes here line by line. While the script computes nothing is read, so that the pipe fills and jstrace leaves the events where they are; so nothing grows here.
 */

const { spawn } = require('child_process');
const os = require('os');
const { performance } = require('perf_hooks');
const parseCut = require('./json_cut.js');
const traceObject = require('./trace_object.js');

const SLICE_MS = 10; /* after which timers and signals have their turn */

/* What goes before the options of the user, who may say otherwise: objects are sent as text and are awaited. */
const DEFAULTS = ['--string-size=16KiB', '--delay=1ms'];

class Session {
	/**
	 * @param {string} executable
	 * @param {string[]} options
	 * @param {string} program
	 * @param {{event: (trace: Object) => void, attach: (pid: number, title: string) => void, end: (code: number) => void}} heard
	 */
	constructor(executable, options, program, heard) {
		this.heard = heard;
		this.text = '';
		this.at = 0;
		this.working = false;
		this.code = undefined; /* of its end, once it is known */
		this.silent = false;
		/* In a session of its own it hears of Ctrl-C from us alone. */
		this.child = spawn(executable, [...DEFAULTS, ...options, '--format=json', `--program=${program}`], { stdio: ['ignore', 'pipe', 'inherit'], detached: true });
		this.child.stdout.setEncoding('utf8');
		this.child.stdout.on('data', (chunk) => {
			this.text = this.at < this.text.length ? this.text.slice(this.at) + chunk : chunk;
			this.at = 0;
			this.work();
		});
		this.child.on('error', (error) => {
			process.stderr.write(`jstrace: cannot run ${executable}: ${error.message}\n`);
			this.ended(1);
		});
		this.child.on('close', (code, signal) => this.ended(signal ? 128 + os.constants.signals[signal] : code));
	}

	/** Ends it as Ctrl-C does: what is left is still sent. */
	stop() {
		this.child.kill('SIGINT');
	}

	/** Ends it, and tells nothing any more. */
	kill() {
		this.silent = true;
		this.child.kill('SIGKILL');
	}

	ended(code) {
		if (this.code !== undefined)
			return;
		this.code = code;
		this.tellEnd();
	}

	tellEnd() {
		if (this.code !== undefined && !this.working && !this.silent)
			this.heard.end(this.code);
	}

	/* The lines that are there, for a while. */
	work() {
		const until = performance.now() + SLICE_MS;

		this.working = false;
		for (;;) {
			const end = this.text.indexOf('\n', this.at);

			if (end < 0 || this.silent)
				break;

			const line = this.text.slice(this.at, end);

			this.at = end + 1;
			this.take(line);
			if (performance.now() > until) {
				this.working = true;
				this.child.stdout.pause();
				setImmediate(() => this.work());
				return;
			}
		}
		this.child.stdout.resume();
		this.tellEnd();
	}

	take(line) {
		const message = JSON.parse(line);

		if (message.type === 'emit')
			this.heard.event(traceOf(message));
		else if (message.type === 'process' && message.event === 'attach')
			this.heard.attach(message.pid, message.title);
	}
}

function traceOf(message) {
	const { fields } = message;

	return traceObject(typeof fields.__json === 'string' ? parse(fields.__json) : fields, message.name, Math.floor(message.timestamp / 1e6), message.pid, message.title, message.hostname);
}

function parse(text) {
	try {
		return JSON.parse(text);
	} catch {
		return parseCut(text);
	}
}

module.exports = Session;
