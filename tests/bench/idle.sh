# What it costs to have a tracer's library linked while nobody traces. Source it after attach.sh.

# idle_program VARIANT
idle_program() {
	case $1 in
	jstrace) echo "$build/tests/bench/bench_idle" ;;
	*) echo "$build/tests/bench/bench_idle_$1" ;;
	esac
}

# above ROW VARIANT ROUND VALUE BASE: what a variant has more than a program without.
above() { sample "$1" "$2" "$3" "$(awk -v a="$4" -v b="$5" 'BEGIN { print a - b }')"; }

# As whom: a program that starts with privileges has an agent that libc knows of, which costs more (doc/hacking.md), and most programs have none.
as_user=()
[ "$(id -u)" = 0 ] && command -v setpriv >/dev/null && as_user=(setpriv --reuid=65534 --regid=65534 --clear-groups --inh-caps=-all)

idle_section() {
	local round variant variants=(without jstrace) program rss threads value cpu base base_cpu m g f
	start_sessiond && variants+=(lttng)
	say "linked and idle: $rounds rounds"
	local -A memory
	local waiting=()
	for ((round = 1; round <= rounds; round++)); do
		for variant in "${variants[@]}"; do
			program=$(idle_program "$variant")
			read -r rss threads < <("${as_user[@]}" "$program" memory)
			read -r value cpu < <("${as_user[@]}" "$build/tests/bench/bench_command" 1 "$program")
			[ -n "${value:-}" ] && [ -n "${threads:-}" ] || die "$program failed"
			if [ "$variant" = without ]; then
				memory[rss]=$rss memory[threads]=$threads base=$value base_cpu=$cpu
			else
				above rss "$variant" $round "$rss" "${memory[rss]}"
				above threads "$variant" $round "$threads" "${memory[threads]}"
				above start "$variant" $round "$value" "$base"
				above start-cpu "$variant" $round "$cpu" "$base_cpu"
			fi
		done
		late $round "$rounds" "$idle_limit" && break
	done
	for ((round = 1; round <= few; round++)); do
		for variant in "${variants[@]}"; do
			read -r m g f < <("${as_user[@]}" "$(idle_program "$variant")" cost)
			sample malloc "$variant" $round "$m"
			sample getc "$variant" $round "$g"
			sample fork "$variant" $round "$f"
		done
		late $round "$few" "$idle_limit" && break
	done
	local ms=${quick:+2000}
	ms=${ms:-5000}
	for variant in "${variants[@]:1}"; do
		"${as_user[@]}" "$(idle_program "$variant")" wait "$ms" >"$work/wakeups.$variant" &
		waiting+=($!)
	done
	wait "${waiting[@]}"
	for variant in "${variants[@]:1}"; do
		sample wakeups "$variant" 1 "$(awk -v ms="$ms" '{ print $1 * 1000 / ms }' "$work/wakeups.$variant")"
	done
}
