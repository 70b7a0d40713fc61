/*
 * The table before the trie of a bank's index: strings found where they lie, growth, and what happens where it is too small.
 */
#include <check.h>

#include "cell_index.h"
#include "store.h"

enum { LONGEST = 300, STATE = 16 };

static struct store *store;
static struct jst_slot *slot;
static struct jst_bank *bank;
static uint64_t buffer[64];

static void setup(void)
{
	store = store_new(jst_builder_new(), 64 << 20, LONGEST);
	slot = store_slot(store, 0);
	bank = &slot->banks[0];
}

static void teardown(void)
{
	store_free(store);
}

static struct jst_cell *find(uint16_t aggregation, struct jst_value key)
{
	bool cut = false;
	const uint32_t size = jst_key_encode(buffer, sizeof(buffer), &key, 1, LONGEST, &cut);

	return jst_cell_find(&store->memory, slot, bank, aggregation, buffer, size, 1, STATE);
}

static struct jst_cell *look_up(uint16_t aggregation, struct jst_value key)
{
	return jst_index_find_string(&store->memory, bank, aggregation, &key);
}

/* The number as text, in room for 16. */
static struct jst_value name(char *text, unsigned number)
{
	return jst_value_string(text, (uint32_t)snprintf(text, 16, "key/%u", number));
}

static unsigned places(void)
{
	return bank->table ? ((struct jst_index_table *)jst_memory_at(&store->memory, bank->table))->mask + 1 : 0;
}

/* Strings of every length, as long as their memory, so that the sanitizer sees a step outside; and what differs from them in kind, aggregation, length or one byte is another key. */
START_TEST(strings_are_found_where_they_lie)
{
	struct jst_cell *cells[LONGEST + 1];

	ck_assert_ptr_null(look_up(1, jst_value_string("", 0)));
	for (uint32_t length = 0; length <= LONGEST; length++) {
		char *text = malloc(length ? length : 1);
		memset(text, 'a', length ? length : 1);
		const struct jst_value key = jst_value_string(text, length);

		ck_assert_ptr_null(look_up(1, key));
		cells[length] = find(1, key);
		ck_assert_ptr_nonnull(cells[length]);
		ck_assert_ptr_eq(look_up(1, key), cells[length]);
		ck_assert_ptr_eq(find(1, key), cells[length]);
		ck_assert_ptr_null(look_up(2, key));
		ck_assert_ptr_null(look_up(1, jst_value_stack(text, length)));
		for (uint32_t i = 0; i < length; i++) {
			text[i] = 'b';
			ck_assert_ptr_null(look_up(1, key));
			text[i] = 'a';
		}
		free(text);
	}
	for (uint32_t length = 8; length <= 64; length += 8) {
		const uint64_t frames[8] = { 1, 2, 3 };
		struct jst_cell *cell = find(1, jst_value_stack(frames, length));

		ck_assert_ptr_eq(look_up(1, jst_value_stack(frames, length)), cell);
		ck_assert_ptr_null(look_up(1, jst_value_string((const char *)frames, length)));
	}
}
END_TEST

/* The tail of a string, and whether it equals padded words, by another way. */
START_TEST(bytes_are_words)
{
	for (uint32_t size = 0; size < 80; size++) {
		unsigned char *bytes = malloc(size ? size : 1);
		uint64_t padded[10] = { 0 };

		for (uint32_t i = 0; i < size; i++)
			bytes[i] = (unsigned char)(0x81 + 37 * i);
		if (size)
			memcpy(padded, bytes, size);
		if (size % 8)
			ck_assert_uint_eq(jst_bytes_rest(bytes, size), padded[size / 8]);
		ck_assert(jst_bytes_equal(bytes, size, padded));
		for (uint32_t i = 0; i < size; i++) {
			bytes[i] ^= 0x80;
			ck_assert(!jst_bytes_equal(bytes, size, padded));
			bytes[i] ^= 0x80;
		}
		free(bytes);
	}
}
END_TEST

/* More keys than the largest table has places: each is found, and what a full table has no place for is found by the trie. */
START_TEST(the_table_grows_to_its_limit)
{
	static struct jst_cell *cells[100000];
	const unsigned count = sizeof(cells) / sizeof(cells[0]);
	char text[16];
	unsigned largest = 0, seen = 0;

	for (unsigned i = 0; i < count; i++) {
		cells[i] = find(1, name(text, i));
		ck_assert_ptr_nonnull(cells[i]);
		ck_assert_uint_ge(places(), largest);
		if (places() <= 16384)
			ck_assert_uint_ge(places(), i); /* never less than the cells; and, where a chunk has room for it, twice as many */
		largest = places();
	}
	ck_assert_uint_eq(largest, 65536);
	for (unsigned i = 0; i < count; i++)
		ck_assert_ptr_eq(find(1, name(text, i)), cells[i]);
	for (unsigned i = 0; i < count; i++) {
		struct jst_cell *cell = look_up(1, name(text, i));
		ck_assert(!cell || cell == cells[i]);
		seen += cell != NULL;
	}
	ck_assert_uint_gt(seen, largest / 2);
	ck_assert_uint_eq(store_lost(store, slot, JST_LOSS_CELLS), 0);
}
END_TEST

