/*
 * The lines of a formatted script.
 *
 *     const LIMIT = 10ms;  # of all          lines that follow each other, are indented alike and end in a comment
 *     const TOP = 10;      # in the table    have these in one column
 */
#include "fmt.h"

#include <stdlib.h>
#include <string.h>

#include "arena.h"

enum { BLANKS_A_LEVEL = 2 };

static void append(struct fmt_lines *lines, const char *bytes, size_t length)
{
	if (lines->room - lines->length < length) {
		lines->room = 2 * lines->room + length + 256;
		lines->text = heap_resize(lines->text, lines->room);
	}
	memcpy(lines->text + lines->length, bytes, length);
	lines->length += length;
}

static struct fmt_line *last_line(struct fmt_lines *lines)
{
	return &lines->lines[lines->count - 1];
}

void fmt_lines_begin(struct fmt_lines *lines, int indent, bool empty_before)
{
	const size_t at = lines->length;

	lines->lines = heap_grow(lines->lines, lines->count, sizeof(*lines->lines));
	lines->lines[lines->count++] = (struct fmt_line){ .indent = indent, .empty_before = empty_before, .code = at, .comments = at, .end = at };
}

void fmt_lines_code(struct fmt_lines *lines, const char *code, size_t length, bool apart)
{
	struct fmt_line *line = last_line(lines);

	if (apart && line->comments > line->code)
		append(lines, " ", 1);
	append(lines, code, length);
	line->comments = line->end = lines->length;
}

/* Whether each line of a block comment but the first begins with a star: then they are indented as the first is. */
static bool has_stars(const char *comment, const char *end)
{
	while ((comment = memchr(comment, '\n', (size_t)(end - comment)))) {
		do
			comment++;
		while (*comment == ' ' || *comment == '\t');
		if (*comment != '*')
			return false;
	}
	return true;
}

/* Its text, without blanks at the ends of its lines. */
static void append_comment(struct fmt_lines *lines, const char *comment, size_t length)
{
	const char *end = comment + length;
	const bool stars = has_stars(comment, end);

	for (const char *at = comment; at < end;) {
		const char *line_end = memchr(at, '\n', (size_t)(end - at));
		const char *next = line_end ? line_end + 1 : end;

		if (at != comment) {
			append(lines, "\n", 1);
			last_line(lines)->tall = true;
		}
		if (at != comment && stars) {
			for (int i = 0; i < last_line(lines)->indent * BLANKS_A_LEVEL + 1; i++)
				append(lines, " ", 1);
			at += strspn(at, " \t");
		}
		for (line_end = line_end ? line_end : end; line_end > at && strchr(" \t\r\v\f", line_end[-1]);)
			line_end--;
		append(lines, at, (size_t)(line_end - at));
		at = next;
	}
}

void fmt_lines_comment(struct fmt_lines *lines, const char *comment, size_t length, bool apart, bool behind)
{
	struct fmt_line *line = last_line(lines);

	if (apart && line->end > line->code && (!behind || line->end > line->comments))
		append(lines, " ", 1);
	append_comment(lines, comment, length);
	line->end = lines->length;
	if (!behind)
		line->comments = line->end;
	line->ended = comment[0] == '#' || comment[1] == '/';
}

/* ---- printing ---- */

/* Of the code: characters, not bytes; of code with a line break in it, those behind that. */
static int width_of(const struct fmt_lines *lines, const struct fmt_line *line)
{
	int width = 0;

	for (size_t i = line->code; i < line->comments; i++) {
		if (lines->text[i] == '\n')
			width = -line->indent * BLANKS_A_LEVEL;
		else
			width += (lines->text[i] & 0xc0) != 0x80;
	}
	return width;
}

static bool has_comment(const struct fmt_line *line)
{
	return line->end > line->comments;
}

/* Whether the comments of the line may be in one column with those of its neighbours: where a body begins or ends they are about other things. */
static bool is_aligned(const struct fmt_lines *lines, const struct fmt_line *line)
{
	return has_comment(line) && line->comments > line->code && lines->text[line->code] != '}' && lines->text[line->comments - 1] != '{';
}

/* How many lines from first on share the column of their comments, at least one, and how wide their code is. */
static uint32_t run_of(const struct fmt_lines *lines, uint32_t first, int *widest)
{
	uint32_t i = first;

	*widest = 0;
	do {
		const int width = width_of(lines, &lines->lines[i]);

		*widest = width > *widest ? width : *widest;
		i++;
	} while (i < lines->count && is_aligned(lines, &lines->lines[i - 1]) && is_aligned(lines, &lines->lines[i]) && lines->lines[i].indent == lines->lines[first].indent &&
		 !lines->lines[i].empty_before);
	return i - first;
}

static void print_line(const struct fmt_lines *lines, const struct fmt_line *line, int widest, FILE *out)
{
	if (line->empty_before)
		fputc('\n', out);
	fprintf(out, "%*s", line->indent * BLANKS_A_LEVEL, "");
	fwrite(lines->text + line->code, 1, line->comments - line->code, out);
	if (has_comment(line))
		fprintf(out, "%*s", widest - width_of(lines, line) + 1, "");
	fwrite(lines->text + line->comments, 1, line->end - line->comments, out);
	fputc('\n', out);
}

void fmt_lines_print(const struct fmt_lines *lines, FILE *out)
{
	for (uint32_t i = 0; i < lines->count;) {
		int widest;

		for (uint32_t run = run_of(lines, i, &widest); run > 0; run--)
			print_line(lines, &lines->lines[i++], widest, out);
	}
}

void fmt_lines_fini(struct fmt_lines *lines)
{
	free(lines->lines);
	free(lines->text);
}
