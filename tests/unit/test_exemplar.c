/*
 * Exemplars of hist, from updates to what is printed: which are kept, that merging gives the same in any order, and cells that no honest target writes.
 */
#include <math.h>

#include "aggregation_state.h"
#include "json_check.h"
#include "results_fixture.h"

static struct fixture f;
static const struct jst_value nil = { .kind = JST_NIL };

/* An event of thread at `time`: value with its exemplar. */
static void add(uint32_t thread, uint32_t aggregation, struct jst_value value, struct jst_value exemplar, int64_t time)
{
	const struct jst_value keyed[] = { jst_value_int(1), exemplar };

	fixture_update_at(&f, thread, aggregation, keyed + !f.aggregations[aggregation].keys, value, time);
}

static const struct jst_result *read_all(uint32_t aggregation)
{
	results_clear_all(f.results);
	memset(f.view->copied, 0, sizeof(f.view->copied));
	results_read(f.results, f.view, READER_TAKE_REST);
	return fixture_get(f.results, aggregation, jst_value_int(1));
}

/* The exemplars of a power are these integers, the latest first; ends with 0. */
static void expect_integers(const struct jst_result *result, int power, const int64_t *expected)
{
	uint32_t count;
	const struct jst_exemplar *exemplars = jst_result_exemplars(result, power, &count);

	for (uint32_t i = 0; i < count; i++) {
		ck_assert_uint_eq(exemplars[i].kind, JST_INT);
		ck_assert_int_eq(exemplars[i].bits, expected[i]);
	}
	ck_assert_int_eq(expected[count], 0);
}

START_TEST(powers_are_the_printed_rows)
{
	static const int64_t values[] = { 0, 1, -1, 2, -2, 3, 4, 1023, 1024, -1024, INT64_MAX, INT64_MAX / 2, INT64_MAX / 2 + 1, INT64_MIN, INT64_MIN + 1, INT64_MIN / 2, INT64_MIN / 2 + 1 };
	int64_t low, high, before = INT64_MIN;

	for (int power = -63; power <= 63; power++) {
		jst_histogram_power_range(power, &low, &high);
		ck_assert_int_eq(low, before);
		ck_assert_int_lt(low, high);
		ck_assert_int_eq(jst_histogram_power(low), power);
		ck_assert_int_eq(jst_histogram_power(high - 1), power);
		before = high;
	}
	ck_assert_int_eq(high, INT64_MAX);
	ck_assert_int_eq(jst_histogram_power(INT64_MAX), 63);
	fixture_init(&f);
	for (unsigned i = 0; i < sizeof(values) / sizeof(values[0]); i++)
		add(0, A_EXEMPLARS, jst_value_int(values[i]), jst_value_int(1 + i), 100);
	const struct jst_result *result = read_all(A_EXEMPLARS);
	ck_assert_uint_eq(result->exemplars, sizeof(values) / sizeof(values[0]));
	for (uint32_t i = 0; i < result->exemplars; i++)
		ck_assert_int_eq(result->exemplar[i].power, jst_histogram_power(values[result->exemplar[i].bits - 1]));
	ck_assert(!f.view->malformed);
	fixture_fini(&f);
}
END_TEST

