'use strict';
/*
 * The core: from trace() to the addon.
 *
 * While nobody watches, a probe is a look at one element of an array over the library's memory: gate[0] for trace(), which does not know its name's site yet, words[at] for a probe that does. Their upper halves are the sessions'; the lower half of a word is set where the
 * program itself watches (subscribe()). gate[1] changes with the sessions, and with it what fields are wanted.
 */
const addon = require('./addon.js');

const { setImmediate } = require('timers');

const expression = require('./pattern.js');
const { makeStub, same } = require('./stub.js');

const SITES = 4096; // names that are remembered; others are found anew at each event
const LOST = 16;
const TRIES = 3;
const NESTED = 4;   // events whose getters fire events, at most: more would be without end, or twice as many at each depth

if (!addon) {
	module.exports = require('./nothing.js');
	return;
}

const { gate, words, values } = addon;
const halves = new Uint16Array(words.buffer);

class Site {
	constructor(name) {
		this.name = name;
		this.at = addon.site(name);
		this.epoch = -1;
		this.stub = undefined;
		this.fire = undefined; // the stub's
	}
}

/** @type {Map<unknown, Site>} by what trace() was given: a name that is no string has a place of its own */
const sites = new Map();

function lose(count = 1) {
	values[LOST] += count;
}

/* undefined: this is no name. */
function siteOf(name) {
	let site = sites.get(name);

	if (site !== undefined)
		return site;
	let text = '';

	try {
		text = String(name);
	} catch {
		// no string can be made of it: nobody is called so
	}
	site = sites.get(text) ?? new Site(text);
	if (sites.size < SITES && site.at >= 0) {
		sites.set(text, site);
		if (typeof name !== 'object' && typeof name !== 'function') // those may be called otherwise tomorrow
			sites.set(name, site);
		listen(site);
	}
	return site;
}

function build(site) {
	const wanted = addon.wanted(site.name);

	if (site.stub && same(site.stub.wanted, wanted)) {
		site.stub.renew(wanted.epoch);
	} else {
		site.stub = makeStub(addon, site, wanted, lose);
		site.fire = site.stub.fire;
	}
	site.epoch = wanted.epoch;
}

let inside = 0;    // events that this one is in a getter of
let calming = false;

/* Where the program is stopped inside an event (vm has such a limit) nothing counts down. With the next turn of the event loop nobody is inside. */
function calm() {
	inside = 0;
	calming = false;
}

function send(site, payload) {
	if (inside === NESTED) {
		values[LOST]++;
		if (!calming) {
			calming = true;
			setImmediate(calm);
		}
		return;
	}
	inside++;
	try {
		if (site.epoch !== gate[1])
			build(site);
		/* The sessions changed between the look and the event. */
		for (let i = 0; site.fire(payload) === true; i++) {
			if (i === TRIES) {
				values[LOST]++;
				break;
			}
			build(site);
		}
	} finally {
		inside--;
	}
}

/* Somebody watches this name, or did a moment ago. */
function hot(site, payload) {
	const word = site.at < 0 ? gate[0] << 16 | (gate[0] >>> 31) : words[site.at];

	if (word >>> 16 !== 0)
		send(site, payload);
	if ((word & 0xffff) !== 0)
		tell(site, payload);
}

/* Somebody watches something. */
function warm(name, payload) {
	const site = siteOf(name);

	if (site.at < 0 || words[site.at] !== 0)
		hot(site, payload);
}

/* Whoever calls hot() or warm() catches: where the program's stack is used up, or its memory, not even these can be called, nor anything that would count it. */

/**
 * Fires the probe called name, with the properties of an object as its fields.
 * @param {string} name
 * @param {object} [object]
 */
function trace(name, object) {
	if (gate[0] !== 0) {
		try {
			warm(name, object);
		} catch {
			values[LOST]++;
		}
	}
}

/**
 * A probe that knows its name: fire it as probe(object); probe.enabled tells whether somebody watches it.
 * @param {string} name
 */
function probe(name) {
	const site = siteOf(name);
	/* One without a place, too long or too many, goes by the gate. */
	const [watched, at] = site.at < 0 ? [gate, 0] : [words, site.at];

	function fire(object) {
		if (watched[at] !== 0) {
			try {
				hot(site, object);
			} catch {
				values[LOST]++;
			}
		}
	}

	Object.defineProperty(fire, 'name', { value: site.name });
	Object.defineProperty(fire, 'enabled', { get: () => watched[at] !== 0, enumerable: true });
	return fire;
}

Object.defineProperty(trace, 'enabled', { get: () => gate[0] !== 0, enumerable: true });
trace.probe = probe;

// ---- in-process subscribers ----

/** @type {Set<{matches: RegExp, fn: Function}>} */
const subscribers = new Set();

function wantedHere(site) {
	for (const { matches } of subscribers)
		if (matches.test(site.name))
			return true;
	return false;
}

/* A site that appears. The words are those of all threads, and other ones know nothing of our subscribers: nothing is taken away here. */
function listen(site) {
	if (wantedHere(site))
		halves[2 * site.at] = 1;
}

function listenAll() {
	addon.here(subscribers.size > 0);
	for (const site of sites.values())
		halves[2 * site.at] = wantedHere(site) ? 1 : 0;
}

function tell(site, payload) {
	const timestamp = Date.now();

	for (const subscriber of [...subscribers]) {
		if (!subscriber.matches.test(site.name))
			continue;
		try {
			subscriber.fn(site.name, payload, timestamp);
		} catch {
			// its own affair, not the program's
		}
	}
}

/**
 * On the main thread, calls fn(name, object, timestamp in ms) at each event whose whole name matches pattern, in which * is any run of characters.
 * @param {string} pattern
 * @param {(name: string, object: unknown, timestamp: number) => void} fn
 * @returns {() => void} ends it
 */
function subscribe(pattern, fn) {
	const subscriber = { matches: expression(String(pattern)), fn };

	subscribers.add(subscriber);
	listenAll();
	return () => {
		if (subscribers.delete(subscriber))
			listenAll();
	};
}

// ---- changes ----

/** @type {Set<() => void>} */
const observers = new Set();
let watching = false;

/**
 * Calls fn from the event loop whenever the sessions that watch this process, or their programs, have changed. Keeps nothing alive.
 * @param {() => void} fn
 * @returns {() => void} ends it
 */
function onchange(fn) {
	const observer = { fn };

	if (!watching)
		watching = addon.watch(() => {
			try {
				for (const { fn: call } of [...observers])
					call();
			} catch {
				// not the program's affair
			}
		});
	observers.add(observer);
	return () => {
		observers.delete(observer);
	};
}

module.exports = { trace, probe, subscribe, onchange, version: addon.version };
