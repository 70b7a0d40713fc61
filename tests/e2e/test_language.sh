#!/usr/bin/env bash
# Runs every example of doc/language.md on a make-believe server and compares what it prints with what the page shows.
#
#     ```jst [OPTION…]      a script; it must be without warnings, and is run
#     ```jst error          a script that is refused; the output is what the compiler says
#     ```output [~]         right below it: what is printed, exactly; with ~, times may differ
#
# UPDATE=1 writes what was printed into the page.
. "$(dirname "$0")/docs.sh"

page=$root/doc/language.md
start_server
cd "$work" || exit 1
mkdir lib
examples=0 wrong=0

# The files that examples import.
cat >lib/latency.jst <<'END'
const SLOW = 10ms;
fn is_slow($d) { return $d > SLOW; }
END

complain() {
	wrong=$((wrong + 1))
	printf 'doc/language.md:%s: %s\n' "$number" "$*"
	sed 's/^/    /' example.jst
}

# run_example OPTION…
run_example() {
	examples=$((examples + 1))
	if [ "${1:-}" = error ]; then
		"$jstrace" -n example.jst >printed 2>&1 && complain "is not refused"
		return
	fi
	"$jstrace" -n example.jst "$@" >printed 2>&1 || complain "is refused"
	[ -s printed ] && { complain "is not without warnings"; cat printed; }
	show jstrace example.jst "$@"
	cp shown.out printed
	grep -q . shown.err && cat shown.err >>printed
	return 0
}

compare() {
	local filter=cat
	[ "$1" = '~' ] && filter=shape
	diff -u --label "the page" --label "printed now" <($filter <expected) <($filter <printed) || complain "prints something else"
}

block=text number=0
while IFS= read -r line; do
	number=$((number + 1))
	case $block:$line in
	text:'```jst'*) block=jst && : >example.jst && read -r -a options <<<"${line#'```jst'}" ;;
	text:'```output'*) block=output how=${line#'```output'} how=${how# } && : >expected ;;
	text:'```sh') block=other ;;
	text:'```'*) fail "a block of another kind in line $number: $line" ;;
	jst:'```') block=text && run_example "${options[@]}" ;;
	output:'```')
		block=text
		if [ -n "${UPDATE:-}" ]; then cat printed >>page; else compare "$how"; fi
		;;
	other:'```') block=text ;;
	jst:*) printf '%s\n' "$line" >>example.jst ;;
	output:*) printf '%s\n' "$line" >>expected && continue ;;
	esac
	printf '%s\n' "$line" >>page
done <"$page"

[ "$examples" -gt 40 ] || fail "only $examples examples were found in the page"
[ -z "${UPDATE:-}" ] || cp page "$page"
[ "$wrong" = 0 ] || fail "$wrong of $examples examples are not as the page shows them"
echo "$examples examples"
