/*
 * Aggregations as people read them, to the letter, and as JSON.
 */
#include <math.h>

#include "json_check.h"
#include "results_fixture.h"

static struct fixture f;
static const struct jst_value nil = { .kind = JST_NIL };

/* What print writes, in 60 columns, one second after the start. */
static char *printed(enum output_format format, uint32_t aggregation, int64_t top)
{
	char *text;
	size_t length;
	struct output output = { .file = open_memstream(&text, &length), .format = format, .width = 60 };

	results_read(f.results, f.view, READER_TAKE_REST);
	ck_assert(!f.view->malformed);
	results_print(&output, f.results, aggregation, top, 2000000000);
	fclose(output.file);
	if (format == OUTPUT_JSON)
		ck_assert_int_ge(json_lines(text, length), 0);
	return text;
}

static void expect_top(enum output_format format, uint32_t aggregation, int64_t top, const char *expected)
{
	char *text = printed(format, aggregation, top);

	ck_assert_str_eq(text, expected);
	free(text);
}

static void expect(uint32_t aggregation, const char *expected)
{
	expect_top(OUTPUT_TEXT, aggregation, -1, expected);
}

static void expect_json(uint32_t aggregation, const char *expected)
{
	expect_top(OUTPUT_JSON, aggregation, -1, expected);
}

static void repeat(int times, uint32_t aggregation, struct jst_value key, struct jst_value value)
{
	for (int i = 0; i < times; i++)
		fixture_update(&f, (uint32_t)i % 2, aggregation, key, value);
}

START_TEST(no_data)
{
	fixture_init(&f);
	expect(A_COUNT, "@count: no data\n");
	expect(A_PLAIN_HIST, "@lat: no data\n");
	/* No key, no object; without keys there is one, whose value is not known. */
	expect_json(A_COUNT, "");
	expect_json(A_PLAIN_COUNT, "{\"type\":\"aggregation\",\"name\":\"@\",\"function\":\"count\",\"key\":[],\"unit\":null,\"value\":0}\n");
	expect_json(A_PLAIN_HIST, "{\"type\":\"aggregation\",\"name\":\"@lat\",\"function\":\"hist\",\"key\":[],\"unit\":\"ns\",\"count\":0,\"sum\":null,\"min\":null,\"max\":null,"
	                          "\"p50\":null,\"p90\":null,\"p99\":null,\"p999\":null,\"buckets\":[]}\n");
	expect_json(A_PLAIN_STATS, "{\"type\":\"aggregation\",\"name\":\"@numbers\",\"function\":\"stats\",\"key\":[],\"unit\":null,\"count\":0,\"sum\":null,\"avg\":null,\"min\":null,\"max\":null,\"stddev\":null}\n");
	fixture_fini(&f);
}
END_TEST

START_TEST(counts)
{
	fixture_init(&f);
	repeat(85, A_COUNT, jst_value_int(404), nil);
	repeat(5, A_COUNT, jst_value_int(1001), nil);
	repeat(5, A_COUNT, jst_value_int(200), nil);
	repeat(1, A_COUNT, nil, nil);
	expect(A_COUNT, "@count\n"
	                "   404 | ############################################## | 85\n"
	                "   200 | ###                                            |  5\n"
	                "  1001 | ###                                            |  5\n"
	                "   nil | #                                              |  1\n"
	                "\n");
	expect_top(OUTPUT_TEXT, A_COUNT, 2, "@count\n"
	                                    "  404 | ############################################### | 85\n"
	                                    "  200 | ###                                             |  5\n"
	                                    "  … and 2 more\n"
	                                    "\n");
	expect_top(OUTPUT_JSON, A_COUNT, 1, "{\"type\":\"aggregation\",\"name\":\"@count\",\"function\":\"count\",\"key\":[404],\"unit\":null,\"value\":85}\n");
	fixture_fini(&f);
	fixture_init(&f);
	repeat(3, A_PLAIN_COUNT, nil, nil);
	expect(A_PLAIN_COUNT, "@: 3\n");
	fixture_fini(&f);
}
END_TEST

