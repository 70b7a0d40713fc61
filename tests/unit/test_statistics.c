/*
 * What the sketches promise, held against exact results on many values: quantiles of hist and quantiles, its count, sum, min and max, and the estimates of distinct.
 *
 * The values come from a generator whose seed is printed and can be given as SEED. Where a tool makes everything slow there are fewer of them; what is asked of the results stays the same.
 */
#include <check.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "aggregation_state.h"
#include "store.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED 1
#endif
#endif
#ifndef SANITIZED
#define SANITIZED 0
#endif

enum { MOST_THREADS = 7 };

static uint64_t seed = 20240229;

/* One in so many values that a plain run takes. */
static unsigned thinning(void)
{
	const char *preload = getenv("LD_PRELOAD");

	return preload && strstr(preload, "vgpreload") ? 100 : SANITIZED ? 20 : 1;
}

/* splitmix64 (Steele, Lea, Flood 2014). */
static uint64_t next_random(uint64_t *state)
{
	uint64_t z = *state += 0x9e3779b97f4a7c15ULL;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ z >> 27) * 0x94d049bb133111ebULL;
	return z ^ z >> 31;
}

/* In (0, 1]. */
static double next_uniform(uint64_t *state)
{
	return (double)((next_random(state) >> 11) + 1) * 0x1p-53;
}

static double next_normal(uint64_t *state)
{
	const double radius = sqrt(-2 * log(next_uniform(state)));

	return radius * cos(2 * M_PI * next_uniform(state));
}

/* ---- from updates to a result ---- */

static struct store *store;
static const struct jst_aggregation_decl *decl;

static void open_store(enum jst_aggregation function, int64_t bits)
{
	struct jst_builder *builder = jst_builder_new();

	jst_builder_aggregation(builder, function, 0, (int64_t[3]){ bits });
	store = store_new(builder, 16 << 20, 64);
	decl = jst_program_section(store->program, JST_SECTION_AGGREGATIONS);
}

static struct jst_update updater(uint32_t thread)
{
	return store_aggregation(store, thread, 0, NULL, 0);
}

/* What a thread's bank holds, as a result of its own. */
static void collect(struct jst_result *result, uint32_t thread)
{
	const struct jst_source source = { .hostname = "host", .pid = 100 };

	jst_result_init(result, decl);
	for (jst_ref ref = atomic_load(&store_slot(store, thread)->banks[0].first_chunk); ref;) {
		struct jst_chunk *chunk = jst_memory_at(&store->memory, ref);
		for (uint32_t at = sizeof(*chunk); at < atomic_load(&chunk->used);) {
			struct jst_cell *cell = (struct jst_cell *)((char *)chunk + at);
			if (cell->type == JST_CELL_STATE)
				ck_assert(jst_result_add_state(result, decl, jst_cell_state(cell), cell->size - (uint32_t)sizeof(*cell), &source));
			else if (cell->type == JST_CELL_ROW)
				ck_assert(jst_result_add_row(result, decl, cell, cell->size));
			at += cell->size;
		}
		ref = atomic_load(&chunk->next);
	}
}

/* All threads' results merged, from the given one on and in steps of `step`. */
static struct jst_result merge_all(uint32_t threads, uint32_t first, uint32_t step)
{
	struct jst_result all, part;

	jst_result_init(&all, decl);
	for (uint32_t i = 0; i < threads; i++) {
		collect(&part, (first + i * step) % threads);
		jst_result_merge(&all, &part, decl);
		jst_result_fini(&part);
	}
	return all;
}

static void expect_identical(const struct jst_result *a, const struct jst_result *b)
{
	ck_assert_uint_eq(a->count, b->count);
	ck_assert(a->sum.integers == b->sum.integers);
	ck_assert_int_eq(a->min.i, b->min.i);
	ck_assert_int_eq(a->max.i, b->max.i);
	ck_assert_uint_eq(a->rows, b->rows);
	ck_assert_mem_eq(a->row, b->row, a->rows * sizeof(*a->row));
	ck_assert_mem_eq(a->bucket, b->bucket, a->rows * JST_RESULT_ROW * sizeof(uint64_t));
}

/* ---- quantiles ---- */

