/*
 * Rings: the way of records (printf, print, emit) from one thread of the target to the CLI.
 *
 * One writer (the slot's owner), one reader (the CLI). The writer never waits: a record that does not fit is dropped and counted (LOSS_RECORDS). The ring lies in the session's memory, which the reader cannot write; the
 * reader's positions lie in a second memfd, an array of one 64-bit word a slot, which the writer reads only when the ring seems full, and takes an impossible value for full.
 *
 *     position 0 … size-1, modulo size:  | record | record | … | SKIP to the end |      each 8-byte aligned, none wraps
 *
 * A record is encoded in its place in the ring, or elsewhere first and copied there later (speculation.h).
 *
 * A ring that is full is followed by a larger one, up to ring_size and as long as half of the session's memory is free; so a thread that prints little, or whose reader keeps up, has a small one that stays in the cache. Positions go on in it:
 *
 *     first ring   … | records |                    it ends at position p: nothing is written to it any more
 *     second ring              | records | …        begins at position p, and knows the ring before it; slot->ring is this one now
 */
#ifndef JST_RING_H
#define JST_RING_H

#include "memory.h"

struct jst_ring {
	_Atomic uint64_t head;     /* bytes ever written; release-stored after the record; pairs with the reader's acquire */
	uint64_t tail_seen;        /* writer only: the reader's position when last looked at */
	uint32_t size;             /* of the data, a power of two */
	jst_ref before;            /* the ring that this one follows, 0: it is the first */
	_Alignas(64) unsigned char data[];
};

enum {
	JST_RING_FIRST = 256 << 10, /* bytes of a thread's first ring, unless none may be so large */
};

enum { JST_RECORD_SKIP = 0xffffffff };

/* Values follow, encoded as keys are (cell.h), then for EVENT nothing: their names are in the site's entry, one value a field. */
struct jst_record {
	uint32_t size;      /* bytes, this header included, a multiple of 8 */
	uint32_t index;     /* of the record in the program, or JST_RECORD_SKIP */
	int64_t now;        /* monotonic clock of the event, ns */
	int64_t timestamp;  /* wall clock, ns */
	int32_t tid;
	jst_ref site;       /* struct jst_site_entry, what fired */
	uint16_t values;
	uint16_t flags;     /* JST_RECORD_CUT: a string was cut */
	uint32_t reserved;
};

enum { JST_RECORD_CUT = 1 };

/* Bytes of a record with the values, a multiple of 8. Context: any. */
uint64_t jst_record_size(const struct jst_memory *memory, const struct jst_value *values, uint32_t count);

/* Writes the record with the values to `at`, 8-aligned and as large as jst_record_size() says; record as for jst_ring_write(). Strings are cut at string_size and counted. Context: probe, owner of the slot. */
void jst_record_encode(const struct jst_memory *memory, struct jst_slot *slot, void *at, uint32_t size, struct jst_record record, const struct jst_value *values, uint32_t count);

/* Appends a record with the values; record carries now, timestamp, tid, site, index. tails: the reader's positions, or NULL where there is no reader yet. Strings are cut at string_size and counted. False: dropped, counted. Context: probe, owner of the slot. */
bool jst_ring_write(struct jst_memory *memory, struct jst_slot *slot, const _Atomic uint64_t *tails, struct jst_record record, const struct jst_value *values, uint32_t count);

/* Appends a copy of an encoded record of that size. False: dropped, counted. Context: as above. */
bool jst_ring_append(struct jst_memory *memory, struct jst_slot *slot, const _Atomic uint64_t *tails, const void *record, uint32_t size);

/* Reading, in the CLI: copies of what lies in a ring, which is not trusted. Afterwards publish reader->tail: the writer may have that room again. */
struct jst_ring_reader {
	const unsigned char *base;  /* of the memory, mapped read-only */
	uint64_t size;              /* of the memory */
	uint64_t tail;              /* position of the reader */
	jst_ref ring;               /* the one that was read last, 0: none yet */
};

/* The ring to read now, from tail on, where `latest` is what the slot says (load-acquire): the one read last if something is left there, else the one that follows it. Keeps it. Context: CLI. */
jst_ref jst_ring_follow(struct jst_ring_reader *reader, jst_ref latest);

/* The bytes that a ring holds; 0: it is malformed. Context: CLI. */
uint32_t jst_ring_size(const struct jst_ring_reader *reader, jst_ref ring);

/* Copies the next record (header and payload) to buffer of room bytes and moves on; returns its size, 0 when there is none, -1 if the ring is malformed (stop reading it). Context: CLI. */
int jst_ring_read(struct jst_ring_reader *reader, jst_ref ring, void *buffer, size_t room);

/*
 * Copies the records that are ready, as far as they lie in a row and fit into room bytes, to buffer (8-aligned) and moves on; returns their bytes, 0 when there are none (now, or up to where the ring begins anew: the
 * next call tells), -1 if the ring is malformed. What is copied was checked in the copy: records one after the other, the size of each a multiple of 8, at least a header's and within the whole; so
 *
 *     for (at = 0; at < bytes; at += record->size)   record = (const struct jst_record *)(buffer + at)
 *
 * is all there is to do. A malformed record ends the copy before it and is met again by the next call. room: as large as the ring, or a record that is larger is taken for malformed. Context: CLI.
 */
int64_t jst_ring_take(struct jst_ring_reader *reader, jst_ref ring, void *buffer, size_t room);

#endif
