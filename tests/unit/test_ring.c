/*
 * Rings of records: what is written is read, nothing wraps, a full ring drops and counts, and a reader survives any bytes.
 */
#include <check.h>

#include "store.h"

static struct store *store;
static struct jst_slot *slot;
static _Atomic uint64_t *tails;
static struct jst_ring_reader reader;
static union { struct jst_record record; unsigned char bytes[4096]; } buffer;

static void setup(void)
{
	store = store_new(jst_builder_new(), 8 << 20, 64);
	slot = store_slot(store, 3);
	tails = calloc(8, sizeof(*tails));
	reader = (struct jst_ring_reader){ .base = store->memory.base, .size = store->options.size };
}

static void teardown(void)
{
	free(tails);
	store_free(store);
}

static bool write_record(uint32_t index, const struct jst_value *values, uint32_t count)
{
	return jst_ring_write(&store->memory, slot, tails, (struct jst_record){ .index = index, .now = 10 + index, .timestamp = 20, .tid = 30, .site = 40 }, values, count);
}

static int read_record(void)
{
	const int size = jst_ring_read(&reader, jst_ring_follow(&reader, slot->ring), &buffer, sizeof(buffer));

	atomic_store(&tails[3], reader.tail);
	return size;
}

static uint64_t lost(enum jst_loss loss)
{
	return store_lost(store, slot, loss);
}

START_TEST(a_record_comes_back)
{
	const struct jst_value values[] = { jst_value_int(-1), jst_value_string("path", 4), jst_value_nil(), jst_value_double(0.5) };
	struct jst_value back[4];

	ck_assert_uint_eq(slot->ring, 0);
	ck_assert(write_record(5, values, 4));
	ck_assert_uint_ne(slot->ring, 0);
	const int size = read_record();
	ck_assert_int_eq(size, (int)(sizeof(struct jst_record) + jst_key_size(values, 4, 64)));
	ck_assert_uint_eq(buffer.record.size, (uint32_t)size);
	ck_assert_uint_eq(buffer.record.index, 5);
	ck_assert_int_eq(buffer.record.now, 15);
	ck_assert_int_eq(buffer.record.timestamp, 20);
	ck_assert_int_eq(buffer.record.tid, 30);
	ck_assert_uint_eq(buffer.record.site, 40);
	ck_assert_uint_eq(buffer.record.values, 4);
	ck_assert_uint_eq(buffer.record.flags, 0);
	ck_assert(jst_key_decode(buffer.bytes + sizeof(struct jst_record), (uint32_t)size - (uint32_t)sizeof(struct jst_record), back, 4));
	ck_assert_int_eq(back[0].i, -1);
	ck_assert_mem_eq(back[1].s, "path", 4);
	ck_assert_uint_eq(back[2].kind, JST_NIL);
	ck_assert_double_eq(back[3].d, 0.5);
	ck_assert_int_eq(read_record(), 0);
	ck_assert(write_record(6, NULL, 0));
	ck_assert_int_eq(read_record(), sizeof(struct jst_record));
}
END_TEST

START_TEST(strings_are_cut_and_marked)
{
	char text[100];
	const struct jst_value value = jst_value_string(text, 100);

	memset(text, 'x', sizeof(text));
	ck_assert(write_record(0, &value, 1));
	ck_assert_uint_eq(lost(JST_LOSS_STRINGS), 1);
	ck_assert_int_gt(read_record(), 0);
	ck_assert_uint_eq(buffer.record.flags, JST_RECORD_CUT);
}
END_TEST

START_TEST(records_of_every_size_go_round)
{
	char text[64];
	uint32_t written = 0;

	memset(text, 'y', sizeof(text));
	for (uint32_t round = 0; round < 3000; round++) {
		for (uint32_t i = 0; i < 1 + round % 7; i++) {
			const struct jst_value value = jst_value_string(text, (round * 5 + i) % 65);
			ck_assert(write_record(written + i, &value, 1));
		}
		for (uint32_t i = 0; i < 1 + round % 7; i++) {
			struct jst_value value;
			const int size = read_record();
			ck_assert_int_gt(size, 0);
			ck_assert_uint_eq(buffer.record.index, written + i);
			ck_assert(jst_key_decode(buffer.bytes + sizeof(struct jst_record), (uint32_t)size - (uint32_t)sizeof(struct jst_record), &value, 1));
			ck_assert_uint_eq(value.length, (round * 5 + i) % 65);
		}
		written += 1 + round % 7;
	}
	ck_assert_uint_eq(lost(JST_LOSS_RECORDS), 0);
	ck_assert_uint_gt(reader.tail, 20 * store->options.ring_size);
}
END_TEST

