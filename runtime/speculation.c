/*
 * Speculations: see speculation.h. Who may touch an entry, and why that is safe.
 *
 * An entry is taken by swapping its `owner` from 0 to (slot, inside): the thread's slot and the count that this slot's `inside` has during the present event (session.c). It is given back by storing 0. The swap acquires and the store
 * releases, so owners come one after the other, and each sees what the one before did.
 *
 * A signal handler may leave an event by siglongjmp() in the middle of all this, and the entry then has an owner that will never give it back. It can be told from one that is at work: the slot's `inside` goes on.
 *
 *   - An owner at work is not taken for gone. Its `inside` became this count before it swapped the word in. That swap releases and the look at the word acquires, so whoever sees the word sees this count or a later one, and a
 *     later one is only stored when the event is over.
 *   - An owner that gave the entry back is not robbed. Each event ends, in whatever way, with a release store of `inside`, behind everything the event did. Whoever acquires a later count than that in the word thus comes
 *     after the owner's last store to the entry. If that gave the entry back, the swap from the word he saw finds another and fails: counts do not come back, so neither does the word.
 *   - For the same reason what the one who left had written is written, and may be written again by who takes over. It may be anything, so the entry is emptied, which counts as a speculation given up.
 *   - libjstrace/thread.c may, for all that, take an event for left that is not. Then two are in an entry at once, and what lies there may be anything. So every use of it keeps to the entry's room and ends.
 *
 * A thread that left an event and fires no probe any more keeps `inside` as it was, and the entry with it, until its slot is another's. That is an entry of a set for each such thread.
 *
 * The words of the key and `begun` are also read without owning the entry, to find it: what is found that way is looked at again once it is owned. Two threads that begin under one key at once may do so in two entries of the
 * set; so whoever ends a speculation looks at all eight.
 */
#include "speculation.h"

#include <string.h>

#include "cell.h"
#include "hash.h"

enum {
	SHARE = 16,            /* the table takes this part of the memory, but of a small one no more than … */
	SHARE_OF_REST = 4,     /* … this part of what is not taken yet, */
	ENTRIES = 1024,        /* in that many entries of … */
	ROOM = 4096,           /* … this size where it is 4 MiB; four times as large, it has twice as many of twice the size */
	ROOM_MAX = 128 << 10,  /* two of the longest strings; copying it does not take more than the default budget */
	TRIES = 32,            /* for an entry that others are in */
	PAUSES = 8,
};

size_t jst_speculation_minimum(const struct jst_program *program)
{
	const size_t set = JST_SPECULATION_WAYS * (sizeof(struct jst_speculation) + ROOM);

	return program->flags & JST_PROGRAM_SPECULATES ? sizeof(struct jst_speculation_table) + set : 0;
}

bool jst_speculation_init(struct jst_memory *memory, const struct jst_program *program)
{
	const uint64_t whole = memory->header->size / SHARE;
	const uint64_t rest = (memory->header->size - atomic_load_explicit(&memory->header->heap_used, memory_order_relaxed)) / SHARE_OF_REST;
	const uint64_t share = whole < rest ? whole : rest;
	uint64_t room = ROOM, sets = 1;

	if (!(program->flags & JST_PROGRAM_SPECULATES))
		return true;
	while (room < ROOM_MAX && (room < 2 * (uint64_t)memory->header->string_size || share / room > ENTRIES * (room / ROOM)))
		room *= 2;
	while (room > ROOM && JST_SPECULATION_WAYS * room > share)
		room /= 2;
	while (2 * sets * JST_SPECULATION_WAYS * room <= share)
		sets *= 2;
	const jst_ref ref = jst_memory_take(memory, sizeof(struct jst_speculation_table) + sets * JST_SPECULATION_WAYS * (sizeof(struct jst_speculation) + room));

	if (!ref)
		return false;
	struct jst_speculation_table *table = jst_memory_at(memory, ref);
	table->sets = (uint32_t)sets;
	table->room = (uint32_t)room;
	memory->header->speculations = ref;
	return true;
}

struct jst_speculation_key jst_speculation_key(const struct jst_memory *memory, struct jst_slot *slot, const struct jst_value *id)
{
	const uint32_t limit = memory->header->string_size;
	struct jst_speculation_key key = { { 0, 0 } };
	bool cut = false;

	if (id->kind != JST_STRING) {
		jst_key_encode(key.words, sizeof(key.words), id, 1, limit, &cut);
		return key;
	}
	if (id->length > limit)
		jst_slot_lose(slot, JST_LOSS_STRINGS);
	const XXH128_hash_t hash = XXH3_128bits(id->s, id->length < limit ? id->length : limit);

	/* No number's key has this bit: its first word is a kind. */
	key.words[0] = hash.low64 | 1ULL << 63;
	key.words[1] = hash.high64;
	return key;
}

/* ---- entries ---- */

static struct jst_speculation_table *table_of(const struct jst_memory *memory)
{
	return jst_memory_at(memory, memory->header->speculations);
}