START_TEST(the_latest_different_ones)
{
	fixture_init(&f);
	for (int i = 1; i <= 10; i++)
		add(0, A_EXEMPLARS, jst_value_int(100), jst_value_int(i), 1000 + i);
	expect_integers(read_all(A_EXEMPLARS), 7, (int64_t[]){ 10, 9, 8, 0 });
	/* One that is there comes again: it is not named twice. 9.0 is 9. */
	add(0, A_EXEMPLARS, jst_value_int(127), jst_value_double(9.0), 1011);
	expect_integers(read_all(A_EXEMPLARS), 7, (int64_t[]){ 9, 10, 8, 0 });
	/* The wall clock was set back: what is later stays. */
	add(0, A_EXEMPLARS, jst_value_int(64), jst_value_int(11), 500);
	expect_integers(read_all(A_EXEMPLARS), 7, (int64_t[]){ 9, 10, 8, 0 });
	/* Nil keeps nothing, the value is counted; a value that is skipped brings no exemplar. */
	add(0, A_EXEMPLARS, jst_value_int(5000), nil, 2000);
	add(0, A_EXEMPLARS, nil, jst_value_int(12), 2000);
	const struct jst_result *result = read_all(A_EXEMPLARS);
	ck_assert_uint_eq(result->count, 13);
	ck_assert_uint_eq(result->exemplars, 3);
	ck_assert_uint_eq(f.view->losses[JST_LOSS_SKIPPED], 1);
	/* Another thread saw later ones; and fractions are in the power of what is kept of them. */
	add(1, A_EXEMPLARS, jst_value_double(100.75), jst_value_int(8), 3000);
	add(1, A_EXEMPLARS, jst_value_double(-0.5), jst_value_int(77), 3000);
	expect_integers(read_all(A_EXEMPLARS), 7, (int64_t[]){ 8, 9, 10, 0 });
	expect_integers(read_all(A_EXEMPLARS), 0, (int64_t[]){ 77, 0 });
	ck_assert_uint_eq(f.view->losses[JST_LOSS_FRACTIONS], 1);
	fixture_fini(&f);
}
END_TEST

START_TEST(text)
{
	fixture_init(&f);
	uint32_t count;
	char longer[100];

	memset(longer, 'a', sizeof(longer));
	add(0, A_EXEMPLARS, jst_value_int(1), text_value(""), 1);
	add(0, A_EXEMPLARS, jst_value_int(1), jst_value_string(longer, 48), 2);
	ck_assert_uint_eq(read_all(A_EXEMPLARS)->exemplars, 2);
	ck_assert_uint_eq(f.view->losses[JST_LOSS_EXEMPLARS], 0);
	/* Cut, which makes it the one that is there. */
	add(0, A_EXEMPLARS, jst_value_int(1), jst_value_string(longer, 100), 3);
	/* A shorter one over a longer one leaves nothing of that. */
	add(0, A_EXEMPLARS, jst_value_int(1), text_value("b"), 4);
	add(0, A_EXEMPLARS, jst_value_int(1), text_value("c"), 5);
	add(0, A_EXEMPLARS, jst_value_int(1), text_value("b\0c"), 6);
	const struct jst_exemplar *exemplars = jst_result_exemplars(read_all(A_EXEMPLARS), 1, &count);
	ck_assert_uint_eq(count, 3);
	ck_assert_uint_eq(f.view->losses[JST_LOSS_EXEMPLARS], 1);
	ck_assert_uint_eq(exemplars[2].length, 48);
	ck_assert_mem_eq(exemplars[2].text, longer, 48);
	ck_assert_uint_eq(exemplars[0].length, 1);
	ck_assert_mem_eq(exemplars[0].text, "b\0\0\0\0\0\0\0", 8);
	fixture_fini(&f);
}
END_TEST

START_TEST(without_memory_they_are_counted)
{
	fixture_init(&f);
	atomic_store(&f.memory.header->permit, atomic_load(&f.memory.header->heap_used) + JST_CHUNK_MIN);
	for (int i = 0; i < 63; i++)
		add(0, A_EXEMPLARS, jst_value_int((int64_t)1 << i), jst_value_int(i + 1), i);
	const struct jst_result *result = read_all(A_EXEMPLARS);
	ck_assert_uint_gt(result->exemplars, 0);
	ck_assert_uint_lt(result->exemplars, 63);
	ck_assert_uint_ge(result->count + f.view->losses[JST_LOSS_CELLS], 63);
	for (uint32_t i = 0; i < result->exemplars; i++)
		ck_assert_uint_eq(jst_result_bucket(result, jst_histogram_bucket(6, (int64_t)1 << (result->exemplar[i].bits - 1))), 1);
	fixture_fini(&f);
}
END_TEST

/* The row of a power that thread 0 has. */
static struct jst_exemplar_row *find_row(int power)
{
	const struct jst_bank *bank = jst_slot_bank(&f.memory, &f.memory.slots[0]);

