/*
 * The table of results: keys, merging, clearing, order.
 */
#include "results_fixture.h"

static struct fixture f;

START_TEST(finding)
{
	fixture_init(&f);
	ck_assert(!results_any(f.results, A_COUNT));
	ck_assert_ptr_null(fixture_get(f.results, A_COUNT, jst_value_int(1)));
	struct jst_result *states[5000];
	for (int i = 0; i < 5000; i++) {
		states[i] = fixture_find(f.results, A_COUNT, jst_value_int(i * 7));
		states[i]->count = (uint64_t)i;
	}
	/* Growing moved nothing, and each key still leads to its own. */
	for (int i = 0; i < 5000; i++) {
		ck_assert_ptr_eq(fixture_find(f.results, A_COUNT, jst_value_int(i * 7)), states[i]);
		ck_assert_uint_eq(fixture_get(f.results, A_COUNT, jst_value_int(i * 7))->count, (uint64_t)i);
	}
	ck_assert_ptr_null(fixture_get(f.results, A_COUNT, jst_value_int(1)));
	ck_assert(results_any(f.results, A_COUNT) && !results_any(f.results, A_MAX));
	/* The same key in another aggregation is another state; 1.0 is 1, "1" is not. */
	ck_assert_ptr_ne(fixture_find(f.results, A_MAX, jst_value_int(7)), states[1]);
	ck_assert_ptr_eq(fixture_find(f.results, A_COUNT, jst_value_double(7)), states[1]);
	ck_assert_ptr_ne(fixture_find(f.results, A_COUNT, text_value("7")), states[1]);
	/* Without keys there is one state. */
	ck_assert_ptr_eq(results_find(f.results, A_PLAIN_COUNT, NULL, 0), results_find(f.results, A_PLAIN_COUNT, "", 0));
	fixture_fini(&f);
}
END_TEST

START_TEST(merging)
{
	fixture_init(&f);
	struct results *a = results_new(&f.compiled), *b = results_new(&f.compiled), *ab = results_new(&f.compiled), *ba = results_new(&f.compiled);

	fixture_find(a, A_COUNT, text_value("both"))->count = 2;
	fixture_find(a, A_COUNT, text_value("a"))->count = 1;
	fixture_find(b, A_COUNT, text_value("both"))->count = 40;
	fixture_find(b, A_SUM, text_value("s"))->sum.integers = (__int128)INT64_MAX * 4;
	results_merge(ab, a);
	results_merge(ab, b);
	results_merge(ba, b);
	results_merge(ba, a);
	for (int i = 0; i < 2; i++) {
		const struct results *merged = i ? ab : ba;
		uint32_t count;

		ck_assert_uint_eq(fixture_get(merged, A_COUNT, text_value("both"))->count, 42);
		ck_assert_uint_eq(fixture_get(merged, A_COUNT, text_value("a"))->count, 1);
		ck_assert(fixture_get(merged, A_SUM, text_value("s"))->sum.integers == (__int128)INT64_MAX * 4);
		free(results_sorted(merged, A_COUNT, &count));
		ck_assert_uint_eq(count, 2);
	}
	/* Its sources are as they were. */
	ck_assert_uint_eq(fixture_get(a, A_COUNT, text_value("both"))->count, 2);
	results_free(a);
	results_free(b);
	results_free(ab);
	results_free(ba);
	results_free(NULL);
	fixture_fini(&f);
}
END_TEST