static int64_t uniform(uint64_t *state)
{
	return (int64_t)(next_random(state) % 10000000);
}

/* As latencies are: most about 1 ms, a long tail. */
static int64_t lognormal(uint64_t *state)
{
	return (int64_t)exp(log(1e6) + 1.5 * next_normal(state));
}

/* Hits of a cache and its misses, a thousand times as slow. */
static int64_t bimodal(uint64_t *state)
{
	const double spread = exp(0.1 * next_normal(state));

	return (int64_t)(next_uniform(state) < 0.95 ? 20000 * spread : 20000000 * spread);
}

static int64_t constant(uint64_t *state)
{
	(void)state;
	return 123456;
}

static int64_t negative(uint64_t *state)
{
	return 1000000 - lognormal(state);
}

static const struct {
	const char *name;
	int64_t (*next)(uint64_t *state);
} distributions[] = { { "uniform", uniform }, { "lognormal", lognormal }, { "bimodal", bimodal }, { "constant", constant }, { "negative", negative } };
enum { DISTRIBUTIONS = sizeof(distributions) / sizeof(distributions[0]) };

static int compare(const void *left, const void *right)
{
	const int64_t a = *(const int64_t *)left, b = *(const int64_t *)right;

	return (a > b) - (a < b);
}

static void expect_quantiles(const struct jst_result *result, const int64_t *sorted, size_t count, unsigned bits, const char *name)
{
	/* Per mille, so that the exact rank is computed in integers. */
	static const uint64_t permille[] = { 500, 900, 990, 999 };
	double worst = 0;

	for (size_t i = 0; i < sizeof(permille) / sizeof(permille[0]); i++) {
		const int64_t exact = sorted[(permille[i] * count + 999) / 1000 - 1];
		const struct jst_value estimate = jst_result_quantile(result, decl, (double)permille[i] / 1000);

		ck_assert_uint_eq(estimate.kind, JST_INT);
		const double error = exact ? fabs((double)(estimate.i - exact) / (double)exact) : (double)llabs(estimate.i);
		ck_assert_msg(error <= 1.0 / (1 << bits), "%s, %u bits: quantile %" PRIu64 "/1000 is %" PRId64 ", exact %" PRId64, name, bits, permille[i], estimate.i, exact);
		worst = fmax(worst, error);
	}
	printf("%s, %u bits: %.4f\n", name, bits, worst);
}

static void check_distribution(const char *name, int64_t (*next)(uint64_t *state), enum jst_aggregation function, unsigned bits)
{
	const size_t count = 1000000 / thinning();
	int64_t *values = malloc(count * sizeof(*values));
	__int128 sum = 0;
	uint64_t state = seed;

	open_store(function, bits);
	for (size_t i = 0; i < count; i++) {
		const struct jst_update update = updater((uint32_t)(i % MOST_THREADS));
		values[i] = next(&state);
		sum += values[i];
		jst_aggregation_update(&update, NULL, jst_value_int(values[i]));
	}
	qsort(values, count, sizeof(*values), compare);
	struct jst_result result = merge_all(MOST_THREADS, 0, 1);
	ck_assert_uint_eq(result.count, count);
	ck_assert(result.sum.integers == sum);
	ck_assert_int_eq(result.min.i, values[0]);
	ck_assert_int_eq(result.max.i, values[count - 1]);
	expect_quantiles(&result, values, count, bits, name);
	for (uint32_t step = 2; step < MOST_THREADS; step++) {
		struct jst_result other = merge_all(MOST_THREADS, step, step);
		expect_identical(&result, &other);
		jst_result_fini(&other);
	}
	jst_result_fini(&result);
	free(values);
	store_free(store);
}

START_TEST(quantiles_of_hist)
{
	check_distribution(distributions[_i].name, distributions[_i].next, JST_AGGREGATION_HIST, 4);
}
END_TEST

START_TEST(quantiles_of_fine_hist)
{
	check_distribution(distributions[_i].name, distributions[_i].next, JST_AGGREGATION_HIST, 6);
}
END_TEST

START_TEST(quantiles_of_quantiles)
{
	check_distribution("lognormal", lognormal, JST_AGGREGATION_QUANTILES, 4);
}
END_TEST

