/*
 * Two banks and a flip: threads count events while an agent changes the generation, closes the banks whose owners it saw outside, reads and recycles them.
 * Each event must be in exactly one interval, and in each closed bank what one event changes must agree: so many counts, so many values in the histogram.
 * Now and then a thread stays inside an event longer than the agent waits: its bank is then left for a later interval.
 *
 * The agent's protocol is that of the real one: store the generation, membarrier, then read each thread's sequence.
 */
#include <linux/membarrier.h>
#include <pthread.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "store.h"

#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
enum { EVENTS = 400000 };
#else
enum { EVENTS = 10000000 };
#endif
enum { INTERVALS = 100, THREADS = 3, KEYS = 50, PATIENCE = 2000, LINGER = 20000 };
enum { BY_KEY, VALUES };

static struct store *store;
static const struct jst_aggregation_decl *decls;

struct thread {
	_Alignas(64) _Atomic uint64_t sequence; /* odd inside an event */
	uint32_t index;
	uint64_t key[KEYS];
	uint64_t events;
	__int128 sum;
};

static struct thread threads[THREADS];
static _Atomic uint32_t running = THREADS, intervals;

struct interval {
	uint64_t events, stragglers, banks;
	uint64_t key[KEYS];
	__int128 sum;
};

static void *write_events(void *context)
{
	struct thread *thread = context;
	struct jst_slot *slot = &store->memory.slots[thread->index];
	uint64_t scratch[32], seed = thread->index + 1;

	for (int i = 0; i < EVENTS || (i < 100 * EVENTS && atomic_load_explicit(&intervals, memory_order_relaxed) < INTERVALS); i++) {
		seed = seed * 6364136223846793005ULL + 1442695040888963407ULL;
		const struct jst_value key = jst_value_int((int64_t)(seed >> 33) % KEYS);
		const uint64_t sequence = atomic_load_explicit(&thread->sequence, memory_order_relaxed);

		/* The agent's membarrier stands between this store and the loads that follow. */
		atomic_store_explicit(&thread->sequence, sequence + 1, memory_order_relaxed);
		atomic_signal_fence(memory_order_seq_cst);
		jst_slot_open(&store->memory, slot);
		struct jst_update update = { .memory = &store->memory, .slot = slot, .bank = jst_slot_bank(&store->memory, slot), .scratch = scratch, .room = sizeof(scratch) };
		update.index = BY_KEY;
		update.decl = &decls[BY_KEY];
		jst_aggregation_update(&update, &key, jst_value_nil());
		for (volatile int linger = (seed >> 40) % 5000 == 0 ? LINGER * 20 : 0; linger > 0; linger--) {
		}
		update.index = VALUES;
		update.decl = &decls[VALUES];
		jst_aggregation_update(&update, NULL, jst_value_int(i));
		/* Pairs with the agent's acquire. */
		atomic_store_explicit(&thread->sequence, sequence + 2, memory_order_release);
		thread->key[key.i]++;
		thread->events++;
		thread->sum += i;
	}
	atomic_fetch_sub(&running, 1);
	return NULL;
}

static bool read_bank(const struct jst_bank *bank, struct interval *interval)
{
	struct jst_result values, count;
	const struct jst_source source = { .hostname = "" };
	uint64_t counted = 0;

	jst_result_init(&values, &decls[VALUES]);
	for (jst_ref ref = atomic_load_explicit(&bank->first_chunk, memory_order_acquire); ref;) {
		struct jst_chunk *chunk = jst_memory_at(&store->memory, ref);
		const uint32_t used = atomic_load_explicit(&chunk->used, memory_order_acquire);
		for (uint32_t at = sizeof(*chunk); at < used;) {
			struct jst_cell *cell = (struct jst_cell *)((char *)chunk + at);
			const uint32_t state_size = cell->size - (uint32_t)sizeof(*cell) - cell->key_size;
			struct jst_value key;
			at += cell->size;
			if (cell->type == JST_CELL_ROW) {
				jst_result_add_row(&values, &decls[VALUES], cell, cell->size);
			} else if (cell->type == JST_CELL_STATE && cell->aggregation == VALUES) {
				jst_result_add_state(&values, &decls[VALUES], jst_cell_state(cell), state_size, &source);
			} else if (cell->type == JST_CELL_STATE) {
				jst_result_init(&count, &decls[BY_KEY]);
				jst_result_add_state(&count, &decls[BY_KEY], jst_cell_state(cell), state_size, &source);
				jst_key_decode(jst_cell_key(cell), cell->key_size, &key, 1);
				interval->key[key.i] += count.count;
				counted += count.count;
			}
		}
		ref = atomic_load_explicit(&chunk->next, memory_order_acquire);
	}
	const bool agree = counted == values.count;
	if (!agree)
		fprintf(stderr, "stress_bank: generation %u: %llu counted, %llu values\n", bank->generation, (unsigned long long)counted, (unsigned long long)values.count);
	interval->events += counted;
	interval->sum += values.sum.integers;
	jst_result_fini(&values);
	return agree;
}

