/*
 * What was written to a pipe or socket and its reader has not made room for. Nothing here waits unless it is told to, so that a reader that pauses (less, a script that computes) holds up neither the leases of targets nor Ctrl-C.
 *
 * The descriptor stays in the mode it was found in: it may be shared with other programs, for which O_NONBLOCK would be a surprise. Belongs to one output; single-threaded.
 */
#ifndef OUTPUT_HELD_H
#define OUTPUT_HELD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

struct output_held;

/* NULL: no memory. The descriptor stays the caller's. */
struct output_held *output_held_new(int descriptor, bool socket);
void output_held_free(struct output_held *held);
/* A stream that writes into it; the caller closes it before output_held_free(). NULL: errno says why. */
FILE *output_held_file(struct output_held *held);
size_t output_held_size(const struct output_held *held);
/* Writes what the descriptor takes; wait: all of it. False: it failed, with errno; what is held is thrown away then. */
bool output_held_drain(struct output_held *held, bool wait);

#endif
