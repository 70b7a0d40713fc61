/*
 * Results: merged states on the CLI's heap. Merging is addition, or the choice of one of two by a total order, so that the order of merging does not matter.
 *
 * Nothing here is called in a target. Running out of memory ends the CLI, as everywhere in it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "aggregation_state.h"
#include "result_merge.h"
#include "vm.h"

void *jst_result_resize(void *old, size_t count, size_t size)
{
	void *memory = reallocarray(old, count, size);

	if (!memory) {
		fputs("jstrace: out of memory\n", stderr);
		abort();
	}
	return memory;
}

/* ---- the buckets of hist ---- */

/* How many values of one sign have an index: 0 … 2^63 - 1. */
static uint32_t indices(unsigned bits)
{
	return jst_histogram_blocks(bits) << bits;
}

uint32_t jst_histogram_buckets(unsigned bits)
{
	return 2 * indices(bits) - 1;
}

uint32_t jst_histogram_bucket(unsigned bits, int64_t value)
{
	const uint32_t zero = indices(bits) - 1;

	return value < 0 ? zero - jst_histogram_index(bits, jst_magnitude(value)) : zero + jst_histogram_index(bits, (uint64_t)value);
}

/* The magnitudes of an index: low <= m < high. */
static void magnitudes(unsigned bits, uint32_t index, uint64_t *low, uint64_t *high)
{
	const uint32_t block = index >> bits;
	const unsigned shift = block ? block - 1 : 0;
	const uint64_t within = block ? (index & ((1u << bits) - 1)) | 1u << bits : index;

	*low = within << shift;
	*high = (within + 1) << shift;
}

void jst_histogram_range(unsigned bits, uint32_t bucket, int64_t *low, int64_t *high)
{
	const uint32_t zero = indices(bits) - 1;
	uint64_t from, to;

	magnitudes(bits, bucket < zero ? zero - bucket : bucket - zero, &from, &to);
	if (bucket >= zero) {
		*low = (int64_t)from;
		*high = to > INT64_MAX ? INT64_MAX : (int64_t)to; /* inclusive in the last */
		return;
	}
	*low = bucket == 0 ? INT64_MIN : -(int64_t)(to - 1);
	*high = -(int64_t)(from - 1);
}

void jst_histogram_power_range(int power, int64_t *low, int64_t *high)
{
	const int size = power < 0 ? -power : power;
	const int64_t least = size ? INT64_C(1) << (size - 1) : 0;
	const int64_t most = size ? (int64_t)((UINT64_C(1) << size) - 1) : 0;

	if (power < 0) {
		*low = size == JST_POWERS / 2 ? INT64_MIN : -most;
		*high = 1 - least;
	} else {
		*low = least;
		*high = size == JST_POWERS / 2 ? INT64_MAX : most + 1;
	}
}

/* ---- results ---- */

void jst_result_init(struct jst_result *result, const struct jst_aggregation_decl *decl)
{
	memset(result, 0, sizeof(*result));
	switch (jst_aggregation_info[decl->function].shape) {
	case JST_SHAPE_HIST:
	case JST_SHAPE_QUANTILES:
		result->buckets = jst_histogram_buckets(jst_histogram_bits(decl));
		break;
	case JST_SHAPE_LHIST:
		result->buckets = jst_linear_steps(decl) + 2;
		break;
	default:
		break;
	}
}

void jst_result_fini(struct jst_result *result)
{
	if (result->last.kind == JST_STRING)
		free((char *)result->last.s);
	free(result->row);
	free(result->bucket);
	free(result->exemplar);
	memset(result, 0, sizeof(*result));
}

