/*
 * Speculations: what is held under a key comes out in order when it is committed, and else never; what did not fit, was given up or was left behind is counted.
 */
#include <check.h>

#include "speculation.h"
#include "store.h"

enum { RECORD_SIZE = sizeof(struct jst_record) + 16, STRING_SIZE = 256 };

static struct store *store;
static struct jst_slot *slot, *other;
static struct jst_speculation_table *table;
static struct jst_ring_reader reader;
static union { struct jst_record record; unsigned char bytes[4096]; } buffer;
static int64_t clock_now;

/* A memory of size bytes for a program that speculates. */
static void open_store(uint64_t size, uint32_t string_size)
{
	struct jst_builder *builder = jst_builder_new();

	jst_builder_clause(builder);
	jst_builder_registers(builder, 1);
	jst_builder_insn(builder, (struct jst_insn){ .op = JST_OP_NIL });
	jst_builder_insn(builder, (struct jst_insn){ .op = JST_OP_SPECULATE });
	store = store_new(builder, size, string_size);
	table = jst_memory_at(&store->memory, store->memory.header->speculations);
	slot = store_slot(store, 3);
	other = store_slot(store, 4);
	atomic_store(&slot->inside, 7);
	atomic_store(&other->inside, 9);
	reader = (struct jst_ring_reader){ .base = store->memory.base, .size = store->options.size };
	clock_now = 1000;
}

static void setup(void)
{
	open_store(8 << 20, STRING_SIZE);
}

static void teardown(void)
{
	store_free(store);
}

static struct jst_speculation_key key_of(struct jst_value id)
{
	return jst_speculation_key(&store->memory, slot, &id);
}

static struct jst_speculation_key key(int64_t id)
{
	return key_of(jst_value_int(id));
}

static bool hold_in(struct jst_slot *holder, struct jst_speculation_key id, uint32_t index)
{
	const struct jst_value value = jst_value_int(index);

	return jst_speculation_hold(&store->memory, holder, &id, &(struct jst_record){ .index = index, .now = clock_now++, .timestamp = 20, .tid = 30, .site = 40 }, &value, 1);
}

static bool hold(struct jst_speculation_key id, uint32_t index)
{
	return hold_in(slot, id, index);
}

static uint32_t commit(struct jst_speculation_key id)
{
	return jst_speculation_commit(&store->memory, slot, NULL, &id);
}

static uint32_t discard(struct jst_speculation_key id)
{
	return jst_speculation_discard(&store->memory, slot, &id);
}

static void expect_shipped(uint32_t index)
{
	ck_assert_int_eq(jst_ring_read(&reader, slot->ring, &buffer, sizeof(buffer)), RECORD_SIZE);
	ck_assert_uint_eq(buffer.record.index, index);
}

static void expect_no_more(void)
{
	ck_assert_int_eq(slot->ring ? jst_ring_read(&reader, slot->ring, &buffer, sizeof(buffer)) : 0, 0);
}

static uint64_t lost(enum jst_loss loss)
{
	return store_lost(store, slot, loss);
}

static uint64_t lost_at_all(void)
{
	uint64_t sum = 0;

	for (int loss = 0; loss < JST_LOSSES; loss++)
		sum += lost((enum jst_loss)loss);
	return sum;
}

static struct jst_speculation *entry_of(struct jst_speculation_key id)
{
	for (uint32_t i = 0; i < table->sets * JST_SPECULATION_WAYS; i++) {
		if (table->entries[i].key[0] == id.words[0] && table->entries[i].key[1] == id.words[1])
			return &table->entries[i];
	}
	return NULL;
}

static uint32_t set_at(const struct jst_speculation *entry)
{
	return (uint32_t)(entry - table->entries) / JST_SPECULATION_WAYS;
}

/* The first count ids from `from` on that live in one set with `from`: found by holding something under each. */
static void find_neighbours(int64_t from, int64_t *ids, unsigned count)
{
	ck_assert(hold(key(from), 0));
	const uint32_t set = set_at(entry_of(key(from)));

	discard(key(from));
	for (unsigned n = 0; n < count; from++) {
		ck_assert(hold(key(from), 0));
		if (set_at(entry_of(key(from))) == set)
			ids[n++] = from;
		ck_assert_uint_eq(discard(key(from)), 1);
	}
}

