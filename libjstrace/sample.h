/*
 * What the agent looks up about its process so that probes need not: title, thread names, and how much memory may be touched.
 */
#ifndef JST_SAMPLE_H
#define JST_SAMPLE_H

#include "memory.h"

/* Reads a small file into buffer, NUL-terminated; its length, or -1. Context: agent. */
int jst_sample_read(const char *path, char *buffer, size_t room);

/* The process title, as ps shows it. Context: agent. */
void jst_sample_title(struct jst_memory_header *header);

/* Names of the threads that have a slot. Context: agent. */
void jst_sample_comms(struct jst_memory *memory);

/* Publishes how far the heap may grow: the memory's size, but beyond what is in use never more than a quarter of what the cgroup has left, or the machine where it does not overcommit. Never lowered below what is in use. Context: agent. */
void jst_sample_permit(struct jst_memory *memory);

/* Field 22 of /proc/self/stat, in clock ticks since boot; 0: unknown. Context: agent. */
uint64_t jst_sample_start_time(void);

/* How many seccomp filters this very thread has; before Linux 5.9, which does not count them, its mode: 0 without any. Context: agent. */
int32_t jst_sample_filters(void);

/* Whether each user that there is has an id here: not in a user namespace that knows only some, to which all others are one, nobody. Context: agent. */
bool jst_sample_every_user(void);

/* Whether a signal is pending for this very thread, not for the process: SigPnd in /proc/thread-self/status. Context: agent. */
bool jst_sample_pending(int signal);

#endif
