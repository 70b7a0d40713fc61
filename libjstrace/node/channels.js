'use strict';
/*
 * The channels of node:diagnostics_channel that Node 18 to 22 and undici publish: for each the name of its probe, and the function that takes a few scalars out of its message. A channel
 * that is not published by this Node costs nothing. What is unknown has its probe by probeName() and its fields by scalars().
 *
 * A start and an end have names that are equal up to the last colon, so that start[id] in a script finds the other.
 */

const number = require('./number.js');
const pathOf = require('./path-of.js');

/* At most so many of the message's own fields: with id and async_id they are the 16 that a probe has. */
const MOST_FIELDS = 14;

const isScalar = (value) => typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean' || typeof value === 'bigint';
const errorOf = (error) => error ? String(error.code || error.message || error) : undefined;
const originOf = (origin) => typeof origin === 'object' && origin ? String(origin.origin) : origin;

/* ---- messages of Node ---- */

const serverRequest = ({ request, socket }) =>
	({ id: number(request), method: request.method, path: pathOf(request.url), host: request.headers.host, socket: number(socket || request.socket) });
const serverResponse = ({ request, response, socket }) =>
	({ id: number(request), method: request.method, path: pathOf(request.url), status: response.statusCode, host: request.headers.host, socket: number(socket) });
const clientRequest = ({ request }) =>
	({ id: number(request), method: request.method, path: pathOf(request.path), host: request.getHeader('host') || request.host });
const clientResponse = (message) => ({ ...clientRequest(message), status: message.response.statusCode });
const clientError = (message) => ({ ...clientRequest(message), error: errorOf(message.error) });

const socket = ({ socket }) => ({ id: number(socket) });
const accepted = ({ socket }) => ({ id: number(socket), address: socket.remoteAddress, port: socket.remotePort });
/* Known a moment later, when the constructor's caller has started it. */
const child = ({ process }) => ({ id: number(process), child: process.pid, command: process.spawnfile });
const worker = ({ worker }) => ({ id: number(worker), thread: worker.threadId });
const execve = ({ execPath }) => ({ command: execPath });
const listening = ({ server, options, error }) => {
	const address = (options || error ? options : server.address()) || {};
	return { id: number(server), port: address.port, host: address.host || address.address, path: typeof address === 'string' ? address : address.path, error: errorOf(error) };
};
const required = (message) => ({ id: number(message), module: message.id, parent: message.parentFilename, error: errorOf(message.error) });
const imported = (message) => ({ id: number(message), module: message.url, parent: message.parentURL, error: errorOf(message.error) });
const logged = (values) => ({ text: isScalar(values[0]) ? values[0] : undefined, values: values.length });

const stream = ({ stream, headers, error }) => {
	const sent = stream.sentHeaders;
	const got = headers || {};
	return {
		id: number(stream),
		stream: stream.id,
		method: got[':method'] || (sent && sent[':method']),
		path: pathOf(got[':path'] || (sent && sent[':path'])),
		status: got[':status'] || (sent && sent[':status']),
		code: stream.rstCode,
		error: errorOf(error),
	};
};

/* ---- messages of undici, which is also fetch() ---- */

const fetched = ({ request, response, error }) => ({
	id: number(request),
	method: request.method,
	origin: originOf(request.origin),
	path: pathOf(request.path),
	status: response && response.statusCode,
	error: errorOf(error),
});
const sentHeaders = (message) => ({ ...fetched(message), socket: number(message.socket) });
const chunk = ({ request, chunk }) => ({ id: number(request), bytes: chunk && (chunk.byteLength === undefined ? chunk.length : chunk.byteLength) });
const connection = ({ connectParams, socket, error }) =>
	({ host: connectParams.hostname, port: Number(connectParams.port) || undefined, protocol: connectParams.protocol, socket: number(socket), error: errorOf(error) });
const websocket = (message) => {
	const { websocket, address, code, payload } = message;
	return {
		id: number(websocket),
		address: address && address.address,
		port: address && address.port,
		code: isScalar(code) ? code : undefined,
		bytes: payload && payload.length,
		error: message instanceof Error ? errorOf(message) : undefined,
	};
};

