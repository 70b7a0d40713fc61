/*
 * Rings of records: see ring.h. The writer goes by its own head and by the tail it saw last; only when the ring seems full does it look at the reader's position.
 *
 * A record is written behind head, where the reader does not look, and head is release-stored after it; the reader's tail is acquired before what it gave back is written again.
 * So one writer and one reader need no more than that, and neither waits.
 */
#include "ring.h"

#include <string.h>

#include "cell.h"

enum {
	GROWTH = 4,      /* a ring that follows another is so many times as large */
	RINGS_MOST = 16, /* no thread has had more: the largest is 2^14 times the smallest */
};

_Static_assert(sizeof(struct jst_record) == 40 && sizeof(struct jst_ring) == 64, "shared layout");

/* The slot's ring, made by the first record. Context: probe, owner of the slot. */
static struct jst_ring *ring_of(struct jst_memory *memory, struct jst_slot *slot)
{
	jst_ref ref = atomic_load_explicit(&slot->ring, memory_order_relaxed);

	if (__builtin_expect(ref != 0, 1))
		return jst_memory_at(memory, ref);
	ref = jst_memory_take(memory, sizeof(struct jst_ring) + memory->header->ring_first);
	if (!ref)
		return NULL;
	struct jst_ring *ring = jst_memory_at(memory, ref);
	ring->size = memory->header->ring_first;
	/* Pairs with the acquire of whoever reads the slot. */
	atomic_store_explicit(&slot->ring, ref, memory_order_release);
	return ring;
}

/* A larger ring to go on in, from the head of a full one; NULL: there is none. One store makes it the slot's, so that an event that is left anywhere leaves one ring or the other. */
static struct jst_ring *grow(struct jst_memory *memory, struct jst_slot *slot, struct jst_ring *full)
{
	const struct jst_memory_header *header = memory->header;
	const uint64_t head = atomic_load_explicit(&full->head, memory_order_relaxed);
	const uint32_t size = full->size < header->ring_size / GROWTH ? full->size * GROWTH : header->ring_size;
	const uint64_t start = header->heap_offset, permit = atomic_load_explicit(&header->permit, memory_order_relaxed);

	/* Maps and aggregations must not lack what records that are read late may do without. */
	if (size <= full->size || permit < start || atomic_load_explicit(&header->heap_used, memory_order_relaxed) - start + size > (permit - start) / 2)
		return NULL;
	const jst_ref ref = jst_memory_take(memory, sizeof(struct jst_ring) + size);
	if (!ref)
		return NULL;
	struct jst_ring *ring = jst_memory_at(memory, ref);
	ring->size = size;
	ring->before = jst_memory_ref(memory, full);
	ring->tail_seen = full->tail_seen; /* what lies unread in the full ring takes room here too, which is a little less than there is */
	atomic_store_explicit(&ring->head, head, memory_order_relaxed);
	/* Pairs with the acquire of whoever reads the slot: who sees it sees the last head of the full ring, too. */
	atomic_store_explicit(&slot->ring, ref, memory_order_release);
	return ring;
}

/* Whether need bytes are free. */
static bool has_room(struct jst_ring *ring, uint64_t head, uint64_t need, const _Atomic uint64_t *tail)
{
	if (head - ring->tail_seen + need <= ring->size)
		return true;
	if (!tail)
		return false;
	/* Pairs with the reader's release of its position. It lies in memory that the reader may write as it likes: what cannot be is as good as full. */
	const uint64_t position = atomic_load_explicit(tail, memory_order_acquire);
	if (position > head || head - position > ring->size || position & 7)
		return false;
	ring->tail_seen = position;
	return head - position + need <= ring->size;
}

/* Whether the record finds room in the ring; where it goes round, *skip bytes are left out before it. */
static bool finds_room(struct jst_ring *ring, uint64_t head, uint64_t size, const _Atomic uint64_t *tail, uint64_t *skip)
{
	const uint64_t place = head & (ring->size - 1);

	*skip = place + size > ring->size ? ring->size - place : 0;
	return size <= ring->size && has_room(ring, head, *skip + size, tail);
}

/* The place of a record of that size behind head, which is moved on to it; NULL: there is none, which was counted. */
static unsigned char *find_place(struct jst_memory *memory, struct jst_slot *slot, const _Atomic uint64_t *tails, uint64_t size, struct jst_ring **ring, uint64_t *head)
{
	const _Atomic uint64_t *tail = tails ? &tails[slot - memory->slots] : NULL;
	uint64_t skip = 0;

	*ring = ring_of(memory, slot);
	*head = *ring ? atomic_load_explicit(&(*ring)->head, memory_order_relaxed) : 0;
	while (*ring && !finds_room(*ring, *head, size, tail, &skip))
		*ring = grow(memory, slot, *ring);
	if (!*ring) {
		jst_slot_lose(slot, JST_LOSS_RECORDS);
		return NULL;
	}
	if (skip) {
		/* No record wraps; the first two words of a header fit wherever one may begin. */
		const uint32_t filler[2] = { (uint32_t)skip, JST_RECORD_SKIP };
		memcpy((*ring)->data + (*head & ((*ring)->size - 1)), filler, sizeof(filler));
		*head += skip;
	}
	return (*ring)->data + (*head & ((*ring)->size - 1));
}

