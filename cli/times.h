/*
 * The CLI's time: nanoseconds of CLOCK_MONOTONIC, for deadlines and for what rate() counts.
 */
#ifndef TIMES_H
#define TIMES_H

#include <stdint.h>
#include <time.h>

#define TIMES_MS ((int64_t)1000000)
#define TIMES_NEVER INT64_MAX

static inline int64_t times_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

static inline int64_t times_earlier(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

#endif
