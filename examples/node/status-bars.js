/*
 * Answers by status code, as bars, once a second those of that second. On a terminal the picture is drawn anew in its place; into a file or pipe one comes after the other.
 *     jstrace status-bars.js -p PID        (ends with Ctrl-C)
 */

const WIDTH = 60;
const out = process.stdout;
let counts = new Map();

exports['request:end'] = (trace) => {
	counts.set(trace.status, (counts.get(trace.status) || 0) + 1);
};

/* One line for each key, the most frequent first; bars are as long as their counts are great. */
function bars(entries) {
	const sorted = [...entries].sort((a, b) => b[1] - a[1] || String(a[0]).localeCompare(String(b[0])));
	const most = sorted.length ? sorted[0][1] : 0;

	return sorted.map(([key, count]) => {
		const length = Math.max(1, Math.round(count / most * WIDTH));

		return `  ${String(key).padStart(5)} | ${'#'.repeat(length).padEnd(WIDTH)} | ${count}\n`;
	}).join('');
}

setInterval(() => {
	if (out.isTTY)
		out.write(`\x1b[H\x1b[2J\n${bars(counts)}`);
	else if (counts.size > 0)
		out.write(`${bars(counts)}\n`);
	counts = new Map();
}, 1000);
