'use strict';
/*
 * The handlers of a script: exports['pattern'], and traces.on() of exports.local. For an event all that match are called, in the order of their definition.
 */

const expression = require('./pattern.js');

const CACHED_MAX = 10000; /* names whose handlers are remembered */

class Traces {
	constructor() {
		/** @type {{pattern: string, expression: RegExp, fn: Function, once: boolean}[]} */
		this.handlers = [];
		/** @type {Function[]} */
		this.cleanups = [];
		this.cache = new Map();
		/** Called with a pattern that is asked for, maybe not for the first time. @type {(pattern: string) => void} */
		this.wanted = () => {};
	}

	/** All that handlers ask for. @returns {string[]} */
	patterns() {
		return this.handlers.map((handler) => handler.pattern);
	}

	add(pattern, fn, once) {
		if (typeof fn !== 'function')
			throw new TypeError(`the handler of '${pattern}' is no function`);
		if (pattern === 'cleanup') {
			this.cleanups.push(fn);
			return;
		}
		this.handlers.push({ pattern, expression: expression(pattern), fn, once });
		this.cache.clear();
		this.wanted(pattern);
	}

	remove(pattern, fn) {
		const same = (handler) => handler.pattern === pattern && (fn === undefined || handler.fn === fn);

		if (pattern === 'cleanup')
			this.cleanups = this.cleanups.filter((each) => fn !== undefined && each !== fn);
		this.handlers = this.handlers.filter((handler) => !same(handler));
		this.cache.clear();
	}

	matching(name) {
		let found = this.cache.get(name);

		if (!found) {
			found = this.handlers.filter((handler) => handler.expression.test(name));
			if (this.cache.size >= CACHED_MAX)
				this.cache.clear();
			this.cache.set(name, found);
		}
		return found;
	}

	/**
	 * Calls all handlers for a name.
	 * @param {string} name
	 * @param {*[]} args
	 * @param {((pattern: string) => boolean)=} among only those of these patterns
	 */
	deliver(name, args, among) {
		for (const handler of this.matching(name)) {
			if (among && !among(handler.pattern))
				continue;
			if (handler.once) {
				this.handlers = this.handlers.filter((each) => each !== handler);
				this.cache.clear();
			}

			const { fn } = handler;

			fn(...args);
		}
	}

	/** What exports.local gets. */
	face() {
		const face = {
			on: (pattern, fn) => (this.add(String(pattern), fn, false), face),
			once: (pattern, fn) => (this.add(String(pattern), fn, true), face),
			off: (pattern, fn) => (this.remove(String(pattern), fn), face),
		};

		face.addListener = face.on;
		face.removeListener = face.off;
		face.removeAllListeners = (pattern) => face.off(pattern);
		return face;
	}
}

module.exports = Traces;