/* Numbers and strings in every mixture, so that each kind of record meets the end of the ring at each of its places. */
START_TEST(records_of_every_kind_go_round)
{
	char text[40];

	memset(text, 'y', sizeof(text));
	for (uint32_t round = 0; round < 6000; round++) {
		struct jst_value values[9], back[9];
		const uint32_t count = round % 10;

		for (uint32_t i = 0; i < count; i++)
			values[i] = (round >> i % 3) % 3 ? jst_value_int((int64_t)round * i) : round % 2 ? jst_value_string(text, (round + i) % 41) : jst_value_double(round + 0.5);
		ck_assert(write_record(round, values, count));
		const int size = read_record();
		ck_assert_int_eq(size, (int)jst_record_size(&store->memory, values, count));
		ck_assert_uint_eq(buffer.record.index, round);
		ck_assert_uint_eq(buffer.record.values, count);
		ck_assert_uint_eq(buffer.record.flags, 0);
		ck_assert(jst_key_decode(buffer.bytes + sizeof(struct jst_record), (uint32_t)size - (uint32_t)sizeof(struct jst_record), back, count));
		for (uint32_t i = 0; i < count; i++) {
			ck_assert_uint_eq(back[i].kind, values[i].kind);
			ck_assert_uint_eq(back[i].length, values[i].length);
			if (values[i].kind == JST_STRING)
				ck_assert_int_eq(memcmp(back[i].s, text, back[i].length), 0);
			else
				ck_assert_int_eq(back[i].i, values[i].i);
		}
	}
	ck_assert_uint_eq(lost(JST_LOSS_RECORDS), 0);
}
END_TEST

/* A record that begins to be written and then has no room touches nothing that waits to be read, wherever in the ring that is. */
START_TEST(what_does_not_fit_spoils_nothing)
{
	char text[64];
	struct jst_value large[40];
	uint32_t written = 0, read = 0;

	memset(text, 'z', sizeof(text));
	for (unsigned i = 0; i < 40; i++)
		large[i] = i < 20 ? jst_value_int(-1) : jst_value_string(text, 64);
	for (unsigned round = 0; round < 300; round++) {
		const struct jst_value small = jst_value_int(round);
		const uint64_t dropped = lost(JST_LOSS_RECORDS);

		while (written - read < 50)
			ck_assert(write_record(written++, &small, 1));
		ck_assert(!write_record(12345, large, 40));
		ck_assert_uint_eq(lost(JST_LOSS_RECORDS), dropped + 1);
		for (unsigned i = 0; i < 1 + round % 13; i++) {
			ck_assert_int_eq(read_record(), sizeof(struct jst_record) + 16);
			ck_assert_uint_eq(buffer.record.index, read++);
			ck_assert_uint_eq(((const uint64_t *)buffer.bytes)[5], JST_INT);
		}
	}
}
END_TEST

START_TEST(a_full_ring_drops_and_counts)
{
	uint32_t kept = 0, dropped = 0;

	for (uint32_t i = 0; i < 200; i++) {
		if (write_record(i, NULL, 0))
			kept++;
		else
			dropped++;
	}
	ck_assert_uint_eq(kept, 4096 / sizeof(struct jst_record));
	ck_assert_uint_eq(lost(JST_LOSS_RECORDS), dropped);
	for (uint32_t i = 0; i < kept; i++) {
		ck_assert_int_gt(read_record(), 0);
		ck_assert_uint_eq(buffer.record.index, i);
	}
	ck_assert_int_eq(read_record(), 0);
	ck_assert(write_record(1000, NULL, 0));
}
END_TEST

START_TEST(what_never_fits_is_dropped)
{
	struct jst_value values[JST_MAX_ARGUMENTS * 2];
	char text[64];

	memset(text, 'z', sizeof(text));
	for (uint32_t i = 0; i < JST_MAX_ARGUMENTS * 2; i++)
		values[i] = jst_value_string(text, 64);
	ck_assert(!write_record(0, values, JST_MAX_ARGUMENTS * 2));
	ck_assert_uint_eq(lost(JST_LOSS_RECORDS), 1);
}
END_TEST

