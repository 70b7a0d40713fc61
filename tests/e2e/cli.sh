# For the tests of the CLI: targets that do as they are told. Source it first.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

build_target() {
	"${CC:-cc}" -O1 -g -I"$root/libjstrace" -o "$work/cli_target" "$root/tests/e2e/targets/cli_target.c" "$build/libjstrace.a" -pthread || fail "the target does not compile"
}

# start_target NAME [PROGRAM]: a target; its pid is in $pid and $target.
start_target() {
	[ -x "$work/cli_target" ] || build_target
	mkfifo "$work/$1.fifo"
	start "$1" "${2:-$work/cli_target}" "$work/$1.fifo"
	target=$pid
	wait_for 10 grep -q '^ready' "$work/$1.out" || fail "target $1 does not start"
}

# order NAME COMMAND…: has the target do it, and waits until it is done.
order() {
	local name=$1 before
	shift
	before=$(grep -c '^done ' "$work/$name.out")
	echo "$*" >"$work/$name.fifo"
	wait_for 20 more_done "$name" "$before" || fail "target $name does not do: $*"
}

more_done() {
	[ "$(grep -c '^done ' "$work/$1.out")" -gt "$2" ]
}

# jst NAME OPTION…: jstrace in the background, waits until it is attached to $target; its pid is in $tracer.
jst() {
	local name=$1
	shift
	start "$name" "$jstrace" -v "$@"
	tracer=$pid
	attached "$name" "$target"
}

# end_jst CODE: Ctrl-C, and the exit code it must give.
end_jst() {
	kill -INT "$tracer"
	finished "$tracer" 10
	[ "$code" = "$1" ] || fail "jstrace ended with $code, not $1"
}

# run CODE OPTION…: jstrace in the foreground, output in $work/run.out and run.err.
run() {
	local expected=$1 got=0
	shift
	timeout 20 "$jstrace" "$@" >"$work/run.out" 2>"$work/run.err" </dev/null || got=$?
	[ "$got" = "$expected" ] || fail "jstrace $* ended with $got, not $expected"
}

# out TEXT, err TEXT: what the last run must have printed.
out() {
	grep -qF -- "$1" "$work/run.out" || fail "not on standard output: $1"
}

err() {
	grep -qF -- "$1" "$work/run.err" || fail "not on standard error: $1"
}
