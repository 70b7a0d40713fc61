#!/usr/bin/env bash
# Runs every command line on the right of doc/coming-from.md's tables on a make-believe server: each must be accepted without a word, and print something.
. "$(dirname "$0")/docs.sh"

page=$root/doc/coming-from.md
start_server
cd "$work" || exit 1
commands=0 wrong=0

while IFS= read -r command; do
	commands=$((commands + 1))
	# The page's own quotes make the words.
	eval "words=($command)"
	show "${words[@]}"
	bad=
	[ "$code" = 0 ] || bad="ended with $code"
	case $command in
	*' -n '*) ;;
	*) [ -s shown.out ] || bad="printed nothing" ;;
	esac
	# What requests that never ended leave behind is no fault.
	grep -v -e 'not everything was seen' -e 'had no start' -e '^$' shown.err >said && bad="said something"
	[ -z "$bad" ] && continue
	wrong=$((wrong + 1))
	printf '%s: %s\n' "$bad" "$command"
	cat shown.out shown.err
done < <(sed -n 's/^|.*| `\(jstrace .*\)` |$/\1/p' "$page")

[ "$commands" -gt 40 ] || fail "only $commands commands were found in the page"
[ "$wrong" = 0 ] || fail "$wrong of $commands commands do not do what the page says"
echo "$commands commands"
