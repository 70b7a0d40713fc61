/*
 * Aggregations from update to merged result: each function, its odd values, and that merging gives the same in any order.
 */
#include <check.h>

#include "aggregation_state.h"
#include "cell_index.h"
#include "store.h"

enum { COUNT, SUM, MIN, MAX, AVG, STATS, HIST, HIST0, HIST8, LHIST, QUANTILES, RATE, LAST, BY_TWO, PLAIN9, DISTINCT, EXEMPLARS, AGGREGATIONS };

static struct store *store;
static uint64_t scratch[512];
static const struct jst_aggregation_decl *decls;

static void setup(void)
{
	struct jst_builder *builder = jst_builder_new();
	const int64_t none[3] = { 0 }, bits4[3] = { 4 }, bits8[3] = { 8 }, linear[3] = { -10, 95, 10 }, exemplars[3] = { 4, 1 };

	jst_builder_aggregation(builder, JST_AGGREGATION_COUNT, 1, none);
	jst_builder_aggregation(builder, JST_AGGREGATION_SUM, 0, none);
	jst_builder_aggregation(builder, JST_AGGREGATION_MIN, 0, none);
	jst_builder_aggregation(builder, JST_AGGREGATION_MAX, 0, none);
	jst_builder_aggregation(builder, JST_AGGREGATION_AVG, 1, none);
	jst_builder_aggregation(builder, JST_AGGREGATION_STATS, 0, none);
	jst_builder_aggregation(builder, JST_AGGREGATION_HIST, 1, bits4);
	jst_builder_aggregation(builder, JST_AGGREGATION_HIST, 0, none);
	jst_builder_aggregation(builder, JST_AGGREGATION_HIST, 1, bits8);
	jst_builder_aggregation(builder, JST_AGGREGATION_LHIST, 0, linear);
	jst_builder_aggregation(builder, JST_AGGREGATION_QUANTILES, 0, bits4);
	jst_builder_aggregation(builder, JST_AGGREGATION_RATE, 0, none);
	jst_builder_aggregation(builder, JST_AGGREGATION_LAST, 1, none);
	jst_builder_aggregation(builder, JST_AGGREGATION_COUNT, 2, none);
	jst_builder_aggregation(builder, JST_AGGREGATION_COUNT, 0, none);
	jst_builder_aggregation(builder, JST_AGGREGATION_DISTINCT, 0, none);
	jst_builder_aggregation(builder, JST_AGGREGATION_HIST, 0, exemplars);
	store = store_new(builder, 16 << 20, 64);
	decls = jst_program_section(store->program, JST_SECTION_AGGREGATIONS);
}

static void teardown(void)
{
	store_free(store);
}

static void update(uint32_t thread, uint16_t index, struct jst_value value)
{
	const struct jst_update context = store_aggregation(store, thread, index, scratch, sizeof(scratch));
	const struct jst_value keys[] = { jst_value_int(1), jst_value_string("k", 1) };

	jst_aggregation_update(&context, keys, value);
}

static void updates(uint32_t thread, uint16_t index, const int64_t *values, unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		update(thread, index, jst_value_int(values[i]));
}

static uint64_t lost(enum jst_loss loss)
{
	return store_lost(store, store_slot(store, 0), loss);
}

/* Adds what bank 0 of a thread holds of an aggregation to the result, rows after states as a reader finds them. Returns the states seen. */
static unsigned collect(struct jst_result *result, uint32_t thread, uint16_t index)
{
	const struct jst_source source = { .hostname = "host", .pid = 100 };
	unsigned states = 0;
	jst_ref owner = 0;

	for (jst_ref ref = store_slot(store, thread)->banks[0].first_chunk; ref; ref = ((struct jst_chunk *)jst_memory_at(&store->memory, ref))->next) {
		struct jst_chunk *chunk = jst_memory_at(&store->memory, ref);
		for (uint32_t at = sizeof(*chunk); at < chunk->used;) {
			struct jst_cell *cell = (struct jst_cell *)((char *)chunk + at);
			at += cell->size;
			if (cell->aggregation != index)
				continue;
			if (cell->type == JST_CELL_STATE) {
				owner = jst_memory_ref(&store->memory, cell);
				ck_assert(jst_result_add_state(result, &decls[index], jst_cell_state(cell), cell->size - (uint32_t)sizeof(*cell) - cell->key_size, &source));
				states++;
			} else if (cell->type == JST_CELL_ROW) {
				ck_assert_uint_eq(jst_row_owner(cell), owner);
				ck_assert(jst_result_add_row(result, &decls[index], cell, cell->size));
			}
		}
	}
	return states;
}

