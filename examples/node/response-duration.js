/*
 * How long each request took, as it ends.
 *     jstrace response-duration.js -p PID        (ends with Ctrl-C)
 *
 * The times of the starts wait here under the request's id. Ids of several processes may be the same, so they are kept apart.
 */

const starts = new Map();
const keyOf = (trace) => `${trace.pid}:${trace.id}`;

exports['request:start'] = (trace) => {
	starts.set(keyOf(trace), trace.timestamp);
};

exports['request:end'] = (trace) => {
	const start = starts.get(keyOf(trace));

	/* It began before we came. */
	if (start === undefined)
		return;
	starts.delete(keyOf(trace));
	console.log('%s -> %sms', trace.id, trace.timestamp - start);
};
