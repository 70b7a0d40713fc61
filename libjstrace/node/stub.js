'use strict';
/*
 * Stubs: functions that read from an object just the fields that somebody wants, and pass them to the addon by position.
 *
 * Each is compiled for its fields, so that the engine sees plain property accesses; where code from strings is not allowed (--disallow-code-generation-from-strings) or a getter throws, one that loops does the same.
 * First all fields are read, which may run code of the program that fires probes in turn; then all are passed, and nothing comes between.
 */
const { primitive, jsonOf, keysOf, withToJSON } = require('./value.js');

const WHOLE = '__json';  // the field under which somebody wants the whole object as JSON text
const FIELDS = 16;       // an event has at most
const FIXED = 4;         // arguments of the addon's named() before them

/**
 * @typedef {object} Wanted what wanted() of the addon gives
 * @property {number} epoch
 * @property {boolean} all
 * @property {boolean} more       there were more fields than an event has
 * @property {number} stringSize  bytes
 * @property {string[]} fields
 */

/* A payload that is no object has one field, value; so has what a toJSON method makes of one. */
function toObject(payload, size, lose) {
	let object = payload;

	if (payload === undefined)
		return {};
	try {
		if (payload !== null && typeof payload === 'object')
			object = withToJSON(payload, '', size);
	} catch {
		lose();
	}
	return object !== null && typeof object === 'object' ? object : { value: object };
}

/* A field of a dotted name is one literally so named, or else one of an object in the object. */
function readField(object, field, size, lose) {
	try {
		if (field === WHOLE)
			return jsonOf(object, size, lose);
		const own = object[field];

		if ((own !== undefined && own !== null) || !field.includes('.'))
			return own;
		let at = object;

		for (const part of field.split('.')) {
			if (at === null || at === undefined)
				return undefined;
			at = at[part];
		}
		return at;
	} catch {
		lose();
		return undefined;
	}
}

/** One that loops. mixed: of the addon's layout. */
function looping(wanted, mixed, lose) {
	const { fields, more, stringSize } = wanted;

	return function (payload) {
		if (more)
			lose();
		const object = toObject(payload, stringSize, lose);

		return mixed(...fields.map((field) => primitive(readField(object, field, stringSize, lose), stringSize, lose)));
	};
}

/* The expression that reads a field of o. */
function access(field) {
	const whole = `o[${JSON.stringify(field)}]`;

	if (field === WHOLE)
		return 'jsonOf(o, size, lose)';
	if (!field.includes('.'))
		return whole;
	return `(${whole} ?? o${field.split('.').map((part) => `?.[${JSON.stringify(part)}]`).join('')})`;
}

/** One that is compiled. */
function compiled(wanted, numbers, mixed, values, lose) {
	const { fields, more, stringSize } = wanted;
	const slow = looping(wanted, mixed, lose);
	const names = fields.map((_, i) => `v${i}`);
	const source = `
		const pass = (v) => typeof v === 'string' ? v : primitive(v, size, lose);
		return function (payload) {
			let o = payload${names.map((name) => `, ${name}`).join('')};
			try {
				if (o === null || typeof o !== 'object' || typeof o.toJSON === 'function')
					return slow(payload);
				${fields.map((field, i) => `v${i} = ${access(field)};`).join('\n')}
			} catch {
				return slow(payload);
			}
			${more ? 'lose();' : ''}
			${names.length ? `if (${names.map((name) => `typeof ${name} === 'number'`).join(' && ')}) {` : '{'}
				${names.map((name, i) => `values[${i}] = ${name};`).join('\n')}
				return numbers();
			}
			return mixed(${names.map((name) => `pass(${name})`).join(', ')});
		};`;

	return new Function('values', 'numbers', 'mixed', 'primitive', 'jsonOf', 'slow', 'size', 'lose', source)(values, numbers, mixed, primitive, jsonOf, slow, stringSize, lose);
}

/** One for events of which somebody wants all fields: their names are passed with them. named: of the addon. */
function whole(site, wanted, named, lose) {
	const { fields, more, stringSize } = wanted;
	let { epoch } = wanted;

	function renew(other) {
		epoch = other;
	}

	function fire(payload) {
		const passed = [site.at, site.name, epoch, stringSize];
		const object = toObject(payload, stringSize, lose);
		let keys = [];

		if (more)
			lose();
		try {
			keys = keysOf(object, lose);
		} catch {
			lose(); // a proxy
		}
		/* Those that are asked for by name come first: there may be too many. */
		const names = fields.length ? [...new Set([...fields, ...keys])] : keys;

		for (let i = 0; i < names.length; i++) {
			if (passed.length === FIXED + 2 * FIELDS) {
				lose(names.length - i);
				break;
			}
			const key = names[i];
			const value = primitive(readField(object, key, stringSize, lose), stringSize, lose);

			if (value !== undefined)
				passed.push(key, value);
		}
		return named(...passed);
	}
	return { wanted, fire, renew };
}

/**
 * The stub for a site, fire: takes an event's payload; true: nothing was done, because the sessions changed. renew makes it good for another epoch in which the same is wanted.
 * @param {object} addon
 * @param {{name: string, at: number}} site
 * @param {Wanted} wanted
 * @param {(count?: number) => void} lose
 * @returns {{wanted: Wanted, fire: (payload: unknown) => unknown, renew: (epoch: number) => void}}
 */
function makeStub(addon, site, wanted, lose) {
	const layout = wanted.all || site.at < 0 ? undefined : addon.layout(site.at, wanted.epoch, wanted.stringSize, wanted.fields);

	if (!layout)
		return whole(site, wanted, addon.named, lose);
	const [numbers, mixed, renew] = layout;

	try {
		return { wanted, fire: compiled(wanted, numbers, mixed, addon.values, lose), renew };
	} catch {
		return { wanted, fire: looping(wanted, mixed, lose), renew };
	}
}

/** @param {Wanted} a @param {Wanted} b @returns whether a stub for one does for the other */
function same(a, b) {
	return a.all === b.all && a.more === b.more && a.stringSize === b.stringSize && a.fields.length === b.fields.length && a.fields.every((field, i) => field === b.fields[i]);
}

module.exports = { makeStub, same };
