#!/usr/bin/env bash
# How many instructions an event takes in the virtual machine and what it calls, by callgrind, beside what tests/bench/expected-instructions.txt says: exactly repeatable, so that more than 3 % above fails. What is far below is told, to be written down:
#     UPDATE=1 tests/bench/instructions.sh [BUILD]
#
# The counts are those of one compiler; with another one nothing is compared.
set -u
cd "$(dirname "$0")/../.." || exit 1
build=${1:-build}
program=$build/tests/bench/instructions
expected=tests/bench/expected-instructions.txt
events=4000
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT

command -v valgrind >/dev/null || { echo "skipped: valgrind is not installed"; exit 77; }
compiler="$("${CC:-cc}" --version | head -n 1), $(uname -m), ${CFLAGS:--O2 -g}"

# count WORKLOAD EVENTS: instructions within the events.
count() {
	valgrind --tool=callgrind --toggle-collect=jst_session_event --callgrind-out-file="$work/out" "$program" "$1" "$2" >/dev/null 2>"$work/log" || { cat "$work/log" >&2; exit 1; }
	sed -n 's/^\(totals\|summary\): \([0-9]*\).*/\2/p' "$work/out" | head -n 1
}

# What the first events cost, which make cells and rows, is left out.
{
	echo "# $compiler"
	for workload in $("$program"); do
		first=$(count "$workload" $events) || exit 1
		all=$(count "$workload" $((2 * events))) || exit 1
		awk -v name="$workload" -v n=$((all - first)) -v events=$events 'BEGIN { printf "%-20s %.1f\n", name, n / events }'
	done
} >"$work/now" || exit 1

if [ "${UPDATE:-}" = 1 ]; then
	cp "$work/now" "$expected"
	cat "$expected"
	exit 0
fi
if [ "$(head -n 1 "$expected")" != "# $compiler" ]; then
	cat "$work/now"
	echo "skipped: $expected was made by another compiler: $(head -n 1 "$expected")"
	exit 77
fi
awk 'FNR == NR { if ($1 != "#") want[$1] = $2; next }
	$1 == "#" { next }
	!($1 in want) { print $1 ": " $2 " instructions, and no figure is expected"; failed++; next }
	$2 > want[$1] * 1.03 { printf "%s: %.1f instructions, %.1f %% more than %.1f\n", $1, $2, 100 * ($2 / want[$1] - 1), want[$1]; failed++; next }
	$2 < want[$1] * 0.97 { printf "%s: %.1f instructions, %.1f %% less than %.1f: write it down by UPDATE=1\n", $1, $2, 100 * (1 - $2 / want[$1]), want[$1] }
	{ passed++ }
	END { printf "%d passed, %d failed, 0 skipped\n", passed, failed; exit failed > 0 }' "$expected" "$work/now"