START_TEST(without_a_reader_or_memory)
{
	uint32_t kept = 0;

	store->memory.header->permit = 0;
	ck_assert(!write_record(0, NULL, 0));
	ck_assert_uint_eq(lost(JST_LOSS_RECORDS), 1);
	store->memory.header->permit = store->options.size;
	while (jst_ring_write(&store->memory, slot, NULL, (struct jst_record){ .index = kept }, NULL, 0))
		kept++;
	ck_assert_uint_eq(kept, 4096 / sizeof(struct jst_record));
}
END_TEST

START_TEST(impossible_positions_are_full)
{
	while (write_record(0, NULL, 0)) {
	}
	const struct jst_ring *ring = jst_memory_at(&store->memory, slot->ring);
	const uint64_t impossible[] = { ring->head + 8, UINT64_MAX, ring->head - 4097 - 7, ring->head - 4 };
	for (unsigned i = 0; i < 4; i++) {
		atomic_store(&tails[3], impossible[i]);
		ck_assert(!write_record(0, NULL, 0));
	}
	atomic_store(&tails[3], ring->head);
	ck_assert(write_record(0, NULL, 0));
}
END_TEST

/* The next records by jst_ring_take(): how many, the first of which has that index; -1: malformed. */
static int take_records(uint32_t index, size_t room)
{
	const int64_t size = jst_ring_take(&reader, slot->ring, &buffer, room);
	int count = 0;

	if (size < 0)
		return -1;
	for (int64_t at = 0; at < size; count++) {
		const struct jst_record *record = (const struct jst_record *)(buffer.bytes + at);

		ck_assert_uint_eq(record->index, index + (uint32_t)count);
		at += record->size;
		ck_assert_int_le(at, size);
	}
	atomic_store(&tails[3], reader.tail);
	return count;
}

START_TEST(all_that_is_ready_is_taken)
{
	char text[64];
	uint32_t written = 0, taken = 0;
	bool empty = false;

	memset(text, 'y', sizeof(text));
	for (uint32_t round = 0; round < 3000; round++) {
		for (uint32_t i = 0; i < 1 + round % 7; i++, written++) {
			const struct jst_value value = jst_value_string(text, (round * 5 + i) % 65);
			ck_assert(write_record(written, &value, 1));
		}
		/* At most in two parts, before and behind the place where the ring begins anew. */
		for (int part = 0; part < 2 && taken < written; part++) {
			const int count = take_records(taken, sizeof(buffer));
			ck_assert_int_ge(count, 0);
			empty |= count == 0;
			taken += (uint32_t)count;
		}
		ck_assert_uint_eq(taken, written);
		ck_assert_int_eq(take_records(taken, sizeof(buffer)), 0);
	}
	ck_assert(empty); /* a part that was a SKIP alone */
	ck_assert_uint_eq(lost(JST_LOSS_RECORDS), 0);
}
END_TEST

START_TEST(what_fits_is_taken)
{
	for (uint32_t i = 0; i < 10; i++)
		ck_assert(write_record(i, NULL, 0));
	ck_assert_int_eq(take_records(0, 3 * sizeof(struct jst_record) + 39), 3);
	ck_assert_int_eq(take_records(3, sizeof(struct jst_record)), 1);
	/* One that fits in no room is refused, and stays where it is. */
	ck_assert_int_eq(take_records(4, sizeof(struct jst_record) - 1), -1);
	ck_assert_int_eq(take_records(4, 0), -1);
	ck_assert_int_eq(take_records(4, sizeof(buffer)), 6);
	ck_assert_int_eq(take_records(10, 0), 0);
}
END_TEST

START_TEST(what_lies_before_nonsense_is_taken)
{
	struct jst_ring *ring;

	for (uint32_t i = 0; i < 3; i++)
		ck_assert(write_record(i, NULL, 0));
	ring = jst_memory_at(&store->memory, slot->ring);
	((struct jst_record *)(ring->data + 2 * sizeof(struct jst_record)))->size = 4096;
	ck_assert_int_eq(take_records(0, sizeof(buffer)), 2);
	ck_assert_int_eq(take_records(2, sizeof(buffer)), -1);
}
END_TEST

static const struct jst_ring *ring_now(void)
{
	return jst_memory_at(&store->memory, slot->ring);
}

