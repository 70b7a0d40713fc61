#!/usr/bin/env bash
# Sibling spans: what is open now, with its age; what a process left open as it was killed; ends without a start, counted exactly; keys of every sort.
. "$(dirname "$0")/cli.sh"

# lines NAME PATTERN: how many lines of $work/NAME.out match.
lines() {
	grep -cE -- "$2" "$work/$1.out"
}
has() {
	grep -qE -- "$2" "$work/$1.out"
}
# last_of NAME MARK PATTERN: whether the last block of $work/NAME.out that a line MARK begins has the pattern; none_of: whether it has not.
last_of() {
	tac "$work/$1.out" | awk -v mark="$2" -v pattern="$3" '$0 ~ pattern { found = 1 } index($0, mark) == 1 { seen = 1; exit } END { exit !(seen && found) }'
}
none_of() {
	tac "$work/$1.out" | awk -v mark="$2" -v pattern="$3" '$0 ~ pattern { found = 1 } index($0, mark) == 1 { seen = 1; exit } END { exit !(seen && !found) }'
}

start_target one
first=$target

# A request that is stuck is named with its age, and is gone once it has ended.
jst stuck -p "$first" -e 'work:end < @n = count(); @lat = hist(now - start[id]) > tick-50ms { print(open(start), top: 3); } END { printf("at the end\n"); print(open(start)); }'
order one begin 4711
wait_for 10 has stuck '^  4711 +[0-9.]+(us|ms|s)$' || fail "the stuck request is not shown"
wait_for 10 has stuck '^  4711 +([1-9][0-9][0-9]ms|[0-9.]+s)$' || fail "its age does not grow"
order one fire 1000
order one begin 4712
wait_for 10 last_of stuck 'open(start)' '^  4712 ' || fail "the second one is not shown"
tac "$work/stuck.out" | awk '/^  4712 / { younger = 1 } /^  4711 / { exit !younger } END { exit !younger }' || fail "the oldest does not come first"
order one finish 4711
wait_for 10 none_of stuck 'open(start)' '^  4711 ' || fail "a request that has ended is still shown"
order one finish 4712
wait_for 10 last_of stuck 'open(start): none' none || fail "nothing is open, and it does not say so"
order one begin 4713
end_jst 0
last_of stuck 'at the end' '^  4713 ' || fail "END does not show what never ended"
grep -q '^@n: 1002$' "$work/stuck.out" || fail "the clause did not count 1002"
! grep -q 'had no' "$work/stuck.err" || fail "ends without a start are reported where there are none"

# One that began before jstrace came: its end is counted, under the right name, and by a program that reads two spans apart from the other's.
jst unstarted -p "$first" --format json -e 'work:end { @ = hist(now - start[id]); } job:end { @q = hist(now - start[queue, id]); }'
order one finish 4713
for id in 1 2 3; do
	order one finish $id
	order one "done" late $id
done
order one begin 5
order one finish 5
end_jst 0
grep -q "work:end: 4 had no work:start with the same id (it fired before jstrace attached, or not at all)" "$work/unstarted.err" || fail "not 4 of work:end without a start"
grep -q "job:end: 3 had no job:start with the same queue, id (" "$work/unstarted.err" || fail "not 3 of job:end without a start"
grep -q '"type":"loss","reason":"spans without a start","count":7,"where":"cli_target\['"$first"'\]"' "$work/unstarted.out" || fail "JSON does not count 7 spans without a start"
grep -q 'not everything was seen: values skipped: 7$' "$work/unstarted.err" || fail "not 7 values skipped, or more than that in the line"
[ "$(sed -n 's/.*"reason":"values skipped","count":\([0-9]*\).*/\1/p' "$work/unstarted.out")" = 7 ] || fail "not 7 values skipped"
grep -q '"type":"end".*"lost":14,' "$work/unstarted.out" || fail "the totals do not agree"

# An end whose key is nil, and delete, count nothing.
jst nils -p "$first" --format json -e 'work:end { @ = count(); x[id] = start[nothing]; delete x[id]; delete x[id]; }'
order one fire 10
end_jst 0
! grep -q 'without a start' "$work/nils.out" || fail "a nil key, or a delete, was counted"

