#!/usr/bin/env bash
# The layers, cli → grammar → runtime ← libjstrace: who includes whom, and what the library in the target exports and needs.
set -u
cd "$(dirname "$0")/.." || exit 1
build=${1:-build}
cc=${CC:-cc}
passed=0 failed=0

# expect NOTHING-IF-GOOD WHAT
expect() {
	if [ -z "$1" ]; then
		passed=$((passed + 1))
	else
		failed=$((failed + 1))
		printf '%s:\n%s\n' "$2" "$1"
	fi
}

# includes FOLDER ALLOWED…: the quoted includes of a folder that are in none of the allowed folders.
includes() {
	local folder=$1 file name place found
	shift
	grep -noE '^[[:space:]]*#[[:space:]]*include[[:space:]]*"[^"]*"' "$folder"/*.[ch] "$folder"/*.re "$folder"/*.y 2>/dev/null | while IFS= read -r place; do
		name=$(sed 's/.*"\(.*\)"/\1/' <<<"$place")
		found=
		for file in "$@"; do
			[ -e "$file/$name" ] && found=1
		done
		case $name in ../*) found= ;; esac
		[ -n "$found" ] || echo "  $place"
	done
}
expect "$(includes runtime runtime)" "runtime may include runtime alone"
expect "$(includes libjstrace libjstrace runtime)" "libjstrace may include itself and runtime"
expect "$(includes grammar grammar "$build/grammar" runtime)" "grammar may include itself and runtime"
expect "$(includes cli cli grammar runtime)" "cli may include itself, grammar and runtime"

# The two libraries export jstrace_* and nothing else; what they share among their own files is hidden and called jst_*.
expect "$(nm -D --defined-only "$build/libjstrace.so" | awk '$3 !~ /^jstrace_/ { print "  " $0 }')" "libjstrace.so may export jstrace_* alone"
expect "$(readelf -sW "$build/libjstrace.a" | awk '($5 == "GLOBAL" || $5 == "WEAK") && $7 != "UND" && $6 != "HIDDEN" && $8 !~ /^jstrace_/ { print "  " $8 }')" "libjstrace.a may export jstrace_* alone"
expect "$(readelf -sW "$build/libjstrace.a" | awk '($5 == "GLOBAL" || $5 == "WEAK") && $7 != "UND" && $6 == "HIDDEN" && $8 !~ /^(jst_|jstrace_)/ { print "  " $8 }')" "hidden symbols of libjstrace.a are called jst_*"

# libc and nothing more.
expect "$(readelf -dW "$build/libjstrace.so" | awk '/NEEDED/ && !/\[(libc\.|libpthread\.|ld-)/ { print "  " $0 }')" "libjstrace.so may need libc alone"
expect "$("$cc" -shared -nodefaultlibs -o /dev/null -Wl,-z,defs -Wl,--whole-archive "$build/libjstrace.a" -Wl,--no-whole-archive -lc -lgcc 2>&1)" "libjstrace.a may need libc alone"
# The agent may be a thread that libc does not know of, and nothing else of the library needs these either: raw_thread.h.
expect "$(nm -u "$build/libjstrace.a" | awk '$2 ~ /^(__)?((m|c|re)alloc|free|v?(s|sn|f)?printf(_chk)?|strto[dfilu].*|isoc23_.*|ato.*|strerror.*|openat|open(64)?|close|read|write|poll|usleep|nanosleep|sigtimedwait)$/ { print "  " $2 }')" "libjstrace.a may need nothing of libc that looks at the calling thread"
expect "$(readelf -dW "$build/libjstrace.so" | grep -q 'SONAME.*libjstrace\.so\.0' || echo "  no soname libjstrace.so.0")" "the soname of libjstrace.so"
expect "$(readelf -dW "$build/libjstrace.so" | grep -q NODELETE || echo "  no NODELETE flag")" "libjstrace.so must not be unloaded"
expect "$(readelf -dW "$build/libjstrace.so" | grep TEXTREL)" "libjstrace.so has no text relocations"

echo "$passed passed, $failed failed, 0 skipped"
[ "$failed" = 0 ]
