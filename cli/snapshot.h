/*
 * What the CLI's own clauses see of the aggregations: the run's totals, which stay as they are while a clause runs. The order of an aggregation is made once a run, when it is first asked for.
 *
 * Belongs to the special clauses; the totals are somebody else's, and outlive it. Single-threaded.
 */
#ifndef SNAPSHOT_H
#define SNAPSHOT_H

#include "results.h"

struct snapshot;

/* elapsed: what rate() counts over for an aggregation, ns. string_size: where strings in keys are cut. */
struct snapshot *snapshot_new(const struct results *totals, uint32_t string_size, int64_t (*elapsed)(void *context, uint32_t aggregation), void *context);
void snapshot_free(struct snapshot *snapshot);

/* The run of a clause is over: forgets the orders. */
void snapshot_end(struct snapshot *snapshot);

/* As struct jst_host (session.h) asks for them; strings belong to the totals. Stacks are texts here, and are found by them: frames.h. */
struct jst_value snapshot_value(const struct snapshot *snapshot, uint32_t aggregation, const struct jst_value *keys);
struct jst_value snapshot_quantile(const struct snapshot *snapshot, uint32_t aggregation, const struct jst_value *keys, double q, uint32_t *cost);
uint32_t snapshot_count(struct snapshot *snapshot, uint32_t aggregation);
bool snapshot_keys(struct snapshot *snapshot, uint32_t aggregation, int64_t rank, struct jst_value *keys);

#endif
