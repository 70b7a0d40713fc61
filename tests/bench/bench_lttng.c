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
	case FILTER:
		return lttng_ust_tracepoint_enabled(bench, filter);
	case COUNT:
		return lttng_ust_tracepoint_enabled(bench, count);
	case PAIR:
		return lttng_ust_tracepoint_enabled(bench, request_start) && lttng_ust_tracepoint_enabled(bench, request_end);
	default:
		return lttng_ust_tracepoint_enabled(bench, off);
	}
}

int main(void)
{
	return bench_main();
}
