/*
 * How often rings are read: --delay, except that a ring which is filling is read sooner, and that a short delay is given up bit by bit while nothing comes, since waking up costs more than reading.
 */
#ifndef PACE_H
#define PACE_H

#include <stdbool.h>
#include <stdint.h>

struct pace {
	int64_t delay; /* as asked for, ns */
	int64_t due;   /* of the next reading, ns; 0: at once */
	int64_t heard; /* when a record was read last, ns; 0: never */
};

/* After a reading. heard: it brought a record; filling: a ring is about to be full. */
void pace_read(struct pace *pace, int64_t now, bool heard, bool filling);

#endif