/* ---- distinct ---- */

static struct jst_value integer_value(uint64_t number, char text[32])
{
	(void)text;
	return jst_value_int((int64_t)number);
}

/* Ids as services make them. */
static struct jst_value text_value(uint64_t number, char text[32])
{
	static const char digits[] = "0123456789abcdef";
	uint32_t length = 4;

	memcpy(text, "req-", 4);
	do {
		text[length++] = digits[number & 15];
		number >>= 4;
	} while (number);
	return jst_value_string(text, length);
}

/* Of `count` different values, each seen by two of three threads; numbers are either in a row or anything. */
static void check_distinct(uint64_t count, uint64_t run, struct jst_value (*value)(uint64_t number, char text[32]), bool sequential)
{
	enum { THREADS = 3 };
	uint64_t state = seed + run;
	const uint64_t start = next_random(&state);
	struct jst_update update[THREADS];
	char text[32];

	open_store(JST_AGGREGATION_DISTINCT, 0);
	for (uint32_t thread = 0; thread < THREADS; thread++)
		update[thread] = updater(thread);
	for (uint64_t i = 0; i < count; i++) {
		/* splitmix64 gives no number twice. */
		const struct jst_value next = value(sequential ? start + i : next_random(&state), text);
		jst_aggregation_update(&update[i % THREADS], NULL, next);
		jst_aggregation_update(&update[(i + 1) % THREADS], NULL, next);
	}
	struct jst_result result = merge_all(THREADS, 0, 1);
	const int64_t estimate = jst_result_distinct(&result);
	const double error = fabs((double)estimate - (double)count) / (double)count;
	ck_assert_msg(error <= 0.02, "%" PRIu64 " values, run %" PRIu64 ": estimated %" PRId64, count, run, estimate);
	for (uint32_t step = 1; step < THREADS; step++) {
		struct jst_result other = merge_all(THREADS, 1, step);
		expect_identical(&result, &other);
		ck_assert_int_eq(jst_result_distinct(&other), estimate);
		jst_result_fini(&other);
	}
	jst_result_fini(&result);
	store_free(store);
}

/* More where they cost little. */
static uint64_t runs_of(int power)
{
	return thinning() > 1 ? 2 : power < 5 ? 20 : power < 7 ? 4 : 1;
}

/* 10, 100, 1,000 … */
START_TEST(distinct_integers)
{
	uint64_t count = 10;

	for (int power = 1; power < _i; power++)
		count *= 10;
	if (_i > 4 && count > 10000000 / thinning())
		return;
	for (uint64_t run = 0; run < runs_of(_i); run++) {
		check_distinct(count, run, integer_value, false);
		check_distinct(count, run, integer_value, true);
	}
}
END_TEST

START_TEST(distinct_strings)
{
	uint64_t count = 10;

	for (int power = 1; power < _i; power++)
		count *= 10;
	if (_i > 4 && count > 10000000 / thinning())
		return;
	for (uint64_t run = 0; run < runs_of(_i); run++)
		check_distinct(count, run, text_value, true);
}
END_TEST

/* Between the powers of ten, where other estimators change from one formula to the next. */
START_TEST(distinct_of_any_size)
{
	for (uint64_t count = 1; count < 1000000 / thinning(); count += count / 3 + 1)
		check_distinct(count, count, integer_value, true);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("statistics");
	TCase *tests = tcase_create("statistics");

	if (getenv("SEED"))
		seed = strtoull(getenv("SEED"), NULL, 0);
	printf("seed %" PRIu64 "\n", seed);
	fflush(stdout);
	tcase_set_timeout(tests, 120);
	tcase_add_loop_test(tests, quantiles_of_hist, 0, DISTRIBUTIONS);
	tcase_add_loop_test(tests, quantiles_of_fine_hist, 0, DISTRIBUTIONS);
	tcase_add_test(tests, quantiles_of_quantiles);
	tcase_add_loop_test(tests, distinct_integers, 1, 8);
	tcase_add_loop_test(tests, distinct_strings, 1, 8);
	tcase_add_test(tests, distinct_of_any_size);
	suite_add_tcase(suite, tests);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	const int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