START_TEST(several_keys)
{
	fixture_init(&f);
	const struct jst_value keys[][2] = { { text_value("GET"), text_value("/a\x1b[2J") }, { text_value("DELETE"), jst_value_int(7) } };

	for (int i = 0; i < 4; i++)
		fixture_update_at(&f, 0, A_PAIRS, keys[i > 0], nil, 0);
	expect(A_PAIRS, "@pairs\n"
	                "  DELETE  7         | ################################## | 3\n"
	                "  GET     /a\\x1b[2J | ###########                        | 1\n"
	                "\n");
	expect_json(A_PAIRS, "{\"type\":\"aggregation\",\"name\":\"@pairs\",\"function\":\"count\",\"key\":[\"DELETE\",7],\"unit\":null,\"value\":3}\n"
	                     "{\"type\":\"aggregation\",\"name\":\"@pairs\",\"function\":\"count\",\"key\":[\"GET\",\"/a\\u001b[2J\"],\"unit\":null,\"value\":1}\n");
	fixture_fini(&f);
}
END_TEST

START_TEST(numbers)
{
	fixture_init(&f);
	repeat(4, A_SUM, text_value("big"), jst_value_int(INT64_MAX));
	repeat(1, A_SUM, text_value("debt"), jst_value_int(-5));
	repeat(1, A_SUM, text_value("half"), jst_value_double(0.5));
	repeat(2, A_PLAIN_SUM, nil, jst_value_int(INT64_MIN));
	repeat(3, A_SIZES, text_value("x"), jst_value_int(1 << 20));
	repeat(1, A_MIN, text_value("x"), jst_value_int(1020000));
	repeat(1, A_MAX, text_value("x"), jst_value_double(1.5));
	repeat(1, A_AVG, text_value("x"), jst_value_int(1));
	repeat(2, A_AVG, text_value("x"), jst_value_int(2));
	repeat(9, A_RATE, nil, nil);
	fixture_update_at(&f, 0, A_LAST, (struct jst_value[]){ text_value("k") }, text_value("v\n"), 5);
	fixture_update_at(&f, 0, A_LAST, (struct jst_value[]){ text_value("a") }, jst_value_int(5), 5);
	expect(A_SUM, "@sum\n"
	              "  big  | ############################ | 36893488147419103228\n"
	              "  half | #                            |                  0.5\n"
	              "  debt |                              |                   -5\n"
	              "\n");
	expect_json(A_SUM, "{\"type\":\"aggregation\",\"name\":\"@sum\",\"function\":\"sum\",\"key\":[\"big\"],\"unit\":null,\"value\":36893488147419103228}\n"
	                   "{\"type\":\"aggregation\",\"name\":\"@sum\",\"function\":\"sum\",\"key\":[\"half\"],\"unit\":null,\"value\":0.5}\n"
	                   "{\"type\":\"aggregation\",\"name\":\"@sum\",\"function\":\"sum\",\"key\":[\"debt\"],\"unit\":null,\"value\":-5}\n");
	expect(A_PLAIN_SUM, "@total: -18446744073709551616\n");
	expect(A_SIZES, "@sizes\n"
	                "  x | ############################################# | 3.0MiB\n"
	                "\n");
	expect_json(A_SIZES, "{\"type\":\"aggregation\",\"name\":\"@sizes\",\"function\":\"sum\",\"key\":[\"x\"],\"unit\":\"bytes\",\"value\":3145728}\n");
	expect(A_MIN, "@min\n"
	              "  x | ############################################# | 1.02ms\n"
	              "\n");
	expect_json(A_MAX, "{\"type\":\"aggregation\",\"name\":\"@max\",\"function\":\"max\",\"key\":[\"x\"],\"unit\":null,\"value\":1.5}\n");
	expect(A_AVG, "@avg\n"
	              "  x | ############################################## | 1.667\n"
	              "\n");
	expect(A_RATE, "@rate: 4.5/s\n");
	expect_json(A_RATE, "{\"type\":\"aggregation\",\"name\":\"@rate\",\"function\":\"rate\",\"key\":[],\"unit\":null,\"value\":4.5}\n");
	expect(A_LAST, "@last\n"
	               "  a | 5\n"
	               "  k | v\\x0a\n"
	               "\n");
	expect_json(A_LAST, "{\"type\":\"aggregation\",\"name\":\"@last\",\"function\":\"last\",\"key\":[\"a\"],\"unit\":null,\"value\":5}\n"
	                    "{\"type\":\"aggregation\",\"name\":\"@last\",\"function\":\"last\",\"key\":[\"k\"],\"unit\":null,\"value\":\"v\\n\"}\n");
	fixture_fini(&f);
}
END_TEST