	for (jst_ref ref = atomic_load(&bank->first_chunk); ref;) {
		struct jst_chunk *chunk = jst_memory_at(&f.memory, ref);
		for (uint32_t at = sizeof(*chunk); at < atomic_load(&chunk->used);) {
			struct jst_cell *cell = (struct jst_cell *)((char *)chunk + at);
			if (cell->type == JST_CELL_EXEMPLARS && ((struct jst_exemplar_row *)cell)->power == power)
				return (struct jst_exemplar_row *)cell;
			at += cell->size;
		}
		ref = atomic_load(&chunk->next);
	}
	ck_abort_msg("no such row");
	return NULL;
}

static void fill(void)
{
	for (int i = 1; i <= 3; i++)
		add(0, A_EXEMPLARS, jst_value_int(100), jst_value_int(i), i);
	for (int i = 1; i <= 3; i++)
		add(0, A_EXEMPLARS, jst_value_int(1000), text_value("x"), i);
}

START_TEST(impossible_exemplars)
{
	static const uint64_t kinds[] = { 4, UINT32_MAX, JST_STRING | 49ULL << 32, JST_STRING | (uint64_t)UINT32_MAX << 32, JST_INT | 1ULL << 32, JST_NIL | 1ULL << 32 };

	fixture_init(&f);
	fill();
	for (unsigned i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		const uint64_t old = atomic_load(&find_row(7)->exemplar[1].kind);
		atomic_store(&find_row(7)->exemplar[1].kind, kinds[i]);
		f.view->malformed = false;
		expect_integers(read_all(A_EXEMPLARS), 7, (int64_t[]){ 3, 1, 0 }); /* those that make sense are there */
		ck_assert(f.view->malformed);
		atomic_store(&find_row(7)->exemplar[1].kind, old);
	}
	/* One that was being written as its thread was killed is none, which is no error. */
	atomic_store(&find_row(7)->exemplar[1].kind, JST_NIL);
	f.view->malformed = false;
	expect_integers(read_all(A_EXEMPLARS), 7, (int64_t[]){ 3, 1, 0 });
	ck_assert(!f.view->malformed);
	/* All three the same, which no honest target writes: one. */
	for (int i = 0; i < 3; i++) {
		atomic_store(&find_row(7)->exemplar[i].kind, JST_INT);
		atomic_store(&find_row(7)->exemplar[i].value[0], 42);
	}
	expect_integers(read_all(A_EXEMPLARS), 7, (int64_t[]){ 42, 0 });
	struct jst_exemplar_row *row = find_row(7);
	for (const int16_t *power = (const int16_t[]){ 64, -64, INT16_MIN, INT16_MAX, 0 }; *power; power++) {
		row->power = *power;
		f.view->malformed = false;
		ck_assert_uint_eq(read_all(A_EXEMPLARS)->exemplars, 1);
		ck_assert(f.view->malformed);
	}
	row->power = 7;
	/* Of nobody; of a histogram that keeps none; cut short. */
	const jst_ref owner = row->owner;
	for (const jst_ref *other = (const jst_ref[]){ 1, UINT32_MAX, 0 }; *other; other++) {
		row->owner = *other;
		f.view->malformed = false;
		ck_assert_uint_eq(read_all(A_EXEMPLARS)->exemplars, 1);
		ck_assert(f.view->malformed);
	}
	row->owner = owner;
	struct jst_result result;
	const struct jst_source source = { .hostname = NULL, .pid = 1 };
	jst_result_init(&result, results_decl(f.results, A_EXEMPLARS));
	ck_assert(!jst_result_add_exemplars(&result, results_decl(f.results, A_EXEMPLARS), &row->cell, sizeof(*row) - 8, &source));
	ck_assert(!jst_result_add_exemplars(&result, results_decl(f.results, A_HIST), &row->cell, sizeof(*row), &source));
	ck_assert(!jst_result_add_exemplars(&result, results_decl(f.results, A_LHIST), &row->cell, sizeof(*row), &source));
	jst_result_fini(&result);
	fixture_fini(&f);
}
END_TEST

