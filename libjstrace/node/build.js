'use strict';
/*
 * Builds the addon, as npm's install script: by `make node` in the source tree, else from the sources that the package carries in src/, with the C compiler alone. Node's headers are not downloaded: the package node-api-headers has them.
 *
 *     node build.js            builds; where that cannot be done it says so and is content: then the package does nothing
 *     node build.js --vendor   puts the sources into src/, as npm pack does before it packs
 *     node build.js --clean    takes them away again
 */
const { execFileSync, spawnSync } = require('child_process');
const fs = require('fs');
const path = require('path');

const tree = path.join(__dirname, '../..');
const sources = path.join(__dirname, 'src');
const inTree = fs.existsSync(path.join(tree, 'GNUmakefile')) && fs.existsSync(path.join(tree, 'runtime'));
const cc = process.env.CC || 'cc';

function run(command, args) {
	const { status, error } = spawnSync(command, args, { stdio: 'inherit' });

	if (error)
		throw error;
	if (status !== 0)
		throw new Error(`${command} ended with ${status}`);
}

function filesOf(folder, pattern) {
	return fs.readdirSync(folder).filter((name) => pattern.test(name)).map((name) => path.join(folder, name));
}

/* xxHash, which is inlined, is a header of the system's. */
function xxhash() {
	const text = execFileSync(cc, ['-E', '-'], { input: '#include <xxhash.h>\n', encoding: 'utf8', maxBuffer: 1 << 26 });

	return /"([^"]*\/xxhash\.h)"/.exec(text)[1];
}

function vendor() {
	fs.rmSync(sources, { recursive: true, force: true });
	for (const folder of ['runtime', 'libjstrace']) {
		fs.mkdirSync(path.join(sources, folder), { recursive: true });
		for (const file of filesOf(path.join(tree, folder), /\.(c|h|def)$/))
			fs.copyFileSync(file, path.join(sources, folder, path.basename(file)));
	}
	fs.copyFileSync(xxhash(), path.join(sources, 'runtime', 'xxhash.h'));
}

function compile() {
	const headers = execFileSync(process.execPath, [path.join(__dirname, 'headers.js')], { encoding: 'utf8' }).trim();
	const folders = ['runtime', 'libjstrace'].map((name) => path.join(sources, name));

	run(cc, ['-shared', '-std=gnu11', '-D_GNU_SOURCE', '-O2', '-g', '-fPIC', '-fno-plt', '-fvisibility=hidden', '-pthread', ...folders.map((folder) => `-I${folder}`), '-isystem', headers,
		'-Wl,-z,nodelete', '-Wl,-z,now', `-Wl,--version-script=${path.join(__dirname, 'addon.map')}`, '-o', path.join(__dirname, 'jstrace.node'), ...[__dirname, ...folders].flatMap((folder) => filesOf(folder, /\.c$/))]);
}

if (process.argv[2] === '--vendor') {
	vendor();
} else if (process.argv[2] === '--clean') {
	fs.rmSync(sources, { recursive: true, force: true });
} else {
	try {
		if (inTree)
			run(process.env.MAKE || 'make', ['-C', tree, '--no-print-directory', `NODE=${process.execPath}`, 'node']);
		else
			compile();
	} catch (error) {
		process.stderr.write(`jstrace: the addon cannot be built (${error.message}); programs run as they would without, and cannot be traced\n`);
	}
}