START_TEST(histograms)
{
	fixture_init(&f);
	/* Two buckets of one power of two make one row; one empty row in between is shown. */
	repeat(6, A_PLAIN_HIST, nil, jst_value_int(600000));
	repeat(6, A_PLAIN_HIST, nil, jst_value_int(1000000));
	repeat(3, A_PLAIN_HIST, nil, jst_value_int(3000000));
	expect(A_PLAIN_HIST, "@lat\n"
	                     "   524us .. 1.05ms | ################################## | 12\n"
	                     "  1.05ms .. 2.10ms |                                    |  0\n"
	                     "  2.10ms .. 4.19ms | #########                          |  3\n"
	                     "  count 15  min 600us  avg 1.24ms  p50 999us  p90 2.95ms  p99 2.95ms  max 3.00ms\n"
	                     "\n");
	expect_json(A_PLAIN_HIST, "{\"type\":\"aggregation\",\"name\":\"@lat\",\"function\":\"hist\",\"key\":[],\"unit\":\"ns\",\"count\":15,\"sum\":18600000,\"min\":600000,\"max\":3000000,"
	                          "\"p50\":999424,\"p90\":2949120,\"p99\":2949120,\"p999\":2949120,\"buckets\":[[589824,622592,6],[983040,1015808,6],[2883584,3014656,3]]}\n");
	fixture_fini(&f);
}
END_TEST

/* Negatives mirror positives, zero has a row, long runs of nothing are left out, and the ends of the integers are no trouble. */
START_TEST(signed_histograms)
{
	fixture_init(&f);
	repeat(1, A_COARSE, nil, jst_value_int(INT64_MIN));
	repeat(2, A_COARSE, nil, jst_value_int(-3));
	repeat(1, A_COARSE, nil, jst_value_int(0));
	repeat(4, A_COARSE, nil, jst_value_int(1));
	repeat(1, A_COARSE, nil, jst_value_int(INT64_MAX));
	char *text = printed(OUTPUT_TEXT, A_COARSE, -1);
	ck_assert_ptr_nonnull(strstr(text, "                    -3 ..                   -1 | #####      | 2\n"));
	ck_assert_ptr_nonnull(strstr(text, "                                             0 | ###        | 1\n"));
	ck_assert_ptr_nonnull(strstr(text, "                     1 ..                    2 | ########## | 4\n"));
	ck_assert_ptr_nonnull(strstr(text, "                                             …\n"));
	ck_assert_ptr_nonnull(strstr(text, "   4611686018427387904 ..  9223372036854775807 | ###        | 1\n  count 9  min -9223372036854775808"));
	free(text);
	text = printed(OUTPUT_JSON, A_COARSE, -1);
	ck_assert_ptr_nonnull(strstr(text, "[-3,-1,2],[0,1,1],[1,2,4],[4611686018427387904,9223372036854775807,1]]"));
	ck_assert_ptr_nonnull(strstr(text, "\"buckets\":[[-9223372036854775808,"));
	free(text);
	fixture_fini(&f);
	/* The least integer, which has no mirror, is in the row of its neighbours. */
	fixture_init(&f);
	repeat(1, A_PLAIN_HIST, nil, jst_value_int(INT64_MIN));
	repeat(1, A_PLAIN_HIST, nil, jst_value_int(INT64_MIN / 2));
	text = printed(OUTPUT_TEXT, A_PLAIN_HIST, -1);
	ck_assert_msg(strstr(text, " | 2\n") != NULL, "%s", text);
	free(text);
	fixture_fini(&f);
}
END_TEST