/* Ids that count up fill the sets evenly, and those a power of two apart do not all share a few. */
static struct jst_speculation *set_of(struct jst_speculation_table *table, const struct jst_speculation_key *key)
{
	const uint64_t word = key->words[1];
	const uint64_t set = (word + jst_mix(word >> __builtin_ctz(table->sets))) & (table->sets - 1);

	return &table->entries[set * JST_SPECULATION_WAYS];
}

static unsigned char *records_of(struct jst_speculation_table *table, const struct jst_speculation *entry)
{
	unsigned char *records = (unsigned char *)&table->entries[(size_t)table->sets * JST_SPECULATION_WAYS];

	return records + (size_t)(entry - table->entries) * table->room;
}

static bool is_free(const struct jst_speculation *entry)
{
	return atomic_load_explicit(&entry->key[0], memory_order_relaxed) == 0;
}

static bool has_key(const struct jst_speculation *entry, const struct jst_speculation_key *key)
{
	return atomic_load_explicit(&entry->key[0], memory_order_relaxed) == key->words[0] && atomic_load_explicit(&entry->key[1], memory_order_relaxed) == key->words[1];
}

/* What an owner does to its entry. */
static void fill(struct jst_speculation *entry, const struct jst_speculation_key *key, int64_t now)
{
	atomic_store_explicit(&entry->begun, now, memory_order_relaxed);
	atomic_store_explicit(&entry->key[1], key->words[1], memory_order_relaxed);
	atomic_store_explicit(&entry->key[0], key->words[0], memory_order_relaxed);
}

static void empty(struct jst_speculation *entry)
{
	entry->used = 0;
	entry->records = 0;
	atomic_store_explicit(&entry->key[0], 0, memory_order_relaxed);
}

/* ---- owning one ---- */

static void relax(unsigned attempt)
{
	for (unsigned i = 0; i < attempt && i < PAUSES; i++) {
#if defined(__x86_64__)
		__builtin_ia32_pause();
#elif defined(__aarch64__)
		__asm__ volatile("yield");
#endif
	}
}

/* Whether the owner is still in the event in which it took the entry. */
static bool is_inside(const struct jst_memory *memory, uint64_t owner)
{
	const uint32_t slot = (uint32_t)(owner >> 32);

	/* Pairs with the release at the end of an event: leave() and jst_session_claim() in session.c, and of one that was left by siglongjmp() in libjstrace/thread.c. */
	return slot < JST_SLOTS && atomic_load_explicit(&memory->slots[slot].inside, memory_order_acquire) == (uint32_t)owner;
}

/* Makes the entry the slot's, emptied if its last owner left it behind. False: somebody is in it. */
static bool take(struct jst_memory *memory, struct jst_slot *slot, struct jst_speculation *entry)
{
	const uint64_t me = (uint64_t)(slot - memory->slots) << 32 | atomic_load_explicit(&slot->inside, memory_order_relaxed);
	uint64_t owner = atomic_load_explicit(&entry->owner, memory_order_acquire); /* pairs with the release of the swap below */

	if (owner && is_inside(memory, owner))
		return false;
	/* Acquires what give() released; releases that `inside` is ours, for is_inside(). */
	if (!atomic_compare_exchange_strong_explicit(&entry->owner, &owner, me, memory_order_acq_rel, memory_order_relaxed))
		return false;
	if (!owner)
		return true;
	if (!is_free(entry))
		jst_slot_lose(slot, JST_LOSS_SPECULATIONS);
	empty(entry);
	return true;
}

static void give(struct jst_speculation *entry)
{
	atomic_store_explicit(&entry->owner, 0, memory_order_release); /* pairs with the acquire in take() */
}

/* Takes the entry if it has the key. False: it has not any more, or others are in it, which was counted. */
static bool take_with(struct jst_memory *memory, struct jst_slot *slot, struct jst_speculation *entry, const struct jst_speculation_key *key)
{
	for (unsigned attempt = 0; attempt < TRIES && has_key(entry, key); attempt++) {
		relax(attempt);
		if (!take(memory, slot, entry))
			continue;
		if (has_key(entry, key))
			return true;
		give(entry);
	}
	if (has_key(entry, key))
		jst_slot_lose(slot, JST_LOSS_HELD_BUSY);
	return false;
}

/* What may be given up for another key: an entry as it was when it was found to be the oldest. */
struct oldest {
	struct jst_speculation *entry; /* NULL: nothing may */
	struct jst_speculation_key key;
	int64_t begun;
};

static bool is_still(const struct oldest *oldest, const struct jst_speculation *entry)
{
	return oldest->entry == entry && has_key(entry, &oldest->key) && atomic_load_explicit(&entry->begun, memory_order_relaxed) == oldest->begun;
}

/* The entry of the set that has the key, or else a free one, or else the oldest, which is then in *oldest too; of those that nobody is in. NULL: there is none. */
static struct jst_speculation *choose(const struct jst_memory *memory, struct jst_speculation *set, const struct jst_speculation_key *key, struct oldest *oldest)
{
	struct oldest found = { .entry = NULL };

