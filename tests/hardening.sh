#!/usr/bin/env bash
# What is built is hardened, and nothing that an event reaches calls what a probe may not call.
#     tests/hardening.sh [BUILD]
set -u
cd "$(dirname "$0")/.." || exit 1
build=${1:-build}
cc=${CC:-cc}
passed=0 failed=0 skipped=0
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT

# expect NOTHING-IF-GOOD WHAT
expect() {
	if [ -z "$1" ]; then
		passed=$((passed + 1))
	else
		failed=$((failed + 1))
		printf '%s:\n%s\n' "$2" "$1"
	fi
}

# without PATTERN FILE…: says so if no line of readelf's answer has it.
lacks() { "${@:2}" 2>&1 | grep -qE "$1" || echo "  nothing of: $1"; }
has() { "${@:2}" 2>&1 | grep -E "$1"; }

# ---- what is linked ----

files=("$build/jstrace" "$build/libjstrace.so")
if [ -e "$build/node/jstrace.node" ]; then
	files+=("$build/node/jstrace.node")
else
	skipped=$((skipped + 1))
	echo "skipped: the addon for Node.js is not built"
fi
for file in "${files[@]}"; do
	expect "$(lacks 'GNU_RELRO' readelf -lW "$file")" "$file has a part that becomes read-only"
	expect "$(lacks '\(FLAGS_1\).*NOW' readelf -dW "$file")" "$file is bound as it is loaded"
	expect "$(lacks 'GNU_STACK .* RW ' readelf -lW "$file")" "$file wants no executable stack"
	expect "$(has '^ *(LOAD|GNU_STACK).*(RWE|WE)' readelf -lW "$file")" "no segment of $file may be written and executed"
	expect "$(has 'TEXTREL' readelf -dW "$file")" "$file has no text relocations"
	expect "$(has '\((RPATH|RUNPATH)\)' readelf -dW "$file")" "$file names no folder to look for libraries in"
	expect "$(lacks '__stack_chk_fail' nm -u "$file")" "$file guards its stack"
done
expect "$(lacks '\(FLAGS_1\).*PIE' readelf -dW "$build/jstrace")" "jstrace runs at any address"
expect "$(lacks '__.*printf_chk' nm -u "$build/jstrace")" "jstrace has libc look at what it writes"
for file in "${files[@]:1}"; do
	expect "$(readelf -dW "$file" | awk '/NEEDED/ && !/\[(libc\.|libpthread\.|ld-)/ { print "  " $0 }')" "$file, which is loaded into a program, needs libc alone"
	expect "$(lacks '\(FLAGS_1\).*NODELETE' readelf -dW "$file")" "$file must not be unloaded"
done
# All that reads bytes which a peer has sent, in the target and in the CLI.
for object in libjstrace/talk libjstrace/install runtime/verify_code runtime/result_distinct cli/reader cli/target cli/find grammar/parser; do
	expect "$(lacks '__stack_chk_fail' nm -u "$build/$object.o")" "$object.o guards its stack"
done
# A program that is linked with the archive has what its own linker gives it, and no less for that.
printf '#include <jstrace.h>\nint main(void)\n{\n\tJSTRACE("hardening:probe", "n", 1);\n\treturn 0;\n}\n' >"$work/program.c"
expect "$("$cc" -O2 -Ilibjstrace -fPIE -pie -Wl,-z,relro,-z,now,-z,text -Wl,--fatal-warnings -o "$work/program" "$work/program.c" "$build/libjstrace.a" 2>&1)" "a hardened program can be linked with libjstrace.a"
expect "$(lacks 'GNU_STACK .* RW ' readelf -lW "$work/program")" "a program with libjstrace.a wants no executable stack"

# ---- what an event reaches ----

