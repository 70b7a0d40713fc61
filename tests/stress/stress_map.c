/*
 * Maps under several threads at once: sums of additions are exact, entries handed from one thread to another all arrive, values are never torn, and no key is there twice.
 *
 * Each part runs threads over one kind of map and then looks at what is left. Exits 0 if all was right, 1 with a line that says what was not.
 */
#include <pthread.h>
#include <stdarg.h>

#include "hash.h"
#include "map_table.h"
#include "store.h"

#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
enum { ROUNDS = 24000, HANDED = 40000 };
#else
enum { ROUNDS = 400000, HANDED = 800000 };
#endif
enum { THREADS = 4, KEYS = 48, OWN = 512, FILLERS = 250 };

enum { WORDS, GENERAL, SCALAR, TEXT, SPAN, MAPS };

static _Atomic bool failed;
static struct store *store;
static pthread_barrier_t start;

static void fail(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	fputs("stress_map: ", stderr);
	vfprintf(stderr, format, arguments);
	fputc('\n', stderr);
	va_end(arguments);
	atomic_store(&failed, true);
}

struct worker {
	uint32_t index;   /* also of its slot */
	uint32_t map;
	char scratch[4096];
	uint32_t used;
	struct jst_map_access access;
	uint64_t seed;
	int64_t added[KEYS];
	_Atomic int64_t handed;   /* ids up to this may be taken */
	_Atomic int64_t taken;    /* ids up to this were */
};

static struct worker workers[THREADS];

static uint64_t next_random(struct worker *worker)
{
	worker->seed = worker->seed * 6364136223846793005ULL + 1442695040888963407ULL;
	return worker->seed >> 33;
}

/* Integers that meet in the first two of the first level's 32 windows, and overflow them. */
static int64_t crowd[KEYS + THREADS * OWN];

static void fill_crowd(void)
{
	unsigned found = 0;

	for (int64_t i = 0; found < sizeof(crowd) / sizeof(crowd[0]); i++) {
		if ((jst_map_place(jst_map_salted((uint64_t)i)) & 31) < 2)
			crowd[found++] = i;
	}
}

/* Keys of the general map are strings, so that they live in blocks. */
static struct jst_value key_of(const struct worker *worker, uint64_t number, char text[32])
{
	if (worker->map == WORDS)
		return jst_value_int(crowd[number]);
	if (worker->map != GENERAL && worker->map != TEXT)
		return jst_value_int((int64_t)number);
	return jst_value_string(text, (uint32_t)snprintf(text, 32, "key %llu", (unsigned long long)number));
}

static void run(uint32_t map, void *(*body)(void *))
{
	pthread_t threads[THREADS];

	pthread_barrier_init(&start, NULL, THREADS);
	for (uint32_t i = 0; i < THREADS; i++) {
		struct worker *worker = &workers[i];
		memset(worker, 0, sizeof(*worker));
		worker->index = i;
		worker->map = map;
		worker->seed = 88172645463325252ULL * (i + 1);
		worker->access = store_map(store, i, map, worker->scratch, sizeof(worker->scratch), &worker->used);
		pthread_create(&threads[i], NULL, body, worker);
	}
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	pthread_barrier_destroy(&start);
}

static uint64_t lost(enum jst_loss loss)
{
	uint64_t total = 0;

	for (uint32_t i = 0; i < THREADS; i++)
		total += store_lost(store, store_slot(store, i), loss);
	return total;
}

/*
 * Additions to a few keys by all, beside insertions and deletions of neighbours in the same windows, which make and fill holes: the case in which two threads can put one key into two slots.
 * A few keys are all added to; each thread has some of its own beside them that come and go.
 */
static void *add(void *context)
{
	struct worker *worker = context;
	char text[32], other[32];

	pthread_barrier_wait(&start);
	for (int i = 0; i < ROUNDS; i++) {
		const uint64_t which = next_random(worker) % KEYS;
		const struct jst_value key = key_of(worker, which, text);
		const struct jst_value own = key_of(worker, KEYS + worker->index * OWN + next_random(worker) % OWN, other);
		const int64_t amount = (int64_t)(next_random(worker) % 10) - 3;

		jst_map_set(&worker->access, &own, jst_value_int(i));
		jst_map_add(&worker->access, &key, jst_value_int(amount), 1);
		worker->added[which] += amount;
		worker->used = 0;
		if (jst_map_get(&worker->access, &own).i != i)
			fail("map %u: an entry of one thread alone reads %lld, not %d", worker->map, (long long)jst_map_get(&worker->access, &own).i, i);
		jst_map_delete(&worker->access, &own);
		if (jst_map_has(&worker->access, &own))
			fail("map %u: an entry is there after it was deleted", worker->map);
	}
	return NULL;
}

