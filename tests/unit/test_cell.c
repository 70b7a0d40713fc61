/*
 * Keys as bytes, cells and their index.
 */
#include <check.h>

#include "cell_index.h"
#include "store.h"

static uint64_t buffer[64], other[64];

static uint32_t encode(uint64_t *to, const struct jst_value *keys, uint32_t count)
{
	bool cut = false;
	const uint32_t size = jst_key_encode(to, sizeof(buffer), keys, count, 64, &cut);

	ck_assert(!cut);
	ck_assert_uint_eq(size, jst_key_size(keys, count, 64));
	return size;
}

static bool equal(struct jst_value a, struct jst_value b)
{
	const uint32_t size = encode(buffer, &a, 1);

	return size == encode(other, &b, 1) && !memcmp(buffer, other, size);
}

START_TEST(keys_are_equal_by_type_and_value)
{
	ck_assert(equal(jst_value_int(1), jst_value_double(1.0)));
	ck_assert(equal(jst_value_int(0), jst_value_double(-0.0)));
	ck_assert(equal(jst_value_int(INT64_MIN), jst_value_double(-0x1p63)));
	ck_assert(equal(jst_value_double(__builtin_nan("1")), jst_value_double(-__builtin_nan("2"))));
	ck_assert(!equal(jst_value_int(1), jst_value_string("1", 1)));
	ck_assert(!equal(jst_value_int(1), jst_value_double(1.5)));
	ck_assert(!equal(jst_value_int(0), jst_value_nil()));
	ck_assert(!equal(jst_value_string("", 0), jst_value_nil()));
	ck_assert(!equal(jst_value_string("ab", 2), jst_value_string("ab\0", 3)));
	ck_assert(equal(jst_value_string("abcdefgh", 8), jst_value_string("abcdefgh!", 8)));
	ck_assert(!equal(jst_value_double(0x1p63), jst_value_int(INT64_MAX)));
}
END_TEST

START_TEST(keys_come_back)
{
	const struct jst_value keys[] = { jst_value_nil(), jst_value_int(-5), jst_value_string("path/to", 7), jst_value_double(2.5), jst_value_string("", 0) };
	struct jst_value back[5];
	const uint32_t size = encode(buffer, keys, 5);

	ck_assert(jst_key_decode(buffer, size, back, 5));
	ck_assert_uint_eq(back[0].kind, JST_NIL);
	ck_assert_int_eq(back[1].i, -5);
	ck_assert_mem_eq(back[2].s, "path/to", 7);
	ck_assert_double_eq(back[3].d, 2.5);
	ck_assert_uint_eq(back[4].length, 0);
	ck_assert_uint_eq(back[4].kind, JST_STRING);
	ck_assert(!jst_key_decode(buffer, size - 8, back, 5));
	ck_assert(!jst_key_decode(buffer, size, back, 4));
}
END_TEST

START_TEST(long_strings_are_cut_and_full_buffers_refused)
{
	char text[100];
	bool cut = false;
	struct jst_value back;

	memset(text, 'x', sizeof(text));
	const struct jst_value key = jst_value_string(text, 100);
	const uint32_t size = jst_key_encode(buffer, sizeof(buffer), &key, 1, 70, &cut);
	ck_assert(cut);
	ck_assert(jst_key_decode(buffer, size, &back, 1));
	ck_assert_uint_eq(back.length, 70);
	for (uint32_t room = 0; room < size; room++)
		ck_assert_uint_eq(jst_key_encode(other, room, &key, 1, 70, &cut), 0);
	ck_assert_uint_eq(jst_key_encode(other, size, &key, 1, 70, &cut), size);
}
END_TEST

START_TEST(stacks_are_whole_addresses)
{
	const uint64_t addresses[12] = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 0 };
	const struct jst_value keys[] = { jst_value_stack(addresses, sizeof(addresses)), jst_value_int(7), jst_value_stack(addresses, 0) };
	struct jst_value back[3];
	bool cut = false;
	uint32_t size = jst_key_encode(buffer, sizeof(buffer), keys, 3, 96, &cut);

	ck_assert(!cut);
	ck_assert_uint_eq(size, jst_key_size(keys, 3, 96));
	ck_assert(jst_key_decode(buffer, size, back, 3));
	ck_assert_uint_eq(back[0].kind, JST_STACK);
	ck_assert_uint_eq(back[0].length, sizeof(addresses));
	ck_assert_mem_eq(back[0].s, addresses, sizeof(addresses));
	ck_assert_int_eq(back[1].i, 7);
	ck_assert_uint_eq(back[2].kind, JST_STACK);
	ck_assert_uint_eq(back[2].length, 0);
	/* Another kind is another key. */
	const struct jst_value text[] = { jst_value_string((const char *)addresses, sizeof(addresses)), keys[1], keys[2] };

	ck_assert_uint_eq(jst_key_encode(other, sizeof(other), text, 3, 96, &cut), size);
	ck_assert_mem_ne(buffer, other, size);

	size = jst_key_encode(buffer, sizeof(buffer), keys, 1, 71, &cut);
	ck_assert(cut);
	ck_assert_uint_eq(size, jst_key_size(keys, 1, 71));
	ck_assert(jst_key_decode(buffer, size, back, 1));
	ck_assert_uint_eq(back[0].length, 64);
	/* Half an address is refused. */
	const uint64_t odd = 63;

	memcpy((char *)buffer + 8, &odd, sizeof(odd));
	ck_assert(!jst_key_decode(buffer, size, back, 1));
}
END_TEST

