'use strict';
/*
 * Loads the addon, from beside this file (as `npm install` builds it) or from the build folder of the source tree. null where there is none: then the package does nothing, and says so once if JSTRACE_DEBUG is 1.
 */
const path = require('path');

const places = [path.join(__dirname, 'jstrace.node'), path.join(__dirname, '../../build/node/jstrace.node')];

/** JSTRACE_ADDON: the file of the addon, where it is neither here nor there. */
if (process.env.JSTRACE_ADDON)
	places.unshift(path.resolve(process.env.JSTRACE_ADDON));

function load() {
	const reasons = [];

	for (const place of places) {
		try {
			return require(place);
		} catch (error) {
			reasons.push(error && error.code === 'MODULE_NOT_FOUND' ? `${place}: not there` : `${place}: ${error && error.message}`);
		}
	}
	if (process.env.JSTRACE_DEBUG === '1')
		process.stderr.write(`jstrace: this process cannot be traced, for the addon cannot be loaded:\n  ${reasons.join('\n  ')}\n`);
	return null;
}

module.exports = load();