/* Where the row is or belongs. */
static uint32_t place_of(const struct jst_result *result, uint32_t row)
{
	uint32_t low = 0, high = result->rows;

	while (low < high) {
		const uint32_t middle = low + (high - low) / 2;

		if (result->row[middle] < row)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static bool has_row(const struct jst_result *result, uint32_t place, uint32_t row)
{
	return place < result->rows && result->row[place] == row;
}

uint64_t jst_result_bucket(const struct jst_result *result, uint32_t bucket)
{
	const uint32_t row = bucket / JST_RESULT_ROW, place = place_of(result, row);

	return has_row(result, place, row) ? result->bucket[place * JST_RESULT_ROW + bucket % JST_RESULT_ROW] : 0;
}

static void insert_row(struct jst_result *result, uint32_t place, uint32_t row)
{
	const uint32_t behind = result->rows - place;

	/* The room is the next power of two. */
	if ((result->rows & (result->rows - 1)) == 0) {
		const uint32_t room = result->rows ? result->rows * 2 : 1;

		result->row = jst_result_resize(result->row, room, sizeof(*result->row));
		result->bucket = jst_result_resize(result->bucket, room, JST_RESULT_ROW * sizeof(uint64_t));
	}
	uint64_t *buckets = result->bucket + (size_t)place * JST_RESULT_ROW;
	memmove(result->row + place + 1, result->row + place, behind * sizeof(*result->row));
	memmove(buckets + JST_RESULT_ROW, buckets, behind * JST_RESULT_ROW * sizeof(uint64_t));
	result->row[place] = (uint16_t)row;
	memset(buckets, 0, JST_RESULT_ROW * sizeof(uint64_t));
	result->rows++;
}

uint64_t *jst_result_row(struct jst_result *result, uint32_t row)
{
	const uint32_t place = place_of(result, row);

	if (!has_row(result, place, row))
		insert_row(result, place, row);
	return result->bucket + (size_t)place * JST_RESULT_ROW;
}

void jst_result_count(struct jst_result *result, uint32_t bucket, uint64_t count)
{
	if (count)
		jst_result_row(result, bucket / JST_RESULT_ROW)[bucket % JST_RESULT_ROW] += count;
}

static struct jst_value own_copy(struct jst_value value)
{
	if (value.kind != JST_STRING)
		return value;
	char *copy = jst_result_resize(NULL, (size_t)value.length + 1, 1);
	if (value.length)
		memcpy(copy, value.s, value.length);
	copy[value.length] = 0;
	return jst_value_string(copy, value.length);
}

void jst_result_copy(struct jst_result *to, const struct jst_result *from)
{
	*to = *from;
	to->last = own_copy(from->last);
	to->rows = 0;
	to->row = NULL;
	to->bucket = NULL;
	to->exemplars = 0;
	to->exemplar = NULL;
	for (uint32_t i = 0; i < from->exemplars; i++)
		jst_result_merge_exemplar(to, &from->exemplar[i]);
	for (uint32_t at = 0; at < from->rows * JST_RESULT_ROW; at++)
		jst_result_count(to, jst_result_bucket_at(from, at), from->bucket[at]);
}

void jst_result_merge_sum(struct jst_sum *to, const struct jst_sum *from)
{
	to->integers = (__int128)((unsigned __int128)to->integers + (unsigned __int128)from->integers);
	to->doubles += from->doubles;
	to->has_doubles |= from->has_doubles;
}

void jst_result_merge_extremes(struct jst_result *to, struct jst_value min, struct jst_value max)
{
	if (min.kind != JST_NIL && (to->min.kind == JST_NIL || jst_value_beats(min, to->min, false)))
		to->min = min;
	if (max.kind != JST_NIL && (to->max.kind == JST_NIL || jst_value_beats(max, to->max, true)))
		to->max = max;
}

/* Chan, Golub, LeVeque 1979. Before the counts are added. */
void jst_result_merge_moments(struct jst_result *to, uint64_t count, double mean, double squares)
{
	const double n = (double)to->count, m = (double)count;

	if (!count)
		return;
	if (!to->count) {
		to->mean = mean;
		to->squares = squares;
		return;
	}
	const double difference = mean - to->mean;
	to->mean = (to->mean * n + mean * m) / (n + m);
	to->squares += squares + difference * difference * (n * m / (n + m));
}

int jst_result_compare_values(const struct jst_value *a, const struct jst_value *b)
{
	if (a->kind != b->kind)
		return a->kind < b->kind ? -1 : 1;
	if (a->kind == JST_STRING)
		return jst_value_compare(a, b);
	return a->i < b->i ? -1 : a->i > b->i;
}

/* Whether the last value of `from` is later than that of `to`: by time, by where it comes from, by the value itself, so that the order of merging does not matter. */
static bool later(const struct jst_result *from, const struct jst_result *to)
{
	if (to->last.kind == JST_NIL || from->last.kind == JST_NIL)
		return from->last.kind != JST_NIL;
	if (from->last_timestamp != to->last_timestamp)
		return from->last_timestamp > to->last_timestamp;
	const int order = strcmp(from->last_hostname, to->last_hostname);
	if (order)
		return order > 0;
	if (from->last_pid != to->last_pid)
		return from->last_pid > to->last_pid;
	if (from->last_tid != to->last_tid)
		return from->last_tid > to->last_tid;
	return jst_result_compare_values(&from->last, &to->last) > 0;
}

void jst_result_merge_last(struct jst_result *to, const struct jst_result *from)
{
	if (!later(from, to))
		return;
	if (to->last.kind == JST_STRING)
		free((char *)to->last.s);
	to->last = own_copy(from->last);
	to->last_timestamp = from->last_timestamp;
	to->last_pid = from->last_pid;
	to->last_tid = from->last_tid;
	memcpy(to->last_hostname, from->last_hostname, sizeof(to->last_hostname));
}

void jst_result_merge(struct jst_result *to, const struct jst_result *from, const struct jst_aggregation_decl *decl)
{
	if (jst_aggregation_info[decl->function].shape == JST_SHAPE_LAST)
		jst_result_merge_last(to, from);
	jst_result_merge_moments(to, from->count, from->mean, from->squares);
	jst_result_merge_sum(&to->sum, &from->sum);
	jst_result_merge_extremes(to, from->min, from->max);
	to->count += from->count;
	for (uint32_t i = 0; i < from->exemplars; i++)
		jst_result_merge_exemplar(to, &from->exemplar[i]);
	if (jst_aggregation_info[decl->function].shape == JST_SHAPE_DISTINCT) {
		for (uint32_t i = 0; i < from->rows; i++)
			jst_result_merge_registers(to, from->row[i], from->bucket + (size_t)i * JST_RESULT_ROW);
		return;
	}
	for (uint32_t at = 0; at < from->rows * JST_RESULT_ROW; at++)
		jst_result_count(to, jst_result_bucket_at(from, at), from->bucket[at]);
}
