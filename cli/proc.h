/*
 * Reading /proc: small files whole, and the few fields that finding and watching processes need.
 */
#ifndef PROC_H
#define PROC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* The file's contents with a NUL behind them, to be freed; NULL: errno says why. length may be NULL. */
char *proc_read(size_t *length, const char *format, ...) __attribute__((format(printf, 2, 3)));

struct proc_stat {
	char state;
	char comm[17];
	uint64_t start_time;   /* field 22 */
	uint64_t start_stack;  /* field 28: another after an exec, 0 where it is hidden */
	int exit_code;         /* field 52: 0 where it is hidden */
};
bool proc_stat(pid_t pid, struct proc_stat *stat);

/* The text of /proc/PID/status, or where tid is not 0 of that thread's, to be freed; NULL: errno says why. */
char *proc_status(pid_t pid, pid_t tid);
/* The value of a line in it ("Tgid", "NSpid": the last number; "Uid", "Gid": the real one, the first). text NULL, or no such line: -1. */
long proc_status_value(const char *text, const char *key, bool last);
/* Both at once, where no other line is wanted; -1 also where there is no such process. */
long proc_status_number(pid_t pid, pid_t tid, const char *key, bool last);

/* Where a mapping of a memfd whose name begins with JST_MARKER_NAME up to its colon lies. */
struct proc_marker {
	bool found;        /* one of our version */
	bool other;        /* one of another version */
	unsigned major, minor;
	uint64_t inode;
};
/* False: the maps cannot be read, errno says why. kernel is set where the process has no mappings at all. */
bool proc_marker(pid_t pid, struct proc_marker *marker, bool *kernel);

#endif
