#!/usr/bin/env bash
# The example scripts, all at once on one server, and the load of the demonstration.
. "$(dirname "$0")/lib.sh"
need wrk

start_httpd -w 2
start wrk wrk -t 1 -c 8 -d 6s -s "$root/examples/load.lua" "http://127.0.0.1:$port"
declare -A tracer
for script in "$root"/examples/*.jst; do
	name=$(basename "$script" .jst)
	arguments=()
	[ "$name" = slow ] && arguments=(10ms)
	start "$name" "$jstrace" "$script" "${arguments[@]}" -p "$httpd" --duration 3500ms
	tracer[$name]=$pid
done
[ ${#tracer[@]} = 7 ] || fail "${#tracer[@]} scripts"
for name in "${!tracer[@]}"; do
	finished "${tracer[$name]}" 20
	[ "$code" = 0 ] || fail "$name.jst ended with $code"
done

# expect SCRIPT PATTERN: a line of what it printed.
expect() {
	grep -qE "$2" "$work/$1.out" || fail "$1.jst printed no line like: $2"
}
expect latency '^@latency'
expect latency '^ *[0-9.]+[mu]s \.\. +[0-9.]+[mu]s \| #.* [0-9]+$'
expect latency 'count [0-9]+ .*p50 .*p99 '
expect latency-by-path '/api/orders +[0-9.]+us '
expect latency-by-path '^@failed'
expect status '^ +200 \| #+ +\| [0-9]+$'
expect status '^ +404 \| #'
expect slow '^20[0-9-]+T[0-9:.]+Z +[0-9.]+ms +200 +/slow +\(request [0-9]+\)$'
expect slow '^ +/slow +\| #'
expect slow-requests '^20[0-9-]+T[0-9:.]+Z request:start pid=[0-9]+ id=[0-9]+ method="GET" path="/slow"$'
expect slow-requests '^request [0-9]+ took [0-9.]+ms: /slow$'
expect top-paths '^ +/ +\| #+'
expect rps '^@requests'
expect rps '^@sent'
# Each of the ticks printed.
ticks=$(grep -c '^@requests' "$work/rps.out")
[ "$ticks" -ge 3 ] || fail "rps.jst printed $ticks times in 3.5 s"
# The threshold is one: nothing faster was printed.
! grep -qE 'Z +[0-9.]+us|Z +[0-9]\.[0-9]*ms' "$work/slow.out" || fail "slow.jst printed fast requests"

# Of each request that is told of everything is, and of no other anything. Those that began before the tracer did have no start.
sed -n 's/^request \([0-9]*\) took .*/\1/p' "$work/slow-requests.out" | sort -u >"$work/slow.ids"
sed -n 's/^20.* request:start .* id=\([0-9]*\) .*/\1/p' "$work/slow-requests.out" | sort -u | diff - "$work/slow.ids" >"$work/diff.out" || fail "slow-requests.jst printed other requests than the slow ones"
! sed -n 's/^20.* cache:get .* id=\([0-9]*\) .*/\1/p' "$work/slow-requests.out" | grep -vxFf "$work/slow.ids" || fail "slow-requests.jst printed what other requests did"

# Without its argument slow.jst says what is missing.
! "$jstrace" "$root/examples/slow.jst" -p "$httpd" 2>"$work/missing.err" || fail "slow.jst ran without a threshold"
grep -q 'argument' "$work/missing.err" || fail "slow.jst does not ask for its argument"
