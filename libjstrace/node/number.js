'use strict';
/*
 * Numbers for objects: what the bridges send as `id`, so that the start and the end of one request carry the same. The map is weak: a number goes with its object. All bridges number
 * alike, so one request has one id in all of them. Threads of a process share what a script remembers (start[id]), so each thread has numbers of its own: those of a worker begin
 * at its threadId times 2^32.
 */

const { threadId } = require('node:worker_threads');

const numbers = new WeakMap();
let last = threadId * 2 ** 32;

/**
 * The number of an object, the same each time; undefined of what is no object.
 * @param {unknown} object
 * @returns {number | undefined}
 */
function number(object) {
	if (object === null || (typeof object !== 'object' && typeof object !== 'function'))
		return undefined;
	let found = numbers.get(object);
	if (found === undefined) {
		found = ++last;
		numbers.set(object, found);
	}
	return found;
}

module.exports = number;
