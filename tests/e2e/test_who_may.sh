#!/usr/bin/env bash
# Who may trace a process, where that is not plain from its id; the program itself refuses who may not, so the CLI that tries has the rights to look at it and to ring.
#
# In a user namespace, as containers without root have it: root outside may, whom the namespace does not know by his own id; other users whom it does not know may not, although there they have the id of its nobody, as whom the process may run.
# A process that does not let itself be looked at (PR_SET_DUMPABLE) is its user's no more.
. "$(dirname "$0")/lib.sh"
[ "$(id -u)" = 0 ] || skip "needs root"
need unshare nsenter setpriv
target=$build/tests/e2e/targets/target

# refused UID PID: whether the program refuses that user.
refused() {
	local rights=+sys_ptrace,+kill,+dac_read_search
	code=0
	setpriv --reuid "$1" --regid "$1" --clear-groups --inh-caps "$rights" --ambient-caps "$rights" "$jstrace" -v -e 'work:step < @ = count() >' --duration 0.2 -p "$2" >"$work/other.out" 2>"$work/other.err" || code=$?
	[ "$code" = 1 ] && grep -qE 'refused|broke the connection' "$work/other.err"
}

# begin COMMAND…: a target by it.
begin() {
	rm -f "$work/in"
	mkfifo "$work/in"
	"$@" "$target" <"$work/in" >"$work/target.out" 2>"$work/target.err" &
	pid=$!
	children+=("$pid")
	exec 3>"$work/in"
	instrumented "$pid"
}

begin setpriv --reuid 12345 --regid 12345 --clear-groups
one=$pid
! refused 12345 "$one" || fail "its own user was refused"
[ "$code" = 0 ] || fail "its own user ended with $code"
refused 12346 "$one" || fail "another user was not refused by the program"
echo hide >&3
wait_for 10 grep -q done "$work/target.out" || fail "the target does not answer"
refused 12345 "$one" || fail "a process that does not let itself be looked at did not refuse its user"
"$jstrace" -e 'work:step < @ = count() >' --duration 0.1 -p "$one" >"$work/root.out" 2>"$work/root.err" || fail "root was refused"
exec 3>&-
finished "$one" 10

# In it 0 to 65535 are others outside.
start holder unshare --user sleep 600
holder=$pid
elsewhere() { [ "$(readlink "/proc/$holder/ns/user")" != "$(readlink /proc/self/ns/user)" ]; }
wait_for 10 elsewhere || skip "no user namespace is to be had"
echo '0 100000 65536' >"/proc/$holder/uid_map" && echo '0 100000 65536' >"/proc/$holder/gid_map" || skip "no ids can be mapped"

for uid in 1000 65534; do
	begin nsenter --user --target "$holder" setpriv --reuid "$uid" --regid "$uid" --clear-groups
	one=$pid
	start jstrace "$jstrace" -v -e 'work:step < @ = count(); exit() >' -p "$one"
	attached jstrace "$one"
	wait_for 10 eval 'echo "fire 1 1" >&3; ended '"$pid" || fail "no event was counted of user $uid"
	grep -q '^@' "$work/jstrace.out" || fail "nothing was counted of user $uid"
	refused 12345 "$one" || fail "another user was not refused by a program of user $uid"
	exec 3>&-
	finished "$one" 10
done