/* The encoding as cell.h has it, a byte at a time. */
static uint32_t encode_plainly(unsigned char *to, const struct jst_value *keys, uint32_t count, uint32_t string_size)
{
	uint32_t at = (count + 7) / 8 * 8;

	memset(to, 0, at);
	for (uint32_t i = 0; i < count; i++) {
		const struct jst_value value = jst_key_value(keys[i]);
		uint64_t word = (uint64_t)value.i;

		to[i] = (unsigned char)value.kind;
		if (value.kind == JST_NIL)
			continue;
		if (jst_kind_has_bytes(value.kind))
			word = value.length <= string_size ? value.length : value.kind == JST_STACK ? string_size / 8 * 8 : string_size;
		for (unsigned k = 0; k < 8; k++)
			to[at++] = (unsigned char)(word >> 8 * k);
		for (uint32_t k = 0; jst_kind_has_bytes(value.kind) && k < word; k++)
			to[at++] = (unsigned char)value.s[k];
		while (at % 8)
			to[at++] = 0;
	}
	return at;
}

/* Values of every kind in every order, up to more than two words of kinds; strings as long as their memory, so that the sanitizer sees a step outside. */
START_TEST(encodings_are_as_told)
{
	static uint64_t fast[1024], plain[1024];
	uint64_t seed = 7;

	for (int round = 0; round < 20000; round++) {
		struct jst_value keys[20];
		char *text[20] = { NULL };
		uint32_t cuts = 0, longs = 0;
		bool cut = false;

		seed = seed * 6364136223846793005ULL + 1442695040888963407ULL;
		const uint32_t count = (uint32_t)(seed >> 33) % 21;
		const uint64_t mostly_integers = seed >> 60 & 1;
		for (uint32_t i = 0; i < count; i++) {
			seed = seed * 6364136223846793005ULL + 1442695040888963407ULL;
			const uint32_t length = (uint32_t)(seed >> 40) % ((seed >> 50) % 8 ? 30 : 210);

			switch (mostly_integers && seed >> 61 ? 0 : (seed >> 33) % 6) {
			case 0: keys[i] = jst_value_int((int64_t)seed); break;
			case 1: keys[i] = jst_value_nil(); break;
			case 2: keys[i] = jst_value_double((double)(seed >> 50)); break;
			case 3: keys[i] = jst_value_double(seed >> 63 ? __builtin_nan("7") : 0.3); break;
			case 4:
			case 5:
				text[i] = malloc(length ? length : 1);
				for (uint32_t k = 0; k < length; k++)
					text[i][k] = (char)(seed >> k % 50);
				keys[i] = (seed >> 33) % 6 == 4 ? jst_value_string(text[i], length) : jst_value_stack(text[i], length / 8 * 8);
				cuts += keys[i].length > 180;
				longs += keys[i].length > 128;
				break;
			}
		}
		const uint32_t size = encode_plainly((unsigned char *)plain, keys, count, 180);
		memset(fast, 0xaa, sizeof(fast));
		ck_assert_uint_eq(jst_key_encode(fast, size, keys, count, 180, &cut), size);
		ck_assert_mem_eq(fast, plain, size);
		ck_assert_uint_eq(((unsigned char *)fast)[size], 0xaa); /* nothing behind the room was touched */
		ck_assert_uint_eq(jst_key_size(keys, count, 180), size);
		ck_assert(cut == (cuts > 0));
		/* In one pass what is short. Nil takes less room than it may need. */
		memset(fast, 0xaa, sizeof(fast));
		ck_assert_uint_eq(jst_key_encode_short(fast, size + 64, keys, count, 180), count && count <= 8 && !longs ? size : 0);
		if (count && count <= 8 && !longs)
			ck_assert_mem_eq(fast, plain, size);
		for (uint32_t i = size + 64; i < sizeof(fast); i++)
			ck_assert_uint_eq(((unsigned char *)fast)[i], 0xaa);
		if (size) {
			const uint32_t room = (uint32_t)(seed >> 34) % size;

			memset(fast, 0xaa, sizeof(fast));
			ck_assert_uint_eq(jst_key_encode(fast, room, keys, count, 180, &cut), 0);
			for (uint32_t i = room; i < size; i++)
				ck_assert_uint_eq(((unsigned char *)fast)[i], 0xaa);
		}
		for (uint32_t i = 0; i < count; i++)
			free(text[i]);
	}
}
END_TEST

