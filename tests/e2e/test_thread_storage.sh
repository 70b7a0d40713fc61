#!/usr/bin/env bash
# Programs whose thread-local storage is about as large as the agent's stack, which libc takes it from: they run, and can be traced.
. "$(dirname "$0")/lib.sh"
need cc

cat >"$work/program.c" <<'END'
#include <signal.h>
#include <unistd.h>
#include <jstrace.h>
static __thread char storage[KIB << 10];
static volatile sig_atomic_t ended;
static void end(int signal) { (void)signal; ended = 1; }
int main(void)
{
	signal(SIGTERM, end);
	storage[1] = 1;
	for (int i = 0; !ended; i++) {
		JSTRACE("work:step", "i", i);
		usleep(1000);
	}
	return storage[getpid() % 16 + 16];
}
END
for kib in 16 240 244 246 247 248 250 252 256 1024; do
	cc -DKIB=$kib -I"$root/libjstrace" -o "$work/program$kib" "$work/program.c" "$build/libjstrace.a" -lpthread || fail 'the program does not compile'
	"$work/program$kib" >"$work/program.out" 2>&1 &
	pid=$!
	children+=("$pid")
	instrumented "$pid"
	"$jstrace" -q -p "$pid" --duration 300ms -e 'work:step < @n = count() >' >"$work/jstrace.out" 2>"$work/jstrace.err" || fail "a program with $kib KiB of thread-local storage cannot be traced"
	kill -TERM "$pid"
	wait "$pid" || fail "the program with $kib KiB ended with $?"
	children=()
	grep -q '@n' "$work/jstrace.out" || fail 'nothing was counted'
done
