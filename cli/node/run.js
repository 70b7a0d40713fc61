'use strict';
/*
 * A run of a script, from its start to an exit code.
 *
 *     load → exports.local → sessions → (events, messages)* → all have ended, or a signal → cleanup → exit
 *
 * One session brings all that is asked for at first. A pattern that is asked for later takes another, whose events go to the handlers of its patterns alone.
 */

const { inspect } = require('util');
const os = require('os');
const Remotes = require('./remotes.js');
const Session = require('./session.js');
const Traces = require('./traces.js');
const { load, complain, ScriptError, WRONG } = require('./script.js');
const { program } = require('./program.js');

const LAST_MS = 400;    /* that what is left may take once a signal has come … */
const CLEANUP_MS = 300; /* … and the cleanup after it */

class Run {
	constructor({ executable, options }) {
		this.executable = executable;
		this.options = options;
		this.traces = new Traces();
		/** @type {Map<Session, Set<string>>} living sessions and their patterns */
		this.sessions = new Map();
		this.asked = new Set();  /* all patterns of all sessions */
		this.waiting = false;    /* a session for more is about to start */
		this.code = 0;
		this.interrupted = false;
		this.finishing = false;
	}

	/** @param {import('./script.js').Script} script */
	async start(script) {
		const { traces } = this;

		for (const [pattern, fn] of script.patterns.slice(0, script.localAt))
			traces.add(pattern, fn, false);

		const local = script.local && script.local(traces.face());

		for (const [pattern, fn] of script.patterns.slice(script.localAt))
			traces.add(pattern, fn, false);
		if (script.cleanup)
			traces.cleanups.push(script.cleanup);
		if (script.remote)
			this.remotes = new Remotes(script.remote, this.options.includes('--quiet'), { emit: (name, args) => this.message(name, args), refused: () => this.refused() });
		/* One that waits for something before it asks. */
		if (local && typeof local.then === 'function' && !traces.handlers.length && !script.remote)
			await Promise.race([local, new Promise((resolve) => { traces.wanted = resolve; })]);
		if (!traces.handlers.length && !script.remote)
			throw new ScriptError('the script asks for no events, as traces.on(\'request:*\', function (trace) { … }) does');
		traces.wanted = () => this.askLater();
		this.watch();
		this.ask();
	}

	askLater() {
		if (this.waiting || this.finishing)
			return;
		this.waiting = true;
		setImmediate(() => {
			this.waiting = false;
			if (!this.finishing && !this.interrupted)
				this.ask();
		});
	}

	/* Starts a session for what is asked for and not yet brought by another. */
	ask() {
		const first = !this.asked.size && !this.sessions.size;
		const patterns = new Set(this.traces.patterns().filter((pattern) => !this.asked.has(pattern)));

		if (!patterns.size && !first)
			return;
		for (const pattern of patterns)
			this.asked.add(pattern);

		const session = new Session(this.executable, this.options, program(patterns), Boolean(this.remotes), {
			event: (trace) => this.traces.deliver(trace.name, [trace], (pattern) => patterns.has(pattern)),
			attach: (pid, title) => first && this.remotes && this.remotes.attach(pid, title),
			end: (code) => this.sessionEnded(session, code),
		});

		this.sessions.set(session, patterns);
	}

	/* What exports.remote sent, to the handlers of that name. */
	message(name, args) {
		this.traces.deliver(name, args);
	}

	/* Where nothing but exports.remote was asked for, and none of the processes named runs it. */
	refused() {
		const named = this.options.some((option) => option.startsWith('--pid='));

		setImmediate(() => {
			if (named && !this.traces.handlers.length && !this.remotes.sockets.size && !this.interrupted) {
				this.code = 1;
				this.stop();
			}
		});
	}

	sessionEnded(session, code) {
		this.sessions.delete(session);
		this.code = this.code || code;
		if (this.sessions.size)
			this.stop(); /* all were to end for the same reason */
		else
			this.finish();
	}

	stop() {
		for (const session of this.sessions.keys())
			session.stop();
	}

	/* ---- the end ---- */

	watch() {
		for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'])
			process.on(signal, () => this.interrupt(signal));
		/* The reader of our output went away: quietly. */
		process.stdout.on('error', (error) => {
			if (error.code !== 'EPIPE')
				process.stderr.write(`jstrace: cannot write to standard output: ${error.message}\n`);
			this.code = 1;
			this.hurry();
			this.finish();
		});
		process.on('uncaughtException', (error) => {
			/* The script may have a handler of its own. */
			if (process.listenerCount('uncaughtException') > 1 && !this.finishing)
				return;
			process.stderr.write(`${error instanceof Error ? error.stack : `Uncaught ${inspect(error)}`}\n`);
			process.exit(1);
		});
		process.on('exit', () => {
			for (const session of this.sessions.keys())
				session.kill();
		});
	}

	interrupt(signal) {
		if (this.interrupted)
			process.exit(128 + os.constants.signals[signal]);
		this.interrupted = true;
		if (this.finishing) {
			this.hurry();
			return;
		}
		this.stop();
		setTimeout(() => {
			if (!this.finishing)
				process.stderr.write('jstrace: not everything was seen: the script ended before all events were read\n');
			this.finish();
		}, LAST_MS);
	}

	/* Cleanup is waited for, but not for long. */
	hurry() {
		setTimeout(() => process.exit(this.code), CLEANUP_MS);
	}

	async finish() {
		if (this.finishing)
			return;
		this.finishing = true;
		for (const session of this.sessions.keys())
			session.kill();
		if (this.interrupted)
			this.hurry();
		/* What the remotes send as their last is heard. */
		if (this.remotes)
			await this.remotes.leave();
		for (const fn of this.traces.cleanups)
			await fn();
		process.exit(this.code);
	}
}

/**
 * @param {{executable: string, options: string[], name: string, args: string[]}} what
 */
module.exports = async function run({ executable, options, name, args }) {
	let script;

	try {
		script = await load(name, args);
	} catch (error) {
		complain(error);
		process.exit(WRONG);
	}
	try {
		await new Run({ executable, options }).start(script);
	} catch (error) {
		complain(error);
		process.exit(error instanceof ScriptError ? WRONG : 1);
	}
};
