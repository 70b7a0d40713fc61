/*
 * Records: what printf, print and emit shipped from a target's rings, or what a clause of the CLI made, decoded and printed.
 */
#ifndef RECORD_H
#define RECORD_H

#include "output.h"
#include "probe.h"
#include "ring.h"

/* Where a record came from. */
struct record_source {
	int32_t pid;
	const char *title;
	const char *hostname;
	const unsigned char *base;  /* of its memory, for the site's entry; size bytes, not trusted */
	uint64_t size;
};

/* A decoded record: values point into the buffer it was decoded from. */
struct record {
	const struct compiled_record *compiled;
	struct jst_record header;
	struct jst_value values[JST_MAX_ARGUMENTS];
	uint32_t count;
};

/* Decodes a record read from a ring (size bytes at buffer, 8-byte aligned, a copy that no longer changes, not trusted). False if malformed. */
bool record_decode(const struct compiled *compiled, const void *buffer, size_t size, struct record *record);

/* Prints a record of type PRINTF, PRINT, EMIT, EVENT or TIME; the other types print nothing. */
void record_print(struct output *output, const struct record *record, const struct record_source *source);

#endif
