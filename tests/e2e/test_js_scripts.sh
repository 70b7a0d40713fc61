#!/usr/bin/env bash
# Scripts in JavaScript, on targets in C: handlers and what they get, the host's ways to end, a script that is slower than its events, and what is refused.
. "$(dirname "$0")/docs.sh"
need node

# js NAME: a script from standard input.
js() {
	cat >"$work/$1"
}

# hosted NAME SCRIPT [OPTION…]: a script on $target in the background; waits until it is attached. Its pid is in $tracer.
hosted() {
	local name=$1
	shift
	start "$name" "$jstrace" -v -p "$target" "$@"
	tracer=$pid
	attached "$name" "$target"
}

# has NAME TEXT: what the script NAME must have printed, now or soon.
has() {
	wait_for 10 grep -qF -- "$2" "$work/$1.out" || fail "$1 did not print: $2"
}

start_server
cd "$work" || exit 1

# ---- handlers, arguments, modules, the order of calls ----

mkdir node_modules && echo 'module.exports = (n) => `<${n}>`;' >node_modules/brackets.js
js forms.js <<'JS'
'use strict';
const brackets = require('brackets');
exports['request:end'] = function (trace) {
	if (trace.id !== 4)
		return;
	console.log('first %s %j', brackets(trace.id), trace.fields);
	console.log(Object.keys(trace).sort().join(), Number.isInteger(trace.timestamp) && Math.abs(Date.now() - trace.timestamp) < 5000, trace.pid, trace.hostname === require('os').hostname());
	console.log(process.argv.slice(2).join(), require.main === module, __filename === process.argv[1]);
};
exports.local = function (traces) {
	const never = () => console.log('never');
	traces.on('request:*', (trace) => trace.id === 4 && console.log('second', trace.name));
	traces.on('REQUEST:*', never).on('request', never).on('equest:*', never).on('r?quest:*', never);
	traces.on('cache:get', never);
	traces.off('cache:get', never);
	traces.on('cleanup', () => console.log('cleanup 1'));
	setTimeout(() => traces.on('db:query', (trace) => console.log('late', trace.id)), 1);
};
exports['*:end'] = (trace) => trace.id === 4 && console.log('third');
exports.cleanup = () => new Promise((resolve) => setTimeout(() => { console.log('cleanup 2'); resolve(); }, 1));
JS
hosted forms forms.js one -- --two
wait_for 10 sh -c "[ \$(grep -c attached forms.err) = 2 ]" || fail "no session for the late handler"
order server serve
has forms third
has forms 'late 20'
kill -INT "$tracer"
finished "$tracer" 5
[ "$code" = 0 ] || fail "forms ended with $code"
has forms 'cleanup 2'
grep -v '^late' forms.out >forms.seen
diff forms.seen - <<OUT || fail "handlers were called otherwise"
second request:start
first <4> {"id":4,"status":404,"bytes":400,"path":"/","user":"bob"}
bytes,hostname,id,name,path,pid,status,timestamp,title,user true $target true
one,--two true true
second request:end
third
cleanup 1
cleanup 2
OUT

js module.mjs <<'JS'
import { argv } from 'node:process';
export default { 'request:abort'(trace) { console.log(trace.id, argv[2]); process.exit(3); } };
export const cleanup = () => {};
JS
hosted module module.mjs word
order server serve
finished "$tracer" 10
[ "$code" = 3 ] || fail "process.exit(3) gave $code"
has module '13 word'

# ---- objects that travel whole ----

cat >whole.c <<'C'
#include <stdio.h>
#include <string.h>
#include <jstrace.h>
int main(void)
{
	char large[40000] = "{\"a\":1,\"text\":\"";
	memset(large + strlen(large), 'x', 30000);
	puts("ready");
	fflush(stdout);
	while (getchar() != EOF) {
		JSTRACE("o", "__json", "{\"a\":{\"b\":[1,null,true]},\"name\":\"mine\",\"pid\":\"x\",\"__proto__\":{\"c\":1}}");
		JSTRACE("o", "__json", "\"text\"");
		JSTRACE("o", "__json", (const char *)large);
	}
}
C
"${CC:-cc}" -I"$root/libjstrace" -o whole whole.c "$build/libjstrace.a" -pthread || fail "the target does not compile"
server=$target
mkfifo whole.fifo
"$work/whole" <whole.fifo >whole.out 2>&1 &
target=$!
children+=("$target")
exec 8>whole.fifo
wait_for 10 grep -q ready whole.out || fail "the target does not start"
js whole.js <<'JS'
let count = 0;
exports.o = function (trace) {
	count++;
	if (count === 1)
		console.log(JSON.stringify(trace.a), trace.name, trace.pid === Number(process.argv[2]), JSON.stringify(trace.fields), Object.getPrototypeOf(trace) === Object.prototype, JSON.stringify(trace['__proto__']));
	else
		console.log(JSON.stringify(trace.fields));
	if (count === 3)
		process.exit(0);
};
JS
hosted whole whole.js "$target"
echo >&8
finished "$tracer" 10
diff whole.out - <<'OUT' || fail "objects arrived otherwise"
{"b":[1,null,true]} o true {"a":{"b":[1,null,true]},"name":"mine","pid":"x","__proto__":{"c":1}} true {"c":1}
"text"
{"a":1}
OUT
exec 8>&-
target=$server

