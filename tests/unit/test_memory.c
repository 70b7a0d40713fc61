/*
 * The memory of a session: its layout, the heap up to the permit, chunks, slots and the recycling of banks.
 */
#include <check.h>
#include <pthread.h>

#include "store.h"

static struct store *empty_store(uint64_t size)
{
	return store_new(jst_builder_new(), size, 1024);
}

START_TEST(layout_is_as_promised)
{
	struct store *store = empty_store(8 << 20);
	const struct jst_memory_header *header = store->memory.header;

	ck_assert_uint_eq(header->magic, JST_MEMORY_MAGIC);
	ck_assert_uint_eq(header->slots_offset, 4096);
	ck_assert_uint_ge(header->maps_offset, 4096 + JST_SLOTS * sizeof(struct jst_slot));
	ck_assert_uint_eq(header->heap_offset % 64, 0);
	ck_assert_uint_eq(header->generation, 2);
	ck_assert_int_eq(header->exit_code, -1);
	ck_assert_uint_eq(header->permit, 8 << 20);
	store_free(store);
}
END_TEST

START_TEST(too_small_is_refused)
{
	struct store *store = empty_store(8 << 20);
	const size_t minimum = jst_memory_minimum(store->program, 4096);
	struct jst_memory memory;
	struct jst_memory_options options = { .size = minimum - 1, .string_size = 64, .ring_size = 4096 };
	void *base = aligned_alloc(4096, (minimum + 4095) & ~4095ULL);

	memset(base, 0, minimum);
	ck_assert(!jst_memory_init(&memory, base, store->program, &options));
	options.size = minimum;
	ck_assert(jst_memory_init(&memory, base, store->program, &options));
	ck_assert_uint_ne(jst_memory_chunk(&memory, 0), 0);
	free(base);
	store_free(store);
}
END_TEST

START_TEST(the_heap_ends_at_the_permit)
{
	struct store *store = empty_store(8 << 20);
	struct jst_memory_header *header = store->memory.header;

	header->permit = header->heap_used + 200;
	const jst_ref first = jst_memory_take(&store->memory, 8), second = jst_memory_take(&store->memory, 65);
	ck_assert_uint_ne(first, 0);
	ck_assert_uint_eq((uint64_t)(second - first) * 8, 64);
	ck_assert_uint_eq(jst_memory_take(&store->memory, 64), 0);
	const uint64_t used = header->heap_used;
	for (int i = 0; i < 100; i++)
		ck_assert_uint_eq(jst_memory_take(&store->memory, 1 << 20), 0);
	ck_assert_uint_eq(header->heap_used, used); /* asking in vain does not move it */
	ck_assert_uint_eq(jst_memory_take(&store->memory, UINT64_MAX - 63), 0);
	header->permit = header->size;
	ck_assert_uint_ne(jst_memory_take(&store->memory, 64), 0);
	store_free(store);
}
END_TEST

START_TEST(chunks_are_zero_and_used_again)
{
	struct store *store = empty_store(16 << 20);
	struct jst_slot *slot = store_slot(store, 0);
	struct jst_bank *bank = jst_slot_bank(&store->memory, slot);
	jst_ref refs[64];
	unsigned chunks = 0;

	for (uint64_t i = 0; i < 5000; i++) {
		const uint64_t key[2] = { JST_INT, i };
		struct jst_cell *cell = jst_cell_find(&store->memory, slot, bank, 3, key, sizeof(key), 1, 64);
		memset(jst_cell_state(cell), 0xff, 64);
	}
	for (jst_ref ref = bank->first_chunk; ref; ref = ((struct jst_chunk *)jst_memory_at(&store->memory, ref))->next)
		refs[chunks++] = ref;
	ck_assert_uint_gt(chunks, 5);
	ck_assert_uint_eq(((struct jst_chunk *)jst_memory_at(&store->memory, refs[0]))->size, JST_CHUNK_MIN);
	ck_assert_uint_eq(((struct jst_chunk *)jst_memory_at(&store->memory, refs[chunks - 1]))->size, JST_CHUNK_MAX);

	const uint64_t used = store->memory.header->heap_used;
	jst_memory_recycle(&store->memory, bank, 4);
	ck_assert_uint_eq(bank->generation, 4);
	ck_assert_uint_eq(bank->state, JST_BANK_WRITING);
	ck_assert_uint_eq(bank->first_chunk, 0);
	for (unsigned i = 0; i < chunks; i++) {
		const struct jst_chunk *old = jst_memory_at(&store->memory, refs[i]);
		const jst_ref ref = jst_memory_chunk(&store->memory, (unsigned)__builtin_ctz(old->size / JST_CHUNK_MIN));
		const struct jst_chunk *chunk = jst_memory_at(&store->memory, ref);
		const unsigned char *bytes = (const unsigned char *)(chunk + 1);
		ck_assert_uint_eq(chunk->used, sizeof(*chunk));
		ck_assert_uint_eq(chunk->next, 0);
		for (uint32_t at = 0; at < chunk->size - sizeof(*chunk); at++)
			ck_assert_uint_eq(bytes[at], 0);
	}
	ck_assert_uint_eq(store->memory.header->heap_used, used);
	store_free(store);
}
END_TEST