	*oldest = found;
	for (unsigned i = 0; i < JST_SPECULATION_WAYS; i++) {
		if (has_key(&set[i], key))
			return &set[i];
	}
	for (unsigned i = 0; i < JST_SPECULATION_WAYS; i++) {
		const uint64_t owner = atomic_load_explicit(&set[i].owner, memory_order_acquire); /* pairs with the swap in take() */
		const int64_t begun = atomic_load_explicit(&set[i].begun, memory_order_relaxed);

		if (owner && is_inside(memory, owner))
			continue;
		if (is_free(&set[i]))
			return &set[i];
		if (!found.entry || begun < found.begun) {
			const struct jst_speculation_key its = { { atomic_load_explicit(&set[i].key[0], memory_order_relaxed), atomic_load_explicit(&set[i].key[1], memory_order_relaxed) } };

			found = (struct oldest){ .entry = &set[i], .key = its, .begun = begun };
		}
	}
	*oldest = found;
	return found.entry;
}

/* The entry of the key, begun now if there is none; the slot's until give(). NULL: others are in the way, which was counted. */
static struct jst_speculation *open_entry(struct jst_memory *memory, struct jst_slot *slot, struct jst_speculation *set, const struct jst_speculation_key *key, int64_t now)
{
	for (unsigned attempt = 0; attempt < TRIES; attempt++) {
		struct oldest oldest;

		relax(attempt);
		struct jst_speculation *entry = choose(memory, set, key, &oldest);

		if (!entry || !take(memory, slot, entry))
			continue;
		if (has_key(entry, key))
			return entry;
		if (!is_free(entry)) {
			/* Only what was found to be the oldest is given up, not what has begun meanwhile in an entry that had the key or was free. */
			if (!is_still(&oldest, entry)) {
				give(entry);
				continue;
			}
			jst_slot_lose(slot, JST_LOSS_SPECULATIONS);
			empty(entry);
		}
		fill(entry, key, now);
		return entry;
	}
	jst_slot_lose(slot, JST_LOSS_HELD_BUSY);
	return NULL;
}

/* ---- holding, shipping, dropping ---- */

/* The table was taken before the agent knew what the machine can spare, and is touched as it is used: where that little is left it stays as it is. */
static bool is_tight(const struct jst_memory *memory, const struct jst_speculation_table *table)
{
	const struct jst_memory_header *header = memory->header;
	const uint64_t permit = atomic_load_explicit(&header->permit, memory_order_relaxed), used = atomic_load_explicit(&header->heap_used, memory_order_relaxed);

	return permit < header->size && used + (uint64_t)table->sets * JST_SPECULATION_WAYS * table->room > permit;
}

bool jst_speculation_hold(struct jst_memory *memory, struct jst_slot *slot, const struct jst_speculation_key *key, const struct jst_record *record, const struct jst_value *values, uint32_t count)
{
	struct jst_speculation_table *table = table_of(memory);
	const uint64_t size = jst_record_size(memory, values, count);

	if (size > table->room || is_tight(memory, table)) {
		jst_slot_lose(slot, JST_LOSS_HELD);
		return false;
	}
	struct jst_speculation *entry = open_entry(memory, slot, set_of(table, key), key, record->now);

	if (!entry)
		return false;
	const uint32_t used = entry->used;
	const bool fits = used <= table->room && size <= table->room - used;

	if (fits) {
		jst_record_encode(memory, slot, records_of(table, entry) + used, (uint32_t)size, *record, values, count);
		entry->used = used + (uint32_t)size;
		entry->records++;
	} else {
		jst_slot_lose(slot, JST_LOSS_HELD);
	}
	give(entry);
	return fits;
}

uint32_t jst_speculation_commit(struct jst_memory *memory, struct jst_slot *slot, const _Atomic uint64_t *tails, const struct jst_speculation_key *key)
{
	struct jst_speculation_table *table = table_of(memory);
	struct jst_speculation *set = set_of(table, key);
	uint32_t copied = 0;

	for (unsigned i = 0; i < JST_SPECULATION_WAYS; i++) {
		if (!take_with(memory, slot, &set[i], key))
			continue;
		const unsigned char *at = records_of(table, &set[i]), *end = at + (set[i].used < table->room ? set[i].used : table->room);
		uint32_t size;

		for (; at < end; at += size) {
			memcpy(&size, at, sizeof(size)); /* the first word of a record */
			/* As at the head of this file: if it was an owner at work that was taken for gone, two wrote here. */
			if (size < sizeof(struct jst_record) || size > end - at) {
				jst_slot_lose(slot, JST_LOSS_HELD);
				break;
			}
			jst_ring_append(memory, slot, tails, at, size);
			copied += size;
		}
		empty(&set[i]);
		give(&set[i]);
	}
	return copied;
}

uint32_t jst_speculation_discard(struct jst_memory *memory, struct jst_slot *slot, const struct jst_speculation_key *key)
{
	struct jst_speculation *set = set_of(table_of(memory), key);
	uint32_t dropped = 0;

	for (unsigned i = 0; i < JST_SPECULATION_WAYS; i++) {
		if (!take_with(memory, slot, &set[i], key))
			continue;
		dropped += set[i].records;
		empty(&set[i]);
		give(&set[i]);
	}
	return dropped;
}
