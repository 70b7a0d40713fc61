/*
 * What is told about a run beside its results: patterns that no probe matches, siblings that never fired, what was lost; and the objects process, loss and end of the JSON form.
 *
 * It keeps what it needs of targets that are gone. Single-threaded.
 */
#ifndef REPORT_H
#define REPORT_H

#include "compile.h"
#include "output.h"
#include "target.h"

struct report;

struct report *report_new(const struct compiled *compiled);
void report_free(struct report *report);

/* Warns of fields that the script's own names hide. Notes which patterns and spans the target's probes match: those that it has listed since the last call, which are forgotten; and, of one that has ended, as its memory tells, which also has those that came later. */
void report_sites(struct report *report, struct target *target);
/* A target will not have listed all of its probes: that others have none is no reason to say that there is none. */
void report_partial(struct report *report, const struct target *target);

/* Reads the target's losses for the last time. Once a target, while it still has its memory. */
void report_losses(struct report *report, struct target *target);
/* Losses of the script's own clauses. */
void report_local_losses(struct report *report, const uint64_t losses[JST_LOSSES]);

/* Warnings about patterns that matched nothing so far, and fields that no probe of the clauses which read them has. Once, after the first processes were attached; where names show only as they fire, report_end() says it. */
void report_unmatched(struct report *report);

/* -v: the spans, and what reads them. */
void report_spans(const struct report *report);

/* A process came ("attach") or went ("exit", with a reason); a JSON object, nothing in text. */
void report_process(struct output *output, const char *event, const struct target *target, const char *reason);

/* Whether anything that the script asked for was lost. Not: a span without a start, which began before the session. After report_losses() of all. */
bool report_lost(const struct report *report);

/* At the end: what was lost, siblings that never fired; in JSON the closing object. processes: how many were attached; elapsed: ns. */
void report_end(struct report *report, struct output *output, uint32_t processes, int64_t elapsed, int exit_code);

#endif
