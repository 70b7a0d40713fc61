/*
 * Speculations by several threads at once, in three parts. Each record that was held is shipped, dropped by a full ring, discarded, given up or still held at the end, and exactly one of these: the test keeps its own books, and no
 * record arrives twice.
 *
 *     shared   all threads hold, commit and discard under a few ids, so that nothing is given up
 *     own      each thread under an id of its own: they arrive in order
 *     crowded  one record an id, many more ids than entries, ended by any thread; now and then a thread leaves an event in the middle of writing, as the handler of a signal does by siglongjmp()
 */
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>

#include "speculation.h"
#include "store.h"

enum { THREADS = 4, SHARED_IDS = 24, RECORD_SIZE = sizeof(struct jst_record) + 32 };
#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
enum { STEPS = 40000 };
#else
enum { STEPS = 400000 };
#endif

enum part { SHARED, OWN, CROWDED };

struct worker {
	pthread_t thread;
	uint32_t index;
	uint64_t seed;
	struct jst_slot *slot;
	uint32_t made;                    /* records that it tried to hold */
	uint64_t held, refused, copied, discarded, midway;
	_Atomic unsigned char *arrived;   /* one a record made */
};

static struct store *store;
static struct jst_speculation_table *table;
static struct worker workers[THREADS];
static _Atomic uint64_t tails[THREADS];
static _Atomic uint32_t working;
static _Atomic int64_t next_id;
static enum part part;
static char *unreadable;
static __thread sigjmp_buf out_of_event;

static uint32_t pick(struct worker *worker, uint32_t below)
{
	worker->seed = worker->seed * 6364136223846793005ULL + 1442695040888963407ULL;
	return (uint32_t)(worker->seed >> 33) % below;
}

static void leave_event(int signal_number)
{
	(void)signal_number;
	siglongjmp(out_of_event, 1);
}

/* As session.c and, where the event was left in its middle, libjstrace/thread.c. */
static void enter(struct jst_slot *slot)
{
	atomic_store_explicit(&slot->inside, atomic_load_explicit(&slot->inside, memory_order_relaxed) + 1, memory_order_relaxed);
}

static void leave(struct jst_slot *slot)
{
	atomic_store_explicit(&slot->inside, atomic_load_explicit(&slot->inside, memory_order_relaxed) + 1, memory_order_release);
}

static struct jst_speculation_key key_of(struct worker *worker, int64_t id)
{
	const struct jst_value value = jst_value_int(id);

	return jst_speculation_key(&store->memory, worker->slot, &value);
}

static void hold(struct worker *worker, int64_t id, const char *text)
{
	const struct jst_speculation_key key = key_of(worker, id);
	const struct jst_value values[] = { jst_value_int(id), jst_value_string(text, 4) };
	const struct jst_record record = { .index = worker->made, .now = (int64_t)worker->made + 1, .tid = (int32_t)worker->index };

	worker->made++;
	if (jst_speculation_hold(&store->memory, worker->slot, &key, &record, values, 2))
		worker->held++;
	else
		worker->refused++;
}

static void hold_and_leave(struct worker *worker, int64_t id)
{
	if (sigsetjmp(out_of_event, 1) == 0)
		hold(worker, id, unreadable);
	else
		worker->midway++;
}

static void end(struct worker *worker, int64_t id, bool ships)
{
	const struct jst_speculation_key key = key_of(worker, id);

	if (ships)
		worker->copied += jst_speculation_commit(&store->memory, worker->slot, tails, &key) / RECORD_SIZE;
	else
		worker->discarded += jst_speculation_discard(&store->memory, worker->slot, &key);
}

static void step(struct worker *worker, uint32_t i)
{
	const uint32_t what = pick(worker, 20);

	switch (part) {
	case SHARED: {
		const int64_t id = pick(worker, SHARED_IDS);

		if (what < 14)
			hold(worker, id, "abcd");
		else
			end(worker, id, what < 18);
		break;
	}
	case OWN:
		/* Seldom ended, so that entries fill. */
		if (what < 19)
			hold(worker, worker->index, "abcd");
		else
			end(worker, worker->index, pick(worker, 4) != 0);
		break;
	case CROWDED:
		if (i % 500 == 499)
			hold_and_leave(worker, atomic_fetch_add(&next_id, 1));
		else if (what < 14)
			hold(worker, atomic_fetch_add(&next_id, 1), "abcd");
		else
			end(worker, atomic_load(&next_id) - 1 - pick(worker, 64), what < 18);
		break;
	}
}

static void *work(void *context)
{
	struct worker *worker = context;

	for (uint32_t i = 0; i < STEPS; i++) {
		enter(worker->slot);
		step(worker, i);
		leave(worker->slot);
		/* So that the reader comes by, also on one processor. */
		if (i % 256 == 0)
			sched_yield();
	}
	atomic_fetch_sub(&working, 1);
	return NULL;
}

static void wrong(const char *what, uint64_t a, uint64_t b)
{
	fprintf(stderr, "stress_speculation, part %d: %s: %llu, %llu\n", (int)part, what, (unsigned long long)a, (unsigned long long)b);
	exit(1);
}

