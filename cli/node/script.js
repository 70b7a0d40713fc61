'use strict';
/*
 * A script as a module: loaded as if node had been called with it, in CommonJS or as an ES module, and what it exports.
 */

const fs = require('fs');
const Module = require('module');
const path = require('path');
const { pathToFileURL } = require('url');
const { types } = require('util');
const vm = require('vm');

const WRONG = 2;

/**
 * @typedef {{patterns: [string, Function][], local?: Function, localAt: number, remote?: {source: string, file: string, line: number}, cleanup?: Function}} Script
 *     patterns in the order of their definition; localAt: how many of them stand before local
 */

/** What is wrong with a script, in words; no stack is wanted. */
class ScriptError extends Error {}

/**
 * @param {string} name
 * @param {string[]} args
 * @returns {Promise<Script>}
 */
async function load(name, args) {
	const file = path.resolve(name);

	try {
		fs.accessSync(file, fs.constants.R_OK);
	} catch (error) {
		throw new ScriptError(`cannot read ${name}: ${error.code === 'ENOENT' ? 'there is no such file' : error.message}`);
	}
	process.argv = [process.execPath, file, ...args];
	return describe(name, file, await exportsOf(file));
}

async function exportsOf(file) {
	if (!file.endsWith('.mjs')) {
		try {
			/* As the main module, so that require.main === module holds in it. */
			return Module._load(file, null, true);
		} catch (error) {
			if (error.code !== 'ERR_REQUIRE_ESM' && error.code !== 'ERR_REQUIRE_ASYNC_MODULE')
				throw error;
		}
	}
	return import(pathToFileURL(file).href);
}

/* The handlers of an ES module may be its default export, its named ones or both. */
function membersOf(exported) {
	if (exported === null || (typeof exported !== 'object' && typeof exported !== 'function'))
		return [];
	if (!types.isModuleNamespaceObject(exported) && !exported.__esModule)
		return Object.entries(exported);

	const named = Object.entries(exported).filter(([key]) => key !== 'default' && key !== 'module.exports' && key !== '__esModule');
	const standard = exported.default;

	return [...(standard && typeof standard === 'object' ? Object.entries(standard) : []), ...named];
}

/** @returns {Script} */
function describe(name, file, exported) {
	const script = { patterns: [], localAt: 0 };

	for (const [key, value] of membersOf(exported)) {
		if (typeof value !== 'function')
			throw new ScriptError(`${name}: exports['${key}'] is no function`);
		switch (key) {
		case 'local':
			script.local = value;
			script.localAt = script.patterns.length;
			break;
		case 'remote':
			script.remote = sourceOf(name, file, value);
			break;
		case 'cleanup':
			script.cleanup = value;
			break;
		default:
			script.patterns.push([key, value]);
			break;
		}
	}
	if (!script.patterns.length && !script.local && !script.remote)
		throw new ScriptError(`${name} exports no handler, as in: exports['request:start'] = function (trace) { … }`);
	return script;
}

/* A function as text, with its place in the file for stacks. What cannot be compiled by itself is refused here rather than in each program. */
function sourceOf(name, file, fn) {
	const source = String(fn);
	const text = fs.readFileSync(file, 'utf8');
	const at = text.indexOf(source);

	try {
		new vm.Script(`(${source}\n)`);
	} catch {
		try {
			new vm.Script(`({${source}\n})`);
		} catch (error) {
			throw new ScriptError(`${name}: exports.remote cannot be sent as text: ${error.message}`);
		}
	}
	return { source, file, line: at < 0 ? 1 : text.slice(0, at).split('\n').length };
}

/** Says why a script cannot be run. */
function complain(error) {
	process.stderr.write(error instanceof ScriptError ? `jstrace: ${error.message}\n` : `${(error && error.stack) || error}\n`);
}

/** Only loads it, and says nothing if that went well. */
async function check(name, args) {
	process.stdout.write = () => true;
	try {
		await load(name, args);
		process.exit(0);
	} catch (error) {
		complain(error);
		process.exit(WRONG);
	}
}

/** Prints the comment that a script begins with. */
function help(name) {
	try {
		const text = fs.readFileSync(name, 'utf8').replace(/^#!.*\n/, '').replace(/^\s*(['"])use strict\1;?/, '');
		const comment = /^\s*(?:\/\*([\s\S]*?)\*\/|((?:[ \t]*\/\/.*(?:\n|$))+))/.exec(text);
		const lines = comment ? (comment[1] || comment[2]).split('\n').map((line) => line.replace(/^\s*(?:\/\/|\*)? ?/, '').trimEnd()) : [];

		process.stdout.write(`${lines.join('\n').trim() || `${name} begins with no comment`}\n`);
	} catch (error) {
		process.stderr.write(`jstrace: cannot read ${name}: ${error.message}\n`);
		process.exitCode = WRONG;
	}
}

module.exports = { load, check, help, complain, ScriptError, WRONG };
