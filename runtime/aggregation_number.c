/*
 * Updates of the aggregations whose state is a few numbers: sum, avg, min, max, stats.
 */
#include "aggregation_state.h"
#include "vm.h"

static double as_double(struct jst_value value)
{
	return value.kind == JST_INT ? (double)value.i : value.d;
}

static inline void sum_update(struct jst_sum_state *sum, struct jst_value value)
{
	if (value.kind == JST_INT)
		jst_sum_add(sum, value.i);
	else
		jst_sum_add_double(sum, value.d);
}

bool jst_value_beats(struct jst_value a, struct jst_value b, bool greatest)
{
	const int order = jst_value_compare(&a, &b);

	if (order == 0)
		return a.kind == JST_INT && b.kind == JST_DOUBLE;
	return greatest ? order > 0 : order < 0;
}

static void seen_update(struct jst_seen_state *seen, struct jst_value value, bool greatest)
{
	if (value.kind == JST_INT && jst_seen_integer(seen, value.i, greatest))
		return;
	const struct jst_value old = { .i = (int64_t)jst_word_load(&seen->bits), .kind = (uint32_t)jst_word_load(&seen->kind) };

	if (value.kind == JST_DOUBLE)
		value.d += 0.0; /* there is one zero */
	if (old.kind != JST_NIL && !jst_value_beats(value, old, greatest))
		return;
	jst_word_store(&seen->bits, (uint64_t)value.i);
	jst_word_store(&seen->kind, value.kind);
}

void jst_total_update(struct jst_total_state *state, struct jst_value value)
{
	sum_update(&state->sum, value);
	jst_word_increment(&state->count);
}

void jst_extreme_update(struct jst_extreme_state *state, struct jst_value value, bool greatest)
{
	seen_update(&state->seen, value, greatest);
	jst_word_increment(&state->count);
}

/* Welford 1962: the mean moves by a fraction of the difference, which keeps the sum of squares exact where the values are large and close together. */
void jst_stats_update(struct jst_stats_state *state, struct jst_value value)
{
	const uint64_t count = jst_word_load(&state->count) + 1;
	const double x = as_double(value);
	const double mean = jst_double_of(jst_word_load(&state->mean));
	const double moved = mean + (x - mean) / (double)count;

	sum_update(&state->sum, value);
	seen_update(&state->min, value, false);
	seen_update(&state->max, value, true);
	jst_word_store(&state->squares, jst_bits_of(jst_double_of(jst_word_load(&state->squares)) + (x - mean) * (x - moved)));
	jst_word_store(&state->mean, jst_bits_of(moved));
	jst_word_store(&state->count, count);
}
