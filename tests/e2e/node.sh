# For the tests of Node.js: needs the addon and node. Source it first.
. "$(dirname "${BASH_SOURCE[0]}")/cli.sh"

node=${NODE:-node}
programs=$root/tests/e2e/node
need "$node"
"$node" -e 'process.exit(Number(process.versions.node.split(".")[0]) >= 18 ? 0 : 1)' || skip "Node.js is older than 18"
[ -e "$build/node/jstrace.node" ] || skip "the addon is not built: make node"
export JSTRACE_ADDON=$build/node/jstrace.node

# start_node NAME [OPTION…] PROGRAM [ARGUMENT…]: a program of ours, by its name; waits for its first line. Its pid is in $pid and $target.
start_node() {
	local name=$1
	shift
	start "$name" "$node" "$@"
	target=$pid
	wait_for 20 test -s "$work/$name.out" || fail "$name does not start"
}
