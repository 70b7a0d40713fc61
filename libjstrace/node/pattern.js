'use strict';
/*
 * Patterns as JavaScript knows them: * is any run of characters, nothing else means anything, case counts, and a pattern is the whole name. Used by the package, and by the host of scripts.
 */

/**
 * @param {string} pattern
 * @returns {RegExp} that holds for names that match
 */
function expression(pattern) {
	return new RegExp(`^${pattern.split('*').map((part) => part.replace(/[.*+?^${}()|[\]\\/]/g, '\\$&')).join('[^]*')}$`);
}

module.exports = expression;
