/*
 * See replace.h.
 */
#include "replace.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "messages.h"

/* Whether the file may be written to, which the folder alone does not tell; *status is what it is. */
static bool is_writable(const char *path, struct stat *status)
{
	const int fd = stat(path, status) == 0 && S_ISREG(status->st_mode) ? open(path, O_WRONLY | O_CLOEXEC) : -1;

	if (fd < 0)
		return false;
	close(fd);
	return true;
}

static bool write_all(int fd, const char *text, size_t length)
{
	while (length > 0) {
		const ssize_t written = write(fd, text, length);

		if (written < 0 && errno != EINTR)
			return false;
		text += written > 0 ? written : 0;
		length -= written > 0 ? (size_t)written : 0;
	}
	return fsync(fd) == 0;
}

/* Gives the new file the old one's owner, then its mode, which a change of owner may have changed. */
static bool take_over(int fd, const struct stat *old)
{
	struct stat new;

	if (fstat(fd, &new) < 0)
		return false;
	if ((new.st_uid != old->st_uid || new.st_gid != old->st_gid) && fchown(fd, old->st_uid, old->st_gid) < 0)
		return false;
	return fchmod(fd, old->st_mode & 07777) == 0;
}

enum replace replace_file(const char *path, const char *text, size_t length)
{
	char *real = realpath(path, NULL), *new = NULL;
	enum replace result = REPLACE_IMPOSSIBLE;
	struct stat old;
	int fd = -1;

	if (real && is_writable(real, &old)) {
		new = message_allocate(strlen(real) + 8, 1);
		strcpy(stpcpy(new, real), ".XXXXXX");
		fd = mkostemp(new, O_CLOEXEC);
	}
	if (fd >= 0) {
		const bool like = take_over(fd, &old), good = like && write_all(fd, text, length);
		int error = errno;

		if (close(fd) < 0 && good)
			error = errno;
		else if (good && rename(new, real) == 0)
			result = REPLACE_DONE;
		else if (good)
			error = errno;
		if (result != REPLACE_DONE) {
			unlink(new);
			result = like ? REPLACE_FAILED : REPLACE_IMPOSSIBLE;
		}
		errno = error;
	}
	free(new);
	free(real);
	return result;
}
