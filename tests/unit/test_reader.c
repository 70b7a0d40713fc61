/*
 * Reading a target's memory: that every event is added once, and that nothing a hostile target writes there does harm.
 */
#include <pthread.h>

#include "aggregation_state.h"
#include "results_fixture.h"

static struct fixture f;

static uint64_t count_of(const char *key)
{
	const struct jst_result *result = fixture_get(f.results, A_COUNT, text_value(key));

	return result ? result->count : 0;
}

START_TEST(threads_are_added_up)
{
	fixture_init(&f);
	for (uint32_t thread = 0; thread < FIXTURE_THREADS; thread++)
		for (uint32_t i = 0; i <= thread; i++) {
			fixture_update(&f, thread, A_COUNT, text_value("all"), jst_value_nil());
			fixture_update(&f, thread, A_SUM, jst_value_int(1), jst_value_int(INT64_MAX));
			fixture_update(&f, thread, A_MIN, jst_value_int(1), jst_value_int(100 - (int)thread));
			fixture_update(&f, thread, A_PLAIN_HIST, jst_value_nil(), jst_value_int(1000 * (int)thread));
			fixture_update_at(&f, thread, A_LAST, (struct jst_value[]){ jst_value_int(1) }, text_value(thread == 2 ? "late" : "early"), thread == 2 ? 99 : 5);
		}
	results_read(f.results, f.view, READER_TAKE_CLOSED);
	for (uint32_t i = 0; i < A_AGGREGATIONS; i++)
		ck_assert(!results_any(f.results, i)); /* nothing is closed */
	results_read(f.results, f.view, READER_TAKE_REST);
	ck_assert(!f.view->malformed);
	ck_assert_uint_eq(count_of("all"), 10);
	ck_assert(fixture_get(f.results, A_SUM, jst_value_int(1))->sum.integers == (__int128)INT64_MAX * 10);
	ck_assert_int_eq(fixture_get(f.results, A_MIN, jst_value_int(1))->min.i, 97);
	const struct jst_result *hist = fixture_get(f.results, A_PLAIN_HIST, jst_value_nil());
	ck_assert_uint_eq(hist->count, 10);
	ck_assert(hist->sum.integers == 20000);
	ck_assert_int_eq(hist->min.i, 0);
	ck_assert_int_eq(hist->max.i, 3000);
	ck_assert_uint_eq(jst_result_bucket(hist, jst_histogram_bucket(4, 2000)), 3);
	const struct jst_result *last = fixture_get(f.results, A_LAST, jst_value_int(1));
	ck_assert(last->last.kind == JST_STRING && last->last.length == 4 && memcmp(last->last.s, "late", 4) == 0);
	ck_assert_str_eq(last->last_hostname, "host");
	ck_assert_int_eq(last->last_pid, 77);
	/* Again: nothing is counted twice. */
	results_read(f.results, f.view, READER_TAKE_REST);
	ck_assert_uint_eq(count_of("all"), 10);
	fixture_fini(&f);
}
END_TEST

START_TEST(each_bank_once)
{
	fixture_init(&f);
	uint64_t total = 0;
	for (int round = 0; round < 20; round++) {
		for (int i = 0; i < 10 + round; i++, total++) {
			fixture_update(&f, 0, A_COUNT, text_value("x"), jst_value_nil());
			if (i % 3 == 0)
				fixture_update(&f, 1, A_HIST, text_value("h"), jst_value_int(i * 1000 - 5000));
		}
		fixture_flip(&f);
		/* Between the flip and the release both banks hold something. */
		fixture_update(&f, 0, A_COUNT, text_value("x"), jst_value_nil());
		total++;
		results_read(f.results, f.view, READER_TAKE_CLOSED);
		ck_assert_uint_eq(count_of("x"), total - 1);
		results_read(f.results, f.view, READER_TAKE_CLOSED);
		ck_assert_uint_eq(count_of("x"), total - 1);
		fixture_release(&f);
	}
	/* The target dies between the flip and the release: the closed bank was copied, the other was not. */
	fixture_flip(&f);
	results_read(f.results, f.view, READER_TAKE_CLOSED);
	ck_assert_uint_eq(count_of("x"), total);
	fixture_update(&f, 0, A_COUNT, text_value("x"), jst_value_nil());
	results_read(f.results, f.view, READER_TAKE_REST);
	ck_assert_uint_eq(count_of("x"), total + 1);
	uint64_t hist = 0;
	for (int round = 0; round < 20; round++)
		hist += (uint64_t)(10 + round + 2) / 3;
	ck_assert_uint_eq(fixture_get(f.results, A_HIST, text_value("h"))->count, hist);
	ck_assert(!f.view->malformed);
	fixture_fini(&f);
}
END_TEST

