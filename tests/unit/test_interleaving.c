/*
 * Two operations on one map, the second run whole between any two instructions of the first: every such interleaving is tried, by single-stepping the first and running the second in the handler of
 * the trap after its n-th instruction, for each n (for each fifth or 67th where operations are long). That is what preemption at the worst moment does, and what a stress test hits once in a million rounds.
 *
 * What must hold: the outcome is that of one order or the other, no key is in two slots, and no block is lost. On x86-64 only, and without sanitizers; elsewhere, and where no traps come (valgrind), the test is skipped.
 */
#include <stdio.h>

#if defined(__x86_64__) && !defined(__SANITIZE_THREAD__) && !defined(__SANITIZE_ADDRESS__)

#include <check.h>
#include <signal.h>
#include <ucontext.h>

#include "hash.h"
#include "map_table.h"
#include "quick.h"
#include "store.h"

enum { WORDS, GENERAL, SCALAR, MAPS, FILLERS = 250 };

static struct store *store;
static char scratch[2][4096];
static uint32_t used[2];
static struct jst_map_access access_of[2][MAPS];
static struct jst_value key, neighbour[8];
static char texts[9][24];
static int64_t result;

typedef void operation(const struct jst_map_access *access);

static void add_two(const struct jst_map_access *access)
{
	jst_map_add(access, &key, jst_value_int(2), 1);
}

static void add_thirty(const struct jst_map_access *access)
{
	jst_map_add(access, &key, jst_value_int(30), 1);
}

static void set_five(const struct jst_map_access *access)
{
	jst_map_set(access, &key, jst_value_int(5));
}

static void delete_it(const struct jst_map_access *access)
{
	jst_map_delete(access, &key);
}

static void get_it(const struct jst_map_access *access)
{
	const struct jst_value value = jst_map_get(access, &key);

	result = value.kind == JST_INT ? value.i : -1;
}

/* A hole opens in front of what the other operation may have found, and is taken: the way to a duplicate. */
static void add_thirty_earlier(const struct jst_map_access *access)
{
	if (access->decl->keys) {
		jst_map_delete(access, &neighbour[0]);
		jst_map_delete(access, &neighbour[1]);
	}
	add_thirty(access);
}

/* The entry goes, a neighbour takes its slot, and it comes again elsewhere. */
static void move_it(const struct jst_map_access *access)
{
	delete_it(access);
	if (access->decl->keys)
		jst_map_set(access, &neighbour[7], jst_value_int(1));
	add_thirty(access);
}

static volatile sig_atomic_t stepping, steps, interrupt_at;
static operation *volatile second;
static uint32_t map_index;

static void on_trap(int signal_number, siginfo_t *info, void *context)
{
	ucontext_t *user = context;

	(void)signal_number, (void)info;
	if (!stepping) {
		user->uc_mcontext.gregs[REG_EFL] &= ~0x100LL;
		return;
	}
	if (steps++ == interrupt_at) {
		second(&access_of[1][map_index]);
		user->uc_mcontext.gregs[REG_EFL] &= ~0x100LL; /* the rest at full speed */
	}
}

/* Runs first, and second after its n-th instruction. False: first has fewer. */
static bool run_with(operation *first, operation *other, uint32_t map, int n)
{
	second = other;
	map_index = map;
	steps = 0;
	interrupt_at = n;
	stepping = 1;
	__asm__ volatile("pushfq; orq $0x100, (%%rsp); popfq" ::: "memory", "cc");
	first(&access_of[0][map]);
	stepping = 0;
	__asm__ volatile("nop; pushfq; andq $~0x100, (%%rsp); popfq" ::: "memory", "cc");
	return steps > n;
}

/* Copies of the key, and all entries, counted in the slots themselves. */
static unsigned entries;
static unsigned copies;

static bool count_entry(void *context, const struct jst_value *keys, struct jst_value value)
{
	(void)context, (void)value;
	entries++;
	copies += keys && keys[0].kind == key.kind && (key.kind == JST_INT ? keys[0].i == key.i : keys[0].length == key.length && !memcmp(keys[0].s, key.s, key.length));
	return true;
}

static void count(const struct jst_map_access *access)
{
	entries = copies = 0;
	*access->used = 0;
	jst_map_each(access, count_entry, NULL);
}

