/*
 * See gather.h. Records are copied out of the rings into one block first: what is printed is our copy, which the target cannot change any more, and the ring has its room again before anything is printed.
 *
 *     block: | records of one ring | of the next | …        runs: where in records each stretch begins that is in the order of time, as a ring's records are but for those that a commit() released
 *
 * Stretches that lie beside each other are merged two by two until one is left, so putting n records of k rings in order takes n log k steps, and none where one ring had them all.
 */
#include "gather.h"

#include <stdlib.h>
#include <string.h>

#include "mappings.h"
#include "messages.h"
#include "pace.h"
#include "record.h"

enum {
	BLOCK_MAX = 32 << 20, /* of records in one pass, bytes; more wait in their rings */
	IDLE_MAX = 16,
};

struct gathered {
	int64_t now;
	uint32_t place;          /* in the block, in units of 8 bytes */
	uint32_t source;
};

struct gather {
	const struct compiled *compiled;
	uint32_t ring_size;
	unsigned char *block;
	size_t used, room;
	struct gathered *records, *merged; /* room for records_room each */
	size_t count, records_room;
	size_t *runs;            /* ends of the stretches in records; their starts are the ends before */
	size_t run_count, runs_room;
	struct target **sources; /* of the pass */
	uint32_t source_count, sources_room;
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
	free(gather->merged);
	free(gather->runs);
	free(gather->sources);
	free(gather);
}

/* The copied records of a ring, size bytes behind what the block holds. */
static void keep(struct gather *gather, size_t size)
{
	const size_t most = gather->count + size / sizeof(struct jst_record);
	int64_t last = INT64_MAX; /* a ring begins a stretch of its own */

	if (most > gather->records_room) {
		gather->records_room = most > 2 * gather->records_room ? most : 2 * gather->records_room;
		gather->records = message_resize(gather->records, gather->records_room, sizeof(*gather->records));
		gather->merged = message_resize(gather->merged, gather->records_room, sizeof(*gather->merged));
	}
	for (const size_t end = gather->used + size; gather->used < end;) {
		const struct jst_record *record = (const struct jst_record *)(gather->block + gather->used);

		if (record->now < last) {
			if (gather->run_count == gather->runs_room)
				gather->runs = message_resize(gather->runs, gather->runs_room = gather->runs_room ? gather->runs_room * 2 : 64, sizeof(*gather->runs));
			gather->run_count++;
		}
		last = record->now;
		gather->records[gather->count++] = (struct gathered){ .now = last, .place = (uint32_t)(gather->used / 8), .source = gather->source_count - 1 };
		gather->runs[gather->run_count - 1] = gather->count;
		gather->used += record->size;
	}
}

/* One slot's ring, or the last of them and the one that follows. How full it was, in parts of PACE_FULL. */
static uint32_t read_ring(struct gather *gather, struct target *target, uint32_t index, jst_ref latest)
{
	struct jst_ring_reader reader = { .base = target->view->base, .size = target->view->size, .tail = target->read_tails[index], .ring = target->read_rings[index] };
	const uint64_t before = reader.tail;
	int idle = 0; /* looks at a ring that held nothing more, of which there are as many as rings: not more, whatever they say follows them */
	uint64_t tail;
	jst_ref last;

	do {
		last = reader.ring;
		tail = reader.tail;

		const jst_ref ring = jst_ring_follow(&reader, latest);
		/* Once: it may say something else the next time. */
		const uint32_t holds = jst_ring_size(&reader, ring), room = holds <= gather->ring_size ? holds : gather->ring_size;

		if (!room) {
			target->broken[index] = true;
			target->malformed = true;
			break;
		}
		if (gather->room - gather->used < room)
			gather->block = message_resize(gather->block, gather->room = gather->room * 2 + room, 1);

		const int64_t size = jst_ring_take(&reader, ring, gather->block + gather->used, room);

		if (size < 0) {
			target->broken[index] = true;
			target->malformed = true;
			break;
		}
		if (size > 0)
			keep(gather, (size_t)size);
		idle += reader.tail == tail;
	} while ((reader.tail != tail || (reader.ring != last && idle < IDLE_MAX)) && reader.tail - before < gather->ring_size && gather->used < BLOCK_MAX);
	target->read_rings[index] = reader.ring;
	if (reader.tail == before)
		return 0;
	target->read_tails[index] = reader.tail;
	/* Pairs with the writer's acquire when its ring seems full: the records up to here were copied. */
	atomic_store_explicit(&target->tails[index], reader.tail, memory_order_release);

	const uint32_t holds = jst_ring_size(&reader, latest);
	const uint64_t filled = holds ? (reader.tail - before) * PACE_FULL / holds : PACE_FULL;

	return filled < PACE_FULL ? (uint32_t)filled : PACE_FULL;
}

