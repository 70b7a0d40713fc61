#!/usr/bin/env bash
# Attaching to real targets: exact counts, lists, several processes, those that come and go, and how it all ends.
. "$(dirname "$0")/cli.sh"

start_target one
one=$target

# Lists: fields, types and place; as text and as JSON; patterns.
run 0 -l -p "$one"
grep -Eq '^work:start +id int +[^ ]*cli_target\.c:[0-9]+ +cli_target\['"$one"'\]$' "$work/run.out" || fail "work:start is not listed"
grep -Eq '^work:end +id int, status int, path string ' "$work/run.out" || fail "work:end is not listed"
run 0 -l --format json -p "$one" 'odd:*'
[ "$(grep -c '"type":"probe"' "$work/run.out")" = 1 ] || fail "the pattern does not select"
out '"fields":[{"name":"text","type":"string"}]'
out "\"pid\":$one"
run 1 -l -p "$one" 'no:such*'
err "no probe matches no:such*"

# Every event is counted, once; Ctrl-C prints the results.
jst exact --format json -p "$one" -e 'work:end < @n = count(); @by[status] = count(); @lat = hist(now - start[id]) >'
order one fire 1000
order one threads 4 1000
end_jst 0
grep -q '"name":"@n".*"value":5000' "$work/exact.out" || fail "not 5000 events"
grep -q '"name":"@by".*"key":\[200\].*"value":4500' "$work/exact.out" || fail "not 4500 of status 200"
grep -q '"name":"@lat".*"count":5000' "$work/exact.out" || fail "not 5000 spans"
head -n 1 "$work/exact.out" | grep -q "\"type\":\"process\",\"event\":\"attach\",\"pid\":$one" || fail "no process object first"
tail -n 1 "$work/exact.out" | grep -q '"type":"end".*"lost":0' || fail "no end object last"

# A session that has ended left nothing: another one begins from nothing.
jst again --format json -p "$one" -e 'work:end < @n = count() >'
order one fire 10
end_jst 0
grep -q '"name":"@n".*"value":10\b' "$work/again.out" || fail "not 10 events"

# Records arrive in order; what terminals must not get is escaped.
jst records -p "$one" -e 'work:end < printf("%d\n", id) > odd:text < print(text) >'
order one fire 100
order one text
end_jst 0
sed -n '/^[0-9]*$/p' "$work/records.out" >"$work/ids"
sort -n "$work/ids" | cmp -s - "$work/ids" || fail "records out of order"
[ "$(grep -c '' "$work/ids")" = 100 ] || fail "not 100 records"
grep -q $'\33' "$work/records.out" && fail "an escape sequence reached the output"
grep -qF 'a\x1b[31mb' "$work/records.out" || fail "the text did not arrive"

# exit() in a target ends the session with its code, with what was counted until then.
jst exits -p "$one" -e 'work:end < @n = count() > work:end /status == 500/ < exit(9) >'
order one fire 20
finished "$tracer" 10
[ "$code" = 9 ] || fail "exit(9) gave $code"
grep -q '@n' "$work/exits.out" || fail "exit() without results"

# BEGIN's variables go along; its exit() attaches to nobody.
jst begins --format json -p "$one" -e 'BEGIN < wanted = 500 > work:end /status == wanted/ < @n = count() >'
order one fire 100
end_jst 0
grep -q '"name":"@n".*"value":10\b' "$work/begins.out" || fail "the variable of BEGIN did not arrive"
run 4 -v -p "$one" -e 'BEGIN < exit(4) > work:end < @n = count() >'
grep -q attached "$work/run.err" && fail "attached after exit() in BEGIN"

# A pattern that matches nothing, and a sibling that does not exist, are told.
jst misspelt -p "$one" -e 'work:ends < @n = count() > work:end < @lat = hist(now - strat[id]) >'
end_jst 0
grep -q "no probe matches work:ends.*did you mean work:end" "$work/misspelt.err" || fail "the misspelt pattern is not told"
grep -q "no probe matches work:strat.*; did you mean work:start?$" "$work/misspelt.err" || fail "the misspelt sibling is not told"
grep -q 'no data' "$work/misspelt.out" || fail "no 'no data'"

jst map -p "$one" -e 'work:start < begun[id] = 1 > work:end < @n = max(beugn[id]); @m = max(nothing[id]) >'
end_jst 0
grep -q "so beugn\[...\] was always nil; did you mean begun\[...\]?$" "$work/map.err" || fail "the misspelt map is not told"
grep -q "so nothing\[...\] was always nil$" "$work/map.err" || fail "something is suggested for nothing"

# So are fields behind the script's own names, unless it reads them as well.
jst hidden -p "$one" -e 'work:end < status = 1; path = 2; @n[status, path, trace.path, pid] = count() >'
end_jst 0
grep -q 'warning: status in this script is not the field status of work:end: write trace.status' "$work/hidden.err" || fail "a hidden field is not told"

# A field that no probe of the clause has, with what is there instead; one that is asked for is no mistake, nor one that another clause's probe has.
jst missing -p "$one" -e 'work:end < @a[stauts] = count(); @b = max(path.length); if (has(nope)) { @c[nope] = count() } @d[id] = count() > work:* < @e[status] = count() >'
end_jst 0
grep -q 'warning: -e:1:15: no probe of that clause has the field stauts so far; did you mean status?' "$work/missing.err" || fail "a misspelt field is not told"
grep -q 'the field path.length so far; strlen(path) is the length of a string' "$work/missing.err" || fail "a length is not told"
[ "$(grep -c 'has the field' "$work/missing.err")" = 2 ] || fail "fields are told that are there, or asked for"
# A field of another probe is told to be its; one that is like nothing there brings no bad advice.
jst other -p "$one" -e 'work:start < @a[path] = count(); @b = max(cost) >'
end_jst 0
grep -q 'has the field path so far; the probe work:end has it$' "$work/other.err" || fail "the probe that has the field is not told"
grep -q 'has the field cost so far$' "$work/other.err" || fail "something is suggested for cost"
[ "$(grep -c warning "$work/hidden.err")" = 1 ] || fail "more is told than the one hidden field"

