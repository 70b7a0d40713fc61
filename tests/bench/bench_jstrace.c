/*
 * The benchmark's events as jstrace's probes; also, by the SDT notes of the same probes, bpftrace's.
 */
#include "jstrace.h"

#include "bench.h"

static inline void fire_off(uint64_t id, int status)
{
	JSTRACE("bench:off", "id", id, "status", status);
}

static inline void fire_filter(uint64_t id, int status)
{
	JSTRACE("bench:filter", "id", id, "status", status);
}

static inline void fire_count(uint64_t id, int status)
{
	JSTRACE("bench:count", "id", id, "status", status);
}

static inline void fire_start(uint64_t id)
{
	JSTRACE("request:start", "id", id);
}

static inline void fire_end(uint64_t id, int status)
{
	JSTRACE("request:end", "id", id, "status", status);
}

static bool enabled(enum workload workload)
{
	switch (workload) {
	case FILTER:
		return JSTRACE_ENABLED("bench:filter");
	case COUNT:
		return JSTRACE_ENABLED("bench:count");
	case PAIR:
		return JSTRACE_ENABLED("request:start") && JSTRACE_ENABLED("request:end");
	default:
		return JSTRACE_ENABLED("bench:off");
	}
}

int main(void)
{
	return bench_main();
}