/* How many blocks lie free. */
static uint64_t free_blocks(void)
{
	const struct jst_map_directory *directory = jst_map_directory(&store->memory);
	uint64_t blocks = 0;

	for (int i = 0; i < JST_BLOCK_CLASSES; i++) {
		for (jst_ref ref = (jst_ref)directory->free_blocks[i]; ref; ref = (jst_ref)((struct jst_block *)jst_memory_at(&store->memory, ref))->words[0])
			blocks++;
	}
	return blocks;
}

static uint64_t window_of(uint32_t map, struct jst_value candidate)
{
	uint64_t buffer[16];
	bool cut = false;

	if (map != GENERAL)
		return jst_map_place(jst_map_salted((uint64_t)candidate.i)) & 31;
	return jst_hash(buffer, jst_key_encode(buffer, sizeof(buffer), &candidate, 1, 64, &cut)) & 31;
}

/* The key and eight neighbours in its window. */
static void choose_keys(uint32_t map)
{
	unsigned found = 0;

	for (int i = 0; found < 9; i++) {
		struct jst_value candidate = jst_value_int(i);
		if (map == GENERAL)
			candidate = jst_value_string(texts[found], (uint32_t)snprintf(texts[found], sizeof(texts[found]), "k%d", i));
		if (found && window_of(map, candidate) != window_of(map, key))
			continue;
		if (found)
			neighbour[found - 1] = candidate;
		else
			key = candidate;
		found++;
	}
}

static void setup(void)
{
	struct jst_builder *builder = jst_builder_new();

	jst_builder_map(builder, JST_MAP_INT, 1);
	jst_builder_map(builder, 0, 1);
	jst_builder_map(builder, 0, 0);
	/* With many maps a first level is 4 KiB: 32 windows. */
	for (int i = 0; i < FILLERS; i++)
		jst_builder_map(builder, JST_MAP_INT, 1);
	store = store_new(builder, 11 << 19, 64);
	for (uint32_t who = 0; who < 2; who++) {
		for (uint32_t map = 0; map < MAPS; map++)
			access_of[who][map] = store_map(store, who, map, scratch[who], sizeof(scratch[who]), &used[who]);
	}
}

static void teardown(void)
{
	store_free(store);
}

/* An operation pair, and what may come of it where the key was absent (`empty`) or 100 (`full`); -1 stands for no entry. */
struct pair {
	const char *name;
	operation *first, *other;
	int64_t empty[3], full[3];
	int64_t reads_empty[3], reads_full[3]; /* what get_it may see */
};

static const struct pair pairs[] = {
	{ "add, add", add_two, add_thirty, { 32, 32, 32 }, { 132, 132, 132 }, { 0 }, { 0 } },
	{ "add, add in an earlier slot", add_two, add_thirty_earlier, { 32, 32, 32 }, { 132, 132, 132 }, { 0 }, { 0 } },
	{ "set, add in an earlier slot", set_five, add_thirty_earlier, { 5, 35, 35 }, { 5, 35, 35 }, { 0 }, { 0 } },
	{ "add, set", add_two, set_five, { 5, 7, 7 }, { 5, 7, 7 }, { 0 }, { 0 } },
	{ "add, delete", add_two, delete_it, { -1, 2, 2 }, { -1, 2, 2 }, { 0 }, { 0 } },
	{ "delete, add", delete_it, add_thirty, { -1, 30, 30 }, { -1, 30, 30 }, { 0 }, { 0 } },
	{ "delete, add in an earlier slot", delete_it, add_thirty_earlier, { -1, 30, 30 }, { -1, 30, 30 }, { 0 }, { 0 } },
	{ "add, move", add_two, move_it, { 30, 32, 32 }, { 30, 32, 32 }, { 0 }, { 0 } },
	{ "set, move", set_five, move_it, { 5, 30, 35 }, { 5, 30, 35 }, { 0 }, { 0 } },
	{ "get, add", get_it, add_thirty_earlier, { 30, 30, 30 }, { 130, 130, 130 }, { -1, 30, 30 }, { 100, 130, 130 } },
	{ "get, move", get_it, move_it, { 30, 30, 30 }, { 30, 30, 30 }, { -1, 30, 30 }, { -1, 30, 100 } },
	{ "get, delete", get_it, delete_it, { -1, -1, -1 }, { -1, -1, -1 }, { -1, -1, -1 }, { -1, 100, 100 } },
};