static struct jst_result result_of(uint32_t threads, uint16_t index)
{
	struct jst_result result;

	jst_result_init(&result, &decls[index]);
	for (uint32_t thread = 0; thread < threads; thread++)
		collect(&result, thread, index);
	return result;
}

static void expect_number(struct jst_value value, double expected)
{
	ck_assert(value.kind == JST_INT || value.kind == JST_DOUBLE);
	ck_assert_double_eq(value.kind == JST_INT ? (double)value.i : value.d, expected);
}

START_TEST(counts)
{
	for (int i = 0; i < 5; i++) {
		update(0, COUNT, jst_value_nil());
		update(0, RATE, jst_value_nil());
		update(1, COUNT, jst_value_string("anything", 8));
		update(0, BY_TWO, jst_value_nil());
		update(0, PLAIN9, jst_value_nil());
	}
	const uint16_t once[] = { RATE, BY_TWO, PLAIN9 };
	for (int i = 0; i < 3; i++) {
		struct jst_result result = result_of(1, once[i]);
		ck_assert_uint_eq(result.count, 5);
		jst_result_fini(&result);
	}
	struct jst_result result = result_of(2, COUNT);
	ck_assert_uint_eq(result.count, 10);
	jst_result_fini(&result);
	ck_assert_uint_eq(lost(JST_LOSS_SKIPPED), 0);
}
END_TEST

START_TEST(sums_do_not_lose)
{
	const int64_t large[] = { INT64_MAX, INT64_MAX, INT64_MAX, -5, INT64_MIN };

	updates(0, SUM, large, 5);
	updates(1, SUM, large, 4);
	update(1, SUM, jst_value_double(0.5));
	struct jst_result result = result_of(2, SUM);
	ck_assert(result.sum.integers == (__int128)INT64_MAX * 6 - 10 + INT64_MIN);
	ck_assert(result.sum.has_doubles);
	ck_assert_double_eq(result.sum.doubles, 0.5);
	ck_assert_uint_eq(result.count, 10);
	jst_result_fini(&result);
}
END_TEST

START_TEST(extremes_mix_kinds)
{
	update(0, MIN, jst_value_int(5));
	update(0, MIN, jst_value_double(4.5));
	update(0, MIN, jst_value_int(6));
	update(1, MAX, jst_value_double(7.0));
	update(1, MAX, jst_value_int(7));
	update(1, MAX, jst_value_int(INT64_MIN));
	struct jst_result least = result_of(2, MIN), greatest = result_of(2, MAX);
	ck_assert_uint_eq(least.min.kind, JST_DOUBLE);
	ck_assert_double_eq(least.min.d, 4.5);
	ck_assert_uint_eq(least.max.kind, JST_NIL);
	ck_assert_uint_eq(greatest.max.kind, JST_INT); /* the integer wins over the equal double, whichever came first */
	ck_assert_int_eq(greatest.max.i, 7);
	ck_assert_uint_eq(greatest.count, 3);
	jst_result_fini(&least);
	jst_result_fini(&greatest);
}
END_TEST

START_TEST(statistics)
{
	/* Far from zero and close together, where a sum of squares alone would be noise. */
	for (int i = 0; i < 1000; i++)
		update((uint32_t)i % 3, STATS, jst_value_int(1000000000000 + i % 10));
	struct jst_result result = result_of(3, STATS);
	ck_assert_uint_eq(result.count, 1000);
	ck_assert_double_eq_tol(result.mean, 1000000000004.5, 1e-3);
	ck_assert_double_eq_tol(result.squares / 1000, 8.25, 1e-3);
	ck_assert_int_eq(result.min.i, 1000000000000);
	ck_assert_int_eq(result.max.i, 1000000000009);
	ck_assert(result.sum.integers == (__int128)1000000000000 * 1000 + 4500);
	jst_result_fini(&result);
}
END_TEST

