#!/usr/bin/env bash
# Tests that end an event, and counts, with sessions that come and go: whatever way an event takes through the library, each session counts just what it asks for.
. "$(dirname "$0")/cli.sh"

# Of 100 events in a row ten statuses are 500; ids go on.
counts() { # NAME WANT
	local got
	got=$(grep -o '"value":[0-9]*' "$work/$1.out" | awk -F: '{ s += $2 } END { print s + 0 }')
	[ "$got" = "$2" ] || fail "$1: $got events, not $2"
}

start_target busy
order busy fire 100

jst alone --format json -p "$target" -e 'work:end /status >= 500/ < @n = count() >'
alone=$tracer
order busy fire 100
# A second one beside it, whose test is another; then one without.
jst beside --format json -p "$target" -e 'work:end /status == 200/ < @n = count() >'
beside=$tracer
order busy fire 100
jst third --format json -p "$target" -e 'work:end < @n = count() >'
third=$tracer
order busy fire 100
tracer=$alone
end_jst 0
counts alone 30
order busy fire 100
tracer=$beside
end_jst 0
counts beside 270
order busy fire 100
tracer=$third
end_jst 0
counts third 300

# After a session with a test, in its place, one without: nothing of the test is left; and the other way round.
for round in 1 2 3; do
	jst "all$round" --format json -p "$target" -e 'work:end < @n = count() >'
	order busy fire 100
	end_jst 0
	counts "all$round" 100
	jst "none$round" --format json -p "$target" -e 'work:end /status < -5/ < @n = count() >'
	order busy fire 100
	end_jst 0
	counts "none$round" 0
	jst "some$round" --format json -p "$target" -e 'work:* /id != 5/ < @n[status] = count() >'
	order busy fire 100
	end_jst 0
	counts "some$round" 200
	# Both ends of spans, alone and beside a session that counts.
	jst "lat$round" --format json -p "$target" -e 'work:end < @n = hist(now - start[id]) >'
	lat=$tracer
	order busy threads 2 50
	jst "by$round" --format json -p "$target" -e 'work:* < @n = count() >'
	order busy fire 100
	end_jst 0
	counts "by$round" 200
	order busy fire 100
	tracer=$lat
	end_jst 0
	grep -q '"count":300,' "$work/lat$round.out" || fail "lat$round: not each request has a time: $(grep aggregation "$work/lat$round.out")"
done

# More keys than are remembered, keys that share a place, and a test before a count by key. 2,400 ids are gone.
jst keys --format json -p "$target" -e 'work:end < @n[id] = count() > work:start /id > 3399/ < @m[id] = count() >'
order busy threads 2 1000
end_jst 0
[ "$(grep -c '"name":"@n".*"value":1[,}]' "$work/keys.out")" = 2000 ] || fail "not each id was counted once"
counts keys $((2000 + 1000))
echo "sessions with and without tests counted what they asked for"
