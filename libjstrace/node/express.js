'use strict';
/*
 * Probes for express, connect and node:http: app.use(require('jstrace/express')()), before what is to be measured. With plain http call the middleware first thing in the listener; it
 * needs no next there. The probes are those of request.js.
 */

const requestProbes = require('./request.js');

/* The pattern of express' route, such as /users/:id, below where its router is mounted; express forgets the mount when an error leaves the router. */
function routeOf(req) {
	const path = req.route && req.route.path;
	return typeof path === 'string' ? (req.baseUrl || '') + path : undefined;
}

/**
 * @param {{ trace?: Function, prefix?: string }} [options] trace: instead of jstrace itself; prefix: what the names of the probes begin with
 * @returns {(req: object, res: object, next?: Function) => void} a middleware
 */
function express(options) {
	const begin = requestProbes(options, routeOf);
	return function jstrace(req, res, next) {
		begin(req, res);
		if (typeof next === 'function')
			next();
	};
}

module.exports = express;
