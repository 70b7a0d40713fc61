/*
 * Messages to people: one line each on standard error, "jstrace: …". Results never go this way.
 *
 * Every line is escaped as a whole before it reaches the terminal, so names and reasons that came from a target may be given as they are.
 */
#ifndef MESSAGES_H
#define MESSAGES_H

#include <stdbool.h>
#include <stddef.h>

/* How much is said. Errors always are. */
enum message_level {
	MESSAGE_QUIET,    /* -q: errors only */
	MESSAGE_NORMAL,   /* warnings, and what happened to the traced processes */
	MESSAGE_VERBOSE,  /* -v: notes as well */
};

void message_set_level(enum message_level level);
enum message_level message_get_level(void);

/* Something failed; always said. */
void message_error(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* Something is probably not as the user wants it, or happened to a process; not with -q. */
void message_warning(const char *format, ...) __attribute__((format(printf, 1, 2)));
void message_event(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* Details; with -v only. */
void message_note(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* The candidate most like word if it is near enough to be a slip of the fingers, else NULL. count candidates. */
const char *message_nearest(const char *word, const char *const *candidates, size_t count);

/* Allocation that cannot fail: running out of memory ends the CLI with a message. Zeroed. */
void *message_allocate(size_t count, size_t size);
void *message_resize(void *block, size_t count, size_t size);
char *message_copy(const char *text, size_t length);

#endif
