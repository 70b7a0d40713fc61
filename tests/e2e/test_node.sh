#!/usr/bin/env bash
# Node.js targets: whatever is given to a probe, by each way that fields are read; signals and titles; the package without its addon.
. "$(dirname "$0")/node.sh"

# odd NAME OPTION…: what jstrace shows of the odd events, in $work/NAME; times and pids left out, and how deep a stack is.
odd() {
	local name=$1
	shift
	start_node "odd-$name" ${options:-} "$programs/odd.js"
	timeout 60 "$jstrace" -p "$target" --ring-size 16MiB --string-size 16KiB "$@" >"$work/raw.out" 2>"$work/raw.err" || fail "jstrace failed on $name"
	finished "$target" 20
	[ "$code" = 0 ] || fail "odd.js ended with $code"
	grep -q '^thrown 0$' "$work/odd-$name.out" || fail "something was thrown into the program"
	grep -v odd:recurse "$work/raw.out" | sed -E 's/^[0-9T:.-]+Z //; s/ pid=[0-9]+//; s/x{100,}/x…/' >"$work/$name"
	grep -c odd:recurse "$work/raw.out" >"$work/$name.deep"
	grep -q 'records dropped' "$work/raw.err" && fail "records were dropped on $name"
	grep -q 'values left out' "$work/raw.err" || fail "what was left out is not counted on $name"
}

# expect NAME: as the file of that name says. UPDATE=1 writes it.
expect() {
	local expected=$programs/$1.expected
	[ "${UPDATE:-}" = 1 ] && cp "$work/$1" "$expected"
	diff -u "$expected" "$work/$1" >&2 || fail "the events are others than in $expected"
}

odd all -e 'odd:*'
expect all
[ "$(cat "$work/all.deep")" -gt 100 ] || fail "a probe on an all but used-up stack was lost"
fields='odd:* < printf("%s id=%s name=%s url=%s real=%s value=%s\n", probe, str(id), str(trace.name), str(req.url), str(real), str(value)) >'
odd fields -e "$fields"
expect fields
options=--disallow-code-generation-from-strings odd looped -e "$fields"
cmp -s "$work/fields" "$work/looped" || { diff -u "$work/fields" "$work/looped" >&2; fail "without code from strings the events are others"; }
options=--expose-gc odd json -e 'odd:* < printf("%s %s\n", probe, __json) >'
expect json
sed -n 's/^[^ ]* //p' "$work/json" | "$node" -e 'require("fs").readFileSync(0, "utf8").trim().split("\n").forEach((line) => JSON.parse(line))' || fail "what should be JSON is not"

# What is large is read no further than there is room for.
start large "$node" "$programs/large.js"
target=$pid
wait_for 120 test -s "$work/large.out" || fail "large does not start"
timeout 120 "$jstrace" -p "$target" --string-size 64KiB -e 'large:* < emit() > large:last { exit(); }' >"$work/raw.out" 2>"$work/raw.err" || fail "jstrace failed on large objects"
cut -c1-100 "$work/raw.out" >"$work/large.events"
: >"$work/raw.out"
[ "$(grep -c large: "$work/large.events")" -ge 11 ] || fail "not every large object was taken"
finished "$target" 30
reads=$(sed -n 's/^reads //p' "$work/large.out")
[ -n "$reads" ] && [ "$reads" -le 30000 ] || fail "of two objects with 1100000 properties $reads were read"

# Probes at the end of the stack, and in getters of probes.
start_node nested "$programs/nested.js"
run 0 -p "$target" -e 'nested:deep { @deep = max(id); @list[list] = count(); } nested:again { @again = max(a + b); } nested:stopped { @stopped = max(id); } nested:after { @after = count(); } nested:last { exit(); }'
grep -q '^@after: 1$' "$work/run.out" || fail "after events that were stopped none is seen"
finished "$target" 20
grep -q '^thrown 0, ran [1-9][0-9]\?$' "$work/nested.out" || fail "probes in probes: $(tail -n 1 "$work/nested.out")"

# What two sessions want of one probe is read for both.
start_node two "$programs/odd.js"
start first "$jstrace" -v -p "$target" --ring-size 16MiB -e 'odd:nested < printf("url %s\n", req.url) >'
attached first "$target"
start second "$jstrace" -v -p "$target" --ring-size 16MiB -e 'odd:nested { print(id, list); } odd:last { exit(); }'
finished "$target" 30
finished "${children[-1]}" 20
finished "${children[-2]}" 20
grep -q '^url /a$' "$work/first.out" || fail "the first session saw another event"
grep -q '^1 \[1,\[2\]\]$' "$work/second.out" || fail "the second session saw another event"

# A session that begins in the middle of an event sees all that it wants of it, or nothing. Fields that are too many for an event are counted.
start_node late "$programs/late.js"
start early "$jstrace" -v -p "$target" -e 'late:event < emit() >'
wait_for 20 grep -q inside "$work/late.out" || fail "late.js does not fire"
run 0 -p "$target" -e 'late:event < printf("url %s\n", str(request.url)) > late:many { @[f0 + f1 + f2 + f3 + f4 + f5 + f6 + f7 + f8] = count(); @b[f9 + f10 + f11 + f12 + f13 + f14 + f15 + f16 + f17] = count(); } late:second { exit(); }'
grep '^url ' "$work/run.out" | grep -v '^url /late$' && fail "a session that came in the middle saw a part of an event"
grep -q 'values left out' "$work/run.err" || fail "fields that are too many are not counted"
finished "${children[-1]}" 20

# Signals are the program's, whatever is traced meanwhile, and the title is the one it has.
mkfifo "$work/go"
"$node" "$programs/signals.js" <"$work/go" >"$work/signals.out" 2>"$work/signals.err" &
target=$!
children+=("$target")
exec 9>"$work/go"
wait_for 20 grep -q ready "$work/signals.out" || fail "signals.js does not start"
run 1 -t jst-first-title -e 'signal:* { @ = count(); }' --duration 1
start signals-trace "$jstrace" -v -t 'jst-sec*' -e 'signal:had { @had = count(); @title[title] = count(); }'
attached signals-trace "$target"
echo go >&9
finished "$target" 30
[ "$code" = 140 ] || fail "the last SIGUSR2 did not end the program as it does without us: $code"
grep -q '{"on":21,"once":1}' "$work/signals.out" || fail "signals were lost or came twice"
finished "${children[-1]}" 20
grep -q '^@had: 20$' "$work/signals-trace.out" || fail "not every event was seen"
grep -q 'jst-second' "$work/signals-trace.out" || fail "the title is not the one that the program gave itself"
exec 9>&-

# Without the addon the package does nothing, and says why when it is asked.
cp -r "$root/libjstrace/node" "$work/bare"
rm -f "$work/bare/jstrace.node"
said=$(JSTRACE_ADDON=/nonexistent JSTRACE_DEBUG=1 "$node" -e '
	const trace = require(process.argv[1]);
	trace("a:b", { id: 1 });
	const probe = trace.probe("a:c");
	probe({});
	process.stdout.write(String([trace.enabled, probe.enabled, probe.name]));
' "$work/bare" 2>"$work/bare.err") || fail "without the addon the package fails"
[ "$said" = false,false,a:c ] || fail "without the addon the package says $said"
[ "$(grep -c 'cannot be traced' "$work/bare.err")" = 1 ] || fail "it is not said once that there is no addon"
JSTRACE_ADDON=/nonexistent "$node" -e 'require(process.argv[1])("a:b")' "$work/bare" 2>&1 | grep . && fail "without JSTRACE_DEBUG it is said as well"

exit 0
