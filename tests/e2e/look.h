/*
 * What the kernel tells of a process, for tests.
 */
#ifndef LOOK_H
#define LOOK_H

#include <sys/types.h>

/* Lines of a file, or entries of a folder (with . and ..), below /proc/PID; 0: there is none. */
int look_count(pid_t pid, const char *name);

/* What the line NAME: of a thread's status says, "" if there is none. Good until the next call. */
const char *look_status(pid_t pid, int tid, const char *name);

#endif