# A sibling whose probe does not exist: said once, and -v says for each span what it is.
run 0 -v -p "$first" --duration 1ms -e 'work:end { @ = hist(now - statr[id]); } work:end { @b = hist(now - start[tid]); }'
err 'statr[...] is the time of the last work:statr with that key, read in clauses on work:end'
err 'start[...] is the time of the last work:start with that key, read in clauses on work:end'
jst misspelt -p "$first" -e 'work:end { @ = hist(now - statr[id]); }'
order one fire 3
end_jst 0
grep -q 'no probe matches work:statr, so statr\[...\] was always nil' "$work/misspelt.err" || fail "the misspelt sibling is not reported"
! grep -q 'had no' "$work/misspelt.err" || fail "it is reported twice"

# Keys: several, strings, the thread; prefixes by glob. All of them in JSON; the pid tells where.
jst keys -p "$first" --format json -e '*:end { @ = count(); print(start[id]); } job:end { print(start[queue, id]); } work:end { print(start[tid]); } tick-50ms { print(open(start)); }'
order one begin 21
order one job "mail" 22
order one job "print" 22
wait_for 10 has keys '"probe":"job:start","key":\["print",22\]' || fail "a key of two values is not shown"
wait_for 10 has keys '^\{"type":"open","name":"start","probe":"work:start","key":\[21\],"age":[0-9]+,"pid":'"$first"'\}$' || fail "the prefix work is not shown"
wait_for 10 has keys '"probe":"job:start","key":\[22\]' || fail "the prefix job is not shown"
wait_for 10 has keys '"probe":"work:start","key":\['"$first"'\]' || fail "the thread as a key is not shown"
order one "done" mail 22
order one "done" print 22
order one "done" print 23
order one finish 21
order one fire 2
end_jst 0
[ "$(lines keys '"values":\[[0-9]+\]')" = 9 ] || fail "not 9 of the starts were found"
[ "$(lines keys '"values":\[null\]')" = 3 ] || fail "not 3 of the starts were nil"
grep -q 'job:end: 1 had no job:start with the same queue, id (' "$work/keys.err" || fail "the end of print 23 is not counted once"
grep -qF '*:end: 2 had no *:start with the same id (' "$work/keys.err" || fail "the ends of a glob are not counted"

# Two processes: a column tells them apart. One is killed: what it left is there at its exit and at the end, and is not open before the end.
start_target two
second=$target
start both "$jstrace" -v -p "$first,$second" -e 'work:end { @ = count(); print(start[id]); } tick-50ms { print(open(start)); } process:exit { printf("exit of %d\n", pid); print(open(start)); printf("exited\n"); } END { printf("at the end\n"); print(open(start), 10); }'
tracer=$pid
attached both "$first"
attached both "$second"
order two begin 31
order one begin 32
wait_for 10 last_of both 'open(start)' "^ *$second  31  " || fail "the request of the second process is not shown"
wait_for 10 last_of both 'open(start)' "^ *$first  32  " || fail "the request of the first process is not shown"
kill -KILL "$second"
wait_for 10 has both '^exited$' || fail "the death is not noticed"
sed -n '/^exit of/,/^exited/p' "$work/both.out" | grep -qE "^ *$second  31  " || fail "what the killed process left is not there at its exit"
wait_for 10 none_of both 'open(start)' "^ *$second  31  " || fail "what the killed process left is still open"
end_jst 1
last_of both 'at the end' "^ *$second  31  " || fail "END does not show what the killed process left"
last_of both 'at the end' "^ *$first  32  " || fail "END does not show what the other has open"

target=$first
# A table that is full gives up the oldest starts, and says so.
jst full -p "$first" --memory 8MiB -e 'work:end { print(start[id]); } END { print(open(start), 1); }'
order one storm 200000
end_jst 0
grep -qE 'not everything was seen: spans evicted: [0-9]+ \(see --memory\)$' "$work/full.err" || fail "evicted starts are not reported"
evicted=$(sed -n 's/.*spans evicted: \([0-9]*\).*/\1/p' "$work/full.err")
more=$(sed -n 's/.*… and \([0-9]*\) more/\1/p' "$work/full.out")
[ $((evicted + more + 1)) = 200000 ] || fail "$evicted evicted and $more + 1 open are not 200000"
