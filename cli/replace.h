/*
 * Replacing a file as a whole: whoever reads it finds the old text or the new one, also if the disk is full or the machine stops in between. Single-threaded.
 */
#ifndef REPLACE_H
#define REPLACE_H

#include <stddef.h>

enum replace {
	REPLACE_DONE,
	REPLACE_FAILED,     /* errno says why; the file is as it was */
	REPLACE_IMPOSSIBLE, /* it is no regular file, or does not exist, or no other can take its place: it can only be written to, as any output */
};

/* Gives the file that path leads to (through symbolic links) another content: a new file in its folder, with its mode and owner, that takes its name. */
enum replace replace_file(const char *path, const char *text, size_t length);

#endif
