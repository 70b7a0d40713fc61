/*
 * Texts that the agent writes and numbers that it reads, without libc: its functions for that look up the calling thread's locale, and the agent may be a thread that has none (raw_thread.h).
 * Context: any, all of them.
 */
#ifndef JST_TEXT_H
#define JST_TEXT_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

/* As snprintf(), with %s %d %u %llu %zd %zu and %% alone. Returns the length of the whole text, which is cut where it has room - 1 bytes or more; room is at least 1. */
__attribute__((format(printf, 3, 4))) size_t jst_text_print(char *buffer, size_t room, const char *format, ...);
__attribute__((format(printf, 3, 0))) size_t jst_text_vprint(char *buffer, size_t room, const char *format, va_list arguments);

/* The digits in front, after blanks and tabs; of base 10 or 16, in lower case. 0 where there is none; what is too large is UINT64_MAX. *end, unless NULL: what comes behind. */
uint64_t jst_text_number(const char *text, unsigned base, const char **end);

/* What an error's number, positive, means, in English. Static. */
const char *jst_text_error(int error);

#endif
