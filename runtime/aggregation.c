/*
 * Updating an aggregation in the target: find the cell, then the few words of its state.
 *
 * The first eight aggregations without keys are found by the bank's own refs, a key that is one integer by its value, one that is a string by its bytes where they lie. Everything else, and what is not
 * found so, is encoded into the scratch.
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

/* What the ways below did not find: the cell, made if there is none. NULL: no memory or no room, counted. */
static __attribute__((noinline)) struct jst_cell *find_cell(const struct jst_update *update, const struct jst_value *keys)
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
	struct jst_cell *cell = jst_cell_find(update->memory, update->slot, update->bank, update->index, update->scratch, size, count, state_size(update, shapes[update->decl->function]));
	if (!count && cell && update->index < JST_PLAIN_CELLS)
		atomic_store_explicit(&update->bank->plain[update->index], jst_memory_ref(update->memory, cell), memory_order_relaxed);
	return cell;
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
static inline bool takes(enum jst_shape shape, struct jst_value value)
{
	if (shape == JST_SHAPE_COUNT || shape == JST_SHAPE_RATE)
		return true;
	if (shape == JST_SHAPE_LAST || shape == JST_SHAPE_DISTINCT)
		return value.kind != JST_NIL;
	/* No NaN. As bits: the compiler would take the value into a floating-point register before it knows that it is one. */
	return value.kind == JST_INT || (value.kind == JST_DOUBLE && (uint64_t)value.i << 1 <= 0x7ffULL << 53);
}

static __attribute__((noinline)) void skip(const struct jst_update *update)
{
	jst_slot_lose(update->slot, JST_LOSS_SKIPPED);
}

/* ---- the last step, by shape: value is one that it takes ---- */

typedef void step(const struct jst_update *update, struct jst_cell *cell, struct jst_value value, const struct jst_value *keys);

static void count_step(const struct jst_update *update, struct jst_cell *cell, struct jst_value value, const struct jst_value *keys)
{
	(void)update, (void)value, (void)keys;
	jst_word_increment(&((struct jst_count_state *)jst_cell_state(cell))->count);
}

static void total_step(const struct jst_update *update, struct jst_cell *cell, struct jst_value value, const struct jst_value *keys)
{
	(void)update, (void)keys;
	jst_total_update(jst_cell_state(cell), value);
}

static void min_step(const struct jst_update *update, struct jst_cell *cell, struct jst_value value, const struct jst_value *keys)
{
	(void)update, (void)keys;
	jst_extreme_update(jst_cell_state(cell), value, false);
}

static void max_step(const struct jst_update *update, struct jst_cell *cell, struct jst_value value, const struct jst_value *keys)
{
	(void)update, (void)keys;
	jst_extreme_update(jst_cell_state(cell), value, true);
}

static void stats_step(const struct jst_update *update, struct jst_cell *cell, struct jst_value value, const struct jst_value *keys)
{
	(void)update, (void)keys;
	jst_stats_update(jst_cell_state(cell), value);
}

static void histogram_step(const struct jst_update *update, struct jst_cell *cell, struct jst_value value, const struct jst_value *keys)
{
	if (__builtin_expect(update->decl->parameters[1] != 0, 0)) /* jst_aggregation_has_exemplars(), of these shapes */
		jst_exemplar_update(update, cell, value, keys[update->decl->keys]);
	else
		jst_histogram_update(update, cell, value);
}

static void linear_step(const struct jst_update *update, struct jst_cell *cell, struct jst_value value, const struct jst_value *keys)
{
	(void)keys;
	jst_linear_update(update, jst_cell_state(cell), value);
}

static void last_step(const struct jst_update *update, struct jst_cell *cell, struct jst_value value, const struct jst_value *keys)
{
	(void)keys;
	last_update(update, jst_cell_state(cell), value);
}

static void distinct_step(const struct jst_update *update, struct jst_cell *cell, struct jst_value value, const struct jst_value *keys)
{
	(void)keys;
	jst_distinct_update(update, cell, value);
}

