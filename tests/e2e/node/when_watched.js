'use strict';
/*
 * For programs that have something to fire once somebody looks: says that it is ready, and calls fn when the probe is watched.
 */
module.exports = function whenWatched(probe, fn) {
	const timer = setInterval(() => {
		if (!probe.enabled)
			return;
		clearInterval(timer);
		fn();
	}, 2);

	console.log('ready');
};