static int64_t entries;

static bool count_entry(void *context, const struct jst_value *keys, struct jst_value value)
{
	(void)context, (void)keys, (void)value;
	entries++;
	return true;
}

static void sums_are_exact(uint32_t map)
{
	char text[32];

	run(map, add);
	for (uint64_t k = 0; k < KEYS; k++) {
		int64_t expected = 0;
		const struct jst_value key = key_of(&workers[0], k, text);
		for (int i = 0; i < THREADS; i++)
			expected += workers[i].added[k];
		const struct jst_value value = jst_map_get(&workers[0].access, &key);
		if (value.kind != JST_INT || value.i != expected)
			fail("map %u: key %llu is %lld, not %lld", map, (unsigned long long)k, (long long)value.i, (long long)expected);
	}
	entries = 0;
	workers[0].used = 0;
	jst_map_each(&workers[0].access, count_entry, NULL);
	if (entries != KEYS)
		fail("map %u: %lld entries, not %d", map, (long long)entries, KEYS);
	for (uint64_t k = 0; k < KEYS; k++) {
		const struct jst_value key = key_of(&workers[0], k, text);
		jst_map_delete(&workers[0].access, &key);
	}
}

/* Insert, add, and take away the same few keys from all sides. What is left over once all keys are deleted must be nothing, and what was read must be whole. */
static void *churn(void *context)
{
	struct worker *worker = context;
	char text[32];

	pthread_barrier_wait(&start);
	for (int i = 0; i < ROUNDS; i++) {
		const uint64_t which = next_random(worker) % 12;
		const struct jst_value key = key_of(worker, which, text);

		worker->used = 0;
		switch (next_random(worker) % 4) {
		case 0:
			jst_map_set(&worker->access, &key, jst_value_int((int64_t)(which << 32)));
			break;
		case 1:
			jst_map_delete(&worker->access, &key);
			break;
		default: {
			const struct jst_value value = jst_map_get(&worker->access, &key);
			if (value.kind != JST_NIL && value.i >> 32 != (int64_t)which)
				fail("map %u: key %llu has the value %llx of another", worker->map, (unsigned long long)which, (unsigned long long)value.i);
		}
		}
	}
	return NULL;
}

static void nothing_stays(uint32_t map)
{
	char text[32];

	run(map, churn);
	for (uint64_t k = 0; k < KEYS; k++) {
		const struct jst_value key = key_of(&workers[0], k, text);
		jst_map_delete(&workers[0].access, &key);
	}
	entries = 0;
	workers[0].used = 0;
	jst_map_each(&workers[0].access, count_entry, NULL);
	if (entries)
		fail("map %u: %lld entries after all were deleted", map, (long long)entries);
}

static int64_t handed_count(const struct worker *worker)
{
	return worker->map == GENERAL ? HANDED / 4 : HANDED;
}

/* Spans: even threads start, odd ones end what their neighbour started. Every start must be found, and be the right one. */
static void *hand_over(void *context)
{
	struct worker *worker = context;
	struct worker *partner = &workers[worker->index ^ 1];
	char text[32];

	pthread_barrier_wait(&start);
	if (worker->index & 1) {
		for (int64_t i = 1; i <= handed_count(worker); i++) {
			while (atomic_load_explicit(&partner->handed, memory_order_acquire) < i)
				sched_yield();
			const struct jst_value key = key_of(worker, (uint64_t)i * THREADS + partner->index, text);
			worker->used = 0;
			const struct jst_value value = jst_map_get(&worker->access, &key);
			if (value.kind != JST_INT || value.i != i)
				fail("map %u: a start was lost: %lld, not %lld", worker->map, value.kind == JST_INT ? (long long)value.i : -1, (long long)i);
			jst_map_delete(&worker->access, &key);
			atomic_store_explicit(&worker->taken, i, memory_order_release);
		}
		return NULL;
	}
	for (int64_t i = 1; i <= handed_count(worker); i++) {
		while (i - atomic_load_explicit(&partner->taken, memory_order_acquire) > 200)
			sched_yield();
		const struct jst_value key = key_of(worker, (uint64_t)i * THREADS + worker->index, text);
		jst_map_set(&worker->access, &key, jst_value_int(i));
		atomic_store_explicit(&worker->handed, i, memory_order_release);
	}
	return NULL;
}

