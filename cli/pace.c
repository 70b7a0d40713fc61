/*
 * See pace.h.
 */
#include "pace.h"

#include "times.h"

enum {
	START_US = 250,    /* until the first look at a process */
	NAP_US = 50,       /* what is due sooner is not slept for: that would take longer */
	QUIET_MS = 4,      /* a short delay becomes no longer than that … */
	QUIET_PARTS = 250, /* … and is that part of the silence: what comes then is late by a small part of the time that it was awaited */
};

static int64_t delay_of(const struct pace *pace, int64_t now)
{
	const int64_t most = QUIET_MS * TIMES_MS, silence = (now - pace->heard) / QUIET_PARTS;

	return pace->delay >= silence || pace->delay >= most ? pace->delay : times_earlier(silence, most);
}

void pace_start(struct pace *pace, int64_t now)
{
	pace->last = now;
	pace->quarter = START_US * TIMES_MS / 1000;
	pace->due = times_earlier(pace->due, now + pace->quarter);
}

void pace_read(struct pace *pace, int64_t now, bool heard, uint32_t filled)
{
	/* Little more than the last time: a quiet moment, as of a thread that is not scheduled, says nothing of the next. */
	int64_t quarter = pace->quarter ? pace->quarter + pace->quarter / 8 + 1 : START_US * TIMES_MS / 1000, wait;

	if (filled)
		quarter = times_earlier(quarter, (now - pace->last) * (PACE_FULL / 4) / filled);
	if (heard)
		pace->heard = now;
	wait = delay_of(pace, now);
	pace->last = now;
	pace->quarter = times_earlier(quarter > 0 ? quarter : 1, pace->delay > 0 ? pace->delay : 1);
	if (pace->quarter < pace->delay)
		wait = pace->quarter < NAP_US * TIMES_MS / 1000 ? 0 : times_earlier(wait, pace->quarter);
	pace->due = now + wait;
}
