/*
 * Maps and variables: what an entry is after each operation, in all three homes of entries; full maps, spans, levels, blocks used again.
 */
#include <check.h>
#include <inttypes.h>

#include "map_inline.h"
#include "store.h"

enum { WORDS, ANY, PAIR, SCALAR, SPAN, SPANS_BY_TWO, INT_SCALAR };

static struct store *store;
static char scratch[8192];
static uint32_t used;
static struct jst_map_access map[7];

static void open_store(uint64_t size)
{
	struct jst_builder *builder = jst_builder_new();

	jst_builder_map(builder, JST_MAP_INT, 1);
	jst_builder_map(builder, 0, 1);
	jst_builder_map(builder, 0, 2);
	jst_builder_map(builder, 0, 0);
	jst_builder_map(builder, JST_MAP_INT | JST_MAP_SPAN, 1);
	jst_builder_map(builder, JST_MAP_INT | JST_MAP_SPAN, 2);
	jst_builder_map(builder, JST_MAP_INT, 0);
	store = store_new(builder, size, 64);
	used = 0;
	for (uint32_t i = 0; i < 7; i++)
		map[i] = store_map(store, 0, i, scratch, sizeof(scratch), &used);
}

static void setup(void)
{
	open_store(16 << 20);
}

static void teardown(void)
{
	store_free(store);
}

static struct jst_value text(const char *string)
{
	return jst_value_string(string, (uint32_t)strlen(string));
}

static uint64_t lost(enum jst_loss loss)
{
	return store_lost(store, store_slot(store, 0), loss);
}

static void expect_int(struct jst_value value, int64_t expected)
{
	ck_assert_uint_eq(value.kind, JST_INT);
	ck_assert_int_eq(value.i, expected);
}

static void expect_text(struct jst_value value, const char *expected)
{
	ck_assert_uint_eq(value.kind, JST_STRING);
	ck_assert_uint_eq(value.length, strlen(expected));
	ck_assert_mem_eq(value.s, expected, value.length);
}

/* Keys that live in different homes, for the maps with one key and without. */
static const struct jst_value number = { .i = 7, .kind = JST_INT };

static void an_integer_entry_lives(const struct jst_map_access *access, struct jst_value key)
{
	ck_assert_uint_eq(jst_map_get(access, &key).kind, JST_NIL);
	ck_assert(!jst_map_has(access, &key));
	jst_map_set(access, &key, jst_value_int(5));
	expect_int(jst_map_get(access, &key), 5);
	ck_assert(jst_map_has(access, &key));
	jst_map_set(access, &key, jst_value_int(-6));
	expect_int(jst_map_get(access, &key), -6);
	jst_map_add(access, &key, jst_value_int(10), 1);
	jst_map_add(access, &key, jst_value_int(1), -1);
	expect_int(jst_map_get(access, &key), 3);
	jst_map_delete(access, &key);
	ck_assert(!jst_map_has(access, &key));
	jst_map_add(access, &key, jst_value_int(4), -1);
	expect_int(jst_map_get(access, &key), -4);
	jst_map_set(access, &key, jst_value_int(INT64_MAX));
	jst_map_add(access, &key, jst_value_int(1), 1);
	expect_int(jst_map_get(access, &key), INT64_MIN);
	jst_map_add(access, &key, jst_value_int(INT64_MIN), -1);
	expect_int(jst_map_get(access, &key), 0);
	jst_map_set(access, &key, jst_value_nil());
	ck_assert(!jst_map_has(access, &key));
	jst_map_set(access, &key, jst_value_int(1));
	jst_map_add(access, &key, jst_value_nil(), 1); /* arithmetic on nil gives nil */
	ck_assert(!jst_map_has(access, &key));
	jst_map_delete(access, &key);
	for (int loss = 0; loss < JST_LOSSES; loss++)
		ck_assert_uint_eq(lost(loss), 0);
}

START_TEST(integers_live)
{
	const struct jst_value keys[] = { number, jst_value_int(0), jst_value_int(-1), jst_value_int(INT64_MIN), jst_value_double(2.5), text("abc"), text(""), jst_value_nil(),
	                                  jst_value_int((int64_t)0x9e3779b97f4a7c15ULL) /* mixes to 0 */ };

	for (unsigned i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		an_integer_entry_lives(&map[WORDS], keys[i]);
		an_integer_entry_lives(&map[ANY], keys[i]);
	}
	an_integer_entry_lives(&map[SCALAR], number);
	an_integer_entry_lives(&map[INT_SCALAR], number);
}
END_TEST

