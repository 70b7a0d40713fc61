/*
 * Updating an aggregation in the target: find the cell, then the few words of its state.
 *
 * The first eight aggregations without keys are found by the bank's own refs, a key that is one integer is encoded in registers, everything else goes through the scratch.
 */
#include "aggregation.h"

#include <string.h>

#include "aggregation_state.h"

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
	}
	return 0;
}

/* The cell of an aggregation without keys. */
static struct jst_cell *find_plain(const struct jst_update *update, enum jst_shape shape)
{
	_Atomic jst_ref *plain = update->index < sizeof(update->bank->plain) / sizeof(update->bank->plain[0]) ? &update->bank->plain[update->index] : NULL;
	const jst_ref ref = plain ? atomic_load_explicit(plain, memory_order_relaxed) : 0;

	if (__builtin_expect(ref != 0, 1))
		return jst_memory_at(update->memory, ref);
	struct jst_cell *cell = jst_cell_find(update->memory, update->slot, update->bank, update->index, NULL, 0, 0, state_size(update, shape));
	if (cell && plain)
		atomic_store_explicit(plain, jst_memory_ref(update->memory, cell), memory_order_relaxed);
	return cell;
}

static struct jst_cell *find_keyed(const struct jst_update *update, const struct jst_value *keys, enum jst_shape shape)
{
	const uint32_t count = update->decl->keys;
	bool cut = false;

	if (count == 1 && keys[0].kind == JST_INT) {
		const uint64_t key[2] = { JST_INT, (uint64_t)keys[0].i };
		return jst_cell_find(update->memory, update->slot, update->bank, update->index, key, sizeof(key), 1, state_size(update, shape));
	}
	const uint32_t size = jst_key_encode(update->scratch, update->room, keys, count, update->memory->header->string_size, &cut);
	if (cut)
		jst_slot_lose(update->slot, JST_LOSS_STRINGS);
	if (!size) {
		jst_slot_lose(update->slot, JST_LOSS_SCRATCH);
		return NULL;
	}
	return jst_cell_find(update->memory, update->slot, update->bank, update->index, update->scratch, size, count, state_size(update, shape));
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
	if (shape == JST_SHAPE_LAST)
		return value->kind != JST_NIL;
	return value->kind == JST_INT || (value->kind == JST_DOUBLE && value->d == value->d);
}

void jst_aggregation_update(const struct jst_update *update, const struct jst_value *keys, struct jst_value value)
{
	const enum jst_shape shape = shapes[update->decl->function];

	if (__builtin_expect(!takes(shape, &value), 0)) {
		jst_slot_lose(update->slot, JST_LOSS_SKIPPED);
		return;
	}
	struct jst_cell *cell = update->decl->keys ? find_keyed(update, keys, shape) : find_plain(update, shape);
	if (__builtin_expect(!cell, 0))
		return;
	switch (shape) {
	case JST_SHAPE_COUNT:
	case JST_SHAPE_RATE:
		jst_word_increment(&((struct jst_count_state *)jst_cell_state(cell))->count);
		return;
	case JST_SHAPE_HIST:
	case JST_SHAPE_QUANTILES:
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
	}
}