START_TEST(clearing)
{
	fixture_init(&f);
	ck_assert(results_due(f.results, A_COUNT));       /* never printed: "no data" */
	fixture_find(f.results, A_COUNT, jst_value_int(1))->count = 5;
	fixture_find(f.results, A_MAX, jst_value_int(1));
	results_printed(f.results, A_COUNT);
	ck_assert(!results_due(f.results, A_COUNT) && results_due(f.results, A_MAX));
	results_zero(f.results, A_COUNT);
	ck_assert(results_any(f.results, A_COUNT) && !results_due(f.results, A_COUNT));
	ck_assert_uint_eq(fixture_get(f.results, A_COUNT, jst_value_int(1))->count, 0);
	results_clear(f.results, A_COUNT);
	ck_assert(!results_any(f.results, A_COUNT) && !results_due(f.results, A_COUNT));
	ck_assert(results_any(f.results, A_MAX));
	ck_assert_ptr_null(fixture_get(f.results, A_COUNT, jst_value_int(1)));
	fixture_find(f.results, A_COUNT, jst_value_int(2))->count = 1;
	ck_assert(results_due(f.results, A_COUNT));       /* updated since its last print */
	results_clear_all(f.results);
	ck_assert(!results_any(f.results, A_COUNT) && !results_any(f.results, A_MAX));
	fixture_fini(&f);
}
END_TEST

/* Checks that the keys come in this order. */
static void expect_order_by(uint32_t aggregation, enum result_order by, const struct jst_value *keys, uint32_t expected)
{
	uint32_t count;
	struct results_entry *entries = results_ordered(f.results, aggregation, by, &count);

	ck_assert_uint_eq(count, expected);
	for (uint32_t i = 0; i < count; i++) {
		ck_assert_uint_eq(entries[i].keys[0].kind, keys[i].kind);
		if (keys[i].kind == JST_STRING) {
			ck_assert_uint_eq(entries[i].keys[0].length, keys[i].length);
			ck_assert(memcmp(entries[i].keys[0].s, keys[i].s, keys[i].length) == 0);
		} else {
			ck_assert_int_eq(entries[i].keys[0].i, keys[i].i);
		}
	}
	free(entries);
}

static void expect_order(uint32_t aggregation, const struct jst_value *keys, uint32_t expected)
{
	expect_order_by(aggregation, ORDER_VALUE, keys, expected);
}

START_TEST(order)
{
	fixture_init(&f);
	/* By value, ties by key: nil, numbers by value, strings bytewise. */
	const struct jst_value counts[] = {
		jst_value_int(500), jst_value_nil(), jst_value_int(-3), jst_value_double(2.5), jst_value_int(10), jst_value_int(200), text_value(""), text_value("10"), text_value("9"), text_value("9a"), jst_value_int(7),
	};
	const uint32_t count = sizeof(counts) / sizeof(counts[0]);
	for (uint32_t i = count; i-- > 0;)
		fixture_find(f.results, A_COUNT, counts[i])->count = i == 0 ? 9 : i == count - 1 ? 1 : 5;
	expect_order(A_COUNT, counts, count);

	/* Sums beyond 64 bits are told apart to the last unit. */
	fixture_find(f.results, A_SUM, jst_value_int(1))->sum.integers = ((__int128)1 << 90) + 1;
	fixture_find(f.results, A_SUM, jst_value_int(2))->sum.integers = ((__int128)1 << 90) + 2;
	fixture_find(f.results, A_SUM, jst_value_int(3))->sum.integers = -((__int128)1 << 90);
	fixture_find(f.results, A_SUM, jst_value_int(4))->sum = (struct jst_sum){ .doubles = 1.5, .has_doubles = true };
	expect_order(A_SUM, (struct jst_value[]){ jst_value_int(2), jst_value_int(1), jst_value_int(4), jst_value_int(3) }, 4);

	/* Unknown ones last. */
	fixture_find(f.results, A_MAX, jst_value_int(1))->max = jst_value_double(0.5);
	fixture_find(f.results, A_MAX, jst_value_int(2))->max = jst_value_int(-4);
	fixture_find(f.results, A_MAX, jst_value_int(3))->max = jst_value_nil();
	fixture_find(f.results, A_MAX, jst_value_int(4))->max = jst_value_int(1);
	expect_order(A_MAX, (struct jst_value[]){ jst_value_int(4), jst_value_int(1), jst_value_int(2), jst_value_int(3) }, 4);

	*fixture_find(f.results, A_AVG, jst_value_int(1)) = (struct jst_result){ .count = 2, .sum = { .integers = 10 } };
	*fixture_find(f.results, A_AVG, jst_value_int(2)) = (struct jst_result){ .count = 1, .sum = { .integers = 6 } };
	*fixture_find(f.results, A_AVG, jst_value_int(3)) = (struct jst_result){ .count = 0 };
	expect_order(A_AVG, (struct jst_value[]){ jst_value_int(2), jst_value_int(1), jst_value_int(3) }, 3);

	fixture_find(f.results, A_HIST, text_value("b"))->count = 7;
	fixture_find(f.results, A_HIST, text_value("a"))->count = 7;
	fixture_find(f.results, A_HIST, text_value("c"))->count = 8;
	expect_order(A_HIST, (struct jst_value[]){ text_value("c"), text_value("a"), text_value("b") }, 3);

	fixture_find(f.results, A_LAST, text_value("b"))->last = jst_value_int(1);
	fixture_find(f.results, A_LAST, text_value("a"))->last = jst_value_int(2);
	expect_order(A_LAST, (struct jst_value[]){ text_value("a"), text_value("b") }, 2);
	expect_order(A_PLAIN_HIST, NULL, 0);
	fixture_fini(&f);
}
END_TEST

