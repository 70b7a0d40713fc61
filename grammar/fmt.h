/*
 * The formatter: a script in its one layout. It works on the tokens and the comments between them, so nothing that a person wrote is lost, and only once the script was parsed, so it may
 * trust what follows what. fmt_pieces.c holds the tokens and comments, and knows what stands between two of them; fmt.c decides what goes on which line; fmt_lines.c keeps the lines, puts the
 * comments behind them into columns, and prints them. Single-threaded.
 */
#ifndef FMT_H
#define FMT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct script;

/* A token or a comment. */
struct fmt_piece {
	int token;             /* of parser.h, or LEXER_COMMENT */
	const char *text;      /* in the script's */
	size_t length;
	int line, end_line;
	size_t match;          /* of what opens a body: the index of what closes it */
};

/* All of a script, in its order. The first stands for what is before the script, as a ';' in front of line 1; the last is YYEOF. To be zeroed first, and freed by fmt_pieces_fini(). */
struct fmt_pieces {
	struct fmt_piece *items;
	size_t count;
};

/* The script's own text, which was parsed without an error. Context: any. */
void fmt_pieces_read(struct fmt_pieces *pieces, struct script *script);
void fmt_pieces_fini(struct fmt_pieces *pieces);

/* Tokens that open and close a body. Context: any. */
bool fmt_opens(int token);
bool fmt_closes(int token);

/* Whether the piece is a comment; one that goes on to the end of its line. Context: any. */
bool fmt_is_comment(const struct fmt_pieces *pieces, size_t at);
bool fmt_is_line_comment(const struct fmt_pieces *pieces, size_t at);

/* Whether the piece begins in the line in which the one before it ends. Context: any. */
bool fmt_same_line(const struct fmt_pieces *pieces, size_t at);

/* The next piece from at on, and the last one before at, that is no comment. Context: any. */
size_t fmt_skip_comments(const struct fmt_pieces *pieces, size_t at);
size_t fmt_before(const struct fmt_pieces *pieces, size_t at);

/* Whether there is a blank between the piece and the one before it, if they are in one line. Context: any. */
bool fmt_is_apart(const struct fmt_pieces *pieces, size_t at);

/* Whether a statement that was broken before the piece stays so. Context: any. */
bool fmt_stays_broken(const struct fmt_pieces *pieces, size_t at);

/* A line to come: code, or a comment of its own, and the comments behind it; both are pieces of lines->text. */
struct fmt_line {
	int indent;            /* in levels of two blanks */
	bool empty_before;     /* an empty line comes before it */
	bool ended;            /* by a comment that goes on to the end of the line */
	bool tall;             /* a comment in it has line breaks */
	size_t code, comments, end;
};

/* All lines. To be zeroed first, and freed by fmt_lines_fini(). */
struct fmt_lines {
	struct fmt_line *lines;
	uint32_t count;
	char *text;
	size_t length, room;
};

/* Begins a line. Context: any. */
void fmt_lines_begin(struct fmt_lines *lines, int indent, bool empty_before);

/* Adds code to the line begun last, behind a blank if apart and the line has code already. Context: any. */
void fmt_lines_code(struct fmt_lines *lines, const char *code, size_t length, bool apart);

/* Adds a comment to the line begun last: as code (within a statement, or on a line of its own), or behind all code. Context: any. */
void fmt_lines_comment(struct fmt_lines *lines, const char *comment, size_t length, bool apart, bool behind);

/* Prints them, comments behind neighbouring lines in one column. Context: any. */
void fmt_lines_print(const struct fmt_lines *lines, FILE *out);

void fmt_lines_fini(struct fmt_lines *lines);

/* Prints the script's own text, which was parsed without an error, in its layout. Context: any. */
void fmt_print(struct script *script, FILE *out);

#endif
