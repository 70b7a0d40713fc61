# What an event costs, in rounds that are interleaved: source it after the tracers.
#
# Each tracer and workload has one process, which lives through all rounds. A cell is what one tracer does with one row, which is WORKLOAD-THREADS.

event_rows='off-1 filter-1 count-1 count-2 sum-1 hist-1 print-1 pair-1 pair-2 cross-2 ten-1 glob-1'
declare -A fired each # by "TRACER WORKLOAD", and by "TRACER ROW"

# has TRACER ROW: whether the tracer runs and has the row.
has() {
	local workload=${2%-*}
	case $1 in
	ideal | jstrace) return 0 ;;
	lttng | bpftrace?)
		[ -n "${runs[$1]:-}" ] || return 1
		case $workload in
		ten | glob) return 1 ;;
		esac ;;
	esac
}
declare -A runs

# process_of TRACER WORKLOAD
process_of() {
	if [ "$1" = jstrace ]; then echo "jstrace-$2"; else echo "$1"; fi
}

start_tracers() {
	local workload
	start ideal "$build/tests/bench/bench_ideal"
	for workload in off $jstrace_workloads; do
		case $workload in
		keys) continue ;; # growth.sh
		esac
		start "jstrace-$workload" "$build/tests/bench/bench_jstrace"
		[ "$workload" = off ] || attach "jstrace-$workload" "$workload" "$build"
	done
	start_lttng && runs[lttng]=1
	for workload in 1 5; do
		start_bpftrace $workload && runs[bpftrace$workload]=1
	done
}

# measure_cell TRACER ROW EVENTS
measure_cell() {
	local workload=${2%-*} name before
	name=$(process_of "$1" "$workload")
	before=${events[$name]}
	run_events "$name" "$workload" "${2#*-}" "$3"
	fired[$1 $workload]=$((${fired[$1 $workload]:-0} + ${events[$name]} - before))
}

# How many events take about $ms, from a run that also warms up.
calibrate_cell() {
	local n=8000
	measure_cell "$1" "$2" $n
	each[$1 $2]=$(awk -v ns="$gross" -v ms="$ms" -v least=$n 'BEGIN { n = ms * 1e6 / (ns > 0.02 ? ns : 0.02); printf "%.0f", (n < least ? least : n) }')
	case $2 in
	print-*) each[$1 $2]=$print_events ;;
	esac
}

# one_round ROUND: all cells once, tracer beside tracer, another one first each time.
one_round() {
	local round=$1 row i t all=(ideal jstrace lttng bpftrace1 bpftrace5)
	for row in $event_rows; do
		[ "${row#*-}" -le "$cpus" ] || continue
		for ((i = 0; i < ${#all[@]}; i++)); do
			t=${all[$(((i + round) % ${#all[@]}))]}
			has "$t" "$row" || continue
			if [ "$round" = 0 ]; then
				calibrate_cell "$t" "$row"
			else
				measure_cell "$t" "$row" "${each[$t $row]}"
				sample "$row" "$t" "$round" "$net"
			fi
		done
	done
}

# Records delivered: fired at a steady rate on one thread, while the CLI's CPU time is looked at.
record_rate() {
	local round rate=$1 n=$(($1 / 5)) cli text=$work/pace.text before lines
	start pace "$build/tests/bench/bench_jstrace"
	attach pace print "$build"
	cli=${tracer[pace]}
	for ((round = 1; round <= few; round++)); do
		before=$(cpu_ns "$cli") lines=$(wc -l <"$text")
		ask pace pace print "$rate" "$n"
		events[pace]=$((${events[pace]} + ${answer% *}))
		until_true 30 at_rest "$text"
		sample delivery jstrace $round "$(awk -v n=$(($(wc -l <"$text") - lines)) -v ns=$(($(cpu_ns "$cli") - before)) 'BEGIN { print n / ns * 1e3 }')"
	done
	detach pace print
	sample dropped jstrace 1 "$(awk -v lost="${lost:-0}" -v all="${events[pace]}" 'BEGIN { print 100 * lost / all }')"
	stop pace
}
# Whether a file has not grown for a while.
at_rest() {
	local size
	size=$(stat -c %s "$1")
	sleep 0.3
	[ "$size" = "$(stat -c %s "$1")" ]
}

events_section() {
	local round workload
	[ "$cpus" -ge 2 ] || note "this machine has one CPU: no figures for two threads"
	start_tracers
	say "an event's cost: $rounds rounds"
	for ((round = 0; round <= rounds; round++)); do
		one_round "$round"
		late "$round" "$rounds" "$events_limit" && break
	done
	for workload in $jstrace_workloads; do
		[ -z "${tracer[jstrace-$workload]:-}" ] || detach "jstrace-$workload" "$workload"
	done
	[ -z "${runs[lttng]:-}" ] || check_lttng
	for workload in 1 5; do
		[ -z "${runs[bpftrace$workload]:-}" ] || check_bpftrace $workload
	done
	end_processes
	record_rate 5000000
}
