/*
 * Looking things up in the totals; see snapshot.h.
 */
#include "snapshot.h"

#include <stdlib.h>
#include <string.h>

#include "frames.h"
#include "messages.h"

/* The keys of an aggregation in the order of print; entry is NULL until somebody asks. */
struct ranking {
	struct results_entry *entry;
	uint32_t count;
};

struct snapshot {
	const struct results *totals;
	uint32_t string_size;
	int64_t (*elapsed)(void *context, uint32_t aggregation);
	void *context;
	uint32_t rankings;
	struct ranking ranking[];
};

struct snapshot *snapshot_new(const struct results *totals, uint32_t string_size, int64_t (*elapsed)(void *context, uint32_t aggregation), void *context)
{
	const uint32_t count = results_compiled(totals)->aggregation_count;
	struct snapshot *snapshot = message_allocate(1, sizeof(*snapshot) + count * sizeof(struct ranking));

	snapshot->totals = totals;
	snapshot->string_size = string_size;
	snapshot->elapsed = elapsed;
	snapshot->context = context;
	snapshot->rankings = count;
	return snapshot;
}

void snapshot_end(struct snapshot *snapshot)
{
	for (uint32_t i = 0; i < snapshot->rankings; i++) {
		free(snapshot->ranking[i].entry);
		snapshot->ranking[i] = (struct ranking){ .entry = NULL };
	}
}

void snapshot_free(struct snapshot *snapshot)
{
	if (!snapshot)
		return;
	snapshot_end(snapshot);
	free(snapshot);
}

struct jst_value snapshot_value(const struct snapshot *snapshot, uint32_t aggregation, const struct jst_value *keys)
{
	const struct jst_result *result = results_seek(snapshot->totals, aggregation, keys, snapshot->string_size);

	return results_value(snapshot->totals, aggregation, result, snapshot->elapsed(snapshot->context, aggregation));
}

struct jst_value snapshot_quantile(const struct snapshot *snapshot, uint32_t aggregation, const struct jst_value *keys, double q, uint32_t *cost)
{
	const struct jst_result *result = results_seek(snapshot->totals, aggregation, keys, snapshot->string_size);

	if (!result)
		return jst_value_nil();
	*cost += result->rows * JST_RESULT_ROW * (uint32_t)sizeof(*result->bucket);
	return jst_result_quantile(result, results_decl(snapshot->totals, aggregation), q);
}

static const struct ranking *ranking_of(struct snapshot *snapshot, uint32_t aggregation)
{
	struct ranking *ranking = &snapshot->ranking[aggregation];

	if (!ranking->entry)
		ranking->entry = results_sorted(snapshot->totals, aggregation, &ranking->count);
	return ranking;
}

uint32_t snapshot_count(struct snapshot *snapshot, uint32_t aggregation)
{
	return ranking_of(snapshot, aggregation)->count;
}

bool snapshot_keys(struct snapshot *snapshot, uint32_t aggregation, int64_t rank, struct jst_value *keys)
{
	const struct ranking *ranking = ranking_of(snapshot, aggregation);

	if (rank < 0 || rank >= ranking->count)
		return false;
	for (uint32_t i = 0; i < results_decl(snapshot->totals, aggregation)->keys; i++) {
		const struct jst_value key = ranking->entry[rank].keys[i];

		keys[i] = key.kind == JST_STACK ? frames_text(key) : key;
	}
	return true;
}
