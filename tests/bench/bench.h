/*
 * The event loops of the benchmark, the same for every tracer.
 *
 * A program defines the fire_ functions and enabled(), includes this file and calls bench_main(). It reads commands, one a line, and answers each with one line:
 *
 *     run WORKLOAD THREADS EVENTS          GROSS NET FIRED: ns an event, the same without the loop (which is measured just before with the probes left out), and how many events all threads fired
 *     wait WORKLOAD on|off                 ok, once the probes of the workload are on or off; "late" after ten seconds
 *     keys N                               ok: the keys of the workload "keys" are N different ones from now on
 *     pace WORKLOAD RATE EVENTS            FIRED LATE: fires them at RATE a second in bursts of PACE_BURST, on one thread; LATE is by how many ms it ended behind time
 *
 * EVENTS are those of each thread; up to WARM_UP more are fired before each measurement. Time is the thread's CPU time, so that what else runs on the machine counts little. Threads are pinned
 * to the CPUs in turn, live until the program ends, and take ids of their own, which are never used twice.
 * Of print there are pauses, not counted, after each PRINT_BURST events: so many fit a ring of the usual size, and a record that is dropped would be cheaper than one that is written.
 *
 * Strings are PATHS different ones of 20 to 30 bytes, in a mixed order.
 */
#ifndef BENCH_H
#define BENCH_H

#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { IN_FLIGHT = 4096, ALL_IN_FLIGHT = 8 * IN_FLIGHT, THREADS_MAX = 512, SPINNERS = 8, SITES = 8, MANY_SITES = 1000, PATHS = 200, ORDER = 1024, SUM_EACH = 512, WARM_UP = 2 * IN_FLIGHT, PACE_BURST = 500, PRINT_BURST = 2000, PRINT_PAUSE_MS = 25 };

/* What all tracers have. */
#define BENCH_COMMON_WORKLOADS(X) \
	X(OFF, off)       /* a probe that is never enabled */ \
	X(FILTER, filter) /* enabled, with a predicate that is always false */ \
	X(COUNT, count)   /* events by status, of which there are eight */ \
	X(SUM, sum)       /* a sum by path, of SUM_EACH each time, so that it can be checked */ \
	X(HIST, hist)     /* a histogram by path */ \
	X(PRINT, print)   /* two integers are printed, or recorded */ \
	X(PAIR, pair)     /* a start and an end of the same thread, IN_FLIGHT apart */ \
	X(CROSS, cross)   /* the start on one thread, the end on another; an even number of threads */

/* What only tracers that aggregate have: a program that does defines BENCH_AGGREGATES, and the functions. */
#ifdef BENCH_AGGREGATES
#define BENCH_WORKLOADS(X) \
	BENCH_COMMON_WORKLOADS(X) \
	X(TEN, ten)       /* ten clauses on one probe, each counting by status */ \
	X(GLOB, glob)     /* MANY_SITES probes, of which a pattern has turned one on */ \
	X(KEYS, keys)     /* events by one of N integers in no order */
#else
#define BENCH_WORKLOADS(X) BENCH_COMMON_WORKLOADS(X)
#endif

#define BENCH_ENUM(name, word) name,
enum workload { BENCH_WORKLOADS(BENCH_ENUM) WORKLOADS };

static void fire_off(uint64_t id, int status);
static void fire_filter(uint64_t id, int status);
static void fire_count(uint64_t id, int status);
static void fire_sum(const char *path, int64_t bytes);
static void fire_hist(const char *path, int64_t ns);
static void fire_print(uint64_t id, int status);
static void fire_start(uint64_t id);
static void fire_end(uint64_t id, int status);
#ifdef BENCH_AGGREGATES
static void fire_ten(uint64_t id, int status);
static void fire_keys(int64_t key);
/* fire_many(n, id, status) is a macro; n: three digits, each number from 000 to 999 once. */
#endif
static bool enabled(enum workload workload);

