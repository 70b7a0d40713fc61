/*
 * Where a target's code is mapped, kept beyond its death, so that the addresses of its stacks can be told. Single-threaded; owns what it was made of, but not the process.
 */
#ifndef MAPPINGS_H
#define MAPPINGS_H

#include "find.h"
#include "value.h"

struct mappings;

/* As the process is now. */
struct mappings *mappings_new(const struct process *process);
void mappings_free(struct mappings *mappings);

/* Looks again if the process lives: what was loaded since is added, and what is gone stays known where nothing else took its place. */
void mappings_refresh(struct mappings *mappings);

/*
 * Replaces the addresses of the stacks among values by numbers of frames (frames.h), in place: their bytes are a copy of the caller's. mappings: NULL where nothing is known of the target. An address that is not known is
 * looked for once more in the living process. No stack may be kept or printed that did not come by here.
 */
void mappings_resolve(struct mappings *mappings, const struct jst_value *values, uint32_t count);

#endif
