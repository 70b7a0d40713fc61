'use strict';
/*
 * What package.json of the package promises: node package.cjs VERSION, in a folder with node_modules/jstrace.
 */

const assert = require('node:assert');
const fs = require('node:fs');
const path = require('node:path');

const [, , version] = process.argv;
const manifest = require('jstrace/package.json');
const folder = path.dirname(require.resolve('jstrace/package.json'));

async function main() {
	assert.strictEqual(manifest.version, version, 'the version of package.json and that of jstrace.h');
	assert.deepStrictEqual([manifest.name, manifest.license, manifest.gypfile], ['jstrace', 'MIT', false]);

	for (const name of Object.keys(manifest.exports)) {
		const specifier = `jstrace${name.slice(1)}`;
		const required = require(specifier);
		const imported = name.endsWith('.json') ? { default: required } : await import(specifier);
		assert.strictEqual(imported.default, required, `${specifier}: what import gives`);
		assert.ok(name.endsWith('.json') || typeof required === 'function', `${specifier}: a function`);
	}
	const { default: trace, probe, trace: named } = await import('jstrace');
	assert.strictEqual(named, trace);
	assert.strictEqual(probe('some:name').name, 'some:name');

	/* Each file that is named there exists: JavaScript and types. */
	const files = [manifest.main, manifest.types];
	JSON.stringify(manifest.exports, (key, value) => (typeof value === 'string' && files.push(value), value));
	for (const file of files)
		assert.ok(fs.existsSync(path.join(folder, file)), `${file} exists`);

	/* Without the addon, or with nobody who watches, nothing happens. */
	assert.strictEqual(trace.enabled, false);
	assert.strictEqual(trace('some:name', { id: 1 }), undefined);
	const made = trace.probe('some:name');
	assert.strictEqual(made.enabled, false);
	assert.strictEqual(made({ id: 1 }), undefined);
	const bridge = require('jstrace/diagnostics')('some.channel');
	assert.ok(bridge.probes.includes('some:channel') && bridge.probes.includes('http.server.request:start'));
	bridge.close();
	for (const name of ['express', 'koa'])
		assert.strictEqual(typeof require(`jstrace/${name}`)({ prefix: 'http' }), 'function');
}

main().catch((error) => {
	console.error(error.message);
	process.exit(1);
});