/* Whatever the bytes are, decoding stays within them: the buffer is as long as said, so that the sanitizer sees a step outside. */
START_TEST(hostile_keys_stay_inside)
{
	uint64_t seed = 1;

	for (int round = 0; round < 20000; round++) {
		const uint32_t size = (uint32_t)(seed >> 20) % 64;
		const uint32_t count = 1 + (uint32_t)(seed >> 40) % 8;
		unsigned char *bytes = malloc(size ? size : 1);
		struct jst_value values[8];
		for (uint32_t i = 0; i < size; i++) {
			seed = seed * 6364136223846793005ULL + 1442695040888963407ULL;
			bytes[i] = i < 8 ? (seed >> 33) % 5 : (seed >> 40) % 3 ? 0 : (unsigned char)(seed >> 33);
		}
		seed += 12345;
		if (jst_key_decode(bytes, size, values, count)) {
			for (uint32_t i = 0; i < count; i++) {
				if (values[i].kind == JST_STRING)
					ck_assert(values[i].s >= (char *)bytes && values[i].s + values[i].length <= (char *)bytes + size);
			}
		}
		free(bytes);
	}
}
END_TEST

static struct jst_cell *find(struct store *store, uint16_t aggregation, struct jst_value key)
{
	struct jst_slot *slot = store_slot(store, 0);
	const uint32_t size = encode(buffer, &key, 1);

	return jst_cell_find(&store->memory, slot, &slot->banks[0], aggregation, buffer, size, 1, 16);
}

START_TEST(a_cell_is_found_again)
{
	struct store *store = store_new(jst_builder_new(), 32 << 20, 64);
	char text[16];

	for (int pass = 0; pass < 2; pass++) {
		for (int i = 0; i < 20000; i++) {
			struct jst_cell *number = find(store, 1, jst_value_int(i));
			struct jst_cell *same = find(store, 2, jst_value_int(i));
			struct jst_cell *string = find(store, 1, jst_value_string(text, (uint32_t)snprintf(text, sizeof(text), "%d", i)));
			ck_assert(number != same && number != string);
			ck_assert_ptr_eq(find(store, 1, jst_value_int(i)), number);
			ck_assert_ptr_eq(jst_index_find_integer(&store->memory, &store_slot(store, 0)->banks[0], 1, i), number);
			for (int k = 0; k < 3; k++) {
				uint64_t *state = jst_cell_state((struct jst_cell *[]){ number, same, string }[k]);
				ck_assert_uint_eq(state[0], pass ? (uint64_t)(3 * i + k) : 0);
				state[0] = (uint64_t)(3 * i + k);
			}
		}
	}
	ck_assert_uint_eq(store_lost(store, store_slot(store, 0), JST_LOSS_CELLS), 0);
	ck_assert_ptr_null(jst_index_find_integer(&store->memory, &store_slot(store, 0)->banks[0], 1, 20000));
	store_free(store);
}
END_TEST

/* A reader that walks the chunks sees each cell once, whole, with sizes that add up. */
START_TEST(a_walk_sees_every_cell)
{
	struct store *store = store_new(jst_builder_new(), 32 << 20, 64);
	struct jst_bank *bank = &store_slot(store, 0)->banks[0];
	static bool seen[3000];
	unsigned states = 0;

	memset(seen, 0, sizeof(seen));
	for (int i = 0; i < 3000; i++)
		find(store, 7, jst_value_int(i));
	for (jst_ref ref = bank->first_chunk; ref;) {
		const struct jst_chunk *chunk = jst_memory_at(&store->memory, ref);
		uint32_t at = sizeof(*chunk);
		while (at < chunk->used) {
			const struct jst_cell *cell = (const struct jst_cell *)((const char *)chunk + at);
			struct jst_value key;
			ck_assert_uint_eq(cell->size % 16, 0);
			ck_assert_uint_gt(cell->size, 0);
			if (cell->type == JST_CELL_STATE) {
				ck_assert_uint_eq(cell->aggregation, 7);
				ck_assert(jst_key_decode(jst_cell_key(cell), cell->key_size, &key, 1));
				ck_assert(!seen[key.i]);
				seen[key.i] = true;
				states++;
			}
			at += cell->size;
		}
		ck_assert_uint_eq(at, chunk->used);
		ref = chunk->next;
	}
	ck_assert_uint_eq(states, 3000);
	store_free(store);
}
END_TEST

