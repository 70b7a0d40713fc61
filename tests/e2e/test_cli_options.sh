#!/usr/bin/env bash
# The command line without any target: actions, exit codes, where scripts come from and output goes to.
. "$(dirname "$0")/cli.sh"

# What needs no target runs without one, and ends by itself.
run 0 -e 'BEGIN < printf("hello %d\n", 6 * 7) >'
[ "$(cat "$work/run.out")" = "hello 42" ] || fail "BEGIN printed something else"
[ ! -s "$work/run.err" ] || fail "something was said"
run 3 -e 'BEGIN < exit(3) > END < printf("end\n") >'
out end
run 0 -e 'BEGIN < printf("one\n") >' -e 'BEGIN < printf("two\n") >'
[ "$(cat "$work/run.out")" = $'one\ntwo' ] || fail "several -e are not joined"
run 0 -e 'tick-20ms < $n = 1; printf("tick\n") >' --duration 150ms
ticks=$(grep -c tick "$work/run.out")
[ "$ticks" -ge 2 ] && [ "$ticks" -le 7 ] || fail "$ticks ticks of 20 ms in 150 ms"
run 5 -e 'tick-10ms < n++; > tick-10ms /n == 3/ < exit(5) >'

# Scripts: from a file, from standard input, executable, with arguments.
printf '#!%s -q\nBEGIN { printf("%%s %%d of %%d\\n", $1, $2 / 1ms, $#); }\n' "$jstrace" >"$work/script.jst"
chmod +x "$work/script.jst"
run 0 "$work/script.jst" word 10ms
out "word 10 of 2"
"$work/script.jst" word 7ms >"$work/run.out" 2>"$work/run.err" || fail "the script does not run by itself"
out "word 7 of 2"
echo 'BEGIN { printf("from stdin\n"); }' | "$jstrace" - >"$work/run.out" || fail "a script on standard input does not run"
out "from stdin"
run 2 "$work/missing.jst"
err "cannot open"
run 2 'request:end < @ = count() >'
err "a program is given with -e"
run 2 "$work/script.jst" word
err '$2'

# Errors of script and command line: 2, with the place.
run 2 -e 'request:end < @lat = histo(1) >'
err "-e:1:22: error"
err "did you mean 'hist'?"

# Without a clause there is nothing to run, but a library can be checked.
for text in '' '# nothing' 'fn twice($x) { return 2 * $x; }'; do
	run 2 -e "$text"
	err 'the script has no clause'
	run 0 -n -e "$text"
done
run 0 -e 'BEGIN { }'
run 0 -e 'END { }'

# An argument that nothing reads is a mistake; $# reads all.
echo 'BEGIN { exit(); }' >"$work/none.jst"
run 2 "$work/none.jst" other.jst
err "the script reads no argument \$1, so 'other.jst' would have no effect; one script is run, which may import others"
run 2 -n -e 'BEGIN { print($1); exit(); }' 1 77
err "the script reads no argument \$2, so '77' would have no effect; a process is named by -p"
run 2 -e 'BEGIN { exit(); }' x
err "the script reads no argument \$1, so 'x' would have no effect"
run 0 -e 'fn second() { return $2; } BEGIN { exit(); }' 1 2
run 0 -e 'const COUNT = $#; BEGIN { print(COUNT); exit(); }' 1 2 3
out 3
run 2 -n -e 'request:end < '
run 0 -n -e 'request:end < @ = count() >'
[ ! -s "$work/run.out" ] && [ ! -s "$work/run.err" ] || fail "-n printed something"
run 0 -n -v -e 'BEGIN < n = 1 > request:end < @lat[path] = hist(now - start[id]); print(size) > tick-2s < print(@lat) >'
err "watches request:end"
err "reads the fields path, id, size"
err "start[...] is the time of the last request:start"
err "aggregates @lat: hist of durations, by 1 key"
err "sends records: print"
err "runs in jstrace itself: BEGIN, every 2.00s"
err "10000 instructions a clause (--budget), 64.0MiB of memory"
run 0 -n -v -e 'BEGIN < print(1) >'
err "attaches to no process"
run 2
err "no script"
run 2 --durtion 5 -e x
err "did you mean '--duration'?"
run 2 -e 'BEGIN < exit() >' --memory much
err "from 64KiB to 32GiB, not 'much'"
run 2 -l -n
err "-l and -n exclude each other"
run 0 --help
out "Exit codes"
for action in --help -V "--help $work/script.jst"; do
	code=0
	# The action and its script are words.
	# shellcheck disable=SC2086
	"$jstrace" $action >/dev/full 2>"$work/run.err" || code=$?
	[ "$code" = 1 ] || fail "$action to a full disk: exit code $code"
	err "cannot write to standard output: No space left"
done
run 0 -V
out "jstrace "

# Dumps need no target either.
for mode in tokens tree bytecode; do
	run 0 --dump=$mode -e 'request:end < @lat = hist(now - start[id]) >'
	[ -s "$work/run.out" ] || fail "the dump of $mode is empty"
done
run 2 -d bytecode -e 'request:end < '

