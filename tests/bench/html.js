// Draws the benchmark's figures: html.js BENCH.json OUTPUT.html. One page that needs nothing else: tables of bars on a logarithmic scale, since what is compared lies a thousandfold apart, and a chart for each curve, both axes logarithmic, so that a power is a straight line.
'use strict';
const fs = require('fs');
const { variants } = require('./rows.js');
const [input, output] = process.argv.slice(2);
const bench = JSON.parse(fs.readFileSync(input, 'utf8'));

const colour = { ideal: '#8a8f98', jstrace: '#d9480f', lttng: '#1971c2', bpftrace1: '#2f9e44', bpftrace5: '#66a80f', without: '#8a8f98' };
const escape = (text) => String(text).replace(/[&<>"]/g, (c) => ({ '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' })[c]);
const number = (x) => (x === 0 ? '0' : Math.abs(x) >= 1000 ? Math.round(x).toLocaleString('en') : String(Number(x.toPrecision(3))));
const element = (name, attributes, content = '') => `<${name}${Object.entries(attributes).map(([k, v]) => ` ${k}="${escape(v)}"`).join('')}>${content}</${name}>`;
const text = (x, y, content, more = {}) => element('text', { x, y, ...more }, escape(content));

// ---- bars: one small chart a row ----

// What is 0 or less has no place on a logarithmic scale: it gets no bar.
function bars(result) {
	const names = Object.keys(variants).filter((name) => result.variants[name]);
	const limits = result.goals.filter((g) => !g.over && (g.most ?? g.least) > 0).map((g) => g.most ?? g.least);
	const positive = [...names.map((name) => result.variants[name].high), ...limits].filter((v) => v > 0);
	const high = Math.max(...positive, 1e-3) * 1.2, low = Math.min(...positive, high / 10) / 3;
	const left = 150, width = 430, height = names.length * 20 + 8;
	const place = (v) => (v <= low ? 0 : (Math.log(v / low) / Math.log(high / low)) * width);
	const parts = names.map((name, i) => {
		const { median, low: from, high: to } = result.variants[name], y = i * 20 + 4;
		return text(left - 8, y + 12, variants[name], { 'text-anchor': 'end' })
			+ element('rect', { x: left, y, width: place(median).toFixed(1), height: 14, fill: colour[name] })
			+ element('line', { x1: left + place(from), x2: left + place(to), y1: y + 7, y2: y + 7, stroke: '#212529' })
			+ text(left + place(Math.max(median, to)) + 6, y + 12, `${number(median)} ${result.unit}`);
	});
	for (const limit of limits)
		parts.push(element('line', { x1: left + place(limit), x2: left + place(limit), y1: 0, y2: height, stroke: '#212529', 'stroke-dasharray': '3 3' }));
	return element('svg', { viewBox: `0 0 ${left + width + 100} ${height}`, role: 'img' }, parts.join(''));
}

function goals(result) {
	return result.goals.map(({ most, least, over, value, met }) => {
		const limit = `${most !== undefined ? '≤' : '≥'} ${number(most ?? least)}${over ? ` × ${variants[over] ?? bench.results.find((r) => r.row === over)?.title ?? over}` : ` ${result.unit}`}`;
		const state = met === null ? 'open' : met ? 'met' : 'missed';
		return element('span', { class: state }, escape(`${limit}: ${met === null ? 'not measured' : `${number(value)}, ${met ? 'met' : 'not met'}`}`));
	}).join(' ');
}

// ---- curves ----

const powers = (low, high) => {
	const list = [];
	for (let p = Math.floor(Math.log10(low)); 10 ** p <= high * 1.001; p++) {
		if (10 ** p >= low * 0.999)
			list.push(10 ** p);
	}
	return list;
};

function curve({ title, x: xName, y: yName, series }) {
	const points = series.flatMap((s) => s.points).filter(([x, y]) => x > 0 && y > 0);
	const xs = points.map(([x]) => x), ys = points.map(([, y]) => y);
	const [x0, x1] = [Math.min(...xs), Math.max(...xs)], y0 = 10 ** Math.floor(Math.log10(Math.min(...ys))), y1 = 10 ** Math.ceil(Math.log10(Math.max(...ys) * 1.01));
	const left = 60, top = 12, width = 380, height = 210;
	const px = (x) => left + (x1 > x0 ? (Math.log(x / x0) / Math.log(x1 / x0)) * width : width / 2), py = (y) => top + height - (Math.log(y / y0) / Math.log(y1 / y0)) * height;
	const parts = [];
	for (const y of powers(y0, y1))
		parts.push(element('line', { x1: left, x2: left + width, y1: py(y), y2: py(y), stroke: '#dee2e6' }), text(left - 6, py(y) + 4, number(y), { 'text-anchor': 'end' }));
	for (const x of powers(x0, x1))
		parts.push(element('line', { x1: px(x), x2: px(x), y1: top, y2: top + height, stroke: '#dee2e6' }), text(px(x), top + height + 16, number(x), { 'text-anchor': 'middle' }));
	for (const { variant, points: line } of series) {
		const drawn = line.filter(([x, y]) => x > 0 && y > 0);
		parts.push(element('polyline', { points: drawn.map(([x, y]) => `${px(x).toFixed(1)},${py(y).toFixed(1)}`).join(' '), fill: 'none', stroke: colour[variant], 'stroke-width': 2 }));
		parts.push(...drawn.map(([x, y]) => element('circle', { cx: px(x).toFixed(1), cy: py(y).toFixed(1), r: 3, fill: colour[variant] }, element('title', {}, escape(`${variants[variant]}: ${number(x)} ${xName}, ${number(y)} ${yName}`)))));
	}
	parts.push(text(left + width, top + height + 32, xName, { 'text-anchor': 'end' }), text(left + 4, top + 10, yName));
	const fitted = series.map((s) => `<span style="color:${colour[s.variant]}">${escape(variants[s.variant])}</span>: N<sup>${s.exponent === null ? '?' : s.exponent.toFixed(2)}</sup>, upper half N<sup>${s.exponent_above === null ? '?' : s.exponent_above.toFixed(2)}</sup>`).join(' · ');
	return element('figure', {}, element('figcaption', {}, `<b>${escape(title)}</b><br>${fitted}`) + element('svg', { viewBox: `0 0 ${left + width + 45} ${top + height + 40}`, role: 'img' }, parts.join('')));
}

// ---- the page ----

const sections = [...new Set(bench.results.map((r) => r.group))].map((title) =>
	element('h2', {}, escape(title)) + element('table', {}, bench.results.filter((r) => r.group === title).map((r) =>
		element('tr', {}, element('td', {}, `${escape(r.title)}<br>${goals(r)}`) + element('td', { class: 'chart' }, bars(r)))).join('\n')));
const about = Object.entries(bench.about).filter(([, value]) => value).map(([name, value]) => element('li', {}, `${escape(name)}: ${escape(value)}`)).join('');
const notes = bench.notes.map((note) => element('li', {}, escape(note))).join('');

fs.writeFileSync(output, `<!doctype html>
<html lang="en"><meta charset="utf-8"><title>What jstrace costs</title><meta name="viewport" content="width=device-width">
<style>
body { font: 15px/1.5 system-ui, sans-serif; color: #212529; max-width: 72rem; margin: 2rem auto; padding: 0 1rem }
table { width: 100%; border-collapse: collapse } td { border-top: 1px solid #dee2e6; padding: .5rem 0; vertical-align: top } td.chart { width: 62% }
svg { width: 100%; font: 12px system-ui, sans-serif } figure { margin: 0 } .curves { display: grid; grid-template-columns: repeat(auto-fill, minmax(26rem, 1fr)); gap: 2rem }
.met, .missed, .open { font-size: 13px; padding: 0 .4em; border-radius: .3em; white-space: nowrap } .met { background: #d3f9d8 } .missed { background: #ffe3e3 } .open { background: #f1f3f5 }
</style>
<h1>What jstrace costs</h1>
<p>Medians over interleaved rounds; the thin line in a bar spans the middle half of them, a dashed line is a goal. Bars and axes are logarithmic.</p>
<ul>${about}</ul>
${sections.join('\n')}
${bench.curves.length ? `<h2>As work grows</h2>\n<div class="curves">\n${bench.curves.map(curve).join('\n')}\n</div>` : ''}
${notes ? `<h2>Notes</h2><ul>${notes}</ul>` : ''}
</html>
`);