START_TEST(what_is_no_number_is_skipped)
{
	const uint16_t numeric[] = { SUM, MIN, MAX, AVG, STATS, HIST, LHIST, QUANTILES };
	uint64_t skipped = 0;

	for (unsigned i = 0; i < sizeof(numeric) / sizeof(numeric[0]); i++) {
		struct jst_result result;
		update(0, numeric[i], jst_value_nil());
		update(0, numeric[i], jst_value_string("5", 1));
		update(0, numeric[i], jst_value_double(__builtin_nan("")));
		ck_assert_uint_eq(lost(JST_LOSS_SKIPPED), skipped += 3);
		jst_result_init(&result, &decls[numeric[i]]);
		ck_assert_uint_eq(collect(&result, 0, numeric[i]), 0); /* not even a cell */
		jst_result_fini(&result);
	}
	update(0, LAST, jst_value_nil());
	ck_assert_uint_eq(lost(JST_LOSS_SKIPPED), skipped + 1);
}
END_TEST

/* For every width: the buckets cover int64 without gaps, each value lies in its own, and each is as narrow as promised. */
START_TEST(buckets_cover_everything)
{
	for (unsigned bits = 0; bits <= 8; bits++) {
		const uint32_t buckets = jst_histogram_buckets(bits);
		int64_t low, high, previous = INT64_MIN;

		for (uint32_t b = 0; b < buckets; b++) {
			jst_histogram_range(bits, b, &low, &high);
			ck_assert_int_eq(low, previous);
			ck_assert_int_lt(low, high);
			ck_assert_uint_eq(jst_histogram_bucket(bits, low), b);
			ck_assert_uint_eq(jst_histogram_bucket(bits, high - 1), b);
			if (low > 0)
				ck_assert(high - low == 1 || (unsigned __int128)(high - low) << bits <= (unsigned __int128)low + (b + 1 == buckets));
			previous = high;
		}
		ck_assert_int_eq(high, INT64_MAX);
		ck_assert_uint_eq(jst_histogram_bucket(bits, INT64_MAX), buckets - 1);
		jst_histogram_range(bits, jst_histogram_bucket(bits, 0), &low, &high);
		ck_assert(low == 0 && high == 1); /* zero has its own */
	}
}
END_TEST

START_TEST(histograms_keep_all_values)
{
	const uint16_t histograms[] = { HIST, HIST0, HIST8, QUANTILES };
	static const int64_t values[] = { 0, 1, -1, 15, 16, 17, 31, 32, 1000, -1000, 123456789, INT64_MAX, INT64_MIN, INT64_MIN + 1, INT64_MAX - 1, 7, 7, 7 };
	const unsigned count = sizeof(values) / sizeof(values[0]);

	for (unsigned h = 0; h < 4; h++) {
		const unsigned bits = jst_histogram_bits(&decls[histograms[h]]);
		__int128 sum = 0;
		updates(0, histograms[h], values, count);
		updates(1, histograms[h], values, count);
		struct jst_result result = result_of(2, histograms[h]);
		ck_assert_uint_eq(result.count, 2 * count);
		ck_assert_uint_eq(result.buckets, jst_histogram_buckets(bits));
		for (unsigned i = 0; i < count; i++) {
			uint64_t expected = 0;
			for (unsigned k = 0; k < count; k++)
				expected += 2 * (jst_histogram_bucket(bits, values[k]) == jst_histogram_bucket(bits, values[i]));
			ck_assert_uint_eq(jst_result_bucket(&result, jst_histogram_bucket(bits, values[i])), expected);
			sum += 2 * (__int128)values[i];
		}
		ck_assert(result.sum.integers == sum);
		ck_assert_int_eq(result.min.i, INT64_MIN);
		ck_assert_int_eq(result.max.i, INT64_MAX);
		jst_result_fini(&result);
	}
}
END_TEST

