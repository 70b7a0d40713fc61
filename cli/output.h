/*
 * Where results go, and how people and programs read them: text, or one JSON object a line.
 *
 * One output a run; single-threaded. Strings that came from a target or a script's event are escaped here (control characters and invalid UTF-8 as \xNN in text; JSON's own rules, invalid bytes as U+FFFD, in JSON), never before.
 */
#ifndef OUTPUT_H
#define OUTPUT_H

#include <stdio.h>

#include "compile.h"

enum output_format { OUTPUT_TEXT, OUTPUT_JSON };

struct output {
	FILE *file;
	enum output_format format;
	bool terminal;       /* file is a terminal: bars may use its width */
	int width;           /* columns for tables and bars; 80 where unknown */
	bool failed;         /* a write failed (EPIPE, ENOSPC): errno is in error; the run ends with exit code 1 */
	int error;
};

/* Opens path, or standard output where it is NULL. False: errno says why. */
bool output_open(struct output *output, const char *path, enum output_format format);
/* Flushes; false if anything was not written. */
bool output_flush(struct output *output);
bool output_close(struct output *output);

/* text.c: values with their units. Each writes to file and returns the columns written. */
int print_text(FILE *file, const char *bytes, size_t length);                /* escaped for a terminal */
void print_json_string(FILE *file, const char *bytes, size_t length);        /* with its quotes */
int print_value(FILE *file, struct jst_value value, enum unit unit);         /* as print and %v show it: 1.02ms, 4.0KiB, nil, text */
int print_duration(FILE *file, double ns);                                   /* three significant digits: 850ns 1.02ms 12.3s 2m05s 1h02m */
int print_size(FILE *file, double bytes);                                    /* 512B 4.0KiB 1.5GiB */
int print_timestamp(FILE *file, int64_t ns);                                 /* ISO 8601 with microseconds and zone */
void print_json_value(FILE *file, struct jst_value value);                   /* numbers, strings, null; inf and nan as null */

#endif