# Losses are told with the option that raises the limit.
jst loses --format json --string-size 64 -p "$one" -e 'work:end < @n[cat(path, path, path, path, path, path, path, path, path, path, path, path, path, path)] = count() >'
order one fire 10
end_jst 0
grep -q 'strings cut: 5 (see --string-size)' "$work/loses.err" || fail "cut strings are not told"
grep -q '"type":"loss","reason":"strings cut","count":5,"where":"cli_target' "$work/loses.out" || fail "no loss object"

# An exemplar has a limit of its own.
jst exemplars -p "$one" -e 'work:end < @h = hist(status, exemplar: cat(path, path, path, path, path, path, path, path, path, path, path, path, path, path)) >'
order one fire 10
end_jst 0
grep -q "exemplars cut: [0-9]* (an exemplar keeps 48 bytes of a string)" "$work/exemplars.err" || fail "cut exemplars are not told"

# Fractions that a histogram loses are told with what to do about them.
jst fractions -p "$one" -e 'work:end < @h = hist(status / 1000.0) >'
order one fire 10
end_jst 0
grep -qF 'fractions lost: 10 (histograms keep whole numbers: multiply, as in hist(x * 1000))' "$work/fractions.err" || fail "lost fractions are not told"

# The slowest rows lead to ids; how many there are is estimated.
jst sketches -p "$one" -e 'work:end < @h = hist(status, exemplar: id); @ids = distinct(id); @paths = distinct(path) >'
order one fire 200
end_jst 0
grep -Eq '^ *256 \.\. 512 \| #+ +\|  20  id [0-9]+, [0-9]+, [0-9]+$' "$work/sketches.out" || fail "no exemplars"
grep -q '^@paths: 2$' "$work/sketches.out" || fail "not two paths"
ids=$(sed -n 's/^@ids: //p' "$work/sketches.out")
[ "$ids" -ge 196 ] && [ "$ids" -le 204 ] || fail "estimated $ids of 200 ids"

# Two processes: side by side, merged, one that is named but cannot be traced makes the run fail in the end.
start_target two
two=$target
jst both --format json -p "$one,$two" -e 'work:end < @n = count(); @by[pid] = count() >'
attached both "$one"
order one fire 30
order two fire 12
end_jst 0
grep -q '"name":"@n".*"value":42' "$work/both.out" || fail "not merged to 42"
grep -q "\"key\":\[$two\].*\"value\":12" "$work/both.out" || fail "not 12 of the second"
jst partly --format json -p "$one" -p 4194304 -e 'work:end < @n = count() >' -p "$two"
order two fire 5
end_jst 1
grep -q 'no process 4194304' "$work/partly.err" || fail "the missing process is not told"
grep -q '"name":"@n".*"value":5\b' "$work/partly.out" || fail "the others were not traced"

# A stopped process: told so, and the other one starts meanwhile.
kill -STOP "$one"
target=$two
jst stopped --format json -p "$one,$two" -e 'work:end < @n = count() >'
order two fire 7
wait_for 10 grep -q "process $one .*is stopped.*kill -CONT $one" "$work/stopped.err" || fail "the stopped process is not told"
end_jst 1
kill -CONT "$one"
grep -q '"name":"@n".*"value":7\b' "$work/stopped.out" || fail "the other one was not traced"

# By title; one that starts later joins; the session ends when none is left.
cp "$work/cli_target" "$work/titled_target"
start_target early "$work/titled_target"
early=$target
run 1 --memory 64KiB -t "$work/titled_*" -e 'work:end < @n = count() >'
err "64 KiB of memory are too little"
err "none of the processes that were found could be traced"
jst title --format json -t "$work/titled_*" -e 'work:end < @n = count() > process:attach < printf("+%d\n", pid); print("why", reason, reason == nil) > process:exit < printf("-%d %s\n", pid, reason) >'
start_target late "$work/titled_target"
attached title "$target"
order early fire 3
order late fire 4
echo 'exit 0' >"$work/early.fifo"
echo 'exit 3' >"$work/late.fifo"
finished "$tracer" 10
[ "$code" = 0 ] || fail "exit code $code after all have exited"
grep -q '"name":"@n".*"value":7\b' "$work/title.out" || fail "not 7 of the two"
grep -qF "+$early" "$work/title.out" || fail "process:attach did not run"
grep -qF 'why nil 1' "$work/title.out" || fail "process:attach has a reason"
grep -qF -- "-$early exited" "$work/title.out" || fail "process:exit did not run"
grep -q '"event":"exit".*"reason":"exited with code 3"' "$work/title.out" || fail "the exit code is not told"

# The end of a named target: killed, exec.
target=$two
jst killed --format json -p "$two" -e 'work:end < @n = count() >'
order two fire 11
kill -KILL "$two"
finished "$tracer" 10
[ "$code" = 1 ] || fail "exit code $code after the target was killed"
grep -q "process $two (cli_target) was killed by SIGKILL" "$work/killed.err" || fail "the kill is not told"
grep -q '"name":"@n".*"value":11' "$work/killed.out" || fail "the results did not survive"
target=$one
jst execs -p "$one" -e 'work:end < @n = count() >'
order one fire 2
echo exec >"$work/one.fifo"
finished "$tracer" 10
[ "$code" = 0 ] || fail "exit code $code after exec"
grep -q "process $one (cli_target) became another program" "$work/execs.err" || fail "the exec is not told"
