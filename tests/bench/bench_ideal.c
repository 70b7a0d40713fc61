/*
 * The benchmark's jobs written by hand, as well as we know how: what a tracer that were free would cost.
 *
 * The clock is the time-stamp counter, scaled as the kernel scales it. Starts lie in one table that all threads share, four entries a cache line, taken by compare-and-swap. Each
 * thread has its own histogram and its own counts. On machines without rdtsc it reads clock_gettime.
 */
#include "bench.h"

#include <stdlib.h>

enum { BUCKETS_PER_LINE = 4, LINES = IN_FLIGHT * 2, HISTOGRAM_BITS = 4, CELLS = 16 };

struct entry {
	_Atomic uint64_t id; /* 0: free. Taken and given back by CAS and release store; who ends a request has seen its start return */
	_Atomic int64_t start;
};
static _Alignas(64) struct entry starts[LINES][BUCKETS_PER_LINE];

struct cell {
	int64_t key;
	uint64_t count;
};
static __thread uint64_t histogram[64 << HISTOGRAM_BITS];
static __thread struct cell cells[CELLS];
static __thread uint64_t passed_filter;
static bool off_is_on; /* what an if in front of a trace statement reads */

#ifdef __x86_64__
static uint64_t clock_multiplier; /* ns = ticks * multiplier >> 32 */

static inline int64_t now(void)
{
	return (int64_t)(((unsigned __int128)__builtin_ia32_rdtsc() * clock_multiplier) >> 32);
}

static void calibrate(void)
{
	double ns = bench_clock(CLOCK_MONOTONIC);
	uint64_t ticks = __builtin_ia32_rdtsc();
	while (bench_clock(CLOCK_MONOTONIC) < ns + 20e6)
		;
	clock_multiplier = (uint64_t)((bench_clock(CLOCK_MONOTONIC) - ns) / (double)(__builtin_ia32_rdtsc() - ticks) * 0x1p32);
}
#else
static inline int64_t now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static void calibrate(void)
{
}
#endif

static inline uint64_t line_of(uint64_t id)
{
	return id * 0x9e3779b97f4a7c15u >> 32;
}

static inline void fire_start(uint64_t id)
{
	int64_t start = now();
	uint64_t line = line_of(id);
	for (unsigned i = 0; i < 2 * BUCKETS_PER_LINE; i++) {
		struct entry *e = &starts[(line + i / BUCKETS_PER_LINE) % LINES][i % BUCKETS_PER_LINE];
		uint64_t free_id = 0;
		if (!atomic_load_explicit(&e->id, memory_order_relaxed) && atomic_compare_exchange_strong_explicit(&e->id, &free_id, id, memory_order_acquire, memory_order_relaxed)) {
			atomic_store_explicit(&e->start, start, memory_order_relaxed);
			return;
		}
	}
}

static inline void fire_end(uint64_t id, int status)
{
	(void)status;
	int64_t end = now();
	uint64_t line = line_of(id);
	for (unsigned i = 0; i < 2 * BUCKETS_PER_LINE; i++) {
		struct entry *e = &starts[(line + i / BUCKETS_PER_LINE) % LINES][i % BUCKETS_PER_LINE];
		if (atomic_load_explicit(&e->id, memory_order_relaxed) != id)
			continue;
		uint64_t latency = (uint64_t)(end - atomic_load_explicit(&e->start, memory_order_relaxed));
		atomic_store_explicit(&e->id, 0, memory_order_release);
		/* Log-linear, 2^BITS buckets a power of two. */
		unsigned power = 63 - (unsigned)__builtin_clzll(latency | (1 << HISTOGRAM_BITS));
		unsigned shift = power - HISTOGRAM_BITS;
		histogram[((uint64_t)shift << HISTOGRAM_BITS) + (latency >> shift)]++;
		return;
	}
}

static inline void fire_count(uint64_t id, int status)
{
	(void)id;
	int64_t key = status;
	for (uint64_t i = (uint64_t)key * 0x9e3779b97f4a7c15u >> 60;; i = (i + 1) % CELLS) {
		if (cells[i].key != key && cells[i].key)
			continue;
		cells[i].key = key;
		cells[i].count++;
		return;
	}
}

static inline void fire_filter(uint64_t id, int status)
{
	(void)id;
	if (status >= 1000)
		passed_filter++;
}

static inline void fire_off(uint64_t id, int status)
{
	if (__builtin_expect(*(volatile bool *)&off_is_on, false))
		printf("%llu %d\n", (unsigned long long)id, status);
}

static bool enabled(enum workload workload)
{
	return workload != OFF;
}

int main(void)
{
	calibrate();
	return bench_main();
}
