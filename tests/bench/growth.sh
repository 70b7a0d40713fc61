# How costs grow with what there is: source it after events.sh and attach.sh. Where hand-written code does the same job it runs beside jstrace, so that what the caches cost can be told from what jstrace does.

# curve_events CURVE X WORKLOAD THREADS EVENTS ROUND NAME…: one round of a workload on each process; the variant is what NAME begins with.
curve_events() {
	local curve=$1 x=$2 workload=$3 threads=$4 n=$5 round=$6 name
	shift 6
	for name; do
		run_events "$name" "$workload" "$threads" "$n"
		[ "$round" = 0 ] || point "$curve" "${name%%-*}" "$x" "$round" "$net"
	done
}

grow_keys() {
	local keys round name n
	say "keys"
	start ideal-keys "$build/tests/bench/bench_ideal"
	start jstrace-keys "$build/tests/bench/bench_jstrace"
	attach jstrace-keys keys "$build"
	for keys in 10 100 1000 10000 100000 1000000; do
		for name in ideal-keys jstrace-keys; do
			ask "$name" keys $keys
		done
		# The first round makes the entries, nearly all of them.
		for ((round = 0; round <= slow_rounds; round++)); do
			n=$((round == 0 && keys > 10000 ? keys * 4 : 200000))
			curve_events keys $keys keys 1 $n $round ideal-keys jstrace-keys
		done
	done
	detach jstrace-keys keys
	stop jstrace-keys
	stop ideal-keys
}

# grow_threads WORKLOAD
grow_threads() {
	local threads round n
	say "threads, $1"
	start ideal-threads "$build/tests/bench/bench_ideal"
	start jstrace-threads "$build/tests/bench/bench_jstrace"
	attach jstrace-threads "$1" "$build"
	for threads in 1 2 4 16 64 256 512; do
		n=$((threads > 16 ? 1600000 / threads : 100000))
		for ((round = 0; round <= slow_rounds; round++)); do
			curve_events "threads-$1" $threads "$1" $threads $n $round ideal-threads jstrace-threads
		done
	done
	detach jstrace-threads "$1"
	stop jstrace-threads
	stop ideal-threads
}

grow_clauses() {
	local clauses round file=$work/clauses.jst
	say "clauses"
	for clauses in 1 10 100 1000; do
		awk -v n=$clauses 'BEGIN { for (i = 1; i <= n; i++) printf "bench:ten < @n[status] = count() >\n" }' >"$file"
		start jstrace-clauses "$build/tests/bench/bench_jstrace"
		"$build/jstrace" --format json -o "$work/clauses.json" "$file" -p "${pid[jstrace-clauses]}" 2>"$work/jstrace-clauses.err" &
		tracer[jstrace-clauses]=$!
		ask jstrace-clauses wait ten on
		[ "$answer" = ok ] || die "jstrace did not enable $clauses clauses: $(cat "$work/jstrace-clauses.err")"
		for ((round = 0; round <= slow_rounds; round++)); do
			curve_events clauses $clauses ten 1 $((clauses > 100 ? 1000 : 10000)) $round jstrace-clauses
		done
		interrupt_ms jstrace-clauses
		[ "$(member "$work/clauses.json" value)" = $((${events[jstrace-clauses]} * clauses)) ] || die "jstrace counted $(member "$work/clauses.json" value) instead of $((${events[jstrace-clauses]} * clauses)): $(cat "$work/jstrace-clauses.err")"
		stop jstrace-clauses
		command_points compile $clauses "$slow_rounds" "$build/jstrace" -n "$file"
	done
}

# command_points CURVE X ROUNDS COMMAND…: sets also $wall and $cpu, of the last.
command_points() {
	local curve=$1 x=$2 n=$3 round=0 time time_cpu
	shift 3
	while read -r time time_cpu; do
		round=$((round + 1))
		point "$curve" jstrace "$x" $round "$time"
		wall=$time cpu=$time_cpu
	done < <("$build/tests/bench/bench_command" "$n" "$@" 2>"$work/command.err")
	[ $round = "$n" ] || die "$(cat "$work/command.err")"
}

# Also the rows of 100,000 sites. All sizes once a round, since what is told is the difference.
grow_sites() {
	local sites round few_ms few_cpu few_first
	say "sites"
	for ((round = 1; round <= few; round++)); do
		for sites in 10 100 1000 10000 100000; do
			[ -x "$build/tests/bench/sites_$sites" ] || die "there is no $build/tests/bench/sites_$sites: make bench-build"
			command_points sites-start $sites 1 "$build/tests/bench/sites_$sites"
			first_ms=''
			attach_once "$build/tests/bench/sites_$sites" 1 && point sites-attach jstrace $sites $round "$first_ms"
			case $sites in
			10) few_ms=$wall few_cpu=$cpu few_first=$first_ms ;;
			100000)
				above register jstrace $round "$wall" "$few_ms"
				above register-cpu jstrace $round "$cpu" "$few_cpu"
				[ -n "$first_ms" ] && [ -n "$few_first" ] || continue
				sample attach-100000 jstrace $round "$first_ms"
				above sites-100000 jstrace $round "$first_ms" "$few_first"
				;;
			esac
		done
	done
}

grow_processes() {
	local processes round
	say "processes"
	for processes in 1 10 30 100 300 1000; do
		for ((round = 1; round <= slow_rounds; round++)); do
			[ $processes -ge 300 ] && [ $round -gt 1 ] && continue
			# What so many cannot do, more cannot either.
			attach_once "$build/tests/bench/bench_attach" $processes || return
			point processes-attach jstrace $processes $round "$first_ms"
			point processes-exit jstrace $processes $round "$exit_ms"
		done
	done
}

# What the CLI reads and merges at the end: as many slots as there were threads.
grow_slots() {
	local threads round
	say "slots"
	for ((round = 1; round <= slow_rounds; round++)); do
		for threads in 1 8 64 512; do
			start slots "$build/tests/bench/bench_jstrace"
			attach slots sum "$build" --memory=512MiB
			run_events slots sum $threads 2000
			interrupt_ms slots
			[ "$(member "$work/slots.json" value)" = $((${events[slots]} * 512)) ] || die "jstrace summed $(member "$work/slots.json" value) instead of $((${events[slots]} * 512)): $(cat "$work/slots.err")"
			stop slots
			point slots jstrace $threads $round "$interrupt_ms"
			[ $threads != 512 ] || sample merge jstrace $round "$interrupt_ms"
		done
	done
}

growth_section() {
	local slow_rounds=$(((few + 1) / 2))
	[ $SECONDS -lt "$idle_limit" ] || slow_rounds=1
	grow_keys
	grow_threads count
	grow_threads pair
	grow_clauses
	grow_sites
	grow_processes
	grow_slots
}
