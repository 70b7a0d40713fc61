/*
 * Updates of histograms. A log-linear one takes its rows of buckets from the bank as values touch them; a linear one has all its buckets in the state.
 */
#include "aggregation_state.h"

static jst_ref add_row(const struct jst_update *update, const struct jst_cell *owner, unsigned bits, uint32_t block, bool negative)
{
	/* The fields after the header in one word, as struct jst_histogram_row has them. */
	const union {
		struct { jst_ref owner; uint16_t block, negative; } fields;
		uint64_t word;
	} first = { .fields = { .owner = jst_memory_ref(update->memory, owner), .block = (uint16_t)block, .negative = negative } };
	const size_t size = sizeof(struct jst_histogram_row) + (sizeof(jst_word) << bits);
	const struct jst_cell *row = jst_cell_append(update->memory, update->slot, update->bank, JST_CELL_ROW, update->index, (uint32_t)size, first.word);

	return row ? jst_memory_ref(update->memory, row) : 0;
}

/* The directory of negative values' rows, made when the first one comes. */
static jst_ref *negative_rows(const struct jst_update *update, struct jst_histogram_state *state, unsigned bits)
{
	if (!state->negative) {
		const size_t size = sizeof(struct jst_histogram_negative) + jst_histogram_blocks(bits) * sizeof(jst_ref);
		const struct jst_cell *cell = jst_cell_append(update->memory, update->slot, update->bank, JST_CELL_NODE, update->index, (uint32_t)size, 0);
		if (!cell)
			return NULL;
		state->negative = jst_memory_ref(update->memory, cell);
	}
	return ((struct jst_histogram_negative *)jst_memory_at(update->memory, state->negative))->row;
}

static inline void count_in(const struct jst_update *update, jst_ref row, uint32_t index, unsigned bits)
{
	struct jst_histogram_row *buckets = jst_memory_at(update->memory, row);

	jst_word_increment(&buckets->bucket[index & ((1u << bits) - 1)]);
}

/* Any value: doubles, negative ones, and the first in a row. */
static __attribute__((noinline)) void update_any(const struct jst_update *update, struct jst_cell *cell, struct jst_value value)
{
	struct jst_histogram_state *state = jst_cell_state(cell);
	const unsigned bits = jst_histogram_bits(update->decl);
	const int64_t whole = jst_histogram_value(value);
	const bool negative = whole < 0;
	const uint32_t index = jst_histogram_index(bits, negative ? jst_magnitude(whole) : (uint64_t)whole);
	jst_ref *rows = negative ? negative_rows(update, state, bits) : state->row;

	if (rows && !rows[index >> bits])
		rows[index >> bits] = add_row(update, cell, bits, index >> bits, negative);
	if (!rows || !rows[index >> bits])
		return;
	jst_range_update(&state->range, whole);
	jst_sum_add(&state->range.sum, whole); /* what the buckets hold, so that the mean lies between the least and the greatest */
	if (value.kind == JST_DOUBLE && whole == 0 && value.d != 0)
		jst_slot_lose(update->slot, JST_LOSS_FRACTIONS);
	count_in(update, rows[index >> bits], index, bits);
}

void jst_histogram_update(const struct jst_update *update, struct jst_cell *cell, struct jst_value value)
{
	if (__builtin_expect(value.kind != JST_INT || value.i < 0 || !jst_histogram_count(update->memory, jst_cell_state(cell), jst_histogram_bits(update->decl), (uint64_t)value.i), 0))
		update_any(update, cell, value);
}

void jst_linear_update(const struct jst_update *update, struct jst_linear_state *state, struct jst_value value)
{
	const int64_t min = update->decl->parameters[0], max = update->decl->parameters[1], step = update->decl->parameters[2];
	const uint32_t steps = jst_linear_steps(update->decl);
	int64_t whole = value.i;
	uint32_t bucket;

	/* Steps are bounded by integers, so the integer below a fraction lies in the same step, where truncation would lift -0.5 over a bound of 0. */
	if (value.kind == JST_DOUBLE) {
		whole = jst_histogram_value(value);
		if ((double)whole > value.d && whole > INT64_MIN)
			whole--;
	}
	if (whole < min) {
		bucket = 0;
	} else if (whole >= max || step <= 0) {
		bucket = steps + 1;
	} else {
		const uint64_t at = ((uint64_t)whole - (uint64_t)min) / (uint64_t)step;
		bucket = 1 + (at < steps ? (uint32_t)at : steps - 1);
	}
	jst_range_update(&state->range, whole);
	jst_sum_add(&state->range.sum, whole);
	jst_word_increment(&state->bucket[bucket]);
}
