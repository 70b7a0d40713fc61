# What the benchmarks share: source it.
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
