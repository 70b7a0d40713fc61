'use strict';
/*
 * One exports.remote of somebody's script, running in this program. It is given what it would find anyway, so arranged that what it prints goes to whoever sent it, and that it leaves nothing behind: its subscriptions and timers end
 * with it. What it throws is told and goes no further.
 */

const os = require('os');
const path = require('path');
const vm = require('vm');
const { Console } = require('console');
const { createRequire } = require('module');
const { Writable } = require('stream');
const traceObject = require('./trace_object.js');

const SHADOWED = ['setTimeout', 'setInterval', 'setImmediate', 'queueMicrotask'];
const WRAPPER = `(function (${SHADOWED.join(', ')}) { return (`;

/**
 * @typedef {(message: Object) => void} Send to the sender of the function
 * @typedef {(pattern: string, fn: (name: string, object: *, timestamp: number) => void) => () => void} Subscribe
 */
class RemoteRun {
	/**
	 * @param {Subscribe} subscribe
	 * @param {Send} send
	 */
	constructor(subscribe, send) {
		this.subscribe = subscribe;
		this.send = send;
		this.over = false;
		this.busy = false;
		this.subscriptions = [];
		this.cleanups = [];
		this.timers = new Set();
	}

	/**
	 * @param {{source: string, file?: string, line?: number}} what
	 */
	start(what) {
		this.guarded(() => {
			const globals = this.globals();
			const fn = compile(what)(...SHADOWED.map((name) => globals[name]));
			const stdio = { stdout: this.stream('stdout'), stderr: this.stream('stderr') };
			const console = new Console({ ...stdio, colorMode: false });

			return fn(this.traces(), console, this.process(stdio), requireOfProgram());
		})();
	}

	/** Ends it: its cleanup handlers are called, and what it left is taken away. */
	stop() {
		if (this.over)
			return;
		for (const fn of this.cleanups)
			this.guarded(fn)();
		this.over = true;
		for (const { end } of this.subscriptions)
			end();
		for (const cancel of [...this.timers])
			cancel();
	}

	/* fn, whose exceptions and rejections are told to the sender. */
	guarded(fn) {
		const report = (error) => this.send({ type: 'error', stack: textOf(error) });

		return (...args) => {
			if (this.over)
				return undefined;
			try {
				const result = fn(...args);

				if (result && typeof result.then === 'function')
					result.then(undefined, report);
				return result;
			} catch (error) {
				report(error);
				return undefined;
			}
		};
	}

	traces() {
		const traces = {
			on: (pattern, fn) => {
				this.on(String(pattern), fn);
				return traces;
			},
			off: (pattern, fn) => {
				this.off(String(pattern), fn);
				return traces;
			},
			emit: (name, ...args) => {
				this.send({ type: 'emit', name: String(name), args: args.map(plain) });
				return true;
			},
		};
		traces.addListener = traces.on;
		traces.removeListener = traces.off;
		return traces;
	}

	on(pattern, fn) {
		if (typeof fn !== 'function')
			throw new TypeError(`traces.on('${pattern}') takes a function`);
		if (this.over)
			return;
		if (pattern === 'cleanup') {
			this.cleanups.push(fn);
			return;
		}

		const handler = this.guarded((name, object, timestamp) => fn(traceObject(object, name, timestamp, process.pid, process.title, os.hostname())));

		this.subscriptions.push({
			pattern, fn,
			end: this.subscribe(pattern, (name, object, timestamp) => {
				/* What a handler does may fire probes in turn. */
				if (this.busy)
					return;
				this.busy = true;
				handler(name, object, timestamp);
				this.busy = false;
			}),
		});
	}

	off(pattern, fn) {
		if (pattern === 'cleanup') {
			this.cleanups = this.cleanups.filter((each) => each !== fn);
			return;
		}

		const at = this.subscriptions.findIndex((each) => each.pattern === pattern && each.fn === fn);

		if (at >= 0)
			this.subscriptions.splice(at, 1)[0].end();
	}

	/* Timers that end with it, keep no program alive and let no exception out. */
	globals() {
		const timer = (set, clear, repeats) => (fn, ...args) => {
			const handle = set((...given) => {
				if (!repeats)
					this.timers.delete(cancel);
				this.guarded(fn)(...given);
			}, ...args);
			const cancel = () => {
				this.timers.delete(cancel);
				clear(handle);
			};

			this.timers.add(cancel);
			handle.unref();
			return handle;
		};

		return {
			setTimeout: timer(setTimeout, clearTimeout, false),
			setInterval: timer(setInterval, clearInterval, true),
			setImmediate: timer(setImmediate, clearImmediate, false),
			queueMicrotask: (fn) => queueMicrotask(this.guarded(fn)),
		};
	}

	stream(name) {
		return new Writable({
			decodeStrings: false,
			write: (chunk, encoding, done) => {
				this.send({ type: 'write', stream: name, text: typeof chunk === 'string' ? chunk : chunk.toString() });
				done();
			},
		});
	}

	/* The program's own, but for where its output goes. */
	process(stdio) {
		const nextTick = (fn, ...args) => process.nextTick(this.guarded(fn), ...args);

		return new Proxy(process, {
			get: (target, name) => (name === 'nextTick' ? nextTick : Object.prototype.hasOwnProperty.call(stdio, name) ? stdio[name] : Reflect.get(target, name)),
			set: (target, name, value) => Reflect.set(target, name, value),
		});
	}
}

/* The whole function is compiled, with the parameters that it has; a method's text is none by itself. */
function compile({ source, file, line }) {
	const options = (prefix) => ({
		filename: file || 'exports.remote',
		lineOffset: (line || 1) - 1,
		columnOffset: -prefix.length,
		importModuleDynamically: vm.constants && vm.constants.USE_MAIN_CONTEXT_DEFAULT_LOADER,
	});
	const run = (prefix, suffix) => new vm.Script(`${prefix}${source}\n${suffix})})`, options(prefix)).runInThisContext();

	try {
		return run(WRAPPER, '');
	} catch (error) {
		if (!(error instanceof SyntaxError))
			throw error;
		try {
			const object = run(`${WRAPPER}{`, '}');

			return (...shadowed) => Object.values(object(...shadowed))[0];
		} catch {
			throw error;
		}
	}
}

function requireOfProgram() {
	return createRequire((require.main && require.main.filename) || path.join(process.cwd(), 'program.js'));
}

function textOf(error) {
	return String((error && error.stack) || error);
}

/* A value that JSON can carry: what refers to itself is cut, and what it does not know is text. */
function plain(value) {
	const above = [];

	return value === undefined ? null : JSON.parse(JSON.stringify(value, function (key, each) {
		if (typeof each === 'bigint')
			return String(each);
		if (typeof each !== 'object' || each === null)
			return each;
		while (above.length && above[above.length - 1] !== this)
			above.pop();
		if (above.includes(each))
			return '[Circular]';
		above.push(each);
		return each;
	}) || 'null');
}

module.exports = RemoteRun;