START_TEST(doubles_in_histograms_are_truncated)
{
	const double values[] = { 2.9, -2.9, 0.5, -0.5, 1e300, -1e300, __builtin_inf(), -__builtin_inf() };

	for (unsigned i = 0; i < 8; i++)
		update(0, HIST, jst_value_double(values[i]));
	struct jst_result result = result_of(1, HIST);
	ck_assert_uint_eq(jst_result_bucket(&result, jst_histogram_bucket(4, 2)), 1);
	ck_assert_uint_eq(jst_result_bucket(&result, jst_histogram_bucket(4, -2)), 1);
	ck_assert_uint_eq(jst_result_bucket(&result, jst_histogram_bucket(4, 0)), 2);
	ck_assert_uint_eq(jst_result_bucket(&result, jst_histogram_bucket(4, INT64_MAX)), 2);
	ck_assert_uint_eq(jst_result_bucket(&result, 0), 2);
	ck_assert_uint_eq(jst_result_bucket(&result, 1), 0);
	ck_assert_uint_eq(result.rows, 4); /* of 122: the least integers, the negatives down to zero, the positives, the greatest */
	ck_assert_uint_eq(result.count, 8);
	/* Least, greatest and sum are of the same whole numbers. */
	ck_assert_int_eq(result.min.i, INT64_MIN);
	ck_assert_int_eq(result.max.i, INT64_MAX);
	ck_assert(!result.sum.has_doubles && result.sum.integers == -2);
	jst_result_fini(&result);
	/* Those between -1 and 1 lost what they were, which is told; zero did not, and a linear histogram has bounds to choose. */
	ck_assert_uint_eq(lost(JST_LOSS_FRACTIONS), 2);
	update(0, HIST, jst_value_double(0.0));
	update(0, HIST, jst_value_double(-0.0));
	update(0, LHIST, jst_value_double(0.5));
	ck_assert_uint_eq(lost(JST_LOSS_FRACTIONS), 2);
	update(0, QUANTILES, jst_value_double(1e-300));
	update(0, EXEMPLARS, jst_value_double(-0.9));
	ck_assert_uint_eq(lost(JST_LOSS_FRACTIONS), 4);
}
END_TEST

START_TEST(linear_histograms)
{
	/* -10 … 95 in steps of 10: eleven, the last one short. */
	const int64_t values[] = { INT64_MIN, -11, -10, -1, 0, 9, 85, 89, 90, 94, 95, INT64_MAX };

	updates(0, LHIST, values, 12);
	update(0, LHIST, jst_value_double(-10.5));
	update(0, LHIST, jst_value_double(-0.5));
	update(0, LHIST, jst_value_double(94.9));
	struct jst_result result = result_of(1, LHIST);
	ck_assert_uint_eq(result.buckets, 13);
	ck_assert_uint_eq(jst_result_bucket(&result, 0), 3);
	ck_assert_uint_eq(jst_result_bucket(&result, 1), 3);
	ck_assert_uint_eq(jst_result_bucket(&result, 2), 2);
	ck_assert_uint_eq(jst_result_bucket(&result, 10), 2);
	ck_assert_uint_eq(jst_result_bucket(&result, 11), 3);
	ck_assert_uint_eq(jst_result_bucket(&result, 12), 2);
	ck_assert_uint_eq(result.count, 15);
	jst_result_fini(&result);
}
END_TEST

START_TEST(linear_histograms_sum_what_they_count)
{
	update(0, LHIST, jst_value_double(-0.5));
	update(0, LHIST, jst_value_double(94.9));
	struct jst_result result = result_of(1, LHIST);
	ck_assert_int_eq(result.min.i, -1);
	ck_assert_int_eq(result.max.i, 94);
	ck_assert(!result.sum.has_doubles && result.sum.integers == 93);
	jst_result_fini(&result);
}
END_TEST

START_TEST(quantiles_are_within_a_sixteenth)
{
	for (int64_t i = 1; i <= 100000; i++)
		update((uint32_t)i % 2, QUANTILES, jst_value_int(i));
	struct jst_result result = result_of(2, QUANTILES);
	const double q[] = { 0, 0.001, 0.5, 0.9, 0.99, 0.999, 1 };
	for (unsigned i = 0; i < 7; i++) {
		const struct jst_value value = jst_result_quantile(&result, &decls[QUANTILES], q[i]);
		const double exact = q[i] * 100000 < 1 ? 1 : q[i] * 100000;
		ck_assert_uint_eq(value.kind, JST_INT);
		ck_assert_double_le((double)value.i, exact * 17 / 16);
		ck_assert_double_ge((double)value.i, exact * 15 / 16);
	}
	jst_result_fini(&result);
}
END_TEST

