/*
 * Comparing values: integers and doubles by exact value, strings bytewise.
 */
#include <string.h>

#include "vm.h"

static int compare_int_double(int64_t i, double d)
{
	/* 2^63 is a double; every double below it in size has an integral part that is an int64. */
	if (d >= 0x1p63)
		return -1;
	if (d < -0x1p63)
		return 1;
	const int64_t whole = (int64_t)d;

	if (i != whole)
		return i < whole ? -1 : 1;
	const double rest = d - (double)whole; /* exact: where whole is not below 2^53 in size, d has no fraction */

	return rest > 0 ? -1 : rest < 0 ? 1 : 0;
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
	if ((a->kind == JST_DOUBLE && a->d != a->d) || (b->kind == JST_DOUBLE && b->d != b->d))
		return -2;
	if (a->kind == JST_INT)
		return compare_int_double(a->i, b->d);
	if (b->kind == JST_INT)
		return -compare_int_double(b->i, a->d);
	return a->d < b->d ? -1 : a->d > b->d;
}
