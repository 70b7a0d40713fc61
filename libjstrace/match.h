/*
 * Which names a program watches: an index of its clauses' patterns that tells quickly of most names that they are none of them.
 *
 * The names that stand there as they are lie in a table by their hashes, behind a set of their lengths; the globs in lists by their first letter, each with what a name must begin with. Immutable once made; any number of threads read it.
 */
#ifndef JST_MATCH_H
#define JST_MATCH_H

#include "probe.h"

struct jst_match;

/* Bytes that the index of the program takes, and the index, made in so much memory, 8-aligned. It points into the program, which must have been verified. Context: any. */
size_t jst_match_size(const struct jst_program *program);
void jst_match_init(struct jst_match *match, const struct jst_program *program);

/* Whether a clause of the program has a pattern for the name: jst_probe_clauses() > 0. Context: any. */
bool jst_match_name(const struct jst_match *match, struct jst_string name);

#endif