static const int bench_statuses[8] = {200, 201, 204, 301, 304, 400, 404, 500};
static char bench_paths[PATHS][32];
static const char *bench_order[ORDER]; /* of paths */
static uint64_t bench_key_count = 10, bench_in_flight = IN_FLIGHT;

/* Keeps the compiler from seeing through a loop: what a baseline does in place of a probe. */
#define NOTHING(id, status) __asm__ volatile("" ::"r"(id), "r"(status))
#define EIGHT_TIMES(statement) statement; statement; statement; statement; statement; statement; statement; statement
/* What looks random, of id: a value of 20 bits, and one below bench_key_count. */
#define MIXED(id) ((id) * 0x9e3779b97f4a7c15u)
#define VALUE(id) ((int64_t)(MIXED(id) >> 44))
#define KEY(id) ((int64_t)((MIXED(id) >> 32) * keys >> 32))

/* One loop over a number of events. first: the first id. */
#define BENCH_LOOP(name, id_step, body)                                                                                                            \
	__attribute__((noinline)) static void bench_##name(uint64_t first, uint64_t events)                                                            \
	{                                                                                                                                              \
		const int *statuses = bench_statuses;                                                                                                  \
		const uint64_t keys = bench_key_count;                                                                                                      \
		__asm__("" : "+r"(statuses)); /* or it knew that the predicate is false */                                                             \
		(void)keys;                                                                                                                            \
		for (uint64_t i = 0; i < events; i += (id_step)) {                                                                                     \
			const uint64_t id = first + i;                                                                                                 \
			const int status = statuses[i / (id_step) % 8];                                                                                \
			const char *path = bench_order[id % ORDER];                                                                                    \
			(void)status;                                                                                                                  \
			(void)path;                                                                                                                    \
			body;                                                                                                                          \
		}                                                                                                                                      \
	}

BENCH_LOOP(off, SITES, EIGHT_TIMES(NOTHING(id, status); fire_off(id, status)))
BENCH_LOOP(off_base, SITES, EIGHT_TIMES(NOTHING(id, status)))
BENCH_LOOP(filter, 1, fire_filter(id, status))
BENCH_LOOP(count, 1, fire_count(id, status))
BENCH_LOOP(print, 1, fire_print(id, status))
BENCH_LOOP(single_base, 1, NOTHING(id, status))
BENCH_LOOP(sum, 1, fire_sum(path, SUM_EACH))
BENCH_LOOP(hist, 1, fire_hist(path, VALUE(id)))
BENCH_LOOP(sum_base, 1, NOTHING(path, SUM_EACH))
BENCH_LOOP(hist_base, 1, NOTHING(path, VALUE(id)))
BENCH_LOOP(start, 1, fire_start(id))
BENCH_LOOP(end, 1, fire_end(id, status))
#define bench_start_base bench_single_base
#define bench_end_base bench_single_base

