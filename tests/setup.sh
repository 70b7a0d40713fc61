#!/usr/bin/env bash
# Makes sure that what a make target needs is there; installs what is missing through apt, and says so.
#     tests/setup.sh demo|check|bench|coverage
# Each need is a test for the thing itself, so that a machine without apt that has it all passes too. When nothing is missing nothing is done and no network is used.
set -u

goal=${1:-}
cc=${CC:-cc}

has() { command -v "$1" >/dev/null 2>&1; }
header() { has "$cc" && echo "#include <$1>" | "$cc" -E -o /dev/null - 2>/dev/null; }

# Where node is missing its own headers come with it.
node_headers() { has node && node "$(dirname "$0")/../libjstrace/node/headers.js" >/dev/null 2>&1; }

missing=()
# need PACKAGE TEST…: the Debian package that gives what the test finds.
need() {
	local package=$1
	shift
	"$@" || missing+=("$package")
}

need_build() {
	need gcc has "$cc"
	need libc6-dev header stdio.h
	need linux-libc-dev header linux/membarrier.h
	need binutils has ar
	need re2c has re2c
	need bison has bison
	need libxxhash-dev header xxhash.h
	need libdw-dev header elfutils/libdwfl.h
	need libiberty-dev header libiberty/demangle.h
}
need_demo() {
	need_build
	need wrk has wrk
}
need_check() {
	need_demo
	need g++ has g++
	need clang has clang
	need check header check.h
	need valgrind has valgrind
	need strace has strace
	need spin has spin
	need procps has pgrep
	need curl has curl
	need nodejs has node
	need libnode-dev node_headers
}
need_coverage() {
	need_check
	need gcovr has gcovr
}
need_bench() {
	need_build
	need gawk has awk
	need nodejs has node
	need binutils has readelf
}
# What bench compares with: it does without what cannot be had.
want_bench() {
	need lttng-tools has lttng
	need liblttng-ust-dev header lttng/tracepoint.h
	[ "$(id -u)" = 0 ] && need bpftrace has bpftrace
}

root() {
	if [ "$(id -u)" = 0 ]; then
		"$@"
	else
		sudo "$@"
	fi
}

# Installs what is missing. 0: done, or nothing was missing.
install() {
	[ ${#missing[@]} = 0 ] && return 0
	local packages
	packages=$(printf '%s\n' "${missing[@]}" | sort -u | tr '\n' ' ')
	if ! has apt-get || { [ "$(id -u)" != 0 ] && ! has sudo; }; then
		echo "setup: 'make $goal' needs what these Debian packages hold; please install it: $packages" >&2
		return 1
	fi
	echo "setup: 'make $goal' needs packages that are not there; installing with apt: $packages"
	export DEBIAN_FRONTEND=noninteractive
	# shellcheck disable=SC2086
	if root apt-get install -qq -y --no-install-recommends $packages >/dev/null 2>&1; then
		return 0
	fi
	# The lists of packages may be missing or old.
	# shellcheck disable=SC2086
	root apt-get update -qq && root apt-get install -qq -y --no-install-recommends $packages >/dev/null && return 0
	echo "setup: apt could not install them" >&2
	return 1
}

case $goal in
demo | check | bench | coverage) ;;
*)
	echo "usage: tests/setup.sh demo|check|bench|coverage" >&2
	exit 2
	;;
esac

# Headers can only be looked for once there is a compiler; so a second look follows what the first one installed.
for look in 1 2; do
	missing=()
	"need_$goal"
	install || exit 1
done
missing=()
"need_$goal"
if [ ${#missing[@]} != 0 ]; then
	echo "setup: still missing: ${missing[*]}" >&2
	exit 1
fi
if [ "$goal" = bench ]; then
	missing=()
	want_bench
	install || echo "setup: going on without them"
fi
exit 0
