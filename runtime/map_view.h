/*
 * Reading a span table out of the memory of another process, which is mapped read-only and not trusted: its threads go on changing the table, and may be hostile.
 *
 * Nothing there is believed: each word is read once and clamped, and what may be read in all is bounded, so levels and blocks that lie over each other cannot keep the reader. Nothing is written either, so a slot is not read at
 * once, as in the process itself, but until it reads the same twice. An entry that does not change meanwhile is seen. One that does may be seen or not, and twice, if it is removed and made anew elsewhere.
 * One reader a view; any number of writers, which never notice.
 */
#ifndef JST_MAP_VIEW_H
#define JST_MAP_VIEW_H

#include <stdbool.h>
#include <stdint.h>

struct jst_map_view {
	const unsigned char *base; /* of the session's memory, on a page; the caller's */
	uint64_t size;             /* bytes */
	uint64_t allowance;        /* bytes of slots, and of blocks as often as they are read, that may still be: all maps of an honest memory take less than size, but for what changes meanwhile */
	uint64_t *key;             /* where keys are copied to; the caller's */
	uint32_t room;             /* bytes there, a multiple of 8: at least 16; an honest key has no more than a megabyte */
	bool malformed;            /* out: something made no sense and was left out */
};

/* Calls visit for each entry of map number `map`, a span table of so many keys. The key is encoded as in cell.h, can be decoded, and is good during the call only. Context: any but probe. */
void jst_map_view_spans(struct jst_map_view *view, uint32_t map, uint32_t keys, void (*visit)(void *context, const void *key, uint32_t key_size, int64_t value), void *context);

#endif
