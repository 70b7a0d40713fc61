# bpftrace, on static probes with a nop of one byte or of five: source it after lib.sh. One bpftrace a program watches all its probes.
bpftrace_workloads='filter count sum hist print pair'

# start_bpftrace NOP_BYTES
start_bpftrace() {
	local name=bpftrace$1 binary=$build/tests/bench/bench_sdt$1 workload
	if [ "$(id -u)" != 0 ]; then
		note "bpftrace could not run: it needs root"
		return 1
	fi
	if ! command -v bpftrace >/dev/null || ! [ -x "$binary" ]; then
		note "bpftrace could not run: it is not installed, or this is no x86-64"
		return 1
	fi
	start "$name" "$binary"
	# bench_sdt passes where bpftrace looks for the probes as it is attached: all of them are there by now.
	BPFTRACE_MAP_KEYS_MAX=16384 bpftrace -p "${pid[$name]}" -o "$work/$name.output" -e "
		usdt:$binary:bench:filter /arg1 >= 1000/ { @filter = count(); }
		usdt:$binary:bench:count { @count[arg1] = count(); }
		usdt:$binary:bench:sum { @sum[str(arg0)] = sum(arg1); }
		usdt:$binary:bench:hist { @hist[str(arg0)] = hist(arg1); }
		usdt:$binary:bench:print /arg1 < 1000/ { printf(\"%d %d\\n\", arg0, arg1); }
		usdt:$binary:bench:start { @start[arg0] = nsecs; }
		usdt:$binary:bench:end /@start[arg0]/ { @pair = hist(nsecs - @start[arg0]); delete(@start[arg0]); }" >"$work/$name.log" 2>&1 &
	tracer[$name]=$!
	for workload in $bpftrace_workloads; do
		ask "$name" wait "$workload" on
		[ "$answer" = ok ] && continue
		note "bpftrace could not run: $(tail -n 1 "$work/$name.log")"
		return 1
	done
}

# check_bpftrace NOP_BYTES: its own counts must be those of the events too, or its figures mean nothing. Fired: fired_by_workload.
check_bpftrace() {
	local name=bpftrace$1 workload got want
	kill -INT "${tracer[$name]}"
	wait "${tracer[$name]}"
	unset "tracer[$name]"
	for workload in $bpftrace_workloads; do
		want=${fired[$name $workload]:-0}
		case $workload in
		filter) want=0 ;;
		sum) want=$((want * 512)) ;;
		pair) want=$(((want + ${fired[$name cross]:-0}) / 2)) ;;
		esac
		# Counts stand after the colon, a histogram's between ] and | below its name; what was printed is two numbers.
		got=$(awk -v map="@$workload" '
			/^@/ { name = $1; sub(/[\[:].*/, "", name) }
			/^@/ && name == map && $NF ~ /^[0-9]+$/ { sum += $NF }
			/^[\[(]/ && name == map { line = $0; sub(/\|.*/, "", line); n = split(line, word, " "); sum += word[n] }
			/^[0-9]+ [0-9]+$/ && map == "@print" { sum++ }
			END { printf "%.0f", sum }' "$work/$name.output")
		[ "$got" = "$want" ] && continue
		note "bpftrace ($1-byte nop) counted $got instead of $want of '$workload'"
		[ "$workload" != filter ] || drop_samples "$name"
	done
}