static uint64_t next_random(uint64_t *random)
{
	*random ^= *random << 13;
	*random ^= *random >> 7;
	*random ^= *random << 17;
	return *random;
}

/* Few times, hosts and values, so that there are ties of every kind. */
static struct jst_exemplar any_exemplar(uint64_t *random)
{
	struct jst_exemplar exemplar = {
		.power = (int32_t)(next_random(random) % 2), .timestamp = (int64_t)(next_random(random) % 6), .pid = (int32_t)(next_random(random) % 2), .tid = (int32_t)(next_random(random) % 2),
		.kind = 1 + (uint32_t)(next_random(random) % 3), .hostname = { (char)('a' + next_random(random) % 2) },
	};

	if (exemplar.kind == JST_STRING) {
		exemplar.length = 1 + (uint32_t)(next_random(random) % 2);
		memset(exemplar.text, 'x', exemplar.length);
	} else {
		exemplar.bits = (int64_t)(next_random(random) % 4);
	}
	return exemplar;
}

static void expect_same(const struct jst_result *a, const struct jst_result *b)
{
	ck_assert_uint_eq(a->exemplars, b->exemplars);
	for (uint32_t i = 0; i < a->exemplars; i++) {
		const struct jst_exemplar *x = &a->exemplar[i], *y = &b->exemplar[i];
		ck_assert(x->power == y->power && x->timestamp == y->timestamp && x->pid == y->pid && x->tid == y->tid && x->kind == y->kind && x->length == y->length);
		ck_assert_str_eq(x->hostname, y->hostname);
		ck_assert_mem_eq(x->text, y->text, sizeof(x->text));
	}
}

START_TEST(any_order_gives_the_same)
{
	enum { SHARDS = 6, EACH = 12 };
	uint64_t random = 4711;

	fixture_init(&f);
	const struct jst_aggregation_decl *decl = results_decl(f.results, A_EXEMPLARS);
	for (int round = 0; round < 300; round++) {
		struct jst_result shard[SHARDS], all, merged, copy;

		jst_result_init(&all, decl);
		for (int s = 0; s < SHARDS; s++) {
			struct jst_result one;

			jst_result_init(&shard[s], decl);
			for (int i = 0; i < EACH; i++) {
				const struct jst_exemplar exemplar = any_exemplar(&random);
				/* As a result of its own, that is merged. */
				jst_result_init(&one, decl);
				one.exemplars = 1;
				one.exemplar = malloc(sizeof(exemplar));
				*one.exemplar = exemplar;
				jst_result_merge(&shard[s], &one, decl);
				jst_result_merge(&all, &one, decl);
				jst_result_fini(&one);
			}
		}
		ck_assert_uint_le(all.exemplars, 2 * JST_EXEMPLARS);
		for (int order = 0; order < 4; order++) {
			const int first = (int)(next_random(&random) % SHARDS), step = order & 1 ? 1 : 5;
			jst_result_init(&merged, decl);
			for (int s = 0; s < SHARDS; s++)
				jst_result_merge(&merged, &shard[(first + s * step) % SHARDS], decl);
			jst_result_merge(&merged, &shard[first], decl);
			expect_same(&merged, &all);
			jst_result_copy(&copy, &merged);
			expect_same(&copy, &all);
			jst_result_fini(&copy);
			jst_result_fini(&merged);
		}
		jst_result_fini(&all);
		for (int s = 0; s < SHARDS; s++)
			jst_result_fini(&shard[s]);
	}
	fixture_fini(&f);
}
END_TEST

static void expect(enum output_format format, uint32_t aggregation, const char *expected)
{
	char *text;
	size_t length;
	struct output output = { .file = open_memstream(&text, &length), .format = format, .width = 60 };

	results_read(f.results, f.view, READER_TAKE_REST);
	results_print(&output, f.results, aggregation, -1, 1000000000);
	fclose(output.file);
	if (format == OUTPUT_JSON)
		ck_assert_int_ge(json_lines(text, length), 0);
	ck_assert_str_eq(text, expected);
	free(text);
}

