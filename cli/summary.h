/*
 * -n -v: what a script would do, in a few lines, without doing it.
 */
#ifndef SUMMARY_H
#define SUMMARY_H

#include "compile.h"
#include "options.h"

/* One note each for what there is: the probes, their fields, aggregations, variables, sibling spans, the script's own clauses, the limits. The script has compiled. */
void summary_tell(const struct compiled *compiled, const struct options *options);

#endif
