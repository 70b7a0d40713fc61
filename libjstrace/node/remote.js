'use strict';
/*
 * Lets jstrace run exports.remote of a script inside this program, if it was started with JSTRACE_REMOTE=1 and not otherwise: whoever may connect may do all that the program may. The core calls listen().
 *
 * Each connection runs one function (remote_run.js), and ends with it. Messages are JSON, one a line:
 *
 *     jstrace -> {type: "run", source, file, line}     first and once
 *             -> {type: "leave"}                       cleanup handlers are called, and answered by "left"
 *     program -> {type: "emit", name, args}            traces.emit()
 *             -> {type: "write", stream, text}         console and process.stdout, stderr
 *             -> {type: "error", stack}                thrown by the function or a handler of it
 *             -> {type: "dropped", count}              messages for which there was no room, since jstrace reads too slowly
 *             -> {type: "left"}
 */

const fs = require('fs');
const net = require('net');
const path = require('path');
const { isMainThread } = require('worker_threads');
const folder = require('./remote_folder.js');
const RemoteRun = require('./remote_run.js');

const WAITING_MAX = 1 << 20; /* bytes that wait for one reader */
const LINE_MAX = 16 << 20;   /* characters of a message to us */

/**
 * Listens, in the main thread of a program that was started with JSTRACE_REMOTE=1. Keeps no program alive, and never throws.
 * @param {{subscribe: import('./remote_run.js').Subscribe}} core
 * @returns {net.Server|null}
 */
function listen(core = require('./core.js')) {
	if (!isMainThread || process.env.JSTRACE_REMOTE !== '1')
		return null;
	try {
		const address = path.join(folder.make(), `${process.pid}.sock`);
		const server = net.createServer((socket) => serve(socket, core.subscribe));

		/* One of a process before us that had the same pid; the folder is ours. */
		fs.rmSync(address, { force: true });
		server.on('error', warn);
		/* exclusive: a worker of a cluster listens by itself. */
		server.listen({ path: address, exclusive: true });
		server.unref();
		process.on('exit', () => {
			if (server.listening)
				fs.rmSync(address, { force: true });
		});
		return server;
	} catch (error) {
		warn(error);
		return null;
	}
}

function warn(error) {
	process.emitWarning(`JSTRACE_REMOTE: ${error.message}`);
}

function serve(socket, subscribe) {
	const run = new RemoteRun(subscribe, send);
	let started = false, text = '', dropped = 0;

	function send(message) {
		if (socket.destroyed)
			return;
		if (socket.writableLength > WAITING_MAX) {
			dropped++;
			return;
		}
		if (dropped) {
			socket.write(`${JSON.stringify({ type: 'dropped', count: dropped })}\n`);
			dropped = 0;
		}
		socket.write(`${JSON.stringify(message)}\n`);
	}

	function take(message) {
		if (message.type === 'run' && !started && typeof message.source === 'string') {
			started = true;
			run.start(message);
		} else if (message.type === 'leave') {
			run.stop();
			send({ type: 'left' });
			socket.end();
		}
	}

	socket.unref();
	socket.setEncoding('utf8');
	socket.on('data', (chunk) => {
		const lines = (text + chunk).split('\n');

		text = lines.pop();
		if (text.length > LINE_MAX)
			socket.destroy();
		try {
			for (const line of lines)
				take(JSON.parse(line));
		} catch {
			socket.destroy();
		}
	});
	socket.on('drain', () => {
		if (dropped) {
			const count = dropped;

			dropped = 0;
			send({ type: 'dropped', count });
		}
	});
	socket.on('error', () => {});
	socket.on('close', () => run.stop());
}

module.exports = { listen };