START_TEST(every_kind_of_value)
{
	const unsigned maps[] = { ANY, SCALAR };

	for (unsigned i = 0; i < 2; i++) {
		const struct jst_map_access *access = &map[maps[i]];
		const struct jst_value key = text("key");

		jst_map_set(access, &key, jst_value_double(1.5));
		ck_assert_double_eq(jst_map_get(access, &key).d, 1.5);
		jst_map_add(access, &key, jst_value_int(2), 1);
		ck_assert_double_eq(jst_map_get(access, &key).d, 3.5);
		jst_map_set(access, &key, jst_value_int(2));
		jst_map_add(access, &key, jst_value_double(0.5), -1);
		ck_assert_double_eq(jst_map_get(access, &key).d, 1.5);
		jst_map_set(access, &key, text("hello"));
		used = 0;
		expect_text(jst_map_get(access, &key), "hello");
		ck_assert_uint_eq(used, 5);
		expect_text(jst_map_get(access, &key), "hello");
		ck_assert_uint_eq(used, 10);
		jst_map_add(access, &key, text(", everyone"), 1);
		expect_text(jst_map_get(access, &key), "hello, everyone");
		jst_map_add(access, &key, text(""), 1);
		expect_text(jst_map_get(access, &key), "hello, everyone");
		jst_map_delete(access, &key);
		jst_map_add(access, &key, text("new"), 1);
		expect_text(jst_map_get(access, &key), "new");
		jst_map_set(access, &key, text(""));
		ck_assert(jst_map_has(access, &key));
		expect_text(jst_map_get(access, &key), "");
		jst_map_delete(access, &key);
	}
}
END_TEST

START_TEST(strings_grow_byte_by_byte)
{
	const unsigned maps[] = { ANY, SCALAR };
	char expected[80] = "";

	for (unsigned i = 0; i < 2; i++) {
		const struct jst_value key = text("key");
		for (unsigned length = 1; length <= 64; length++) {
			const char letter = (char)('a' + length % 26);
			expected[length - 1] = letter;
			expected[length] = 0;
			jst_map_add(&map[maps[i]], &key, jst_value_string(&letter, 1), 1);
			used = 0;
			expect_text(jst_map_get(&map[maps[i]], &key), expected);
		}
		ck_assert_uint_eq(lost(JST_LOSS_STRINGS), i);
		jst_map_add(&map[maps[i]], &key, text("xyz"), 1);
		ck_assert_uint_eq(lost(JST_LOSS_STRINGS), i + 1);
		used = 0;
		expect_text(jst_map_get(&map[maps[i]], &key), expected);
	}
}
END_TEST

START_TEST(wrong_kinds_are_errors_and_remove)
{
	const unsigned maps[] = { ANY, SCALAR };
	uint64_t errors = 0;

	for (unsigned i = 0; i < 2; i++) {
		const struct jst_map_access *access = &map[maps[i]];
		const struct { struct jst_value before, operand; int sign; } wrong[] = {
			{ jst_value_int(1), text("a"), 1 }, { text("a"), jst_value_int(1), 1 }, { text("a"), text("b"), -1 },
			{ text("a"), jst_value_double(1), -1 }, { jst_value_nil(), text("b"), -1 },
		};
		for (unsigned k = 0; k < sizeof(wrong) / sizeof(wrong[0]); k++) {
			jst_map_set(access, &number, wrong[k].before);
			jst_map_add(access, &number, wrong[k].operand, wrong[k].sign);
			ck_assert(!jst_map_has(access, &number));
			ck_assert_uint_eq(lost(JST_LOSS_ERRORS), ++errors);
		}
	}
	/* A map of integers stays one, though the verifier would not let this through. */
	jst_map_set(&map[WORDS], &number, text("a"));
	jst_map_add(&map[INT_SCALAR], NULL, jst_value_double(1.5), 1);
	ck_assert(!jst_map_has(&map[WORDS], &number) && !jst_map_has(&map[INT_SCALAR], NULL));
	ck_assert_uint_eq(lost(JST_LOSS_ERRORS), errors + 2);
}
END_TEST

