# For the tests of Node.js: needs the addon and node. Source it first.
. "$(dirname "${BASH_SOURCE[0]}")/cli.sh"

node=${NODE:-node}
programs=$root/tests/e2e/node
need "$node"
"$node" -e 'process.exit(Number(process.versions.node.split(".")[0]) >= 18 ? 0 : 1)' || skip "Node.js is older than 18"
export JSTRACE_ADDON=$build${VARIANT:+/$VARIANT}/node/jstrace.node
[ -e "$JSTRACE_ADDON" ] || skip "the addon is not built: make node"

# VARIANT=asan: the addon with the sanitizers, whose libraries the program must load first. Node.js itself leaks as it ends, and handles faults by itself.
if [ "${VARIANT:-}" = asan ]; then
	preload="$("${CC:-cc}" -print-file-name=libasan.so) $("${CC:-cc}" -print-file-name=libubsan.so)"
	printf '#!/bin/sh\nLD_PRELOAD="%s $LD_PRELOAD" ASAN_OPTIONS=detect_leaks=0:handle_segv=0 UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1 exec %s "$@"\n' "$preload" "$(command -v "$node")" >"$work/node"
	chmod +x "$work/node"
	node=$work/node
fi

# start_node NAME [OPTION…] PROGRAM [ARGUMENT…]: a program of ours, by its name; waits for its first line. Its pid is in $pid and $target.
start_node() {
	local name=$1
	shift
	start "$name" "$node" "$@"
	target=$pid
	wait_for 20 test -s "$work/$name.out" || fail "$name does not start"
}