START_TEST(quantile_ranks_and_limits)
{
	struct jst_result result;

	jst_result_init(&result, &decls[HIST]);
	ck_assert_uint_eq(jst_result_quantile(&result, &decls[HIST], 0.5).kind, JST_NIL);
	jst_result_fini(&result);
	const int64_t one[] = { 1001 }, ten[] = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10 };
	updates(0, HIST, one, 1);
	result = result_of(1, HIST);
	expect_number(jst_result_quantile(&result, &decls[HIST], 0.5), 1001); /* the midpoint is clamped to what was seen */
	jst_result_fini(&result);
	updates(0, QUANTILES, ten, 10);
	result = result_of(1, QUANTILES);
	for (int i = 1; i <= 10; i++)
		expect_number(jst_result_quantile(&result, &decls[QUANTILES], i / 10.0), i);
	expect_number(jst_result_quantile(&result, &decls[QUANTILES], 0.11), 2);
	expect_number(jst_result_quantile(&result, &decls[QUANTILES], 0), 1);
	jst_result_fini(&result);
	const int64_t mirrored[] = { -40, -40, -40, -47, -33 };
	updates(0, HIST0, mirrored, 5);
	result = result_of(1, HIST0);
	expect_number(jst_result_quantile(&result, &decls[HIST0], 0.5), -47); /* [32, 64) mirrored: -48, clamped */
	jst_result_fini(&result);
}
END_TEST

START_TEST(rank_is_not_fooled_by_rounding)
{
	for (int64_t i = 0; i < 100; i++)
		update(0, LHIST, jst_value_int(i < 7 ? 0 : 90));
	struct jst_result result = result_of(1, LHIST);
	/* 0.07 * 100 is 7.000000000000001: still the seventh. */
	ck_assert_int_lt(jst_result_quantile(&result, &decls[LHIST], 0.07).i, 10);
	ck_assert_int_ge(jst_result_quantile(&result, &decls[LHIST], 0.08).i, 90);
	jst_result_fini(&result);
}
END_TEST

static void update_last(uint32_t thread, int64_t timestamp, struct jst_value value)
{
	struct jst_update context = store_aggregation(store, thread, LAST, scratch, sizeof(scratch));
	const struct jst_value key = jst_value_int(1);

	context.timestamp = timestamp;
	context.tid = (int32_t)thread + 1;
	jst_aggregation_update(&context, &key, value);
}

START_TEST(the_last_value)
{
	char text[100];

	memset(text, 'x', sizeof(text));
	update_last(0, 10, jst_value_int(5));
	update_last(0, 20, jst_value_string(text, 100));
	update_last(0, 15, jst_value_int(6)); /* the wall clock was set back */
	ck_assert_uint_eq(lost(JST_LOSS_STRINGS), 1);
	struct jst_result result = result_of(1, LAST);
	ck_assert_uint_eq(result.last.kind, JST_STRING);
	ck_assert_uint_eq(result.last.length, 64);
	ck_assert_mem_eq(result.last.s, text, 64);
	ck_assert_int_eq(result.last_timestamp, 20);
	ck_assert_str_eq(result.last_hostname, "host");
	jst_result_fini(&result);
	update_last(1, 20, jst_value_double(2.5)); /* a tie goes to the greater tid */
	result = result_of(2, LAST);
	ck_assert_double_eq(result.last.d, 2.5);
	ck_assert_int_eq(result.last_tid, 2);
	/* Two of one thread and one time, as two snapshots may hold them: the order of merging does not choose. */
	struct jst_result other, both;
	jst_result_copy(&other, &result);
	other.last = jst_value_double(3.5);
	for (int order = 0; order < 2; order++) {
		jst_result_copy(&both, order ? &other : &result);
		jst_result_merge(&both, order ? &result : &other, &decls[LAST]);
		ck_assert_double_eq(both.last.d, 3.5);
		jst_result_fini(&both);
	}
	jst_result_fini(&other);
	jst_result_fini(&result);
}
END_TEST