/* A ring that is full is followed by a larger one, and what is in both is read in order: nothing is dropped before the largest is full. */
START_TEST(full_ring_is_followed)
{
	const uint32_t each = sizeof(struct jst_record) + 16;
	uint32_t written = 0, read = 0;

	store->memory.header->ring_size = 64 << 10;
	while (lost(JST_LOSS_RECORDS) == 0)
		written += write_record(written, &(struct jst_value){ .kind = JST_INT, .i = written }, 1);
	ck_assert_uint_eq(ring_now()->size, 64 << 10);
	/* What is not read yet takes room in each of them, once. */
	ck_assert_uint_gt(written, (48 << 10) / each);
	while (read_record() > 0)
		ck_assert_uint_eq(buffer.record.index, read++);
	ck_assert_uint_eq(read, written);
	/* And so it goes on in the largest. */
	for (uint32_t i = 0; i < 10000; i++) {
		ck_assert(write_record(i, &(struct jst_value){ .kind = JST_INT, .i = i }, 1));
		if (i % 700 == 699)
			while (read_record() > 0)
				ck_assert_uint_eq(buffer.record.index, read++ - written);
	}
	ck_assert_uint_eq(ring_now()->size, 64 << 10);
	ck_assert_uint_eq(lost(JST_LOSS_RECORDS), 1);
}
END_TEST

/* The first look may come when several rings are full already, and a look may fall between any two of them. */
START_TEST(reader_meets_every_ring)
{
	for (uint32_t behind = 1; behind < 1000; behind += 7) {
		uint32_t read = 0;

		teardown();
		setup();
		store->memory.header->ring_size = 1 << 20;
		for (uint32_t i = 0; i < 1000; i++) {
			ck_assert(write_record(i, NULL, 0));
			if (i == behind)
				while (read < behind / 2 && read_record() > 0)
					ck_assert_uint_eq(buffer.record.index, read++);
		}
		while (read_record() > 0)
			ck_assert_uint_eq(buffer.record.index, read++);
		ck_assert_uint_eq(read, 1000);
	}
}
END_TEST

/* A record for which the ring is too small, though it is empty. */
START_TEST(large_record_makes_it_grow)
{
	struct jst_value values[80];

	store->memory.header->ring_size = 16 << 10;
	for (int i = 0; i < 80; i++)
		values[i] = jst_value_string("0123456789012345678901234567890123456789012345678901234567890123", 64);
	const uint64_t size = jst_record_size(&store->memory, values, 80);

	ck_assert_uint_gt(size, 4096);
	ck_assert(write_record(1, NULL, 0) && write_record(2, values, 80));
	ck_assert_int_gt(read_record(), 0);
	ck_assert_uint_eq(jst_ring_follow(&reader, slot->ring), slot->ring);
	ck_assert_uint_eq(jst_ring_size(&reader, slot->ring), 16 << 10);
	ck_assert_uint_eq(ring_now()->head - reader.tail, size);
}
END_TEST

/* Half of the memory stays for what cannot be read late. */
START_TEST(rings_leave_half_of_the_memory)
{
	struct jst_memory_header *header = store->memory.header;

	header->ring_size = 64 << 20;
	while (lost(JST_LOSS_RECORDS) == 0)
		write_record(0, NULL, 0);
	ck_assert_uint_gt(ring_now()->size, 4096);
	ck_assert_uint_le(atomic_load(&header->heap_used) - header->heap_offset, (atomic_load(&header->permit) - header->heap_offset) / 2);
}
END_TEST

/* Rings that say anything of what was before them: the reader gets one of them or none, in a bounded time. */
START_TEST(hostile_followers_are_survived)
{
	static _Alignas(64) unsigned char memory[4096];
	uint64_t seed = 7;

	for (int round = 0; round < 20000; round++) {
		struct jst_ring_reader hostile = { .base = memory, .size = sizeof(memory) };

		for (size_t at = 0; at < sizeof(memory); at += 64) {
			struct jst_ring *ring = (struct jst_ring *)(memory + at);

			seed = seed * 6364136223846793005ULL + 1442695040888963407ULL;
			ring->head = (seed >> 20) % 4 * 8;
			ring->size = seed >> 62 ? 64u << (seed >> 60 & 3) : (uint32_t)(seed >> 30);
			ring->before = seed >> 58 & 3 ? (jst_ref)(seed >> 40) % 64 * 8 : (jst_ref)(seed >> 32);
		}
		hostile.tail = (seed >> 50) % 4 * 8;
		for (int i = 0; i < 40; i++) {
			const jst_ref ring = jst_ring_follow(&hostile, i % 5 ? (jst_ref)(seed >> 45) % 64 * 8 : (jst_ref)(seed >> 30));
			const uint64_t holds = jst_ring_size(&hostile, ring);

			ck_assert(!holds || (uint64_t)ring * 8 + 64 + holds <= sizeof(memory));
			if (jst_ring_take(&hostile, ring, &buffer, sizeof(buffer)) < 0)
				break;
		}
	}
}
END_TEST