/* A key with others behind it, one that is nil or a double, and none at all are found by their encoding. */
START_TEST(other_keys_are_in_the_table)
{
	const struct jst_value keys[][2] = {
		{ jst_value_int(1), jst_value_int(2) }, { jst_value_string("a", 1), jst_value_int(2) }, { jst_value_string("a", 1), jst_value_nil() }, { jst_value_nil(), jst_value_nil() },
		{ jst_value_double(1.5), jst_value_string("a", 1) }, { jst_value_int(1), jst_value_nil() },
	};
	struct jst_cell *cells[6];
	bool cut = false;

	for (unsigned pass = 0; pass < 2; pass++) {
		for (unsigned i = 0; i < 6; i++) {
			const uint32_t size = jst_key_encode(buffer, sizeof(buffer), keys[i], 2, LONGEST, &cut);
			struct jst_cell *cell = jst_cell_find(&store->memory, slot, bank, 1, buffer, size, 2, STATE);

			ck_assert_ptr_nonnull(cell);
			if (pass)
				ck_assert_ptr_eq(cell, cells[i]);
			for (unsigned k = 0; k < i; k++)
				ck_assert_ptr_ne(cell, cells[k]);
			cells[i] = cell;
		}
	}
	struct jst_cell *none = jst_cell_find(&store->memory, slot, bank, 9, buffer, 0, 0, STATE);
	ck_assert_ptr_eq(jst_cell_find(&store->memory, slot, bank, 9, buffer, 0, 0, STATE), none);
}
END_TEST

/* Keys that all begin at one place: more than it has ways. They take them from each other and are found all the same. */
START_TEST(a_crowded_place_loses_nobody)
{
	enum { CROWD = 3 * JST_INDEX_WAYS };
	static char texts[CROWD][16];
	struct jst_cell *cells[CROWD];
	unsigned crowd = 0, seen = 0;

	for (unsigned i = 0; crowd < CROWD; i++) {
		const struct jst_value key = name(texts[crowd], i);
		crowd += (jst_index_hash_bytes(1, key.s, key.length) & 0xff) == 7;
	}
	for (unsigned pass = 0; pass < 3; pass++) {
		for (unsigned i = 0; i < CROWD; i++) {
			const struct jst_value key = jst_value_string(texts[i], (uint32_t)strlen(texts[i]));
			struct jst_cell *cell = find(1, key);

			if (pass)
				ck_assert_ptr_eq(cell, cells[i]);
			cells[i] = cell;
			ck_assert_ptr_eq(look_up(1, key), cell);
		}
	}
	for (unsigned i = 0; i < CROWD; i++)
		seen += look_up(1, jst_value_string(texts[i], (uint32_t)strlen(texts[i]))) != NULL;
	ck_assert_uint_le(seen, JST_INDEX_WAYS);
}
END_TEST

/* A table that may not grow is no loss: what is counted are the cells that were not made. */
START_TEST(without_memory_only_cells_are_lost)
{
	struct jst_memory_header *header = store->memory.header;
	unsigned made = 0, lost = 0;
	char text[16];

	header->permit = header->heap_used + 5 * JST_CHUNK_MIN;
	for (unsigned i = 0; i < 2000; i++) {
		if (find(1, name(text, i)))
			made++;
		else
			lost++;
	}
	ck_assert_uint_gt(made, 100);
	ck_assert_uint_gt(lost, 100);
	ck_assert_uint_eq(store_lost(store, slot, JST_LOSS_CELLS), lost);
	for (unsigned i = 0; i < made; i++)
		ck_assert_ptr_nonnull(find(1, name(text, i)));
	ck_assert_uint_eq(store_lost(store, slot, JST_LOSS_CELLS), lost);
	/* With memory again it goes on growing. */
	const unsigned before = places();
	header->permit = header->size;
	for (unsigned i = 0; i < 4000; i++)
		ck_assert_ptr_nonnull(find(1, name(text, i)));
	ck_assert_uint_gt(places(), before);
}
END_TEST

START_TEST(a_recycled_bank_begins_anew)
{
	char text[16];

	for (unsigned i = 0; i < 1000; i++)
		ck_assert_ptr_nonnull(find(1, name(text, i)));
	ck_assert_uint_ne(bank->table, 0);
	jst_memory_recycle(&store->memory, bank, 4);
	ck_assert_uint_eq(bank->table, 0);
	for (unsigned i = 0; i < 1000; i++)
		ck_assert_ptr_null(look_up(1, name(text, i)));
	for (unsigned i = 0; i < 1000; i++) {
		const struct jst_cell *cell = find(1, name(text, i));

		ck_assert_ptr_nonnull(cell);
		ck_assert_uint_eq(*(const uint64_t *)jst_cell_state((struct jst_cell *)cell), 0);
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("cell table");
	TCase *tests = tcase_create("cell table");

	tcase_set_timeout(tests, 60);
	tcase_add_checked_fixture(tests, setup, teardown);
	tcase_add_test(tests, strings_are_found_where_they_lie);
	tcase_add_test(tests, bytes_are_words);
	tcase_add_test(tests, the_table_grows_to_its_limit);
	tcase_add_test(tests, other_keys_are_in_the_table);
	tcase_add_test(tests, a_crowded_place_loses_nobody);
	tcase_add_test(tests, without_memory_only_cells_are_lost);
	tcase_add_test(tests, a_recycled_bank_begins_anew);
	suite_add_tcase(suite, tests);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	const int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