static uint32_t read_target(struct gather *gather, struct target *target)
{
	const struct jst_memory_header *header = (const struct jst_memory_header *)target->view->base;
	const uint32_t slots_offset = *(const volatile uint32_t *)&header->slots_offset;
	const uint32_t slots = target_slots(target);
	uint32_t fullest = 0;

	if (slots_offset % 64 != 0 || slots_offset > target->view->size || (target->view->size - slots_offset) / sizeof(struct jst_slot) < slots) {
		target->malformed = true;
		return 0;
	}
	if (gather->source_count == gather->sources_room)
		gather->sources = message_resize(gather->sources, gather->sources_room = gather->sources_room ? gather->sources_room * 2 : 16, sizeof(*gather->sources));
	gather->sources[gather->source_count++] = target;
	for (uint32_t i = 0; i < slots && gather->used < BLOCK_MAX; i++) {
		const struct jst_slot *slot = (const struct jst_slot *)(target->view->base + slots_offset) + i;
		/* Pairs with the owner's release store of its new ring. */
		const jst_ref ring = atomic_load_explicit(&slot->ring, memory_order_acquire);

		if (ring && !target->broken[i]) {
			const uint32_t filled = read_ring(gather, target, i, ring);

			fullest = filled > fullest ? filled : fullest;
		}
	}
	/* What there was no room for waits in its ring, and may be much. */
	return gather->used < BLOCK_MAX ? fullest : PACE_FULL;
}

/* The stretches from `from` up to middle and from there to `to`, as one; of equal times the earlier place goes first. */
static void merge_two(const struct gathered *records, struct gathered *to, size_t from, size_t middle, size_t end)
{
	size_t left = from, right = middle;

	for (size_t at = from; at < end; at++)
		to[at] = right == end || (left < middle && records[left].now <= records[right].now) ? records[left++] : records[right++];
}

/* Puts the records into the order of their times, those with equal times as they were read. */
static void merge(struct gather *gather)
{
	while (gather->run_count > 1) {
		size_t from = 0, kept = 0;

		for (size_t i = 0; i < gather->run_count; i += 2) {
			const size_t middle = gather->runs[i], end = i + 1 < gather->run_count ? gather->runs[i + 1] : middle;

			merge_two(gather->records, gather->merged, from, middle, end);
			gather->runs[kept++] = from = end;
		}
		gather->run_count = kept;

		struct gathered *records = gather->merged;

		gather->merged = gather->records;
		gather->records = records;
	}
}

static void print(struct gather *gather, const struct gathered *gathered, struct output *output)
{
	struct target *target = gather->sources[gathered->source];
	const struct record_source source = { .pid = (int32_t)target->process.pid, .title = target->title, .hostname = target->hostname, .base = target->view->base, .size = target->view->size };
	const unsigned char *bytes = gather->block + (size_t)gathered->place * 8;
	struct record record;

	if (!record_decode(gather->compiled, bytes, ((const struct jst_record *)bytes)->size, &record) || record.compiled->type > RECORD_EVENT) {
		target->malformed = true;
		return;
	}
	mappings_resolve(target->view->mappings, record.values, record.count);
	record_print(output, &record, &source);
}

static void begin(struct gather *gather)
{
	gather->used = gather->count = gather->run_count = 0;
	gather->source_count = 0;
}

static size_t print_all(struct gather *gather, struct output *output)
{
	merge(gather);
	for (size_t i = 0; i < gather->count; i++)
		print(gather, &gather->records[i], output);
	if (gather->count)
		output_flush(output);
	return gather->count;
}

size_t gather_pass(struct gather *gather, struct target *targets, struct output *output, uint32_t *filled)
{
	begin(gather);
	*filled = 0;
	for (struct target *target = targets; target; target = target->next) {
		const uint32_t fullest = target_has_memory(target) ? read_target(gather, target) : 0;

		*filled = fullest > *filled ? fullest : *filled;
	}
	return print_all(gather, output);
}

void gather_rest(struct gather *gather, struct target *targets, struct target *ended, struct output *output)
{
	uint64_t taken = 0;
	uint32_t filled;

	gather_pass(gather, targets, output, &filled);
	if (!target_has_memory(ended))
		return;
	/* All its rings together are no larger than its memory; one that holds more goes on writing although it was stopped. */
	do {
		begin(gather);
		read_target(gather, ended);
		taken += gather->used;
	} while (print_all(gather, output) > 0 && taken < ended->view->size && !output->failed);
}
