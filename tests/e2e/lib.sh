# What the end-to-end scripts share: source it first. Each script works in a folder of its own, starts and ends its own processes by pid, and
# waits for conditions with a deadline.

set -u
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
build=${JSTRACE_BUILD:-$root/build}
jstrace=$build/jstrace
work=$(mktemp -d)
children=()

finish() {
	local pid
	for pid in "${children[@]:-}"; do
		[ -n "$pid" ] && kill -KILL "$pid" 2>/dev/null && wait "$pid" 2>/dev/null
	done
	rm -rf "$work"
}
trap finish EXIT

fail() {
	printf 'FAIL: %s\n' "$*" >&2
	for file in "$work"/*.err "$work"/*.out; do
		[ -s "$file" ] && { printf -- '--- %s\n' "${file##*/}"; tail -n 40 "$file"; } >&2
	done
	exit 1
}

skip() {
	printf 'skipped: %s\n' "$*"
	exit 77
}

# need COMMAND…: skips where one is missing.
need() {
	local command
	for command in "$@"; do
		command -v "$command" >/dev/null || skip "$command is not installed"
	done
}

# wait_for SECONDS COMMAND…: until the command succeeds; false after that many seconds.
wait_for() {
	local deadline=$((SECONDS + $1))
	shift
	until "$@" 2>/dev/null; do
		[ "$SECONDS" -lt "$deadline" ] || return 1
		read -r -t 0.02 <> <(:) || :
	done
}

# start NAME COMMAND…: in the background, output in $work/NAME.out and NAME.err; its pid is in $pid.
start() {
	local name=$1
	shift
	"$@" >"$work/$name.out" 2>"$work/$name.err" </dev/null &
	pid=$!
	children+=("$pid")
}

# start_httpd [OPTION…]: a server on a free port; sets $httpd (pid) and $port.
start_httpd() {
	start httpd "$build/examples/httpd" -p 0 "$@"
	httpd=$pid
	wait_for 10 grep -q '^listening on ' "$work/httpd.out" || fail "httpd does not listen"
	port=$(sed -n 's/^listening on .*:\([0-9]*\)$/\1/p' "$work/httpd.out")
}

gone() {
	! kill -0 "$1" 2>/dev/null
}

# finished PID SECONDS: waits for a child of ours; its exit code is in $code.
finished() {
	wait_for "$2" ended "$1" || fail "process $1 does not end"
	code=0
	wait "$1" || code=$?
}

ended() {
	local state
	state=$(sed 's/.*) \(.\).*/\1/' "/proc/$1/stat" 2>/dev/null) || return 0
	[ "$state" = Z ] || [ -z "$state" ]
}

# attached NAME PID: until jstrace -v has said on $work/NAME.err that the process is being traced.
attached() {
	wait_for 10 grep -q "attached.*$2" "$work/$1.err" || fail "$1 did not attach to $2"
}

# instrumented PID: waits until the process has its marker.
instrumented() {
	wait_for 10 grep -q 'jstrace:1' "/proc/$1/maps" || fail "process $1 has no marker"
}

# asleep PID: whether its agent serves nobody: it has no socket, and waits for the doorbell.
asleep() {
	local agent
	agent=$(grep -lx jstrace "/proc/$1"/task/*/comm) || return 1
	! ls -l "${agent%/comm}/fd" | grep -q socket:
}

# member FILE TYPE NAME: a number out of the JSON lines of one type.
member() {
	sed -n "/\"type\":\"$2\"/s/.*\"$3\":\\([-0-9.e+]*\\).*/\\1/p" "$1"
}

# load NAME SECONDS [PATH]: wrk on the server's port, in the foreground; sets $completed to the requests it saw answered.
load() {
	wrk -t 1 -c "${connections:-16}" -d "$2" "http://127.0.0.1:$port${3:-/api/users}" >"$work/$1.out" 2>"$work/$1.err" || fail "wrk failed"
	completed=$(sed -n 's/^ *\([0-9]*\) requests in .*/\1/p' "$work/$1.out")
	[ -n "$completed" ] || fail "wrk counted nothing"
}

# stat PATH NAME: a figure of httpd's own exact latencies, which it prints as it ends.
stat_of() {
	sed -n "s/^stats path=$1 .*\\b$2=\\([0-9]*\\).*/\\1/p" "$work/httpd.out"
}

# stop_httpd: ends the server in the ordinary way, so that it prints its statistics.
stop_httpd() {
	kill -TERM "$httpd"
	finished "$httpd" 20
	[ "$code" = 0 ] || fail "httpd ended with $code"
}

# close_to A B PER_MILLE: whether A is within so many thousandths of B.
close_to() {
	awk -v a="$1" -v b="$2" -v t="$3" 'BEGIN { d = a - b; if (d < 0) d = -d; exit !(d * 1000 <= b * t) }'
}
