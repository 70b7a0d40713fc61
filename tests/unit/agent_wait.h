/*
 * For tests that link the library and so have its agent: to wait until it is up, in the program and again in a child of fork(), which gets one of its own.
 *
 * A sanitizer's run time takes locks of its own while a thread starts. A child that is forked off meanwhile gets them locked for ever (gcc 12's libasan), and hangs as soon as it allocates or looks for leaks. And a child's agent turns all sites off before anything else.
 */
#ifndef JST_TESTS_AGENT_WAIT_H
#define JST_TESTS_AGENT_WAIT_H

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "wire.h"

/* Whether the agent has made its marker, the last thing that it does before it sleeps. A child does not inherit its parent's. */
static inline bool agent_is_up(void)
{
	FILE *maps = fopen("/proc/self/maps", "re");
	char line[512];
	bool up = false;

	while (maps && !up && fgets(line, sizeof(line), maps))
		up = strstr(line, "memfd:" JST_MARKER_NAME) != NULL;
	if (maps)
		fclose(maps);
	return up;
}

/* Ends the program when there is no agent after a minute. */
static inline void wait_for_agent(void)
{
	for (int i = 0; i < 60000; i++) {
		if (agent_is_up())
			return;
		usleep(1000);
	}
	fprintf(stderr, "the agent did not start\n");
	exit(EXIT_FAILURE);
}

#endif
