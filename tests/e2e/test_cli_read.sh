#!/usr/bin/env bash
# Clauses that run in jstrace read aggregations: as numbers, quantiles and in loops; what a tick reads and clears is in exactly one interval, and all of a clause sees one snapshot.
. "$(dirname "$0")/cli.sh"

# Each interval as a number, as a loop and as print sees it; the sums of all of them are the exact number of events, even though clear stands first.
start_target busy
jst reads --format json -p "$target" -e '
work:end { @n = count(); @all = count(); @by[status, path] = count(); }
tick-10ms {
	clear(@n);
	clear(@by);
	$sum = 0;
	for ($status, $path, $v : @by) { $sum += $v; }
	printf("%d %d %d", @n, $sum, @by[200, "/odd"] + @by[200, "/even"] + @by[500, "/odd"]);
	print(@n);
}
END { printf("all %d rest %d", @all, @n); clear(@n); }'
for round in 1 2 3 4 5; do
	order busy threads 4 50000
done
end_jst 0
sed -n 's/^{"type":"print","text":"\([0-9]* [0-9]* [0-9nil]*\)"}$/\1/p' "$work/reads.out" >"$work/intervals"
all=$(sed -n 's/^{"type":"print","text":"all \([0-9]*\) rest [0-9]*"}$/\1/p' "$work/reads.out")
rest=$(sed -n 's/^{"type":"print","text":"all [0-9]* rest \([0-9]*\)"}$/\1/p' "$work/reads.out")
read_sum=$(awk '{ s += $1 } END { print s + 0 }' "$work/intervals")
printed=$(grep '"name":"@n"' "$work/reads.out" | grep -o '"value":[0-9]*' | awk -F: '{ s += $2 } END { print s + 0 }')
[ "$all" = 1000000 ] || fail "END reads $all events, not 1000000"
[ "$((read_sum + rest))" = 1000000 ] || fail "$read_sum events read in ticks and $rest at the end, not 1000000"
[ "$((printed + rest))" = 1000000 ] || fail "$printed events printed in ticks and $rest at the end, not 1000000"
awk '$1 != $2' "$work/intervals" | grep -q . && fail "a loop and a number saw different snapshots"
awk '$3 != "nil" && $1 != $3' "$work/intervals" | grep -q . && fail "entries and a number saw different snapshots"
busy_intervals=$(awk '$1 > 0' "$work/intervals" | wc -l)
[ "$busy_intervals" -ge 2 ] || fail "only $busy_intervals intervals with events"

# A loop goes in the order of print, and prints what print does; top and by select and sort.
script='
work:end { @c[status, path] = count(); @h[path] = lhist(id % 100, 0, 100, 1); @r = rate(); @s[path] = sum(id); @l = last(path); }
END {
	for ($status, $path, $v : @c) { printf("loop %d %s %d\n", $status, $path, $v); }
	for ($path, $v : @h) { printf("median %s %d %d\n", $path, quantile($v, 0.5), quantile(@h[$path], 1)); print($v); }
	print(@c, 2, by: key);
	print(@c, top: @c[500, "/odd"] - 99);
	print(@h, by: p99, top: 1);
	printf("last %s, rate %d\n", @l, @r > 0);
	clear(@c); clear(@h); clear(@r); clear(@s); clear(@l);
}'
jst loops -p "$target" -e "$script"
order busy fire 1000
end_jst 0
grep '^loop ' "$work/loops.out" >"$work/loop"
printf 'loop 200 /even 500\nloop 200 /odd 400\nloop 500 /odd 100\n' | cmp -s - "$work/loop" || fail "the loop is not in the order of print"
grep -q '^median /even 48 98$' "$work/loops.out" || fail "no median of /even"
grep -q '^median /odd 49 99$' "$work/loops.out" || fail "no median of /odd"
[ "$(grep -c '^@h\[/even\]' "$work/loops.out")" = 1 ] || fail "the loop does not print the histogram of /even once"
[ "$(grep -c '^@h\[/odd\]' "$work/loops.out")" = 2 ] || fail "/odd, which is greatest by p99, is not printed twice"
[ "$(grep -c '^  200  /even | ' "$work/loops.out")" = 2 ] || fail "200 /even is not first by key and by count"
[ "$(grep -c '^  200  /odd  | ' "$work/loops.out")" = 1 ] || fail "200 /odd is not second by key alone"
grep -q '^  500 ' "$work/loops.out" && fail "top does not leave out the last"
grep -qx 'last /odd, rate 1' "$work/loops.out" || fail "last or rate cannot be read"

