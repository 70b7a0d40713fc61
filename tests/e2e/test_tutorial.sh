#!/usr/bin/env bash
# Runs doc/tutorial.md: writes its files, types its commands into one shell, and compares what they print, figures aside, with what the page shows.
# UPDATE=1 writes what was printed into the page.
. "$(dirname "$0")/lib.sh"
need wrk cc

page=$root/doc/tutorial.md
cd "$work" || exit 1
for name in build examples libjstrace; do
	ln -s "$root/$name" .
done
PATH=$build:$PATH

# What may differ from run to run: figures (with their units), the length of bars and of blanks, how many rows of one kind follow each other, and how often one fits.
shape() {
	sed -E -e 's/[0-9]+(\.[0-9]+)?(e[-+]?[0-9]+)?(ns|us|ms|m[0-9]+s|h[0-9]+m|s|[KMGT]?i?B)?\b/N/g' -e 's/#+//g' -e 's/[-=]{3,}/---/g' -e 's/[[:space:]]+/ /g' -e 's/ +$//' -e 's/^ +//' | uniq
}

# What is said where something was under way as jstrace attached; nothing need have been. That nothing else is said stays.
under_way='^jstrace: .* N had no .* with the same id|^jstrace: not everything was seen: values skipped: N$'

commands=0 wrong=0
run() {
	local command=$1 expected=$2 out=$work/command.out
	commands=$((commands + 1))
	eval "$command" >"$out" 2>&1
	children+=($(jobs -p))
	printf '%s' "$expected" | shape >"$work/expected"
	shape <"$out" >"$work/printed"
	grep -qE "$under_way" "$work/printed" || sed -i -E "\\#$under_way#d" "$work/expected"
	if ! diff -u --label "the page" --label "printed now" "$work/expected" "$work/printed" >"$work/difference"; then
		wrong=$((wrong + 1))
		printf '$ %s\n' "$command"
		cat "$work/difference"
	fi
	[ -z "${UPDATE:-}" ] || cat "$out" >>"$work/page"
}

block=text command='' expected=''
flush() {
	[ -z "$command" ] || run "$command" "$expected"
	command='' expected=''
}
while IFS= read -r line; do
	case $block:$line in
	text:'```console') block=console ;;
	text:'```c '*) block=file file=${line#'```c '} && : >"$work/$file" ;;
	text:'```'*) fail "a block of another kind: $line" ;;
	console:'```') flush && block=text ;;
	file:'```') block=text ;;
	console:'$ '*) flush && command=${line#'$ '} ;;
	console:*) expected+=$line$'\n' && continue ;;
	file:*) printf '%s\n' "$line" >>"$work/$file" ;;
	esac
	printf '%s\n' "$line" >>"$work/page"
done <"$page"

[ "$commands" -gt 10 ] || fail "only $commands commands were found in the page"
if [ -n "${UPDATE:-}" ]; then
	cp "$work/page" "$page"
elif [ "$wrong" != 0 ]; then
	fail "$wrong of $commands commands print something else than the page shows"
fi
printf '%s commands\n' "$commands"
