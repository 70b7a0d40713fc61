#!/usr/bin/env bash
# The package for Node.js as npm would have it: everything that package.json exports is there, for require and for import, and in what npm would pack; without the addon it does nothing.
. "$(dirname "$0")/lib.sh"
need node

source=$root/libjstrace/node
package=$work/node_modules/jstrace
mkdir -p "$package"
cp "$source"/*.js "$source"/*.mjs "$source"/*.ts "$source"/*.mts "$source"/package.json "$package"
# No addon is beside it: the real core must do without. Where there is no core yet, that for tests stands in.
[ -e "$package/core.js" ] || {
	echo "no core in $source: that for tests is used"
	cp "$root"/tests/node/fake/*.js "$package"
}
cp "$root/tests/node/package.cjs" "$work"
version=$(sed -n 's/^#define JSTRACE_VERSION "\(.*\)"/\1/p' "$root/libjstrace/jstrace.h")
(cd "$work" && node package.cjs "$version") >"$work/package.out" 2>"$work/package.err" || fail "package.json does not hold what it says"
[ ! -s "$work/package.err" ] || fail "the package says something as it is loaded"

# What npm would pack.
if command -v npm >/dev/null; then
	(cd "$package" && npm pack --dry-run --json --ignore-scripts --offline) >"$work/pack.out" 2>"$work/pack.err" || fail "npm pack fails"
	for file in index.js index.mjs index.d.ts index.d.mts diagnostics.js channels.js express.js koa.js request.js number.js; do
		grep -q "\"path\": \"$file\"" "$work/pack.out" || fail "npm would not pack $file"
	done
else
	echo "npm is not installed: what it would pack is not looked at"
fi
