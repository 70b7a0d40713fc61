/*
 * The CLI's own clauses: BEGIN, END, tick, process. They run in the same virtual machine as those in the targets, in a session of one thread with a memory of its own on the heap.
 *
 * What a clause prints or clears comes out of its ring after it has run, as records in order, so the clause sees nothing half done. Single-threaded; owns its memory.
 */
#ifndef SPECIAL_H
#define SPECIAL_H

#include "compile.h"
#include "record.h"

struct specials;

/* What process:attach and process:exit carry; the others NULL. */
struct special_event {
	int64_t pid;
	const char *title, *reason;
};

/* NULL: the script is larger than a program may be; *limit names the limit. */
struct specials *special_new(const struct compiled *compiled, uint32_t budget, uint32_t string_size, const char **limit);
void special_free(struct specials *special);

/* Runs one clause, then gives its records to execute, in order. name: of the probe: "BEGIN", "tick-1s", "process:exit". */
void special_run(struct specials *special, uint32_t clause, const char *name, const struct special_event *event,
                 void (*execute)(void *context, const struct record *record, const struct record_source *source), void *context);

/* What exit() asked for in a clause; -1: nothing. */
int special_exit_code(const struct specials *special);

/* Copies the variables that BEGIN assigned and the targets read into the targets' program as initial values. */
void special_give_initials(struct specials *special, const struct compiled *compiled);

/* What was lost in the clauses, added to losses. */
void special_losses(const struct specials *special, uint64_t losses[JST_LOSSES]);

#endif
