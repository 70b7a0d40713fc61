#!/usr/bin/env bash
# Two tracers at once on one server, each with a script of its own, and both right.
. "$(dirname "$0")/lib.sh"
need wrk

start_httpd -w 2 --stats
start one "$jstrace" -v --format json -e 'request:end < @lat = hist(now - start[id]) >' -p "$httpd"
one=$pid
start two "$jstrace" -v --format json -e 'request:start < @n[path, method] = count() > request:end /status != 200/ < @bad[status] = count() >' -p "$httpd"
two=$pid
attached one "$httpd"
attached two "$httpd"
load wrk 2s
load wrk2 1s /nowhere
stop_httpd
finished "$one" 10
[ "$code" = 0 ] || fail "the first ended with $code"
finished "$two" 10
[ "$code" = 0 ] || fail "the second ended with $code"

value() { sed -n "s|.*\"name\":\"$2\".*\"key\":$3.*\"$4\":\\([0-9]*\\).*|\\1|p" "$work/$1.out"; }
all=$(stat_of all count)
missing=$(stat_of missing count)
[ "$(value one @lat '\[\]' count)" = "$all" ] || fail "the first counted $(value one @lat '\[\]' count) of $all"
[ "$(value two @n '\["/api/users","GET"\]' value)" = $((all - missing)) ] || fail "the second counted $(value two @n '\["/api/users","GET"\]' value) of $((all - missing))"
[ "$(value two @bad '\[404\]' value)" = "$missing" ] || fail "the second counted $(value two @bad '\[404\]' value) of $missing failures"
