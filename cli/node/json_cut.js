'use strict';
/*
 * JSON text that was cut off, because an object was larger than --string-size: all of it that is there.
 */

/**
 * @param {string} text
 * @returns {*} undefined: nothing of it is whole
 */
function parseCut(text) {
	/* What closes the text where it could be closed, innermost last, for the latest such place. */
	const open = [];
	let whole = 0, closing = '', inString = false, isKey = false;

	const mark = (at) => {
		whole = at;
		closing = open.slice().reverse().join('');
	};

	for (let at = 0; at < text.length; at++) {
		const c = text[at];

		if (inString) {
			if (c === '\\') {
				at++;
			} else if (c === '"') {
				inString = false;
				if (!isKey)
					mark(at + 1);
			}
			continue;
		}
		switch (c) {
		case '"':
			inString = true;
			isKey = open[open.length - 1] === '}' && /[{,]\s*$/.test(text.slice(Math.max(0, at - 8), at));
			break;
		case '{':
		case '[':
			open.push(c === '{' ? '}' : ']');
			mark(at + 1);
			break;
		case '}':
		case ']':
			open.pop();
			mark(at + 1);
			break;
		case ',':
			mark(at);
			break;
		}
	}
	try {
		return JSON.parse(text.slice(0, whole) + closing);
	} catch {
		return undefined;
	}
}

module.exports = parseCut;