START_TEST(death_before_the_copy)
{
	fixture_init(&f);
	fixture_update(&f, 0, A_COUNT, text_value("x"), jst_value_nil());
	fixture_flip(&f);
	fixture_update(&f, 0, A_COUNT, text_value("x"), jst_value_nil());
	results_read(f.results, f.view, READER_TAKE_REST);
	ck_assert_uint_eq(count_of("x"), 2);
	fixture_fini(&f);
}
END_TEST

START_TEST(many_keys)
{
	fixture_init(&f);
	char key[32];
	for (int i = 0; i < 3000; i++) {
		snprintf(key, sizeof(key), "/path/%d", i);
		fixture_update(&f, (uint32_t)i % FIXTURE_THREADS, A_COUNT, text_value(key), jst_value_nil());
		fixture_update(&f, 0, A_COUNT, text_value(key), jst_value_nil());
		if (i % 10 == 0)
			fixture_update(&f, 0, A_HIST, text_value(key), jst_value_int(i * 1000));
	}
	results_read(f.results, f.view, READER_TAKE_REST);
	ck_assert(!f.view->malformed);
	ck_assert_uint_eq(f.view->losses[JST_LOSS_CELLS], 0);
	for (int i = 0; i < 3000; i++) {
		snprintf(key, sizeof(key), "/path/%d", i);
		ck_assert_uint_eq(count_of(key), 2);
		if (i % 10 == 0)
			ck_assert_int_eq(fixture_get(f.results, A_HIST, text_value(key))->max.i, i * 1000);
	}
	fixture_fini(&f);
}
END_TEST

START_TEST(losses)
{
	fixture_init(&f);
	fixture_update(&f, 0, A_COUNT, text_value("x"), jst_value_nil());
	fixture_update(&f, 1, A_COUNT, text_value("x"), jst_value_nil());
	fixture_update(&f, 1, A_SUM, text_value("x"), text_value("no number"));
	atomic_store(&f.memory.header->losses[JST_LOSS_THREADS], 3);
	atomic_store(&f.memory.slots[0].losses[JST_LOSS_RECORDS], 4);
	atomic_store(&f.memory.slots[1].losses[JST_LOSS_RECORDS], 5);
	atomic_store(&f.memory.slots[2].losses[JST_LOSS_RECORDS], 100); /* never used */
	atomic_store(&f.memory.slots[1].inside, 7);
	atomic_store(&f.memory.slots[0].unstarted[3], 6);
	atomic_store(&f.memory.slots[1].unstarted[3], 7);
	atomic_store(&f.memory.slots[2].unstarted[3], 100);
	losses_read(f.view);
	losses_read(f.view);
	ck_assert_uint_eq(f.view->unstarted[3], 13);
	ck_assert_uint_eq(f.view->unstarted[2], 0);
	ck_assert_uint_eq(f.view->losses[JST_LOSS_RECORDS], 9);
	ck_assert_uint_eq(f.view->losses[JST_LOSS_THREADS], 3);
	ck_assert_uint_eq(f.view->losses[JST_LOSS_SKIPPED], 1);
	ck_assert_uint_eq(f.view->losses[JST_LOSS_TORN], 0);
	results_read(f.results, f.view, READER_TAKE_CLOSED);
	ck_assert_uint_eq(f.view->losses[JST_LOSS_TORN], 0);
	results_read(f.results, f.view, READER_TAKE_REST);
	ck_assert_uint_eq(f.view->losses[JST_LOSS_TORN], 1);
	losses_read(f.view);
	ck_assert_uint_eq(f.view->losses[JST_LOSS_TORN], 1);
	ck_assert_uint_eq(f.view->losses[JST_LOSS_RECORDS], 9); /* set, not added */
	fixture_fini(&f);
}
END_TEST

