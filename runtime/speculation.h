/*
 * Speculations: records that are held in the target under a key until the script knows whether it wants them. speculate(id) holds, commit(id) ships what is held, discard(id) drops it.
 *
 * The table lies in the session's memory, made with it if the program speculates, a sixteenth of it: with 64 MiB, 1,024 entries with room for 4 KiB of records each. A key may live in one of the eight entries of its set:
 *
 *     table: | sets, room | entry | entry | … eight a set | records of entry 0 | records of entry 1 | …
 *     entry: owner | key, 16 bytes | begun | used | records        records: as in a ring (ring.h), one behind the other
 *
 * Any number of threads, also at one key at once. An entry belongs to one thread at a time, which takes it by a compare-and-swap, tried a bounded number of times; nobody waits. What a thread could not do
 * since another was in the entry is counted (LOSS_HELD_BUSY). A set that is full gives up its oldest speculation (LOSS_SPECULATIONS), an entry that is full drops what does not fit (LOSS_HELD).
 */
#ifndef JST_SPECULATION_H
#define JST_SPECULATION_H

#include "ring.h"

enum { JST_SPECULATION_WAYS = 8 };

struct jst_speculation {
	_Alignas(64) _Atomic uint64_t owner; /* 0: nobody; else index of a slot << 32 | what its `inside` is in the event that took the entry, which is odd */
	_Atomic uint64_t key[2];             /* the first 0: the entry is free */
	_Atomic int64_t begun;               /* time of its first record, ns */
	uint32_t used;                       /* bytes of records; the owner's, like the records themselves */
	uint32_t records;
};

struct jst_speculation_table {
	uint32_t sets; /* a power of two */
	uint32_t room; /* bytes for the records of an entry, a power of two */
	struct jst_speculation entries[];
};

_Static_assert(sizeof(struct jst_speculation) == 64 && sizeof(struct jst_speculation_table) == 64, "an entry is a cache line");

/* What records are held under: a number as it is encoded as a key (cell.h), a string by 127 bits of its hash. Both words 0: nil, under which nothing is held. */
struct jst_speculation_key {
	uint64_t words[2];
};

/* Bytes that the smallest table of the program needs, 0 if it does not speculate. Context: any. */
size_t jst_speculation_minimum(const struct jst_program *program);

/* Makes the table in a memory that is otherwise ready: called by memory.c. False: no room. Context: agent. */
bool jst_speculation_init(struct jst_memory *memory, const struct jst_program *program);

/* Of any value. A string is cut at string_size, as all keys are, and counted. Context: probe, owner of the slot. */
struct jst_speculation_key jst_speculation_key(const struct jst_memory *memory, struct jst_slot *slot, const struct jst_value *id);

static inline bool jst_speculation_key_is_nil(const struct jst_speculation_key *key)
{
	return key->words[0] == 0;
}

/* Holds a record under the key, which is not nil; record and values as for jst_ring_write(), which see. False: dropped, counted. Context: probe, owner of the slot, inside an event. */
bool jst_speculation_hold(struct jst_memory *memory, struct jst_slot *slot, const struct jst_speculation_key *key, const struct jst_record *record, const struct jst_value *values, uint32_t count);

/* Copies what is held under the key, in the order in which it came, to the slot's ring, and forgets it. Returns the bytes copied. A record that the ring has no room for is dropped and counted there. Context: as above. */
uint32_t jst_speculation_commit(struct jst_memory *memory, struct jst_slot *slot, const _Atomic uint64_t *tails, const struct jst_speculation_key *key);

/* Forgets what is held under the key. Returns the number of records. Context: as above. */
uint32_t jst_speculation_discard(struct jst_memory *memory, struct jst_slot *slot, const struct jst_speculation_key *key);

#endif
