/*
 * distinct, from updates to what is printed: which values are the same, in what order shards are merged, memory, and registers that no honest target writes. How good the estimates are: test_statistics.c.
 */
#include <math.h>

#include "aggregation_state.h"
#include "json_check.h"
#include "results_fixture.h"

static struct fixture f;
static const struct jst_value nil = { .kind = JST_NIL };

static int64_t estimate(struct jst_value key)
{
	results_clear_all(f.results);
	memset(f.view->copied, 0, sizeof(f.view->copied));
	results_read(f.results, f.view, READER_TAKE_REST);
	const struct jst_result *result = fixture_get(f.results, A_DISTINCT, key);
	return result ? jst_result_distinct(result) : -1;
}

static void add(uint32_t thread, struct jst_value value)
{
	fixture_update(&f, thread, A_DISTINCT, jst_value_int(1), value);
}

START_TEST(equal_values_are_one)
{
	fixture_init(&f);
	const struct jst_value key = jst_value_int(1);
	uint64_t one = 1;

	for (uint32_t thread = 0; thread < 3; thread++) {
		add(thread, jst_value_int(1));
		add(thread, jst_value_double(1.0));
	}
	ck_assert_int_eq(estimate(key), 1);
	add(0, jst_value_double(-0.0));
	add(0, jst_value_int(0));
	ck_assert_int_eq(estimate(key), 2);
	add(0, text_value("1"));
	add(1, text_value("1"));
	ck_assert_int_eq(estimate(key), 3);
	add(0, jst_value_double(1.5));
	add(0, jst_value_double(NAN));
	add(0, jst_value_double(-NAN));
	ck_assert_int_eq(estimate(key), 5);
	add(0, jst_value_string((const char *)&one, 8)); /* the bytes of an integer are no integer */
	add(0, text_value(""));
	ck_assert_int_eq(estimate(key), 7);
	ck_assert_uint_eq(f.view->losses[JST_LOSS_SKIPPED], 0);
	add(0, nil);
	ck_assert_int_eq(estimate(key), 7);
	ck_assert_uint_eq(f.view->losses[JST_LOSS_SKIPPED], 1);
	ck_assert(!f.view->malformed);
	fixture_fini(&f);
}
END_TEST

/* A string longer than what is stored is told apart from others behind that. */
START_TEST(strings_are_seen_whole)
{
	fixture_init(&f);
	char text[1000];

	memset(text, 'x', sizeof(text));
	for (int i = 0; i < 5; i++) {
		text[sizeof(text) - 1] = (char)('0' + i);
		add(0, jst_value_string(text, sizeof(text)));
	}
	ck_assert_int_eq(estimate(jst_value_int(1)), 5);
	ck_assert_uint_eq(f.view->losses[JST_LOSS_STRINGS], 0);
	fixture_fini(&f);
}
END_TEST

/* What the cells of all aggregations of thread 0 take. */
static uint64_t bytes_used(void)
{
	const struct jst_bank *bank = jst_slot_bank(&f.memory, &f.memory.slots[0]);
	uint64_t used = 0;

	for (jst_ref ref = atomic_load(&bank->first_chunk); ref;) {
		const struct jst_chunk *chunk = jst_memory_at(&f.memory, ref);
		used += atomic_load(&chunk->used);
		ref = atomic_load(&chunk->next);
	}
	return used;
}

START_TEST(few_values_take_little)
{
	fixture_init(&f);
	for (int i = 0; i < 5; i++)
		add(0, jst_value_int(i));
	ck_assert_uint_lt(bytes_used(), 2048);
	for (int i = 0; i < 1000000; i++)
		add(0, jst_value_int(i));
	/* All registers, the headers of their rows, the directory, and what each chunk's end wastes. */
	ck_assert_uint_lt(bytes_used(), (1 << JST_DISTINCT_BITS) * 3 / 2);
	fixture_fini(&f);
}
END_TEST