/* a: 1, 1, 1; b: 100, 2; c: 50; d: 1, 1, 1. Each order but that of the keys has a tie between a and d. */
START_TEST(orders)
{
	static const struct {
		enum result_order by;
		const char *keys;
	} rows[] = { { ORDER_VALUE, "adbc" }, { ORDER_COUNT, "adbc" }, { ORDER_KEY, "abcd" }, { ORDER_SUM, "bcad" }, { ORDER_AVG, "bcad" }, { ORDER_MIN, "cbad" }, { ORDER_MAX, "bcad" },
	             { ORDER_P50, "cbad" }, { ORDER_P90, "bcad" }, { ORDER_P99, "bcad" }, { ORDER_P999, "bcad" } };
	static const struct {
		const char *key;
		int64_t value;
	} updates[] = { { "d", 1 }, { "c", 50 }, { "b", 2 }, { "a", 1 }, { "b", 100 }, { "a", 1 }, { "d", 1 }, { "a", 1 }, { "d", 1 } };
	static const uint32_t aggregations[] = { A_HIST, A_LHIST, A_QUANTILES, A_STATS, A_AVG, A_SUM, A_MIN, A_MAX };

	fixture_init(&f);
	for (size_t i = 0; i < sizeof(updates) / sizeof(updates[0]); i++)
		for (size_t j = 0; j < sizeof(aggregations) / sizeof(aggregations[0]); j++)
			fixture_update(&f, (uint32_t)i % 2, aggregations[j], text_value(updates[i].key), jst_value_int(updates[i].value));
	results_read(f.results, f.view, READER_TAKE_REST);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct jst_value keys[4];

		for (int k = 0; k < 4; k++)
			keys[k] = jst_value_string(rows[i].keys + k, 1);
		expect_order_by(A_HIST, rows[i].by, keys, 4);
		expect_order_by(A_QUANTILES, rows[i].by, keys, 4);
		/* lhist's last step reaches to what was seen. */
		expect_order_by(A_LHIST, rows[i].by, keys, 4);
		if (rows[i].by < ORDER_P50)
			expect_order_by(A_STATS, rows[i].by, keys, 4);
		if (rows[i].by == ORDER_SUM || rows[i].by == ORDER_AVG || rows[i].by == ORDER_COUNT || rows[i].by == ORDER_KEY)
			expect_order_by(A_AVG, rows[i].by, keys, 4);
		if (rows[i].by == ORDER_SUM || rows[i].by == ORDER_COUNT || rows[i].by == ORDER_KEY)
			expect_order_by(A_SUM, rows[i].by, keys, 4);
		if (rows[i].by == ORDER_MIN || rows[i].by == ORDER_COUNT)
			expect_order_by(A_MIN, rows[i].by, keys, 4);
		if (rows[i].by == ORDER_MAX || rows[i].by == ORDER_COUNT)
			expect_order_by(A_MAX, rows[i].by, keys, 4);
	}
	fixture_fini(&f);
}
END_TEST

