/*
 * Exemplars in a result: by power, and of each power the latest few, no two of the same value. "Later" orders any two that differ, so merging gives the same in any order.
 */
#include <string.h>

#include "aggregation_state.h"
#include "result_merge.h"

static int compare_values(const struct jst_exemplar *a, const struct jst_exemplar *b)
{
	const struct jst_value left = jst_exemplar_value(a), right = jst_exemplar_value(b);

	return jst_result_compare_values(&left, &right);
}

static bool later(const struct jst_exemplar *a, const struct jst_exemplar *b)
{
	if (a->timestamp != b->timestamp)
		return a->timestamp > b->timestamp;
	const int order = strcmp(a->hostname, b->hostname);
	if (order)
		return order > 0;
	if (a->pid != b->pid)
		return a->pid > b->pid;
	if (a->tid != b->tid)
		return a->tid > b->tid;
	return compare_values(a, b) > 0;
}

/* The first exemplar of the power, or where it belongs. */
static uint32_t first_of(const struct jst_result *result, int power)
{
	uint32_t low = 0, high = result->exemplars;

	while (low < high) {
		const uint32_t middle = low + (high - low) / 2;

		if (result->exemplar[middle].power < power)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static uint32_t count_from(const struct jst_result *result, uint32_t first, int power)
{
	uint32_t count = 0;

	while (first + count < result->exemplars && result->exemplar[first + count].power == power)
		count++;
	return count;
}

const struct jst_exemplar *jst_result_exemplars(const struct jst_result *result, int power, uint32_t *count)
{
	const uint32_t first = first_of(result, power);

	*count = count_from(result, first, power);
	return *count ? result->exemplar + first : NULL;
}

/* A place behind the others of its power, with nothing in it. */
static void make_room(struct jst_result *result, uint32_t place)
{
	/* The room is the next power of two. */
	if ((result->exemplars & (result->exemplars - 1)) == 0)
		result->exemplar = jst_result_resize(result->exemplar, result->exemplars ? result->exemplars * 2 : 1, sizeof(*result->exemplar));
	memmove(result->exemplar + place + 1, result->exemplar + place, (result->exemplars - place) * sizeof(*result->exemplar));
	result->exemplars++;
}

void jst_result_merge_exemplar(struct jst_result *result, const struct jst_exemplar *from)
{
	const uint32_t first = first_of(result, from->power);
	uint32_t kept = count_from(result, first, from->power), same = 0;

	while (same < kept && compare_values(&result->exemplar[first + same], from) != 0)
		same++;
	/* The place that it may take: that of the same value, one of its own, or that of the oldest. */
	uint32_t place = same;
	if (same == kept && kept < JST_EXEMPLARS)
		make_room(result, first + kept);
	else if (same == kept)
		place = kept - 1;
	struct jst_exemplar *group = result->exemplar + first;
	if (place < kept && !later(from, &group[place]))
		return;
	for (; place > 0 && later(from, &group[place - 1]); place--)
		group[place] = group[place - 1];
	group[place] = *from;
}

/* False if it makes no sense; one of kind nil is none. */
static bool add_exemplar(struct jst_result *result, const struct jst_exemplar_state *state, int power, const struct jst_source *source)
{
	const uint64_t word = jst_word_load(&state->kind);
	struct jst_exemplar exemplar = {
		.power = power, .kind = (uint32_t)word, .length = (uint32_t)(word >> 32), .pid = source->pid,
		.tid = (int32_t)jst_word_load(&state->tid), .timestamp = (int64_t)jst_word_load(&state->timestamp),
	};

	if (exemplar.kind > JST_STRING || exemplar.length > (exemplar.kind == JST_STRING ? JST_EXEMPLAR_TEXT : 0))
		return false;
	if (exemplar.kind == JST_NIL)
		return true;
	for (unsigned i = 0; i < JST_EXEMPLAR_TEXT / 8; i++) {
		const uint64_t bytes = jst_word_load(&state->value[i]);
		memcpy(exemplar.text + 8 * i, &bytes, 8);
	}
	if (source->hostname)
		strncpy(exemplar.hostname, source->hostname, sizeof(exemplar.hostname) - 1);
	jst_result_merge_exemplar(result, &exemplar);
	return true;
}

bool jst_result_add_exemplars(struct jst_result *result, const struct jst_aggregation_decl *decl, const struct jst_cell *cell, uint32_t size, const struct jst_source *source)
{
	const struct jst_exemplar_row *row = (const struct jst_exemplar_row *)cell;
	bool sound = true;

	if (!jst_aggregation_has_exemplars(decl) || size < sizeof(*row) || row->power < -JST_POWERS / 2 || row->power > JST_POWERS / 2 || row->reserved)
		return false;
	for (unsigned i = 0; i < JST_EXEMPLARS; i++)
		sound &= add_exemplar(result, &row->exemplar[i], row->power, source);
	return sound;
}
