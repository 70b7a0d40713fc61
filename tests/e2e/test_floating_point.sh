#!/usr/bin/env bash
# A program that asked for SIGFPE, or looks at its exception flags, does not notice what a script computes with doubles.
. "$(dirname "$0")/lib.sh"
need cc

cat >"$work/program.c" <<'END'
#define _GNU_SOURCE
#include <fenv.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <jstrace.h>
int main(int argc, char **argv)
{
	/* Everything off in the first place, so that the flags tell what the probe raised. */
	if (argc > 1 && atoi(argv[1]))
		feenableexcept(FE_DIVBYZERO | FE_INVALID | FE_OVERFLOW | FE_INEXACT);
	for (int i = 0; i < 100; i++) {
		feclearexcept(FE_ALL_EXCEPT);
		JSTRACE("work:step", "big", 1e300, "third", 1.0 / 3);
		JSTRACE("work:count", "third", 0);
		if (fetestexcept(FE_ALL_EXCEPT)) {
			printf("raised %x\n", fetestexcept(FE_ALL_EXCEPT));
			return 1;
		}
		usleep(20000);
	}
	puts("untouched");
	return 0;
}
END
cc -O2 -I"$root/libjstrace" -o "$work/program" "$work/program.c" "$build/libjstrace.a" -lm -lpthread || fail 'the program does not compile'

# What computes, what sends a double as it is, and an integer that meets a double of another probe.
scripts=('work:step < @sum = sum(big * big); @stats = stats(third * 3.7) >' 'work:step { emit; }' 'work:* < @min = min(third); @max = max(third) >')
results=('@sum.*inf' 'third=0.333' '0.333')

for run in 0 1 2 3 4 5; do
	trapping=$((run % 2)) script=${scripts[run / 2]} result=${results[run / 2]}
	"$work/program" $trapping >"$work/program.out" 2>&1 &
	pid=$!
	children+=("$pid")
	instrumented "$pid"
	"$jstrace" -q -p "$pid" --duration 1s -e "$script" >"$work/jstrace.out" 2>"$work/jstrace.err"
	wait "$pid" || fail "the program ended with $? (traps $trapping, $script)"
	children=()
	grep -q untouched "$work/program.out" || fail "the flags have changed ($script)"
	grep -q "$result" "$work/jstrace.out" || fail "the script computed nothing: $script"
done