/* A ring with any header and any content: the reader gives up or yields records that fit, and never looks outside (the sanitizer watches, for the memory ends with the ring). */
START_TEST(hostile_rings_are_survived)
{
	const size_t size = 64 + 64 + 256;
	unsigned char *memory = aligned_alloc(64, size);
	uint64_t seed = 5;
	unsigned refused = 0, taken = 0, parts = 0;

	for (int round = 0; round < 50000; round++) {
		struct jst_ring *ring = (struct jst_ring *)(memory + 64);
		struct jst_ring_reader hostile = { .base = memory, .size = size };
		for (size_t i = 0; i < size; i += 4) {
			seed = seed * 6364136223846793005ULL + 1442695040888963407ULL;
			const uint32_t word = seed >> 61 == 0 ? (uint32_t)(seed >> 20) : seed >> 61 == 1 ? JST_RECORD_SKIP : (uint32_t)(seed >> 40) % 16 * 8;
			memcpy(memory + i, &word, 4);
		}
		ring->head = seed & 512 ? seed >> 20 : (seed >> 20) % 33 * 8;
		ring->size = seed & 1024 ? 256u : (uint32_t)(1u << (seed >> 59));
		hostile.tail = seed & 2048 ? ring->head & ~7ULL : 0;
		struct jst_ring_reader same = hostile;
		for (int i = 0; i < 20; i++) {
			const size_t room = (size_t)(seed >> 50) % sizeof(buffer);
			const int got = jst_ring_read(&hostile, i == 19 ? (jst_ref)(seed >> 32) : 8, &buffer, room);
			refused += got < 0;
			taken += got > 0;
			ck_assert_int_le(got, (int)room);
			if (got > 0)
				ck_assert_uint_eq(buffer.record.size, (uint32_t)got);
			if (got <= 0 && i < 18)
				i = 18;
		}
		for (int i = 0; i < 20; i++) {
			const size_t room = (size_t)(seed >> 50) % sizeof(buffer);
			const uint64_t tail = same.tail;
			const int64_t got = jst_ring_take(&same, i == 19 ? (jst_ref)(seed >> 32) : 8, &buffer, room);
			refused += got < 0;
			parts += got > 0;
			ck_assert_int_le(got, (int64_t)room);
			ck_assert(got >= 0 ? same.tail - tail >= (uint64_t)got : same.tail == tail);
			for (int64_t at = 0; at < got;) {
				const struct jst_record *record = (const struct jst_record *)(buffer.bytes + at);
				ck_assert_int_le((int64_t)sizeof(*record), got - at);
				ck_assert_uint_ge(record->size, sizeof(*record));
				ck_assert_uint_ne(record->index, JST_RECORD_SKIP);
				at += record->size;
				ck_assert_int_le(at, got);
			}
			if ((got < 0 || same.tail == tail) && i < 18)
				i = 18;
		}
	}
	ck_assert_uint_gt(parts, 1000);
	ck_assert_uint_gt(refused, 1000);
	ck_assert_uint_gt(taken, 1000);
	free(memory);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("ring");
	TCase *tests = tcase_create("ring");

	tcase_set_timeout(tests, 60);
	tcase_add_checked_fixture(tests, setup, teardown);
	tcase_add_test(tests, a_record_comes_back);
	tcase_add_test(tests, strings_are_cut_and_marked);
	tcase_add_test(tests, records_of_every_size_go_round);
	tcase_add_test(tests, records_of_every_kind_go_round);
	tcase_add_test(tests, what_does_not_fit_spoils_nothing);
	tcase_add_test(tests, a_full_ring_drops_and_counts);
	tcase_add_test(tests, what_never_fits_is_dropped);
	tcase_add_test(tests, without_a_reader_or_memory);
	tcase_add_test(tests, impossible_positions_are_full);
	tcase_add_test(tests, all_that_is_ready_is_taken);
	tcase_add_test(tests, what_fits_is_taken);
	tcase_add_test(tests, what_lies_before_nonsense_is_taken);
	tcase_add_test(tests, full_ring_is_followed);
	tcase_add_test(tests, reader_meets_every_ring);
	tcase_add_test(tests, large_record_makes_it_grow);
	tcase_add_test(tests, rings_leave_half_of_the_memory);
	tcase_add_test(tests, hostile_followers_are_survived);
	tcase_add_test(tests, hostile_rings_are_survived);
	suite_add_tcase(suite, tests);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	const int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
