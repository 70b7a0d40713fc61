// What the benchmark's figures are called, in which unit they are, and what they ought to be: the one table that the report, the terminal and the charts are made of.
'use strict';

// A goal holds for jstrace's median. over: another variant (the median of the rounds' ratios is compared), or another row (the ratio of the medians). least instead of most turns it round.
const most = (limit, over) => ({ most: limit, over });
const least = (limit, over) => ({ least: limit, over });
const row = (key, unit, title, ...goals) => ({ key, unit, title, goals });

exports.variants = {
	ideal: 'by hand', jstrace: 'jstrace', lttng: 'LTTng-UST', bpftrace1: 'bpftrace', bpftrace5: 'bpftrace, 5-byte nop', without: 'without',
};

exports.groups = [
	{
		title: 'An event: ns of CPU time on each thread, without the loop',
		rows: [
			row('off-1', 'ns', 'disabled', most(1.1, 'ideal')),
			row('pair-1', 'ns', 'request latency, 1 thread', most(1.5, 'ideal'), most(0.4, 'lttng'), most(1 / 25, 'bpftrace1')),
			row('pair-2', 'ns', 'request latency, 2 threads', most(1.5, 'ideal')),
			row('cross-2', 'ns', 'request latency, start and end on different threads', most(1.5, 'ideal')),
			row('count-1', 'ns', 'count by a small integer', most(6)),
			row('count-2', 'ns', 'count by a small integer, 2 threads', most(1.05, 'count-1')),
			row('sum-1', 'ns', 'sum by one of 200 strings', most(25)),
			row('hist-1', 'ns', 'histogram by one of 200 strings', most(25)),
			row('filter-1', 'ns', 'false predicate', most(4)),
			row('print-1', 'ns', 'true predicate, printf of two integers', most(40)),
			row('ten-1', 'ns', 'ten clauses on one probe, each counts'),
			row('glob-1', 'ns', 'each of 1,000 probes, one of which a pattern has turned on'),
			row('delivery', 'M/s', 'records delivered and formatted for a second of the CLI\'s CPU time', least(5)),
			row('dropped', '%', 'records dropped at 5 M/s', most(0)),
		],
	},
	{
		title: 'The CLI',
		rows: [
			row('first', 'ms', 'start to the first event, one process', most(15)),
			row('exit', 'ms', 'Ctrl-C to detached and ended', most(50)),
			row('attach-100000', 'ms', 'start to the first event, 100,000 sites'),
			row('sites-100000', 'ms', 'the same, above that of 10 sites', most(30)),
			row('watch', '%', 'CPU, attached to a busy process, printing once a second', most(0.5)),
			row('merge', 'ms', 'Ctrl-C to ended, 200 strings in each of 512 threads'),
			row('compile-500', 'ms', 'compile a script of 500 lines'),
		],
	},
	{
		title: 'Linked, and nobody watches',
		rows: [
			row('rss', 'kB', 'memory above a program without', most(150)),
			row('threads', '', 'threads above a program without', most(1)),
			row('wakeups', '/s', 'wake-ups of these threads', most(0)),
			row('start', 'ms', 'start to end, above a program without', most(0.3)),
			row('start-cpu', 'ms', 'CPU time of the same', most(0.3)),
			row('register', 'ms', 'start to end with 100,000 sites, above 10 sites', most(5)),
			row('register-cpu', 'ms', 'CPU time of the same', most(5)),
			row('malloc', 'ns', 'malloc and free, one thread', most(1.02, 'without')),
			row('getc', 'ns', 'getc, one thread', most(1.02, 'without')),
			row('fork', 'µs', 'fork and _exit', most(1.25, 'without')),
		],
	},
];

exports.curves = [
	{ key: 'keys', x: 'keys', y: 'ns an event', title: 'count by one of N integers' },
	{ key: 'threads-count', x: 'threads', y: 'ns of CPU an event', title: 'count by a small integer, on N threads' },
	{ key: 'threads-pair', x: 'threads', y: 'ns of CPU an event', title: 'request latency, on N threads' },
	{ key: 'clauses', x: 'clauses', y: 'ns an event', title: 'N clauses on one probe' },
	{ key: 'compile', x: 'clauses', y: 'ms', title: 'compile a script of N clauses' },
	{ key: 'sites-attach', x: 'sites', y: 'ms', title: 'start to the first event, in a program of N sites' },
	{ key: 'sites-start', x: 'sites', y: 'ms', title: 'start to end of a program of N sites' },
	{ key: 'processes-attach', x: 'processes', y: 'ms', title: 'start until N processes are traced' },
	{ key: 'processes-exit', x: 'processes', y: 'ms', title: 'Ctrl-C to ended, N processes' },
	{ key: 'slots', x: 'threads', y: 'ms', title: 'Ctrl-C to ended, 200 strings in each of N threads' },
];