START_TEST(keys_and_values_are_cut)
{
	char longer[100];
	const struct jst_value key = jst_value_string(longer, 100);

	memset(longer, 'x', sizeof(longer));
	jst_map_set(&map[ANY], &key, key);
	ck_assert_uint_eq(lost(JST_LOSS_STRINGS), 2);
	const struct jst_value cut = jst_value_string(longer, 64);
	used = 0;
	const struct jst_value value = jst_map_get(&map[ANY], &cut);
	ck_assert_uint_eq(value.length, 64);
	ck_assert_uint_eq(lost(JST_LOSS_STRINGS), 2);
}
END_TEST

/* What is added counts as cut once, and not at all where it is not stored. */
START_TEST(added_strings_are_cut)
{
	char longer[100];
	const struct jst_value added = jst_value_string(longer, 100);

	memset(longer, 'x', sizeof(longer));
	for (int i = 1; i <= 2; i++) {
		jst_map_add(&map[ANY], &number, added, 1);
		ck_assert_uint_eq(lost(JST_LOSS_STRINGS), (uint64_t)(2 * i - 1));
		jst_map_add(&map[SCALAR], NULL, added, 1);
		ck_assert_uint_eq(lost(JST_LOSS_STRINGS), (uint64_t)(2 * i));
		used = 0;
		ck_assert_uint_eq(jst_map_get(&map[ANY], &number).length, 64);
		ck_assert_uint_eq(jst_map_get(&map[SCALAR], NULL).length, 64);
	}
	jst_map_set(&map[ANY], &number, jst_value_int(1));
	jst_map_add(&map[ANY], &number, added, 1);
	jst_map_add(&map[ANY], &number, added, -1);
	jst_map_set(&map[SCALAR], NULL, jst_value_int(1));
	jst_map_add(&map[SCALAR], NULL, added, 1);
	jst_map_add(&map[SCALAR], NULL, added, -1);
	ck_assert_uint_eq(lost(JST_LOSS_ERRORS), 4);
	ck_assert_uint_eq(lost(JST_LOSS_STRINGS), 4);
	ck_assert(!jst_map_has(&map[ANY], &number) && !jst_map_has(&map[SCALAR], NULL));
}
END_TEST

START_TEST(no_room_in_the_scratch)
{
	jst_map_set(&map[ANY], &number, text("0123456789"));
	jst_map_set(&map[SCALAR], NULL, text("0123456789"));
	used = sizeof(scratch) - 9;
	ck_assert_uint_eq(jst_map_get(&map[ANY], &number).kind, JST_NIL);
	ck_assert_uint_eq(jst_map_get(&map[SCALAR], NULL).kind, JST_NIL);
	ck_assert_uint_eq(lost(JST_LOSS_SCRATCH), 2);
	ck_assert_uint_eq(used, sizeof(scratch) - 9);
	used--;
	expect_text(jst_map_get(&map[ANY], &number), "0123456789");
	ck_assert_uint_eq(used, sizeof(scratch));
}
END_TEST

START_TEST(integral_doubles_are_integers_as_keys)
{
	const struct jst_value one = jst_value_double(1.0), integer = jst_value_int(1), string = text("1");
	const unsigned maps[] = { WORDS, ANY };

	for (unsigned i = 0; i < 2; i++) {
		jst_map_set(&map[maps[i]], &one, jst_value_int(5));
		expect_int(jst_map_get(&map[maps[i]], &integer), 5);
		ck_assert(!jst_map_has(&map[maps[i]], &string));
	}
}
END_TEST

START_TEST(several_keys)
{
	const struct jst_value ab[] = { text("a"), text("b") }, a_b[] = { text("ab"), text("") }, salted[] = { jst_value_int(1), jst_value_nil() };

	jst_map_set(&map[PAIR], ab, jst_value_int(1));
	jst_map_set(&map[PAIR], a_b, jst_value_int(2));
	jst_map_set(&map[PAIR], salted, jst_value_int(3));
	expect_int(jst_map_get(&map[PAIR], ab), 1);
	expect_int(jst_map_get(&map[PAIR], a_b), 2);
	expect_int(jst_map_get(&map[PAIR], salted), 3);
	jst_map_delete(&map[PAIR], ab);
	ck_assert(!jst_map_has(&map[PAIR], ab));
	ck_assert(jst_map_has(&map[PAIR], a_b));
}
END_TEST

struct seen {
	int64_t keys, values, entries;
	int stop_after;
};

