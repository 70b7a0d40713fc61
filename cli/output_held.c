/*
 * See output_held.h. A pipe that poll() calls writable has a free page, so that one page at most is written without waiting; a socket says by itself that it is full.
 */
#include "output_held.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <unistd.h>

enum {
	HELD_EAGER = 64 << 10,        /* from here on each write tries to be rid of it */
	HELD_MAX = 256 << 20,         /* from here on it is waited for: more than one reading of all rings comes to */
};

struct output_held {
	int descriptor;
	bool socket;
	int error;               /* of the first write that failed */
	char *bytes;
	size_t start, end, room; /* what is held lies between start and end */
};

struct output_held *output_held_new(int descriptor, bool socket)
{
	struct output_held *held = calloc(1, sizeof(*held));

	if (held)
		*held = (struct output_held){ .descriptor = descriptor, .socket = socket };
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

/* As write(); 0: it would have to wait. */
static ssize_t write_some(const struct output_held *held, bool wait)
{
	struct pollfd polled = { .fd = held->descriptor, .events = POLLOUT };
	const char *from = held->bytes + held->start;
	const size_t size = output_held_size(held);
	ssize_t written;

	if (poll(&polled, 1, wait ? -1 : 0) == 0)
		return 0;
	do {
		written = held->socket ? send(held->descriptor, from, size, MSG_DONTWAIT | MSG_NOSIGNAL) : write(held->descriptor, from, size < PIPE_BUF ? size : PIPE_BUF);
	} while (written < 0 && errno == EINTR);
	return written < 0 && (errno == EAGAIN || errno == EWOULDBLOCK) ? 0 : written;
}

bool output_held_drain(struct output_held *held, bool wait)
{
	while (!held->error && held->start < held->end) {
		const ssize_t written = write_some(held, wait);

		if (written > 0)
			held->start += (size_t)written;
		else if (written < 0)
			held->error = errno;
		else if (!wait)
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