static step *const steps[] = {
	[JST_SHAPE_COUNT] = count_step, [JST_SHAPE_RATE] = count_step, [JST_SHAPE_SUM] = total_step, [JST_SHAPE_AVG] = total_step, [JST_SHAPE_MIN] = min_step, [JST_SHAPE_MAX] = max_step,
	[JST_SHAPE_STATS] = stats_step, [JST_SHAPE_HIST] = histogram_step, [JST_SHAPE_QUANTILES] = histogram_step, [JST_SHAPE_LHIST] = linear_step, [JST_SHAPE_LAST] = last_step,
	[JST_SHAPE_DISTINCT] = distinct_step,
};

static inline void apply(const struct jst_update *update, struct jst_cell *cell, struct jst_value value, const struct jst_value *keys)
{
	steps[shapes[update->decl->function]](update, cell, value, keys);
}

/* ---- and before it the cell. Each way ends in a call that takes the place of its frame, so that registers are saved only where they are needed. ---- */

static __attribute__((noinline)) void update_any(const struct jst_update *update, const struct jst_value *keys, struct jst_value value)
{
	struct jst_cell *cell = find_cell(update, keys);

	if (cell)
		apply(update, cell, value, keys);
}

/* Under one string or stack, not to be cut. Flattened, so that the hash is inlined. */
static __attribute__((noinline, flatten)) void update_string(const struct jst_update *update, const struct jst_value *keys, struct jst_value value)
{
	struct jst_cell *cell = jst_index_find_string(update->memory, update->bank, update->index, &keys[0]);

	if (__builtin_expect(cell != NULL, 1))
		apply(update, cell, value, keys);
	else
		update_any(update, keys, value);
}

/* Under any key that can be encoded in one pass. Flattened likewise. */
static __attribute__((noinline, flatten)) void update_encoded(const struct jst_update *update, const struct jst_value *keys, struct jst_value value)
{
	const uint32_t size = jst_key_encode_short(update->scratch, update->room, keys, update->decl->keys, update->memory->header->string_size);
	struct jst_cell *cell = NULL;

	if (__builtin_expect(size != 0, 1))
		cell = jst_index_find_key(update->memory, update->bank, update->index, jst_index_hash_key(update->index, update->scratch, size), update->scratch, size);
	if (__builtin_expect(cell != NULL, 1))
		apply(update, cell, value, keys);
	else
		update_any(update, keys, value);
}

static __attribute__((noinline)) void update_integer(const struct jst_update *update, const struct jst_value *keys, struct jst_value value)
{
	struct jst_cell *cell = jst_index_find_integer(update->memory, update->bank, update->index, keys[0].i);

	if (__builtin_expect(cell != NULL, 1))
		apply(update, cell, value, keys);
	else
		update_any(update, keys, value);
}

void jst_aggregation_update(const struct jst_update *update, const struct jst_value *keys, struct jst_value value)
{
	const uint32_t count = update->decl->keys;

	/* Every shape takes integers. */
	if (value.kind != JST_INT && __builtin_expect(!takes(shapes[update->decl->function], value), 0)) {
		skip(update);
		return;
	}
	if (count == 1 && keys[0].kind == JST_INT) {
		update_integer(update, keys, value);
		return;
	}
	if (count == 1 && jst_kind_has_bytes(keys[0].kind) && keys[0].length <= update->memory->header->string_size) {
		update_string(update, keys, value);
		return;
	}
	if (count) {
		update_encoded(update, keys, value);
		return;
	}
	if (update->index < JST_PLAIN_CELLS) {
		const jst_ref ref = atomic_load_explicit(&update->bank->plain[update->index], memory_order_relaxed);
		if (__builtin_expect(ref != 0, 1)) {
			apply(update, jst_memory_at(update->memory, ref), value, keys);
			return;
		}
	}
	update_any(update, keys, value);
}
