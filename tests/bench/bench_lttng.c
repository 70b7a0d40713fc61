/*
 * The benchmark's events, recorded by LTTng-UST.
 */
#define LTTNG_UST_TRACEPOINT_DEFINE
#define LTTNG_UST_TRACEPOINT_CREATE_PROBES
#include "bench_lttng.h"

#include "bench.h"

static inline void fire_off(uint64_t id, int status)
{
	lttng_ust_tracepoint(bench, off, id, status);
}

static inline void fire_filter(uint64_t id, int status)
{
	lttng_ust_tracepoint(bench, filter, id, status);
}

static inline void fire_count(uint64_t id, int status)
{
	lttng_ust_tracepoint(bench, count, id, status);
}

static inline void fire_sum(const char *path, int64_t bytes)
{
	lttng_ust_tracepoint(bench, sum, path, bytes);
}

static inline void fire_hist(const char *path, int64_t ns)
{
	lttng_ust_tracepoint(bench, hist, path, ns);
}

static inline void fire_print(uint64_t id, int status)
{
	lttng_ust_tracepoint(bench, print, id, status);
}

static inline void fire_start(uint64_t id)
{
	lttng_ust_tracepoint(bench, request_start, id);
}

static inline void fire_end(uint64_t id, int status)
{
	lttng_ust_tracepoint(bench, request_end, id, status);
}

static bool enabled(enum workload workload)
{
	switch (workload) {
	case OFF:
		return lttng_ust_tracepoint_enabled(bench, off);
	case FILTER:
		return lttng_ust_tracepoint_enabled(bench, filter);
	case COUNT:
		return lttng_ust_tracepoint_enabled(bench, count);
	case SUM:
		return lttng_ust_tracepoint_enabled(bench, sum);
	case HIST:
		return lttng_ust_tracepoint_enabled(bench, hist);
	case PRINT:
		return lttng_ust_tracepoint_enabled(bench, print);
	case PAIR:
	case CROSS:
		return lttng_ust_tracepoint_enabled(bench, request_start) && lttng_ust_tracepoint_enabled(bench, request_end);
	case WORKLOADS:
		break;
	}
	return false;
}

int main(void)
{
	return bench_main();
}