/**
 * Rows: the channel, its probe, its fields, and whether they are taken a moment later.
 * @type {Array<[string, string, (message: any) => object, boolean?]>}
 */
const rows = [
	['http.server.request.start', 'http.server.request:start', serverRequest],
	['http.server.response.created', 'http.server.request:response', serverRequest],
	['http.server.response.finish', 'http.server.request:end', serverResponse],
	['http.client.request.created', 'http.client.request:created', clientRequest],
	['http.client.request.start', 'http.client.request:start', clientRequest],
	['http.client.response.finish', 'http.client.request:response', clientResponse],
	['http.client.request.error', 'http.client.request:error', clientError],
	['net.client.socket', 'net.client:socket', socket],
	['net.server.socket', 'net.server:socket', accepted],
	['udp.socket', 'udp:socket', socket],
	['child_process', 'child_process:created', child, true],
	['worker_threads', 'worker_threads:created', worker],
	['process.execve', 'process:execve', execve],
	['undici:client:beforeConnect', 'undici:client:beforeConnect', connection],
	['undici:client:connected', 'undici:client:connected', connection],
	['undici:client:connectError', 'undici:client:connectError', connection],
	['undici:client:sendHeaders', 'undici:client:sendHeaders', sentHeaders],
	['undici:request:bodyChunkSent', 'undici:request:bodyChunkSent', chunk],
	['undici:request:bodyChunkReceived', 'undici:request:bodyChunkReceived', chunk],
];
for (const event of ['create', 'bodySent', 'headers', 'trailers', 'error'])
	rows.push([`undici:request:${event}`, `undici:request:${event}`, fetched]);
for (const event of ['open', 'close', 'socket_error', 'ping', 'pong'])
	rows.push([`undici:websocket:${event}`, `undici:websocket:${event}`, websocket]);
for (const side of ['server', 'client']) {
	for (const event of ['created', 'start', 'finish', 'close', 'error'])
		rows.push([`http2.${side}.stream.${event}`, `http2.${side}.stream:${event}`, stream]);
}
for (const event of ['log', 'info', 'debug', 'warn', 'error'])
	rows.push([`console.${event}`, `console:${event}`, logged]);
for (const [name, fields] of [['net.server.listen', listening], ['module.require', required], ['module.import', imported]]) {
	for (const event of ['start', 'end', 'asyncStart', 'asyncEnd', 'error'])
		rows.push([`tracing:${name}:${event}`, `${name}:${event}`, fields]);
}

/** The rows by their channel. */
const known = new Map(rows.map(([channel, probe, fields, later = false]) => [channel, { channel, probe, fields, later }]));

/**
 * The name of the probe of a channel that is in no row: as the channel's, without `tracing:`, and with a colon before its last part: my.pool.acquire → my.pool:acquire. A name that has
 * a colon keeps it, one with neither colon nor dot becomes NAME:message.
 * @param {string} channel
 */
function probeName(channel) {
	if (channel.startsWith('tracing:'))
		return channel.slice('tracing:'.length);
	if (channel.includes(':'))
		return channel;
	const dot = channel.lastIndexOf('.');
	return dot > 0 && dot < channel.length - 1 ? `${channel.slice(0, dot)}:${channel.slice(dot + 1)}` : `${channel}:message`;
}

/**
 * The fields of a message that nothing is known of: its own scalars, an error by its code or message, and an id to pair what belongs together: its own if it has one, else that of its
 * request, or of the message itself where this lives through several events, as those of tracing channels do.
 * @param {any} message
 * @param {boolean} lives
 */
function scalars(message, lives) {
	if (message === null || typeof message !== 'object')
		return { value: isScalar(message) ? message : undefined };
	const fields = { id: undefined };
	let left = MOST_FIELDS;
	for (const key of Object.keys(message)) {
		const value = message[key];
		const shown = isScalar(value) ? value : value instanceof Error ? errorOf(value) : undefined;
		if (shown === undefined || (key !== 'id' && left-- <= 0))
			continue;
		fields[key] = shown;
	}
	if (fields.id === undefined)
		fields.id = number(message.request || message.req || (lives ? message : undefined));
	return fields;
}

module.exports = { known, probeName, scalars };