# Every function that can be come to from where an event enters, by a call, a jump, an address that is taken, or a table in read-only data (whoever reads it): all of the library is one object, whose own names are still there. Functions of one name in several files are taken for one.
reach() {
	{
		readelf -rW "$1" | awk '/^Relocation section/ { section = $3 } section ~ /\.data\.rel\.ro/ && / R_X86_64_64 / { print "TABLE", $5, $7, $5 == ".text" ? sprintf("%16s", $7) : "" }'
		nm "$1" | awk '$2 ~ /^[tT]$/ { print "AT", $1, $3 }'
		objdump -dr --no-show-raw-insn "$1"
	} | awk -v entries='jstrace_probe_stub jst_probe_dispatch jstrace_fire jstrace_enabled' '
		function name(text) { sub(/[-+]0x.*/, "", text); return text }
		function edge(from, to) { if (to != from && to !~ /^\./) edges[from] = edges[from] " " to }
		$1 == "TABLE" { if ($2 == ".text") at[$3] = 1; else entries = entries " " $2; next }
		$1 == "AT" { address = $2; sub(/^0+/, "", address); if (address in at) entries = entries " " $3; defined[$3] = 1; next }
		/^[0-9a-f]+ <.*>:$/ { current = $2; gsub(/[<>:]/, "", current); next }
		/R_X86_64_/ { edge(current, name($3)); next }
		/\t(call|jmp|j[a-z]+|lea) .*<.*>/ { to = $0; sub(/.*</, "", to); sub(/>.*/, "", to); edge(current, name(to)) }
		END {
			n = split(entries, queue, " ")
			for (i = 1; i <= n; i++)
				seen[queue[i]] = "an entry"
			for (i = 1; i <= n; i++) {
				count = split(edges[queue[i]], next_ones, " ")
				for (k = 1; k <= count; k++)
					if (!(next_ones[k] in seen)) {
						seen[next_ones[k]] = queue[i]
						queue[++n] = next_ones[k]
					}
			}
			for (i = 1; i <= n; i++) {
				count = split(edges[queue[i]], next_ones, " ")
				if (queue[i] in defined)
					print "own", queue[i], seen[queue[i]]
				for (k = 1; k <= count; k++)
					if (!(next_ones[k] in defined) && next_ones[k] !~ /^jst/)
						print "libc", next_ones[k], queue[i]
			}
		}' | sort -u
}

# What of libc an event may call, and from where. What only looks at memory it is given:
harmless='mem(cpy|move|set|cmp|chr|rchr|mem)|str(len|nlen|chr|cmp|ncmp)'
# The rest makes a system call, or none (vDSO), and is in its place: "function from".
allowed='syscall|getpid|__errno_location jst_thread_enter|acquire|abandoned
prctl jst_event_run_unusual|jst_event_claim
clock_gettime jst_clock_now|jst_clock_wall
sched_getcpu jst_builtin_variable'

if [ "$(uname -m)" = x86_64 ]; then
	reach "$build/libjstrace/all.o" >"$work/reached"
	# Functions deep in each of the ways, so that a way that was not found is noticed.
	for function in jst_vm_run jst_run_event jst_builtin_call jst_aggregation_update jst_cell_find jst_map_block_change jst_key_encode jst_ring_write jst_speculation_hold jst_stack_walk jst_table_site jst_plan_make; do
		expect "$(grep -qE "^own $function( |\.)" "$work/reached" || echo "  $function is not reached, or has another name")" "where an event comes to"
	done
	expect "$(awk '$1 == "own" && $2 ~ /^jst_(install_(prepare|stop|start)|talk_|serve_|verify|quiesce_|flip|sites_lock|raw_)/ { print "  " $2 " from " $3 }' "$work/reached")" "what is the agent's is not reached by an event"
	expect "$(awk -v harmless="^($harmless)\$" -v allowed="$allowed" '
		BEGIN {
			count = split(allowed, line, "\n")
			for (i = 1; i <= count; i++) {
				space = index(line[i], " ")
				what[i] = "^(" substr(line[i], 1, space - 1) ")$"
				from[i] = "^(" substr(line[i], space + 1) ")([.].*)?$"
			}
		}
		$1 == "libc" && $2 !~ harmless {
			for (i = 1; i <= count; i++)
				if ($2 ~ what[i] && $3 ~ from[i])
					next
			print "  " $2 " from " $3
		}' "$work/reached")" "what an event may call of libc"
	echo "an event can reach $(grep -c '^own' "$work/reached") functions, and of libc: $(awk '$1 == "libc" { print $2 }' "$work/reached" | sort -u | tr '\n' ' ')"
else
	skipped=$((skipped + 1))
	echo "skipped: what an event reaches is looked up in x86-64's instructions"
fi

echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" = 0 ]