/* By keys as a script has them: strings are cut as in the targets, 2.0 is 2, and a key may be longer than what lies on the stack. */
START_TEST(seeking)
{
	static char text[2000];
	_Alignas(8) unsigned char buffer[4096];
	const struct jst_value pair[2] = { text_value("GET"), jst_value_int(2) }, same[2] = { text_value("GET"), jst_value_double(2) };
	bool cut = false;

	fixture_init(&f);
	memset(text, 'x', sizeof(text));
	results_find(f.results, A_PAIRS, buffer, jst_key_encode(buffer, sizeof(buffer), pair, 2, 256, &cut))->count = 5;
	ck_assert_uint_eq(results_seek(f.results, A_PAIRS, same, 256)->count, 5);
	ck_assert_ptr_null(results_seek(f.results, A_PAIRS, (struct jst_value[]){ text_value("GET"), text_value("2") }, 256));

	const struct jst_value key = jst_value_string(text, sizeof(text)), shorter = jst_value_string(text, 1500);

	results_find(f.results, A_COUNT, buffer, jst_key_encode(buffer, sizeof(buffer), &key, 1, 1024, &cut))->count = 6;
	ck_assert(cut);
	ck_assert_uint_eq(results_seek(f.results, A_COUNT, &key, 1024)->count, 6);
	ck_assert_uint_eq(results_seek(f.results, A_COUNT, &shorter, 1024)->count, 6);
	ck_assert_ptr_null(results_seek(f.results, A_COUNT, &key, 2048));
	ck_assert_ptr_null(results_seek(f.results, A_PLAIN_COUNT, NULL, 1024));
	results_find(f.results, A_PLAIN_COUNT, NULL, 0)->count = 7;
	ck_assert_uint_eq(results_seek(f.results, A_PLAIN_COUNT, NULL, 1024)->count, 7);
	fixture_fini(&f);
}
END_TEST

START_TEST(readings)
{
	fixture_init(&f);
	struct jst_result result = { .count = 4, .sum = { .integers = 10 }, .min = jst_value_int(1), .max = jst_value_double(2.5), .last = text_value("x") };

	ck_assert_int_eq(results_value(f.results, A_COUNT, &result, 0).i, 4);
	ck_assert_int_eq(results_value(f.results, A_SUM, &result, 0).i, 10);
	ck_assert_int_eq(results_value(f.results, A_MIN, &result, 0).i, 1);
	ck_assert_double_eq(results_value(f.results, A_MAX, &result, 0).d, 2.5);
	ck_assert_double_eq(results_value(f.results, A_AVG, &result, 0).d, 2.5);
	ck_assert_double_eq(results_value(f.results, A_RATE, &result, 500000000).d, 8);
	ck_assert_uint_eq(results_value(f.results, A_RATE, &result, 0).kind, JST_NIL);
	ck_assert_uint_eq(results_value(f.results, A_LAST, &result, 0).kind, JST_STRING);
	ck_assert_int_eq(results_value(f.results, A_HIST, &result, 0).i, 4);
	result.sum.integers = (__int128)INT64_MAX + 1;
	ck_assert_double_eq(results_value(f.results, A_SUM, &result, 0).d, 0x1p63);
	/* No such key; without keys, nothing yet. */
	ck_assert_uint_eq(results_value(f.results, A_COUNT, NULL, 0).kind, JST_NIL);
	ck_assert_uint_eq(results_value(f.results, A_SUM, NULL, 0).kind, JST_NIL);
	ck_assert_int_eq(results_value(f.results, A_PLAIN_COUNT, NULL, 0).i, 0);
	ck_assert_uint_eq(results_value(f.results, A_PLAIN_COUNT, NULL, 0).kind, JST_INT);
	ck_assert_uint_eq(results_value(f.results, A_PLAIN_SUM, NULL, 0).kind, JST_INT);
	ck_assert_uint_eq(results_value(f.results, A_PLAIN_HIST, NULL, 0).kind, JST_INT);
	ck_assert_double_eq(results_value(f.results, A_RATE, NULL, 1).d, 0);
	fixture_fini(&f);
}
END_TEST

FIXTURE_MAIN("results", finding, merging, clearing, order, orders, seeking, readings)
