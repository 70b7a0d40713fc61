/*
 * Reading cells: adds what a thread left in its states and rows to a result. The bytes were copied out of a target's memory and are not trusted: sizes, kinds and numbers of blocks are checked, values are not.
 */
#include <string.h>

#include "aggregation_state.h"
#include "result_merge.h"

static struct jst_sum sum_of(const struct jst_sum_state *state)
{
	const unsigned __int128 integers = (unsigned __int128)jst_word_load(&state->high) << 64 | jst_word_load(&state->low);
	const bool has_doubles = jst_word_load(&state->has_doubles) != 0;

	return (struct jst_sum){ .integers = (__int128)integers, .doubles = has_doubles ? jst_double_of(jst_word_load(&state->doubles)) : 0, .has_doubles = has_doubles };
}

/* A number that was seen, nil for none and for what cannot be one. */
static struct jst_value seen_of(const struct jst_seen_state *state)
{
	const uint64_t kind = jst_word_load(&state->kind), bits = jst_word_load(&state->bits);
	const double number = jst_double_of(bits);

	if (kind == JST_INT)
		return jst_value_int((int64_t)bits);
	return kind == JST_DOUBLE && number == number ? jst_value_double(number) : jst_value_nil();
}

static void add_sum(struct jst_result *result, const struct jst_sum_state *state)
{
	const struct jst_sum sum = sum_of(state);

	jst_result_merge_sum(&result->sum, &sum);
}

/* The range of a histogram; both words are zero until there was a value, and never again, for no value is the greatest as min and the least as max. */
static void add_range(struct jst_result *result, const struct jst_range_state *state)
{
	const uint64_t greatest = jst_word_load(&state->greatest), least = jst_word_load(&state->least);

	add_sum(result, &state->sum);
	if (greatest || least)
		jst_result_merge_extremes(result, jst_value_int((int64_t)(~least ^ 1ULL << 63)), jst_value_int((int64_t)(greatest ^ 1ULL << 63)));
}

static bool add_last(struct jst_result *result, const struct jst_last_state *state, uint32_t size, const struct jst_source *source)
{
	const uint64_t word = jst_word_load(&state->kind);
	const uint32_t kind = (uint32_t)word, length = (uint32_t)(word >> 32);
	struct jst_result from = {
		.last_timestamp = (int64_t)jst_word_load(&state->timestamp),
		.last_tid = (int32_t)jst_word_load(&state->tid),
		.last_pid = source->pid,
	};

	if (kind == JST_NIL)
		return length == 0;
	if (kind > JST_STRING || length > size - sizeof(*state))
		return false;
	if (source->hostname)
		strncpy(from.last_hostname, source->hostname, sizeof(from.last_hostname) - 1);
	from.last = kind == JST_STRING ? jst_value_string((const char *)state->text, length) :
	                                 (struct jst_value){ .i = (int64_t)jst_word_load(&state->bits), .kind = kind };
	jst_result_merge_last(result, &from);
	return true;
}

bool jst_result_add_state(struct jst_result *result, const struct jst_aggregation_decl *decl, const void *state, uint32_t size, const struct jst_source *source)
{
	switch (jst_aggregation_info[decl->function].shape) {
	case JST_SHAPE_COUNT:
	case JST_SHAPE_RATE:
		if (size < sizeof(struct jst_count_state))
			return false;
		result->count += jst_word_load(&((const struct jst_count_state *)state)->count);
		return true;
	case JST_SHAPE_SUM:
	case JST_SHAPE_AVG: {
		const struct jst_total_state *total = state;
		if (size < sizeof(*total))
			return false;
		add_sum(result, &total->sum);
		result->count += jst_word_load(&total->count);
		return true;
	}
	case JST_SHAPE_MIN:
	case JST_SHAPE_MAX: {
		const struct jst_extreme_state *extreme = state;
		if (size < sizeof(*extreme))
			return false;
		const bool greatest = jst_aggregation_info[decl->function].shape == JST_SHAPE_MAX;
		const struct jst_value seen = seen_of(&extreme->seen);
		jst_result_merge_extremes(result, greatest ? jst_value_nil() : seen, greatest ? seen : jst_value_nil());
		result->count += jst_word_load(&extreme->count);
		return true;
	}
	case JST_SHAPE_STATS: {
		const struct jst_stats_state *stats = state;
		if (size < sizeof(*stats))
			return false;
		const uint64_t count = jst_word_load(&stats->count);
		add_sum(result, &stats->sum);
		jst_result_merge_extremes(result, seen_of(&stats->min), seen_of(&stats->max));
		jst_result_merge_moments(result, count, jst_double_of(jst_word_load(&stats->mean)), jst_double_of(jst_word_load(&stats->squares)));
		result->count += count;
		return true;
	}
	case JST_SHAPE_HIST:
	case JST_SHAPE_QUANTILES:
		if (size < sizeof(struct jst_range_state))
			return false;
		add_range(result, state);
		return true;
	case JST_SHAPE_LHIST: {
		const struct jst_linear_state *linear = state;
		if (size < sizeof(*linear) + result->buckets * sizeof(jst_word))
			return false;
		add_range(result, &linear->range);
		for (uint32_t i = 0; i < result->buckets; i++) {
			const uint64_t count = jst_word_load(&linear->bucket[i]);
			jst_result_count(result, i, count);
			result->count += count;
		}
		return true;
	}
	case JST_SHAPE_LAST:
		return size >= sizeof(struct jst_last_state) && add_last(result, state, size, source);
	case JST_SHAPE_DISTINCT:
		return true;
	}
	return false;
}

static bool add_registers(struct jst_result *result, const struct jst_distinct_row *row, uint32_t size)
{
	uint64_t words[JST_RESULT_ROW];

	if (size < sizeof(*row) || row->row >= JST_DISTINCT_ROWS || row->reserved)
		return false;
	for (unsigned i = 0; i < JST_RESULT_ROW; i++)
		words[i] = jst_word_load(&row->registers[i]);
	jst_result_merge_registers(result, row->row, words);
	return true;
}

bool jst_result_add_row(struct jst_result *result, const struct jst_aggregation_decl *decl, const struct jst_cell *cell, uint32_t size)
{
	const struct jst_histogram_row *row = (const struct jst_histogram_row *)cell;
	const enum jst_shape shape = jst_aggregation_info[decl->function].shape;
	const unsigned bits = jst_histogram_bits(decl);
	const uint32_t zero = result->buckets / 2;

	if (shape == JST_SHAPE_DISTINCT)
		return add_registers(result, (const struct jst_distinct_row *)cell, size);
	if ((shape != JST_SHAPE_HIST && shape != JST_SHAPE_QUANTILES) || size < sizeof(*row) + (sizeof(jst_word) << bits) ||
	    row->block >= jst_histogram_blocks(bits) || row->negative > 1 || result->buckets != jst_histogram_buckets(bits))
		return false;
	for (uint32_t i = 0; i < 1u << bits; i++) {
		const uint64_t count = jst_word_load(&row->bucket[i]);
		const uint32_t index = ((uint32_t)row->block << bits) + i;
		jst_result_count(result, row->negative ? zero - index : zero + index, count);
		result->count += count;
	}
	return true;
}

jst_ref jst_row_owner(const struct jst_cell *cell)
{
	return cell->size >= sizeof(struct jst_histogram_row) ? ((const struct jst_histogram_row *)cell)->owner : 0;
}