START_TEST(without_memory_values_are_counted)
{
	fixture_init(&f);
	atomic_store(&f.memory.header->permit, atomic_load(&f.memory.header->heap_used) + JST_CHUNK_MIN);
	for (int i = 0; i < 1000; i++)
		add(0, jst_value_int(i));
	const int64_t seen = estimate(jst_value_int(1));
	const uint64_t lost = f.view->losses[JST_LOSS_CELLS];
	ck_assert_uint_gt(lost, 800);
	ck_assert(fabs((double)(seen + (int64_t)lost) - 1000) < 20);
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

/* Five shards that overlap, merged in many orders and groupings: the same registers. */
START_TEST(any_order_gives_the_same)
{
	enum { SHARDS = 5 };
	struct jst_aggregation_decl decl = { .function = JST_AGGREGATION_DISTINCT };
	struct jst_result shard[SHARDS], reference;
	uint64_t random = 20170203;

	for (int s = 0; s < SHARDS; s++) {
		fixture_init(&f);
		for (int i = 0; i < 3000; i++)
			add((uint32_t)i % 3, jst_value_int(s * 1500 + i));
		ck_assert_int_gt(estimate(jst_value_int(1)), 2900);
		jst_result_init(&shard[s], &decl);
		jst_result_copy(&shard[s], fixture_get(f.results, A_DISTINCT, jst_value_int(1)));
		fixture_fini(&f);
	}
	for (int round = 0; round < 40; round++) {
		int order[SHARDS] = { 0, 1, 2, 3, 4 };
		struct jst_result left, right;

		for (int i = SHARDS - 1; i > 0 && round; i--) {
			const int j = (int)(next_random(&random) % (uint64_t)(i + 1)), kept = order[i];
			order[i] = order[j];
			order[j] = kept;
		}
		const int split = (int)(next_random(&random) % SHARDS);
		jst_result_init(&left, &decl);
		jst_result_init(&right, &decl);
		for (int i = 0; i < SHARDS; i++)
			jst_result_merge(i < split ? &left : &right, &shard[order[i]], &decl);
		jst_result_merge(&left, &right, &decl);
		jst_result_merge(&left, &shard[order[0]], &decl); /* once more what is there already */
		jst_result_fini(&right);
		if (round == 0) {
			reference = left;
			ck_assert(llabs(jst_result_distinct(&reference) - 9000) < 180);
			continue;
		}
		ck_assert_uint_eq(left.rows, reference.rows);
		ck_assert_mem_eq(left.row, reference.row, left.rows * sizeof(*left.row));
		ck_assert_mem_eq(left.bucket, reference.bucket, left.rows * JST_RESULT_ROW * sizeof(uint64_t));
		ck_assert_int_eq(jst_result_distinct(&left), jst_result_distinct(&reference));
		jst_result_fini(&left);
	}
	jst_result_fini(&reference);
	for (int s = 0; s < SHARDS; s++)
		jst_result_fini(&shard[s]);
}
END_TEST

static char *printed(enum output_format format, uint32_t aggregation)
{
	char *text;
	size_t length;
	struct output output = { .file = open_memstream(&text, &length), .format = format, .width = 60 };

	results_read(f.results, f.view, READER_TAKE_REST);
	results_print(&output, f.results, aggregation, -1, 1000000000);
	fclose(output.file);
	if (format == OUTPUT_JSON)
		ck_assert_int_ge(json_lines(text, length), 0);
	return text;
}

static void expect(enum output_format format, uint32_t aggregation, const char *expected)
{
	char *text = printed(format, aggregation);

	ck_assert_str_eq(text, expected);
	free(text);
}

START_TEST(printing)
{
	fixture_init(&f);
	expect(OUTPUT_TEXT, A_PLAIN_DISTINCT, "@distinct: no data\n");
	expect(OUTPUT_JSON, A_PLAIN_DISTINCT, "{\"type\":\"aggregation\",\"name\":\"@distinct\",\"function\":\"distinct\",\"key\":[],\"unit\":null,\"value\":0}\n");
	for (int i = 0; i < 8; i++)
		fixture_update(&f, 0, A_DISTINCT, text_value(i < 2 ? "/a" : "/b"), jst_value_int(i));
	fixture_update(&f, 0, A_PLAIN_DISTINCT, nil, text_value("x"));
	/* Most first, with bars; it reads as a number. */
	expect(OUTPUT_TEXT, A_DISTINCT, "@users\n"
	                                "  /b | ################################################# | 6\n"
	                                "  /a | ################                                  | 2\n"
	                                "\n");
	expect(OUTPUT_JSON, A_DISTINCT, "{\"type\":\"aggregation\",\"name\":\"@users\",\"function\":\"distinct\",\"key\":[\"/b\"],\"unit\":null,\"value\":6}\n"
	                                "{\"type\":\"aggregation\",\"name\":\"@users\",\"function\":\"distinct\",\"key\":[\"/a\"],\"unit\":null,\"value\":2}\n");
	expect(OUTPUT_TEXT, A_PLAIN_DISTINCT, "@distinct: 1\n");
	const struct jst_value value = results_value(f.results, A_DISTINCT, fixture_get(f.results, A_DISTINCT, text_value("/b")), 1000000000);
	ck_assert(value.kind == JST_INT && value.i == 6);
	results_zero(f.results, A_DISTINCT);
	ck_assert_int_eq(jst_result_distinct(fixture_get(f.results, A_DISTINCT, text_value("/b"))), 0);
	fixture_fini(&f);
}
END_TEST

/* The first row of thread 0. */
static struct jst_distinct_row *first_row(void)
{
	const struct jst_bank *bank = jst_slot_bank(&f.memory, &f.memory.slots[0]);
	struct jst_chunk *chunk = jst_memory_at(&f.memory, atomic_load(&bank->first_chunk));

	for (uint32_t at = sizeof(*chunk); at < atomic_load(&chunk->used);) {
		struct jst_cell *cell = (struct jst_cell *)((char *)chunk + at);
		if (cell->type == JST_CELL_ROW)
			return (struct jst_distinct_row *)cell;
		at += cell->size;
	}
	ck_abort_msg("no row");
	return NULL;
}

START_TEST(impossible_registers)
{
	const struct jst_value key = jst_value_int(1);

	fixture_init(&f);
	for (int i = 0; i < 10; i++)
		add(0, jst_value_int(i));
	/* Ranks above the greatest count as that. */
	for (int i = 0; i < JST_RESULT_ROW; i++)
		atomic_store(&first_row()->registers[i], UINT64_MAX);
	ck_assert_int_gt(estimate(key), 100);
	ck_assert(!f.view->malformed);
	const struct jst_result *result = fixture_get(f.results, A_DISTINCT, key);
	for (uint32_t i = 0; i < result->rows * JST_DISTINCT_ROW; i++)
		ck_assert_uint_le(((unsigned char *)result->bucket)[i], JST_DISTINCT_RANKS);
	/* All of them at the greatest rank: more than there are integers. */
	struct jst_result full;
	const uint64_t words[JST_RESULT_ROW] = { [0 ... JST_RESULT_ROW - 1] = UINT64_MAX };
	_Alignas(8) struct { struct jst_distinct_row row; } cell;
	const struct jst_aggregation_decl *decl = results_decl(f.results, A_DISTINCT);
	memset(&cell, 0, sizeof(cell));
	memcpy(cell.row.registers, words, sizeof(words));
	jst_result_init(&full, decl);
	for (uint16_t row = 0; row < JST_DISTINCT_ROWS; row++) {
		cell.row.row = row;
		ck_assert(jst_result_add_row(&full, decl, &cell.row.cell, sizeof(cell.row)));
	}
	ck_assert_int_eq(jst_result_distinct(&full), INT64_MAX);
	ck_assert_int_eq(jst_result_quantile(&full, decl, 0.5).kind, JST_NIL);
	jst_result_fini(&full);
	/* Rows that do not exist, and one that is cut short. */
	for (const uint16_t *row = (const uint16_t[]){ JST_DISTINCT_ROWS, UINT16_MAX, 0 }; *row; row++) {
		const uint16_t old = first_row()->row;
		first_row()->row = *row;
		f.view->malformed = false;
		estimate(key);
		ck_assert(f.view->malformed);
		first_row()->row = old;
	}
	ck_assert(!jst_result_add_row(&full, decl, &cell.row.cell, sizeof(cell.row) - 8));
	fixture_fini(&f);
}
END_TEST

FIXTURE_MAIN("distinct", equal_values_are_one, strings_are_seen_whole, few_values_take_little, without_memory_values_are_counted, any_order_gives_the_same, printing, impossible_registers)
