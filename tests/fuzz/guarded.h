/*
 * A verified program run on memory that ends where it ends: behind the program, the arguments of an event, its texts, a thread's work area and the session's memory, and before them, lie pages that nobody may touch.
 *
 * Each program runs twice, with its clauses as they are and with quick instructions (runtime/plan.h), on the same events. What both leave must be equal to the byte.
 */
#ifndef GUARDED_H
#define GUARDED_H

#include "program.h"

/* Memory of size bytes that ends at a page that nobody may touch; another such page is before it. Never given back. */
unsigned char *guarded_memory(size_t size);

/* Once, before the rest. */
void guarded_begin(void);

/* A copy of size bytes that ends at an untouchable page, or up to seven bytes before it: it begins at a multiple of 8. Good until the next call. */
void *guarded_copy(const void *bytes, size_t size);

/* jst_verify(), in scratch that ends at such a page. */
bool guarded_verify(const void *program, size_t size);

/* Runs the program, which was verified, on some events that are made of the seed. False: it needs more memory than there is here. */
bool guarded_run(const struct jst_program *program, uint64_t seed);

#endif