static bool add_up(void *context, const struct jst_value *keys, struct jst_value value)
{
	struct seen *seen = context;

	seen->entries++;
	seen->keys += keys ? keys[0].i : 0;
	seen->values += value.i;
	return seen->entries != seen->stop_after;
}

/* So many entries that several levels are needed: all are found, each once, and all can be removed. */
static void holds_many(const struct jst_map_access *access, int count, enum jst_map_table table)
{
	struct seen seen = { 0 };

	for (int i = 0; i < count; i++) {
		const struct jst_value keys[] = { jst_value_int(i), jst_value_int(-i) };
		jst_map_set(access, keys, jst_value_int(2 * i));
	}
	ck_assert_uint_eq(lost(JST_LOSS_ENTRIES), 0);
	ck_assert_uint_ne(jst_map_root(access)->levels[table][1], 0);
	for (int i = 0; i < count; i++) {
		const struct jst_value keys[] = { jst_value_int(i), jst_value_int(-i) };
		expect_int(jst_map_get(access, keys), 2 * i);
	}
	jst_map_each(access, add_up, &seen);
	ck_assert_int_eq(seen.entries, count);
	ck_assert_int_eq(seen.keys, (int64_t)count * (count - 1) / 2);
	ck_assert_int_eq(seen.values, (int64_t)count * (count - 1));
	for (int i = 0; i < count; i++) {
		const struct jst_value keys[] = { jst_value_int(i), jst_value_int(-i) };
		jst_map_delete(access, keys);
		ck_assert(!jst_map_has(access, keys));
	}
	seen = (struct seen){ 0 };
	jst_map_each(access, add_up, &seen);
	ck_assert_int_eq(seen.entries, 0);
}

START_TEST(levels_grow)
{
	holds_many(&map[WORDS], 30000, JST_MAP_WORDS);
	holds_many(&map[PAIR], 20000, JST_MAP_BLOCKS);
	/* What was freed is used again: the same once more takes no memory at all. */
	const uint64_t heap = store->memory.header->heap_used;
	holds_many(&map[WORDS], 30000, JST_MAP_WORDS);
	holds_many(&map[PAIR], 20000, JST_MAP_BLOCKS);
	ck_assert_uint_eq(store->memory.header->heap_used, heap);
}
END_TEST

START_TEST(a_full_map_counts_what_it_turns_away)
{
	const unsigned maps[] = { WORDS, ANY };
	uint64_t before = 0;

	teardown();
	open_store(13 << 19);
	for (unsigned m = 0; m < 2; m++) {
		int64_t found = 0;
		const int64_t count = 200000;
		for (int64_t i = 0; i < count; i++) {
			const struct jst_value key = jst_value_int(i);
			jst_map_set(&map[maps[m]], &key, jst_value_int(i));
		}
		for (int64_t i = 0; i < count; i++) {
			const struct jst_value key = jst_value_int(i);
			const struct jst_value value = jst_map_get(&map[maps[m]], &key);
			if (value.kind == JST_INT) {
				ck_assert_int_eq(value.i, i);
				found++;
			}
		}
		ck_assert_int_gt(found, 5000);
		ck_assert_int_lt(found, count);
		ck_assert_int_eq(found + (int64_t)(lost(JST_LOSS_ENTRIES) - before), count);
		before = lost(JST_LOSS_ENTRIES);
	}
	/* The rest of the session can still work. */
	ck_assert_uint_ne(jst_memory_chunk(&store->memory, 4), 0);
}
END_TEST

/* A span table that is full gives up old starts, and says how many; the newest ones are there. */
static void evicts(unsigned index)
{
	const int64_t count = 150000;
	int64_t found = 0, recent = 0;
	const uint64_t before = lost(JST_LOSS_SPANS);

	for (int64_t i = 0; i < count; i++) {
		const struct jst_value keys[] = { jst_value_int(i), text("p") };
		jst_map_set(&map[index], keys, jst_value_int(1000 + i));
		ck_assert(jst_map_has(&map[index], keys));
	}
	for (int64_t i = 0; i < count; i++) {
		const struct jst_value keys[] = { jst_value_int(i), text("p") };
		if (!jst_map_has(&map[index], keys))
			continue;
		found++;
		recent += i >= count - 2000;
	}
	ck_assert_int_eq(found + (int64_t)(lost(JST_LOSS_SPANS) - before), count);
	ck_assert_int_lt(found, count);
	ck_assert_int_ge(recent, 1900);
	ck_assert_uint_eq(lost(JST_LOSS_ENTRIES), 0);
}

