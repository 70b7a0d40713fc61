#!/usr/bin/env bash
# A program with many probe sites, each of another name: many_sites.sh SITES OUTPUT OBJECT|ARCHIVE…
#
# At most 1,000 sites are compiled. More are copies of that object in which the names are replaced by others of the same length, so that 100,000 take seconds and not minutes.
set -eu
sites=$1 output=$2
shift 2
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

distinct=$((sites < 1000 ? sites : 1000))
awk -v n=$distinct 'BEGIN {
	print "#include <jstrace.h>"
	for (i = 0; i < n; i++) {
		if (i % 100 == 0)
			printf "%svoid site_00_%d(int id);\nvoid site_00_%d(int id)\n{\n", i ? "}\n" : "", i, i
		printf "\tJSTRACE(\"site:00_%03d\", \"id\", id);\n", i
	}
	print "}"
}' >"$work/00.c"
"${CC:-cc}" -std=gnu11 -O1 -I"$here/../../libjstrace" -c -o "$work/00.o" "$work/00.c"
for ((copy = 1; copy < sites / distinct; copy++)); do
	number=$(printf %02d $copy)
	LC_ALL=C sed "s/site:00_/site:${number}_/g; s/site_00_/site_${number}_/g" "$work/00.o" >"$work/$number.o"
done
"${CC:-cc}" -pthread -o "$output" "$work"/*.o "$@"
