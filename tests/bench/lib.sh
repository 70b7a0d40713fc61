# What the benchmarks share: source it. It makes the folder $work, which goes at the end, and ends at exit whatever process was started by start, background or by a tracer's file.
work=$(mktemp -d) || exit 1

die() {
	echo "bench: $*" >&2
	exit 1
}

notes=()
note() {
	echo "bench: $*"
	notes+=("$*")
}

# until_true SECONDS COMMAND…: waits for a condition.
until_true() {
	local limit=$((SECONDS + $1))
	shift
	until "$@" >/dev/null 2>&1; do
		[ $SECONDS -ge $limit ] && return 1
		sleep 0.05
	done
}

# ---- what is ended at exit ----

declare -A pid=() to=() from=() tracer=() events=()
at_exit=() # functions

# none_runs PID…: whether all of these, started here, have ended.
none_runs() { ! jobs -pr | grep -qxF "$(printf '%s\n' "$@")"; }

# end PID…: ends them, by force what overlooks a signal, as bpftrace once did.
end() {
	local p
	for p in "$@"; do
		kill -TERM "$p" 2>/dev/null
	done
	until_true 10 none_runs "$@" || kill -KILL "$@" 2>/dev/null
	wait "$@" 2>/dev/null
}

finish() {
	local f
	[ $((${#tracer[@]} + ${#pid[@]})) = 0 ] || end "${tracer[@]}" "${pid[@]}"
	for f in "${at_exit[@]:-}"; do
		[ -n "$f" ] && "$f"
	done
	rm -rf "$work"
}
trap finish EXIT
trap 'exit 130' INT TERM

# ---- processes that fire events: see bench.h for what they understand ----

# start NAME PROGRAM…
start() {
	local in out name=$1
	shift
	mkfifo "$work/$name.in" "$work/$name.out"
	"$@" <"$work/$name.in" >"$work/$name.out" &
	pid[$name]=$!
	exec {in}>"$work/$name.in" {out}<"$work/$name.out"
	to[$name]=$in from[$name]=$out events[$name]=0
}

# stop NAME. (The end of its input would not do: processes started later have it open too.)
stop() {
	local in=${to[$1]} out=${from[$1]}
	exec {in}>&- {out}<&-
	kill -TERM "${pid[$1]}" 2>/dev/null
	wait "${pid[$1]}" 2>/dev/null
	rm -f "$work/$1.in" "$work/$1.out"
	unset "pid[$1]" "to[$1]" "from[$1]" "events[$1]"
}

# ask NAME COMMAND…: sends it and sets $answer, which may be "error".
ask() {
	local name=$1
	shift
	echo "$*" >&"${to[$name]}"
	read -r -t 120 answer <&"${from[$name]}" || die "$name did not answer '$*'"
}

# run_events NAME WORKLOAD THREADS EVENTS: sets $gross and $net, and counts what was fired.
run_events() {
	local fired
	ask "$1" run "$2" "$3" "$4"
	[ "$answer" != error ] || die "$1 does not understand 'run $2 $3 $4'"
	read -r gross net fired <<<"$answer"
	events[$1]=$((events[$1] + ${fired:-$(($3 * $4))}))
}

# knows NAME WORKLOAD: whether the program has the workload.
knows() {
	ask "$1" wait "$2" off
	[ "$answer" != error ]
}

# Ends all processes that fire events, and what traces them.
end_processes() {
	local name
	[ ${#tracer[@]} = 0 ] || end "${tracer[@]}"
	tracer=()
	for name in "${!pid[@]}"; do
		stop "$name"
	done
}

# ---- results ----

# sample ROW VARIANT ROUND VALUE; point CURVE VARIANT X ROUND VALUE: what was measured, once.
sample() { echo "$*" >>"$work/samples"; }
point() { echo "$*" >>"$work/points"; }
# drop_samples VARIANT: they proved wrong.
drop_samples() { sed -i "/^[^ ]* $1 /d" "$work/samples"; }

say() { echo "bench: $* (after $SECONDS s)"; }

# cpu_ns PID: CPU time of a process's threads that live.
cpu_ns() {
	cat "/proc/$1/task"/*/schedstat | awk '{ sum += $1 } END { printf "%.0f", sum }'
}

# now_us: the clock, in µs.
now_us() {
	local t=${EPOCHREALTIME/[.,]/}
	echo "$t"
}

# late ROUND ROUNDS SECONDS: whether to leave it at ROUND of ROUNDS rounds, three at least, since the benchmark has run for so many seconds: a busy machine would take too long.
late() {
	[ "$1" -ge 3 ] && [ "$1" -lt "$2" ] && [ $SECONDS -gt "$3" ] || return 1
	note "the machine is slow or busy: $1 of $2 rounds had to do"
}
