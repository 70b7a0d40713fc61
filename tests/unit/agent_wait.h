/*
 * For tests that link the library and so have its agent: to wait until it is up.
 *
 * A sanitizer's run time takes locks of its own while a thread starts. A child that is forked off meanwhile gets them locked for ever (gcc 12's libasan), and hangs as soon as it allocates or looks for leaks.
 */
#ifndef JST_TESTS_AGENT_WAIT_H
#define JST_TESTS_AGENT_WAIT_H

#include <dirent.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "wire.h"

/* Whether a thread of this process bears the name that the agent gives itself. */
static inline bool agent_is_up(void)
{
	DIR *tasks = opendir("/proc/self/task");
	bool up = false;

	for (struct dirent *task; tasks && !up && (task = readdir(tasks)) != NULL;) {
		char path[64 + sizeof task->d_name], name[32] = "";

		snprintf(path, sizeof path, "/proc/self/task/%s/comm", task->d_name);
		FILE *file = fopen(path, "re");

		if (!file)
			continue;
		if (fgets(name, sizeof name, file))
			up = strcmp(name, JST_AGENT_COMM "\n") == 0;
		fclose(file);
	}
	if (tasks)
		closedir(tasks);
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
