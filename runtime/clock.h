/*
 * The clock of events: monotonic ns, by the time-stamp counter with the scale of the session's page where the kernel, or in a guest its vDSO, tells the time by it too, else by clock_gettime through the vDSO.
 * Source: the idea of the kernel's own clocksource (mult and shift) and of its slewing. Readers are any number of threads; one writer, the agent.
 */
#ifndef JST_CLOCK_H
#define JST_CLOCK_H

#ifdef __x86_64__
#include <x86intrin.h>
#endif

#include "memory.h"

/* The processor's counter of time. Context: any. */
static inline uint64_t jst_clock_counter(void)
{
#if defined(__x86_64__)
	return __rdtsc();
#elif defined(__aarch64__)
	uint64_t ticks;

	__asm__ volatile("mrs %0, cntvct_el0" : "=r"(ticks));
	return ticks;
#else
	return 0;
#endif
}

/* A line's value, ns. Signed: the anchor may lie ahead. Context: any. */
static inline int64_t jst_clock_value(uint64_t ticks, uint64_t anchor, int64_t ns, uint64_t mult)
{
	return ns + (int64_t)((__int128)(int64_t)(ticks - anchor) * (__int128)mult >> 32);
}

/* A thread's copy of the set in use. */
struct jst_clock_line {
	uint32_t index; /* that it was published under; JST_CLOCK_NONE: nothing yet */
	uint64_t tsc;
	int64_t ns;
	uint64_t mult;
};
#define JST_CLOCK_NONE UINT32_MAX

/* Tells the time, CLOCK_MONOTONIC in ns, by a copy that is up to date; false: it is not. Context: probe. */
static inline bool jst_clock_try(const struct jst_clock_line *line, const struct jst_clock_page *page, int64_t *now)
{
	if (__builtin_expect(atomic_load_explicit(&page->index, memory_order_relaxed) != line->index, 0))
		return false;
	const uint64_t ticks = jst_clock_counter();

	*now = jst_clock_value(ticks, line->tsc, line->ns, line->mult);
	/* Then the counter was read before the next publication. */
	return __builtin_expect(atomic_load_explicit(&page->index, memory_order_relaxed) == line->index, 1);
}

/* CLOCK_MONOTONIC now, ns, by a copy that is kept up to date, or else by the kernel. Context: probe. */
int64_t jst_clock_now(struct jst_clock_line *line, const struct jst_clock_page *page);

/* The wall clock at monotonic time now, ns since the epoch. Context: probe. */
int64_t jst_clock_wall(const struct jst_clock_page *page, int64_t now);

/* Calibration state, the agent's. */
struct jst_clock {
	bool tsc;               /* the clocksource is tsc and the CPU says it is invariant */
	uint64_t tsc_first;     /* the pair that the rate is measured from: the first one, later that of the last adjustment */
	int64_t ns_first;
	bool moved;             /* what was measured last was implausible */
	uint64_t mult;          /* the rate as measured last, 0: not yet; for all sessions, which are adjusted one right after the other */
};

/* Takes the first pair. Context: agent (as it is first rung). */
void jst_clock_init(struct jst_clock *clock);
/* Publishes the first scale; waits up to 1 ms if the first pair is too young to be exact. Without a usable TSC leaves index 0 and sets only wall of scale[0]. Context: agent. */
void jst_clock_start(struct jst_clock *clock, struct jst_clock_page *page);
/* Once a second: anchors anew so that the time read stays continuous, never goes backwards and approaches CLOCK_MONOTONIC. Context: agent. */
void jst_clock_adjust(struct jst_clock *clock, struct jst_clock_page *page);

#endif
