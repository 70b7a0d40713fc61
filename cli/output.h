/*
 * Where results go, and how people and programs read them: text, or one JSON object a line.
 *
 * A pipe or socket whose reader is slow holds nobody up: what it does not take is held here, and output_waits() says that nothing should be added until it has been taken.
 *
 * The caller ignores SIGPIPE and leaves LC_NUMERIC as it is at the start of a program ("C").
 * One output a run; single-threaded. Strings that came from a target or a script's event are escaped here (control characters and invalid UTF-8 as \xNN in text; JSON's own rules, invalid bytes as U+FFFD, in JSON), never before.
 */
#ifndef OUTPUT_H
#define OUTPUT_H

#include <stdio.h>

#include "compile.h"

enum output_format { OUTPUT_TEXT, OUTPUT_JSON };
struct output_held;

enum { STACK_INDENT = 4 }; /* blanks before a frame of a stack, in text */

struct output {
	FILE *file;
	enum output_format format;
	bool terminal;       /* file is a terminal: bars may use its width */
	int width;           /* columns for tables and bars; 80 where unknown */
	bool owned;          /* file was opened here and is closed by output_close() */
	int pipe;            /* the descriptor where it is a pipe or socket, else -1; an output that was not opened here has none either */
	FILE *beneath;       /* the descriptor's own FILE where file writes to held, else NULL */
	struct output_held *held; /* what a pipe or socket has not taken yet; NULL: it is none */
	char *buffer;        /* of file, or NULL */
	bool failed;         /* a write failed (EPIPE, ENOSPC): errno is in error; the run ends with exit code 1 */
	int error;
};

/* Opens path, or standard output where it is NULL. False: errno says why. */
bool output_open(struct output *output, const char *path, enum output_format format);
/* Hands all that was written to the system, or to a pipe what it takes at once; false if anything was not written, ever: failed and error tell. A terminal gets each line as it is written; anything else needs this call after
 * each batch. */
bool output_flush(struct output *output);
/* Whether something is held that a reader has not made room for; output_flush() tries again, at the latest when the descriptor is writable. */
bool output_waits(const struct output *output);
/* Flushes, waiting for the reader, and closes (standard output stays open); false as output_flush(). The output may not be used afterwards but for failed and error. */
bool output_close(struct output *output);
/* The terminal's width now (it may have been resized), else COLUMNS, else 80; kept between 40 and 400. Sets output->width. */
void output_measure(struct output *output);

/* text.c: values with their units. Each writes to file and returns the columns written. */
int print_text(FILE *file, const char *bytes, size_t length);                /* escaped for a terminal */
void print_json_string(FILE *file, const char *bytes, size_t length);        /* with its quotes */
int print_value(FILE *file, struct jst_value value, enum unit unit);         /* as print and %v show it: 1.02ms, 4.0KiB, nil, text; a stack on lines of its own, of which none is ended */
int print_duration(FILE *file, double ns);                                   /* three significant digits: 850ns 1.02ms 12.3s 2m05s 1h02m */
int print_size(FILE *file, double bytes);                                    /* 512B 4.0KiB 1.5GiB */
int print_timestamp(FILE *file, int64_t ns);                                 /* ISO 8601 with microseconds and zone */
void print_json_value(FILE *file, struct jst_value value);                   /* numbers, strings, stacks, null; inf and nan as null */
int print_double(FILE *file, double value);                                  /* as str() has it: the shortest text that reads back as the same double; nan, inf, -inf */
int print_measure(FILE *file, double value, enum unit unit);                 /* a computed number (a mean): as print_value with a unit, else with at most three decimals */
int print_integer(FILE *file, __int128 value);                               /* in full */
int print_quoted(FILE *file, const char *bytes, size_t length);              /* as print_text, in double quotes; quotes and backslashes within get a backslash */

/* How many bytes of the UTF-8 character that begins at bytes (length of them, at least one) belong to it, and its code point. 0: invalid there. */
size_t text_character(const char *bytes, size_t length, uint32_t *point);
/* Columns that text printed by the functions above takes. */
int text_columns(const char *bytes, size_t length);

/* format.c: a printf. Writes pieces to file, each conversion with the next of count values (units: one a value, or NULL). escape: strings from targets are made safe for a terminal; the text of the format goes as it is. Missing values read as nil. */
void format_print(FILE *file, const struct format_piece *pieces, uint32_t piece_count, const struct jst_value *values, const enum unit *units, uint32_t count, bool escape);

#endif