# What END has cleared is printed no more, be it that it was printed or not; what a tick cleared is.
jst ends -p "$target" -e '
work:end { @read = count(); @looped[path] = count(); @kept = count(); @zeroed = count(); @printed = count(); }
END { printf("%d\n", @read); for ($p, $n : @looped) { printf("%s %d\n", $p, $n); } print(@printed); }
END { clear(@read); clear(@looped); zero(@zeroed); clear(@printed); }'
order busy fire 10
end_jst 0
[ "$(sort "$work/ends.out" | tr '\n' ';')" = '/even 5;/odd 5;10;@kept: 10;@printed: 10;@zeroed: 0;' ] || fail "after END: $(cat "$work/ends.out")"

# What computes to less than one row shows none; to what is no number, all; to a fraction, the whole rows of it.
jst tops -p "$target" -e '
work:end { @n[path] = count(); @all = count(); }
END {
	printf("negative\n"); print(@n, top: @all - 1001);
	printf("zero\n"); print(@n, top: @all - 1000);
	printf("half\n"); print(@n, top: @all / 2000.0);
	printf("more\n"); print(@n, top: @all / 666.0);
	printf("nil\n"); print(@n, top: @n["/none"]);
	printf("alone\n"); print(@all, top: @all - 1000);
}'
order busy fire 1000
end_jst 0
sed 's/ *|.*//' "$work/tops.out" | grep -v '^$' | tr '\n' ';' >"$work/tops"
none='@n;  … and 2 more;'
[ "$(cat "$work/tops")" = "negative;${none}zero;${none}half;${none}more;@n;  /even;  … and 1 more;nil;@n;  /even;  /odd;alone;@all: 1000;" ] || fail "computed tops: $(cat "$work/tops")"

jst json --format json -p "$target" -e "$script"
order busy fire 1000
end_jst 0
keys=$(sed -n 's/^{"type":"aggregation","name":"\(@[ch]\)".*"key":\(\[[^]]*\]\),.*/\1\2/p' "$work/json.out" | head -n 6 | tr '\n' ' ')
[ "$keys" = '@h["/even"] @h["/odd"] @c[200,"/even"] @c[200,"/odd"] @c[200,"/even"] @h["/odd"] ' ] || fail "as JSON: $keys"

# A process that leaves is heard of by a clause that reads what it counted; a predicate reads too.
start_target leaver
jst leaves -p "$target" -e 'work:end { @n[pid] = count(); @all = count(); } process:exit { printf("%d counted %d\n", pid, @n[pid]); clear(@n); } tick-10ms /@all > 5/ { printf("more than 5\n"); }'
order leaver fire 7
wait_for 10 grep -q 'more than 5' "$work/leaves.out" || fail "the predicate of a tick does not read"
echo 'exit 0' >"$work/leaver.fifo"
finished "$tracer" 10
grep -qx "$target counted 7" "$work/leaves.out" || fail "process:exit does not read what was counted"

# The budget of clauses here is a thousand times that of the targets.
run 0 --budget 20 -e 'BEGIN { for ($i : 0..1000) { $n++; } printf("%d\n", $n); exit(); }'
out 1000
run 0 --budget 1 -e 'BEGIN { while (1) { } } BEGIN { exit(); }'
err 'clauses over budget'
echo "1000000 events, $busy_intervals intervals read"