/* Reads what lies in the ring; returns the number of records. */
static uint64_t drain(struct jst_ring_reader *reader, uint32_t ring_of, int64_t *last)
{
	static union { struct jst_record record; uint64_t words[64]; } buffer;
	const jst_ref ring = atomic_load_explicit(&workers[ring_of].slot->ring, memory_order_acquire);
	struct jst_value values[2];
	uint64_t count = 0;
	int size;

	while (ring && (size = jst_ring_read(reader, ring, &buffer, sizeof(buffer))) != 0) {
		const struct jst_record *record = &buffer.record;

		if (size != RECORD_SIZE || (uint32_t)record->tid >= THREADS || record->index >= STEPS || record->now != (int64_t)record->index + 1 ||
		    !jst_key_decode(record + 1, (uint32_t)size - (uint32_t)sizeof(*record), values, 2) || values[1].length != 4 || memcmp(values[1].s, "abcd", 4) != 0)
			wrong("a record is not right", (uint64_t)size, record->index);
		if (atomic_fetch_add(&workers[record->tid].arrived[record->index], 1))
			wrong("a record came twice", (uint64_t)record->tid, record->index);
		if (part == OWN && ((uint32_t)record->tid != ring_of || values[0].i != record->tid || record->index <= *last))
			wrong("a record came out of order", record->index, (uint64_t)*last);
		*last = record->index;
		atomic_store_explicit(&tails[ring_of], reader->tail, memory_order_release);
		count++;
	}
	return count;
}

/* What nobody ended. */
static uint64_t still_held(void)
{
	uint64_t count = 0;

	for (uint32_t i = 0; i < table->sets * JST_SPECULATION_WAYS; i++) {
		const struct jst_speculation *entry = &table->entries[i];

		if (atomic_load(&entry->key[0]))
			count += part == CROWDED ? 1 : entry->records;
		if (part != CROWDED && atomic_load(&entry->owner))
			wrong("an entry has an owner at the end", i, atomic_load(&entry->owner));
	}
	return count;
}

static uint64_t lost(enum jst_loss loss)
{
	uint64_t sum = 0;

	for (uint32_t i = 0; i < THREADS; i++)
		sum += store_lost(store, workers[i].slot, loss);
	return sum;
}

static void open_store(void)
{
	struct jst_builder *builder = jst_builder_new();

	jst_builder_clause(builder);
	jst_builder_registers(builder, 1);
	jst_builder_insn(builder, (struct jst_insn){ .op = JST_OP_NIL });
	jst_builder_insn(builder, (struct jst_insn){ .op = JST_OP_SPECULATE });
	store = store_new(builder, 8 << 20, 64);
	table = jst_memory_at(&store->memory, store->memory.header->speculations);
}

static void run(enum part which)
{
	struct jst_ring_reader readers[THREADS];
	int64_t last[THREADS];
	uint64_t arrived = 0, made = 0, held = 0, refused = 0, copied = 0, discarded = 0, midway = 0;

	part = which;
	open_store();
	atomic_store(&working, THREADS);
	atomic_store(&next_id, 1000);
	for (uint32_t i = 0; i < THREADS; i++) {
		workers[i] = (struct worker){ .index = i, .seed = i + 1, .slot = store_slot(store, i), .arrived = calloc(STEPS, 1) };
		readers[i] = (struct jst_ring_reader){ .base = store->memory.base, .size = store->options.size };
		last[i] = -1;
		atomic_store(&tails[i], 0);
	}
	for (uint32_t i = 0; i < THREADS; i++)
		pthread_create(&workers[i].thread, NULL, work, &workers[i]);
	for (bool ended = false; !ended;) {
		ended = atomic_load(&working) == 0; /* before the look: what was written until then is seen */
		for (uint32_t i = 0; i < THREADS; i++)
			arrived += drain(&readers[i], i, &last[i]);
		sched_yield();
	}
	for (uint32_t i = 0; i < THREADS; i++) {
		pthread_join(workers[i].thread, NULL);
		made += workers[i].made;
		held += workers[i].held;
		refused += workers[i].refused;
		copied += workers[i].copied;
		discarded += workers[i].discarded;
		midway += workers[i].midway;
	}
	const uint64_t given_up = lost(JST_LOSS_SPECULATIONS), dropped = lost(JST_LOSS_RECORDS), full = lost(JST_LOSS_HELD), busy = lost(JST_LOSS_HELD_BUSY), left = still_held();

	printf("stress_speculation, part %d: %llu made, %llu arrived, %llu dropped, %llu discarded, %llu given up, %llu left; %llu in full entries, %llu busy, %llu left midway\n", (int)part, (unsigned long long)made,
	       (unsigned long long)arrived, (unsigned long long)dropped, (unsigned long long)discarded, (unsigned long long)given_up, (unsigned long long)left, (unsigned long long)full, (unsigned long long)busy,
	       (unsigned long long)midway);
	if (made != held + refused + midway)
		wrong("made, and what became of it", made, held + refused + midway);
	if (copied != arrived + dropped)
		wrong("committed, and arrived or dropped", copied, arrived + dropped);
	if (held + midway != copied + discarded + given_up + left)
		wrong("held, and what became of it", held + midway, copied + discarded + given_up + left);
	/* What was refused was counted, and besides that only ends that found others at work. */
	if (refused < full || refused > full + busy || (part == OWN && busy))
		wrong("refused, and counted", refused, full + busy);
	if (part != CROWDED ? given_up || midway : !given_up || !midway)
		wrong("given up, and left midway", given_up, midway);
	if (part == OWN && !full)
		wrong("entries never filled", full, 0);
	if (!arrived || !discarded)
		wrong("arrived, and discarded", arrived, discarded);
	for (uint32_t i = 0; i < THREADS; i++)
		free((void *)workers[i].arrived);
	store_free(store);
}

int main(void)
{
	unreadable = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	signal(SIGSEGV, leave_event);
	run(SHARED);
	run(OWN);
	run(CROWDED);
	return 0;
}