uint64_t jst_record_size(const struct jst_memory *memory, const struct jst_value *values, uint32_t count)
{
	return sizeof(struct jst_record) + (uint64_t)jst_key_size(values, count, memory->header->string_size);
}

/* The header of a record of that size whose values are written. */
static inline void write_header(struct jst_slot *slot, struct jst_record *at, uint32_t size, const struct jst_record *record, uint32_t count, bool cut)
{
	/* Word by word: the caller stored it so just now, and wider loads would wait for that. */
	at->size = size;
	at->index = record->index;
	at->now = record->now;
	at->timestamp = record->timestamp;
	at->tid = record->tid;
	at->site = record->site;
	at->values = (uint16_t)count;
	at->flags = record->flags;
	at->reserved = record->reserved;
	if (__builtin_expect(cut, 0)) {
		at->flags |= JST_RECORD_CUT;
		jst_slot_lose(slot, JST_LOSS_STRINGS);
	}
}

void jst_record_encode(const struct jst_memory *memory, struct jst_slot *slot, void *at, uint32_t size, struct jst_record record, const struct jst_value *values, uint32_t count)
{
	bool cut = false;

	jst_key_encode((unsigned char *)at + sizeof(record), size - (uint32_t)sizeof(record), values, count, memory->header->string_size, &cut);
	write_header(slot, at, size, &record, count, cut);
}

/* Where the record has to look for room, or go round. */
static __attribute__((noinline)) bool write_slowly(struct jst_memory *memory, struct jst_slot *slot, const _Atomic uint64_t *tails, const struct jst_record *record,
                                                   const struct jst_value *values, uint32_t count)
{
	const uint64_t size = jst_record_size(memory, values, count);
	struct jst_ring *ring;
	uint64_t head;
	unsigned char *at = find_place(memory, slot, tails, size, &ring, &head);

	if (!at)
		return false;
	jst_record_encode(memory, slot, at, (uint32_t)size, *record, values, count);
	/* Pairs with the acquire in jst_ring_read(). */
	atomic_store_explicit(&ring->head, head + size, memory_order_release);
	return true;
}

/* The values are encoded where they belong before their size is known: what is behind head and was given back is the writer's. Only if that cannot be, or they do not fit there, is the size asked for. */
bool jst_ring_write(struct jst_memory *memory, struct jst_slot *slot, const _Atomic uint64_t *tails, struct jst_record record, const struct jst_value *values, uint32_t count)
{
	const jst_ref ref = atomic_load_explicit(&slot->ring, memory_order_relaxed);
	struct jst_ring *ring = jst_memory_at(memory, ref);

	if (__builtin_expect(!ref, 0))
		return write_slowly(memory, slot, tails, &record, values, count);
	const uint64_t head = atomic_load_explicit(&ring->head, memory_order_relaxed);
	const uint64_t place = head & (ring->size - 1);
	const uint64_t to_end = ring->size - place, free = ring->size - (head - ring->tail_seen);
	const uint64_t room = to_end < free ? to_end : free;
	if (__builtin_expect(room < sizeof(record), 0))
		return write_slowly(memory, slot, tails, &record, values, count);
	unsigned char *at = ring->data + place;
	const uint32_t payload = jst_key_encode_short(at + sizeof(record), (uint32_t)(room - sizeof(record)), values, count, memory->header->string_size);
	if (__builtin_expect(!payload, 0))
		return write_slowly(memory, slot, tails, &record, values, count);
	const uint32_t size = (uint32_t)sizeof(record) + payload;
	write_header(slot, (struct jst_record *)at, size, &record, count, false);
	/* Pairs with the acquire in jst_ring_read(). */
	atomic_store_explicit(&ring->head, head + size, memory_order_release);
	return true;
}

bool jst_ring_append(struct jst_memory *memory, struct jst_slot *slot, const _Atomic uint64_t *tails, const void *record, uint32_t size)
{
	struct jst_ring *ring;
	uint64_t head;
	unsigned char *at = find_place(memory, slot, tails, size, &ring, &head);

	if (!at)
		return false;
	memcpy(at, record, size);
	/* Pairs with the acquire in jst_ring_read(). */
	atomic_store_explicit(&ring->head, head + size, memory_order_release);
	return true;
}

