#!/usr/bin/env bash
# print and clear in a tick: each event is in exactly one interval, while threads fire as fast as they can and the target is killed in the end or not.
. "$(dirname "$0")/cli.sh"

sum() {
	grep "\"name\":\"$2\"" "$work/$1.out" | grep -o '"value":[0-9]*' | awk -F: '{ s += $2 } END { print s + 0 }'
}

start_target busy
jst flips --format json -p "$target" -e 'work:end < @n = count(); @all = count() > tick-10ms < print(@n); clear(@n) >'
for round in 1 2 3 4 5; do
	order busy threads 4 50000
done
end_jst 0
[ "$(sum flips @all)" = 1000000 ] || fail "$(sum flips @all) events in all, not 1000000"
[ "$(sum flips @n)" = 1000000 ] || fail "$(sum flips @n) events over the intervals, not 1000000"
intervals=$(grep -c '"name":"@n"' "$work/flips.out")
[ "$intervals" -ge 5 ] || fail "only $intervals intervals"

# A target that is stopped answers no flip; the tick goes on without it, and nothing is lost when it comes back.
jst stops --format json -p "$target" -e 'work:end < @n = count() > tick-50ms < print(@n); clear(@n); printf("tick\n") >'
order busy fire 1000
kill -STOP "$target"
ticks=$(grep -c tick "$work/stops.out")
more_ticks() { [ "$(grep -c tick "$work/stops.out")" -gt "$((ticks + 3))" ]; }
wait_for 10 more_ticks || fail "a stopped target stops the ticks"
kill -CONT "$target"
order busy fire 1000
end_jst 0
[ "$(sum stops @n)" = 2000 ] || fail "$(sum stops @n) events over the intervals, not 2000"
echo "1000000 events in $intervals intervals"
