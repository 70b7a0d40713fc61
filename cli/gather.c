/*
 * See gather.h. Records are copied out of the rings into one block first: what is printed is our copy, which the target cannot change any more.
 */
#include "gather.h"

#include <stdlib.h>
#include <string.h>

#include "mappings.h"
#include "messages.h"
#include "record.h"

enum {
	BLOCK_MAX = 32 << 20, /* of records in one pass, bytes; more wait in their rings */
};

struct gathered {
	int64_t now;
	uint64_t order;          /* of reading: keeps a thread's records in their order */
	size_t offset, size;     /* in the block */
	struct target *target;
};

struct gather {
	const struct compiled *compiled;
	uint32_t ring_size;
	unsigned char *block;
	size_t used, room;
	struct gathered *records;
	size_t count, records_room;
};

struct gather *gather_new(const struct compiled *compiled, uint32_t ring_size)
{
	struct gather *gather = message_allocate(1, sizeof(*gather));

	gather->compiled = compiled;
	gather->ring_size = ring_size;
	return gather;
}

void gather_free(struct gather *gather)
{
	if (!gather)
		return;
	free(gather->block);
	free(gather->records);
	free(gather);
}

static void keep(struct gather *gather, struct target *target, size_t size)
{
	const struct jst_record *record = (const struct jst_record *)(gather->block + gather->used);

	if (gather->count == gather->records_room)
		gather->records = message_resize(gather->records, gather->records_room = gather->records_room ? gather->records_room * 2 : 256, sizeof(*gather->records));
	gather->records[gather->count] = (struct gathered){ .now = record->now, .order = gather->count, .offset = gather->used, .size = size, .target = target };
	gather->count++;
	gather->used += (size + 7) / 8 * 8;
}

/* One ring. True if a quarter of it or more was waiting. */
static bool read_ring(struct gather *gather, struct target *target, uint32_t index, jst_ref ring)
{
	struct jst_ring_reader reader = { .base = target->view->base, .size = target->view->size, .tail = target->read_tails[index] };
	uint64_t taken = 0;

	if (ring % (_Alignof(struct jst_ring) / 8) != 0) {
		target->broken[index] = true;
		target->malformed = true;
		return false;
	}
	while (taken < gather->ring_size && gather->used < BLOCK_MAX) {
		if (gather->room - gather->used < gather->ring_size)
			gather->block = message_resize(gather->block, gather->room = gather->room * 2 + gather->ring_size, 1);

		int size = jst_ring_read(&reader, ring, gather->block + gather->used, gather->ring_size);

		if (size < 0 || (size > 0 && (size_t)size < sizeof(struct jst_record))) {
			target->broken[index] = true;
			target->malformed = true;
			break;
		}
		if (size == 0)
			break;
		taken += (uint64_t)size;
		keep(gather, target, (size_t)size);
	}
	if (reader.tail != target->read_tails[index]) {
		target->read_tails[index] = reader.tail;
		/* Pairs with the writer's acquire when its ring seems full: the records up to here were copied. */
		atomic_store_explicit(&target->tails[index], reader.tail, memory_order_release);
	}
	return taken >= gather->ring_size / 4;
}

static bool read_target(struct gather *gather, struct target *target)
{
	const struct jst_memory_header *header = (const struct jst_memory_header *)target->view->base;
	const uint32_t slots_offset = *(const volatile uint32_t *)&header->slots_offset;
	const uint32_t slots = target_slots(target);
	bool filling = false;

	if (slots_offset % 64 != 0 || slots_offset > target->view->size || (target->view->size - slots_offset) / sizeof(struct jst_slot) < slots) {
		target->malformed = true;
		return false;
	}
	for (uint32_t i = 0; i < slots; i++) {
		const struct jst_slot *slot = (const struct jst_slot *)(target->view->base + slots_offset) + i;
		/* Pairs with the owner's release store of its new ring. */
		const jst_ref ring = atomic_load_explicit(&slot->ring, memory_order_acquire);

		if (ring && !target->broken[i])
			filling |= read_ring(gather, target, i, ring);
	}
	return filling;
}

static int by_time(const void *a, const void *b)
{
	const struct gathered *x = a, *y = b;

	if (x->now != y->now)
		return x->now < y->now ? -1 : 1;
	return x->order < y->order ? -1 : x->order > y->order;
}

static void print(struct gather *gather, const struct gathered *gathered, struct output *output)
{
	struct target *target = gathered->target;
	const struct record_source source = { .pid = (int32_t)target->process.pid, .title = target->title, .hostname = target->hostname, .base = target->view->base, .size = target->view->size };
	struct record record;

	if (!record_decode(gather->compiled, gather->block + gathered->offset, gathered->size, &record) || record.compiled->type > RECORD_EVENT) {
		target->malformed = true;
		return;
	}
	mappings_resolve(target->view->mappings, record.values, record.count);
	record_print(output, &record, &source);
}

static size_t print_all(struct gather *gather, struct output *output)
{
	if (gather->count > 1)
		qsort(gather->records, gather->count, sizeof(*gather->records), by_time);
	for (size_t i = 0; i < gather->count; i++)
		print(gather, &gather->records[i], output);
	if (gather->count)
		output_flush(output);
	return gather->count;
}

size_t gather_pass(struct gather *gather, struct target *targets, struct output *output, bool *filling)
{
	gather->used = gather->count = 0;
	*filling = false;
	for (struct target *target = targets; target; target = target->next)
		if (target_has_memory(target))
			*filling |= read_target(gather, target);
	return print_all(gather, output);
}

void gather_rest(struct gather *gather, struct target *targets, struct target *ended, struct output *output)
{
	uint64_t taken = 0;
	bool filling;

	gather_pass(gather, targets, output, &filling);
	if (!target_has_memory(ended))
		return;
	/* All its rings together are no larger than its memory; one that holds more goes on writing although it was stopped. */
	do {
		gather->used = gather->count = 0;
		read_target(gather, ended);
		taken += gather->used;
	} while (print_all(gather, output) > 0 && taken < ended->view->size && !output->failed);
}
