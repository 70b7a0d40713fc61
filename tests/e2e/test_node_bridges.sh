#!/usr/bin/env bash
# What stands around the core of the package for Node.js, over a core for tests: the middlewares and the channels. The real express and koa take part where they are
# installed: NODE_PATH=FOLDER/node_modules, or globally.
. "$(dirname "$0")/lib.sh"
need node

package=$work/node_modules/jstrace
mkdir -p "$package"
cp "$root"/libjstrace/node/*.js "$root"/libjstrace/node/*.mjs "$package"
cp "$root"/tests/node/fake/*.js "$package"
# The tests look at modules that the package does not export.
sed '/"exports": {/a\		"./core.js": "./core.js", "./channels.js": "./channels.js",' "$root/libjstrace/node/package.json" >"$package/package.json"
cp "$root"/tests/node/test_*.js "$work"
export NODE_PATH=${NODE_PATH:-$(npm root -g 2>/dev/null)}
export JSTRACE_DOC=$root/doc

passed=0 failed=0 skipped=0
for file in "$work"/test_*.js; do
	name=$(basename "$file" .js)
	timeout -k 5 120 node --expose-gc "$file" >"$work/$name.log" 2>&1
	code=$?
	grep -iE '# skip|﹣' "$work/$name.log"
	# count WORD: of the closing lines, "# pass 12" or "ℹ pass 12".
	count() { sed -n "s/^[^ ]* $1 \([0-9]*\)$/\1/p" "$work/$name.log" | tail -n 1; }
	if [ "$code" != 0 ]; then
		cat "$work/$name.log"
	fi
	p=$(count pass) f=$(count fail) s=$(count skipped)
	[ "$code" = 0 ] || [ "${f:-0}" != 0 ] || f=1
	passed=$((passed + ${p:-0})) failed=$((failed + ${f:-1})) skipped=$((skipped + ${s:-0}))
done
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" = 0 ]
