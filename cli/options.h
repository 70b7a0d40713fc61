/*
 * The command line, parsed. Strings point into argv; the arrays are owned and freed by options_free().
 */
#ifndef OPTIONS_H
#define OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

#include "output.h"

enum options_action { ACTION_TRACE, ACTION_CHECK, ACTION_DUMP, ACTION_FMT, ACTION_LIST, ACTION_HELP, ACTION_VERSION };
enum options_dump { DUMP_TOKENS, DUMP_TREE, DUMP_BYTECODE };

struct options {
	enum options_action action;
	enum options_dump dump;
	const char **programs;        /* -e */
	size_t program_count;
	const char *script;           /* path, "-": standard input; NULL where -e is given or none is needed */
	const char *const *arguments; /* $1 … of the script; with -l the patterns */
	size_t argument_count;
	struct compile_argument *named; /* --arg */
	size_t named_count;
	pid_t *pids;                  /* -p, without repetitions */
	size_t pid_count;
	const char **titles;          /* -t */
	size_t title_count;
	int64_t duration;             /* ns; 0: without end */
	int64_t delay;                /* ns between two readings of what was printed in targets */
	char **given;                 /* all of the options, as --long or --long=VALUE, in their order */
	size_t given_count;
	const char *output;           /* NULL: standard output */
	enum output_format format;
	bool quiet, verbose;
	bool strict;                  /* what was lost is a failure */
	uint32_t max_overhead;        /* of a process's CPU time, millionths; 0: not asked for */
	uint64_t memory;              /* bytes */
	uint32_t ring_size;           /* bytes, a power of two */
	uint32_t string_size;         /* bytes */
	uint32_t budget;              /* instructions a clause run in a target; here OPTIONS_BUDGET_FACTOR times as many */
};

enum { OPTIONS_BUDGET_FACTOR = 1000 };

/* False: something is wrong, and one line (with a suggestion) was written to standard error. Options may stand anywhere before "--". */
bool options_parse(struct options *options, int argc, char **argv);
void options_free(struct options *options);

void options_help(FILE *out);

/* "5s", "1.5ms", "2m", "3" (seconds) to ns; "64MiB", "4k", "100MB", "4096" to bytes. False: not such a thing, or too large. */
bool options_duration(const char *text, int64_t *ns);
bool options_size(const char *text, uint64_t *bytes);

#endif