static bool among(int64_t value, const int64_t allowed[3])
{
	return value == allowed[0] || value == allowed[1] || value == allowed[2];
}

/* full: the key is there at first. occupied: how many neighbours are in front of it. */
static int try_all(const struct pair *pair, uint32_t map, bool full, unsigned occupied)
{
	const struct jst_map_access *access = &access_of[0][map];
	const int stride = map == GENERAL ? 67 : map == WORDS ? 5 : 1;
	int n = (int)(pair - pairs) % stride;

	for (bool more = true; more; n += stride) {
		for (unsigned i = 0; access->decl->keys && i < occupied; i++)
			jst_map_set(access, &neighbour[i], jst_value_int(1));
		if (full)
			jst_map_set(access, &key, jst_value_int(100));
		result = -2;
		more = run_with(pair->first, pair->other, map, n);
		if (more) {
			const int64_t read = result;
			get_it(access);
			ck_assert_msg(among(result, full ? pair->full : pair->empty), "%s, map %u, step %d: %lld", pair->name, map, n, (long long)result);
			ck_assert_msg(pair->first != get_it || among(read, full ? pair->reads_full : pair->reads_empty), "%s, map %u, step %d: read %lld", pair->name, map, n, (long long)read);
			count(access);
			ck_assert_msg(copies <= 1, "%s, map %u, step %d: %u copies", pair->name, map, n, copies);
		}
		jst_map_delete(access, &key);
		for (unsigned i = 0; access->decl->keys && i < 8; i++)
			jst_map_delete(access, &neighbour[i]);
		count(access);
		ck_assert_msg(!entries, "%s, map %u, step %d: %u entries stay", pair->name, map, n, entries);
	}
	return n / stride;
}

START_TEST(every_interleaving_is_one_order_or_the_other)
{
	const struct sigaction action = { .sa_sigaction = on_trap, .sa_flags = SA_SIGINFO };
	const uint32_t map = (uint32_t)_i;
	int total = 0;

	sigaction(SIGTRAP, &action, NULL);
	choose_keys(map);
	if (!run_with(get_it, get_it, map, 0))
		return;
	/* Once without steps, so that the levels are there; from then on the heap gives nothing but blocks of the smallest size. */
	add_two(&access_of[0][map]);
	delete_it(&access_of[0][map]);
	const uint64_t blocks = free_blocks(), heap = store->memory.header->heap_used;
	for (unsigned p = 0; p < sizeof(pairs) / sizeof(pairs[0]); p++) {
		total += try_all(&pairs[p], map, false, 2);
		total += try_all(&pairs[p], map, true, 2);
	}
	ck_assert_uint_eq(free_blocks() - blocks, (store->memory.header->heap_used - heap) / 64);
	ck_assert_int_gt(total, 200);
	for (uint32_t who = 0; who < 2; who++) {
		for (int loss = 0; loss < JST_LOSSES; loss++)
			ck_assert_uint_eq(store_lost(store, store_slot(store, who), loss), 0);
	}
}
END_TEST

/* Strings of one letter each, so that one made of two shows. */
static char seen_text[64];
static uint32_t seen_length;

static void get_text(const struct jst_map_access *access)
{
	*access->used = 0;
	const struct jst_value value = jst_map_get(access, &key);
	seen_length = value.kind == JST_STRING ? value.length : 0;
	if (seen_length)
		memcpy(seen_text, value.s, seen_length);
}

static void set_text(const struct jst_map_access *access, char letter)
{
	char text[32];

	memset(text, letter, sizeof(text));
	jst_map_set(access, &key, jst_value_string(text, sizeof(text)));
}

/* The second change takes the block that the first one freed: the slot refers to the same block as before, which says something else now. Only the version tells. */
static void change_text_twice(const struct jst_map_access *access)
{
	set_text(access, 'b');
	set_text(access, 'c');
}

