# What the CLI takes: to attach, to watch, to detach, to compile. Source it after jstrace.sh.

# attach_once PROGRAM PROCESSES: sets first_ms, off_ms, exit_ms and cpu_ms, and checks that one event of each process was counted. False, and a note: not all were traced.
attach_once() {
	local got
	first_ms="" cpu_ms=""
	read -r first_ms off_ms exit_ms cpu_ms < <("$1" "$2" "$build/jstrace" --format json -o "$work/attach.json" -e 'bench:first < @n = count() >' 2>"$work/attach.err")
	if [ -z "$cpu_ms" ]; then
		note "${1##*/} with $2 processes could not be traced: $(head -n 1 "$work/attach.err")"
		return 1
	fi
	got=$(member "$work/attach.json" value)
	[ "$got" = "$2" ] || die "jstrace counted $got instead of $2 events: $(cat "$work/attach.err")"
}

# command_ms VARIANT ROW ROUNDS COMMAND…: samples of how long a command takes.
command_ms() {
	local variant=$1 row=$2 n=$3 round=0 wall cpu
	shift 3
	while read -r wall cpu; do
		round=$((round + 1))
		sample "$row" "$variant" $round "$wall"
	done < <("$build/tests/bench/bench_command" "$n" "$@" 2>"$work/command.err")
	[ $round = "$n" ] || die "$(cat "$work/command.err")"
}

# interrupt_ms NAME: sets $interrupt_ms, from Ctrl-C to the end of the CLI that traces the process NAME.
interrupt_ms() {
	local begin
	begin=$(now_us)
	kill -INT "${tracer[$1]}"
	wait "${tracer[$1]}" || die "jstrace ended with $?: $(cat "$work/$1.err")"
	interrupt_ms=$(awk -v us=$(($(now_us) - begin)) 'BEGIN { print us / 1e3 }')
	unset "tracer[$1]"
}

# A script of some LINES, of clauses as people write them.
script_of() {
	awk -v lines="$1" 'BEGIN {
		for (i = 1; n + 5 <= lines; i++) {
			printf "request:end /status >= %d && id != %d/ {\n\t$ms = (now - start[id]) / 1ms;\n\t@slow%d[status] = count();\n\t@total%d = sum($ms);\n}\n", 400 + i % 100, i, i, i
			n += 5
		}
	}'
}

# CPU of a CLI that prints once a second what a busy process counts.
watch_cost() {
	local round cli before begin seconds=${quick:+2}
	seconds=${seconds:-5}
	start watched "$build/tests/bench/bench_jstrace"
	"$build/jstrace" -e 'bench:count < @n[status] = count() > tick-1s { print(@n); clear(@n); }' -p "${pid[watched]}" >"$work/watched.stdout" 2>"$work/watched.err" &
	tracer[watched]=$! cli=$!
	ask watched wait count on
	for ((round = 1; round <= few; round++)); do
		echo "pace count 1000000 $((seconds * 1000000))" >&"${to[watched]}"
		before=$(cpu_ns "$cli") begin=$(now_us)
		read -r -t 60 answer <&"${from[watched]}" || die "the watched process did not answer"
		sample watch jstrace $round "$(awk -v ns=$(($(cpu_ns "$cli") - before)) -v us=$(($(now_us) - begin)) 'BEGIN { print ns / us / 10 }')"
	done
	interrupt_ms watched
	stop watched
}

attach_section() {
	local round
	say "the CLI: $few rounds"
	for ((round = 0; round <= few * 2; round++)); do
		attach_once "$build/tests/bench/bench_attach" 1 || continue
		[ $round = 0 ] && continue
		sample first jstrace $round "$first_ms"
		sample exit jstrace $round "$exit_ms"
	done
	script_of 500 >"$work/500.jst"
	command_ms jstrace compile-500 $((few * 2)) "$build/jstrace" -n "$work/500.jst"
	watch_cost
}
