/*
 * The benchmark's jobs written by hand, as well as we know how: what a tracer that were free would cost.
 *
 * The clock is the time-stamp counter, scaled as the kernel scales it. Starts lie in one table that all threads share, four entries a cache line, taken by compare-and-swap. Each
 * thread has its own counts, sums, histograms and ring of records, none of which needs an atomic read-modify-write. On machines without rdtsc it reads clock_gettime.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#define BENCH_AGGREGATES
#define fire_many(n, id, status) fire_one_of_many(1##n - 1000, id, status) /* 1##n: 007 is no octal number then */
static inline void fire_one_of_many(unsigned n, uint64_t id, int status);
#include "bench.h"

enum {
	BUCKETS_PER_LINE = 4,
	LINES = IN_FLIGHT * 2,
	HISTOGRAM_BITS = 4,
	HISTOGRAM = 64 << HISTOGRAM_BITS,
	CELLS = 16,
	STRINGS = 512,
	KEYS_BITS = 21,
	RING = 8192
};

struct entry {
	_Atomic uint64_t id; /* 0: free. Taken and given back by CAS and release store; who ends a request has seen its start return */
	_Atomic int64_t start;
};
static _Alignas(64) struct entry starts[LINES][BUCKETS_PER_LINE];

struct cell {
	int64_t key;
	uint64_t count;
};
static __thread uint64_t histogram[HISTOGRAM];
static __thread struct cell cells[CELLS], cells_of_ten[10][CELLS];
static __thread uint64_t passed_filter, passed_many;
static bool off_is_on; /* what an if in front of a trace statement reads */
static volatile bool many_is_on[MANY_SITES] = {[777] = true};

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

/* Log-linear, 2^BITS buckets a power of two. */
static inline unsigned bucket_of(uint64_t value)
{
	unsigned power = 63 - (unsigned)__builtin_clzll(value | (1 << HISTOGRAM_BITS));
	unsigned shift = power - HISTOGRAM_BITS;
	return (shift << HISTOGRAM_BITS) + (unsigned)(value >> shift);
}

/* ---- starts and ends ---- */

static inline uint64_t line_of(uint64_t id)
{
	return MIXED(id) >> 32;
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
		histogram[bucket_of(latency)]++;
		return;
	}
}

/* ---- counts by integers ---- */

static inline void count_in(struct cell *table, unsigned bits, int64_t key)
{
	for (uint64_t i = MIXED((uint64_t)key) >> (64 - bits);; i = (i + 1) & ((1u << bits) - 1)) {
		if (table[i].key != key && table[i].key)
			continue;
		table[i].key = key;
		table[i].count++;
		return;
	}
}

static inline void fire_count(uint64_t id, int status)
{
	(void)id;
	count_in(cells, 4, status);
}

static inline void fire_ten(uint64_t id, int status)
{
	(void)id;
	for (unsigned i = 0; i < 10; i++)
		count_in(cells_of_ten[i], 4, status);
}

/* Large, so that it is not a thread's but that of the one thread that has this job. */
static struct cell key_table[1 << KEYS_BITS];

static inline void fire_keys(int64_t key)
{
	count_in(key_table, KEYS_BITS, key + 1);
}

/* ---- by strings ---- */

struct string_cell {
	uint64_t hash; /* 0: free */
	uint32_t length;
	char text[44];
	int64_t sum;
};
struct string_histogram {
	struct string_cell cell;
	uint32_t histogram[HISTOGRAM];
};
static __thread struct string_cell sums[STRINGS];
static __thread struct string_histogram *histograms; /* STRINGS of them */

/* Eight bytes at a time; the last eight may overlap those before. */
static inline uint64_t hash_of(const char *text, size_t length)
{
	uint64_t hash = length, word;
	for (size_t i = 0; i + 8 < length; i += 8) {
		memcpy(&word, text + i, 8);
		hash = (hash ^ word) * 0x9e3779b97f4a7c15u;
		hash ^= hash >> 32;
	}
	memcpy(&word, text + (length < 8 ? 0 : length - 8), 8); /* a path has eight bytes and more */
	hash = (hash ^ word) * 0x9e3779b97f4a7c15u;
	return hash ^ hash >> 32 ^ 1;
}

/* The cell of a path, in a table whose cells lie stride bytes apart. */
static inline struct string_cell *cell_of(void *table, size_t stride, const char *path)
{
	const size_t length = strlen(path);
	const uint64_t hash = hash_of(path, length);
	for (uint64_t i = hash;; i++) {
		struct string_cell *c = (void *)((char *)table + i % STRINGS * stride);
		if (c->hash == hash && c->length == length && !memcmp(c->text, path, length))
			return c;
		if (c->hash)
			continue;
		c->hash = hash;
		c->length = (uint32_t)length;
		memcpy(c->text, path, length);
		return c;
	}
}

static inline void fire_sum(const char *path, int64_t bytes)
{
	cell_of(sums, sizeof(*sums), path)->sum += bytes;
}

static inline void fire_hist(const char *path, int64_t ns)
{
	if (__builtin_expect(!histograms, false) && !(histograms = calloc(STRINGS, sizeof(*histograms))))
		abort();
	struct string_histogram *h = (void *)cell_of(histograms, sizeof(*histograms), path);
	h->histogram[bucket_of((uint64_t)ns)]++;
}

/* ---- the rest ---- */

struct record {
	uint32_t length, kind;
	int64_t id, status;
};
static __thread struct record ring[RING];
static __thread _Atomic uint64_t ring_head; /* who would read it would acquire it */

/* Nobody reads: what a record costs that is never waited for. */
static inline void fire_print(uint64_t id, int status)
{
	uint64_t head = atomic_load_explicit(&ring_head, memory_order_relaxed);
	ring[head % RING] = (struct record){.length = sizeof(struct record), .kind = 1, .id = (int64_t)id, .status = status};
	atomic_store_explicit(&ring_head, head + 1, memory_order_release);
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

static inline void fire_one_of_many(unsigned n, uint64_t id, int status)
{
	(void)id;
	if (__builtin_expect(many_is_on[n], false))
		passed_many += status != 0;
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
