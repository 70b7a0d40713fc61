#!/usr/bin/env bash
# Runs one test program and counts.
#     tests/tally.sh [--live] RESULT NAME COMMAND [ARGUMENT…]   runs it; RESULT gets "passed failed skipped", RESULT.log the output
#     tests/tally.sh --sum RESULT…                              adds them up and prints the closing line; exits 1 if anything failed or never ran
#
# The counts are read from the output: Check's "100%: Checks: 12, Failures: 0, Errors: 0", or a last line "12 passed, 0 failed, 0 skipped". Without one a program is one test that
# passes if it exits with 0 and is skipped if with 77. A program that exits otherwise without having counted a failure counts one. Output is shown when something failed, or as it comes with
# --live. A failure is no failure of this script: every program is to have its turn; --sum tells.
set -u

counts() { # LOG CODE
	awk -v code="$2" '
		/^[0-9]+%: Checks: / { n = $3; gsub(",", "", n); gsub(",", "", $5); f = $5 + $7; seen = 1; passed += n - f; failed += f }
		/^[0-9]+ passed, [0-9]+ failed/ { last = 1; p = $1; q = $3; s = $6 == "skipped" ? $5 : 0 }
		END {
			if (last) { passed += p; failed += q; skipped += s; seen = 1 }
			if (!seen) { if (code == 0) passed = 1; else if (code == 77) skipped = 1; else failed = 1 }
			else if (code != 0 && !failed && !(code == 77 && skipped)) failed = 1
			print passed + 0, failed + 0, skipped + 0
		}' "$1"
}

if [ "${1:-}" = --sum ]; then
	shift
	passed=0 failed=0 skipped=0
	for result; do
		p=0 f=1 s=0
		if [ -f "$result" ]; then
			read -r p f s <"$result"
		else
			echo "  FAIL  $result: it never ran"
		fi
		passed=$((passed + p)) failed=$((failed + f)) skipped=$((skipped + s))
	done
	echo "$passed passed, $failed failed, $skipped skipped"
	[ "$failed" = 0 ]
	exit
fi

live=
if [ "$1" = --live ]; then
	live=1
	shift
fi
result=$1 name=$2
shift 2
mkdir -p "$(dirname "$result")"
rm -f "$result"
begin=$(date +%s%N)
if [ -n "$live" ]; then
	"$@" 2>&1 </dev/null | tee "$result.log"
	code=${PIPESTATUS[0]}
else
	"$@" >"$result.log" 2>&1 </dev/null
	code=$?
fi
ms=$((($(date +%s%N) - begin) / 1000000))
read -r p f s < <(counts "$result.log" "$code")
line=$(printf '%-44s %4d passed  %d failed  %d skipped  %d.%01ds' "$name" "$p" "$f" "$s" $((ms / 1000)) $((ms % 1000 / 100)))
if [ "$f" != 0 ]; then
	{
		[ -n "$live" ] || sed 's/^/        /' "$result.log"
		echo "  FAIL  $line  (exit code $code; $result.log)"
	}
elif [ "$p" = 0 ] && [ "$s" != 0 ]; then
	echo "  SKIP  $line"
else
	echo "  PASS  $line"
fi
echo "$p $f $s" >"$result.new" && mv "$result.new" "$result"
