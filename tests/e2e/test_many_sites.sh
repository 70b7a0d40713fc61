#!/usr/bin/env bash
# A program of 100,000 sites, and an object of 10,000 that comes and goes: all of them count, in sessions that watch one, some or all, and what is more than the library keeps is told.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/many.sh"
need "${CC:-cc}" xargs

build_many
start_many

# trace NAME OPTION…: a session in the background, attached; its pid is in $pid.
trace() {
	local name=$1
	shift
	start "$name" "$jstrace" -v --format json -p "$many" "$@"
	attached "$name" "$many"
}

# matched NAME PROBES SITES: what it said as it attached.
matched() {
	grep -q ": $2 matching probes\\? at $3 places\\?\$" "$work/$1.err" || fail "$1 does not match $2 probes at $3 places"
}

# ends NAME PID: Ctrl-C; it must end well, and nothing may be lost.
ends() {
	kill -INT "$2"
	finished "$2" 20
	[ "$code" = 0 ] || fail "$1 ended with $code"
	! grep -q '"lost":[1-9]' "$work/$1.out" || fail "$1 has lost something"
}

# value NAME AGGREGATION [KEY]: of a count or sum.
value() {
	sed -n "s|.*\"name\":\"$2\".*\"key\":\\[${3:-}\\].*\"value\":\\([0-9]*\\).*|\\1|p" "$work/$1.out"
}

is() {
	[ "$1" = "$2" ] || fail "$3: $1, not $2"
}

# One of them.
trace one -e 'many:part23:site1234 < @n = count() >'
matched one 1 1
tell fire 3
ends one "$pid"
is "$(value one @n)" 3 'one site'

# All of them, by a glob; each fires for the first time in two threads at once. One says its name, one that few sessions have bound.
trace all -e '* < @n = count(); @part[substr(name, 0, strstr(name, ":site"))] = count(); @sum = sum(n); > many:part39:site2499 < printf("%s has %d, in line %d\n", name, n, line) >'
matched all 100000 100000
tell both 2
ends all "$pid"
is "$(value all @n)" 400000 'all sites'
is "$(value all @sum)" 200000 'the sum of what all have fired'
for part in 0 17 39; do is "$(value all @part "\"many:part$part\"")" 10000 "the sites of part $part"; done
is "$(grep -c 'many:part39:site2499 has [01], in line [1-9]' "$work/all.out")" 4 'records of a site'

# Two sessions: what one watches goes on when the other ends.
trace some -e 'many:part3[0-9]:site?99 < @n = count() >'
some=$pid
matched some 90 90
trace all2 -e 'many:* < @n = count() >'
all2=$pid
tell fire 1
ends all2 "$all2"
tell fire 1
ends some "$some"
is "$(value all2 @n)" 100000 'the session that ended first'
is "$(value some @n)" 180 'the session that went on'

# An object that comes and goes: 10,000 sites, of which 2,500 have names that the program has too.
trace plugin -e 'many:part0:*, many:part4[0-9]:* < @n[substr(name, 0, strstr(name, ":site"))] = count(); @sum = sum(n) >'
plugin=$pid
matched plugin 2500 2500
tell churn 20
tell open
trace late -e '* < @n[substr(name, 0, strstr(name, ":site"))] = count() >'
late=$pid
matched late 107500 110000
tell hit
tell close
tell open
tell hit
tell fire 1
ends plugin "$plugin"
tell close
tell fire 1
ends late "$late"
is "$(value plugin @n '"many:part0"')" $((22 * 2500 + 2500)) 'names that the program and the object have'
for part in 40 41 42; do is "$(value plugin @n "\"many:part$part\"")" $((22 * 2500)) "the object's part $part"; done
is "$(value plugin @sum)" $((20 * 19 / 2 * 10000)) 'the sum of what the object has fired'
is "$(value late @n '"many:part0"')" $((2 * 2500 + 2 * 2500)) 'names that the program and the object have, from the middle on'
is "$(value late @n '"many:part41"')" $((2 * 2500)) 'the object from the middle on'
is "$(value late @n '"many:part7"')" $((2 * 2500)) 'the rest'

# The list has each.
"$jstrace" -l -p "$many" >"$work/list.out" 2>"$work/list.err" || fail 'cannot list'
is "$(wc -l <"$work/list.out")" 100001 'lines of the list'
is "$(cut -d ' ' -f 1 "$work/list.out" | sort -u | wc -l)" 100001 'names in the list'
"$jstrace" -l -p "$many" 'many:part?:site1*3' >"$work/list.out" 2>"$work/list.err" || fail 'cannot list some'
is "$(wc -l <"$work/list.out")" $((10 * 111 + 1)) 'lines of a list of some'

# More sites than the library keeps, which nobody has written: what came first is watched as before.
tell crowd 1048576
trace crowd -e 'many:* < @n = count() >'
matched crowd 100000 100000
grep -q 'has 100001 probe sites more than can be watched' "$work/crowd.err" || fail 'does not tell what cannot be watched'
tell fire 1
ends crowd "$pid"
is "$(value crowd @n)" 100000 'the sites that came first'
echo 'ok: 100,000 sites'
