/*
 * What --fmt promises, held against any script: formatting twice is formatting once, the tree stays the same, and so do the comments, in their order. The script is tried as it is, and with line
 * breaks, empty lines and comments of all kinds between any two of its tokens.
 */
#ifndef FMT_CHECK_H
#define FMT_CHECK_H

#include <stdbool.h>
#include <stdio.h>

#include "compile.h"

/* False: out tells which promise was broken, and how. A script that does not parse must not be printed at all. */
bool fmt_check(const char *text, size_t length, const struct compile_options *options, FILE *out);

#endif
