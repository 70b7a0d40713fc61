'use strict';
/*
 * Patterns of a script, as they are said in jstrace's own language; pattern.js knows what they match. Only * means something in them, any run of characters.
 */

/*
 * Without a * it is a literal. With one, what the language cannot write in a pattern becomes a ?, so that more may come than is wanted; handlers are chosen by expression(). A ? is one character, of which one beyond the BMP is two here.
 */
function written(pattern) {
	if (!pattern.includes('*'))
		return `"${pattern.replace(/[\\"]/g, '\\$&').replace(/[\0-\x1f\x7f]/g, (c) => `\\x${c.charCodeAt(0).toString(16).padStart(2, '0')}`)}"`;

	const plain = Array.from(pattern, (c) => (/[A-Za-z0-9_.:@$*-]/.test(c) ? c : '?')).join('');

	/* This one is the language's own; so written it is not. */
	return plain === 'process:*' ? '[p]rocess:*' : plain;
}

/**
 * A program that sends each event that matches one of the patterns, once, as a whole: programs in JavaScript have it as text in __json.
 * @param {Iterable<string>} patterns
 * @returns {string}
 */
function program(patterns) {
	const all = Array.from(patterns, written);

	/* Without any, processes are attached all the same. */
	return all.length ? `${[...new Set(all)].join(', ')} { if (has(__json)) { emit(__json); } else { emit; } }` : 'process:attach { }';
}

module.exports = { program };
