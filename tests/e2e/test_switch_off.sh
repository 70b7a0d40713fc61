#!/usr/bin/env bash
# A program may be started without any of this (JSTRACE=off), and may switch it off for good (jstrace_disable()): then it has no thread of ours and is not traced, is sent nothing, and its probes go on doing nothing.
. "$(dirname "$0")/lib.sh"
need strace
target=$build/tests/e2e/targets/target

# ask COMMAND: the target's next line of output, in $answer. It listens on the descriptor 3.
lines=0
ask() {
	printf '%s\n' "$1" >&3
	lines=$((lines + 1))
	wait_for 10 has_line || fail "no answer to '$1'"
	answer=$(sed -n "${lines}p" "$work/target.out")
}
has_line() { [ "$(wc -l <"$work/target.out")" -ge "$lines" ]; }
threads() { ls "/proc/$1/task" | wc -l; }

# begin ENVIRONMENT…: a new target with them.
begin() {
	rm -f "$work/in"
	mkfifo "$work/in"
	env "$@" "$target" <"$work/in" >"$work/target.out" 2>"$work/target.err" &
	pid=$!
	children+=("$pid")
	exec 3>"$work/in"
	lines=0
	ask enabled && [ "$answer" = "0 0" ] || fail "a probe is enabled"
}

# refused PID TEXT: jstrace ends with 1, a line that has the text, and no signal sent.
refused() {
	code=0
	strace -f -o "$work/strace" "$jstrace" -e 'work:step < @ = count() >' --duration 1 -p "$1" >"$work/jstrace.out" 2>"$work/jstrace.err" || code=$?
	[ "$code" = 1 ] || fail "jstrace ended with $code, not 1"
	grep -q "$1.*$2" "$work/jstrace.err" || fail "the message has no '$2'"
	[ -s "$work/strace" ] || fail "strace wrote nothing"
	! grep -E '^[0-9]+ +(kill|tkill|tgkill|rt_sigqueueinfo|rt_tgsigqueueinfo|pidfd_send_signal)\(' "$work/strace" >&2 || fail "a signal was sent"
}

# traced PID: an event of its is counted.
traced() {
	start jstrace "$jstrace" -v -e 'work:step < @ = count(); exit() >' -p "$1"
	local tracer=$pid
	attached jstrace "$1"
	wait_for 10 fires || fail "no probe came on"
	finished "$tracer" 10
	[ "$code" = 0 ] || fail "jstrace ended with $code"
	grep -q '^@' "$work/jstrace.out" || fail "nothing was counted"
}
fires() { ask 'fire 1 1' && grep -q '^@' "$work/jstrace.out"; }

# Any other value is none of ours.
begin JSTRACE=on
instrumented "$pid"
[ "$(threads "$pid")" = 2 ] || fail "the library has no thread"
one=$pid
traced "$one"
ask disable && [ "$answer" = done ] || fail "jstrace_disable() failed"
[ "$(threads "$one")" = 1 ] || fail "the library still has a thread"
refused "$one" 'switched tracing off'
ask 'fire 2 1000' && [ "$answer" = done ] || fail "a probe failed"
ask fork
child=$answer
children+=("$child")
[ "$(threads "$child")" = 1 ] || fail "a child of one that switched it off has a thread of ours"
exec 3>&-

begin JSTRACE=off
one=$pid
[ "$(threads "$one")" = 1 ] || fail "there is a thread in a program with JSTRACE=off"
! grep -q jstrace: "/proc/$one/maps" || fail "there is a marker in a program with JSTRACE=off"
refused "$one" JSTRACE=off
"$jstrace" -l >"$work/list.out" 2>"$work/list.err" || :
! grep -qF "[$one]" "$work/list.out" || fail "it is among those that can be traced"
ask 'fire 2 1000' && [ "$answer" = done ] || fail "a probe failed"
ask disable && [ "$answer" = done ] || fail "jstrace_disable() failed where it is off"
ask fork
child=$answer
children+=("$child")
[ "$(threads "$child")" = 1 ] || fail "a child has a thread of ours"
refused "$child" JSTRACE=off
exec 3>&-
