/*
 * How often rings are read: --delay, except that a ring is read before it can be full, and that a short delay is given up bit by bit while nothing comes, since waking up costs more than reading.
 *
 * When a ring will be full is told from how much came since the last reading: the next is due when the fullest will hold a quarter. So a rate that leaves room for it loses nothing, whatever it is, and each wake-up finds
 * something to do. Nothing is known of a process that was just attached, so it is looked at soon, and then each time a little later; that also shows its first event at once.
 */
#ifndef PACE_H
#define PACE_H

#include <stdbool.h>
#include <stdint.h>

enum { PACE_FULL = 1024 };

struct pace {
	int64_t delay;   /* as asked for, ns */
	int64_t due;     /* of the next reading, ns; 0: at once */
	int64_t heard;   /* when a record was read last, ns; 0: never */
	int64_t last;    /* the last reading, ns */
	int64_t quarter; /* in what time a quarter of the fullest ring may fill, ns; 0: as for a process that was just attached */
};

/* The probes of a process went on. now: ns. */
void pace_start(struct pace *pace, int64_t now);

/* The rings were read. now: when that began, ns. heard: it brought a record; filled: how full the fullest ring was, in parts of PACE_FULL. */
void pace_read(struct pace *pace, int64_t now, bool heard, uint32_t filled);

#endif
