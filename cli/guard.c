/*
 * See guard.h. libdw has no hook for all that it opens. But what it calls is looked up in the program first, so an open() of ours stands before libc's.
 */
#include "guard.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

static bool guarded;

void guard_begin(void)
{
	guarded = true;
}

void guard_end(void)
{
	guarded = false;
}

/* It is looked at before it is opened, and what is opened is what was looked at. */
static int open_regular(const char *path, int flags)
{
	char again[64];
	struct stat stat;
	const int place = openat(AT_FDCWD, path, O_PATH | O_CLOEXEC);

	if (place < 0)
		return -1;
	snprintf(again, sizeof(again), "/proc/self/fd/%d", place);
	const bool regular = fstat(place, &stat) == 0 && S_ISREG(stat.st_mode);
	const int fd = regular ? openat(AT_FDCWD, again, flags | O_CLOEXEC) : -1;
	const int error = regular ? errno : EACCES;

	close(place);
	errno = error;
	return fd;
}

/* By another name here: the headers may have a macro or an inline function of its own. */
int guard_open(const char *path, int flags, ...) __asm__("open");

__attribute__((visibility("default"))) int guard_open(const char *path, int flags, ...)
{
	mode_t mode = 0;

	if (guarded)
		return open_regular(path, flags);
	if ((flags & O_CREAT) || (flags & O_TMPFILE) == O_TMPFILE) {
		va_list arguments;

		va_start(arguments, flags);
		mode = va_arg(arguments, mode_t);
		va_end(arguments);
	}
	return openat(AT_FDCWD, path, flags, mode);
}
