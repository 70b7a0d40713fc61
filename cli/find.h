/*
 * Finding targets: which processes carry a marker (wire.h), and who they are, checked so that a recycled pid is never taken for the one that was meant.
 *
 * Nothing here sends a signal or writes to a process: all is read from /proc and through a pidfd. What a process holds in its marker is not trusted.
 * A struct process is the caller's storage; it holds a pidfd and a mapping. Single-threaded.
 */
#ifndef FIND_H
#define FIND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "wire.h"

enum { FIND_REASON = 256 };

struct process {
	pid_t pid;                        /* in our pid namespace */
	uint64_t start_time;              /* field 22 of /proc/PID/stat, as we see it */
	uid_t uid;
	gid_t gid;
	int pidfd;
	pid_t agent;                      /* tid of the agent, in our pid namespace */
	const struct jst_marker *marker;  /* mapped read-only, sealed against shrinking; changes under our eyes */
	uint64_t marker_inode;            /* another after an exec of a program that has one, too */
	int32_t inner_pid;                /* pid in the innermost namespace, equal to the marker's */
	uint64_t inner_start_time;        /* the marker's */
	char comm[17];                    /* command name */
	char title[128];                  /* command line, blanks between the arguments */
};

enum find_result {
	FIND_FOUND,
	FIND_NOT_YET,    /* it is just starting: look again in a moment; reason says what is missing */
	FIND_REFUSED,    /* it cannot be traced: reason says why */
};

/* Looks at process pid and fills *process; else writes one line to reason, which names the pid and what to do. */
enum find_result find_process(pid_t pid, struct process *process, char reason[FIND_REASON]);
void process_fini(struct process *process);

/* Whether the process still lives under its pid. */
bool process_alive(const struct process *process);

/* The process's state letter in /proc/PID/stat, or 0 when it is gone. */
char process_state(const struct process *process);

/* How a process ended, as far as can be told: a status as of wait(2). False: unknown. */
bool process_status(const struct process *process, int *status);

/* Whether the program still has this marker mapped: it does not after an exec, whatever it became. */
bool process_has_marker(const struct process *process);

/* Whether any of count globs matches the command name, the command line, or the name of the program as it was called. */
bool process_matches(const struct process *process, const char *const *globs, size_t count);

/*
 * Scanning for all instrumented processes that the caller may trace: those of the calling user; root's scan sees all.
 * A finder remembers what it saw, so that a scan each second costs little more than listing /proc.
 */
struct finder;
struct finder *finder_new(void);
void finder_free(struct finder *finder);

/* Calls visit with the pid of each process that has a marker and was not visited before (an exec makes it a new one). */
void finder_scan(struct finder *finder, void (*visit)(void *context, pid_t pid), void *context);
/* Visit this pid again in a later scan: it was not ready. */
void finder_retry(struct finder *finder, pid_t pid);
/* The same, but there is no hurry: it was not what is looked for, and may change its title. */
void finder_later(struct finder *finder, pid_t pid);

#endif
