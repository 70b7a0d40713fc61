/*
 * Reading span tables in a memory that is not ours: honest ones in every home of entries, ones that threads are changing, and hostile ones. The view looks at a second mapping, which is read-only and ends at a page that faults.
 */
#include <check.h>
#include <pthread.h>
#include <unistd.h>

#include "cell.h"
#include "map_table.h"
#include "map_view.h"
#include "store.h"

enum { WORDS, PAIRS, SIZE = 8 << 20, STEADY = 3000, KEY_ROOM = 1 << 20 };

static struct jst_memory memory;
static struct jst_program *program;
static unsigned char *base;                /* as the target has it */
static const unsigned char *seen;          /* as the view has it */
static char scratch[2][4096];
static uint32_t used[2];
static struct jst_map_view view;

static struct jst_map_access access_to(unsigned thread, uint32_t index)
{
	const struct jst_map_decl *decls = jst_program_section(program, JST_SECTION_MAPS);

	jst_slot_open(&memory, &memory.slots[thread]);
	return (struct jst_map_access){ .memory = &memory, .slot = &memory.slots[thread], .decl = &decls[index], .index = index, .scratch = scratch[thread], .room = sizeof(scratch[0]), .used = &used[thread] };
}

static void setup(void)
{
	struct jst_builder *builder = jst_builder_new();
	const long page = sysconf(_SC_PAGESIZE);
	const char *limit;
	const int fd = memfd_create("map view", MFD_CLOEXEC);

	jst_builder_map(builder, JST_MAP_INT | JST_MAP_SPAN, 1);
	jst_builder_map(builder, JST_MAP_INT | JST_MAP_SPAN, 2);
	jst_builder_clause(builder);
	jst_builder_pattern(builder, "a:b", 3, 0);
	jst_builder_insn(builder, (struct jst_insn){ .op = JST_OP_RETURN });
	program = jst_builder_finish(builder, &limit);
	jst_builder_free(builder);
	ck_assert(program && fd >= 0 && ftruncate(fd, SIZE) == 0);
	base = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	unsigned char *behind = mmap(NULL, SIZE + page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ck_assert(base != MAP_FAILED && behind != MAP_FAILED);
	seen = mmap(behind, SIZE, PROT_READ, MAP_SHARED | MAP_FIXED, fd, 0);
	ck_assert(seen == behind);
	close(fd);
	ck_assert(jst_memory_init(&memory, base, program, &(struct jst_memory_options){ .size = SIZE, .string_size = 64, .ring_size = 4096 }));
	view = (struct jst_map_view){ .base = seen, .size = SIZE, .allowance = 2 * SIZE, .key = malloc(KEY_ROOM), .room = KEY_ROOM };
}

static void teardown(void)
{
	munmap(base, SIZE);
	munmap((void *)seen, SIZE + (size_t)sysconf(_SC_PAGESIZE));
	free(program);
	free(view.key);
}

static struct jst_map_root *root(unsigned map)
{
	return &jst_map_directory(&memory)->roots[map];
}

/* ---- what was seen ---- */

struct sight {
	uint32_t keys;
	uint64_t count;
	int times[2 * STEADY];      /* of keys 0 … */
	int64_t value[2 * STEADY];
	uint64_t others;
	bool wrong;                 /* a text that was never a key */
};

static void look_at(void *context, const void *key, uint32_t key_size, int64_t value)
{
	struct sight *sight = context;
	struct jst_value keys[JST_MAX_KEYS];

	ck_assert(jst_key_decode(key, key_size, keys, sight->keys));
	sight->count++;
	if (sight->keys == 2 && (keys[1].kind != JST_STRING || keys[1].length != 9 || memcmp(keys[1].s, "a longish", 9) != 0))
		sight->wrong = true;
	if (keys[0].kind != JST_INT || keys[0].i < 0 || keys[0].i >= 2 * STEADY) {
		sight->others++;
		return;
	}
	sight->times[keys[0].i]++;
	sight->value[keys[0].i] = value;
}

static struct sight look(uint32_t map, uint32_t keys)
{
	struct sight sight = { .keys = keys };

	view.allowance = 2 * SIZE;
	jst_map_view_spans(&view, map, keys, look_at, &sight);
	return sight;
}

static void put(const struct jst_map_access *access, int64_t key, int64_t value)
{
	const struct jst_value keys[] = { jst_value_int(key), jst_value_string("a longish", 9) };

	jst_map_set(access, keys, jst_value_int(value));
}

static void take(const struct jst_map_access *access, int64_t key)
{
	const struct jst_value keys[] = { jst_value_int(key), jst_value_string("a longish", 9) };

	jst_map_delete(access, keys);
}

/* ---- honest memory ---- */

START_TEST(every_entry_once)
{
	for (uint32_t map = WORDS; map <= PAIRS; map++) {
		const struct jst_map_access access = access_to(0, map);

		ck_assert_uint_eq(look(map, map + 1).count, 0);
		for (int64_t i = 0; i < STEADY; i++)
			put(&access, i, -1000 - i);
		for (int64_t i = 0; i < STEADY; i += 3)
			take(&access, i);
		struct sight sight = look(map, map + 1);
		ck_assert_uint_eq(sight.count, STEADY - STEADY / 3);
		ck_assert(!sight.wrong && !sight.others && !view.malformed);
		for (int64_t i = 0; i < STEADY; i++) {
			ck_assert_int_eq(sight.times[i], i % 3 != 0);
			ck_assert(i % 3 == 0 || sight.value[i] == -1000 - i);
		}
	}
	/* They did not fit one level. */
	ck_assert_uint_gt(root(PAIRS)->levels[JST_MAP_BLOCKS][0], JST_MAP_MAKING);
}
END_TEST

START_TEST(levels_are_read)
{
	const struct jst_map_access access = access_to(0, WORDS);
	const uint64_t count = 60000;

	for (uint64_t i = 0; i < count; i++)
		put(&access, (int64_t)i * 7, 1);
	ck_assert_uint_gt(root(WORDS)->levels[JST_MAP_WORDS][1], JST_MAP_MAKING);
	const uint64_t evicted = memory.slots[0].losses[JST_LOSS_SPANS];
	ck_assert_uint_eq(look(WORDS, 1).count, count - evicted);
	ck_assert(!view.malformed);
}
END_TEST

/* Keys of a one-word map that live in the general table. */
START_TEST(other_kinds_of_keys)
{
	const struct jst_map_access access = access_to(0, WORDS);
	const struct jst_value keys[] = { jst_value_int((int64_t)jst_map_unsalted(0)) /* becomes 0 */, jst_value_string("text", 4), jst_value_double(2.5), jst_value_int(INT64_MIN), jst_value_int(0) };

	for (unsigned i = 0; i < sizeof(keys) / sizeof(*keys); i++)
		jst_map_set(&access, &keys[i], jst_value_int(i));
	const struct sight sight = look(WORDS, 1);
	ck_assert_uint_eq(sight.count, 5);
	ck_assert_uint_eq(sight.others, 4);
	ck_assert_int_eq(sight.times[0], 1);
	ck_assert_int_eq(sight.value[0], 4);
	ck_assert(!view.malformed);
}
END_TEST

/* ---- memory that changes ---- */

static _Atomic bool stop;

static void *churn(void *map)
{
	const struct jst_map_access access = access_to(1, (uint32_t)(uintptr_t)map);

	for (int64_t round = 0; !stop; round++) {
		for (int64_t i = STEADY; i < 2 * STEADY; i += 7)
			put(&access, i, i);
		for (int64_t i = STEADY; i < 2 * STEADY; i += 7)
			take(&access, i);
	}
	return NULL;
}

static void reads_while_a_thread_writes(uint32_t map)
{
	const struct jst_map_access access = access_to(0, map);
	pthread_t thread;

	for (int64_t i = 0; i < STEADY; i++)
		put(&access, i, 5000 + i);
	stop = false;
	ck_assert_int_eq(pthread_create(&thread, NULL, churn, (void *)(uintptr_t)map), 0);
	for (int round = 0; round < 20; round++) {
		const struct sight sight = look(map, map + 1);

		ck_assert(!view.malformed && !sight.wrong && !sight.others);
		for (int64_t i = 0; i < STEADY; i++)
			ck_assert(sight.times[i] == 1 && sight.value[i] == 5000 + i);
#if !defined(JST_PAIR_TSAN) /* its swaps of 16 bytes are none to who reads eight */
		for (int64_t i = STEADY; i < 2 * STEADY; i++)
			ck_assert(!sight.times[i] || sight.value[i] == i);
#endif
	}
	stop = true;
	pthread_join(thread, NULL);
}

START_TEST(words_that_change)
{
	reads_while_a_thread_writes(WORDS);
}
END_TEST

START_TEST(blocks_that_change)
{
	reads_while_a_thread_writes(PAIRS);
}
END_TEST

/* ---- hostile memory ---- */

static uint64_t level_of(jst_ref ref, uint64_t log)
{
	return ref | log << 32;
}

START_TEST(wild_levels)
{
	const uint64_t end = SIZE / 8;
	const uint64_t wild[] = { level_of((jst_ref)end, 3), level_of((jst_ref)end - 8, 3), level_of(UINT32_MAX, 3), level_of(UINT32_MAX & ~7u, 12), level_of(8, 19), level_of(8, 60), level_of(8, 63), level_of(8, UINT32_MAX), level_of(8, 0),
	                          level_of(8, 2), level_of(9, 3), level_of(12, 3), level_of(0, 3), UINT64_MAX, 2 };

	for (unsigned table = 0; table < JST_MAP_TABLES; table++) {
		for (unsigned i = 0; i < sizeof(wild) / sizeof(*wild); i++) {
			root(WORDS)->levels[table][0] = wild[i];
			view.malformed = false;
			ck_assert_uint_eq(look(WORDS, 1).count, 0);
			ck_assert(view.malformed);
		}
		root(WORDS)->levels[table][0] = 0;
	}
	/* A table of words where keys are two. */
	root(PAIRS)->levels[JST_MAP_WORDS][0] = level_of(8, 3);
	view.malformed = false;
	ck_assert_uint_eq(look(PAIRS, 2).count, 0);
	ck_assert(view.malformed);
}
END_TEST

/* All levels of both tables are one, as large as the memory. */
START_TEST(levels_that_lie_over_each_other)
{
	for (unsigned i = 0; i < JST_MAP_LEVELS * JST_MAP_TABLES; i++)
		root(WORDS)->levels[i / JST_MAP_LEVELS][i % JST_MAP_LEVELS] = level_of(8, 18);
	memset(base + 64, 0xff, SIZE - 4096 - 64 - sizeof(struct jst_map_root));
	for (unsigned i = 0; i < JST_MAP_LEVELS * JST_MAP_TABLES; i++)
		root(WORDS)->levels[i / JST_MAP_LEVELS][i % JST_MAP_LEVELS] = level_of(8, 18);
	look(WORDS, 1);
	ck_assert(view.malformed);
	ck_assert_uint_le(view.allowance, 2 * SIZE);
}
END_TEST

/* Where an entry of the map with two keys is, and its block. */
static struct jst_atomic_pair *only_slot(void)
{
	const uint64_t word = root(PAIRS)->levels[JST_MAP_BLOCKS][0];
	struct jst_atomic_pair *slots = jst_memory_at(&memory, (jst_ref)word);

	for (uint64_t i = 0; i < 1ULL << (word >> 32); i++)
		if (slots[i].low)
			return &slots[i];
	ck_abort_msg("no entry");
	return NULL;
}

START_TEST(wild_blocks)
{
	const struct jst_map_access access = access_to(0, PAIRS);
	const uint64_t classes = (uint64_t)JST_INT << JST_BLOCK_KIND;

	put(&access, 1, 1);
	struct jst_atomic_pair *slot = only_slot();
	const uint64_t honest = slot->high;
	struct jst_block *block = jst_memory_at(&memory, (jst_ref)honest);
	const uint64_t info = block->words[1], kinds = block->payload[0];
	ck_assert_uint_eq(look(PAIRS, 2).count, 1);
	ck_assert(!view.malformed);

	const jst_ref refs[] = { 0, (jst_ref)(SIZE / 8), (jst_ref)(SIZE / 8) - 1, (jst_ref)(SIZE / 8) - 7, UINT32_MAX };
	for (unsigned i = 0; i < sizeof(refs) / sizeof(*refs); i++) {
		slot->high = refs[i];
		view.malformed = false;
		ck_assert_uint_eq(look(PAIRS, 2).count, 0);
		ck_assert(view.malformed);
	}
	slot->high = honest;
	/* Sizes of keys that are odd, too large for the block, for the memory; kinds; classes. */
	const uint64_t infos[] = { 0, info + 1, info + 4, classes | 48, classes | UINT32_MAX, classes | (UINT32_MAX & ~7u), classes | 15ULL << JST_BLOCK_CLASS | 1 << 20,
	                           (info & 0xffffffff) | (uint64_t)JST_STRING << JST_BLOCK_KIND, info - 8, UINT64_MAX };
	for (unsigned i = 0; i < sizeof(infos) / sizeof(*infos); i++) {
		block->words[1] = infos[i];
		view.malformed = false;
		ck_assert_msg(look(PAIRS, 2).count == 0 && view.malformed, "information %u", i);
	}
	block->words[1] = info;
	block->payload[0] = 0xff;
	view.malformed = false;
	ck_assert_uint_eq(look(PAIRS, 2).count, 0);
	ck_assert(view.malformed);
	block->payload[0] = kinds;
	/* A key that has no room is left out, too. */
	view.room = 16;
	view.malformed = false;
	ck_assert_uint_eq(look(PAIRS, 2).count, 0);
	ck_assert(view.malformed);
	view.room = KEY_ROOM;
	view.malformed = false;
	ck_assert_uint_eq(look(PAIRS, 2).count, 1);
	ck_assert(!view.malformed);
}
END_TEST

/* Every slot refers to one block with the largest key: what is copied is bounded. */
START_TEST(one_block_many_times)
{
	const uint64_t slots = 1 << 16, class = 14;
	const jst_ref ref = (6 << 20) / 8;
	struct jst_block *block = jst_memory_at(&memory, ref);
	struct jst_atomic_pair *slot = jst_memory_at(&memory, (5 << 20) / 8);
	const uint32_t size = (JST_BLOCK_MIN << class) - sizeof(*block);

	root(WORDS)->levels[JST_MAP_BLOCKS][0] = level_of((5 << 20) / 8, 16);
	for (uint64_t i = 0; i < slots; i++) {
		slot[i].low = 1;
		slot[i].high = ref;
	}
	block->words[1] = size | (uint64_t)JST_INT << JST_BLOCK_KIND | class << JST_BLOCK_CLASS;
	block->payload[0] = JST_STRING;
	block->payload[1] = size - 16;
	const struct sight sight = look(WORDS, 1);
	ck_assert_uint_gt(sight.count, 0);
	ck_assert_uint_le(sight.count, 2 * SIZE / size);
	ck_assert(view.malformed && !view.allowance);
}
END_TEST

START_TEST(memories_too_small)
{
	const uint64_t sizes[] = { 0, 4096, JST_MAPS_OFFSET, JST_MAPS_OFFSET + sizeof(struct jst_map_directory), JST_MAPS_OFFSET + sizeof(struct jst_map_directory) + sizeof(struct jst_map_root) - 1 };

	for (unsigned i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
		view.size = sizes[i];
		view.malformed = false;
		ck_assert_uint_eq(look(WORDS, 1).count, 0);
		ck_assert(view.malformed);
	}
	view.size = SIZE;
	const uint32_t maps[] = { UINT32_MAX, 1 << 20 };
	for (unsigned i = 0; i < 2; i++) {
		view.malformed = false;
		ck_assert_uint_eq(look(maps[i], 1).count, 0);
		ck_assert(view.malformed);
	}
}
END_TEST

/* Whatever the words are, reading ends and touches nothing else. */
START_TEST(random_words)
{
	uint64_t random = 88172645463325252ULL;

	for (uint32_t map = WORDS; map <= PAIRS; map++) {
		const struct jst_map_access access = access_to(0, map);
		for (int64_t i = 0; i < 500; i++)
			put(&access, i, i);
	}
	uint64_t *words = (uint64_t *)base;
	const uint64_t used_words = memory.header->heap_used / 8, maps_word = JST_MAPS_OFFSET / 8;
	for (int round = 0; round < 1000; round++) {
		random ^= random << 13, random ^= random >> 7, random ^= random << 17;
		/* Half of them into the roots, where the levels are. */
		const uint64_t at = random & 1 ? maps_word + random % (jst_map_roots_size(program) / 8) : maps_word + (random >> 8) % (used_words - maps_word);
		const uint64_t before = __atomic_load_n(&words[at], __ATOMIC_RELAXED);
		__atomic_store_n(&words[at], random & 2 ? random >> (random & 63) : before ^ 1ULL << (random >> 20 & 63), __ATOMIC_RELAXED);
		if (round % 10 == 0)
			for (uint32_t map = WORDS; map <= PAIRS; map++)
				look(map, map + 1);
		if (round % 100 != 0)
			continue;
		/* Only so many wrong words at a time, else nothing is looked at any more. */
		__atomic_store_n(&words[at], before, __ATOMIC_RELAXED);
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("map view");
	TCase *tests = tcase_create("map view");

	tcase_set_timeout(tests, 120);
	tcase_add_checked_fixture(tests, setup, teardown);
	tcase_add_test(tests, every_entry_once);
	tcase_add_test(tests, levels_are_read);
	tcase_add_test(tests, other_kinds_of_keys);
	tcase_add_test(tests, words_that_change);
	tcase_add_test(tests, blocks_that_change);
	tcase_add_test(tests, wild_levels);
	tcase_add_test(tests, levels_that_lie_over_each_other);
	tcase_add_test(tests, wild_blocks);
	tcase_add_test(tests, one_block_many_times);
	tcase_add_test(tests, memories_too_small);
	tcase_add_test(tests, random_words);
	suite_add_tcase(suite, tests);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	const int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
