/*
 * Files that targets have mapped, and what their symbols and debug information say about a place in one: by elfutils' libdw.
 *
 * A file is opened while the target lives, and is then read whenever a place in it is asked for, also after the target's death. Neither files nor paths are trusted: only regular files are opened (guard.h), and only for
 * reading; nothing is fetched from a network. Files live as long as the command. Single-threaded.
 */
#ifndef SYMBOLS_H
#define SYMBOLS_H

#include <stdint.h>
#include <sys/types.h>

#include "frames.h"

struct symbols_file;

/* A line of /proc/PID/maps. */
struct symbols_mapping {
	uint64_t low, high;
	uint64_t offset;       /* in the file */
	uint64_t device, inode;
	const char *path;      /* as the target sees it; "" or in brackets: no file */
};

/* The file that process pid has mapped there, opened now if it was not yet; NULL: no file. */
struct symbols_file *symbols_open(pid_t pid, const struct symbols_mapping *mapping);

/* The number of the frame whose return address lies at the offset of the file. */
uint64_t symbols_frame(struct symbols_file *file, uint64_t offset);

#endif
