/*
 * jstrace -l: the probes of all targets, with fields, types and place, asked of their agents. Nothing is loaded and no probe is switched on.
 */
#ifndef LIST_H
#define LIST_H

#include "options.h"
#include "output.h"

/* Lists those that match any of the patterns (options->arguments; none: all). Returns the exit code. */
int list_run(const struct options *options, struct output *output);

#endif