/* ---- hostile memory ---- */

static void fill(void)
{
	for (uint32_t thread = 0; thread < 2; thread++)
		for (int i = 0; i < 200; i++) {
			fixture_update(&f, thread, A_COUNT, jst_value_int(i), jst_value_nil());
			fixture_update(&f, thread, A_STATS, jst_value_int(i % 3), jst_value_int(i));
			fixture_update(&f, thread, A_HIST, jst_value_int(i % 5), jst_value_int((int64_t)i * i * i * 100 - 50000));
			fixture_update(&f, thread, A_LHIST, jst_value_int(1), jst_value_int(i));
			fixture_update(&f, thread, A_LAST, text_value("key"), text_value("value"));
			fixture_update(&f, thread, A_DISTINCT, jst_value_int(i % 2), jst_value_int(i));
			fixture_update_at(&f, thread, A_EXEMPLARS, (struct jst_value[]){ jst_value_int(1), i % 2 ? jst_value_int(i) : text_value("id") }, jst_value_int(i), i);
		}
}

static void reset(void)
{
	results_clear_all(f.results);
	fixture_memory(&f);
	fill();
}

static void read_all(void)
{
	results_read(f.results, f.view, READER_TAKE_REST);
	losses_read(f.view);
}

START_TEST(impossible_headers)
{
	fixture_init(&f);
	fill();
	f.memory.header->magic ^= 1;
	read_all();
	ck_assert(f.view->malformed && !results_any(f.results, A_COUNT));
	reset();
	f.memory.header->version++;
	read_all();
	ck_assert(f.view->malformed && !results_any(f.results, A_COUNT));
	for (const uint32_t *offset = (const uint32_t[]){ 0, 8, 4097, 0xffffffc0, FIXTURE_MEMORY + 64, 1 }; *offset != 1; offset++) {
		reset();
		f.memory.header->slots_offset = *offset;
		read_all();
		ck_assert(f.view->malformed && !results_any(f.results, A_COUNT));
	}
	reset();
	atomic_store(&f.memory.header->slots_used, UINT32_MAX);
	read_all();
	ck_assert(f.view->malformed);
	ck_assert(results_any(f.results, A_COUNT)); /* what made sense is there */
	/* A memory that ends before its slots, and one without even a header. */
	reset();
	f.view->size = f.memory.header->slots_offset + sizeof(struct jst_slot);
	read_all();
	ck_assert(f.view->malformed);
	reset();
	f.view->size = 100;
	read_all();
	ck_assert(f.view->malformed && !results_any(f.results, A_COUNT));
	fixture_fini(&f);
}
END_TEST

static struct jst_bank *used_bank(uint32_t slot)
{
	struct jst_bank *banks = f.memory.slots[slot].banks;

	return atomic_load(&banks[0].first_chunk) ? &banks[0] : &banks[1];
}

static struct jst_chunk *first_chunk(uint32_t slot)
{
	return jst_memory_at(&f.memory, atomic_load(&used_bank(slot)->first_chunk));
}

/* The first cell of a type in the first chunk of slot 0. */
static struct jst_cell *find_cell(enum jst_cell_type type, uint32_t aggregation)
{
	unsigned char *chunk = (unsigned char *)first_chunk(0);

	for (uint32_t at = sizeof(struct jst_chunk); at < atomic_load(&first_chunk(0)->used);) {
		struct jst_cell *cell = (struct jst_cell *)(chunk + at);
		if (cell->type == type && (type == JST_CELL_NODE || cell->aggregation == aggregation))
			return cell;
		at += cell->size;
	}
	ck_abort_msg("no such cell");
	return NULL;
}

