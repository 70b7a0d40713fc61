'use strict';
/*
 * The probes of a request that a server answers, for the middlewares of express and koa: PREFIX:start as it comes, then one of PREFIX:end, the response has been handed over in full, and
 * PREFIX:close, the connection was closed before.
 *
 * While nobody watches a request costs two looks at a probe and one listener. The listener is there in any case, so that a request that began unwatched still tells of its end when
 * somebody watches by then. Nothing here throws into the program.
 */

const { executionAsyncId } = require('node:async_hooks');
const number = require('./number.js');
const pathOf = require('./path-of.js');
const probeOf = require('./probe-of.js');

/* The bytes of the body where they are known: as the header says, or as node found when the body was given whole. A response in chunks has neither. */
function lengthOf(res) {
	const header = typeof res.getHeader === 'function' ? res.getHeader('content-length') : undefined;
	if (header !== undefined)
		return Number(header);
	return typeof res._contentLength === 'number' ? res._contentLength : undefined;
}

/*
 * Whether a response that closed was handed over in full. Node says that it has finished also when its connection broke in the middle, but by then that is destroyed. A stream of http2
 * has a code instead.
 */
function isFinished(req, res) {
	if (res.stream)
		return !res.stream.aborted && !res.stream.rstCode;
	return res.writableFinished !== false && !(req.socket && req.socket.destroyed);
}

/**
 * @param {{ trace?: Function, prefix?: string }} [options]
 * @param {(req: object, context: object) => string | undefined} routeOf the pattern of the route that was taken, known at the end
 * @returns {(req: object, res: object, context: object) => void} begin, to be called as a request comes
 */
function requestProbes(options, routeOf) {
	const { trace, prefix = 'request' } = options || {};
	const start = probeOf(trace, `${prefix}:start`);
	const end = probeOf(trace, `${prefix}:end`);
	const close = probeOf(trace, `${prefix}:close`);

	function started(req, asyncId) {
		try {
			start({ id: number(req), method: req.method, path: pathOf(req.originalUrl || req.url), async_id: asyncId });
		} catch {}
	}

	function ended(req, res, context, asyncId) {
		try {
			const finished = isFinished(req, res);
			const probe = finished ? end : close;
			if (!probe.enabled)
				return;
			probe({
				id: number(req),
				method: req.method,
				path: pathOf(req.originalUrl || req.url),
				status: res.statusCode,
				length: finished ? lengthOf(res) : undefined,
				route: routeOf(req, context),
				async_id: asyncId,
			});
		} catch {}
	}

	return function begin(req, res, context) {
		const asyncId = executionAsyncId();
		if (start.enabled)
			started(req, asyncId);
		if (res && typeof res.on === 'function')
			res.on('close', () => ended(req, res, context, asyncId));
	};
}

module.exports = requestProbes;