/* The rows from the one that holds p99 on lead to ids; the JSON form has all. */
START_TEST(printing)
{
	fixture_init(&f);
	expect(OUTPUT_JSON, A_PLAIN_EXEMPLARS, "{\"type\":\"aggregation\",\"name\":\"@slowest\",\"function\":\"hist\",\"key\":[],\"unit\":\"ns\",\"count\":0,\"sum\":null,\"min\":null,\"max\":null,"
	                                       "\"p50\":null,\"p90\":null,\"p99\":null,\"p999\":null,\"buckets\":[],\"exemplars\":[]}\n");
	for (int i = 0; i < 97; i++)
		add(0, A_PLAIN_EXEMPLARS, jst_value_int(100), jst_value_int(1000 + i), i);
	add(0, A_PLAIN_EXEMPLARS, jst_value_int(300), jst_value_int(4711), 200);
	add(1, A_PLAIN_EXEMPLARS, jst_value_int(300), jst_value_int(4712), 300);
	add(0, A_PLAIN_EXEMPLARS, jst_value_int(2000), text_value("a\x1b[2J"), 300);
	expect(OUTPUT_TEXT, A_PLAIN_EXEMPLARS, "@slowest\n"
	                                       "    64ns ..  128ns | ################### | 97\n"
	                                       "   128ns ..  256ns |                     |  0\n"
	                                       "   256ns ..  512ns | #                   |  2  id 4712, 4711\n"
	                                       "   512ns .. 1.02us |                     |  0\n"
	                                       "  1.02us .. 2.05us | #                   |  1  id a\\x1b[2J\n"
	                                       "  count 100  min 100ns  avg 123ns  p50 102ns  p90 102ns  p99 296ns  max 2.00us\n"
	                                       "\n");
	expect(OUTPUT_JSON, A_PLAIN_EXEMPLARS, "{\"type\":\"aggregation\",\"name\":\"@slowest\",\"function\":\"hist\",\"key\":[],\"unit\":\"ns\",\"count\":100,\"sum\":12300,\"min\":100,\"max\":2000,"
	                                       "\"p50\":102,\"p90\":102,\"p99\":296,\"p999\":2000,\"buckets\":[[100,104,97],[288,304,2],[1984,2048,1]],"
	                                       "\"exemplars\":[[64,128,[1096,1095,1094]],[256,512,[4712,4711]],[1024,2048,[\"a\\u001b[2J\"]]]}\n");
	fixture_fini(&f);
	/* With keys, and without a name: the values alone. A double that is no number is one too. */
	fixture_init(&f);
	add(0, A_EXEMPLARS, jst_value_int(-5), jst_value_double(NAN), 1);
	add(0, A_EXEMPLARS, jst_value_int(-5), jst_value_double(1.5), 2);
	expect(OUTPUT_TEXT, A_EXEMPLARS, "@slow[1]\n"
	                                 "  -7 .. -3 | ################################# | 2  1.5, nan\n"
	                                 "  count 2  min -5  avg -5  p50 -5  p90 -5  p99 -5  max -5\n"
	                                 "\n");
	expect(OUTPUT_JSON, A_EXEMPLARS, "{\"type\":\"aggregation\",\"name\":\"@slow\",\"function\":\"hist\",\"key\":[1],\"unit\":null,\"count\":2,\"sum\":-10,\"min\":-5,\"max\":-5,"
	                                 "\"p50\":-5,\"p90\":-5,\"p99\":-5,\"p999\":-5,\"buckets\":[[-5,-4,2]],\"exemplars\":[[-7,-3,[1.5,null]]]}\n");
	fixture_fini(&f);
}
END_TEST

FIXTURE_MAIN("exemplar", powers_are_the_printed_rows, the_latest_different_ones, text, without_memory_they_are_counted, impossible_exemplars, any_order_gives_the_same, printing)
