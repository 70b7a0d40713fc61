/*
 * A line on its way to a file: what a record prints is put together on the stack and handed to stdio in one piece, for a call of stdio costs more than most of what is in a line. A long one goes in several pieces.
 *
 *     struct line line;
 *
 *     line_begin(&line, file);
 *     line_bytes(&line, "id=", 3);
 *     line_value(&line, value, UNIT_NONE);
 *     line_end(&line);                          nothing may be left in it when something else writes to the file
 *
 * The print_ functions of output.h are the same for a file. Those here that return a number say how many columns they took. Single-threaded.
 */
#ifndef LINE_H
#define LINE_H

#include <stdio.h>
#include <string.h>

#include "compile.h"

enum { LINE_ROOM = 4096, LINE_NUMBER = 64 /* bytes that a number with its unit takes at most */ };

struct line {
	FILE *file;
	size_t used;
	char bytes[LINE_ROOM];
};

static inline void line_begin(struct line *line, FILE *file)
{
	line->file = file;
	line->used = 0;
}

/* Hands over what there is; the line may go on. Errors stay with the file. */
static inline void line_end(struct line *line)
{
	if (line->used)
		fwrite_unlocked(line->bytes, 1, line->used, line->file);
	line->used = 0;
}

/* Room for size bytes, LINE_ROOM at most; what is written there counts once line->used is raised. */
static inline char *line_room(struct line *line, size_t size)
{
	if (size > LINE_ROOM - line->used)
		line_end(line);
	return line->bytes + line->used;
}

static inline void line_char(struct line *line, char c)
{
	*line_room(line, 1) = c;
	line->used++;
}

static inline void line_bytes(struct line *line, const char *bytes, size_t length)
{
	if (length > LINE_ROOM) {
		line_end(line);
		fwrite_unlocked(bytes, 1, length, line->file);
		return;
	}
	memcpy(line_room(line, length), bytes, length);
	line->used += length;
}

static inline void line_string(struct line *line, const char *text)
{
	line_bytes(line, text, strlen(text));
}

/* count times c; none where it is negative. */
static inline void line_fill(struct line *line, char c, int count)
{
	for (; count > 0; count--)
		line_char(line, c);
}

/* What printf() makes of it, LINE_NUMBER - 1 bytes at most. */
__attribute__((format(printf, 2, 3))) int line_printf(struct line *line, const char *format, ...);

/* text.c: see output.h. */
int line_integer(struct line *line, int64_t value);
int line_text(struct line *line, const char *bytes, size_t length);
int line_quoted(struct line *line, const char *bytes, size_t length);
void line_json_string(struct line *line, const char *bytes, size_t length);
int line_value(struct line *line, struct jst_value value, enum unit unit);
int line_duration(struct line *line, double ns);
int line_size(struct line *line, double bytes);
int line_timestamp(struct line *line, int64_t ns);
int line_double(struct line *line, double value);
void line_json_value(struct line *line, struct jst_value value);
/* Columns that line_text() takes. */
int text_shown(const char *bytes, size_t length);

/* format.c: see format_print(). */
void format_line(struct line *line, const struct format_piece *pieces, uint32_t piece_count, const struct jst_value *values, const enum unit *units, uint32_t count, bool escape);

#endif
