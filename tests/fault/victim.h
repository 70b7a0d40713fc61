/* What the files of the victim share. */
#ifndef VICTIM_H
#define VICTIM_H

#include "oracle.h"

/* A command: its name, and what it does with what follows, a number or a text. It prints its answer, by say(). */
struct act {
	const char *name;
	void (*run)(long number, const char *text);
};

extern const struct act victim_acts[], victim_signal_acts[];

extern struct oracle *oracle;
extern const char *folder; /* of the program */

/* A line, written out at once. */
__attribute__((format(printf, 1, 2))) void say(const char *format, ...);

/* As an argument of a probe: counts it for that worker. */
long seen(struct oracle_worker *worker, long n);
/* The same for whoever is no worker, in objects that are opened, too. */
__attribute__((visibility("default"))) long seen_extra(long n);

/* One event of worker w. */
void fire(int w);
/* An event of nobody's, extra:step. */
void fire_extra(long n);

#endif