# The layout: from -e, a file or standard input, to standard output or a file, which may be the script itself. What does not parse is printed nowhere; what does not compile is.
run 0 --fmt -e 'request:end<@lat=hist(now-start[id])>'
[ "$(cat "$work/run.out")" = 'request:end { @lat = hist(now - start[id]); }' ] || fail "--fmt printed something else: $(cat "$work/run.out")"
[ ! -s "$work/run.err" ] || fail "--fmt said something"
echo 'a:b{x=1}' | "$jstrace" --fmt - >"$work/run.out" || fail "--fmt does not read standard input"
[ "$(cat "$work/run.out")" = 'a:b { x = 1; }' ] || fail "--fmt of standard input printed something else"
printf 'import "missing.jst";\na:b{  # why\nmissing($1);}' >"$work/layout.jst"
run 0 --fmt "$work/layout.jst" -o "$work/layout.jst"
[ ! -s "$work/run.out" ] || fail "--fmt -o wrote to standard output"
printf 'import "missing.jst";\n\na:b { # why\n  missing($1);\n}\n' | cmp - "$work/layout.jst" || fail "--fmt -o wrote something else"
# It takes the place of the old one, mode and all, behind a symbolic link too; where it cannot be written the old one stays.
printf 'a:b{x=1}' >"$work/layout.jst"
chmod 751 "$work/layout.jst"
ln -s layout.jst "$work/link.jst"
(trap '' XFSZ && ulimit -f 0 && exec "$jstrace" --fmt "$work/link.jst" -o "$work/link.jst" 2>/dev/null)
[ $? = 1 ] || fail "--fmt -o onto a full disk did not fail"
[ "$(cat "$work/layout.jst")" = 'a:b{x=1}' ] || fail "--fmt -o lost the script"
run 0 --fmt "$work/link.jst" -o "$work/link.jst"
[ "$(cat "$work/layout.jst")" = 'a:b { x = 1; }' ] || fail "--fmt -o did not write through the link"
[ -L "$work/link.jst" ] && [ "$(stat -c %a "$work/layout.jst")" = 751 ] || fail "--fmt -o changed the kind or the mode of the script"
[ "$(echo "$work"/layout.jst*)" = "$work/layout.jst" ] || fail "--fmt -o left a file"
echo 'a:b { x = }' >"$work/broken.jst"
run 2 --fmt "$work/broken.jst" -o "$work/broken.jst"
err "broken.jst:1:11: error: unexpected '}'"
[ "$(cat "$work/broken.jst")" = 'a:b { x = }' ] || fail "--fmt -o changed what does not parse"
run 2 --fmt "$work/broken.jst"
[ ! -s "$work/run.out" ] || fail "--fmt printed what does not parse"
run 1 --fmt -o "$work/no/such/place" -e 'a:b;'
err "cannot open"
run 1 --fmt -o /dev/full -e 'a:b;'
err "cannot write the results: No space left"

# Results and dumps do not take the place of what is run.
echo 'BEGIN { exit(); }' >"$work/kept.jst"
echo 'import "kept.jst";' >"$work/keeps.jst"
run 2 "$work/kept.jst" -o "$work/../${work##*/}/kept.jst"
err "would overwrite the script"
run 2 -d tree "$work/keeps.jst" -o "$work/kept.jst"
[ "$(cat "$work/kept.jst")" = 'BEGIN { exit(); }' ] || fail "-o overwrote the script"

# Output: a file, a full disk, a reader that has gone.
run 0 -o "$work/file" -e 'BEGIN < printf("kept\n") >'
[ "$(cat "$work/file")" = kept ] || fail "-o did not write"
[ ! -s "$work/run.out" ] || fail "-o wrote to standard output"
run 1 -o "$work/no/such/place" -e 'BEGIN < printf("x\n") >'
err "cannot open"
run 1 -o /dev/full -e 'BEGIN < printf("x\n") >'
err "cannot write the results: No space left"
[ "$(grep -c '' "$work/run.err")" = 1 ] || fail "the full disk is told more than once"
{ timeout 20 "$jstrace" -e 'tick-5ms < printf("x\n") >' 2>"$work/run.err"; echo $? >"$work/code"; } | head -n 1 >/dev/null
[ "$(cat "$work/code")" = 1 ] || fail "a reader that has gone: exit code $(cat "$work/code")"
[ ! -s "$work/run.err" ] || fail "a reader that has gone is told about"

# Closed descriptors: nothing else takes their place. (The shell closes them only for jstrace.)
code=0
"$jstrace" -e 'BEGIN < printf("x\n") >' 2>"$work/run.err" >&- || code=$?
[ "$code" = 1 ] || fail "no standard output: exit code $code"
err "cannot write the results: Bad file descriptor"
code=0
"$jstrace" -o "$work/file" -e 'request:end < @ = count() >' -p 4194304 <&- >&- 2>&- || code=$?
[ "$code" = 1 ] || fail "no descriptors at all: exit code $code"
[ ! -s "$work/file" ] || fail "messages went into the results: $(cat "$work/file")"

# Nobody to trace.
run 1 -e 'request:end < @ = count() >' -t 'no-such-title-*'
err "no instrumented process matches"
run 1 -e 'request:end < @ = count() >' -p 4194304
err "no process 4194304"
run 1 -l -t 'no-such-title-*'

# Signals end it in good order; SIGTERM as well, and a hang-up that nohup ignores does not.
for signal in INT TERM HUP; do
	start "sig$signal" "$jstrace" -e 'BEGIN < printf("begun\n") > tick-1h < $x = 1 > END < printf("end\n") >'
	wait_for 10 grep -q begun "$work/sig$signal.out" || fail "it does not begin"
	kill -"$signal" "$pid"
	finished "$pid" 10
	[ "$code" = 0 ] || fail "SIG$signal: exit code $code"
	grep -q '^end' "$work/sig$signal.out" || fail "SIG$signal: END did not run"
done