START_TEST(impossible_chunks)
{
	fixture_init(&f);
	fill();
	for (const uint32_t *ref = (const uint32_t[]){ UINT32_MAX, FIXTURE_MEMORY / 8, FIXTURE_MEMORY / 8 - 1, 1, 0 }; *ref; ref++) {
		reset();
		atomic_store(&used_bank(0)->first_chunk, *ref);
		read_all();
		ck_assert(f.view->malformed);
		ck_assert_uint_eq(fixture_get(f.results, A_COUNT, jst_value_int(0))->count, 1); /* the other slot's */
	}
	for (const uint32_t *used = (const uint32_t[]){ 7, 0x7fffffff, UINT32_MAX, 0 }; *used; used++) {
		reset();
		atomic_store(&first_chunk(0)->used, *used);
		read_all();
		ck_assert(f.view->malformed);
	}
	for (const uint32_t *size = (const uint32_t[]){ 16, UINT32_MAX, 0 }; *size; size++) {
		reset();
		first_chunk(0)->size = *size;
		read_all();
		ck_assert(f.view->malformed);
	}
	/* A list that goes in circles ends, and the work it makes is bounded by the size of the memory. */
	reset();
	atomic_store(&first_chunk(0)->next, atomic_load(&used_bank(0)->first_chunk));
	read_all();
	ck_assert(f.view->malformed);
	ck_assert_uint_le(fixture_get(f.results, A_COUNT, jst_value_int(0))->count, FIXTURE_MEMORY / JST_CHUNK_MIN + 1);
	/* A chunk that is said to be there until the end of the memory and beyond. */
	reset();
	struct jst_chunk *edge = (struct jst_chunk *)(f.base + FIXTURE_MEMORY - 64);
	edge->size = JST_CHUNK_MIN;
	atomic_store(&edge->used, JST_CHUNK_MIN);
	atomic_store(&used_bank(0)->first_chunk, (FIXTURE_MEMORY - 64) / 8);
	read_all();
	ck_assert(f.view->malformed);
	fixture_fini(&f);
}
END_TEST

