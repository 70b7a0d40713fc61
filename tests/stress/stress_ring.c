/*
 * A ring with its writer at full speed and its reader beside it: every record arrives whole and in order, or was counted as dropped. It grows meanwhile, from 4 KiB to 64 KiB.
 */
#include <pthread.h>

#include "store.h"

#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
enum { RECORDS = 600000 };
#else
enum { RECORDS = 6000000 };
#endif

static struct store *store;
static struct jst_slot *slot;
static _Atomic uint64_t tails[4];
static _Atomic bool done;

static char letter_of(uint32_t index)
{
	return (char)('a' + index % 26);
}

static void *write_records(void *context)
{
	char text[256];

	(void)context;
	for (uint32_t i = 0; i < RECORDS; i++) {
		const uint32_t length = i * 37 % 200;
		const struct jst_value values[] = { jst_value_int(i), jst_value_string(text, length) };

		memset(text, letter_of(i), length);
		/* Every other stretch is written as fast as can be, the ones between as fast as the reader reads. */
		if (!jst_ring_write(&store->memory, slot, tails, (struct jst_record){ .index = i, .now = i }, values, 2) && i / 2000 % 2)
			sched_yield();
	}
	atomic_store(&done, true);
	return NULL;
}

static bool is_right(const void *buffer, int size, uint32_t *index)
{
	const struct jst_record *record = buffer;
	struct jst_value values[2];

	*index = record->index;
	if (record->now != record->index || !jst_key_decode(record + 1, (uint32_t)size - (uint32_t)sizeof(*record), values, 2) || values[0].i != record->index)
		return false;
	if (values[1].length != record->index * 37 % 200)
		return false;
	for (uint32_t i = 0; i < values[1].length; i++) {
		if (values[1].s[i] != letter_of(record->index))
			return false;
	}
	return true;
}

int main(void)
{
	static uint64_t buffer[512];
	pthread_t writer;
	uint64_t arrived = 0;
	int64_t last = -1;

	store = store_new(jst_builder_new(), 8 << 20, 256);
	store->memory.header->ring_size = 64 << 10;
	slot = store_slot(store, 2);
	struct jst_ring_reader reader = { .base = store->memory.base, .size = store->options.size };
	pthread_create(&writer, NULL, write_records, NULL);
	for (bool whole = false;; whole = !whole) {
		const bool ended = atomic_load(&done); /* before the look: what was written until then is seen */
		const jst_ref latest = atomic_load_explicit(&slot->ring, memory_order_acquire), ring_before = reader.ring, ring = latest ? jst_ring_follow(&reader, latest) : 0;
		const uint64_t before = reader.tail;
		const int64_t size = !ring ? 0 : whole ? jst_ring_take(&reader, ring, buffer, sizeof(buffer)) : jst_ring_read(&reader, ring, buffer, sizeof(buffer));

		if (size == 0 && reader.tail == before) {
			if (ended && reader.ring == ring_before)
				break;
			sched_yield();
			continue;
		}
		for (int64_t at = 0; at < size || size < 0; arrived++) {
			const struct jst_record *record = (const struct jst_record *)((const char *)buffer + at);
			uint32_t index = 0;

			if (size < 0 || !is_right(record, (int)record->size, &index) || (int64_t)index <= last) {
				fprintf(stderr, "stress_ring: after record %lld came %lld bytes that are not right (%u)\n", (long long)last, (long long)size, index);
				return 1;
			}
			last = index;
			at += record->size;
		}
		atomic_store_explicit(&tails[2], reader.tail, memory_order_release);
	}
	pthread_join(writer, NULL);
	const bool grew = jst_ring_size(&reader, reader.ring) == 64 << 10;
	const uint64_t dropped = store_lost(store, slot, JST_LOSS_RECORDS);
	store_free(store);
	if (arrived + dropped != RECORDS || arrived < RECORDS / 100 || !dropped || !grew) {
		fprintf(stderr, "stress_ring: %llu arrived, %llu dropped, of %d\n", (unsigned long long)arrived, (unsigned long long)dropped, RECORDS);
		return 1;
	}
	printf("stress_ring: %llu arrived, %llu dropped\n", (unsigned long long)arrived, (unsigned long long)dropped);
	return 0;
}
