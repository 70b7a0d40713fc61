#!/usr/bin/env bash
# The main job: the one-liner against a server under load. Its count is the number of requests, its quantiles are those the server itself measured.
. "$(dirname "$0")/lib.sh"
need wrk

start_httpd -w 2 --stats
start jstrace "$jstrace" -v --format json -e 'request:end < @lat = hist(now - start[id]) >' -p "$httpd"
tracer=$pid
attached jstrace "$httpd"
load wrk "${SECONDS_OF_LOAD:-10}s"
stop_httpd
finished "$tracer" 10
[ "$code" = 0 ] || fail "jstrace ended with $code"

count=$(member "$work/jstrace.out" aggregation count)
# wrk leaves requests unanswered at its end, at most one a connection: the server counts them, wrk does not.
[ "$count" = "$(stat_of all count)" ] || fail "counted $count of $(stat_of all count) requests of the server"
[ "$count" -ge "$completed" ] && [ "$count" -le $((completed + 16)) ] || fail "counted $count, wrk completed $completed"
for quantile in p50 p90 p99; do
	ours=$(member "$work/jstrace.out" aggregation "$quantile")
	exact=$(stat_of all "$quantile")
	close_to "$ours" "$exact" 63 || fail "$quantile is $ours ns, measured by the server $exact"
done
printf 'requests %s, wrk %s; p50 %s ~ %s; p99 %s ~ %s\n' "$count" "$completed" "$(member "$work/jstrace.out" aggregation p50)" "$(stat_of all p50)" \
	"$(member "$work/jstrace.out" aggregation p99)" "$(stat_of all p99)"
