#!/usr/bin/env bash
# The demonstration: httpd under load from wrk, and its latency by jstrace's one line. It starts three processes and ends them, by their pids, whatever happens.
#     examples/demo.sh [BUILD]
set -u
cd "$(dirname "$0")/.." || exit 1
build=${1:-build}
out=$(mktemp -d) || exit 1
httpd= wrk=

finish() {
	for pid in $wrk $httpd; do
		kill -TERM "$pid" 2>/dev/null && wait "$pid" 2>/dev/null
	done
	rm -rf "$out"
}
trap finish EXIT
trap 'exit 130' INT TERM

die() {
	echo "demo: $*" >&2
	exit 1
}

"$build/examples/httpd" -p 0 --stats >"$out/httpd" 2>"$out/error" &
httpd=$!
for ((i = 0; i < 500; i++)); do
	port=$(sed -n 's/^listening on .*://p' "$out/httpd")
	[ -n "$port" ] && break
	kill -0 "$httpd" 2>/dev/null || die "httpd did not start: $(cat "$out/error")"
	sleep 0.01
done
[ -n "$port" ] || die "httpd did not say where it listens"

echo "A web server with $(nproc) threads, pid $httpd, port $port; ten seconds of load:"
echo "    wrk -t1 -c16 -d10s -s examples/load.lua http://127.0.0.1:$port"
wrk -t1 -c16 -d10s -s examples/load.lua "http://127.0.0.1:$port" >"$out/wrk" 2>&1 &
wrk=$!

echo "Eight seconds of it, seen by jstrace:"
echo "    jstrace -e 'request:end < @lat = hist(now - start[id]) >' -p $httpd --duration 8s"
echo
"$build/jstrace" -e 'request:end < @lat = hist(now - start[id]) >' -p "$httpd" --duration 8s | tee "$out/jstrace"
code=${PIPESTATUS[0]}
[ "$code" = 0 ] || die "jstrace ended with code $code"
grep -q '@lat' "$out/jstrace" || die "jstrace printed no histogram"

wait "$wrk" || die "wrk failed: $(cat "$out/wrk")"
wrk=
kill -TERM "$httpd"
wait "$httpd" || die "httpd failed: $(cat "$out/error")"
httpd=
echo
sed -n 's/^ *\([0-9]*\) requests in \([0-9.]*s\),.*/wrk counted \1 requests in \2./p' "$out/wrk"
awk '/path=all/ { gsub(/[a-z0-9]+=/, ""); printf "The server itself measured over all of them: p50 %.2fms  p90 %.2fms  p99 %.2fms.\n", $4 / 1e6, $5 / 1e6, $6 / 1e6 }' "$out/httpd"
