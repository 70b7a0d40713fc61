/*
 * Spans that are still open: what print(open(start)) shows, the oldest first, of all traced processes together.
 *
 *     open(start)
 *        id    age
 *         7  3.21s
 *
 * They are read out of the targets' memories as they are printed. What a target left open as it ended is kept for the END clauses. Single-threaded; owns what it keeps.
 */
#ifndef OPEN_H
#define OPEN_H

#include "compile.h"
#include "output.h"
#include "target.h"

struct opens;

struct opens *opens_new(const struct compiled *compiled);
void opens_free(struct opens *opens);

/* A target that has ended, while it still has its memory: keeps what it left open, with its age at time now (ns). Does nothing where no END clause could print it. */
void opens_keep(struct opens *opens, struct target *target, int64_t now);

/*
 * What is printed: the spans of one sibling, top of them at most (negative: all). Those that are open at time now (ns) in the targets of the list, each that has a memory; or, with kept, those that
 * were kept. pids: a column tells the processes apart.
 */
struct opens_print {
	const char *sibling;
	struct target *targets;
	int64_t now, top;
	bool kept, pids;
};
void opens_print(struct opens *opens, struct output *output, const struct opens_print *what);

#endif
