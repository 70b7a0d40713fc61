#!/usr/bin/env bash
# Builds fuzzers with libFuzzer and runs them, one after the other.
#     tests/fuzz/run.sh SECONDS NAME…
# Each starts from its seeds, its corpus in the tree, and what earlier runs found worth keeping (build/fuzz/NAME/kept). A finding's input is build/fuzz/NAME/crash-… (or leak-, timeout-, oom-); its report build/fuzz/NAME/log. Exits 1 if there was one.
set -u
cd "$(dirname "$0")/../.." || exit 1
seconds=$1
shift
cc=${FUZZ_CC:-clang}

if ! command -v "$cc" >/dev/null 2>&1 || ! echo 'int LLVMFuzzerTestOneInput(const char *a, long b) { return a && b < 0; }' | "$cc" -fsanitize=fuzzer -x c -o /dev/null - 2>/dev/null; then
	echo "SKIP  fuzz: needs clang with libFuzzer (Debian: clang, libclang-rt-dev), or FUZZ_CC=another clang"
	exit 0
fi
# The tools for coverage may only be there with clang's version in their names.
version=$("$cc" -dumpversion | cut -d. -f1)
tool() {
	command -v "$1" || command -v "$1-$version"
}
profdata=$(tool llvm-profdata) cov=$(tool llvm-cov)

nice make --no-print-directory -j"$(nproc)" VARIANT=fuzz FUZZ="$*" fuzzers | grep -v "Nothing to be done"
[ "${PIPESTATUS[0]}" = 0 ] || exit 1

# What each fuzzer is about: of these files its line coverage is told.
sources() {
	case $1 in
	compile) echo grammar build/fuzz/grammar ;;
	program | mutate) echo runtime/verify.c runtime/verify_structure.c runtime/verify_code.c runtime/vm.c runtime/plan.c runtime/run*.c runtime/builtin*.c runtime/operators.c runtime/map*.c runtime/cell.c runtime/aggregation*.c runtime/key.c runtime/ring.c runtime/speculation.c ;;
	talk) echo libjstrace/talk.c libjstrace/serve.c libjstrace/install.c libjstrace/flip.c libjstrace/leaf.c libjstrace/event.c libjstrace/watch.c ;;
	memory) echo cli/gather.c cli/reader.c cli/results.c cli/open.c cli/record.c runtime/result*.c runtime/ring.c runtime/map_view.c cli/report.c cli/overhead.c ;;
	record) echo cli/record.c cli/format.c cli/line.h cli/text.c runtime/key.c runtime/probe.c ;;
	answers) echo cli/wire_client.c cli/attach.c cli/target.c ;;
	esac
}

# Lengths that reach everything of interest, and no more: a longer input is seldom a better one.
most() {
	case $1 in
	compile) echo 2048 ;;
	memory) echo 1024 ;;
	*) echo 8192 ;;
	esac
}

found=0
for name; do
	folder=build/fuzz/$name program=build/fuzz/tests/fuzz/$name
	mkdir -p "$folder/seeds" "$folder/kept" "tests/fuzz/corpus/$name"
	rm -f "$folder"/seeds/* "$folder"/log
	FUZZ_SEEDS=$folder/seeds LLVM_PROFILE_FILE=/dev/null "$program" -runs=0 >"$folder/log" 2>&1 || {
		sed 's/^/        /' "$folder/log" | tail -n 40
		echo "  FAIL  fuzz/$name: its seeds"
		found=1
		continue
	}
	[ "$name" != compile ] || cp tests/golden/*.jst examples/*.jst cli/library/*.jst "$folder/seeds"
	before=$(find "$folder" -maxdepth 1 -name '*-*' -type f | sort)
	LLVM_PROFILE_FILE=$folder/profile.raw ASAN_OPTIONS=detect_stack_use_after_return=1:abort_on_error=0:allocator_may_return_null=1 UBSAN_OPTIONS=print_stacktrace=1 \
		nice "$program" -max_total_time="$seconds" -max_len="$(most "$name")" -timeout=20 -rss_limit_mb=3000 -artifact_prefix="$folder/" -print_final_stats=1 -use_value_profile=0 \
		$([ -f "tests/fuzz/$name.dict" ] && echo "-dict=tests/fuzz/$name.dict") "$folder/kept" "$folder/seeds" "tests/fuzz/corpus/$name" >"$folder/log" 2>&1
	code=$?
	executions=$(sed -n 's/^stat::number_of_executed_units: *//p' "$folder/log")
	rate=$(sed -n 's/^stat::average_exec_per_sec: *//p' "$folder/log")
	covered=
	if [ "$code" = 0 ] && [ -n "$profdata" ] && [ -n "$cov" ] && "$profdata" merge -sparse -o "$folder/profile" "$folder/profile.raw" 2>/dev/null; then
		# shellcheck disable=SC2046
		"$cov" report "$program" -instr-profile="$folder/profile" $(sources "$name") >"$folder/coverage" 2>/dev/null
		covered=$(awk '/^TOTAL/ { print ", " $10 " of lines" }' "$folder/coverage")
	fi
	grep "^$name: " "$folder/log"
	if [ "$code" = 0 ]; then
		echo "  PASS  fuzz/$name  ${executions:-?} executions in $seconds s (${rate:-?} a second)$covered"
		continue
	fi
	found=1
	grep -aE '^(FOUND|SUMMARY|==[0-9]+==(ERROR|WARNING)|jstrace: |.*runtime error)|^ +#[0-9]+ ' "$folder/log" | head -n 30 | sed 's/^/        /'
	echo "  FAIL  fuzz/$name after ${executions:-?} executions; its input:"
	comm -13 <(echo "$before") <(find "$folder" -maxdepth 1 -name '*-*' -type f | sort) | sed 's/^/        /'
done
[ "$found" = 0 ]