START_TEST(the_sizes_of_tables)
{
	static const struct {
		uint64_t memory;
		uint32_t string_size, entries, room;
	} rows[] = {
		{ 8, 256, 128, 4096 },       { 64, 1024, 1024, 4096 },   { 128, 1024, 1024, 8192 },   { 256, 1024, 2048, 8192 }, { 1024, 1024, 4096, 16384 },
		{ 64, 65536, 32, 128 << 10 }, { 8, 65536, 8, 64 << 10 }, { 16 << 10, 1024, 16384, 64 << 10 },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		teardown();
		open_store(rows[i].memory << 20, rows[i].string_size);
		ck_assert_uint_eq(table->sets * JST_SPECULATION_WAYS, rows[i].entries);
		ck_assert_uint_eq(table->room, rows[i].room);
		/* The last byte of the last entry is ours. */
		ck_assert_uint_le((uint64_t)((unsigned char *)table - store->memory.base) + sizeof(*table) + (uint64_t)table->sets * JST_SPECULATION_WAYS * (sizeof(struct jst_speculation) + table->room),
		                  store->memory.header->heap_used);
	}
}
END_TEST

START_TEST(a_program_that_does_not_speculate_has_no_table)
{
	struct store *plain = store_new(jst_builder_new(), 8 << 20, STRING_SIZE);

	ck_assert_uint_eq(plain->memory.header->speculations, 0);
	ck_assert_uint_eq(jst_speculation_minimum(plain->program), 0);
	store_free(plain);
	ck_assert_uint_gt(jst_speculation_minimum(store->program), JST_SPECULATION_WAYS * 4096);
	/* The smallest memory that is accepted holds a table. */
	const size_t minimum = jst_memory_minimum(store->program, 4096);
	void *base = mmap(NULL, minimum, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	struct jst_memory memory;

	ck_assert(jst_memory_init(&memory, base, store->program, &(struct jst_memory_options){ .size = minimum, .string_size = 65536, .ring_size = 4096 }));
	ck_assert_uint_ne(memory.header->speculations, 0);
	munmap(base, minimum);
}
END_TEST

START_TEST(commit_ships_in_order)
{
	for (uint32_t i = 0; i < 5; i++)
		ck_assert(hold(key(1), i));
	expect_no_more();
	ck_assert_uint_eq(commit(key(1)), 5 * RECORD_SIZE);
	for (uint32_t i = 0; i < 5; i++) {
		expect_shipped(i);
		/* As it was made, whenever it is shipped. */
		ck_assert_int_eq(buffer.record.now, 1000 + i);
		ck_assert_int_eq(buffer.record.timestamp, 20);
		ck_assert_int_eq(buffer.record.tid, 30);
		ck_assert_uint_eq(buffer.record.site, 40);
	}
	expect_no_more();
	ck_assert_ptr_null(entry_of(key(1)));
	ck_assert_uint_eq(lost_at_all(), 0);
}
END_TEST

START_TEST(what_was_ended_begins_anew)
{
	hold(key(1), 1);
	ck_assert_uint_gt(commit(key(1)), 0);
	ck_assert_uint_eq(commit(key(1)), 0);
	expect_shipped(1);
	hold(key(1), 2);
	hold(key(1), 3);
	ck_assert_uint_eq(discard(key(1)), 2);
	ck_assert_uint_eq(discard(key(1)), 0);
	ck_assert_uint_eq(commit(key(1)), 0);
	hold(key(1), 4);
	commit(key(1));
	expect_shipped(4);
	expect_no_more();
	ck_assert_uint_eq(lost_at_all(), 0);
}
END_TEST

START_TEST(keys_are_told_apart_as_those_of_maps)
{
	char text[STRING_SIZE + 64], twin[STRING_SIZE + 64];
	const struct jst_value ids[] = {
		jst_value_int(0), jst_value_int(1), jst_value_int(-1), jst_value_double(1.5), jst_value_string("", 0), jst_value_string("1", 1), jst_value_string("a longer one", 12),
		jst_value_string(text, STRING_SIZE), jst_value_string(text, STRING_SIZE - 1), jst_value_double(__builtin_nan("")),
	};
	enum { IDS = sizeof(ids) / sizeof(ids[0]) };
	const struct jst_value nil = jst_value_nil();

	memset(text, 'x', sizeof(text));
	memcpy(twin, text, sizeof(text));
	for (uint32_t i = 0; i < IDS; i++)
		ck_assert(hold(key_of(ids[i]), i));
	for (uint32_t i = IDS; i-- > 0;) {
		ck_assert_uint_eq(commit(key_of(ids[i])), RECORD_SIZE);
		expect_shipped(i);
	}
	/* 1.0 is 1, and bytes are what counts. */
	hold(key_of(jst_value_double(1.0)), 1);
	ck_assert_uint_eq(commit(key(1)), RECORD_SIZE);
	hold(key_of(jst_value_string(text, STRING_SIZE)), 1);
	ck_assert_uint_eq(commit(key_of(jst_value_string(twin, STRING_SIZE))), RECORD_SIZE);
	ck_assert_uint_eq(lost_at_all(), 0);
	/* A longer string is cut, as it is wherever it is a key. */
	hold(key_of(jst_value_string(text, STRING_SIZE + 1)), 1);
	ck_assert_uint_eq(lost(JST_LOSS_STRINGS), 1);
	ck_assert_uint_eq(commit(key_of(jst_value_string(twin, STRING_SIZE))), RECORD_SIZE);
	const struct jst_speculation_key none = jst_speculation_key(&store->memory, slot, &nil);
	ck_assert(jst_speculation_key_is_nil(&none));
	for (uint32_t i = 0; i < IDS; i++) {
		const struct jst_speculation_key some = key_of(ids[i]);
		ck_assert(!jst_speculation_key_is_nil(&some));
	}
}
END_TEST

START_TEST(a_full_set_gives_up_its_oldest)
{
	int64_t ids[JST_SPECULATION_WAYS + 3];

	find_neighbours(100, ids, JST_SPECULATION_WAYS + 3);
	for (uint32_t i = 0; i < JST_SPECULATION_WAYS; i++)
		ck_assert(hold(key(ids[i]), i));
	ck_assert_uint_eq(lost_at_all(), 0);
	/* What was held last does not make a speculation younger. */
	ck_assert(hold(key(ids[0]), 50));
	for (uint32_t i = JST_SPECULATION_WAYS; i < JST_SPECULATION_WAYS + 3; i++)
		ck_assert(hold(key(ids[i]), i));
	/* Once each, however many records it had. */
	ck_assert_uint_eq(lost(JST_LOSS_SPECULATIONS), 3);
	ck_assert_uint_eq(lost_at_all(), 3);
	for (uint32_t i = 0; i < JST_SPECULATION_WAYS + 3; i++) {
		ck_assert_uint_eq(commit(key(ids[i])), i < 3 ? 0 : RECORD_SIZE);
		if (i >= 3)
			expect_shipped(i);
	}
	expect_no_more();
}
END_TEST

/* Ids as programs hand them out: one after the other, by powers of two, addresses. As many as there are entries, some sets are fuller than others, but no set takes more than a few times its share. */
START_TEST(ids_are_spread)
{
	const uint32_t entries = table->sets * JST_SPECULATION_WAYS;

	for (int shift = 0; shift < 40; shift++) {
		for (uint32_t i = 0; i < entries / 2; i++)
			hold(key(INT64_C(1000003) + ((int64_t)i << shift)), i);
		/* In a row they fill all sets alike. */
		ck_assert_uint_le(lost(JST_LOSS_SPECULATIONS), shift ? entries / 4 : 0);
		teardown();
		setup();
	}
}
END_TEST

START_TEST(a_full_entry_drops_what_does_not_fit)
{
	const uint32_t most = table->room / RECORD_SIZE;

	for (uint32_t i = 0; i < most + 10; i++)
		ck_assert_int_eq(hold(key(1), i), i < most);
	ck_assert(hold(key(2), 77));
	ck_assert_uint_eq(lost(JST_LOSS_HELD), 10);
	ck_assert_uint_eq(lost_at_all(), 10);
	/* The smallest ring is as large as an entry. */
	ck_assert_uint_eq(commit(key(1)), most * RECORD_SIZE);
	for (uint32_t i = 0; i < most; i++)
		expect_shipped(i);
	expect_no_more();
}
END_TEST

START_TEST(what_fits_no_entry_is_dropped)
{
	struct jst_value values[JST_MAX_ARGUMENTS];
	const struct jst_speculation_key id = key(1);
	char text[STRING_SIZE];

	memset(text, 'z', sizeof(text));
	for (uint32_t i = 0; i < JST_MAX_ARGUMENTS; i++)
		values[i] = jst_value_string(text, sizeof(text));
	ck_assert(!jst_speculation_hold(&store->memory, slot, &id, &(struct jst_record){ .now = 1 }, values, JST_MAX_ARGUMENTS));
	ck_assert_uint_eq(lost(JST_LOSS_HELD), 1);
	ck_assert_ptr_null(entry_of(id));
}
END_TEST

START_TEST(a_full_ring_drops_what_is_shipped)
{
	const uint32_t most = 4096 / RECORD_SIZE;

	for (uint32_t i = 0; i < most; i++)
		hold(key(1), i);
	hold(key(2), 100);
	hold(key(2), 101);
	ck_assert_uint_eq(commit(key(1)), most * RECORD_SIZE);
	ck_assert_uint_eq(commit(key(2)), 2 * RECORD_SIZE);
	ck_assert_uint_eq(lost(JST_LOSS_RECORDS), 2);
	ck_assert_uint_eq(lost_at_all(), 2);
	ck_assert_ptr_null(entry_of(key(2)));
}
END_TEST

START_TEST(strings_are_cut_when_they_are_held)
{
	char text[STRING_SIZE + 1];
	const struct jst_value value = jst_value_string(text, sizeof(text));
	const struct jst_speculation_key id = key(1);
	struct jst_value back;

	memset(text, 'y', sizeof(text));
	ck_assert(jst_speculation_hold(&store->memory, slot, &id, &(struct jst_record){ .now = 1 }, &value, 1));
	ck_assert_uint_eq(lost(JST_LOSS_STRINGS), 1);
	commit(id);
	const int size = jst_ring_read(&reader, slot->ring, &buffer, sizeof(buffer));

	ck_assert_uint_eq(buffer.record.flags, JST_RECORD_CUT);
	ck_assert(jst_key_decode(&buffer.record + 1, (uint32_t)size - (uint32_t)sizeof(struct jst_record), &back, 1));
	ck_assert_uint_eq(back.length, STRING_SIZE);
	ck_assert_uint_eq(lost_at_all(), 1);
}
END_TEST

/* Two threads at one id: whoever commits ships what both held. */
START_TEST(threads_share_an_id)
{
	hold_in(slot, key(1), 1);
	hold_in(other, key(1), 2);
	hold_in(slot, key(1), 3);
	commit(key(1));
	for (uint32_t i = 1; i <= 3; i++)
		expect_shipped(i);
	expect_no_more();
}
END_TEST

/* Both began under it at once, in two entries: the end of it is that of both. */
START_TEST(two_entries_of_an_id_end_together)
{
	int64_t ids[2];

	for (int round = 0; round < 2; round++) {
		find_neighbours(5000, ids, 2);
		hold(key(ids[0]), 1);
		hold(key(ids[1]), 2);
		entry_of(key(ids[1]))->key[1] = key(ids[0]).words[1];
		if (round == 0) {
			ck_assert_uint_eq(commit(key(ids[0])), 2 * RECORD_SIZE);
			expect_shipped(1);
			expect_shipped(2);
		} else {
			ck_assert_uint_eq(discard(key(ids[0])), 2);
		}
		ck_assert_ptr_null(entry_of(key(ids[0])));
	}
	expect_no_more();
}
END_TEST

static uint64_t owner_word(const struct jst_slot *who)
{
	return (uint64_t)(who - store->memory.slots) << 32 | atomic_load(&who->inside);
}

/* What another thread is in is left alone, and what that cost is counted: by a record, a commit and a discard. */
START_TEST(a_busy_entry_is_let_be)
{
	hold(key(1), 1);
	struct jst_speculation *entry = entry_of(key(1));

	atomic_store(&entry->owner, owner_word(other));
	ck_assert(!hold(key(1), 2));
	ck_assert_uint_eq(commit(key(1)), 0);
	ck_assert_uint_eq(discard(key(1)), 0);
	ck_assert_uint_eq(lost(JST_LOSS_HELD_BUSY), 3);
	ck_assert_uint_eq(lost_at_all(), 3);
	ck_assert_uint_eq(atomic_load(&entry->owner), owner_word(other));
	atomic_store(&entry->owner, 0);
	commit(key(1));
	expect_shipped(1);
	expect_no_more();
}
END_TEST

/* The oldest is not given up while somebody is in it: the next one is. With all of them busy nothing is. */
START_TEST(busy_entries_of_a_full_set)
{
	int64_t ids[JST_SPECULATION_WAYS + 2];

	find_neighbours(100, ids, JST_SPECULATION_WAYS + 2);
	for (uint32_t i = 0; i < JST_SPECULATION_WAYS; i++)
		hold(key(ids[i]), i);
	struct jst_speculation *set = &table->entries[set_at(entry_of(key(ids[0]))) * JST_SPECULATION_WAYS];

	atomic_store(&entry_of(key(ids[0]))->owner, owner_word(other));
	ck_assert(hold(key(ids[JST_SPECULATION_WAYS]), 20));
	ck_assert_ptr_nonnull(entry_of(key(ids[0])));
	ck_assert_ptr_null(entry_of(key(ids[1])));
	for (int i = 0; i < JST_SPECULATION_WAYS; i++)
		atomic_store(&set[i].owner, owner_word(other));
	ck_assert(!hold(key(ids[JST_SPECULATION_WAYS + 1]), 21));
	ck_assert_uint_eq(lost(JST_LOSS_SPECULATIONS), 1);
	ck_assert_uint_eq(lost(JST_LOSS_HELD_BUSY), 1);
}
END_TEST

/* An owner that left its event in the middle: whoever comes by next takes the entry over, empty, and counts it. */
START_TEST(an_abandoned_entry_is_taken_over)
{
	/* In a later event of the other thread, between two of them, and in a later one of our own. */
	const struct {
		struct jst_slot *who;
		uint32_t later;
	} rows[] = { { other, 2 }, { other, 1 }, { other, 100 }, { slot, 2 } };

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const uint64_t before = lost(JST_LOSS_SPECULATIONS);

		hold(key(1), 1);
		struct jst_speculation *entry = entry_of(key(1));

		atomic_store(&entry->owner, owner_word(rows[i].who));
		atomic_fetch_add(&rows[i].who->inside, rows[i].later);
		atomic_fetch_add(&slot->inside, 2);
		ck_assert(hold(key(1), 2));
		ck_assert_uint_eq(lost(JST_LOSS_SPECULATIONS), before + 1);
		commit(key(1));
		expect_shipped(2);
		expect_no_more();
		ck_assert_uint_eq(atomic_load(&entry->owner), 0);
		atomic_store(&other->inside, 9);
	}
	ck_assert_uint_eq(lost_at_all(), 4);
	/* Left behind before it had a key, nothing is lost by it. */
	hold(key(1), 1);
	struct jst_speculation *entry = entry_of(key(1));

	discard(key(1));
	atomic_store(&entry->owner, owner_word(other));
	atomic_fetch_add(&other->inside, 2);
	ck_assert(hold(key(1), 3));
	ck_assert_ptr_eq(entry_of(key(1)), entry);
	ck_assert_uint_eq(lost_at_all(), 4);
	/* Found by who ends it, it is not shipped. */
	atomic_store(&entry->owner, owner_word(other));
	atomic_fetch_add(&other->inside, 2);
	ck_assert_uint_eq(commit(key(1)), 0);
	ck_assert_ptr_null(entry_of(key(1)));
	ck_assert_uint_eq(lost_at_all(), 5);
	expect_no_more();
}
END_TEST