START_TEST(a_slot_writes_the_bank_of_the_generation)
{
	struct store *store = empty_store(8 << 20);
	struct jst_slot *early = store_slot(store, 0);

	ck_assert_ptr_eq(jst_slot_bank(&store->memory, early), &early->banks[0]);
	store->memory.header->generation = 3;
	ck_assert_ptr_eq(jst_slot_bank(&store->memory, early), &early->banks[1]);
	store->memory.header->generation = 4; /* bank 0 was not recycled: the owner stays where it is */
	ck_assert_ptr_eq(jst_slot_bank(&store->memory, early), &early->banks[1]);
	jst_memory_recycle(&store->memory, &early->banks[0], 4);
	ck_assert_ptr_eq(jst_slot_bank(&store->memory, early), &early->banks[0]);

	struct jst_slot *late = store_slot(store, 1);
	ck_assert_uint_eq(late->banks[0].generation, 4);
	ck_assert_uint_eq(late->banks[1].generation, 5);
	jst_slot_open(&store->memory, late);
	ck_assert_uint_eq(late->banks[1].generation, 5);

	/* Left half open at generation 2, opened at 4: what the agent has seen stays. */
	struct jst_slot *half = &store->memory.slots[2];
	half->banks[1].generation = 3;
	jst_slot_open(&store->memory, half);
	ck_assert_uint_eq(half->banks[0].generation, 4);
	ck_assert_uint_eq(half->banks[1].generation, 3);
	ck_assert_ptr_eq(jst_slot_bank(&store->memory, half), &half->banks[0]);
	store_free(store);
}
END_TEST

/* Threads take chunks, write all over them and hand them to an agent that recycles: no chunk may be two threads' at once. */
struct taker {
	struct store *store;
	uint64_t mark;
	struct jst_bank bank;
	_Atomic int full;
	bool failed;
};

static void *take_chunks(void *context)
{
	struct taker *taker = context;

	for (int round = 0; round < 200; round++) {
		while (atomic_load(&taker->full))
			sched_yield();
		jst_ref last = 0;
		for (int i = 0; i < 5; i++) {
			const jst_ref ref = jst_memory_chunk(&taker->store->memory, (unsigned)i % 2);
			struct jst_chunk *chunk = jst_memory_at(&taker->store->memory, ref);
			uint64_t *words = (uint64_t *)(chunk + 1);
			if (!ref) {
				taker->failed = true;
				return NULL;
			}
			for (uint32_t w = 0; w < (chunk->size - sizeof(*chunk)) / 8; w++) {
				taker->failed |= words[w] != 0;
				words[w] = taker->mark;
			}
			for (uint32_t w = 0; w < (chunk->size - sizeof(*chunk)) / 8; w++)
				taker->failed |= words[w] != taker->mark;
			atomic_store(&chunk->next, last);
			last = ref;
		}
		atomic_store(&taker->bank.first_chunk, last);
		atomic_store(&taker->full, 1);
	}
	return NULL;
}

START_TEST(no_chunk_is_given_twice)
{
	struct store *store = empty_store(8 << 20);
	struct taker takers[3] = { 0 };
	pthread_t threads[3];
	unsigned recycled = 0;

	for (int i = 0; i < 3; i++) {
		takers[i].store = store;
		takers[i].mark = 0x1111111111111111ULL * (unsigned)(i + 1);
		pthread_create(&threads[i], NULL, take_chunks, &takers[i]);
	}
	while (recycled < 3 * 200) {
		for (int i = 0; i < 3; i++) {
			if (!atomic_load(&takers[i].full))
				continue;
			jst_memory_recycle(&store->memory, &takers[i].bank, 9);
			atomic_store(&takers[i].full, 0);
			recycled++;
		}
		sched_yield();
	}
	for (int i = 0; i < 3; i++) {
		pthread_join(threads[i], NULL);
		ck_assert(!takers[i].failed);
	}
	ck_assert_uint_lt(store->memory.header->heap_used, store->memory.header->heap_offset + (1 << 20));
	store_free(store);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("memory");
	TCase *tests = tcase_create("memory");

	tcase_set_timeout(tests, 60);
	tcase_add_test(tests, layout_is_as_promised);
	tcase_add_test(tests, too_small_is_refused);
	tcase_add_test(tests, the_heap_ends_at_the_permit);
	tcase_add_test(tests, chunks_are_zero_and_used_again);
	tcase_add_test(tests, a_slot_writes_the_bank_of_the_generation);
	tcase_add_test(tests, no_chunk_is_given_twice);
	suite_add_tcase(suite, tests);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	const int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