/* Six threads' results merged in all 720 orders. */
START_TEST(the_order_of_merging_does_not_matter)
{
	const uint16_t all[] = { COUNT, SUM, MIN, MAX, AVG, HIST, LHIST, QUANTILES, RATE, LAST };
	uint64_t seed = 7;

	for (unsigned a = 0; a < sizeof(all) / sizeof(all[0]); a++) {
		struct jst_result parts[6], first;
		for (uint32_t thread = 0; thread < 6; thread++) {
			for (int i = 0; i < 20; i++) {
				seed = seed * 6364136223846793005ULL + 1442695040888963407ULL;
				if (all[a] == LAST)
					update_last(thread, (int64_t)(seed >> 33) % 8, jst_value_int((int64_t)seed));
				else if (i % 5 == 4 && all[a] != HIST && all[a] != LHIST && all[a] != SUM && all[a] != AVG && all[a] != QUANTILES)
					update(thread, all[a], jst_value_double((double)((int64_t)seed >> 40)));
				else
					update(thread, all[a], jst_value_int((int64_t)seed >> (seed & 31)));
			}
			jst_result_init(&parts[thread], &decls[all[a]]);
			collect(&parts[thread], thread, all[a]);
		}
		for (unsigned order = 0; order < 720; order++) {
			struct jst_result merged;
			bool taken[6] = { false };
			unsigned rest = order;
			jst_result_init(&merged, &decls[all[a]]);
			for (unsigned left = 6; left; left--) {
				unsigned nth = rest % left, thread = 0;
				rest /= left;
				while (taken[thread] || nth-- > 0)
					thread++;
				taken[thread] = true;
				jst_result_merge(&merged, &parts[thread], &decls[all[a]]);
			}
			if (order == 0) {
				jst_result_copy(&first, &merged);
			} else {
				ck_assert_uint_eq(merged.count, first.count);
				ck_assert(merged.sum.integers == first.sum.integers);
				ck_assert(merged.min.kind == first.min.kind && merged.min.i == first.min.i);
				ck_assert(merged.max.kind == first.max.kind && merged.max.i == first.max.i);
				ck_assert(merged.last.kind == first.last.kind && merged.last.i == first.last.i);
				ck_assert_uint_eq(merged.rows, first.rows);
				ck_assert(!merged.rows || !memcmp(merged.row, first.row, merged.rows * sizeof(*merged.row)));
				ck_assert(!merged.rows || !memcmp(merged.bucket, first.bucket, merged.rows * JST_RESULT_ROW * sizeof(uint64_t)));
			}
			jst_result_fini(&merged);
		}
		jst_result_fini(&first);
		for (uint32_t thread = 0; thread < 6; thread++)
			jst_result_fini(&parts[thread]);
	}
}
END_TEST

/* Bytes of any kind as states and rows: refused or taken, nothing is touched outside them. */
START_TEST(hostile_cells_stay_inside)
{
	const struct jst_source source = { .hostname = NULL, .pid = 1 };
	uint64_t seed = 99;

	for (int round = 0; round < 30000; round++) {
		const uint16_t index = (uint16_t)((seed >> 30) % AGGREGATIONS);
		const uint32_t size = (uint32_t)(seed >> 40) % 80 * 8;
		uint64_t *bytes = malloc(size + 8);
		struct jst_result result;
		for (uint32_t i = 0; i < size / 8; i++) {
			seed = seed * 6364136223846793005ULL + 1442695040888963407ULL;
			bytes[i] = seed & 64 ? (seed >> 33) % 70 : seed;
		}
		seed = seed * 6364136223846793005ULL + 1442695040888963407ULL;
		jst_result_init(&result, &decls[index]);
		bytes = realloc(bytes, size ? size : 8);
		jst_result_add_state(&result, &decls[index], bytes, size, &source);
		if (size >= sizeof(struct jst_cell)) {
			jst_result_add_row(&result, &decls[index], (struct jst_cell *)bytes, size);
			jst_result_add_exemplars(&result, &decls[index], (struct jst_cell *)bytes, size, &source);
			((struct jst_cell *)bytes)->size = size;
			jst_row_owner((struct jst_cell *)bytes);
		}
		jst_result_quantile(&result, &decls[index], 0.99);
		if (index == DISTINCT)
			jst_result_distinct(&result);
		jst_result_fini(&result);
		free(bytes);
	}
}
END_TEST

