#!/usr/bin/env bash
# What editors know of the language (doc/editors): every word that the compiler knows, in the right list; JSON that can be read; and, where vim is, what it makes of some lines.
#
# The words of vim's syntax stand in lists, "let s:NAME = '…'", one a line; those of the TextMate grammar in one group of alternatives, "(a|b|c)", in a line with the name of what they are.
set -u
cd "$(dirname "$0")/.." || exit 1
vim=doc/editors/vim
syntax=$vim/syntax/jst.vim
code=doc/editors/vscode
grammar=$code/syntaxes/jst.tmLanguage.json
passed=0 failed=0 skipped=0
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# expect NOTHING-IF-GOOD WHAT
expect() {
	if [ -z "$1" ]; then
		passed=$((passed + 1))
	else
		failed=$((failed + 1))
		printf '%s:\n%s\n' "$2" "$1"
	fi
}

vim_words() { # NAME…
	local name
	for name; do
		sed -n "s/^let s:$name = '\(.*\)'$/\1/p" "$syntax" | tr ' ' '\n'
	done
}

grammar_words() { # TEXT-IN-ITS-LINE…
	local text
	for text; do
		grep -F -- "$text" "$grammar" | grep -oE '\([A-Za-z0-9_:|]+\)' | tr '(|)' '\n\n\n' | grep .
	done
}

# compare WHAT FILE-OF-WORDS VIM-NAMES GRAMMAR-TEXTS: the two are lists, separated by commas.
compare() {
	local names texts missing
	if [ ! -s "$2" ]; then
		expect "  no words were found in the sources" "$1"
		return
	fi
	IFS=, read -ra names <<<"$3"
	IFS=, read -ra texts <<<"$4"
	missing=$(grep -vxFf <(vim_words "${names[@]}") "$2")
	expect "$(sed 's/./  &/' <<<"$missing")" "$syntax does not know these among $3"
	missing=$(grep -vxFf <(grammar_words "${texts[@]}") "$2")
	expect "$(sed 's/./  &/' <<<"$missing")" "$grammar does not know these among $4"
}

# rows MACRO FILE: the first two strings of each row, a name and an alias; a row without a name is internal.
rows() {
	sed -nE "s/^$1\([A-Z0-9_]+, *\"([^\"]+)\", *(\"([^\"]+)\")?.*/\1 \3/p" "$2" | tr ' ' '\n' | grep .
}
# names MACRO FILE: the first string alone.
names() {
	sed -nE "s/^$1\([A-Z0-9_]+, *\"([^\"]+)\".*/\1/p" "$2"
}
# entries FILE VALUE: strings of the entries { "string", VALUE… } of a table in C.
entries() {
	grep -oE "\{ \"[^\"]+\", $2" "$1" | sed 's/{ "\([^"]*\)".*/\1/'
}

rows VARIABLE runtime/builtin.def >"$work/variables"
compare "builtin variables" "$work/variables" variables '"support.variable.jst"'
# Which of the two something is may be seen either way.
{
	names FUNCTION runtime/builtin.def
	names ACTION grammar/action.def
} >"$work/functions"
compare "functions and actions" "$work/functions" functions,actions '"support.function.jst","support.function.action.jst"'
rows AGGREGATION runtime/aggregation.def >"$work/aggregations"
compare aggregations "$work/aggregations" aggregations '"support.type.aggregation.jst"'
{
	sed -n '/ words\[\] = {/,/};/p' grammar/token.c | grep -oE '\{ "[a-z]+", [A-Z]+ \}' | sed 's/{ "\([^"]*\)".*/\1/'
	echo self
} >"$work/keywords"
[ "$(wc -l <"$work/keywords")" -gt 10 ] || : >"$work/keywords"
compare keywords "$work/keywords" keywords,constants,definitions '"keyword.control.jst","constant.language.jst",(fn|'
entries grammar/literal.c UNIT_ >"$work/units"
compare units "$work/units" units '"constant.numeric.unit.jst"'
entries grammar/patterns.c SPECIAL_ >"$work/specials"
compare "special probes" "$work/specials" specials '"entity.name.label.special.jst"'
sed -n '/ periods\[\] = {/p' grammar/patterns.c | grep -oE '\{ "[a-z]+"' | tr -d '{ "' >"$work/periods"
compare periods "$work/periods" periods '"entity.name.label.tick.jst"'
compare periods "$work/periods" periods '"entity.name.label.interval.jst"'

