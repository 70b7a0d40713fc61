/*
 * Gathering: the records that lie in the rings of all targets, read out, put into the order of their time, and printed.
 *
 * One pass takes what is there, at most a ring's size from each ring, so that a target that writes faster than we print cannot keep us. Records of one pass are printed in the order
 * of their monotonic clock over all threads and processes; between passes an event that was slow to be written may come after a later one.
 * So may one that was held until a commit(): its time is that of the event, and it is printed when it came, in order with what came in the same pass.
 */
#ifndef GATHER_H
#define GATHER_H

#include "compile.h"
#include "output.h"
#include "target.h"

struct gather;

/* ring_size: of the largest ring that a thread may have, bytes. */
struct gather *gather_new(const struct compiled *compiled, uint32_t ring_size);
void gather_free(struct gather *gather);

/* Prints the records of all targets in the list; their number. *filled: how full the fullest ring was, in parts of PACE_FULL; PACE_FULL too if some rings were not read because one pass takes no more. */
size_t gather_pass(struct gather *gather, struct target *targets, struct output *output, uint32_t *filled);

/* A pass over all targets in the list, then what is left of one among them that has ended, and of it alone: the others may write faster than we print. */
void gather_rest(struct gather *gather, struct target *targets, struct target *ended, struct output *output);

#endif