START_TEST(a_key_that_does_not_fit_is_counted)
{
	struct jst_update context = store_aggregation(store, 0, BY_TWO, scratch, 16);
	const struct jst_value keys[] = { jst_value_int(1), jst_value_string("key", 3) };

	jst_aggregation_update(&context, keys, jst_value_nil());
	ck_assert_uint_eq(lost(JST_LOSS_SCRATCH), 1);
	context.room = 32;
	jst_aggregation_update(&context, keys, jst_value_nil());
	ck_assert_uint_eq(lost(JST_LOSS_SCRATCH), 1);
}
END_TEST

/* Strings of all lengths, those that are cut among them, under a key each; some are also seen as a second key. */
START_TEST(strings_are_keys)
{
	enum { LENGTHS = 80, CUT = 64, TIMES = 3 };
	const struct jst_update one = store_aggregation(store, 0, COUNT, scratch, sizeof(scratch)), two = store_aggregation(store, 0, BY_TWO, scratch, sizeof(scratch));
	char text[LENGTHS];

	memset(text, 'k', sizeof(text));
	for (unsigned times = 0; times < TIMES; times++) {
		for (uint32_t length = 0; length < LENGTHS; length++) {
			const struct jst_value keys[] = { jst_value_string(text, length), jst_value_double(7.0) };

			jst_aggregation_update(&one, keys, jst_value_nil());
			jst_aggregation_update(&two, keys, jst_value_nil());
		}
	}
	ck_assert_uint_eq(lost(JST_LOSS_STRINGS), 2 * TIMES * (LENGTHS - CUT - 1));
	for (unsigned i = 0; i < 2; i++) {
		const uint16_t index = i ? BY_TWO : COUNT;
		struct jst_result result;

		jst_result_init(&result, &decls[index]);
		ck_assert_uint_eq(collect(&result, 0, index), CUT + 1);
		ck_assert_uint_eq(result.count, TIMES * LENGTHS);
		jst_result_fini(&result);
	}
	/* All that are cut are one key. */
	const struct jst_value whole = jst_value_string(text, CUT);
	const struct jst_count_state *state = jst_cell_state(jst_index_find_string(&store->memory, one.bank, COUNT, &whole));
	ck_assert_uint_eq(jst_word_load(&state->count), TIMES * (LENGTHS - CUT));
}
END_TEST

START_TEST(without_memory_updates_are_counted)
{
	store->memory.header->permit = store->memory.header->heap_used + JST_CHUNK_MIN;
	for (int i = 0; i < 63; i++)
		update(0, HIST, jst_value_int((int64_t)1 << i));
	struct jst_result result = result_of(1, HIST);
	ck_assert_uint_gt(result.count, 5);
	ck_assert_uint_eq(result.count + lost(JST_LOSS_CELLS), 63);
	jst_result_fini(&result);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("aggregation");
	TCase *tests = tcase_create("aggregation");

	tcase_set_timeout(tests, 120);
	tcase_add_checked_fixture(tests, setup, teardown);
	tcase_add_test(tests, counts);
	tcase_add_test(tests, sums_do_not_lose);
	tcase_add_test(tests, extremes_mix_kinds);
	tcase_add_test(tests, statistics);
	tcase_add_test(tests, what_is_no_number_is_skipped);
	tcase_add_test(tests, buckets_cover_everything);
	tcase_add_test(tests, histograms_keep_all_values);
	tcase_add_test(tests, doubles_in_histograms_are_truncated);
	tcase_add_test(tests, linear_histograms);
	tcase_add_test(tests, linear_histograms_sum_what_they_count);
	tcase_add_test(tests, quantiles_are_within_a_sixteenth);
	tcase_add_test(tests, quantile_ranks_and_limits);
	tcase_add_test(tests, rank_is_not_fooled_by_rounding);
	tcase_add_test(tests, the_last_value);
	tcase_add_test(tests, the_order_of_merging_does_not_matter);
	tcase_add_test(tests, hostile_cells_stay_inside);
	tcase_add_test(tests, strings_are_keys);
	tcase_add_test(tests, a_key_that_does_not_fit_is_counted);
	tcase_add_test(tests, without_memory_updates_are_counted);
	suite_add_tcase(suite, tests);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	const int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