#ifdef BENCH_AGGREGATES
#define TEN_SITES(tens) \
	MANY(tens##0) MANY(tens##1) MANY(tens##2) MANY(tens##3) MANY(tens##4) MANY(tens##5) MANY(tens##6) MANY(tens##7) MANY(tens##8) MANY(tens##9)
#define HUNDRED_SITES(h) \
	TEN_SITES(h##0) TEN_SITES(h##1) TEN_SITES(h##2) TEN_SITES(h##3) TEN_SITES(h##4) TEN_SITES(h##5) TEN_SITES(h##6) TEN_SITES(h##7) TEN_SITES(h##8) TEN_SITES(h##9)
#define ALL_SITES \
	HUNDRED_SITES(0) HUNDRED_SITES(1) HUNDRED_SITES(2) HUNDRED_SITES(3) HUNDRED_SITES(4) HUNDRED_SITES(5) HUNDRED_SITES(6) HUNDRED_SITES(7) HUNDRED_SITES(8) HUNDRED_SITES(9)

BENCH_LOOP(ten, 1, fire_ten(id, status))
BENCH_LOOP(keys, 1, fire_keys(KEY(id)))
BENCH_LOOP(keys_base, 1, NOTHING(id, KEY(id)))
#define MANY(n) NOTHING(id, status); fire_many(n, id, status);
BENCH_LOOP(glob, MANY_SITES, ALL_SITES)
#undef MANY
#define MANY(n) NOTHING(id, status);
BENCH_LOOP(glob_base, MANY_SITES, ALL_SITES)
#define bench_ten_base bench_single_base
#endif
#define bench_filter_base bench_single_base
#define bench_count_base bench_single_base
#define bench_print_base bench_single_base

/* Half of the events are starts, half are ends of what started IN_FLIGHT ids before; fewer where many threads would have too many in flight together. */
#define BENCH_PAIR(name, start, end)                                                                                                               \
	__attribute__((noinline)) static void bench_##name(uint64_t first, uint64_t events)                                                            \
	{                                                                                                                                              \
		uint64_t pairs = events / 2, id = first, last = first + pairs, in_flight = pairs < bench_in_flight ? pairs : bench_in_flight;          \
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
/* The loop of cross is bench_cross_phases(). */
#define bench_cross NULL
#define bench_cross_base NULL

#define BENCH_ROW(name, word) [name] = {#word, bench_##word, bench_##word##_base},
static const struct {
	const char *name;
	void (*with)(uint64_t first, uint64_t events), (*base)(uint64_t first, uint64_t events);
} bench_loops[WORKLOADS] = { BENCH_WORKLOADS(BENCH_ROW) };

/* Where all threads of a run meet: a few spin, which disturbs the caches least; many sleep. */
struct bench_meeting {
	pthread_barrier_t barrier;
	_Atomic unsigned arrived;
	unsigned threads;
};

struct bench_thread {
	pthread_t thread;
	sem_t go, done;
	bool lives;
	unsigned index, turns; /* turns: how often it has been at the meeting */
	enum workload workload;
	uint64_t first, warm_up, events; /* the ids of the warm-up come first */
	struct bench_meeting *meeting;
	double gross, base;
};

static double bench_clock(clockid_t clock)
{
	struct timespec t;
	clock_gettime(clock, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

/* Waits until all threads of the run have come as often as this one. There may be more threads than CPUs. */
static void bench_meet(struct bench_thread *t)
{
	if (t->meeting->threads > SPINNERS) {
		pthread_barrier_wait(&t->meeting->barrier);
		return;
	}
	t->turns++;
	atomic_fetch_add(&t->meeting->arrived, 1);
	for (unsigned spins = 0; atomic_load(&t->meeting->arrived) < t->turns * t->meeting->threads; spins++) {
		if (spins > 1000)
			sched_yield();
	}
}

/*
 * Every other thread starts a batch of ids while its neighbour ends the batch before; then they meet, and the waiting is not counted. So up to IN_FLIGHT are in flight.
 * Both have the same first id. Returns ns of CPU time.
 */
static double bench_cross_phases(struct bench_thread *t, uint64_t first, uint64_t events, bool probes)
{
	const uint64_t batch = IN_FLIGHT / 2, batches = events / batch;
	const bool starts = t->index % 2 == 0;
	double ns = 0;
	for (uint64_t phase = 0; phase <= batches; phase++) {
		double begin = bench_clock(CLOCK_THREAD_CPUTIME_ID);
		if (starts && phase < batches)
			(probes ? bench_start : bench_start_base)(first + phase * batch, batch);
		else if (!starts && phase > 0)
			(probes ? bench_end : bench_end_base)(first + (phase - 1) * batch, batch);
		ns += bench_clock(CLOCK_THREAD_CPUTIME_ID) - begin;
		bench_meet(t);
	}
	return ns;
}

/* In bursts that fit a ring, with pauses in which it is emptied. Returns ns of CPU time. */
static double bench_bursts(struct bench_thread *t, uint64_t first, uint64_t events)
{
	const struct timespec pause = {.tv_nsec = PRINT_PAUSE_MS * 1000000};
	double ns = 0;
	for (uint64_t fired = 0, burst; fired < events; fired += burst) {
		burst = events - fired < PRINT_BURST ? events - fired : PRINT_BURST;
		double begin = bench_clock(CLOCK_THREAD_CPUTIME_ID);
		bench_loops[t->workload].with(first + fired, burst);
		ns += bench_clock(CLOCK_THREAD_CPUTIME_ID) - begin;
		nanosleep(&pause, NULL);
	}
	return ns;
}

/* ns of CPU time for a number of events. */
static double bench_time(struct bench_thread *t, uint64_t first, uint64_t events, bool probes)
{
	if (!events)
		return 0;
	if (t->workload == CROSS)
		return bench_cross_phases(t, first, events, probes);
	if (t->workload == PRINT && probes)
		return bench_bursts(t, first, events);
	double begin = bench_clock(CLOCK_THREAD_CPUTIME_ID);
	(probes ? bench_loops[t->workload].with : bench_loops[t->workload].base)(first, events);
	return bench_clock(CLOCK_THREAD_CPUTIME_ID) - begin;
}

static void bench_pin(unsigned index)
{
	cpu_set_t allowed, one;
	if (sched_getaffinity(0, sizeof(allowed), &allowed) || CPU_COUNT(&allowed) < 1)
		return;
	unsigned left = index % (unsigned)CPU_COUNT(&allowed), cpu = 0;
	while (!CPU_ISSET(cpu, &allowed) || left--)
		cpu++;
	CPU_ZERO(&one);
	CPU_SET(cpu, &one);
	sched_setaffinity(0, sizeof(one), &one); /* where it is refused the figures are less steady */
}

static void bench_measure(struct bench_thread *t)
{
	bench_time(t, t->first, t->warm_up, true);
	bench_meet(t);
	t->base = bench_time(t, t->first, t->events, false) / (double)t->events;
	bench_meet(t);
	t->gross = bench_time(t, t->first + t->warm_up, t->events, true) / (double)t->events;
}

/* A thread: one run after the other. */
static void *bench_work(void *argument)
{
	struct bench_thread *t = argument;
	bench_pin(t->index);
	for (;;) {
		while (sem_wait(&t->go))
			;
		bench_measure(t);
		sem_post(&t->done);
	}
	return NULL;
}

/* Gives the work to a thread, which is made if there is none of this index yet. */
static void bench_begin(struct bench_thread *t)
{
	if (!t->lives && (sem_init(&t->go, 0, 0) || sem_init(&t->done, 0, 0) || pthread_create(&t->thread, NULL, bench_work, t)))
		abort(); /* those that run would wait for ever */
	t->lives = true;
	sem_post(&t->go);
}

static uint64_t bench_next_id = 1;

/* False: the command makes no sense. */
static bool bench_run(enum workload workload, unsigned threads, uint64_t events)
{
	const uint64_t multiple = workload == CROSS ? IN_FLIGHT / 2 : workload == OFF ? SITES : 2;
	events -= events % multiple;
#ifdef BENCH_AGGREGATES
	if (workload == GLOB)
		events -= events % MANY_SITES;
#endif
	if (!threads || threads > THREADS_MAX || !events || (workload == CROSS && threads % 2))
		return false;
	bench_in_flight = threads * IN_FLIGHT > ALL_IN_FLIGHT ? ALL_IN_FLIGHT / threads : IN_FLIGHT;
	const uint64_t most = workload == PRINT ? PRINT_BURST : WARM_UP, warm_up = events < most ? 0 : most - most % (multiple == 2 ? MANY_SITES : multiple);
	static struct bench_thread thread[THREADS_MAX];
	struct bench_meeting meeting = {.threads = threads};
	if (pthread_barrier_init(&meeting.barrier, NULL, threads))
		return false;
	double gross = 0, base = 0;
	for (unsigned i = 0; i < threads; i++) {
		struct bench_thread *t = &thread[i];
		t->index = i;
		t->turns = 0;
		t->workload = workload;
		t->first = bench_next_id;
		t->warm_up = warm_up;
		t->events = events;
		t->meeting = &meeting;
		if (workload != CROSS || i % 2)
			bench_next_id += warm_up + events;
	}
	for (unsigned i = 0; i < threads; i++)
		bench_begin(&thread[i]);
	for (unsigned i = 0; i < threads; i++) {
		while (sem_wait(&thread[i].done))
			;
		gross += thread[i].gross / threads;
		base += thread[i].base / threads;
	}
	pthread_barrier_destroy(&meeting.barrier);
	printf("%.4f %.4f %llu\n", gross, gross - base, (unsigned long long)(threads * (warm_up + events)));
	return true;
}

static bool bench_pace(enum workload workload, unsigned rate, uint64_t events)
{
	events -= events % PACE_BURST;
	if (!rate || !events || !bench_loops[workload].with)
		return false;
	const double begin = bench_clock(CLOCK_MONOTONIC);
	for (uint64_t fired = 0; fired < events; fired += PACE_BURST) {
		while (bench_clock(CLOCK_MONOTONIC) < begin + (double)fired * 1e9 / rate)
			;
		bench_loops[workload].with(bench_next_id, PACE_BURST);
		bench_next_id += PACE_BURST;
	}
	printf("%llu %.3f\n", (unsigned long long)events, (bench_clock(CLOCK_MONOTONIC) - begin - (double)events * 1e9 / rate) / 1e6);
	return true;
}

static void bench_wait(enum workload workload, bool on)
{
	double limit = bench_clock(CLOCK_MONOTONIC) + 10e9;
	while (enabled(workload) != on && bench_clock(CLOCK_MONOTONIC) < limit)
		sched_yield();
	puts(enabled(workload) == on ? "ok" : "late");
}

/* One command. False: it makes no sense. */
static bool bench_command(const char *line)
{
	char command[8], name[16], word[16];
	unsigned long long last = 0;
	unsigned number = 0, w = 0;
	const int words = sscanf(line, "%7s %15s %15s %llu", command, name, word, &last);
	if (words == 2 && !strcmp(command, "keys")) {
		bench_key_count = strtoull(name, NULL, 10);
		if (!bench_key_count || bench_key_count >> 32)
			return false;
		puts("ok");
		return true;
	}
	while (words > 1 && w < WORKLOADS && strcmp(bench_loops[w].name, name))
		w++;
	if (words < 3 || w == WORKLOADS)
		return false;
	if (words == 3 && !strcmp(command, "wait")) {
		bench_wait(w, !strcmp(word, "on"));
		return true;
	}
	if (words != 4 || sscanf(word, "%u", &number) != 1)
		return false;
	return !strcmp(command, "run") ? bench_run(w, number, last) : !strcmp(command, "pace") && bench_pace(w, number, last);
}

static void bench_make_paths(void)
{
	for (unsigned i = 0; i < PATHS; i++)
		snprintf(bench_paths[i], sizeof(bench_paths[i]), "/api/v1/%.*s/%u", 5 + (int)(i % 7), "customer-orders", 1000 + i * 7);
	for (unsigned i = 0, random = 1; i < ORDER; i++) {
		random = random * 1103515245 + 12345;
		bench_order[i] = bench_paths[(random >> 16) % PATHS];
	}
}

static int bench_main(void)
{
	char line[128];
	setvbuf(stdout, NULL, _IOLBF, 0);
	bench_make_paths();
	while (fgets(line, sizeof(line), stdin)) {
		if (!bench_command(line))
			puts("error");
	}
	return 0;
}

#endif
