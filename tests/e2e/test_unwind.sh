#!/usr/bin/env bash
# A profiler's signal may come at any instruction of a probe: from each of them, on the short way and the whole, the stack is unwound to the function that the probe is in.
. "$(dirname "$0")/cli.sh"
[ "$(uname -m)" = x86_64 ] || skip "steps through instructions of x86-64 alone"

"${CC:-cc}" -O2 -g -D_GNU_SOURCE -I"$root/libjstrace" -o "$work/unwind_target" "$root/tests/e2e/targets/unwind_target.c" "$build/libjstrace.a" -pthread || fail "the target does not compile"
number=0
for script in '@n = count()' '@n[id] = count()' 't[id] = now' '@n = hist(id)' 'printf("%d\n", id)'; do
	for test in '' '/id >= 0/' '/id < 0/'; do
		number=$((number + 1))
		start "target$number" "$work/unwind_target"
		target=$pid
		start "jst$number" "$jstrace" -p "$target" -e "work:step $test { $script }"
		finished "$target" 20
		grep -q '^stepped [0-9]*, lost 0$' "$work/target$number.out" || fail "not each instruction of $test { $script } leads back to the probe"
	done
done
echo "stacks were unwound from each instruction of $number probes"