# ---- ends ----

js throws.js <<'JS'
exports['request:end'] = function failing() { throw new Error('on purpose'); };
JS
hosted throws throws.js
order server serve
finished "$tracer" 5
[ "$code" = 1 ] || fail "an exception gave $code"
grep -q 'Error: on purpose' throws.err && grep -q 'at .*failing.*throws.js:1' throws.err || fail "no stack of the exception"

js forever.js <<'JS'
exports['request:end'] = () => console.log('event');
setInterval(() => console.log('timer'), 10);
exports.cleanup = () => new Promise(() => console.log('cleaning'));
JS
for signal in INT TERM; do
	hosted "forever$signal" forever.js
	has "forever$signal" timer
	order server serve
	has "forever$signal" event
	before=${EPOCHREALTIME/[.,]/}
	kill -"$signal" "$tracer"
	finished "$tracer" 5
	took=$((${EPOCHREALTIME/[.,]/} - before))
	[ "$took" -lt 1000000 ] || fail "SIG$signal took $took us"
	has "forever$signal" cleaning
done

hosted duration forever.js --duration 300ms
wait_for 10 grep -q cleaning duration.out || fail "--duration does not end it"
kill -INT "$tracer"
finished "$tracer" 5

# A reader that goes: quietly.
{ timeout -s KILL 10 "$jstrace" -v forever.js -p "$target" 2>head.err; echo $? >head.code; } | head -n 1 >head.out
wait_for 5 test -s head.code || fail "it does not end with its reader"
grep -qi 'EPIPE\|error' head.err && fail "it complains of its reader"

# kill -9 of the host ends the session.
hosted killed forever.js
child=$(pgrep -P "$tracer")
kill -KILL "$tracer"
wait_for 5 gone "$child" || fail "the session outlives its host"

# ---- a script that is slower than its events ----

js slow.js <<'JS'
const { writeFileSync } = require('fs');
let count = 0;
exports['request:end'] = function (trace) {
	if (!count++) {
		writeFileSync('slow.busy', '');
		for (const until = Date.now() + 11500; Date.now() < until;);
		writeFileSync('slow.rested', '');
	}
	if (trace.id === 20 && Date.now() - trace.timestamp < 1000)
		writeFileSync('slow.last', '');
};
exports.cleanup = () => console.log(count, process.memoryUsage().rss < 200e6);
JS
hosted slow slow.js --ring-size 4KiB
before=$(grep -c '^done' server.out)
order server serve
wait_for 10 test -e slow.busy || fail "the script gets no event"
for ((i = 0; i < 60; i++)); do order server serve; done
wait_for 30 test -e slow.rested || fail "the script does not go on"
order server serve
wait_for 10 test -e slow.last || fail "events after the pause do not arrive"
kill -INT "$tracer"
finished "$tracer" 5
[ "$code" = 0 ] || fail "a script that computes for long ended with $code"
lost=$(sed -n 's/.*records dropped: \([0-9]*\).*/\1/p' slow.err)
seen=$(sed -n 's/^\([0-9]*\) true$/\1/p' slow.out)
sent=$((($(grep -c '^done' server.out) - before) * 18))
[ "$((seen + lost))" = "$sent" ] || fail "of $sent events $seen were seen and $lost lost"

# ---- promptness ----

js prompt.js <<'JS'
const delays = [];
exports['request:end'] = (trace) => { delays.push(Date.now() - trace.timestamp); if (trace.id === 20) console.log('round'); };
exports.cleanup = () => console.log('median', delays.sort((a, b) => a - b)[delays.length >> 1]);
JS
hosted prompt prompt.js
for ((i = 0; i < 20; i++)); do order server serve; done
wait_for 10 sh -c "[ \$(grep -c round prompt.out) = 20 ]" || fail "not all events arrived"
kill -INT "$tracer"
finished "$tracer" 5
median=$(sed -n 's/^median //p' prompt.out)
[ "$median" -le 5 ] || fail "events are $median ms late"

# ---- what is refused, and -n ----

run 0 -n forever.js
[ ! -s run.out ] && [ ! -s run.err ] || fail "-n prints something"
run 0 --help forms.js
for option in '-d tree' '--fmt' '--arg a=1' '--format json' '-o x'; do
	# shellcheck disable=SC2086
	run 2 $option forever.js
	err "jstrace's own language"
done
run 2 missing.js
err 'cannot read missing.js'
echo 'exports.x = 1' >number.js
run 2 -n number.js
err "exports['x'] is no function"
echo 'exports.remote = Math.max.bind()' >native.js
run 2 -n native.js
err 'cannot be sent as text'
echo '' >empty.js
run 2 empty.js
err 'exports no handler'
echo 'oops(' >syntax.js
run 2 -n syntax.js
err SyntaxError
run 1 throws.js -p 999999999
err 'no process 999999999'
JSTRACE_NODE=/nowhere/node run 1 forever.js
err 'needs Node.js'
