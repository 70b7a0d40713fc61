/*
 * Comparing values: integers and doubles by exact value, strings bytewise.
 */
#include <string.h>

#include "vm.h"

static bool is_nan(uint64_t d)
{
	return d << 1 > UINT64_C(0x7ff) << 53;
}

/* By bits: one of the two may be what another event left, in an event that does not compute with doubles and must raise no exception. d is no NaN. */
static int compare_int_double(int64_t i, uint64_t d)
{
	const unsigned biased = d >> 52 & 0x7ff;
	const bool negative = d >> 63;
	const uint64_t mantissa = (d & ((UINT64_C(1) << 52) - 1)) | (uint64_t)(biased != 0) << 52;
	const int exponent = (int)(biased ? biased : 1) - 1075; /* d is mantissa * 2^exponent */
	const int beyond = negative ? 1 : -1; /* where d is farther from 0 than i, or on its other side */

	/* From 2^64 on. */
	if (exponent > 11)
		return beyond;
	const uint64_t whole = exponent >= 0 ? mantissa << exponent : exponent > -64 ? mantissa >> -exponent : 0;
	const bool fraction = exponent < 0 && (exponent <= -64 ? mantissa != 0 : (whole << -exponent) != mantissa);
	const uint64_t magnitude = i < 0 ? -(uint64_t)i : (uint64_t)i;

	if ((i < 0) != negative && (magnitude || whole || fraction))
		return beyond;
	if (magnitude > whole)
		return -beyond;
	return magnitude < whole || fraction ? beyond : 0;
}

static int compare_strings(const struct jst_value *a, const struct jst_value *b)
{
	const uint32_t shorter = a->length < b->length ? a->length : b->length;
	const int order = shorter ? memcmp(a->s, b->s, shorter) : 0;

	if (order)
		return order < 0 ? -1 : 1;
	return a->length < b->length ? -1 : a->length > b->length;
}

int jst_value_compare(const struct jst_value *a, const struct jst_value *b)
{
	if (a->kind == JST_INT && b->kind == JST_INT)
		return a->i < b->i ? -1 : a->i > b->i;
	if (a->kind == JST_STRING && b->kind == JST_STRING)
		return compare_strings(a, b);
	if (a->kind == JST_NIL || b->kind == JST_NIL || a->kind == JST_STRING || b->kind == JST_STRING)
		return -2;
	if ((a->kind == JST_DOUBLE && is_nan((uint64_t)a->i)) || (b->kind == JST_DOUBLE && is_nan((uint64_t)b->i)))
		return -2;
	if (a->kind == JST_INT)
		return compare_int_double(a->i, (uint64_t)b->i);
	if (b->kind == JST_INT)
		return -compare_int_double(b->i, (uint64_t)a->i);
	return a->d < b->d ? -1 : a->d > b->d;
}
