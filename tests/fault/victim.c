/*
 * The victim: a program under load that does what it is told on its standard input, a command a line, and answers each with a line. It keeps exact counts of what it fires, in memory that it shares with the
 * harness, and looks whether probes have changed anything that is its own. What it says depends on what it is told alone, so that one that is traced and one that is not say the same.
 *
 *     load N       workers 0 … N-1 handle requests, work:step each, until
 *     rest         they have ended
 *     fire N       worker 0 fires so often, at once
 *     quit         ends with code 7, and says before that what was harmed
 *
 * The rest is in victim_act.c and victim_signal.c.
 */
#include <errno.h>
#include <fenv.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include <jstrace.h>

#include "victim.h"

struct oracle *oracle;
const char *folder;

static pthread_t thread[ORACLE_WORKERS];
static int workers;
static _Atomic bool resting;

void say(const char *format, ...)
{
	char line[512];
	va_list arguments;

	va_start(arguments, format);
	int length = vsnprintf(line, sizeof(line) - 1, format, arguments);

	va_end(arguments);
	line[length++] = '\n';
	for (int at = 0; at < length;) {
		const ssize_t put = write(1, line + at, (size_t)(length - at));

		if (put <= 0 && errno != EINTR)
			_exit(9);
		at += put > 0 ? (int)put : 0;
	}
}

static void add(_Atomic uint64_t *count)
{
	/* One writer. */
	atomic_store_explicit(count, atomic_load_explicit(count, memory_order_relaxed) + 1, memory_order_relaxed);
}

long seen(struct oracle_worker *worker, long n)
{
	if (!atomic_load_explicit(&worker->seen, memory_order_relaxed))
		atomic_store_explicit(&worker->first, (uint64_t)n, memory_order_relaxed);
	atomic_store_explicit(&worker->last, (uint64_t)n, memory_order_relaxed);
	add(&worker->seen);
	return n;
}

long seen_extra(long n)
{
	atomic_fetch_add_explicit(&oracle->extra, 1, memory_order_relaxed);
	return n;
}

void fire(int w)
{
	struct oracle_worker *worker = &oracle->worker[w];
	const uint64_t n = atomic_load_explicit(&worker->begun, memory_order_relaxed);
	const volatile double third = 1.0 / 3;

	add(&worker->begun);
	errno = 4711;
	JSTRACE("work:step", "w", w, "n", seen(worker, (long)n), "half", (double)n / 2, "text", n & 1 ? "odd" : "even");
	if (errno != 4711)
		atomic_fetch_or(&oracle->harm, HARM_ERRNO);
	if (1.0 / 3 != third || fegetround() != FE_TONEAREST)
		atomic_fetch_or(&oracle->harm, HARM_FLOATING);
	add(&worker->done);
}

void fire_extra(long n)
{
	JSTRACE("extra:step", "n", seen_extra(n));
}

static int64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000000LL + now.tv_nsec;
}

/* The work of a request: what comes out is known beforehand, whatever happens around it. */
static uint32_t request(int w)
{
	uint32_t sum = 1;

	for (int i = 0; i < 50; i++) {
		sum = sum * 16777619u ^ (uint32_t)i;
		if (i % 10 == 0)
			fire(w);
	}
	return sum;
}

static void *serve(void *number)
{
	const int w = (int)(intptr_t)number;
	static _Atomic uint32_t right;

	while (!atomic_load_explicit(&resting, memory_order_relaxed)) {
		const int64_t begun = now_ns();
		const uint32_t sum = request(w);
		const int64_t took = now_ns() - begun;
		uint32_t first = 0;
		int bucket = 0;

		if (!atomic_compare_exchange_strong(&right, &first, sum) && first != sum)
			atomic_fetch_or(&oracle->harm, HARM_SUM);
		while (bucket < ORACLE_LATENCIES - 1 && took >> bucket > 1)
			bucket++;
		add(&oracle->worker[w].latency[bucket]);
		/* Some thousand requests a second of each worker, so that a small machine has time for the faults. */
		nanosleep(&(struct timespec){ 0, 100000 }, NULL);
	}
	return NULL;
}

static void act_load(long number, const char *text)
{
	(void)text;
	atomic_store(&resting, false);
	workers = number < ORACLE_WORKERS ? (int)number : ORACLE_WORKERS;
	for (int w = 0; w < workers; w++)
		if (pthread_create(&thread[w], NULL, serve, (void *)(intptr_t)w) != 0)
			abort();
	say("done");
}

static void act_rest(long number, const char *text)
{
	(void)number, (void)text;
	atomic_store(&resting, true);
	for (int w = 0; w < workers; w++)
		pthread_join(thread[w], NULL);
	workers = 0;
	say("done");
}

static void act_fire(long number, const char *text)
{
	(void)text;
	while (number-- > 0)
		fire(0);
	say("done");
}

static void act_quit(long number, const char *text)
{
	(void)number, (void)text;
	say("harm %x", atomic_load(&oracle->harm));
	exit(7);
}

static const struct act acts[] = { { "load", act_load }, { "rest", act_rest }, { "fire", act_fire }, { "quit", act_quit }, { NULL, NULL } };

static bool answer(const struct act *act, const char *command, const char *rest)
{
	for (; act->name; act++) {
		if (strcmp(act->name, command) == 0) {
			act->run(strtol(rest, NULL, 0), rest);
			return true;
		}
	}
	return false;
}

/* A line of standard input, without stdio, which has buffers that a child would share. */
static bool read_line(char *line, size_t room)
{
	size_t used = 0;

	while (used < room - 1) {
		const ssize_t got = read(0, line + used, 1);

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return false;
		if (line[used] == '\n')
			break;
		used++;
	}
	line[used] = 0;
	return true;
}

int main(int argc, char **argv)
{
	static char path[512], line[1024];

	if (argc < 2)
		return 2;
	/* What became of one that has exec'd itself: it lives until its input ends, so that whatever comes late meets it. */
	if (strcmp(argv[1], "after") == 0) {
		while (read_line(line, sizeof(line)))
			;
		return 42;
	}
	snprintf(path, sizeof(path), "%s", argv[0]);
	if (strrchr(path, '/'))
		*strrchr(path, '/') = 0;
	folder = path;
	oracle = mmap(NULL, sizeof(*oracle), PROT_READ | PROT_WRITE, MAP_SHARED, atoi(argv[1]), 0);
	if (oracle == MAP_FAILED)
		return 3;
	close(atoi(argv[1]));
	while (read_line(line, sizeof(line))) {
		char *rest = strchr(line, ' ');

		if (rest)
			*rest++ = 0;
		if (!answer(acts, line, rest ? rest : "") && !answer(victim_acts, line, rest ? rest : "") && !answer(victim_signal_acts, line, rest ? rest : ""))
			say("unknown: %s", line);
	}
	return 8;
}
