#!/usr/bin/env bash
# kill -9 of the server in the middle of a run: jstrace prints all up to that moment, says what happened, and exits with 1.
. "$(dirname "$0")/lib.sh"
need wrk

start_httpd -w 2
start jstrace "$jstrace" -v --format json -e 'request:end < @lat = hist(now - start[id]); @n = count() >' -p "$httpd"
tracer=$pid
attached jstrace "$httpd"
load wrk 2s
start more wrk -t 1 -c 16 -d 30s "http://127.0.0.1:$port/api/users"
more=$pid
seen=$completed
kill -KILL "$httpd"
finished "$tracer" 5
kill -TERM "$more" 2>/dev/null
[ "$code" = 1 ] || fail "jstrace ended with $code, not 1"
count=$(sed -n 's/.*"name":"@lat".*"count":\([0-9]*\).*/\1/p' "$work/jstrace.out")
[ "${count:-0}" -ge "$seen" ] || fail "results hold ${count:-none} of at least $seen requests"
grep -q "$httpd" "$work/jstrace.err" || fail "nothing was said about the end of $httpd"
grep -Eqi 'kill|signal 9' "$work/jstrace.err" || fail "it does not say that the server was killed"
printf 'requests before the kill: %s, in the results: %s\n' "$seen" "$count"
