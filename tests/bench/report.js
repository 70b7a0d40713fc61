// Makes the benchmark's JSON of what was measured: report.js WORK OUTPUT. WORK holds samples ("ROW VARIANT ROUND VALUE"), points ("CURVE VARIANT X ROUND VALUE"), notes and about ("NAME VALUE").
'use strict';
const fs = require('fs');
const { groups, curves } = require('./rows.js');
const [work, output] = process.argv.slice(2);

const lines = (name) => fs.readFileSync(`${work}/${name}`, 'utf8').split('\n').filter(Boolean);
const sorted = (list) => [...list].sort((a, b) => a - b);
const quantile = (list, part) => {
	const s = sorted(list), at = (s.length - 1) * part, below = Math.floor(at);
	return s[below] + (at - below) * ((s[below + 1] ?? s[below]) - s[below]);
};
const median = (list) => quantile(list, 0.5);
// Six digits are more than any of it is worth.
const short = (x) => Number(x.toPrecision(6));

// row → variant → round → value
const samples = {};
for (const line of lines('samples')) {
	const [key, variant, round, value] = line.split(' ');
	((samples[key] ??= {})[variant] ??= {})[round] = Number(value);
}

// The median of the rounds' ratios to another variant; null where that costs next to nothing, so that a ratio says nothing.
function ratio(of, to, unit) {
	const floor = unit === 'ns' ? 0.02 : 0;
	const ratios = Object.keys(of).filter((round) => to?.[round] > floor).map((round) => of[round] / to[round]);
	return ratios.length * 2 > Object.keys(of).length ? short(median(ratios)) : null;
}

function judge(goal, row, variants) {
	const { over } = goal, limit = goal.most ?? goal.least;
	let value = median(Object.values(variants.jstrace));
	if (over)
		value = variants[over] ? ratio(variants.jstrace, variants[over], row.unit) : samples[over]?.jstrace ? value / median(Object.values(samples[over].jstrace)) : null;
	const met = value === null ? null : goal.most !== undefined ? value <= limit : value >= limit;
	return { ...goal, value: value === null ? null : short(value), met };
}

const results = [];
for (const group of groups) {
	for (const row of group.rows) {
		const variants = samples[row.key];
		if (!variants?.jstrace)
			continue;
		const figures = {};
		for (const [name, rounds] of Object.entries(variants)) {
			const values = Object.values(rounds);
			figures[name] = { median: short(median(values)), low: short(quantile(values, 0.25)), high: short(quantile(values, 0.75)), rounds: values.length, to_ideal: name === 'ideal' ? 1 : ratio(rounds, variants.ideal, row.unit) };
		}
		results.push({ group: group.title, row: row.key, title: row.title, unit: row.unit, variants: figures, goals: row.goals.map((goal) => judge(goal, row, variants)) });
	}
}

// curve → variant → x → values
const points = {};
for (const line of lines('points')) {
	const [key, variant, x, , value] = line.split(' ');
	(((points[key] ??= {})[variant] ??= {})[x] ??= []).push(Number(value));
}

// y = a x^b by least squares of the logarithms; over the upper half of the x as well, where what is constant no longer hides how it grows.
function exponent(series) {
	const usable = series.filter(([x, y]) => x > 0 && y > 0).map(([x, y]) => [Math.log(x), Math.log(y)]), n = usable.length;
	if (n < 2)
		return null;
	const mx = usable.reduce((s, [x]) => s + x, 0) / n, my = usable.reduce((s, [, y]) => s + y, 0) / n;
	const above = usable.reduce((s, [x, y]) => s + (x - mx) * (y - my), 0), below = usable.reduce((s, [x]) => s + (x - mx) ** 2, 0);
	return short(above / below);
}

const grown = curves.filter((curve) => points[curve.key]).map((curve) => ({
	...curve,
	series: Object.entries(points[curve.key]).map(([variant, xs]) => {
		const series = Object.entries(xs).map(([x, values]) => [Number(x), short(median(values))]).sort(([a], [b]) => a - b);
		return { variant, points: series, exponent: exponent(series), exponent_above: exponent(series.slice(Math.floor((series.length - 1) / 2))) };
	}),
}));

const about = Object.fromEntries(lines('about').map((line) => [line.split(' ', 1)[0], line.slice(line.indexOf(' ') + 1)]));
fs.writeFileSync(output, JSON.stringify({ about, results, curves: grown, notes: lines('notes') }, null, '\t') + '\n');
