'use strict';
/*
 * Probes out of the channels of node:diagnostics_channel: those of Node itself and of undici (channels.js), and those that the program names. A channel is subscribed to while somebody
 * watches its probe and not at any other time, so that its publishers find no subscriber and build no message.
 *
 * It is never subscribed or unsubscribed while it publishes: Node 18 would not bear it. Nothing here throws into the program.
 */

const { channel: channelOf } = require('node:diagnostics_channel');
const { executionAsyncId } = require('node:async_hooks');
const { known, probeName, scalars } = require('./channels.js');
const probeOf = require('./probe-of.js');

const TRACING = ['start', 'end', 'asyncStart', 'asyncEnd', 'error'];

/* Each trace has its bridges by channel, so that a channel which is named twice has its events sent once. */
const bridgesOf = new WeakMap();

/* One channel and its probe. */
class Bridge {
	constructor(trace, { channel, probe, fields, later }) {
		this.users = 0;
		this.subscribed = false;
		this.channel = channelOf(channel);
		this.probe = probeOf(trace, probe);
		this.fields = fields;
		this.later = later;
		this.busy = false;
		this.onMessage = (message) => this.take(message);
	}

	/* Subscribes or unsubscribes, as is due. */
	refresh() {
		const wanted = this.users > 0 && this.probe.enabled;
		if (wanted === this.subscribed)
			return;
		this.subscribed = wanted;
		if (wanted)
			this.channel.subscribe(this.onMessage);
		else
			this.channel.unsubscribe(this.onMessage);
	}

	take(message) {
		if (this.busy || this.users === 0 || !this.probe.enabled)
			return;
		const asyncId = executionAsyncId();
		if (this.later)
			process.nextTick(() => this.send(message, asyncId));
		else
			this.send(message, asyncId);
	}

	/* What is sent may itself lead to a message of the same channel, which is left out. */
	send(message, asyncId) {
		this.busy = true;
		try {
			const fields = this.fields(message);
			if (fields.async_id === undefined)
				fields.async_id = asyncId;
			this.probe(fields);
		} catch {
		} finally {
			this.busy = false;
		}
	}
}

/* The names of channels that an argument stands for: a name, a channel, or all of a tracing channel. */
function namesOf(argument) {
	if (typeof argument === 'string') {
		const parts = argument.split(':');
		const isWhole = parts[0] === 'tracing' && parts[1] && !(parts.length > 2 && TRACING.includes(parts[parts.length - 1]));
		return isWhole ? TRACING.map((event) => `${argument}:${event}`) : [argument];
	}
	if (argument && typeof argument.name === 'string')
		return [argument.name];
	if (argument && argument.start && typeof argument.start.name === 'string')
		return TRACING.map((event) => argument[event]).filter((channel) => channel && typeof channel.name === 'string').map((channel) => channel.name);
	return [];
}

/* The row of a channel: the table's, or one by the general rules; fields may be the program's own. */
function rowOf(channel, fields) {
	const row = known.get(channel) || { channel, probe: probeName(channel), fields: (message) => scalars(message, channel.startsWith('tracing:')), later: false };
	return typeof fields === 'function' ? { ...row, fields: (message) => ({ ...fields(message) }) } : row;
}

/**
 * Turns channels into probes. Every argument is the name of a channel, a channel, a tracing channel ('tracing:NAME' for all of it), or options: { trace: what to use instead of jstrace
 * itself; node: false to leave out the channels of Node and undici; channels: { NAME: message => fields } }.
 * @param {...(string | object)} args
 * @returns {{ probes: string[], close(): void }} the names of the probes, and how to take them back
 */
function diagnostics(...args) {
	const rows = new Map();
	let trace, node = true;

	for (const argument of args) {
		const names = namesOf(argument);
		names.forEach((name) => rows.set(name, rowOf(name)));
		if (names.length > 0 || !argument || typeof argument !== 'object')
			continue;
		trace = argument.trace || trace;
		node = argument.node !== false && node;
		for (const [name, fields] of Object.entries(argument.channels || {}))
			namesOf(name).forEach((channel) => rows.set(channel, rowOf(channel, fields)));
	}
	if (node)
		known.forEach((row, name) => rows.has(name) || rows.set(name, row));

	const key = typeof trace === 'function' ? trace : diagnostics;
	if (!bridgesOf.has(key))
		bridgesOf.set(key, new Map());
	const bridges = bridgesOf.get(key);
	const mine = [];
	for (const [name, row] of rows) {
		if (!bridges.has(name))
			bridges.set(name, new Bridge(trace, row));
		const bridge = bridges.get(name);
		bridge.users++;
		mine.push(bridge);
	}

	const refresh = () => mine.forEach((bridge) => bridge.refresh());
	/* What is given instead of jstrace may tell of changes; if not, and if it says nothing of being enabled, its channels are subscribed to all the time. */
	const { onchange } = trace && typeof trace.onchange === 'function' ? trace : require('./core.js');
	const stop = onchange(refresh);
	let isOpen = true;
	refresh();

	return {
		probes: [...rows.values()].map((row) => row.probe),
		close() {
			if (!isOpen)
				return;
			isOpen = false;
			stop();
			mine.forEach((bridge) => bridge.users--);
			process.nextTick(() => {
				refresh();
				mine.filter((bridge) => bridge.users === 0).forEach((bridge) => bridges.get(bridge.channel.name) === bridge && bridges.delete(bridge.channel.name));
			});
		},
	};
}

module.exports = diagnostics;