/* What two threads in one entry may leave behind: no step leads out of it, and none leads nowhere. */
START_TEST(a_ruined_entry_ends)
{
	const uint32_t sizes[] = { 0, 8, sizeof(struct jst_record) - 8, RECORD_SIZE + 8, UINT32_MAX, 1U << 31 };
	const uint32_t uses[] = { table->room + 8, UINT32_MAX, UINT32_MAX - RECORD_SIZE + 1 };
	uint64_t ruined = 0;

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		hold(key(1), 1);
		hold(key(1), 2);
		const struct jst_speculation *entry = entry_of(key(1));

		memcpy((unsigned char *)&table->entries[(size_t)table->sets * JST_SPECULATION_WAYS] + (size_t)(entry - table->entries) * table->room + RECORD_SIZE, &sizes[i], sizeof(sizes[i]));
		ck_assert_uint_eq(commit(key(1)), RECORD_SIZE);
		ck_assert_uint_eq(lost(JST_LOSS_HELD), ++ruined);
		expect_shipped(1);
		expect_no_more();
	}
	for (size_t i = 0; i < sizeof(uses) / sizeof(uses[0]); i++) {
		hold(key(2), 1);
		entry_of(key(2))->used = uses[i];
		ck_assert(!hold(key(2), 2));
		ck_assert_uint_le(commit(key(2)), table->room);
		ck_assert_ptr_null(entry_of(key(2)));
		teardown();
		setup();
	}
}
END_TEST

