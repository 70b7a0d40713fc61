/*
 * The benchmark's events as jstrace's probes.
 */
#include "jstrace.h"

#define BENCH_AGGREGATES
#define fire_many(n, id, status) JSTRACE("many:p" #n, "id", id, "status", status)
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

static inline void fire_sum(const char *path, int64_t bytes)
{
	JSTRACE("bench:sum", "path", path, "bytes", bytes);
}

static inline void fire_hist(const char *path, int64_t ns)
{
	JSTRACE("bench:hist", "path", path, "ns", ns);
}

static inline void fire_print(uint64_t id, int status)
{
	JSTRACE("bench:print", "id", id, "status", status);
}

static inline void fire_ten(uint64_t id, int status)
{
	JSTRACE("bench:ten", "id", id, "status", status);
}

static inline void fire_keys(int64_t key)
{
	JSTRACE("bench:keys", "key", key);
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
	case OFF:
		return JSTRACE_ENABLED("bench:off");
	case FILTER:
		return JSTRACE_ENABLED("bench:filter");
	case COUNT:
		return JSTRACE_ENABLED("bench:count");
	case SUM:
		return JSTRACE_ENABLED("bench:sum");
	case HIST:
		return JSTRACE_ENABLED("bench:hist");
	case PRINT:
		return JSTRACE_ENABLED("bench:print");
	case TEN:
		return JSTRACE_ENABLED("bench:ten");
	case GLOB:
		return JSTRACE_ENABLED("many:p777");
	case KEYS:
		return JSTRACE_ENABLED("bench:keys");
	case PAIR:
	case CROSS:
		return JSTRACE_ENABLED("request:start") && JSTRACE_ENABLED("request:end");
	case WORKLOADS:
		break;
	}
	return false;
}

int main(void)
{
	return bench_main();
}