START_TEST(keyed_histograms)
{
	fixture_init(&f);
	repeat(2, A_HIST, text_value("/b"), jst_value_int(100));
	repeat(4, A_HIST, text_value("/a"), jst_value_int(1000));
	expect(A_HIST, "@hist[/a]\n"
	               "  512ns .. 1.02us | #################################### | 4\n"
	               "  count 4  min 1.00us  avg 1.00us  p50 1.00us  p90 1.00us  p99 1.00us  max 1.00us\n"
	               "\n"
	               "@hist[/b]\n"
	               "  64ns .. 128ns | ###################################### | 2\n"
	               "  count 2  min 100ns  avg 100ns  p50 100ns  p90 100ns  p99 100ns  max 100ns\n"
	               "\n");
	expect_top(OUTPUT_TEXT, A_HIST, 1, "@hist[/a]\n"
	                                   "  512ns .. 1.02us | #################################### | 4\n"
	                                   "  count 4  min 1.00us  avg 1.00us  p50 1.00us  p90 1.00us  p99 1.00us  max 1.00us\n"
	                                   "\n"
	                                   "@hist\n"
	                                   "  … and 1 more\n"
	                                   "\n");
	/* zero(@a): the key stays. */
	results_zero(f.results, A_HIST);
	expect_top(OUTPUT_TEXT, A_HIST, 1, "@hist[/a]\n"
	                                   "  count 0\n"
	                                   "\n"
	                                   "@hist\n"
	                                   "  … and 1 more\n"
	                                   "\n");
	fixture_fini(&f);
}
END_TEST

START_TEST(linear_histograms)
{
	fixture_init(&f);
	repeat(2, A_PLAIN_LHIST, nil, jst_value_int(-11));
	repeat(4, A_PLAIN_LHIST, nil, jst_value_int(-10));
	repeat(1, A_PLAIN_LHIST, nil, jst_value_int(19));
	repeat(2, A_PLAIN_LHIST, nil, jst_value_int(34));
	repeat(1, A_PLAIN_LHIST, nil, jst_value_int(35));
	expect(A_PLAIN_LHIST, "@steps\n"
	                      "      < -10 | #####################                      | 2\n"
	                      "  -10 ..  0 | ########################################## | 4\n"
	                      "    0 .. 10 |                                            | 0\n"
	                      "   10 .. 20 | ###########                                | 1\n"
	                      "   20 .. 30 |                                            | 0\n"
	                      "   30 .. 35 | #####################                      | 2\n"
	                      "      >= 35 | ###########                                | 1\n"
	                      "  count 10  min -11  avg 6  p50 -5  p90 32  p99 35  max 35\n"
	                      "\n");
	char *text = printed(OUTPUT_JSON, A_PLAIN_LHIST, -1);
	ck_assert_ptr_nonnull(strstr(text, "\"buckets\":[[-9223372036854775808,-10,2],[-10,0,4],[10,20,1],[30,35,2],[35,9223372036854775807,1]]"));
	free(text);
	fixture_fini(&f);
}
END_TEST

START_TEST(tables)
{
	fixture_init(&f);
	repeat(4, A_QUANTILES, text_value("/users"), jst_value_int(1000));
	repeat(2, A_QUANTILES, jst_value_int(7), jst_value_int(15));
	expect(A_QUANTILES, "@quantiles\n"
	                    "             p50     p90     p99   p99.9     max  count\n"
	                    "  /users  1.00us  1.00us  1.00us  1.00us  1.00us      4\n"
	                    "  7         15ns    15ns    15ns    15ns    15ns      2\n"
	                    "\n");
	fixture_fini(&f);
	fixture_init(&f);
	repeat(1, A_PLAIN_STATS, nil, jst_value_int(2));
	repeat(1, A_PLAIN_STATS, nil, jst_value_int(4));
	expect(A_PLAIN_STATS, "@numbers\n"
	                      "  count  sum  avg  min  max  stddev\n"
	                      "      2    6    3    2    4       1\n"
	                      "\n");
	expect_json(A_PLAIN_STATS, "{\"type\":\"aggregation\",\"name\":\"@numbers\",\"function\":\"stats\",\"key\":[],\"unit\":null,\"count\":2,\"sum\":6,\"avg\":3,\"min\":2,\"max\":4,\"stddev\":1}\n");
	fixture_fini(&f);
	fixture_init(&f);
	repeat(1, A_PLAIN_STATS, nil, jst_value_double(-INFINITY));
	repeat(1, A_PLAIN_STATS, nil, jst_value_int(4));
	expect(A_PLAIN_STATS, "@numbers\n"
	                      "  count   sum   avg   min  max  stddev\n"
	                      "      2  -inf  -inf  -inf    4     nil\n"
	                      "\n");
	fixture_fini(&f);
	fixture_init(&f);
	repeat(2, A_STATS, jst_value_int(10), jst_value_int(2500));
	repeat(1, A_STATS, jst_value_int(9), jst_value_int(1000000));
	expect(A_STATS, "@stats\n"
	                "      count     sum     avg     min     max  stddev\n"
	                "  10      2  5.00us  2.50us  2.50us  2.50us     0ns\n"
	                "   9      1  1.00ms  1.00ms  1.00ms  1.00ms     0ns\n"
	                "\n");
	fixture_fini(&f);
}
END_TEST