/* Where the machine has little memory left, no page of the table is touched for the first time. */
START_TEST(nothing_is_held_where_memory_is_tight)
{
	struct jst_memory_header *header = store->memory.header;

	atomic_store(&header->permit, header->heap_used + 8192);
	ck_assert(!hold(key(1), 1));
	ck_assert_uint_eq(lost(JST_LOSS_HELD), 1);
	ck_assert_uint_eq(commit(key(1)), 0);
	/* A memory that is full is another thing. */
	atomic_store(&header->permit, header->size);
	atomic_store(&header->heap_used, header->size);
	ck_assert(hold(key(1), 2));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("speculation");
	TCase *tests = tcase_create("speculation");

	tcase_set_timeout(tests, 60);
	tcase_add_checked_fixture(tests, setup, teardown);
	tcase_add_test(tests, the_sizes_of_tables);
	tcase_add_test(tests, a_program_that_does_not_speculate_has_no_table);
	tcase_add_test(tests, commit_ships_in_order);
	tcase_add_test(tests, what_was_ended_begins_anew);
	tcase_add_test(tests, keys_are_told_apart_as_those_of_maps);
	tcase_add_test(tests, a_full_set_gives_up_its_oldest);
	tcase_add_test(tests, ids_are_spread);
	tcase_add_test(tests, a_full_entry_drops_what_does_not_fit);
	tcase_add_test(tests, what_fits_no_entry_is_dropped);
	tcase_add_test(tests, a_full_ring_drops_what_is_shipped);
	tcase_add_test(tests, strings_are_cut_when_they_are_held);
	tcase_add_test(tests, threads_share_an_id);
	tcase_add_test(tests, two_entries_of_an_id_end_together);
	tcase_add_test(tests, a_busy_entry_is_let_be);
	tcase_add_test(tests, busy_entries_of_a_full_set);
	tcase_add_test(tests, an_abandoned_entry_is_taken_over);
	tcase_add_test(tests, a_ruined_entry_ends);
	tcase_add_test(tests, nothing_is_held_where_memory_is_tight);
	suite_add_tcase(suite, tests);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	const int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
