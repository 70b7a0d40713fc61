/*
 * The event loops of the benchmark, the same for every tracer.
 *
 * A program defines the five fire_ functions and enabled(), includes this file and calls bench_main(). It reads commands, one a line, and answers each with one line:
 *
 *     run WORKLOAD THREADS EVENTS    GROSS NET: ns an event, and the same without the loop, which is measured just before with the probes left out
 *     wait WORKLOAD on|off           ok, once the probes of the workload are on or off; "late" after ten seconds
 *
 * Workloads: off (a probe that is never enabled), filter (enabled, with a predicate that is always false), count (events by status), pair (a start and an end, IN_FLIGHT apart).
 * EVENTS are those of each thread. Time is the thread's CPU time, so that what else runs on the machine counts little. Threads are pinned to a CPU each and take ids of their own, which are never used twice.
 */
#ifndef BENCH_H
#define BENCH_H

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { IN_FLIGHT = 4096, THREADS_MAX = 8, SITES = 8 };
enum workload { OFF, FILTER, COUNT, PAIR, WORKLOADS };

static void fire_off(uint64_t id, int status);
static void fire_filter(uint64_t id, int status);
static void fire_count(uint64_t id, int status);
static void fire_start(uint64_t id);
static void fire_end(uint64_t id, int status);
static bool enabled(enum workload workload);

/* Keeps the compiler from seeing through a loop: what a baseline does in place of a probe. */
#define NOTHING(id, status) __asm__ volatile("" ::"r"(id), "r"(status))
#define EIGHT_TIMES(statement) statement; statement; statement; statement; statement; statement; statement; statement

static const int bench_statuses[8] = {200, 201, 204, 301, 304, 400, 404, 500};

/* One loop; probes decides, at compile time, whether it fires. first: the first id. */
#define BENCH_LOOP(name, id_step, body)                                                                                                            \
	__attribute__((noinline)) static void bench_##name(uint64_t first, uint64_t events)                                                            \
	{                                                                                                                                              \
		const int *statuses = bench_statuses;                                                                                                  \
		__asm__("" : "+r"(statuses)); /* or it knew that the predicate is false */                                                             \
		for (uint64_t i = 0; i < events; i += (id_step)) {                                                                                     \
			uint64_t id = first + i;                                                                                                       \
			int status = statuses[i / (id_step) % 8];                                                                                      \
			body;                                                                                                                          \
		}                                                                                                                                      \
	}

BENCH_LOOP(off, SITES, EIGHT_TIMES(NOTHING(id, status); fire_off(id, status)))
BENCH_LOOP(off_base, SITES, EIGHT_TIMES(NOTHING(id, status)))
BENCH_LOOP(filter, 1, fire_filter(id, status))
BENCH_LOOP(count, 1, fire_count(id, status))
BENCH_LOOP(single_base, 1, NOTHING(id, status))

/* Half of the events are starts, half are ends of what started IN_FLIGHT ids before. */
#define BENCH_PAIR(name, start, end)                                                                                                               \
	__attribute__((noinline)) static void bench_##name(uint64_t first, uint64_t events)                                                            \
	{                                                                                                                                              \
		uint64_t pairs = events / 2, id = first, last = first + pairs, in_flight = pairs < IN_FLIGHT ? pairs : IN_FLIGHT;                      \
		for (; id < first + in_flight; id++) {                                                                                                 \
			start(id);                                                                                                                     \
		}                                                                                                                                      \
		for (; id < last; id++) {                                                                                                              \
			start(id);                                                                                                                     \
			end(id - in_flight, bench_statuses[id % 8]);                                                                                   \
		}                                                                                                                                      \
		for (id -= in_flight; id < last; id++) {                                                                                               \
			end(id, bench_statuses[id % 8]);                                                                                               \
		}                                                                                                                                      \
	}
#define NO_START(id) NOTHING(id, 0)
BENCH_PAIR(pair, fire_start, fire_end)
BENCH_PAIR(pair_base, NO_START, NOTHING)

