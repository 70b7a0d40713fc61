# LTTng-UST: source it after lib.sh. A flight recorder, so that no consumer competes for the CPUs and nothing is discarded, which would be cheaper.
lttng_workloads='filter count sum hist print pair'
sessiond='' lttng_session=''

end_lttng() {
	[ -n "$lttng_session" ] && lttng destroy "$lttng_session" >/dev/null 2>&1
	[ -n "$sessiond" ] && kill -TERM "$sessiond" 2>/dev/null && wait "$sessiond" 2>/dev/null
}
at_exit+=(end_lttng)

# Makes sure that there is a daemon.
start_sessiond() {
	if ! [ -x "$build/tests/bench/bench_lttng" ] || ! command -v lttng >/dev/null; then
		note "LTTng-UST could not run: lttng-tools or liblttng-ust-dev is not installed"
		return 1
	fi
	lttng list >/dev/null 2>&1 && return
	lttng-sessiond --no-kernel >"$work/sessiond.log" 2>&1 &
	sessiond=$!
	until_true 20 lttng list && return
	note "LTTng-UST could not run: $(tail -n 1 "$work/sessiond.log")"
	return 1
}

start_lttng() {
	local workload
	start_sessiond || return
	lttng_session=jstrace-bench-$$
	if ! { lttng create "$lttng_session" --snapshot --output="$work/lttng" && lttng enable-channel --userspace --session "$lttng_session" --overwrite --subbuf-size=1M --num-subbuf=4 events &&
		lttng enable-event --userspace --session "$lttng_session" --channel events 'bench:count,bench:sum,bench:hist,bench:print,bench:request_start,bench:request_end' &&
		lttng enable-event --userspace --session "$lttng_session" --channel events 'bench:filter' --filter 'status >= 1000' && lttng start "$lttng_session"; } >"$work/lttng.log" 2>&1; then
		note "LTTng-UST could not run: $(tail -n 1 "$work/lttng.log")"
		return 1
	fi
	start lttng "$build/tests/bench/bench_lttng"
	for workload in $lttng_workloads; do
		ask lttng wait "$workload" on
		[ "$answer" = ok ] && continue
		note "LTTng-UST could not run: it did not enable the tracepoints of '$workload'"
		return 1
	done
}

# A session that somebody ended meanwhile (root's daemon is shared) would make the figures those of disabled tracepoints: then there are none.
check_lttng() {
	local workload
	for workload in $lttng_workloads; do
		ask lttng wait "$workload" on
		[ "$answer" = ok ] && continue
		note "LTTng-UST has no figures: its session was ended by somebody else"
		drop_samples lttng
		return
	done
}
