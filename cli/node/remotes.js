'use strict';
/*
 * exports.remote in the traced programs: a connection to each, by the socket that programs with JSTRACE_REMOTE=1 listen on (libjstrace/node/remote.js, where the messages are described).
 */

const fs = require('fs');
const net = require('net');
const path = require('path');
const Lines = require('./lines.js');
const folder = require('./remote_folder.js');

const DISTINCT_MAX = 1000; /* errors that are told apart */

/**
 * @typedef {{emit: (name: string, args: *[]) => void, refused: () => void}} Heard
 */
class Remotes {
	/**
	 * @param {{source: string, file: string, line: number}} remote
	 * @param {boolean} quiet
	 * @param {Heard} heard
	 */
	constructor(remote, quiet, heard) {
		this.remote = remote;
		this.quiet = quiet;
		this.heard = heard;
		this.sockets = new Map();
		this.dropped = 0;
		this.errors = new Map();
	}

	/**
	 * @param {number} pid
	 * @param {string} title
	 */
	attach(pid, title) {
		if (this.sockets.has(pid))
			return;

		let address;

		try {
			address = addressOf(pid);
		} catch (error) {
			this.refuse(pid, title, error.message);
			return;
		}

		const socket = net.connect(address);

		this.sockets.set(pid, socket);
		new Lines(socket, (line) => {
			const message = attempt(() => JSON.parse(line));

			/* The program is not trusted to talk as it should. */
			if (message && typeof message === 'object')
				this.take(pid, title, message);
			else
				socket.destroy(new Error('what it sends makes no sense'));
		});
		socket.on('connect', () => socket.write(`${JSON.stringify({ type: 'run', ...this.remote })}\n`));
		socket.on('error', (error) => this.refuse(pid, title, error.message));
		socket.on('close', () => this.sockets.delete(pid));
	}

	refuse(pid, title, reason) {
		if (!this.quiet)
			process.stderr.write(`jstrace: exports.remote does not run in process ${pid} (${title}): ${reason}\n`);
		this.heard.refused();
	}

	take(pid, title, message) {
		switch (message.type) {
		case 'emit':
			this.heard.emit(String(message.name), Array.isArray(message.args) ? message.args : []);
			break;
		case 'write':
			process[message.stream === 'stderr' ? 'stderr' : 'stdout'].write(String(message.text));
			break;
		case 'error':
			this.tellError(pid, title, message.stack);
			break;
		case 'dropped':
			this.dropped += Number(message.count) || 0;
			break;
		}
	}

	/* Once; a handler that fails does so at each event. */
	tellError(pid, title, stack) {
		const text = `jstrace: exports.remote in process ${pid} (${title}): ${stack}\n`;
		const times = this.errors.get(text) || 0;

		if (!times)
			process.stderr.write(text);
		if (times || this.errors.size < DISTINCT_MAX)
			this.errors.set(text, times + 1);
	}

	/**
	 * Has the cleanup handlers of all run, and leaves.
	 * @returns {Promise<void>} when all have answered or are gone
	 */
	async leave() {
		await Promise.all(Array.from(this.sockets.values(), (socket) => new Promise((resolve) => {
			socket.on('close', resolve);
			socket.end(`${JSON.stringify({ type: 'leave' })}\n`);
		})));

		const repeated = Array.from(this.errors.values()).reduce((sum, times) => sum + times - 1, 0);

		if (repeated)
			process.stderr.write(`jstrace: errors of exports.remote that were told already: ${repeated}\n`);
		if (this.dropped)
			process.stderr.write(`jstrace: not everything was seen: messages of exports.remote dropped: ${this.dropped}\n`);
	}
}

function attempt(read) {
	try {
		return read();
	} catch {
		return undefined;
	}
}

/* As the process itself sees its user, which in a container may be another. */
function uidWithin(pid, uid) {
	const map = attempt(() => fs.readFileSync(`/proc/${pid}/uid_map`, 'utf8')) || '';

	for (const line of map.split('\n')) {
		const [inside, outside, count] = line.trim().split(/\s+/).map(Number);

		if (uid >= outside && uid < outside + count)
			return inside + uid - outside;
	}
	return uid;
}

/**
 * The socket of a process, if it has one and it is its own.
 * @param {number} pid
 * @returns {string}
 * @throws with the reason if not
 */
function addressOf(pid) {
	const { uid } = fs.statSync(`/proc/${pid}`);
	const status = fs.readFileSync(`/proc/${pid}/status`, 'utf8');
	const ownPid = /^NSpid:.*\s(\d+)$/m.exec(status);
	const environment = (attempt(() => fs.readFileSync(`/proc/${pid}/environ`, 'utf8')) || '').split('\0');
	const runtime = environment.find((each) => each.startsWith('XDG_RUNTIME_DIR='));
	const own = uidWithin(pid, uid);

	for (const candidate of folder.candidates(own, runtime && runtime.slice('XDG_RUNTIME_DIR='.length))) {
		const within = `/proc/${pid}/root${candidate}`;
		const address = path.posix.join(within, `${ownPid ? ownPid[1] : pid}.sock`);
		const found = attempt(() => fs.lstatSync(address));

		if (!found)
			continue;

		const wrong = folder.objection(within, uid) || (found.isSocket() && found.uid === uid ? null : `${address} is no socket of its own`);

		if (wrong)
			throw new Error(wrong);
		return address;
	}
	throw new Error('it was not started with JSTRACE_REMOTE=1');
}

module.exports = Remotes;
