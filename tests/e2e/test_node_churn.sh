#!/usr/bin/env bash
# A Node.js process under much attaching, and one whose workers come and go in mid-probe.
. "$(dirname "$0")/node.sh"
need curl wrk

# Workers are ended amid probes, and rubbish is collected in them, while sessions come and go.
start_node workers --expose-gc "$programs/workers.js"
# watch_workers: whether workers were seen to fire and to end. Where starting one takes long, a session may see none of it.
watch_workers() {
	run 0 -p "$target" --duration 0.7 -e 'worker:named { @n = count(); @t[thread] = max(id); } worker:bound { @b = count(); } worker:ended { @e = max(ended); }'
	grep 'events torn\|nested' "$work/run.err" >>"$work/torn"
	grep -q '^@e: [1-9]' "$work/run.out" && grep -q '^@n: [1-9]' "$work/run.out"
}
for round in 1 2 3 4; do
	wait_for 60 watch_workers || fail "no worker fired, or none ended, in round $round"
done
[ -s "$work/torn" ] && fail "an event was left in its middle: $(cat "$work/torn")"
kill -TERM "$target"
finished "$target" 20
[ "$code" = 0 ] || fail "workers.js ended with $code"

# The thread that waits for changes ends with its environment, at whatever moment that comes.
timeout 60 "$node" "$programs/observers.js" 50 >"$work/observers.out" 2>&1 || fail "workers that are told of changes do not end"
grep -q '^ended 50$' "$work/observers.out" || fail "not all workers ended"

# stats: of cycles.js, one figure each in $heap $rss $fds $threads $delay $requests.
stats() {
	local got
	got=$(curl -sf "http://127.0.0.1:$port/stats") || fail "the server does not answer"
	eval "$("$node" -e 'for (const [name, value] of Object.entries(JSON.parse(process.argv[1]))) console.log(`${name}=${value}`)' "$got")"
}

cycles=${CYCLES:-60}
start_node server --expose-gc "$programs/cycles.js"
port=$(head -n 1 "$work/server.out")
run 0 -p "$target" --duration 0.1 -e 'request:* { @ = count(); }'
stats
before="heap $heap rss $rss fds $fds threads $threads" fds0=$fds threads0=$threads
wrk -t 1 -c 4 -d 3600 "http://127.0.0.1:$port/" >"$work/wrk.out" 2>&1 &
wrk=$!
children+=("$wrk")
# Enough of them that what the engine keeps for itself is there already.
for ((i = 0; i < cycles / 2; i++)); do
	run 0 -p "$target" --duration 0.01 -e 'request:end < @lat = hist(now - start[id]); @[path] = count() >'
done
stats
heap1=$heap rss1=$rss delay1=$delay
for ((i = 0; i < cycles / 2; i++)); do
	run 0 -p "$target" --duration 0.01 -e 'request:end < @lat = hist(now - start[id]); @[path] = count() >'
done
kill -INT "$wrk"
wait "$wrk"
stats
after="heap $heap rss $rss fds $fds threads $threads delay $delay1 $delay requests $requests"
echo "$cycles cycles: before $before, half $heap1 $rss1, after $after"
grep -i 'socket errors\|non-2xx' "$work/wrk.out" && fail "requests failed"
wait_for 10 asleep "$target" || fail "the agent still serves somebody"
wait_for 20 test "$(ls "/proc/$target/task" | wc -l)" -le "$threads0" || fail "threads: $threads0 before, $threads after"
[ "$fds" -le $((fds0 + 5)) ] || fail "descriptors: $fds0 before, $fds after"
[ "$heap" -le $((heap1 + (2 << 20))) ] || fail "the heap grew: $heap1, $heap"
# The sanitizer holds back what is freed.
[ "${VARIANT:-}" = asan ] || [ "$rss" -le $((rss1 + (24 << 20))) ] || fail "resident memory grew: $rss1, $rss"

exit 0
