/*
 * --help of a script: what it says of itself, and which arguments it takes.
 */
#ifndef SCRIPT_HELP_H
#define SCRIPT_HELP_H

#include <stdio.h>

#include "compile.h"

/* The comment that a script begins with, and a line for each argument that it declares: name, default, and the comment behind it. */
void script_help(const struct compiled *compiled, FILE *out);

#endif
