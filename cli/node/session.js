'use strict';
/*
 * A run of the native jstrace: it attaches, and what it writes comes here line by line. While the script computes nothing is read; then jstrace leaves the events where they are.
 */

const { spawn } = require('child_process');
const os = require('os');
const parseCut = require('./json_cut.js');
const Lines = require('./lines.js');
const traceObject = require('./trace_object.js');

/* What goes before the options of the user, who may say otherwise: objects are sent as text and are awaited. */
const DEFAULTS = ['--string-size=16KiB', '--delay=1ms'];

class Session {
	/**
	 * @param {string} executable
	 * @param {string[]} options
	 * @param {string} program
	 * @param {boolean} emits names may also be those of messages: that no probe has them is not worth a warning
	 * @param {{event: (trace: Object) => void, attach: (pid: number, title: string) => void, end: (code: number) => void}} heard
	 */
	constructor(executable, options, program, emits, heard) {
		this.heard = heard;
		this.code = undefined; /* of its end, once it is known */
		this.stopped = false;
		/* In a session of its own it hears of Ctrl-C from us alone. */
		this.child = spawn(executable, [...DEFAULTS, ...options, '--format=json', `--program=${program}`], { stdio: ['ignore', 'pipe', emits ? 'pipe' : 'inherit'], detached: true });
		this.lines = new Lines(this.child.stdout, (line) => this.take(JSON.parse(line)), () => this.tellEnd());
		if (emits)
			new Lines(this.child.stderr, (line) => /^jstrace: warning: no probe matches /.test(line) || process.stderr.write(`${line}\n`));
		this.child.on('error', (error) => {
			process.stderr.write(`jstrace: cannot run ${executable}: ${error.message}\n`);
			this.ended(1);
		});
		this.child.on('close', (code, signal) => this.ended(signal ? 128 + os.constants.signals[signal] : code));
	}

	/** Ends it as Ctrl-C does: what is left is still sent. */
	stop() {
		if (!this.stopped)
			this.child.kill('SIGINT'); /* a second one would end it at once */
		this.stopped = true;
	}

	/** Ends it, and tells nothing any more. */
	kill() {
		this.lines.stop();
		this.child.kill('SIGKILL');
	}

	ended(code) {
		if (this.code !== undefined)
			return;
		this.code = code;
		this.tellEnd();
	}

	tellEnd() {
		if (this.code !== undefined && !this.lines.working && !this.lines.silent)
			this.heard.end(this.code);
	}

	take(message) {
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
