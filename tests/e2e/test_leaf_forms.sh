#!/usr/bin/env bash
# The short way through a probe keeps every register and gives its answer, whichever compiler it is made by, and however; and does no harm in a child that a signal handler forked in the middle of it.
. "$(dirname "$0")/lib.sh"
need cc make
[ "$(uname -m)" = x86_64 ] || skip "there is a short way on x86-64 alone"

flags=(-std=gnu11 -D_GNU_SOURCE -fvisibility=hidden -fPIC -I"$root/libjstrace" -I"$root/runtime")
cc -O1 -g -Wall "${flags[@]}" -c "$root/tests/e2e/targets/leaf_forms.c" -o "$work/main.o" || fail "the test does not compile"
forms=0
for compiler in gcc clang; do
	command -v $compiler >/dev/null || continue
	for form in -O0 -Og -O2 -O3 -Os "-O2 -fno-omit-frame-pointer" "-O0 -fstack-protector-all" "-O2 -fstack-protector-all -fcf-protection" "-O2 -fno-plt -fstack-clash-protection" "-O2 -fno-inline"; do
		# shellcheck disable=SC2086
		$compiler $form "${flags[@]}" -mgeneral-regs-only -c "$root/libjstrace/leaf.c" -o "$work/leaf.o" && cc -o "$work/forms" "$work/main.o" "$work/leaf.o" || fail "$compiler $form does not compile"
		"$work/forms" >"$work/forms.out" 2>&1 || fail "$compiler $form ended with $?"
		forms=$((forms + 1))
	done
done
[ $forms -gt 0 ] || skip "neither gcc nor clang is installed"
# And it is compiled so whatever is asked for, as packagers do it: on the command line.
make -C "$root" -n -B V=1 CFLAGS=-mavx build/libjstrace/leaf.o 2>&1 | grep -q -- '-mavx.* -mgeneral-regs-only .*leaf\.c' || fail "CFLAGS of the command line take the place of -mgeneral-regs-only"
echo "the short way keeps all registers in $forms forms"
