/*
 * A run: attach to all targets, take in what they send, run the script's own clauses, and end in good order whatever happens.
 */
#ifndef TRACE_H
#define TRACE_H

#include "compile.h"
#include "options.h"
#include "output.h"

/* Runs the compiled script until it ends by itself, by a signal, a time, or because no target is left. Returns the exit code. The output is flushed, not closed. */
int trace_run(const struct options *options, struct compiled *compiled, struct output *output);

#endif
