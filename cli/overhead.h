/*
 * The guard of --max-overhead: what a session costs each traced process, measured there (struct jst_cost), as a share of that process's CPU time; and letting go of one for which it costs too much.
 *
 * The cost of an event is what some of them took, by the clock, and OVERHEAD_AROUND_NS for the way into the library and out again, which cannot be measured from inside.
 */
#ifndef OVERHEAD_H
#define OVERHEAD_H

#include <stdbool.h>
#include <stdint.h>

#include "memory.h"

struct target;

enum {
	OVERHEAD_ALL = 1000000,   /* shares are in millionths */
	OVERHEAD_AROUND_NS = 15,  /* an event that is measured took 9 to 15 ns more than one that is not, and the way in and out some 5 */
};

/* What is known of one target. */
struct overhead {
	int64_t looked;      /* when it was looked at last, ns; 0: never */
	int64_t cpu;         /* CPU time of the process then, ns */
	uint64_t events, timed, ns; /* of all slots then */
	int64_t cpu_before;  /* CPU time as it was looked at first */
	double cost;         /* since then, ns */
	unsigned above;      /* how often in a row it cost more than it may */
};

/* Takes the sums of the slots' costs, and the CPU time, both ns; false: too little happened since the last time to tell, or it is too early. *share: since then. Apart from the rest for tests. */
bool overhead_take(struct overhead *overhead, uint64_t events, uint64_t timed, uint64_t ns, int64_t cpu, int64_t now, double *share);

/* Looks at all targets that run, and stops each that has cost more than most (millionths of its CPU time) twice in a row: target_let_go(). Returns when to look again, ns. */
int64_t overhead_watch(struct target *targets, uint32_t most, int64_t now);

/* Of a target that has ended: -v tells what it cost in all. */
void overhead_tell(const struct target *target);

#endif
