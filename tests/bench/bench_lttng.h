/*
 * The benchmark's events as LTTng-UST's tracepoints.
 */
#undef LTTNG_UST_TRACEPOINT_PROVIDER
#define LTTNG_UST_TRACEPOINT_PROVIDER bench

#undef LTTNG_UST_TRACEPOINT_INCLUDE
#define LTTNG_UST_TRACEPOINT_INCLUDE "bench_lttng.h"

#if !defined(BENCH_LTTNG_H) || defined(LTTNG_UST_TRACEPOINT_HEADER_MULTI_READ)
#define BENCH_LTTNG_H

#include <lttng/tracepoint.h>
#include <stdint.h>

LTTNG_UST_TRACEPOINT_EVENT_CLASS(bench, event, LTTNG_UST_TP_ARGS(uint64_t, id, int, status),
				 LTTNG_UST_TP_FIELDS(lttng_ust_field_integer(uint64_t, id, id) lttng_ust_field_integer(int, status, status)))
LTTNG_UST_TRACEPOINT_EVENT_INSTANCE(bench, event, bench, off, LTTNG_UST_TP_ARGS(uint64_t, id, int, status))
LTTNG_UST_TRACEPOINT_EVENT_INSTANCE(bench, event, bench, filter, LTTNG_UST_TP_ARGS(uint64_t, id, int, status))
LTTNG_UST_TRACEPOINT_EVENT_INSTANCE(bench, event, bench, count, LTTNG_UST_TP_ARGS(uint64_t, id, int, status))
LTTNG_UST_TRACEPOINT_EVENT_INSTANCE(bench, event, bench, print, LTTNG_UST_TP_ARGS(uint64_t, id, int, status))
LTTNG_UST_TRACEPOINT_EVENT_INSTANCE(bench, event, bench, request_end, LTTNG_UST_TP_ARGS(uint64_t, id, int, status))
LTTNG_UST_TRACEPOINT_EVENT_CLASS(bench, by_path, LTTNG_UST_TP_ARGS(const char *, path, int64_t, value),
				 LTTNG_UST_TP_FIELDS(lttng_ust_field_string(path, path) lttng_ust_field_integer(int64_t, value, value)))
LTTNG_UST_TRACEPOINT_EVENT_INSTANCE(bench, by_path, bench, sum, LTTNG_UST_TP_ARGS(const char *, path, int64_t, value))
LTTNG_UST_TRACEPOINT_EVENT_INSTANCE(bench, by_path, bench, hist, LTTNG_UST_TP_ARGS(const char *, path, int64_t, value))
LTTNG_UST_TRACEPOINT_EVENT(bench, request_start, LTTNG_UST_TP_ARGS(uint64_t, id), LTTNG_UST_TP_FIELDS(lttng_ust_field_integer(uint64_t, id, id)))

#endif

#include <lttng/tracepoint-event.h>
