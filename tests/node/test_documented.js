'use strict';
/*
 * The table of channels in doc/node.md (its folder is in JSTRACE_DOC) against the one in the package: each channel and each probe has its row.
 */

const test = require('node:test');
const assert = require('node:assert');
const fs = require('node:fs');
const path = require('node:path');
const { known } = require('jstrace/channels.js');

test('every channel and probe is in the table', () => {
	const rows = fs.readFileSync(path.join(process.env.JSTRACE_DOC, 'node.md'), 'utf8').split('\n').filter((line) => line.startsWith('| `')).map((line) => line.split('|'));
	const last = (name) => name.slice(name.lastIndexOf(':'));

	for (const { channel, probe } of known.values()) {
		const row = rows.find((cells) => cells[2].includes(`\`${probe.slice(0, probe.lastIndexOf(':'))}:`) && (cells[2].includes(`\`${probe}\``) || cells[2].includes(`\`${last(probe)}\``)));
		assert.ok(row, `there is no row of ${probe}`);
		const parts = channel.split(/[.:]/);
		const named = row[1].includes(channel) || row[1].includes('…') || row[1].includes(channel.slice(0, channel.lastIndexOf(':'))) || row[1].includes(`\`${parts[parts.length - 1]}\``);
		assert.ok(named, `the row of ${probe} does not name ${channel}`);
	}
});
