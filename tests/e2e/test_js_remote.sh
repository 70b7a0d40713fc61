#!/usr/bin/env bash
# exports.remote: runs in programs of Node.js that were started with JSTRACE_REMOTE=1, tells what it prints, emits and throws, leaves nothing behind, and runs nowhere else.
. "$(dirname "$0")/lib.sh"
need node
[ -f "$build/node/jstrace.node" ] || skip "the addon for Node.js is not built"
export XDG_RUNTIME_DIR=$work/runtime
mkdir -m 700 "$XDG_RUNTIME_DIR"
cd "$work" || exit 1

cat >server.js <<'JS'
const trace = require(process.env.PACKAGE);
const { createInterface } = require('readline');
let id = 0;
createInterface({ input: require('fs').createReadStream(process.argv[2], { flags: 'r+' }) }).on('line', (line) => {
	trace('request:start', { id: ++id, of: { path: '/' } });
	trace('request:end', { id });
	console.log('done', line, process.listenerCount('SIGUSR2'));
});
globalThis.secret = 42;
console.log('ready');
JS

# start_node NAME: a server; its pid is in $target.
start_node() {
	mkfifo "$work/$1.fifo"
	PACKAGE=$root/libjstrace/node JSTRACE_ADDON=$build/node/jstrace.node start "$1" node server.js "$work/$1.fifo"
	target=$pid
	wait_for 10 grep -q '^ready' "$work/$1.out" || fail "server $1 does not start"
}

# order NAME: the server NAME traces, which is done when it says so.
order() {
	local before
	before=$(grep -c '^done' "$work/$1.out")
	echo go >"$work/$1.fifo"
	wait_for 10 more_done "$1" "$before" || fail "server $1 does nothing"
}
more_done() { [ "$(grep -c '^done ' "$work/$1.out")" -gt "$2" ]; }

# remote NAME SCRIPT OPTION…: until it says that it runs.
remote() {
	local name=$1
	shift
	start "$name" "$jstrace" "$@"
	tracer=$pid
	wait_for 10 grep -q running "$work/$name.out" || fail "$name does not run"
}

JSTRACE_REMOTE=1 start_node open
open=$target
start_node shut
shut=$target
[ "$(stat -c %a "$XDG_RUNTIME_DIR/jstrace")" = 700 ] || fail "the folder is open to others"
[ -S "$XDG_RUNTIME_DIR/jstrace/$open.sock" ] || fail "there is no socket"
[ ! -e "$XDG_RUNTIME_DIR/jstrace/$shut.sock" ] || fail "there is a socket though nobody asked for one"

cat >all.js <<'JS'
exports.local = function (traces) {
	traces.on('seen', (id, names) => console.log('local', id, names));
	traces.on('request:end', (trace) => console.log('event', trace.id));
};
exports.remote = function (t, c, p, r) {
	c.log('running in %d: %j', p.pid, { secret: globalThis.secret });
	c.error('to stderr');
	p.stdout.write('written ' + r('path').basename(p.argv[1]) + '\n');
	c.dir({ a: [1, { b: 2 }] });
	t.on('request:start', function (trace) {
		const round = { of: trace.fields.of, big: 1n };
		round.self = round;
		t.emit('seen', trace.id, [trace.name, trace.pid === p.pid, typeof trace.timestamp, trace.of.path, round]);
		if (trace.id === 1)
			setTimeout(() => { throw new Error('in a timer'); }, 1);
		throw new TypeError('in a handler');
	});
	setInterval(() => {}, 1);
	t.on('cleanup', () => c.log('cleaned up'));
	Promise.reject(new Error('unseen')).catch(() => {});
	return Promise.reject(new Error('in a promise'));
};
JS
remote all all.js -p "$open"
order open
order open
wait_for 10 grep -q 'event 2' all.out || fail "no event"
wait_for 10 grep -q 'local 2' all.out || fail "nothing emitted"
wait_for 10 grep -q 'in a timer' all.err || fail "the exception of a timer is not told"
kill -INT "$tracer"
finished "$tracer" 5
[ "$code" = 0 ] || fail "all ended with $code"
for text in "running in $open: {\"secret\":42}" 'written server.js' '{ a: [ 1, { b: 2 } ] }' "local 1 [" "'request:start'" "'[Circular]'" 'event 1' 'cleaned up'; do
	grep -qF -- "$text" all.out || fail "not printed: $text"
done
for text in 'to stderr' 'TypeError: in a handler' 'all.js:16' 'Error: in a promise' 'told already: 1'; do
	grep -qF -- "$text" all.err || fail "not on standard error: $text"
done
! grep -q 'no probe matches' all.err || fail "it warns of a name that is emitted"
order open
! grep -q 'in a' open.err || fail "an exception reached the program"

# Several at once; one of them dies, and its cleanup runs in the program.
cat >mark.js <<'JS'
exports.remote = (traces, console, process) => {
	const listener = () => {};
	process.on('SIGUSR2', listener);
	traces.on('cleanup', () => process.removeListener('SIGUSR2', listener));
	traces.on('request:start', ({ id }) => console.log('mark', id));
	console.log('running');
};
JS
remote mark1 mark.js -p "$open"
first=$tracer
remote mark2 mark.js -p "$open"
order open
grep -q 'done go 2' open.out || fail "two do not run at once"
kill -KILL "$first"
one_left() { order open; tail -n 1 open.out | grep -q ' 1$'; }
wait_for 5 one_left || fail "no cleanup after kill -9"
kill -TERM "$tracer"
finished "$tracer" 5
none_left() { order open; tail -n 1 open.out | grep -q ' 0$'; }
wait_for 5 none_left || fail "no cleanup after SIGTERM"
grep -q 'mark 4' mark1.out && grep -q 'mark 4' mark2.out || fail "not both saw it"

# Where it is not allowed, that is said, and the rest goes on.
start refused "$jstrace" all.js -p "$shut"
tracer=$pid
wait_for 10 grep -q "does not run in process $shut.*JSTRACE_REMOTE=1" refused.err || fail "not told that it is not allowed"
order shut
wait_for 10 grep -q 'event 1' refused.out || fail "events do not come"
kill -INT "$tracer"
finished "$tracer" 5
[ "$(grep -c 'does not run' refused.err)" = 1 ] || fail "told more than once"
code=0
timeout 10 "$jstrace" mark.js -p "$shut" >only.out 2>only.err || code=$?
[ "$code" = 1 ] || fail "with nothing to run it ended with $code"

# A folder that others can look into is used by nobody.
chmod 755 "$XDG_RUNTIME_DIR/jstrace"
code=0
timeout 10 "$jstrace" mark.js -p "$open" >public.out 2>public.err || code=$?
grep -q 'open to others' public.err || fail "a public folder is used"
JSTRACE_REMOTE=1 start_node public
[ ! -e "$XDG_RUNTIME_DIR/jstrace/$target.sock" ] || fail "it listens in a public folder"
rm -f "/tmp/jstrace-$(id -u)/$target.sock"
chmod 700 "$XDG_RUNTIME_DIR/jstrace"

# A script that does not read holds up no program.
cat >flood.js <<'JS'
exports.local = (traces) => traces.on('flood', () => { for (const until = Date.now() + 2000; Date.now() < until;); });
exports.remote = (traces, console) => {
	console.log('running');
	traces.on('request:start', () => { for (let i = 0; i < 1000; i++) traces.emit('flood', 'x'.repeat(10000)); });
};
JS
remote flood flood.js -p "$open"
for i in 1 2 3; do order open; done
kill -INT "$tracer"
finished "$tracer" 10
order open

kill -TERM "$open" "$shut"
