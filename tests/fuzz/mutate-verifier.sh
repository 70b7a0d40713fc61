#!/usr/bin/env bash
# Leaves out each check of the verifier in turn, as if it had been forgotten; its unit test, or a fuzzer's corpus, must notice. Prints those that nobody misses.
#     tests/fuzz/mutate-verifier.sh [NUMBER…]    all, or only these
# `make check-mutants` builds what it needs.
set -u
cd "$(dirname "$0")/../.." || exit 1
programs=build/mutant/tests/fuzz
list=$(JST_VERIFY_SKIP=list "$programs/verify") || exit 1
export CK_DEFAULT_TIMEOUT=20

# notices NUMBER: whether any test fails without the check. The quickest first. A mutant may loop.
notices() {
	export JST_VERIFY_SKIP=$1
	CK_RUN_CASE=structure timeout 30 "$programs/verify" >/dev/null 2>&1 || return 0
	CK_RUN_CASE=code timeout 30 "$programs/verify" >/dev/null 2>&1 || return 0
	timeout 30 "$programs/program" tests/fuzz/corpus/program >/dev/null 2>&1 || return 0
	timeout 30 "$programs/mutate" tests/fuzz/corpus/mutate >/dev/null 2>&1 || return 0
	CK_RUN_CASE=fuzz timeout 60 "$programs/verify" >/dev/null 2>&1 || return 0
	return 1
}

one() {
	ulimit -c 0
	if notices "$1"; then echo noticed; else echo "survived: check $(grep "^$1 " <<<"$list")"; fi
}
export -f notices one
export programs list

# With all its checks nothing may fail.
unset JST_VERIFY_SKIP
if "$programs/verify" >/dev/null 2>&1 && "$programs/program" tests/fuzz/corpus/program >/dev/null 2>&1 && "$programs/mutate" tests/fuzz/corpus/mutate >/dev/null 2>&1; then
	passed=0
else
	echo "tests fail also with all checks"
	exit 1
fi
numbers=${*:-$(cut -d' ' -f1 <<<"$list")}
outcome=$(printf '%s\n' $numbers | xargs -P "$(nproc)" -I{} bash -c 'one {}')
grep survived <<<"$outcome" | sort -n -k3
passed=$(grep -c noticed <<<"$outcome")
failed=$(grep -c survived <<<"$outcome")
echo "$passed passed, $failed failed, 0 skipped"
[ "$failed" = 0 ]