START_TEST(spans_evict_the_oldest)
{
	teardown();
	open_store(13 << 19);
	evicts(SPAN);
	ck_assert_uint_le(jst_map_root(&map[SPAN])->bytes, store->options.size / 4);
}
END_TEST

START_TEST(spans_by_two_keys_evict_too)
{
	teardown();
	open_store(13 << 19); /* here the blocks come to an end before the table */
	evicts(SPANS_BY_TWO);
}
END_TEST

START_TEST(nil_keys_of_spans_are_not_stored)
{
	const struct jst_value nil = jst_value_nil(), keys[] = { jst_value_int(1), jst_value_nil() };

	jst_map_set(&map[SPAN], &nil, jst_value_int(1));
	jst_map_set(&map[SPANS_BY_TWO], keys, jst_value_int(1));
	ck_assert(!jst_map_has(&map[SPAN], &nil) && !jst_map_has(&map[SPANS_BY_TWO], keys));
	for (int loss = 0; loss < JST_LOSSES; loss++)
		ck_assert_uint_eq(lost(loss), 0);
}
END_TEST

START_TEST(each_can_stop_and_shows_strings)
{
	struct seen seen = { .stop_after = 3 };

	for (int i = 0; i < 10; i++) {
		const struct jst_value key = jst_value_int(i);
		jst_map_set(&map[WORDS], &key, key);
		jst_map_set(&map[ANY], &key, text("value"));
	}
	jst_map_each(&map[WORDS], add_up, &seen);
	ck_assert_int_eq(seen.entries, 3);
	seen = (struct seen){ 0 };
	jst_map_set(&map[SCALAR], NULL, jst_value_int(9));
	jst_map_each(&map[SCALAR], add_up, &seen);
	ck_assert_int_eq(seen.values, 9);
	used = 3;
	seen = (struct seen){ 0 };
	jst_map_each(&map[ANY], add_up, &seen);
	ck_assert_int_eq(seen.entries, 10);
	ck_assert_int_eq(seen.keys, 45);
	ck_assert_uint_eq(used, 3);
}
END_TEST

/* A duplicate, as two threads can leave it for some nanoseconds: a delete removes both. */
START_TEST(deleting_empties_every_copy)
{
	const struct jst_value key = jst_value_int(99);

	jst_map_set(&map[WORDS], &key, jst_value_int(1));
	struct jst_map_root *root = jst_map_root(&map[WORDS]);
	struct jst_atomic_pair *slots = jst_memory_at(&store->memory, (jst_ref)root->levels[0][0]);
	for (uint64_t i = 0; i < 1ULL << (root->levels[0][0] >> 32); i++) {
		if (!slots[i].low)
			continue;
		struct jst_atomic_pair *copy = &slots[(i & ~7ULL) + (i + 3) % 8];
		copy->low = slots[i].low;
		copy->high = 2;
		break;
	}
	ck_assert(jst_map_delete(&map[WORDS], &key));
	ck_assert(!jst_map_has(&map[WORDS], &key));
	ck_assert(!jst_map_delete(&map[WORDS], &key));
}
END_TEST

/* A span that ends is removed; one that did not start is counted, unless a part of its key is nil. */
START_TEST(ends_without_a_start_are_counted)
{
	const struct jst_value keys[][2] = { { jst_value_int(5), text("a") }, { text("x"), text("b") }, { jst_value_int(6), jst_value_double(2.5) } };
	const struct jst_value nils[][2] = { { jst_value_nil(), jst_value_nil() }, { jst_value_nil(), text("b") } };
	const struct jst_value half[] = { jst_value_int(5), jst_value_nil() };
	const unsigned maps[] = { SPAN, SPANS_BY_TWO };
	uint64_t expected = 0;

	for (unsigned m = 0; m < 2; m++) {
		const struct jst_map_access *access = &map[maps[m]];

		for (unsigned i = 0; i < 3; i++) {
			jst_map_set(access, keys[i], jst_value_int(1));
			jst_map_end(access, keys[i]);
			ck_assert(!jst_map_has(access, keys[i]));
			ck_assert_uint_eq(lost(JST_LOSS_UNSTARTED), expected);
			jst_map_end(access, keys[i]);
			ck_assert_uint_eq(lost(JST_LOSS_UNSTARTED), ++expected);
		}
		for (unsigned i = 0; i < 2; i++)
			jst_map_end(access, nils[i]);
		ck_assert_uint_eq(store_slot(store, 0)->unstarted[maps[m] % JST_SPAN_COUNTS], 3);
	}
	jst_map_end(&map[SPANS_BY_TWO], half);
	ck_assert_uint_eq(lost(JST_LOSS_UNSTARTED), expected);
	/* A plain removal counts nothing. */
	ck_assert(!jst_map_delete(&map[SPAN], keys[0]));
	ck_assert(!jst_map_delete(&map[SPANS_BY_TWO], keys[0]));
	ck_assert_uint_eq(lost(JST_LOSS_UNSTARTED), expected);
}
END_TEST

