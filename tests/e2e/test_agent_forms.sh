#!/usr/bin/env bash
# The agent is a thread that libc does not know of, but where that cannot be; there it is one of libc's. Programs of all kinds, of which each can be traced, and says what libc makes of its threads.
. "$(dirname "$0")/lib.sh"
need cc setpriv

cat >"$work/program.c" <<'END'
#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/single_threaded.h>
#include <unistd.h>
#ifndef LATE
#include <jstrace.h>
void probe(int n) { JSTRACE("work:step", "n", n); }
#endif
#ifdef LARGE
__thread char large[300000];
#else
__thread char large[8];
#endif
static void *load(void *name)
{
	if (!dlopen(name, RTLD_NOW))
		puts(dlerror()), exit(1);
	return name;
}
int main(int argc, char **argv)
{
	pthread_t thread;

	large[argc] = 1;
	setvbuf(stdout, NULL, _IOLBF, 0);
	if (argc > 2 && strcmp(argv[2], "thread") == 0)
		pthread_create(&thread, NULL, load, argv[1]), pthread_join(thread, NULL);
	else if (argc > 1)
		load(argv[1]);
	/* A line is asked for when the program has been traced. */
	while (getchar() != EOF)
		puts(__libc_single_threaded ? "one thread" : "threads");
	return 0;
}
END
echo 'int main(void) { extern char __libc_single_threaded; return !__libc_single_threaded; }' >"$work/knows.c"
cc -o "$work/knows" "$work/knows.c" 2>/dev/null || skip 'libc does not say what it takes for a single thread'
printf '#include <jstrace.h>\nvoid probe(void) { JSTRACE("work:step"); }\n' >"$work/plugin.c"
cc -shared -fPIC -I"$root/libjstrace" -o "$work/plugin.so" "$work/plugin.c" -L"$build" -ljstrace -Wl,-rpath,"$build" || fail 'the plugin does not compile'
# Another's clock_gettime(), which could not do without its thread's own storage.
cat >"$work/clock.c" <<'END'
#define _GNU_SOURCE
#include <pthread.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>
#include <sys/syscall.h>
int clock_gettime(clockid_t clock, struct timespec *time)
{
	static __thread void *kept;
	if (!kept)
		kept = malloc(16);
	return (int)syscall(SYS_clock_gettime, clock, time);
}
END
cc -shared -fPIC -o "$work/clock.so" "$work/clock.c" || fail 'the clock does not compile'

compile() { # NAME ARGUMENT…
	local name=$1
	shift
	cc -O1 -I"$root/libjstrace" -o "$work/$name" "$work/program.c" "$@" -ldl -lpthread >"$work/$name.err" 2>&1
}
listed() { "$jstrace" -l -p "$program" >"$work/list.out" 2>"$work/list.err" && grep -q work:step "$work/list.out"; }
answered() { [ -s "$work/answer.out" ]; }
passed=0 skipped=0
# is FORM WHAT COMMAND…: starts it without privileges, unless it is to keep them, has its probe listed, and hears what libc takes it for.
is() {
	local form=$1 what=$2
	shift 2
	rm -f "$work/in" "$work/answer.out"
	mkfifo "$work/in"
	"$@" <"$work/in" >"$work/answer.out" 2>"$work/program.err" &
	program=$!
	children+=("$program")
	exec 9>"$work/in"
	wait_for 60 listed || fail "$what: its probe is not listed"
	echo >&9
	wait_for 60 answered || fail "$what: no answer"
	grep -qx "$form" "$work/answer.out" || fail "$what: not as was expected ($form)"
	exec 9>&-
	wait "$program" || fail "$what: ended with $?"
	children=()
	passed=$((passed + 1))
}
without() {
	printf 'skipped: %s\n' "$*"
	skipped=$((skipped + 1))
}
plain=
[ "$(id -u)" = 0 ] && plain='setpriv --securebits=+noroot'

compile archive "$build/libjstrace.a" || fail 'the program does not compile'
compile shared -L"$build" -ljstrace -Wl,-rpath,"$build" || fail 'the program does not compile with the shared library'
compile late -DLATE || fail 'the program that loads does not compile'
is 'one thread' 'with the archive' $plain "$work/archive"
is 'one thread' 'with the shared library' $plain "$work/shared"
is 'one thread' 'loaded late' $plain "$work/late" "$work/plugin.so"
is 'threads' 'loaded late by a thread' $plain "$work/late" "$work/plugin.so" thread
is 'threads' "beside another's clock" $plain env LD_PRELOAD="$work/clock.so" "$work/archive"
if compile static -static "$build/libjstrace.a"; then is 'one thread' 'static' $plain "$work/static"; else without 'there is no static libc'; fi
# Thread-local storage between the thread pointer and libc's errno.
compile large -DLARGE "$build/libjstrace.a" || fail 'the program with large thread-local storage does not compile'
is 'one thread' 'with large thread-local storage' $plain "$work/large"
if [ -n "$plain" ]; then is 'threads' 'with privileges' "$work/archive"; else without 'with privileges: not root'; fi
for sanitizer in address thread; do
	compile "$sanitizer" -fsanitize=$sanitizer "$build/libjstrace.a" && "$work/$sanitizer" </dev/null >/dev/null 2>&1 || { without "no sanitizer: $sanitizer"; continue; }
	is 'threads' "with the sanitizer: $sanitizer" $plain env ASAN_OPTIONS=detect_leaks=0 "$work/$sanitizer"
done
if command -v valgrind >/dev/null; then is 'threads' 'under valgrind' $plain valgrind -q "$work/archive"; else without 'valgrind is not installed'; fi

# Where stacks are, is learned from the main thread's control block then: a thread's is walked to its end.
cat >"$work/walked.c" <<'END'
#include <pthread.h>
#include <unistd.h>
#include <jstrace.h>
__attribute__((noinline)) static void inner(void) { JSTRACE("work:step"); __asm__ volatile("" ::: "memory"); }
static void *outermost(void *argument)
{
	for (;;) {
		inner();
		usleep(1000);
	}
	return argument;
}
int main(void)
{
	pthread_t thread;
	pthread_create(&thread, NULL, outermost, NULL);
	return pthread_join(thread, NULL);
}
END
cc -O1 -g -fno-omit-frame-pointer -I"$root/libjstrace" -o "$work/walked" "$work/walked.c" "$build/libjstrace.a" -lpthread || fail 'the program with a thread does not compile'
start walked $plain "$work/walked"
instrumented "$pid"
start stacks "$jstrace" -p "$pid" -e 'work:step { @[stack()] = count(); } tick-500ms { exit(); }'
stacks=$pid
walked() { ended "$stacks"; }
wait_for 30 walked || fail 'the walks of stacks do not end'
awk '/ inner /{inner = NR} / outermost /{outer = NR} /…/{cut = 1} END { exit !(inner && outer == inner + 1 && !cut) }' "$work/stacks.out" || fail "a thread's stack is not walked"
passed=$((passed + 1))
echo "$passed passed, 0 failed, $skipped skipped"