# JSON, by whatever can read it.
for file in $code/package.json $code/language-configuration.json $grammar; do
	if command -v jq >/dev/null; then
		expect "$(jq empty "$file" 2>&1)" "$file"
	elif command -v python3 >/dev/null; then
		expect "$(python3 -m json.tool "$file" 2>&1 >/dev/null)" "$file"
	elif command -v node >/dev/null; then
		expect "$(node -e 'JSON.parse(require("fs").readFileSync(process.argv[1]))' "$file" 2>&1)" "$file"
	else
		skipped=$((skipped + 1))
		echo "skipped: neither jq nor python3 nor node is there to read $file"
	fi
done
expect "$(grep -ohE '"\./[^"]*"' $code/package.json | tr -d '"' | while read -r file; do [ -e "$code/$file" ] || echo "  $file"; done)" "$code/package.json names files that are not there"

# vim: the files load, and give words and places their groups. Each line of the sample is followed by lines "# WORD GROUP": the group that the first WORD of the line has, or the last if a $ follows.
cat >"$work/sample.jst" <<'SAMPLE'
const LIMIT = 10ms;
# const Define
# 10ms Number
fn slow($d) { return $d > LIMIT; }
# fn Define
# slow Field
# return Keyword
# $d Local
request:*, tick-1s, process:exit /now - start[id] > 2 && (count // 7
# request Pattern
# tick-1s Special
# process:exit Special
# now Variable
# count Field
# // Slashes
  ) > 1/ < @a = max(x, (1 > 0)); self.y = "a%d\n"; trace.if++ >
# 1 Number
# @a Aggregate
# max Aggregation
# self.y Self
# a% String
# %d Format
# \n Escape
# trace.if Field
# >$ Delimiter
d:e { if (x) { print(@a, nil) } /* f { */ }
# d:e Pattern
# if Keyword
# print Action
# nil Constant
# /* Stars
BEGIN {}
# BEGIN Special
SAMPLE
cat >"$work/check.vim" <<'CHECK'
let s:wrong = []
try
  set runtimepath^=doc/editors/vim
  filetype plugin indent on
  syntax on
  execute 'edit' fnameescape($SAMPLE)
  if &filetype !=# 'jst' || get(b:, 'current_syntax', '') !=# 'jst'
    call add(s:wrong, '  the file is not known as jst')
  endif
  let s:number = 0
  for s:i in range(1, line('$'))
    let s:words = matchlist(getline(s:i), '^# \(\S\+\) \(\u\l\+\)$')
    if empty(s:words)
      let s:number = s:i
      continue
    endif
    let s:last = s:words[1] =~# '\$$'
    let s:column = (s:last ? strridx(getline(s:number), s:words[1][:-2]) : stridx(getline(s:number), s:words[1])) + 1
    let s:group = synIDattr(synID(s:number, s:column, 1), 'name')
    if s:column == 0 || s:group !=# 'jst' . s:words[2]
      call add(s:wrong, '  line ' . s:number . ': ' . s:words[1] . ' is ' . s:group . ', not jst' . s:words[2])
    endif
  endfor
  %delete
  call setline(1, ['a:b {', 'x = 1;', 'if (x) {', 'y = 1;', '}', '}'])
  normal! gg=G
  if getline(1, '$') !=# ['a:b {', '  x = 1;', '  if (x) {', '    y = 1;', '  }', '}']
    call add(s:wrong, '  indented: ' . join(getline(1, '$'), '|'))
  endif
catch
  call add(s:wrong, '  ' . v:exception . ' at ' . v:throwpoint)
endtry
call writefile(s:wrong, $RESULT)
qall!
CHECK
if command -v vim >/dev/null && vim --version | grep -q '+eval' && vim --version | grep -q '+syntax'; then
	SAMPLE=$work/sample.jst RESULT=$work/result HOME=$work timeout 20 vim -Nu NONE -n -i NONE -es -S "$work/check.vim" </dev/null >"$work/vim.out" 2>&1
	expect "$(cat "$work/result" 2>&1)" "vim"
else
	skipped=$((skipped + 1))
	echo "skipped: vim, or its +eval and +syntax, is not there"
fi

echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" = 0 ]