START_TEST(impossible_cells)
{
	fixture_init(&f);
	fill();
	for (const uint32_t *size = (const uint32_t[]){ 8, 17, UINT32_MAX, 0xfffffff0, 1 << 20, 0 }; *size; size++) {
		reset();
		find_cell(JST_CELL_STATE, A_COUNT)->size = *size;
		read_all();
		ck_assert(f.view->malformed);
	}
	for (const uint32_t *key_size = (const uint32_t[]){ 4, UINT32_MAX, 0xfffffff8, 1 << 20, 0 }; *key_size; key_size++) {
		reset();
		find_cell(JST_CELL_STATE, A_COUNT)->key_size = *key_size;
		read_all();
		ck_assert(f.view->malformed);
	}
	reset();
	find_cell(JST_CELL_STATE, A_COUNT)->aggregation = A_AGGREGATIONS;
	read_all();
	ck_assert(f.view->malformed);
	reset();
	find_cell(JST_CELL_STATE, A_COUNT)->keys = 200;
	read_all();
	ck_assert(f.view->malformed);
	reset();
	*(unsigned char *)(find_cell(JST_CELL_STATE, A_COUNT) + 1) = 99; /* kind of the key */
	read_all();
	ck_assert(f.view->malformed);
	ck_assert(results_any(f.results, A_COUNT) && results_any(f.results, A_STATS));
	/* A key that is well formed but longer than its cell, and than any chunk. */
	reset();
	struct jst_cell *cell = find_cell(JST_CELL_STATE, A_COUNT);
	uint64_t *key = (uint64_t *)(cell + 1);
	key[0] = JST_STRING;
	key[1] = 4 << 20;
	cell->key_size = 16 + (4 << 20);
	read_all();
	ck_assert(f.view->malformed);
	/* A state read as another aggregation's: too small or odd, but no harm. */
	reset();
	find_cell(JST_CELL_STATE, A_COUNT)->aggregation = A_LHIST;
	read_all();
	ck_assert(f.view->malformed);
	/* Rows of nobody, of a count, of another histogram's shape. */
	for (const uint32_t *owner = (const uint32_t[]){ 1, UINT32_MAX, 0 }; *owner; owner++) {
		reset();
		((struct jst_histogram_row *)find_cell(JST_CELL_ROW, A_HIST))->owner = *owner;
		read_all();
		ck_assert(f.view->malformed);
	}
	reset();
	((struct jst_histogram_row *)find_cell(JST_CELL_ROW, A_HIST))->owner = jst_memory_ref(&f.memory, find_cell(JST_CELL_STATE, A_COUNT));
	read_all();
	ck_assert(f.view->malformed);
	reset();
	find_cell(JST_CELL_ROW, A_HIST)->aggregation = A_QUANTILES;
	read_all();
	ck_assert(f.view->malformed);
	reset();
	((struct jst_histogram_row *)find_cell(JST_CELL_ROW, A_HIST))->block = UINT16_MAX;
	read_all();
	ck_assert(f.view->malformed);
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

/* Prints everything to nowhere: states made of rubbish must be printable. */
static void print_all(void)
{
	struct output output;

	for (int format = OUTPUT_TEXT; format <= OUTPUT_JSON; format++) {
		ck_assert(output_open(&output, "/dev/null", (enum output_format)format));
		for (uint32_t i = 0; i < A_AGGREGATIONS; i++)
			results_print(&output, f.results, i, 5, 1000000000);
		ck_assert(output_close(&output));
	}
}

START_TEST(random_damage)
{
	fixture_init(&f);
	fill();
	const uint64_t heap = atomic_load(&f.memory.header->heap_used);
	uint64_t random = 0x9e3779b97f4a7c15ULL;
	unsigned char *good = malloc(heap);

	memcpy(good, f.base, heap);
	for (int round = 0; round < 400; round++) {
		results_clear_all(f.results);
		memset(f.view->copied, 0, sizeof(f.view->copied));
		memcpy(f.base, good, heap);
		for (int i = 0; i < 30; i++) {
			/* Anywhere, but most often where it hurts: the header, the first slots, the first chunks. */
			const uint64_t chunk = (uint64_t)((unsigned char *)first_chunk(i & 1) - f.base);
			const uint64_t at = i % 3 == 0 ? f.memory.header->slots_offset + next_random(&random) % 1024 : i % 3 == 1 ? chunk % heap + next_random(&random) % 4096 : next_random(&random) % heap;
			if (at < 64 || at >= heap || !atomic_load(&used_bank(i & 1)->first_chunk) || (uint64_t)atomic_load(&used_bank(i & 1)->first_chunk) * 8 >= heap)
				break;
			f.base[at] = (unsigned char)next_random(&random);
		}
		read_all();
		print_all();
	}
	free(good);
	fixture_fini(&f);
}
END_TEST

static _Atomic bool enough;

static void *vandal(void *argument)
{
	uint64_t random = 42;
	const uint64_t words = atomic_load(&f.memory.header->heap_used) / 8;
	_Atomic uint64_t *memory = (_Atomic uint64_t *)f.base;

	(void)argument;
	while (!atomic_load_explicit(&enough, memory_order_relaxed)) {
		const uint64_t at = 128 + next_random(&random) % (words - 128), old = atomic_load_explicit(&memory[at], memory_order_relaxed);
		atomic_store_explicit(&memory[at], next_random(&random), memory_order_relaxed);
		atomic_store_explicit(&memory[at], old, memory_order_relaxed);
	}
	return NULL;
}

/* While another thread changes words and changes them back: what was checked must be what is used. */
START_TEST(changing_under_the_reader)
{
	fixture_init(&f);
	fill();
	pthread_t thread;

	ck_assert_int_eq(pthread_create(&thread, NULL, vandal, NULL), 0);
	for (int round = 0; round < 300; round++) {
		results_clear_all(f.results);
		memset(f.view->copied, 0, sizeof(f.view->copied));
		read_all();
	}
	atomic_store(&enough, true);
	pthread_join(thread, NULL);
	fixture_fini(&f);
}
END_TEST

FIXTURE_MAIN("reader", threads_are_added_up, each_bank_once, death_before_the_copy, many_keys, losses, impossible_headers, impossible_chunks, impossible_cells, random_damage, changing_under_the_reader)
