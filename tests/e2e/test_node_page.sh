#!/usr/bin/env bash
# A server and an analysis script as they were written for jstrace 0.3: a line for each request, with the time that it took; and the histogram of the same server under load, counted exactly.
. "$(dirname "$0")/node.sh"
need wrk

requests=120
export JSTRACE_NODE=$node
start_node server "$programs/page_server.js"
port=$(head -n 1 "$work/server.out")
start script "$jstrace" -v "$programs/page_script.js" -p "$target"
script=$pid
attached script "$target"
"$node" "$programs/page_client.js" "$port" $requests >"$work/client.out" || fail "the client failed"
all_lines() {
	[ "$(wc -l <"$work/script.out")" -ge $requests ]
}
wait_for 10 all_lines || fail "there are $(wc -l <"$work/script.out") lines of $requests requests"
kill -INT "$script"
finished "$script" 5
[ "$code" = 0 ] || fail "the script ended with $code"
[ "$(wc -l <"$work/script.out")" = $requests ] || fail "there are more lines than requests"
grep -vE '^[0-9]+ -> [0-9]+ms [0-9]+$' "$work/script.out" && fail "a line is not as the script writes it"

# Each is as long as the server says, but for the ends of milliseconds and what the machine does between two statements. How far what the script computes as an event arrives is from what the client saw depends on the machine: that is told.
paste -d ' ' "$work/client.out" <(sed 's/ms//' "$work/script.out") | awk -v n=$requests '
	function difference(a, b) { return a > b ? a - b : b - a }
	$1 != $4 { print "request " $1 " has the line of " $4; bad = 1 }
	{ exact += difference($7, $3) <= 2; near += difference($6, $2) <= 2; low += $6 + 1 < $3 }
	END {
		printf "%d of %d as the server says within 2 ms; %d as the client saw within 2 ms\n", exact, n, near
		exit bad || low || exact * 20 < n * 19
	}' || fail "the times are not those of the requests"

# ---- the one-liner under load ----

run 0 -p "$target" --duration 0.1 -e 'request:* { @ = count(); }'
start one "$jstrace" -v -p "$target" --format json -e 'request:end < @lat = hist(now - start[id]) > request:start < @started = count() >'
one=$pid
attached one "$target"
wrk -t 1 -c 50 -d 3 "http://127.0.0.1:$port/" >"$work/wrk.out" 2>&1 || fail "wrk failed"
completed=$(sed -n 's/^ *\([0-9]*\) requests in .*/\1/p' "$work/wrk.out")
# Those that were under way as wrk ended are answered into nowhere, after 25 ms at most, and counted; twenty more take their turns behind them.
"$node" "$programs/page_client.js" "$port" 20 >"$work/after.out"
kill -INT "$one"
finished "$one" 10
[ "$code" = 0 ] || fail "jstrace ended with $code"
count=$(member "$work/one.out" aggregation count)
started=$(sed -n 's/.*"name":"@started".*"value":\([0-9]*\).*/\1/p' "$work/one.out")
echo "wrk completed $completed, $count were counted, $started began"
[ "$count" = "$started" ] || fail "$started requests began and $count were counted"
[ "$count" -ge $((completed + 20)) ] && [ "$count" -le $((completed + 70)) ] || fail "$count counted, $completed completed by wrk"
grep -q '"lost":0' "$work/one.out" || fail "something was lost"
exit 0
