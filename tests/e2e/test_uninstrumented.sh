#!/usr/bin/env bash
# A process without the library is refused with a clear line, and no signal is sent to it: strace sees every system call of jstrace.
. "$(dirname "$0")/lib.sh"
need strace

start sleeper sleep 60
sleeper=$pid
code=0
strace -f -o "$work/strace" "$jstrace" -e 'request:end < @ = count() >' -p "$sleeper" >"$work/jstrace.out" 2>"$work/jstrace.err" || code=$?
[ "$code" = 1 ] || fail "jstrace ended with $code, not 1"
grep -q "$sleeper" "$work/jstrace.err" || fail "the message does not name the process"
[ "$(grep -c '' "$work/jstrace.err")" -le 2 ] || fail "the message is not short"
[ -s "$work/strace" ] || fail "strace wrote nothing"
if grep -E '^[0-9]+ +(kill|tkill|tgkill|rt_sigqueueinfo|rt_tgsigqueueinfo|pidfd_send_signal)\(' "$work/strace" >&2; then
	fail "a signal was sent"
fi
kill -0 "$sleeper" || fail "the process is gone"
