#!/usr/bin/env bash
# The SDT notes of probes: what readelf and bpftrace make of them, and that bpftrace and jstrace can watch one probe at a time, each with its own half of the word.
. "$(dirname "$0")/lib.sh"
need readelf cc bpftrace
[ "$(id -u)" = 0 ] || skip "bpftrace needs root"

cat >"$work/program.c" <<'END'
#include <jstrace.h>
int main(void)
{
	for (long i = 0; i < 1000; i++) {
		JSTRACE("request:end", "id", i, "path", i % 2 ? "/odd" : "/even");
		JSTRACE("a:b:c", "data", JSTRACE_BYTES(&i, 8), "minus", (short)-3);
		JSTRACE("plain");
	}
	return 0;
}
END
for compiler in gcc clang; do
	command -v $compiler >/dev/null || continue
	$compiler -O2 -I"$root/libjstrace" "$work/program.c" "$build/libjstrace.a" -o "$work/program" || fail "$compiler: does not build"
	notes=$(readelf -n "$work/program" | sed -n 's/^ *\(Provider\|Name\|Arguments\): *//p' | paste -d' ' - - - | sort | paste -sd';')
	[ "$notes" = "a b_c 8@0(%rdi) -8@16(%rdi);jstrace plain ;request end -8@0(%rdi) 8@8(%rdi)" ] || fail "$compiler: the notes are: $notes"
	listed=$(bpftrace -l "usdt:$work/program:*" | sort | paste -sd' ')
	[ "$listed" = "usdt:$work/program:a:b_c usdt:$work/program:jstrace:plain usdt:$work/program:request:end" ] || fail "$compiler: bpftrace lists: $listed"
	timeout 60 bpftrace -e "usdt:$work/program:request:end { @[str(arg1)] = sum(arg0); @all = count(); } usdt:$work/program:a:b_c { @minus = max(-(int64)arg1); }" -c "$work/program" >"$work/bpftrace.out" 2>&1 ||
		skip "bpftrace does not run here: $(tail -n 1 "$work/bpftrace.out")"
	for line in '@all: 1000' '@\[/even\]: 249500' '@\[/odd\]: 250000' '@minus: 3'; do
		grep -q "^$line\$" "$work/bpftrace.out" || fail "$compiler: no line $line"
	done
done