/* Keys whose hashes are equal in all 64 bits: found by turning the mixing around. The integer h in one aggregation has the hash of h ^ salt ^ salt' in another. */
START_TEST(equal_hashes_are_told_apart)
{
	struct store *store = store_new(jst_builder_new(), 32 << 20, 64);
	struct jst_cell *cells[40];

	for (uint16_t i = 0; i < 40; i++) {
		const int64_t key = (int64_t)(jst_index_salt(i) ^ 42);
		ck_assert_uint_eq(jst_index_hash_integer(i, (uint64_t)key), jst_index_hash_integer(0, 42));
		cells[i] = find(store, i, jst_value_int(key));
		ck_assert_ptr_nonnull(cells[i]);
	}
	for (uint16_t i = 0; i < 40; i++) {
		ck_assert_ptr_eq(find(store, i, jst_value_int((int64_t)(jst_index_salt(i) ^ 42))), cells[i]);
		for (uint16_t k = 0; k < i; k++)
			ck_assert_ptr_ne(cells[i], cells[k]);
	}
	store_free(store);
}
END_TEST

START_TEST(without_memory_the_drop_is_counted)
{
	struct store *store = store_new(jst_builder_new(), 8 << 20, 64);
	struct jst_slot *slot = store_slot(store, 0);
	unsigned made = 0, lost = 0;

	store->memory.header->permit = store->memory.header->heap_used + 5 * JST_CHUNK_MIN; /* one of 4 KiB, one of 8 KiB, and then smaller ones than wanted */
	for (int i = 0; i < 2000; i++) {
		if (find(store, 1, jst_value_int(i)))
			made++;
		else
			lost++;
	}
	ck_assert_uint_gt(made, 100);
	ck_assert_uint_gt(lost, 100);
	ck_assert_uint_eq(store_lost(store, slot, JST_LOSS_CELLS), lost);
	ck_assert_uint_le(store->memory.header->heap_used, store->memory.header->permit);
	for (int i = 0; i < 100; i++)
		ck_assert_ptr_nonnull(find(store, 1, jst_value_int(i))); /* what was made is still found */
	store_free(store);
}
END_TEST

/* Of the keys that somebody made to have one hash only so many are kept. */
START_TEST(equal_hashes_end)
{
	struct store *store = store_new(jst_builder_new(), 32 << 20, 64);
	struct jst_slot *slot = store_slot(store, 0);
	unsigned made = 0;

	for (uint16_t aggregation = 0; aggregation < 1000; aggregation++)
		made += find(store, aggregation, jst_value_int((int64_t)jst_index_salt(aggregation))) != NULL;
	ck_assert_uint_gt(made, 100);
	ck_assert_uint_lt(made, 1000);
	ck_assert_uint_eq(store_lost(store, slot, JST_LOSS_CELLS), 1000 - made);
	ck_assert_ptr_nonnull(find(store, 99, jst_value_int((int64_t)jst_index_salt(99))));
	store_free(store);
}
END_TEST

START_TEST(a_cell_larger_than_a_chunk_gets_a_larger_one)
{
	struct store *store = store_new(jst_builder_new(), 8 << 20, 64);
	struct jst_slot *slot = store_slot(store, 0);

	find(store, 1, jst_value_int(1));
	ck_assert_ptr_nonnull(jst_cell_find(&store->memory, slot, &slot->banks[0], 2, buffer, 16, 1, 200 << 10));
	ck_assert_ptr_null(jst_cell_find(&store->memory, slot, &slot->banks[0], 3, buffer, 16, 1, 2 << 20));
	ck_assert_uint_eq(store_lost(store, slot, JST_LOSS_CELLS), 1);
	ck_assert_ptr_nonnull(find(store, 1, jst_value_int(2)));
	store_free(store);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("cell");
	TCase *tests = tcase_create("cell");

	tcase_set_timeout(tests, 60);
	tcase_add_test(tests, keys_are_equal_by_type_and_value);
	tcase_add_test(tests, keys_come_back);
	tcase_add_test(tests, long_strings_are_cut_and_full_buffers_refused);
	tcase_add_test(tests, stacks_are_whole_addresses);
	tcase_add_test(tests, encodings_are_as_told);
	tcase_add_test(tests, hostile_keys_stay_inside);
	tcase_add_test(tests, a_cell_is_found_again);
	tcase_add_test(tests, a_walk_sees_every_cell);
	tcase_add_test(tests, equal_hashes_are_told_apart);
	tcase_add_test(tests, equal_hashes_end);
	tcase_add_test(tests, without_memory_the_drop_is_counted);
	tcase_add_test(tests, a_cell_larger_than_a_chunk_gets_a_larger_one);
	suite_add_tcase(suite, tests);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	const int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
