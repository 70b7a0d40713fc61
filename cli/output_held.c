/*
 * See output_held.h. A socket says by itself that it is full, and so does a pipe to RWF_NOWAIT, from Linux 6.5 on. Before that, a pipe that poll() calls writable has a free page, so that one page at most is written without waiting.
 */
#include "output_held.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

#ifndef RWF_NOWAIT
#define RWF_NOWAIT 8
#endif

enum {
	HELD_EAGER = 64 << 10,        /* from here on each write tries to be rid of it */
	PIPE_SIZE = 1 << 20,          /* what anybody may ask for: a reader that is not scheduled for some milliseconds makes nobody wait */
	HELD_MAX = 256 << 20,         /* from here on it is waited for: more than one reading of all rings comes to */
};

struct output_held {
	int descriptor;
	bool socket;
	bool by_pages;           /* a pipe that knows no RWF_NOWAIT */
	int error;               /* of the first write that failed */
	char *bytes;
	size_t start, end, room; /* what is held lies between start and end */
};

struct output_held *output_held_new(int descriptor, bool socket)
{
	struct output_held *held = calloc(1, sizeof(*held));

	if (!held)
		return NULL;
	*held = (struct output_held){ .descriptor = descriptor, .socket = socket };
	/* It is never made smaller; where it may not grow it stays as it is. */
	if (!socket && fcntl(descriptor, F_GETPIPE_SZ) < PIPE_SIZE)
		fcntl(descriptor, F_SETPIPE_SZ, PIPE_SIZE);
	return held;
}

void output_held_free(struct output_held *held)
{
	if (!held)
		return;
	free(held->bytes);
	free(held);
}

size_t output_held_size(const struct output_held *held)
{
	return held->end - held->start;
}

static void forget(struct output_held *held)
{
	held->start = held->end = 0;
	if (held->room > HELD_EAGER) {
		free(held->bytes);
		held->bytes = NULL;
		held->room = 0;
	}
}

static ssize_t write_once(struct output_held *held, const char *from, size_t size)
{
	if (held->socket)
		return send(held->descriptor, from, size, MSG_DONTWAIT | MSG_NOSIGNAL);
	if (!held->by_pages) {
		const ssize_t written = syscall(SYS_pwritev2, held->descriptor, &(struct iovec){ .iov_base = (void *)(uintptr_t)from, .iov_len = size }, 1L, -1L, -1L, RWF_NOWAIT);

		if (written >= 0 || errno == EAGAIN || errno == EINTR || errno == EPIPE)
			return written;
		held->by_pages = true;
	}

	struct pollfd polled = { .fd = held->descriptor, .events = POLLOUT };

	if (poll(&polled, 1, 0) == 0) {
		errno = EAGAIN;
		return -1;
	}
	return write(held->descriptor, from, size < PIPE_BUF ? size : PIPE_BUF);
}

/* As write(); 0: it would have to wait. */
static ssize_t write_some(struct output_held *held, bool wait)
{
	struct pollfd polled = { .fd = held->descriptor, .events = POLLOUT };
	ssize_t written;

	for (;;) {
		written = write_once(held, held->bytes + held->start, output_held_size(held));
		if (written >= 0 || (errno != EINTR && errno != EAGAIN && errno != EWOULDBLOCK))
			return written;
		if (errno == EINTR)
			continue;
		if (!wait)
			return 0;
		poll(&polled, 1, -1);
	}
}

bool output_held_drain(struct output_held *held, bool wait)
{
	while (!held->error && held->start < held->end) {
		const ssize_t written = write_some(held, wait);

		if (written > 0)
			held->start += (size_t)written;
		else if (written < 0)
			held->error = errno;
		else
			return true;
	}
	forget(held);
	errno = held->error;
	return !held->error;
}

/* Room for size bytes more behind what is held. */
static bool make_room(struct output_held *held, size_t size)
{
	const size_t used = output_held_size(held);

	if (held->room - held->end >= size)
		return true;
	if (held->start)
		memmove(held->bytes, held->bytes + held->start, used);
	held->start = 0;
	held->end = used;
	if (held->room - held->end >= size)
		return true;

	const size_t room = used + size > 2 * held->room ? used + size : 2 * held->room;
	char *bytes = realloc(held->bytes, room);

	if (!bytes)
		return false;
	held->bytes = bytes;
	held->room = room;
	return true;
}

static ssize_t hold(void *cookie, const char *bytes, size_t size)
{
	struct output_held *held = cookie;

	if (held->error || !make_room(held, size)) {
		errno = held->error ? held->error : ENOMEM;
		return 0; /* which says to stdio that it failed */
	}
	memcpy(held->bytes + held->end, bytes, size);
	held->end += size;
	if (output_held_size(held) >= HELD_EAGER && !output_held_drain(held, output_held_size(held) > HELD_MAX))
		return 0;
	return (ssize_t)size;
}

FILE *output_held_file(struct output_held *held)
{
	return fopencookie(held, "w", (cookie_io_functions_t){ .write = hold });
}