/* Salting can be undone, so no two keys are taken for one. Integers in a row, wherever they begin, each have a home of their own in a first level, as long as there are fewer than its slots. */
START_TEST(integers_in_a_row_have_homes_of_their_own)
{
	enum { WINDOWS = 2048, SLOTS = WINDOWS * JST_MAP_WINDOW, ROW = SLOTS / 8 * 7, BEGINNINGS = 200 };
	static unsigned taken[SLOTS];
	uint64_t random = 88172645463325252ULL;

	for (unsigned i = 1; i <= BEGINNINGS; i++) {
		random ^= random << 13;
		random ^= random >> 7;
		random ^= random << 17;
		for (uint64_t n = 0; n < ROW; n++) {
			const uint64_t key = (i == 1 ? 0 : random) + n, salted = jst_map_salted(key);
			const uint64_t place = jst_map_place(salted);

			ck_assert_uint_eq(jst_map_unsalted(salted), key);
			ck_assert_uint_lt(place, WINDOWS);
			unsigned *slot = &taken[place * JST_MAP_WINDOW + jst_map_home_index(salted)];
			if (*slot == i)
				ck_abort_msg("the home of %" PRIu64 " is taken after %" PRIu64, key, n);
			*slot = i;
		}
	}
}
END_TEST

START_TEST(pairs_are_swapped_whole)
{
	struct jst_atomic_pair pair = { 1, 2 };
	struct jst_pair expected = { 1, 3 };

	for (int vector = 0; vector < 2; vector++) {
		const bool was = jst_pair_vector;
		jst_pair_vector = vector && was;
		const struct jst_pair loaded = jst_pair_load(&pair);
		ck_assert(loaded.low == 1 && loaded.high == 2);
		jst_pair_vector = was;
	}
	ck_assert(!jst_pair_swap(&pair, &expected, (struct jst_pair){ 5, 6 }));
	ck_assert(expected.low == 1 && expected.high == 2);
	ck_assert(jst_pair_swap(&pair, &expected, (struct jst_pair){ 5, 6 }));
	ck_assert(pair.low == 5 && pair.high == 6);
	ck_assert(!jst_pair_clear(&pair, 4));
	ck_assert(pair.low == 5);
	ck_assert(jst_pair_clear(&pair, 5));
	ck_assert(pair.low == 0);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("map");
	TCase *tests = tcase_create("map");

	tcase_set_timeout(tests, 120);
	tcase_add_checked_fixture(tests, setup, teardown);
	tcase_add_test(tests, integers_in_a_row_have_homes_of_their_own);
	tcase_add_test(tests, integers_live);
	tcase_add_test(tests, every_kind_of_value);
	tcase_add_test(tests, strings_grow_byte_by_byte);
	tcase_add_test(tests, wrong_kinds_are_errors_and_remove);
	tcase_add_test(tests, keys_and_values_are_cut);
	tcase_add_test(tests, added_strings_are_cut);
	tcase_add_test(tests, no_room_in_the_scratch);
	tcase_add_test(tests, integral_doubles_are_integers_as_keys);
	tcase_add_test(tests, several_keys);
	tcase_add_test(tests, levels_grow);
	tcase_add_test(tests, a_full_map_counts_what_it_turns_away);
	tcase_add_test(tests, spans_evict_the_oldest);
	tcase_add_test(tests, spans_by_two_keys_evict_too);
	tcase_add_test(tests, nil_keys_of_spans_are_not_stored);
	tcase_add_test(tests, each_can_stop_and_shows_strings);
	tcase_add_test(tests, deleting_empties_every_copy);
	tcase_add_test(tests, ends_without_a_start_are_counted);
	tcase_add_test(tests, pairs_are_swapped_whole);
	suite_add_tcase(suite, tests);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	const int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