/* print(@a[key]) of what was read before. */
static void expect_entry(enum output_format format, uint32_t aggregation, struct jst_value key, const char *expected)
{
	char *text;
	size_t length;
	struct output output = { .file = open_memstream(&text, &length), .format = format, .width = 60 };

	results_print_entry(&output, f.results, aggregation, &key, results_seek(f.results, aggregation, &key, 256), 2000000000);
	fclose(output.file);
	if (format == OUTPUT_JSON)
		ck_assert_int_ge(json_lines(text, length), 0);
	ck_assert_str_eq(text, expected);
	free(text);
}

START_TEST(entries)
{
	fixture_init(&f);
	repeat(3, A_COUNT, text_value("/a\x1b"), nil);
	repeat(1, A_COUNT, text_value("/b"), nil);
	repeat(2, A_QUANTILES, jst_value_int(7), jst_value_int(15));
	repeat(2, A_QUANTILES, jst_value_int(8), jst_value_int(15));
	repeat(1, A_MIN, jst_value_int(8), jst_value_int(1500));
	repeat(2, A_PLAIN_COUNT, nil, nil);
	repeat(2, A_HIST, text_value("k"), jst_value_int(1));
	results_read(f.results, f.view, READER_TAKE_REST);
	expect_entry(OUTPUT_TEXT, A_COUNT, text_value("/a\x1b"), "@count[/a\\x1b]: 3\n");
	expect_entry(OUTPUT_TEXT, A_COUNT, text_value("/c"), "@count[/c]: no data\n");
	expect_entry(OUTPUT_TEXT, A_PLAIN_COUNT, nil, "@: 2\n");
	expect_entry(OUTPUT_TEXT, A_PLAIN_HIST, nil, "@lat: no data\n");
	expect_entry(OUTPUT_TEXT, A_MIN, jst_value_int(8), "@min[8]: 1.50us\n");
	expect_entry(OUTPUT_TEXT, A_QUANTILES, jst_value_int(7), "@quantiles\n"
	                                                         "      p50   p90   p99  p99.9   max  count\n"
	                                                         "  7  15ns  15ns  15ns   15ns  15ns      2\n"
	                                                         "\n");
	expect_entry(OUTPUT_TEXT, A_HIST, text_value("k"), "@hist[k]\n"
	                                                   "  1ns .. 2ns | ######################################### | 2\n"
	                                                   "  count 2  min 1ns  avg 1ns  p50 1ns  p90 1ns  p99 1ns  max 1ns\n"
	                                                   "\n");
	expect_entry(OUTPUT_JSON, A_COUNT, text_value("/b"), "{\"type\":\"aggregation\",\"name\":\"@count\",\"function\":\"count\",\"key\":[\"/b\"],\"unit\":null,\"value\":1}\n");
	expect_entry(OUTPUT_JSON, A_MIN, jst_value_int(9), "{\"type\":\"aggregation\",\"name\":\"@min\",\"function\":\"min\",\"key\":[9],\"unit\":\"ns\",\"value\":null}\n");
	fixture_fini(&f);
}
END_TEST

/* One key longer than the line: its own row runs on, the others stay in shape. */
START_TEST(long_keys)
{
	fixture_init(&f);
	char key[100];

	memset(key, 'k', sizeof(key));
	repeat(2, A_COUNT, text_value("short"), nil);
	repeat(1, A_COUNT, jst_value_string(key, sizeof(key)), nil);
	char *text = printed(OUTPUT_TEXT, A_COUNT, -1);
	ck_assert_ptr_nonnull(strstr(text, "  short                          | #####################"));
	ck_assert_ptr_nonnull(strstr(text, "kkkk | ##########"));
	free(text);
	fixture_fini(&f);
}
END_TEST

FIXTURE_MAIN("print", no_data, counts, several_keys, numbers, histograms, signed_histograms, keyed_histograms, linear_histograms, tables, entries, long_keys)