static bool seen_outside(const struct thread *thread)
{
	const uint64_t first = atomic_load_explicit(&thread->sequence, memory_order_acquire);

	for (int i = 0; first & 1 && i < PATIENCE; i++) {
		if (atomic_load_explicit(&thread->sequence, memory_order_acquire) != first)
			return true;
	}
	return !(first & 1);
}

/* One interval: flips, closes, reads what is closed, recycles it. */
static bool flip(struct interval *interval)
{
	struct jst_memory_header *header = store->memory.header;
	const uint32_t generation = atomic_load_explicit(&header->generation, memory_order_relaxed) + 1;
	bool right = true;

	atomic_store_explicit(&header->generation, generation, memory_order_relaxed);
	syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0, 0);
	for (int i = 0; i < THREADS; i++) {
		struct jst_slot *slot = &store->memory.slots[i];
		if (!seen_outside(&threads[i])) {
			interval->stragglers++;
			continue;
		}
		struct jst_bank *bank = jst_slot_bank(&store->memory, slot) == &slot->banks[0] ? &slot->banks[1] : &slot->banks[0];
		const uint32_t own = atomic_load_explicit(&bank->generation, memory_order_relaxed);
		if (!own || own >= generation)
			continue;
		atomic_store_explicit(&bank->state, JST_BANK_CLOSED, memory_order_release);
		interval->banks++;
		right &= read_bank(bank, interval);
		/* Its next turn: now, if the owner went on in the other one for want of it, else after the next flip. */
		const uint32_t parity = (uint32_t)(bank - slot->banks);
		jst_memory_recycle(&store->memory, bank, (generation & 1) == parity ? generation : generation + 1);
	}
	return right;
}

int main(void)
{
	const int64_t none[3] = { 0 }, bits[3] = { 4 };
	struct jst_builder *builder = jst_builder_new();
	struct interval total = { 0 };
	pthread_t ids[THREADS];
	bool right = true;

	if (syscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED, 0, 0)) {
		printf("stress_bank: no membarrier here\n");
		return 77;
	}
	jst_builder_aggregation(builder, JST_AGGREGATION_COUNT, 1, none);
	jst_builder_aggregation(builder, JST_AGGREGATION_HIST, 0, bits);
	store = store_new(builder, 8 << 20, 64);
	decls = jst_program_section(store->program, JST_SECTION_AGGREGATIONS);
	for (uint32_t i = 0; i < THREADS; i++) {
		threads[i].index = i;
		pthread_create(&ids[i], NULL, write_events, &threads[i]);
	}
	while (atomic_load(&running)) {
		right &= flip(&total);
		if (atomic_fetch_add(&intervals, 1) % 4 == 3)
			sched_yield();
	}
	for (int i = 0; i < THREADS; i++)
		pthread_join(ids[i], NULL);
	const uint64_t in_intervals = total.events;
	for (int i = 0; i < THREADS; i++) {
		for (int bank = 0; bank < JST_BANKS; bank++)
			right &= read_bank(&store->memory.slots[i].banks[bank], &total);
	}

	uint64_t expected = 0;
	__int128 sum = 0;
	for (int i = 0; i < THREADS; i++) {
		expected += threads[i].events;
		sum += threads[i].sum;
	}
	if (total.events != expected || total.sum != sum) {
		fprintf(stderr, "stress_bank: %llu events of %llu\n", (unsigned long long)total.events, (unsigned long long)expected);
		right = false;
	}
	for (int k = 0; k < KEYS; k++) {
		uint64_t counted = 0;
		for (int i = 0; i < THREADS; i++)
			counted += threads[i].key[k];
		if (total.key[k] != counted) {
			fprintf(stderr, "stress_bank: key %d: %llu of %llu\n", k, (unsigned long long)total.key[k], (unsigned long long)counted);
			right = false;
		}
	}
	for (int i = 0; i < THREADS; i++)
		right &= store_lost(store, &store->memory.slots[i], JST_LOSS_CELLS) == 0;
	if (atomic_load(&intervals) < INTERVALS || in_intervals == 0) {
		fprintf(stderr, "stress_bank: only %u intervals, %llu events in them\n", atomic_load(&intervals), (unsigned long long)in_intervals);
		right = false;
	}
	printf("stress_bank: %u intervals, %llu banks, %llu stragglers, %llu of %llu events before the end\n", atomic_load(&intervals), (unsigned long long)total.banks,
	       (unsigned long long)total.stragglers, (unsigned long long)in_intervals, (unsigned long long)expected);
	store_free(store);
	return !right;
}
