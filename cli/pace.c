/*
 * See pace.h.
 */
#include "pace.h"

#include "times.h"

enum {
	FILLING_MS = 1,
	QUIET_MS = 4,      /* a short delay becomes no longer than that … */
	QUIET_PARTS = 250, /* … and is that part of the silence: what comes then is late by a small part of the time that it was awaited */
};

static int64_t delay_of(const struct pace *pace, int64_t now)
{
	const int64_t most = QUIET_MS * TIMES_MS, silence = (now - pace->heard) / QUIET_PARTS;

	return pace->delay >= silence || pace->delay >= most ? pace->delay : times_earlier(silence, most);
}

void pace_read(struct pace *pace, int64_t now, bool heard, bool filling)
{
	if (heard)
		pace->heard = now;
	pace->due = now + (filling ? times_earlier(FILLING_MS * TIMES_MS, pace->delay) : delay_of(pace, now));
}
