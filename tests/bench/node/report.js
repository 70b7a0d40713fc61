'use strict';
/* report.js FOLDER JSON: the table of what run-node measured, and all of it as JSON. */
const fs = require('fs');
const path = require('path');

const [folder, target] = process.argv.slice(2);

function lines(name) {
	const file = path.join(folder, name);

	return fs.existsSync(file) ? fs.readFileSync(file, 'utf8').split('\n').filter(Boolean).map((line) => line.split(' ')) : [];
}

function median(list) {
	const sorted = [...list].sort((a, b) => a - b), middle = sorted.length >> 1;

	return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/* Figures of one run of idle.js, with the median of the rounds' ratios to the empty function. */
function idle(name) {
	const rows = Object.fromEntries(lines(name).map(([variant, ...figures]) => [variant, figures.map(Number)]));

	return Object.fromEntries(Object.entries(rows).map(([variant, figures]) => [variant,
		{ ns: median(figures), over: median(figures.map((ns, i) => ns - rows.empty[i])), ratio: median(figures.map((ns, i) => ns / rows.empty[i])) }]));
}

function active(name) {
	const runs = lines(name).map((run) => run.map(Number)).filter((run) => run.length === 4);

	if (!runs.length)
		return undefined;
	return { events: median(runs.map(([events]) => events)), perSecond: median(runs.map(([events, seconds]) => events / seconds)), ns: median(runs.map((run) => run[2])), seen: median(runs.map(([events, , , seen]) => seen / events)) };
}

const result = { node: process.version, unit: 'ns per call', inlined: idle('inlined'), called: idle('called'), active: { jstrace: active('ours'), 'jstrace@0.3.0': active('theirs') }, notes: lines('notes').map((words) => words.join(' ')) };
const row = (title, ...cells) => console.log(title.padEnd(26) + cells.map((cell) => cell.padStart(20)).join(''));
const cell = (figures) => figures ? `${figures.ns.toFixed(2)} (${figures.ratio.toFixed(2)})` : '-';
const titles = { empty: 'empty function', jstrace: 'trace(name, object)', probe: 'probe(object)', channel: 'diagnostics_channel', 'jstrace@0.3.0': 'jstrace@0.3.0' };

console.log(`\nNode.js ${process.version}, nobody watches: ns a call; in brackets the ratio to an empty function\n`);
row('', 'inlined', 'not inlined');
for (const variant of Object.keys(titles))
	if (result.inlined[variant])
		row(titles[variant], cell(result.inlined[variant]), cell(result.called[variant]));
console.log('\nNode.js, a latency job under way\n');
row('', 'ns an event', 'events/s', 'seen');
for (const [name, figures] of Object.entries(result.active))
	if (figures)
		row(name, figures.ns.toFixed(1), `${(figures.perSecond / 1e6).toFixed(2)} M`, `${(100 * figures.seen).toFixed(2)} %`);
if (result.active['jstrace@0.3.0'])
	console.log(`\njstrace sustains ${(result.active.jstrace.perSecond / result.active['jstrace@0.3.0'].perSecond).toFixed(0)} times the events a second.`);
fs.writeFileSync(target, `${JSON.stringify(result, null, 1)}\n`);
