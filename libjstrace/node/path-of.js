'use strict';
/*
 * The path of a URL, without its query: queries are many, so that counting by them leads nowhere, and may hold secrets.
 */

/**
 * @param {unknown} url
 * @returns {string | undefined}
 */
function pathOf(url) {
	if (typeof url !== 'string')
		return undefined;
	const query = url.indexOf('?');
	return query < 0 ? url : url.slice(0, query);
}

module.exports = pathOf;
