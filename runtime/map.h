/*
 * Maps and variables of a script, shared by all threads of a process, and span tables. Lock-free: any number of readers and writers, also from signal handlers; nobody waits.
 *
 * A map has two tables; which of them holds an entry depends on its key alone.
 *   - One word: maps declared JST_MAP_INT, an entry whose single key is an integer. (key, value) in 16 bytes, replaced by one compare-and-swap; cache-line
 *     buckets of four, levels of growing size as the first one fills. Starts at 1 MiB or less.
 *   - General: everything else. A bucket's word refers to an immutable block (keys and value, strings included); a change makes a new block and swaps the reference; blocks are
 *     reused through free lists with counted references, and a reader validates after it copied.
 * An operation that was disturbed more than a bounded number of times gives up and is counted (LOSS_CONTENTION); a full map counts LOSS_ENTRIES; a full span table evicts the oldest entry in the neighbourhood, LOSS_SPANS.
 */
#ifndef JST_MAP_H
#define JST_MAP_H

#include "memory.h"

/* What every operation works on. keys are decl->keys values in a row. */
struct jst_map_access {
	struct jst_memory *memory;
	struct jst_slot *slot;                    /* where losses are counted */
	const struct jst_map_decl *decl;
	uint32_t index;                           /* of the map in the program */
	/* where a string read from a map is copied to: room bytes at scratch, used of them taken so far */
	char *scratch;
	uint32_t room;
	uint32_t *used;
};

/* The entry's value, nil where there is none. A string is copied to the scratch; when it does not fit, nil and LOSS_SCRATCH. Context: probe. */
struct jst_value jst_map_get(const struct jst_map_access *access, const struct jst_value *keys);

/* Stores value; nil removes. Strings are cut at string_size (LOSS_STRINGS). Context: probe. */
void jst_map_set(const struct jst_map_access *access, const struct jst_value *keys, struct jst_value value);

/* entry += value, atomically; sign is 1 or -1. A missing entry reads as 0, or "" when value is a string and sign 1. A wrong kind counts LOSS_ERRORS and stores nil (removes). Context: probe. */
void jst_map_add(const struct jst_map_access *access, const struct jst_value *keys, struct jst_value value, int sign);

/* False: there was no such entry. True: it is gone now; or the map is a variable; or the key had no room (LOSS_SCRATCH), so nothing is known. Of several threads that remove an entry at once one removes it. Context: probe. */
bool jst_map_delete(const struct jst_map_access *access, const struct jst_value *keys);
/* The end of a span: as jst_map_delete(), and where there was no entry, although no key is nil, counts it (LOSS_UNSTARTED, and the slot's count for the map). Context: probe. */
void jst_map_end(const struct jst_map_access *access, const struct jst_value *keys);
bool jst_map_has(const struct jst_map_access *access, const struct jst_value *keys);

/* Calls visit for each entry; the strings it is given are good during the call only. Entries that come and go meanwhile may be missed. Stops when visit returns false. Context: any but probe. */
void jst_map_each(const struct jst_map_access *access, bool (*visit)(void *context, const struct jst_value *keys, struct jst_value value), void *context);

/* Bytes of the map directory (a multiple of 64): a root for each of the program's maps and the free lists of blocks. Context: any. */
size_t jst_map_roots_size(const struct jst_program *program);

/* Bytes that the directory and the smallest first levels of the program's maps need. Context: any. */
size_t jst_map_minimum(const struct jst_program *program);

/* Lays the maps out in a memory that is otherwise ready: called by memory.c. False: no room. Context: agent. */
bool jst_map_init(struct jst_memory *memory, const struct jst_program *program);

#endif
