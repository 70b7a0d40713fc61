#!/usr/bin/env bash
# Runs every command line on the right of doc/coming-from.md's tables on a make-believe server: each must be accepted without a word, and print what coming_from.expected says, but for times and places.
# UPDATE=1 writes that file anew: what it then says of a line must be what the left side would have printed.
. "$(dirname "$0")/docs.sh"

page=$root/doc/coming-from.md
expected=$root/tests/e2e/coming_from.expected
attempts=3
start_server
cd "$work" || exit 1
commands=0 wrong=0
: >printed

# outline COMMAND: of what is printed, what is the same on every machine. Of stacks the innermost call, of code what it is for, of probes those of the server.
outline() {
	case $1 in
	'jstrace -l'*) sed -nE "1p; s/\[$target\]$/[PID]/p" | sed -E 's/[^ ]*(docs_target\.c):[0-9]+/\1/' ;;
	*--dump=*) grep '^ *probe ' ;;
	*'stack('*) sed -E '/^ +[^|]*$/{/^ +look_up /!d}; s/ +[^ ]+:[0-9]+$//' ;;
	*'ms(now'*) sed -E 's/^@: [0-9]{2,}$/@: MS/' ;;
	*'[comm, uid]'*) sed -E "s/^( +api-1 +)$(id -u) /\1UID /" ;;
	*'%H:%M:%S'*) sed -E 's/^[0-9]{2}:[0-9]{2}:[0-9]{2}$/HH:MM:SS/' ;;
	*) cat ;;
	esac | shape | sed '/^$/d'
}

# try COMMAND: what is wrong with it, in $bad; what it printed is added to printed_now.
try() {
	local words
	# The page's own quotes make the words.
	eval "words=($1)"
	show "${words[@]}"
	bad=
	[ "$code" = 0 ] || bad="ended with $code"
	# What requests that never ended leave behind is no fault.
	grep -v -e 'not everything was seen' -e 'had no start' -e '^$' shown.err >said && bad="said something"
	{ printf '$ %s\n' "$1" && outline "$1" <shown.out; } >printed_now
	[ -n "${UPDATE:-}" ] || [ -n "$bad" ] || diff -u --label expected --label printed <(expectation "$1") printed_now >difference || bad="printed something else"
}

# expectation COMMAND: its part of the file.
expectation() {
	awk -v command="\$ ${1//\\/\\\\}" '/^\$ / { on = $0 == command && !seen; seen += on } on' "$expected"
}

while IFS= read -r command; do
	commands=$((commands + 1))
	# On a machine that is busy, what ends by itself after a second may do so before the server has been asked anything.
	for ((attempt = 0; attempt < attempts; attempt++)); do
		: >difference
		try "$command"
		case $bad:$command in
		'printed something else':*tick-* | 'printed something else':*interval:* | 'printed something else':*--duration*) ;;
		*) break ;;
		esac
	done
	cat printed_now >>printed
	[ -z "$bad" ] && continue
	wrong=$((wrong + 1))
	printf '%s: %s\n' "$bad" "$command"
	cat difference shown.err
done < <(sed -n 's/^|.*| `\(jstrace .*\)` |$/\1/p' "$page")

[ "$commands" -gt 40 ] || fail "only $commands commands were found in the page"
[ -z "${UPDATE:-}" ] || cp printed "$expected"
[ "$wrong" = 0 ] || fail "$wrong of $commands commands do not do what the page says"
cmp -s <(grep '^\$ ' printed) <(grep '^\$ ' "$expected") || fail "coming_from.expected is of other commands: write it anew with UPDATE=1"
echo "$commands commands"
