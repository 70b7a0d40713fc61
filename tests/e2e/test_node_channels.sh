#!/usr/bin/env bash
# The bridges over the real core: a server whose channels and requests are watched. Node's channels have subscribers while somebody watches and at no other time, and the two tell the same.
. "$(dirname "$0")/lib.sh"
need node
addon=$build/node/jstrace.node
for file in "$addon" "$root/libjstrace/node/core.js"; do
	[ -e "$file" ] || skip "there is no ${file#"$root/"}"
done
export JSTRACE_ADDON=$addon

mkdir "$work/node_modules"
ln -s "$root/libjstrace/node" "$work/node_modules/jstrace"
cat >"$work/server.js" <<'JS'
'use strict';
const dc = require('node:diagnostics_channel');
const http = require('node:http');
const { probes } = require('jstrace/diagnostics')('app.work.done');
const requests = require('jstrace/express')();
const work = dc.channel('app.work.done');
const names = ['http.server.request.start', 'http.server.response.finish', 'app.work.done', 'net.server.socket'];
const server = http.createServer((req, res) => {
	requests(req, res);
	res.statusCode = req.url === '/bad' ? 500 : 200;
	work.publish({ url: req.url, request: req });
	res.end('ok');
}).listen(0, '127.0.0.1', () => console.log('port %d, %d probes', server.address().port, probes.length));
let last;
setInterval(() => {
	const now = names.map((name) => +dc.hasSubscribers(name)).join('');
	if (now !== last)
		console.log('subscribed %s', last = now);
}, 5);
JS
start server node "$work/server.js"
server=$pid
wait_for 10 grep -q '^subscribed' "$work/server.out" || fail "the server does not listen"
port=$(sed -n 's/^port \([0-9]*\),.*/\1/p' "$work/server.out")
states() { sed -n 's/^subscribed //p' "$work/server.out" | tr '\n' ' '; }
last_is() { [ "$(sed -n 's/^subscribed //p' "$work/server.out" | tail -n 1)" = "$1" ]; }
[ "$(states)" = '0000 ' ] || fail "subscribed from the beginning: $(states)"

start tracer "$jstrace" -v -p "$server" --format json -e '
	http.server.request:end < @channel[path, status] = count(); @latency = hist(now - start[id]) >
	request:end < @middleware[path, status] = count(); @both = hist(now - start[id]) >
	app.work:done < @work[url] = count(); @ids = distinct(id) >'
tracer=$pid
attached tracer "$server"
# start[id] watches http.server.request:start too; net.server.socket is nobody's.
wait_for 10 last_is 1110 || fail "not subscribed: $(states)"
node -e '
	const http = require("http"), agent = new http.Agent({ keepAlive: true });
	let left = 200;
	const next = () => left-- > 0 ? http.get({ port: process.argv[1], host: "127.0.0.1", agent, path: left % 4 ? "/?q=" + left : "/bad" }, (res) => res.resume().on("end", next)) : agent.destroy();
	next();' "$port"
kill -INT "$tracer"
finished "$tracer" 10
[ "$code" = 0 ] || fail "jstrace ended with $code"
wait_for 10 last_is 0000 || fail "still subscribed: $(states)"

for name in channel middleware; do
	grep -q "\"name\":\"@$name\",\"function\":\"count\",\"key\":\\[\"/\",200\\],\"unit\":null,\"value\":150}" "$work/tracer.out" || fail "@$name does not count 150 of /"
	grep -q "\"name\":\"@$name\",\"function\":\"count\",\"key\":\\[\"/bad\",500\\],\"unit\":null,\"value\":50}" "$work/tracer.out" || fail "@$name does not count 50 of /bad"
done
for name in latency both; do
	grep -q "\"name\":\"@$name\",\"function\":\"hist\".*\"count\":200," "$work/tracer.out" || fail "@$name has not 200 latencies"
done
grep -q '"name":"@work","function":"count","key":\["/bad"\],"unit":null,"value":50}' "$work/tracer.out" || fail "the program's own channel does not count 50"
# An estimate.
close_to "$(sed -n 's/.*"name":"@ids".*"value":\([0-9]*\)}/\1/p' "$work/tracer.out")" 200 50 || fail "not some 200 ids"
[ "$(member "$work/tracer.out" end lost)" = 0 ] || fail "something was lost"
kill -0 "$server" || fail "the server is gone"
[ ! -s "$work/server.err" ] || fail "the server complains"
