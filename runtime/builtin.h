/*
 * The bodies of the language's functions, one a row of builtin.def: jst_builtin_NAME. A row without a body does not link.
 * Each returns nil for a nil argument, and counts an error for one of a wrong kind. *cost grows by the bytes it touches. Context: probe.
 */
#ifndef JST_BUILTIN_H
#define JST_BUILTIN_H

#include "vm.h"

#define VARIABLE(name, text, alias, unit, where, meaning)
#define FUNCTION(name, text, min, max, signature, unit, meaning) \
	struct jst_value jst_builtin_##name(struct jst_run *run, const struct jst_value *arguments, uint32_t count, uint32_t *cost);
#include "builtin.def"
#undef VARIABLE
#undef FUNCTION

/* nil, and an error of the clause unless one of the arguments is nil. */
struct jst_value jst_builtin_wrong(struct jst_run *run, const struct jst_value *arguments, uint32_t count);

/* A double as an integer: truncated, saturated; NaN gives nil. */
struct jst_value jst_builtin_truncate(double d);

/* The logarithm to base 2 of x > 0, within one unit in the last place. */
double jst_builtin_log2(double x);

#endif
