'use strict';
/*
 * Where the sockets lie by which a function is sent into a program: jstrace in $XDG_RUNTIME_DIR, else /tmp/jstrace-UID; one socket a process, named after its pid. The folder belongs to the program's user and nobody else may look into
 * it, which is all the protection that there is. Used by the package, and by the host of scripts, which finds the folders of other processes below /proc/PID/root.
 */

const fs = require('fs');

/* What fits into the address of a socket, with some room for its own name. */
const LONGEST = 80;

/**
 * The folders that may be used, the best first.
 * @param {number} uid as the process sees it
 * @param {string|undefined} runtime its $XDG_RUNTIME_DIR
 * @returns {string[]}
 */
function candidates(uid, runtime) {
	const folders = [`/tmp/jstrace-${uid}`];

	if (runtime && runtime[0] === '/' && runtime.length < LONGEST)
		folders.unshift(`${runtime.replace(/\/+$/, '')}/jstrace`);
	return folders;
}

/**
 * Why a folder must not be used; null: it may.
 * @param {string} folder
 * @param {number} uid whose it must be
 * @returns {string|null}
 */
function objection(folder, uid) {
	const status = fs.lstatSync(folder);

	if (!status.isDirectory())
		return `${folder} is no folder`;
	if (status.uid !== uid)
		return `${folder} belongs to user ${status.uid}`;
	return status.mode & 0o077 ? `${folder} is open to others` : null;
}

/**
 * The folder to listen in, which is made if it is not there.
 * @returns {string}
 * @throws if there is none that may be used
 */
function make() {
	const uid = process.geteuid();
	let problem = new Error('no folder for its socket');

	for (const folder of candidates(uid, process.env.XDG_RUNTIME_DIR)) {
		try {
			fs.mkdirSync(folder, { mode: 0o700 });
		} catch (error) {
			if (error.code !== 'EEXIST') {
				problem = error;
				continue;
			}
		}

		const wrong = objection(folder, uid);

		if (!wrong)
			return folder;
		problem = new Error(wrong);
	}
	throw problem;
}

module.exports = { candidates, objection, make };
