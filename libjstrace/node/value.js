'use strict';
/*
 * Values for the tracer: what JavaScript has, as one of the few things a field may be; and whole objects as JSON text of bounded size.
 *
 * Nothing here throws, whatever getters, proxies and toJSON methods do, and nothing is followed for ever. What cannot be taken is counted by lose().
 */

const { isStringObject } = require('util/types');

const DEPTH = 16;           // levels of objects in objects
const PROPERTIES = 10000;   // properties that are looked at in one text, and elements in one array
const BITS = 4096;          // of a BigInt: the time that it takes to write one grows faster than they do

const { toJSON: bufferToJSON } = Buffer.prototype;
const { subarray } = Uint8Array.prototype;

/**
 * A value as a number, string, boolean, 64-bit BigInt, null, or undefined where it cannot be taken.
 * @param {unknown} value
 * @param {number} size  bytes of JSON text at most, for an object
 * @param {(count?: number) => void} lose
 */
function primitive(value, size, lose) {
	switch (typeof value) {
	case 'number':
	case 'string':
	case 'boolean':
	case 'undefined':
		return value;
	case 'bigint':
		return BigInt.asIntN(64, value) === value || BigInt.asUintN(64, value) === value ? value : digits(value, lose);
	case 'object':
		return value === null ? null : ofObject(value, size, lose);
	default: // a function or symbol
		lose();
		return undefined;
	}
}

function digits(value, lose) {
	if (BigInt.asIntN(BITS, value) === value)
		return String(value);
	lose();
	return undefined;
}

/* toJSON is honoured, as JSON.stringify() does. Dates have it. */
function ofObject(value, size, lose) {
	try {
		const made = withToJSON(value, '', size);

		if (made === null || typeof made !== 'object')
			return typeof made === 'function' ? undefined : primitive(made, size, lose);
		return jsonOf(made, size, lose);
	} catch {
		lose();
		return undefined;
	}
}

/* A Buffer's makes an array of all its bytes: of a large one, no more than there is room for. */
function withToJSON(value, key, size) {
	if (typeof value.toJSON !== 'function')
		return value;
	if (ArrayBuffer.isView(value) && value.length > size && value.toJSON === bufferToJSON)
		return bufferToJSON.call(subarray.call(value, 0, size));
	return value.toJSON(key);
}

/**
 * The names of an object's properties; of those that are no more than places, the first.
 * @param {object} object
 * @param {(count?: number) => void} lose
 */
function keysOf(object, lose) {
	if ((!Array.isArray(object) && !ArrayBuffer.isView(object) && !isStringObject(object)) || !(object.length > PROPERTIES))
		return Object.keys(object);
	lose(object.length - PROPERTIES);
	return Array.from({ length: PROPERTIES }, (_, i) => String(i));
}

/**
 * JSON text of an object, in at most size bytes of UTF-8, whole JSON always: what does not fit is left out.
 * @param {object} object
 * @param {number} size
 * @param {(count?: number) => void} lose
 * @returns {string}
 */
function jsonOf(object, size, lose) {
	return new Writer(size, lose).object(object) ?? '{}';
}

class Writer {
	constructor(size, lose) {
		this.left = size;
		this.lose = lose;
		this.above = [];
		this.size = size;
		this.seen = 0;
	}

	/* The text, paid for, or undefined: there is nothing to say, or it was lost. */
	value(value, key) {
		if (value !== null && typeof value === 'object') {
			try {
				value = withToJSON(value, key, this.size);
			} catch {
				return this.lost();
			}
		}
		switch (typeof value) {
		case 'string':
			return this.string(value);
		case 'number':
			return this.pay(Number.isFinite(value) ? String(value) : 'null');
		case 'boolean':
			return this.pay(String(value));
		case 'bigint': {
			const text = digits(value, this.lose);

			return text === undefined ? undefined : this.pay(text);
		}
		case 'object':
			return value === null ? this.pay('null') : this.object(value);
		case 'undefined':
			return undefined;
		default:
			return this.lost();
		}
	}

	lost() {
		this.lose();
		return undefined;
	}

	pay(text) {
		const cost = Buffer.byteLength(text);

		if (cost > this.left)
			return this.lost();
		this.left -= cost;
		return text;
	}

	string(text) {
		/* Each unit takes one byte at least. */
		if (text.length + 2 <= this.left) {
			const whole = JSON.stringify(text);

			if (Buffer.byteLength(whole) <= this.left)
				return this.pay(whole);
		}
		/* The beginning: six bytes a unit is the most that escaping makes of one. */
		const units = Math.floor((this.left - 2) / 6);

		this.lose();
		return units > 0 ? this.pay(JSON.stringify(text.slice(0, units))) : undefined;
	}

	object(object) {
		if (this.above.length === DEPTH || this.above.includes(object) || this.left < 2)
			return this.lost();
		this.left -= 2;
		this.above.push(object);
		let text;

		try {
			text = Array.isArray(object) ? this.elements(object) : this.properties(object);
		} catch {
			this.lose(); // a proxy
			text = '{}';
		}
		this.above.pop();
		return text;
	}

	elements(array) {
		const parts = [];

		for (let i = 0; i < array.length; i++) {
			if (this.left < 6 || i === PROPERTIES) {
				this.lose(array.length - i);
				break;
			}
			this.left--; // the comma
			parts.push(this.read(array, i) ?? this.pay('null') ?? 'null');
		}
		return `[${parts.join(',')}]`;
	}

	properties(object) {
		const parts = [];

		if (this.seen >= PROPERTIES) {
			this.lose();
			return '{}';
		}
		for (const key of keysOf(object, this.lose)) {
			if (++this.seen > PROPERTIES || this.left < 6) {
				this.lose();
				break;
			}
			if (key.length > this.left) {
				this.lose();
				continue;
			}
			const before = this.left;
			const name = JSON.stringify(key);
			const cost = Buffer.byteLength(name) + 2; // colon and comma

			if (cost > this.left) {
				this.lose();
				continue;
			}
			this.left -= cost;
			const text = this.read(object, key);

			if (text === undefined)
				this.left = before;
			else
				parts.push(`${name}:${text}`);
		}
		return `{${parts.join(',')}}`;
	}

	read(object, key) {
		let value;

		try {
			value = object[key];
		} catch {
			return this.lost();
		}
		return this.value(value, String(key));
	}
}

module.exports = { primitive, jsonOf, keysOf, withToJSON };