START_TEST(a_block_that_comes_back_is_noticed)
{
	const struct sigaction action = { .sa_sigaction = on_trap, .sa_flags = SA_SIGINFO };
	const uint32_t map = _i ? SCALAR : GENERAL;
	const struct jst_map_access *access = &access_of[0][map];
	int returned = 0;

	sigaction(SIGTRAP, &action, NULL);
	choose_keys(map);
	set_text(access, 'x');
	if (!run_with(get_text, get_text, map, 0))
		return;
	for (int n = 0;; n += 2) {
		uint32_t same = 0;
		set_text(access, 'a');
		if (!run_with(get_text, change_text_twice, map, n))
			break;
		ck_assert_uint_eq(seen_length, 32);
		while (same < seen_length && seen_text[same] == seen_text[0])
			same++;
		ck_assert_msg(same == seen_length, "map %u, step %d: a string of two: %.32s", map, n, seen_text);
		ck_assert(seen_text[0] == 'a' || seen_text[0] == 'c');
		returned += seen_text[0] == 'c';
	}
	ck_assert_int_gt(returned, 10);
	jst_map_delete(access, &key);
}
END_TEST

/* A span's start and its end as quick instructions do them. */
static struct jst_session session;
static struct jst_run runs[2];

static struct jst_run *run_of(const struct jst_map_access *access)
{
	return &runs[access == &access_of[1][WORDS]];
}

static void start_quickly(const struct jst_map_access *access)
{
	struct jst_atomic_pair *slot;
	bool doubtful = false;

	if (!jst_quick_put_now(run_of(access), WORDS, (uint64_t)key.i, &slot, &doubtful))
		jst_map_set(access, &key, jst_value_int(run_of(access)->now));
	else if (doubtful)
		jst_map_word_settle(access, jst_map_salted((uint64_t)key.i), slot);
}

static void end_quickly(const struct jst_map_access *access)
{
	struct jst_run *run = run_of(access);
	int64_t value;
	bool doubtful;

	run->found.slot = NULL;
	(void)jst_quick_get(run, WORDS, (uint64_t)key.i, &value);
	if (!jst_quick_remove(run, WORDS, (uint64_t)key.i, &doubtful))
		jst_map_end(access, &key);
	else if (doubtful)
		jst_map_word_delete(access, jst_map_salted((uint64_t)key.i));
}

static struct jst_atomic_pair *home_of(struct jst_value integer)
{
	return jst_map_home(&store->memory, jst_map_root(&access_of[0][WORDS]), jst_map_salted((uint64_t)integer.i));
}

/* The key has an entry already, elsewhere, since its home was taken then: neither way may leave it behind. */
START_TEST(a_quick_end_leaves_no_copy)
{
	static const struct { operation *first, *other; } orders[] = { { start_quickly, end_quickly }, { end_quickly, start_quickly } };
	const struct sigaction action = { .sa_sigaction = on_trap, .sa_flags = SA_SIGINFO };
	const struct jst_map_access *access = &access_of[0][WORDS];
	struct jst_value rival = jst_value_int(2);
	int n = 0;

	sigaction(SIGTRAP, &action, NULL);
	session.memory = store->memory;
	for (unsigned who = 0; who < 2; who++)
		runs[who] = (struct jst_run){ .session = &session, .now = 7 };
	key = jst_value_int(1);
	while (home_of(rival) != home_of(key))
		rival.i++;
	if (!run_with(get_it, get_it, WORDS, 0))
		return;
	for (bool more = true; more; n++) {
		jst_map_set(access, &rival, jst_value_int(1));
		jst_map_set(access, &key, jst_value_int(100));
		jst_map_delete(access, &rival);
		more = run_with(orders[_i].first, orders[_i].other, WORDS, n);
		if (!more)
			break;
		get_it(access);
		ck_assert_msg(result == -1 || result == 7, "step %d: %lld", n, (long long)result);
		count(access);
		ck_assert_msg(copies == (result == 7), "step %d: %u copies", n, copies);
		jst_map_delete(access, &key);
	}
	ck_assert_int_gt(n, 20);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("interleaving");
	TCase *tests = tcase_create("interleaving");

	tcase_set_timeout(tests, 120);
	tcase_add_checked_fixture(tests, setup, teardown);
	tcase_add_loop_test(tests, every_interleaving_is_one_order_or_the_other, 0, MAPS);
	tcase_add_loop_test(tests, a_block_that_comes_back_is_noticed, 0, 2);
	tcase_add_loop_test(tests, a_quick_end_leaves_no_copy, 0, 2);
	suite_add_tcase(suite, tests);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	const int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}

#else

int main(void)
{
	puts("0 passed, 0 failed, 1 skipped");
	return 77;
}

#endif
