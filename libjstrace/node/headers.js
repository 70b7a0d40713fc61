'use strict';
/*
 * Prints the folder of node_api.h: of the package node-api-headers, of the running Node.js, or where Debian puts it.
 */
const fs = require('fs');
const path = require('path');

function candidates() {
	const found = [path.resolve(process.execPath, '../../include/node'), '/usr/include/node', '/usr/include/nodejs/src'];

	try {
		found.unshift(require('node-api-headers').include_dir);
	} catch {
		// it is not installed
	}
	return found;
}

const folder = candidates().find((place) => fs.existsSync(path.join(place, 'node_api.h')));

if (!folder) {
	process.stderr.write('node_api.h is not there: npm install node-api-headers, or Debian\'s libnode-dev, has it\n');
	process.exit(1);
}
process.stdout.write(`${folder}\n`);