static const struct {
	const char *name;
	void (*with)(uint64_t first, uint64_t events), (*base)(uint64_t first, uint64_t events);
} bench_loops[WORKLOADS] = {
	[OFF] = {"off", bench_off, bench_off_base},
	[FILTER] = {"filter", bench_filter, bench_single_base},
	[COUNT] = {"count", bench_count, bench_single_base},
	[PAIR] = {"pair", bench_pair, bench_pair_base},
};

struct bench_thread {
	pthread_t thread;
	unsigned index;
	enum workload workload;
	uint64_t first, events;
	_Atomic unsigned *arrived; /* by all threads of the run */
	unsigned threads;
	double gross, base;
};

static double bench_clock(clockid_t clock)
{
	struct timespec t;
	clock_gettime(clock, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

/* Waits until all threads of the run have come as often as this one. */
static void bench_barrier(struct bench_thread *t, unsigned turn)
{
	atomic_fetch_add(t->arrived, 1);
	while (atomic_load(t->arrived) < turn * t->threads)
		;
}

static void *bench_work(void *argument)
{
	struct bench_thread *t = argument;
	cpu_set_t cpu;
	CPU_ZERO(&cpu);
	CPU_SET(t->index, &cpu);
	sched_setaffinity(0, sizeof(cpu), &cpu); /* where it is refused the figures are less steady */

	bench_barrier(t, 1);
	double begin = bench_clock(CLOCK_THREAD_CPUTIME_ID);
	bench_loops[t->workload].base(t->first, t->events);
	t->base = (bench_clock(CLOCK_THREAD_CPUTIME_ID) - begin) / (double)t->events;
	bench_barrier(t, 2);
	begin = bench_clock(CLOCK_THREAD_CPUTIME_ID);
	bench_loops[t->workload].with(t->first, t->events);
	t->gross = (bench_clock(CLOCK_THREAD_CPUTIME_ID) - begin) / (double)t->events;
	return NULL;
}

/* False: the command makes no sense. */
static bool bench_run(enum workload workload, unsigned threads, uint64_t events)
{
	static uint64_t next = 1;
	if (!threads || threads > THREADS_MAX || !events)
		return false;
	struct bench_thread thread[THREADS_MAX];
	_Atomic unsigned arrived = 0;
	double gross = 0, base = 0;
	for (unsigned i = 0; i < threads; i++) {
		thread[i] = (struct bench_thread){.index = i, .workload = workload, .first = next, .events = events, .arrived = &arrived, .threads = threads};
		next += events;
		if (pthread_create(&thread[i].thread, NULL, bench_work, &thread[i]))
			return false;
	}
	for (unsigned i = 0; i < threads; i++) {
		pthread_join(thread[i].thread, NULL);
		gross += thread[i].gross / threads;
		base += thread[i].base / threads;
	}
	printf("%.4f %.4f\n", gross, gross - base);
	return true;
}

static void bench_wait(enum workload workload, bool on)
{
	double limit = bench_clock(CLOCK_MONOTONIC) + 10e9;
	while (enabled(workload) != on && bench_clock(CLOCK_MONOTONIC) < limit)
		sched_yield();
	puts(enabled(workload) == on ? "ok" : "late");
}

static int bench_main(void)
{
	char line[128], command[8], name[16], word[16];
	setvbuf(stdout, NULL, _IOLBF, 0);
	while (fgets(line, sizeof(line), stdin)) {
		unsigned long long events = 0;
		unsigned threads = 0, w = 0;
		int n = sscanf(line, "%7s %15s %15s %llu", command, name, word, &events);
		while (n > 1 && w < WORKLOADS && strcmp(bench_loops[w].name, name))
			w++;
		if (n == 3 && w < WORKLOADS && !strcmp(command, "wait"))
			bench_wait(w, !strcmp(word, "on"));
		else if (n != 4 || w == WORKLOADS || strcmp(command, "run") || sscanf(word, "%u", &threads) != 1 || !bench_run(w, threads, events))
			puts("error");
	}
	return 0;
}

#endif
