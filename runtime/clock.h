/*
 * The clock of events: monotonic ns, by the time-stamp counter with the scale of the session's page where that is usable, else by clock_gettime through the vDSO.
 * Source: the idea of the kernel's own clocksource (mult and shift) and of its slewing. Readers are any number of threads; one writer, the agent.
 */
#ifndef JST_CLOCK_H
#define JST_CLOCK_H

#include "memory.h"

/* CLOCK_MONOTONIC now, ns. Context: probe. */
int64_t jst_clock_now(const struct jst_clock_page *page);

/* The wall clock at monotonic time now, ns since the epoch. Context: probe. */
int64_t jst_clock_wall(const struct jst_clock_page *page, int64_t now);

/* Calibration state, the agent's. */
struct jst_clock {
	bool tsc;               /* the clocksource is tsc and the CPU says it is invariant */
	uint64_t tsc_first;     /* the pair that the rate is measured from: the first one, later that of the last adjustment */
	int64_t ns_first;
	uint64_t mult;          /* the rate as measured last, 0: not yet; for all sessions, which are adjusted one right after the other */
};

/* Takes the first pair; cheap. Context: agent (at load). */
void jst_clock_init(struct jst_clock *clock);
/* Publishes the first scale; waits up to 2 ms if the first pair is too young to be exact. Without a usable TSC leaves index 0 and sets only wall of scale[0]. Context: agent. */
void jst_clock_start(struct jst_clock *clock, struct jst_clock_page *page);
/* Once a second: anchors anew so that the time read stays continuous, never goes backwards and approaches CLOCK_MONOTONIC. Context: agent. */
void jst_clock_adjust(struct jst_clock *clock, struct jst_clock_page *page);

#endif
