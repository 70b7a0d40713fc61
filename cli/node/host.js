'use strict';
/*
 * Hosts an analysis script in JavaScript. The jstrace command calls it (cli/node.c):
 *
 *     node host.js MODE PROGRAM COUNT OPTION… SCRIPT ARGUMENT…
 *
 *     script.js    loads the script and finds its handlers
 *     traces.js    keeps them, and finds those for an event
 *     program.js   writes a program in jstrace's own language that sends what they want
 *     lines.js     reads lines without keeping timers and signals waiting
 *     session.js   runs jstrace with that, and reads its lines
 *     remotes.js   brings exports.remote into the traced programs
 *     run.js       holds all that together, from the start to an exit code
 */

const run = require('./run.js');
const { check, help } = require('./script.js');

const [mode, executable, count, ...rest] = process.argv.slice(2);
const options = rest.slice(0, Number(count));
const [name, ...args] = rest.slice(Number(count));

switch (mode) {
case 'help':
	help(name);
	break;
case 'check':
	check(name, args);
	break;
default:
	run({ executable, options, name, args });
	break;
}
