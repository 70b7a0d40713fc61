/*
 * The operators of the language applied to values of any kind, and what they are charged. All: Context: probe.
 */
#ifndef JST_OPERATORS_H
#define JST_OPERATORS_H

#include "vm.h"

enum { JST_BYTES_A_STEP = 16 }; /* of strings, which an operation touches for one instruction of the budget */

/* nil; LOSS_ERRORS unless one of the two is nil. */
struct jst_value jst_operator_wrong_kind(const struct jst_run *run, const struct jst_value *b, const struct jst_value *c);

/* + - * / % */
struct jst_value jst_operator_arithmetic(struct jst_run *run, enum jst_opcode op, const struct jst_value *b, const struct jst_value *c);

/* == != < <= */
bool jst_operator_compare(enum jst_opcode op, const struct jst_value *b, const struct jst_value *c);

/* MATCH. What it costs is taken from *remaining, instructions of the budget; below 0: it was too little. */
bool jst_operator_match(const struct jst_value *text, const struct jst_value *glob, int64_t *remaining);

/* A field's value from an event's words; of other types than integers. Of a string that only its NUL ends no more than most bytes are looked at, which is its length then: the program's memory may go on without one for megabytes, or not at all. */
struct jst_value jst_operator_load(const uint64_t *words, unsigned type, unsigned word, uint64_t most);

/* Likewise of all types. */
static inline struct jst_value jst_run_load(const uint64_t *words, unsigned type, unsigned word, uint64_t most)
{
	if (__builtin_expect(jst_field_is_integer(type), 1))
		return jst_value_int((int64_t)words[word]);
	return jst_operator_load(words, type, word, most);
}

/* A string field's value; NULL is nil. At most INT32_MAX bytes of length. */
struct jst_value jst_operator_text(const char *bytes, uint64_t length);

/* Bytes that a comparison may look at; a value that is no string has length 0. */
static inline uint32_t jst_operator_compare_cost(const struct jst_value *b, const struct jst_value *c)
{
	return b->length < c->length ? b->length : c->length;
}

/* Bytes of strings among values that are stored, used as keys or sent. */
static inline uint32_t jst_operator_length(const struct jst_value *values, uint32_t count)
{
	const uint32_t most = 1 << 16; /* no string is kept longer */
	uint32_t length = 0;

	for (uint32_t i = 0; i < count; i++)
		length += values[i].length < most ? values[i].length : most;
	return length;
}

#endif
