#!/usr/bin/env bash
# A program that forbids its threads, the agent among them, a call on pain of death is left alone. One that was under filters from the beginning is traced.
. "$(dirname "$0")/lib.sh"
need cc

cat >"$work/program.c" <<'END'
#define _GNU_SOURCE
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <jstrace.h>
static int confine(unsigned what)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_socket, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, what),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = { 4, code };

	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, &program);
}
int main(int argc, char **argv)
{
	if (argc > 1) { /* a harmless filter, and then the program proper */
		if (confine(SECCOMP_RET_ALLOW))
			return 77;
		execl("/proc/self/exe", argv[0], (char *)NULL);
		return 1;
	}
	while (getchar() == 'x')
		if (confine(SECCOMP_RET_KILL_PROCESS))
			return 77;
		else
			puts("confined"), fflush(stdout);
	return 0;
}
void probe(void) { JSTRACE("work:step"); }
END
cc -I"$root/libjstrace" -o "$work/program" "$work/program.c" "$build/libjstrace.a" -lpthread || fail 'the program does not compile'

listed() { "$jstrace" -l -p "$pid" >"$work/list.out" 2>"$work/list.err"; }
settled() { grep -q confined "$work/program.out" || ended "$pid"; }

for filtered in '' yes; do
	mkfifo "$work/in$filtered"
	"$work/program" $filtered <"$work/in$filtered" >"$work/program.out" 2>&1 &
	pid=$!
	children+=("$pid")
	exec 9>"$work/in$filtered"
	wait_for 10 listed
	grep -q work:step "$work/list.out" || { kill -0 "$pid" 2>/dev/null || skip 'no filter can be set here'; fail 'the probes were not listed'; }
	# The agent goes back to sleep before it is confined.
	wait_for 10 asleep "$pid" || fail 'the agent does not go back to sleep'
	printf x >&9
	wait_for 10 settled
	grep -q confined "$work/program.out" || skip 'no filter can be set here'
	"$jstrace" -l -p "$pid" >"$work/list.out" 2>"$work/list.err" && fail 'a confined process was woken'
	grep -q seccomp "$work/list.err" || fail 'the reason is not told'
	exec 9>&-
	wait "$pid" || fail "the confined program ended with $?"
	children=()
done
