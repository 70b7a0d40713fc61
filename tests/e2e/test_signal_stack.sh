#!/usr/bin/env bash
# A handler on a signal stack of 8 KiB, of which the kernel's frame may take half, fires probes of either sort, each for the first time there: no probe binds a function of libc, or has large arrays on the stack.
. "$(dirname "$0")/lib.sh"
need cc

cat >"$work/program.c" <<'END'
#define _GNU_SOURCE
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <jstrace.h>
static void handle(int signal)
{
	static int n;
	char name[] = "dynamic:a";
	const struct jstrace_field fields[2] = { jstrace_double("d", ++n / 3.0), jstrace_string("s", "hello") };

	(void)signal;
	name[8] = (char)('a' + n % 26);
	jstrace_fire(name, fields, 2);
	JSTRACE("work:step", "i", n, "d", n / 3.0);
}
int main(void)
{
	enum { GUARD = 65536, SIZE = 8192 };
	char *memory = mmap(NULL, GUARD + SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	const stack_t stack = { .ss_sp = memory + GUARD, .ss_size = SIZE };
	const struct sigaction action = { .sa_handler = handle, .sa_flags = SA_ONSTACK };

	if (mprotect(memory, GUARD, PROT_NONE) || sigaltstack(&stack, NULL) || sigaction(SIGUSR1, &action, NULL))
		return 77;
	for (int i = 0; i < 200; i++) {
		raise(SIGUSR1);
		usleep(10000);
	}
	return 0;
}
END
cc -O2 -Wl,-z,lazy -I"$root/libjstrace" -o "$work/program" "$work/program.c" "$build/libjstrace.a" -lpthread || fail 'the program does not compile'
"$work/program" &
pid=$!
children+=("$pid")
instrumented "$pid"
"$jstrace" -q -p "$pid" --duration 1s -e 'dynamic:* < @count = count(); v = v + s; @keyed[str(d), s] = count(); printf("%s %d\n", str(d), 1) > work:step < @hist = hist(i); @text[str(d)] = count() >' \
	>"$work/jstrace.out" 2>"$work/jstrace.err" || fail 'tracing failed'
wait "$pid"
code=$?
[ "$code" = 77 ] && skip 'no such signal stack can be had here'
[ "$code" = 0 ] || fail "the program ended with $code"
children=()
grep -q '@text' "$work/jstrace.out" || fail 'nothing was counted'
