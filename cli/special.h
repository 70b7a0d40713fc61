/*
 * The CLI's own clauses: BEGIN, END, tick, process. They run in the same virtual machine as those in the targets, in a session of one thread with a memory of its own on the heap.
 *
 * What a clause prints or clears comes out of its ring as records in order, while it runs and when it has: a clause may print more than a ring holds. Who executes them leaves the totals alone until the
 * clause has run (clear and zero wait), so the clause sees one snapshot throughout. Single-threaded; owns its memory.
 */
#ifndef SPECIAL_H
#define SPECIAL_H

#include "compile.h"
#include "record.h"
#include "results.h"

struct specials;

/* What process:attach and process:exit carry; the others NULL. reason: why it left, NULL as it joins, which reads as nil. */
struct special_event {
	int64_t pid;
	const char *title, *reason;
};

/* NULL: the script is larger than a program may be; *limit names the limit. */
struct specials *special_new(const struct compiled *compiled, uint32_t budget, uint32_t string_size, const char **limit);
void special_free(struct specials *special);

/* From now on the clauses read aggregations in totals, which outlive them; before that there is nothing to read. elapsed: what rate() counts over, ns. */
void special_watch(struct specials *special, const struct results *totals, int64_t (*elapsed)(void *context, uint32_t aggregation), void *context);

/* Runs one clause and gives its records to execute, in order. name: of the probe: "BEGIN", "tick-1s", "process:exit". */
void special_run(struct specials *special, uint32_t clause, const char *name, const struct special_event *event,
                 void (*execute)(void *context, const struct record *record, const struct record_source *source), void *context);

/* The name of a tick, for special_run(), as a script would write it: "tick-500ms". */
void special_tick_name(int64_t period, char name[static 48]);

/* What exit() asked for in a clause; -1: nothing. */
int special_exit_code(const struct specials *special);

/* Copies the variables that BEGIN assigned and the targets read into the targets' program as initial values. */
void special_give_initials(struct specials *special, const struct compiled *compiled);

/* What was lost in the clauses, added to losses. */
void special_losses(const struct specials *special, uint64_t losses[JST_LOSSES]);

#endif
