/*
 * Updating an aggregation in the target: find the cell, then the few words of its state.
 *
 * The first eight aggregations without keys are found by the bank's own refs, a key that is one integer is encoded in registers, everything else goes through the scratch.
 */
#include "aggregation.h"

#include <string.h>

#include "aggregation_state.h"
#include "cell_index.h"

const struct jst_aggregation_info jst_aggregation_info[JST_AGGREGATIONS] = {
#define AGGREGATION(id, text, also, takes, constants, form, call, means) \
	[JST_AGGREGATION_##id] = { .name = text, .alias = also, .values = takes, .parameters = constants, .shape = JST_SHAPE_##form, .signature = call, .meaning = means },
#include "aggregation.def"
#undef AGGREGATION
};

static const uint8_t shapes[JST_AGGREGATIONS] = {
#define AGGREGATION(id, text, also, takes, constants, form, call, means) [JST_AGGREGATION_##id] = JST_SHAPE_##form,
#include "aggregation.def"
#undef AGGREGATION
};

static uint32_t state_size(const struct jst_update *update, enum jst_shape shape)
{
	const uint32_t string_words = (update->memory->header->string_size + 7) / 8;
	const unsigned bits = jst_histogram_bits(update->decl);

	switch (shape) {
	case JST_SHAPE_COUNT:
	case JST_SHAPE_RATE:
		return sizeof(struct jst_count_state);
	case JST_SHAPE_SUM:
	case JST_SHAPE_AVG:
		return sizeof(struct jst_total_state);
	case JST_SHAPE_MIN:
	case JST_SHAPE_MAX:
		return sizeof(struct jst_extreme_state);
	case JST_SHAPE_STATS:
		return sizeof(struct jst_stats_state);
	case JST_SHAPE_HIST:
	case JST_SHAPE_QUANTILES:
		return (uint32_t)(sizeof(struct jst_histogram_state) + (jst_histogram_blocks(bits) * sizeof(jst_ref) + 7) / 8 * 8);
	case JST_SHAPE_LHIST:
		return (uint32_t)(sizeof(struct jst_linear_state) + (jst_linear_steps(update->decl) + 2) * sizeof(jst_word));
	case JST_SHAPE_LAST:
		return (uint32_t)(sizeof(struct jst_last_state) + string_words * 8);
	case JST_SHAPE_DISTINCT:
		return sizeof(struct jst_distinct_state);
	}
	return 0;
}

/* What the fast ways below did not find: the cell, made if there is none. NULL: no memory or no room, counted. */
static __attribute__((noinline)) struct jst_cell *find_cell(const struct jst_update *update, const struct jst_value *keys, enum jst_shape shape)
{
	const uint32_t count = update->decl->keys;
	const uint32_t limit = update->memory->header->string_size;
	bool cut = false;
	uint32_t size = 0;

	if (count) {
		size = jst_key_encode(update->scratch, update->room, keys, count, limit, &cut);
		if (cut)
			jst_slot_lose(update->slot, JST_LOSS_STRINGS);
		if (!size) {
			jst_slot_lose(update->slot, JST_LOSS_SCRATCH);
			return NULL;
		}
	}
	struct jst_cell *cell = jst_cell_find(update->memory, update->slot, update->bank, update->index, update->scratch, size, count, state_size(update, shape));
	if (!count && cell && update->index < JST_PLAIN_CELLS)
		atomic_store_explicit(&update->bank->plain[update->index], jst_memory_ref(update->memory, cell), memory_order_relaxed);
	return cell;
}

static inline struct jst_cell *find_fast(const struct jst_update *update, const struct jst_value *keys)
{
	const uint32_t count = update->decl->keys;

	if (!count && update->index < JST_PLAIN_CELLS) {
		const jst_ref ref = atomic_load_explicit(&update->bank->plain[update->index], memory_order_relaxed);
		return ref ? jst_memory_at(update->memory, ref) : NULL;
	}
	if (count == 1 && keys[0].kind == JST_INT)
		return jst_index_find_integer(update->memory, update->bank, update->index, keys[0].i);
	return NULL;
}

/* Replaces what is there unless that is later. Within one thread the later event comes later, but for a step of the wall clock. */
static void last_update(const struct jst_update *update, struct jst_last_state *state, struct jst_value value)
{
	const uint32_t string_size = update->memory->header->string_size;

	if (jst_word_load(&state->kind) && (int64_t)jst_word_load(&state->timestamp) > update->timestamp)
		return;
	jst_word_store(&state->timestamp, (uint64_t)update->timestamp);
	jst_word_store(&state->tid, (uint64_t)update->tid);
	if (value.kind != JST_STRING) {
		jst_word_store(&state->bits, (uint64_t)value.i);
		jst_word_store(&state->kind, value.kind);
		return;
	}
	if (value.length > string_size) {
		value.length = string_size;
		jst_slot_lose(update->slot, JST_LOSS_STRINGS);
	}
	for (uint32_t i = 0; i < value.length; i += 8) {
		uint64_t word = 0;
		memcpy(&word, value.s + i, value.length - i < 8 ? value.length - i : 8);
		jst_word_store(&state->text[i / 8], word);
	}
	jst_word_store(&state->kind, JST_STRING | (uint64_t)value.length << 32);
}

/* False where the shape has no use for the value: it is skipped before a cell is made. */
static bool takes(enum jst_shape shape, const struct jst_value *value)
{
	if (shape == JST_SHAPE_COUNT || shape == JST_SHAPE_RATE)
		return true;
	if (shape == JST_SHAPE_LAST || shape == JST_SHAPE_DISTINCT)
		return value->kind != JST_NIL;
	return value->kind == JST_INT || (value->kind == JST_DOUBLE && value->d == value->d);
}

static __attribute__((noinline)) void skip(const struct jst_update *update)
{
	jst_slot_lose(update->slot, JST_LOSS_SKIPPED);
}

void jst_aggregation_update(const struct jst_update *update, const struct jst_value *keys, struct jst_value value)
{
	const enum jst_shape shape = shapes[update->decl->function];

	if (__builtin_expect(!takes(shape, &value), 0)) {
		skip(update);
		return;
	}
	struct jst_cell *cell = find_fast(update, keys);
	if (__builtin_expect(!cell, 0))
		cell = find_cell(update, keys, shape);
	if (__builtin_expect(!cell, 0))
		return;
	switch (shape) {
	case JST_SHAPE_COUNT:
	case JST_SHAPE_RATE:
		jst_word_increment(&((struct jst_count_state *)jst_cell_state(cell))->count);
		return;
	case JST_SHAPE_HIST:
	case JST_SHAPE_QUANTILES:
		if (__builtin_expect(update->decl->parameters[1] != 0, 0)) /* jst_aggregation_has_exemplars(), of these two */
			jst_exemplar_update(update, cell, value, keys[update->decl->keys]);
		else
			jst_histogram_update(update, cell, value);
		return;
	case JST_SHAPE_SUM:
	case JST_SHAPE_AVG:
		jst_total_update(jst_cell_state(cell), value);
		return;
	case JST_SHAPE_MIN:
	case JST_SHAPE_MAX:
		jst_extreme_update(jst_cell_state(cell), value, shape == JST_SHAPE_MAX);
		return;
	case JST_SHAPE_STATS:
		jst_stats_update(jst_cell_state(cell), value);
		return;
	case JST_SHAPE_LHIST:
		jst_linear_update(update, jst_cell_state(cell), value);
		return;
	case JST_SHAPE_LAST:
		last_update(update, jst_cell_state(cell), value);
		return;
	case JST_SHAPE_DISTINCT:
		jst_distinct_update(update, cell, value);
		return;
	}
}
