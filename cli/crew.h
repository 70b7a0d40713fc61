/*
 * The crew: all targets of a run. It finds them, lets them make progress side by side, and waits for whatever comes first: an answer, a death, a signal, a time.
 *
 * One poll() for everything, so a slow or dying target keeps nobody waiting. The crew owns its targets; single-threaded.
 */
#ifndef CREW_H
#define CREW_H

#include "find.h"
#include "options.h"
#include "target.h"

struct crew_pending;

struct crew {
	const struct options *options;
	struct target_plan plan;
	struct target *targets;       /* in the order in which they were found */
	struct finder *finder;        /* NULL where only -p names targets */
	struct crew_pending *pending; /* pids of -p that are not ready yet */
	size_t pending_count;
	int64_t pending_pause;        /* before they are looked at again, ns */
	int64_t scan_due;             /* TIMES_NEVER: no more targets are looked for */
	int64_t lease_due;
	int signals;                  /* signalfd of those that end a run */
	int output;                   /* descriptor of a pipe whose reader may go away, else -1 */
	bool output_waits;            /* set by the caller: a wait ends when it takes something again */
	bool interrupted;             /* such a signal came */
	bool output_gone;
	bool failed;                  /* a process named with -p could not be attached */
	int64_t now;                  /* as of the last wait, ns */
};

void crew_init(struct crew *crew, const struct options *options, const struct target_plan *plan, const struct output *output);
/* Frees all targets, which closes their sessions. */
void crew_fini(struct crew *crew);

/* Looks for targets: those named, and (again) those that match. What cannot be traced is said if it was named. */
void crew_find(struct crew *crew);
void crew_find_no_more(struct crew *crew);

/* Whether anybody named is still awaited, or any target is not attached yet, or has not told what probes it has. */
bool crew_attaching(const struct crew *crew);

/* The first targets are attached, or there are none: times are no longer so short that a timer must be exact, which costs wake-ups. */
void crew_settle(void);

/* Waits for the next thing to happen, at most until until (ns), and lets all targets that have something go on. */
void crew_wait(struct crew *crew, int64_t until);

/* Takes a target out of the list and frees it. */
void crew_remove(struct crew *crew, struct target *target);

/* From now on signals have their ordinary effect: a second Ctrl-C ends the program at once. */
void crew_unblock_signals(struct crew *crew);

#endif
