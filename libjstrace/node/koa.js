'use strict';
/*
 * Probes for koa: app.use(require('jstrace/koa')()), before what is to be measured. The probes are those of request.js.
 */

const requestProbes = require('./request.js');

/* Where a router of koa's leaves the pattern that matched. */
function routeOf(req, ctx) {
	const path = ctx._matchedRoute;
	return typeof path === 'string' ? path : undefined;
}

/**
 * @param {{ trace?: Function, prefix?: string }} [options] trace: instead of jstrace itself; prefix: what the names of the probes begin with
 * @returns {(ctx: object, next: () => Promise<unknown>) => Promise<unknown>} a middleware
 */
function koa(options) {
	const begin = requestProbes(options, routeOf);
	return function jstrace(ctx, next) {
		begin(ctx.req, ctx.res, ctx);
		return next();
	};
}

module.exports = koa;