static void nothing_is_lost(uint32_t map)
{
	run(map, hand_over);
	entries = 0;
	workers[0].used = 0;
	jst_map_each(&workers[0].access, count_entry, NULL);
	if (entries)
		fail("map %u: %lld spans are left", map, (long long)entries);
}

/* Strings are whole: each is one letter many times, of a length that goes with the letter. */
static bool is_whole(struct jst_value value)
{
	if (value.kind != JST_STRING || value.length < 10 || value.length != 10 + (uint32_t)(value.s[0] - 'a') * 7)
		return false;
	for (uint32_t i = 1; i < value.length; i++) {
		if (value.s[i] != value.s[0])
			return false;
	}
	return true;
}

static void *write_strings(void *context)
{
	struct worker *worker = context;
	char text[32], letters[256];

	pthread_barrier_wait(&start);
	for (int i = 0; i < ROUNDS / 2; i++) {
		const struct jst_value key = key_of(worker, next_random(worker) % 4, text);
		const char letter = (char)('a' + next_random(worker) % 26);
		const uint32_t length = 10 + (uint32_t)(letter - 'a') * 7;

		memset(letters, letter, length);
		jst_map_set(&worker->access, &key, jst_value_string(letters, length));
		worker->used = 0;
		const struct jst_value value = jst_map_get(&worker->access, &key);
		if (value.kind != JST_NIL && !is_whole(value))
			fail("map %u: a string is not whole", worker->map);
		if (next_random(worker) % 8 == 0)
			jst_map_delete(&worker->access, &key);
	}
	return NULL;
}

static void *concatenate(void *context)
{
	struct worker *worker = context;
	char text[32];

	pthread_barrier_wait(&start);
	for (int i = 0; i < 100; i++) {
		const struct jst_value key = key_of(worker, 77, text);
		const char letter = (char)('a' + worker->index);
		jst_map_add(&worker->access, &key, jst_value_string(&letter, 1), 1);
	}
	return NULL;
}

static void strings_are_whole(uint32_t map)
{
	char text[32];
	uint32_t letters[THREADS] = { 0 };

	run(map, write_strings);
	if (map == SCALAR)
		jst_map_delete(&workers[0].access, NULL);
	run(map, concatenate);
	const struct jst_value key = key_of(&workers[0], 77, text);
	workers[0].used = 0;
	const struct jst_value value = jst_map_get(&workers[0].access, &key);
	for (uint32_t i = 0; value.kind == JST_STRING && i < value.length; i++)
		letters[(value.s[i] - 'a') % THREADS]++;
	for (uint32_t i = 0; i < THREADS; i++) {
		if (letters[i] != 100)
			fail("map %u: %u of 100 letters of thread %u arrived", map, letters[i], i);
	}
}

int main(void)
{
	struct jst_builder *builder = jst_builder_new();

	jst_builder_map(builder, JST_MAP_INT, 1);
	jst_builder_map(builder, 0, 1);
	jst_builder_map(builder, 0, 0);
	jst_builder_map(builder, 0, 1);
	jst_builder_map(builder, JST_MAP_INT | JST_MAP_SPAN, 1);
	/* Small and with many maps, so that first levels have few windows and threads meet in them. */
	for (int i = 0; i < FILLERS; i++)
		jst_builder_map(builder, JST_MAP_INT, 1);
	fill_crowd();
	store = store_new(builder, 6 << 20, 1024);

	sums_are_exact(WORDS);
	sums_are_exact(GENERAL);
	nothing_stays(WORDS);
	nothing_stays(GENERAL);
	nothing_is_lost(SPAN);
	nothing_is_lost(GENERAL);
	strings_are_whole(TEXT);
	strings_are_whole(SCALAR);

	const uint64_t contention = lost(JST_LOSS_CONTENTION), entries_lost = lost(JST_LOSS_ENTRIES), spans = lost(JST_LOSS_SPANS);
	if (contention || entries_lost || spans)
		fail("%llu given up, %llu turned away, %llu evicted", (unsigned long long)contention, (unsigned long long)entries_lost, (unsigned long long)spans);
	store_free(store);
	if (!atomic_load(&failed))
		printf("stress_map: %d threads, %d rounds: right\n", THREADS, ROUNDS);
	return atomic_load(&failed);
}
