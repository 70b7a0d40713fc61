#!/usr/bin/env bash
# Speculation: of many requests only those show what they did that turned out to be wanted, as text and as JSON, also from several threads, and what is given up is said.
. "$(dirname "$0")/cli.sh"

start_target one
one=$target
script='work:start { speculate(id); emit; print("began", id); }
work:end /status == 500/ { commit(id); print("failed", id, path); }
work:end /status != 500/ { discard(id); }'

# Every tenth request fails: its start, which came before that was known, and its end.
jst text -p "$one" -e "$script"
order one fire 100
end_jst 0
for ((id = 9; id < 100; id += 10)); do
	printf 'work:start id=%d\nbegan %d\nfailed %d /odd\n' "$id" "$id" "$id"
done >"$work/wanted"
sed 's/^[^ ]*Z \(work:start\) pid=[0-9]* /\1 /' "$work/text.out" | diff - "$work/wanted" >"$work/diff.out" || fail "other records arrived than those of the failed requests"
! grep -q 'not everything was seen' "$work/text.err" || fail "something was lost"

# The same from threads, as JSON: each event with its own time and name, none twice.
jst json --format json -p "$one" -e "$script"
order one threads 4 250
end_jst 0
sed -n 's/.*"type":"emit","name":"work:start","timestamp":[0-9]*,.*"fields":{"id":\([0-9]*\)}}$/\1/p' "$work/json.out" | sort -n >"$work/ids"
[ "$(grep -c 9$ "$work/ids")" = 100 ] && [ "$(sort -u "$work/ids" | wc -l)" = 100 ] || fail "not the starts of 100 failed requests"
[ "$(grep -c '"type":"print"' "$work/json.out")" = 200 ] || fail "not 200 prints"
tail -n 1 "$work/json.out" | grep -q '"type":"end".*"lost":0' || fail "something was lost"

# Of what nobody ends the oldest goes, and is counted. The memory of 8 MiB has 128 entries; ids that count up fill them all.
jst many --format json --memory 8MiB -p "$one" -e 'work:start { speculate(id); emit; } work:end /id < 0/ { commit(id); }'
order one fire 1128
end_jst 0
grep -q '"type":"emit"' "$work/many.out" && fail "what was never committed arrived"
grep -q '"type":"loss","reason":"speculations given up","count":1000,' "$work/many.out" || fail "not 1000 speculations given up"
grep -q 'speculations given up: 1000 (see --memory)' "$work/many.err" || fail "it was not said what was given up"

# A request without an id cannot be held.
jst nil -p "$one" -e 'work:start { speculate(trace.nothing); emit; } work:end { commit(trace.nothing); }'
order one fire 5
end_jst 0
! grep -q work: "$work/nil.out" || fail "what has no id arrived"
grep -q 'values skipped: 10' "$work/nil.err" || fail "it was not said what was skipped"

# What is of no use is warned of.
run 0 -p "$one" --duration 10ms -e 'work:start { speculate(id); emit; }'
err "warning: what this 'speculate' holds is never shipped"
