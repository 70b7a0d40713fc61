/*
 * Messages on standard error, and the two small services that they and the options need: the nearest word, and memory that is there or else the program ends with a line that says so.
 */
#include "messages.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "line.h"
#include "output.h"

static enum message_level level = MESSAGE_NORMAL;

void message_set_level(enum message_level wanted)
{
	level = wanted;
}

enum message_level message_get_level(void)
{
	return level;
}

static void say(const char *kind, const char *format, va_list arguments)
{
	char text[2048];
	int length = vsnprintf(text, sizeof(text), format, arguments);

	if (length < 0)
		return;
	if ((size_t)length >= sizeof(text))
		length = sizeof(text) - 1;

	struct line line; /* in one write, so that messages of several programs on one terminal do not run into each other */

	line_begin(&line, stderr);
	line_string(&line, "jstrace: ");
	line_string(&line, kind);
	line_text(&line, text, (size_t)length);
	line_char(&line, '\n');
	line_end(&line);
}

#define SAY(least, kind)                                \
	do {                                            \
		va_list arguments;                      \
		if (level < (least))                    \
			return;                         \
		va_start(arguments, format);            \
		say(kind, format, arguments);           \
		va_end(arguments);                      \
	} while (0)

void message_error(const char *format, ...)
{
	SAY(MESSAGE_QUIET, "");
}

void message_warning(const char *format, ...)
{
	SAY(MESSAGE_NORMAL, "warning: ");
}

void message_event(const char *format, ...)
{
	SAY(MESSAGE_NORMAL, "");
}

void message_note(const char *format, ...)
{
	SAY(MESSAGE_VERBOSE, "");
}

enum { WORD_MAX = 64 };

/* Edit distance with neighbours swapped counting as one (optimal string alignment). Words longer than WORD_MAX are as far as can be. */
static size_t distance(const char *a, const char *b)
{
	size_t la = strlen(a), lb = strlen(b);
	uint8_t row[3][WORD_MAX + 1];

	if (la > WORD_MAX || lb > WORD_MAX)
		return SIZE_MAX;
	for (size_t j = 0; j <= lb; j++)
		row[0][j] = (uint8_t)j;
	for (size_t i = 1; i <= la; i++) {
		uint8_t *now = row[i % 3], *before = row[(i + 2) % 3], *earlier = row[(i + 1) % 3];

		now[0] = (uint8_t)i;
		for (size_t j = 1; j <= lb; j++) {
			uint8_t best = (uint8_t)(before[j - 1] + (a[i - 1] != b[j - 1]));

			if (before[j] + 1 < best)
				best = (uint8_t)(before[j] + 1);
			if (now[j - 1] + 1 < best)
				best = (uint8_t)(now[j - 1] + 1);
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] && earlier[j - 2] + 1 < best)
				best = (uint8_t)(earlier[j - 2] + 1);
			now[j] = best;
		}
	}
	return row[la % 3][lb];
}

const char *message_nearest(const char *word, const char *const *candidates, size_t count)
{
	const char *nearest = NULL;
	size_t best = (strlen(word) + 1) / 3; /* one slip in words of up to four letters, more in long ones */

	for (size_t i = 0; i < count; i++) {
		size_t d = distance(word, candidates[i]);

		if (d <= best && (!nearest || d < best)) {
			best = d;
			nearest = candidates[i];
		}
	}
	return nearest;
}

static void *have(void *block)
{
	if (!block) {
		fputs("jstrace: out of memory\n", stderr);
		abort();
	}
	return block;
}

void *message_allocate(size_t count, size_t size)
{
	return have(calloc(count ? count : 1, size ? size : 1));
}

void *message_resize(void *block, size_t count, size_t size)
{
	if (size && count > SIZE_MAX / size)
		return have(NULL);
	return have(realloc(block, count && size ? count * size : 1));
}

char *message_copy(const char *text, size_t length)
{
	char *copy = message_allocate(length + 1, 1);

	memcpy(copy, text, length);
	return copy;
}
