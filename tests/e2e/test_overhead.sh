#!/usr/bin/env bash
# --max-overhead lets go of a process that is traced at too high a cost, and of no other; --strict tells by its exit code that something was lost.
. "$(dirname "$0")/cli.sh"

# Fires as fast as it can, or hardly ever, until it is told to end; in the end it says how often.
cat >"$work/load.c" <<'END'
#include <jstrace.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
static volatile sig_atomic_t ended;
static void end(int signal) { (void)signal; ended = 1; }
int main(int argc, char **argv)
{
	const long gap = argc > 1 ? atol(argv[1]) : 0;
	volatile unsigned long x = 1;
	long n = 0;
	signal(SIGTERM, end);
	puts("ready");
	fflush(stdout);
	while (!ended) {
		JSTRACE("load:step", "n", n, "text", "a string of more than sixty-four bytes, which a session with a limit of sixty-four bytes cuts");
		n++;
		for (long i = 0; i < gap; i++)
			x = x * 3 + 1;
	}
	printf("fired %ld\n", n);
	return 0;
}
END
"${CC:-cc}" -O2 -I"$root/libjstrace" -o "$work/load" "$work/load.c" "$build/libjstrace.a" -pthread || fail "the load does not compile"
start busy "$work/load" 0
busy=$pid
start idle "$work/load" 10000000
idle=$pid
for name in busy idle; do
	wait_for 10 grep -q '^ready' "$work/$name.out" || fail "$name does not start"
done

# The busy one is let go, the idle one goes on; what was counted until then is printed.
target=$idle
jst both --max-overhead 1% -p "$busy,$idle" -e 'load:step < @[pid] = count() >'
let_go() { grep -q "process $busy (load) was detached: tracing took .* % of its CPU time, more than the 1 % of --max-overhead" "$work/both.err"; }
wait_for 20 let_go || fail "the busy process was not let go"
kill -0 "$busy" || fail "the busy process is gone"
end_jst 1
grep -q "process $idle .*detached" "$work/both.err" && fail "the idle process was let go"
grep -q " $busy " "$work/both.out" || fail "what the busy process counted is not shown"
grep -q "tracing process $idle (load) took" "$work/both.err" || fail "what the idle process paid is not told"

# Where all may be spent it stays, and each event counts.
run 0 --max-overhead=100 --duration 1s --format json -p "$busy" -e 'load:step /n >= 0/ < @n = count() > load:step < @first = min(n); @last = max(n) >'
value() { grep "\"name\":\"$1\"" "$work/run.out" | grep -o '"value":[0-9]*' | grep -o '[0-9]*$'; }
[ "$(value @n)" = $(($(value @last) - $(value @first) + 1)) ] || fail "not each event was counted: $(value @n) from $(value @first) to $(value @last)"

# A loss, with --strict and without.
run 0 --duration 200ms --string-size 64 -p "$idle" -e 'load:step < @[text] = count() >'
run 3 --strict --duration 200ms --string-size 64 -p "$busy" -e 'load:step < @[text] = count() >'
err "strings cut"
run 0 --strict --duration 200ms -p "$busy" -e 'load:step < @[text] = count() >'
run 7 --strict --string-size 64 -p "$busy" -e 'load:step /n > 1000/ < @[text] = count(); exit(7) >'

# What is no share.
for share in 0 101% x 1%% -1 ''; do
	run 2 --max-overhead "$share" -e 'a < @ = count() >' -p "$busy"
	err "--max-overhead takes a share of CPU time"
done

kill -TERM "$busy" "$idle"
wait_for 10 grep -q '^fired' "$work/busy.out" || fail "the busy process does not end as it should"
echo "let go at too high a cost, strict about losses"