/* The ring, if it lies within the memory and has a size that can be. */
static const struct jst_ring *find_ring(const struct jst_ring_reader *reader, jst_ref ref, uint64_t *size)
{
	const uint64_t offset = (uint64_t)ref * 8;

	if (!ref || offset % _Alignof(struct jst_ring) || offset > reader->size || reader->size - offset < sizeof(struct jst_ring))
		return NULL;
	const struct jst_ring *ring = (const struct jst_ring *)(reader->base + offset);

	*size = *(const volatile uint32_t *)&ring->size;
	return *size < sizeof(struct jst_record) || *size & (*size - 1) || *size > reader->size - offset - sizeof(*ring) ? NULL : ring;
}

uint32_t jst_ring_size(const struct jst_ring_reader *reader, jst_ref ref)
{
	uint64_t size;

	return find_ring(reader, ref, &size) ? (uint32_t)size : 0;
}

/* Which of the rings up to the latest follows that one; of none: the first. What makes no sense ends it early. */
static jst_ref follower(const struct jst_ring_reader *reader, jst_ref ring, jst_ref latest)
{
	for (int i = 0; i < RINGS_MOST; i++) {
		uint64_t size;
		const struct jst_ring *at = find_ring(reader, latest, &size);
		const jst_ref before = at ? *(const volatile jst_ref *)&at->before : 0;

		if (!before || before == ring)
			break;
		latest = before;
	}
	return latest;
}

jst_ref jst_ring_follow(struct jst_ring_reader *reader, jst_ref latest)
{
	uint64_t size;

	if (reader->ring == latest)
		return latest;
	const struct jst_ring *ring = find_ring(reader, reader->ring, &size);

	/* It was left before latest became the slot's, so this head is its last. Pairs with the writer's release of it. */
	if (!ring || atomic_load_explicit(&ring->head, memory_order_acquire) == reader->tail)
		reader->ring = follower(reader, reader->ring, latest);
	return reader->ring;
}

/* What a reader may look at. */
struct span {
	const unsigned char *data; /* of the ring */
	uint64_t size;             /* of the ring, a power of two */
	uint64_t filled;           /* bytes from the reader's tail on that were written */
};

static bool find_filled(const struct jst_ring_reader *reader, jst_ref ref, struct span *span)
{
	uint64_t size;
	const struct jst_ring *ring = find_ring(reader, ref, &size);

	if (!ring)
		return false;
	/* Pairs with the writer's release of its new head. */
	const uint64_t head = atomic_load_explicit(&ring->head, memory_order_acquire);
	if (reader->tail & 7 || head & 7 || head - reader->tail > size)
		return false;
	*span = (struct span){ .data = ring->data, .size = size, .filled = head - reader->tail };
	return true;
}

int jst_ring_read(struct jst_ring_reader *reader, jst_ref ref, void *buffer, size_t room)
{
	struct span span;

	if (!find_filled(reader, ref, &span))
		return -1;
	while (span.filled) {
		const uint64_t place = reader->tail & (span.size - 1);
		const uint64_t to_end = span.size - place;
		const volatile uint32_t *words = (const volatile uint32_t *)(span.data + place);
		const uint32_t first[2] = { words[0], words[1] }; /* size and index, read once: what is checked is what is used */

		if (first[1] == JST_RECORD_SKIP) {
			if (first[0] != to_end || to_end > span.filled)
				return -1;
			reader->tail += to_end;
			span.filled -= to_end;
			continue;
		}
		if (first[0] < sizeof(struct jst_record) || first[0] & 7 || first[0] > to_end || first[0] > span.filled || first[0] > room || first[0] > INT32_MAX)
			return -1;
		memcpy(buffer, span.data + place, first[0]);
		memcpy(buffer, first, sizeof(first));
		reader->tail += first[0];
		return (int)first[0];
	}
	return 0;
}

int64_t jst_ring_take(struct jst_ring_reader *reader, jst_ref ref, void *buffer, size_t room)
{
	struct span span;

	if (!find_filled(reader, ref, &span))
		return -1;
	const uint64_t place = reader->tail & (span.size - 1);
	const uint64_t to_end = span.size - place;
	const uint64_t most = span.filled < to_end ? span.filled : to_end; /* no record wraps */
	const uint64_t copied = most < room ? most : room & ~(size_t)7;
	uint64_t taken = 0;

	memcpy(buffer, span.data + place, copied);
	while (taken < copied) {
		uint32_t first[2];

		memcpy(first, (const unsigned char *)buffer + taken, sizeof(first));
		if (first[1] == JST_RECORD_SKIP && first[0] == to_end - taken && to_end <= span.filled) {
			reader->tail += taken + first[0];
			return (int64_t)taken;
		}
		if (first[1] == JST_RECORD_SKIP || first[0] < sizeof(struct jst_record) || first[0] & 7 || first[0] > copied - taken)
			break;
		taken += first[0];
	}
	reader->tail += taken;
	return taken || !most ? (int64_t)taken : -1;
}
