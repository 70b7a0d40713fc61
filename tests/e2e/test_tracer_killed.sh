#!/usr/bin/env bash
# kill -9 of jstrace: within a second the server's probes are off, and its threads, descriptors and mappings are as before.
. "$(dirname "$0")/lib.sh"
need wrk

threads() { ls "/proc/$httpd/task" | wc -l; }
descriptors() { ls "/proc/$httpd/fd" | wc -l; }
agent() { grep -lx jstrace /proc/"$httpd"/task/*/comm | sed 's/.comm$//'; }
agent_descriptors() { ls "$(agent)/fd" | wc -l; }
# How many mappings there are, and how many of them are jstrace's: the marker, and a session's memory.
mappings() { grep -c '' "/proc/$httpd/maps"; }
session_mappings() { grep -c 'memfd:jstrace' "/proc/$httpd/maps"; }
resident() { sed -n 's/^VmRSS:[^0-9]*\([0-9]*\).*/\1/p' "/proc/$httpd/status"; }

# The server's own allocations stay in its heap, one mapping, however it grows.
export MALLOC_ARENA_MAX=1 MALLOC_MMAP_THRESHOLD_=1000000000
start_httpd -w 2
unset MALLOC_ARENA_MAX MALLOC_MMAP_THRESHOLD_
load warm 1s
before="$(threads) $(descriptors) $(agent_descriptors) $(mappings) $(session_mappings)"
resident_before=$(resident)
as_before() { [ "$(threads) $(descriptors) $(agent_descriptors) $(mappings) $(session_mappings)" = "$before" ]; }

for round in 1 2 3; do
	start "jstrace$round" "$jstrace" -v -e 'request:end < @lat[path] = hist(now - start[id]); printf("%d\n", id) >' -p "$httpd"
	tracer=$pid
	attached "jstrace$round" "$httpd"
	load "wrk$round" 1s
	[ "$(session_mappings)" -gt 1 ] || fail "no memory of a session is mapped while traced"
	kill -KILL "$tracer"
	wait_for 2 as_before || fail "after kill -9 of jstrace: threads, descriptors, the agent's, mappings, of jstrace: '$(threads) $(descriptors) $(agent_descriptors) $(mappings) $(session_mappings)', before '$before'"
done
[ "$(resident)" -le $((resident_before + 1024)) ] || fail "resident memory grew from $resident_before to $(resident) kB"
load after 1s
stop_httpd
