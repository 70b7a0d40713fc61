#!/usr/bin/env bash
# The examples for Node.js: the server and the cluster of them under a little load, and the scripts on these. What needs the addon (make node) or the host of JavaScript scripts is skipped
# where that is missing, and said so.
. "$(dirname "$0")/lib.sh"
need node

examples=$root/examples/node
addon=$build/node/jstrace.node
host=$root/cli/node/host.js
passed=0 failed=0 skipped=0
mkdir -p "$work/node_modules"
ln -s "$root/libjstrace/node" "$work/node_modules/jstrace"
cp "$examples"/*.js "$examples"/*.jst "$work"
export JSTRACE_ADDON=$addon

# part NAME FUNCTION [FILE…]: one part, in a shell of its own so that it can fail alone; skipped where a file is missing.
part() {
	local name=$1 run=$2 file code
	shift 2
	for file; do
		[ -e "$file" ] && continue
		echo "skipped: $name: there is no ${file#"$root/"}"
		skipped=$((skipped + 1))
		return
	done
	(
		trap - EXIT
		children=()
		trap 'for pid in "${children[@]}"; do kill -KILL "$pid" 2>/dev/null; wait "$pid" 2>/dev/null; done' EXIT
		"$run"
	)
	code=$?
	case $code in
	0) passed=$((passed + 1)) ;;
	77) skipped=$((skipped + 1)) ;;
	*) failed=$((failed + 1)) && echo "FAIL: $name" ;;
	esac
	rm -f "$work"/*.out "$work"/*.err
}

# requests PORT SECONDS: some requests at once, over and over, without any program but node.
requests() {
	node -e '
		const http = require("http"), agent = new http.Agent({ keepAlive: true }), until = Date.now() + 1000 * process.argv[2];
		const next = () => Date.now() > until ? agent.destroy() :
			http.get({ port: process.argv[1], agent, path: "/" }, (res) => res.resume().on("end", next)).on("error", () => setTimeout(next, 20));
		for (let n = 0; n < 20; n++) next();' "$1" "$2"
}

# start_node NAME SCRIPT: a server on a free port; sets $pid and $port.
start_node() {
	start "$1" node "$work/$2" 0
	wait_for 10 grep -q ' port ' "$work/$1.out" || fail "$2 does not listen"
	port=$(sed -n 's/.* port \([0-9]*\).*/\1/p' "$work/$1.out" | head -n 1)
}

bars_of_httpd() {
	start_httpd
	start bars "$jstrace" "$work/status-bars.jst" -p "$httpd" --arg most=2 --duration 2500ms
	local tracer=$pid
	load wrk 3 /api/users
	finished "$tracer" 10
	[ "$code" = 0 ] || fail "status-bars.jst ended with $code"
	[ "$(grep -cE '^[0-9][0-9]:[0-9][0-9]:[0-9][0-9]$' "$work/bars.out")" = 2 ] || fail "not two seconds"
	grep -qE '^ +200 \| #+ +\| [0-9]+$' "$work/bars.out" || fail "no bar of 200"
}

scripts_on_http() {
	start_node server http.js
	local server=$pid
	start list "$jstrace" -v -p "$server" --duration 2500ms -e 'request:end < @latency[status] = hist(now - start[id]) >'
	local tracer=$pid
	start bars "$jstrace" "$work/status-bars.jst" -p "$server" --duration 2500ms
	local bars=$pid
	requests "$port" 3
	finished "$tracer" 10
	[ "$code" = 0 ] || fail "jstrace ended with $code"
	finished "$bars" 10
	[ "$code" = 0 ] || fail "status-bars.jst ended with $code"
	grep -qE ' count [0-9]+ .* max (1|2)[0-9][0-9]ms' "$work/list.out" || fail "no latency of some hundred milliseconds"
	grep -qE '^ +200 \| #+ +\| [0-9]+$' "$work/bars.out" || fail "no bar of 200"
	kill -0 "$server" || fail "the server is gone"
}

all_listen() {
	[ "$(grep -c '^listening ' "$work/cluster.out")" = 4 ]
}

cluster_by_title() {
	start_node cluster cluster.js
	local primary=$pid
	wait_for 10 all_listen || fail "not four workers listen"
	start one "$jstrace" -v -t 'api-2' --duration 3s --format json -e 'request:end < @[title] = count() >'
	local one=$pid
	start all "$jstrace" -v -t 'api-[1-4]' --duration 3s --format json -e 'request:end < @[pid] = count() >'
	local all=$pid
	requests "$port" 4
	finished "$one" 10
	finished "$all" 10
	kill -TERM "$primary"
	finished "$primary" 10
	[ "$(grep -c '"type":"process","event":"attach"' "$work/one.out")" = 1 ] || fail "not one process with the title api-2"
	grep -q '"key":\["api-2"\]' "$work/one.out" || fail "nothing counted of api-2"
	[ "$(grep -c '"type":"process","event":"attach"' "$work/all.out")" = 4 ] || fail "not four workers"
	[ "$(grep -c '"type":"aggregation"' "$work/all.out")" -ge 2 ] || fail "the load was not shared"
}

scripts_in_javascript() {
	start_node server http.js
	local server=$pid
	start durations "$jstrace" "$work/response-duration.js" -p "$server" --duration 3s
	local durations=$pid
	start bars "$jstrace" "$work/status-bars.js" -p "$server" --duration 3s
	local bars=$pid
	requests "$port" 4
	finished "$durations" 10
	finished "$bars" 10
	[ "$(grep -cE '^[0-9]+ -> [0-9]+ms$' "$work/durations.out")" -ge 20 ] || fail "response-duration.js printed too little"
	! grep -vE '^[0-9]+ -> [0-9]+ms$' "$work/durations.out" || fail "response-duration.js printed something else"
	grep -qE '^ +200 \| #+ +\| [0-9]+$' "$work/bars.out" || fail "status-bars.js shows no bar of 200"
	! grep -q $'\x1b' "$work/bars.out" || fail "status-bars.js redraws in a pipe"
}

# What doc/node.md shows can be run: each one-liner is a right script, each piece of JavaScript can be read. Pieces with an ellipsis are not whole.
documented() {
	local line count=0
	while IFS= read -r line; do
		"$jstrace" -n -e "$line" >"$work/check.out" 2>"$work/check.err" || fail "doc/node.md: $line"
		count=$((count + 1))
	done < <(sed -n "s/^ *\$ jstrace .*-e '\([^']*\)'.*/\1/p" "$root/doc/node.md")
	[ "$count" -ge 10 ] || fail "only $count one-liners were found in doc/node.md"
	awk -v folder="$work" '/^```js$/ { file = folder "/piece" ++n ".cjs"; next } /^```$/ { file = ""; next } file { print >file }' "$root/doc/node.md"
	for file in "$work"/piece*.cjs; do
		grep -q '…' "$file" || node --check "$file" 2>"$work/check.err" || fail "doc/node.md: a piece of JavaScript: $(head -n 3 "$file")"
	done
}

part 'doc/node.md' documented
if command -v wrk >/dev/null; then
	part 'status-bars.jst on httpd' bars_of_httpd "$build/examples/httpd"
else
	echo 'skipped: status-bars.jst on httpd: wrk is not installed'
	skipped=$((skipped + 1))
fi
part 'http.js' scripts_on_http "$addon" "$root/libjstrace/node/core.js"
part 'cluster.js' cluster_by_title "$addon" "$root/libjstrace/node/core.js"
part 'response-duration.js and status-bars.js' scripts_in_javascript "$addon" "$root/libjstrace/node/core.js" "$host"
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" = 0 ]
