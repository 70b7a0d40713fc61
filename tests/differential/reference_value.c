/*
 * Operators: what each makes of each kind of value.
 */
#include <math.h>
#include <string.h>

#include "reference.h"

struct jst_value reference_error(struct reference *reference)
{
	reference->errors++;
	return jst_value_nil();
}

struct jst_value reference_string(struct reference *reference, const char *bytes, size_t length)
{
	reference->steps += length;
	return jst_value_string(arena_copy(reference->arena, bytes, length), (uint32_t)length);
}

struct jst_value reference_cut(struct reference *reference, struct jst_value value)
{
	if (value.kind != JST_STRING || value.length <= reference->program->string_size)
		return value;
	reference->cuts++;
	value.length = reference->program->string_size;
	return value;
}

/* False are nil, 0, 0.0 and "". */
bool reference_truth(struct jst_value value)
{
	if (value.kind == JST_INT)
		return value.i != 0;
	if (value.kind == JST_DOUBLE)
		return value.d != 0;
	return value.kind == JST_STRING && value.length != 0;
}

bool reference_identical(struct jst_value a, struct jst_value b)
{
	if (a.kind != b.kind)
		return false;
	if (a.kind == JST_INT)
		return a.i == b.i;
	if (a.kind == JST_DOUBLE)
		return (isnan(a.d) && isnan(b.d)) || a.d == b.d;
	return a.kind == JST_NIL || (a.length == b.length && !memcmp(a.s, b.s, a.length));
}

/* An integer or a double, exactly: a long double holds both. */
static long double exactly(struct jst_value value)
{
	_Static_assert(__LDBL_MANT_DIG__ >= 64, "a long double holds any int64");
	return value.kind == JST_INT ? (long double)value.i : (long double)value.d;
}

static bool is_number(struct jst_value value)
{
	return value.kind == JST_INT || value.kind == JST_DOUBLE;
}

static int order_strings(struct jst_value a, struct jst_value b)
{
	const uint32_t shorter = a.length < b.length ? a.length : b.length;
	const int order = memcmp(a.s, b.s, shorter);

	return order ? order : (a.length > b.length) - (a.length < b.length);
}

/* Keys compare by type and value: 1.0 equals 1, "1" does not; nil is a legal key, and NaN one key. */
bool reference_same_key(struct jst_value a, struct jst_value b)
{
	if (is_number(a) && is_number(b))
		return exactly(a) == exactly(b) || (isnan(exactly(a)) && isnan(exactly(b)));
	if (a.kind != b.kind)
		return false;
	return a.kind == JST_NIL || order_strings(a, b) == 0;
}

/* Any comparison with nil is false, != included; that of a string with a number too, but for !=. */
bool reference_compare(enum operator operator, struct jst_value a, struct jst_value b)
{
	if (a.kind == JST_NIL || b.kind == JST_NIL)
		return false;
	if ((a.kind == JST_STRING) != (b.kind == JST_STRING))
		return operator == OPERATOR_NE;
	if (a.kind == JST_STRING) {
		const int order = order_strings(a, b);

		return operator == OPERATOR_EQ ? order == 0 : operator == OPERATOR_NE ? order != 0 : operator == OPERATOR_LT ? order < 0 : operator == OPERATOR_LE ? order <= 0 : operator == OPERATOR_GT ? order > 0 : order >= 0;
	}

	const long double x = exactly(a), y = exactly(b);

	return operator == OPERATOR_EQ ? x == y : operator == OPERATOR_NE ? x != y : operator == OPERATOR_LT ? x < y : operator == OPERATOR_LE ? x <= y : operator == OPERATOR_GT ? x > y : x >= y;
}

static bool match_bytes(const char *glob, size_t glob_length, const char *text, size_t length)
{
	if (!glob_length)
		return !length;
	if (*glob == '*')
		return match_bytes(glob + 1, glob_length - 1, text, length) || (length && match_bytes(glob, glob_length, text + 1, length - 1));
	if (!length)
		return false;

	const char *close = *glob == '[' ? memchr(glob, ']', glob_length) : NULL;

	if (close) {
		const bool not = glob[1] == '!';
		bool found = false;

		for (const char *at = glob + 1 + not; at < close; at++) {
			if (at + 2 < close && at[1] == '-') {
				found |= (unsigned char)at[0] <= (unsigned char)*text && (unsigned char)*text <= (unsigned char)at[2];
				at += 2;
			} else {
				found |= *at == *text;
			}
		}
		return found != not && match_bytes(close + 1, glob_length - (size_t)(close + 1 - glob), text + 1, length - 1);
	}
	return (*glob == '?' || *glob == *text) && match_bytes(glob + 1, glob_length - 1, text + 1, length - 1);
}

bool reference_match(struct jst_value text, struct jst_value glob)
{
	return text.kind == JST_STRING && glob.kind == JST_STRING && match_bytes(glob.s, glob.length, text.s, text.length);
}

struct jst_value reference_unary(struct reference *reference, enum operator operator, struct jst_value a)
{
	if (operator == OPERATOR_NOT)
		return jst_value_int(!reference_truth(a));
	if (a.kind == JST_NIL)
		return a;
	if (operator == OPERATOR_INVERT)
		return a.kind == JST_INT ? jst_value_int(~a.i) : reference_error(reference);
	if (a.kind == JST_INT)
		return jst_value_int((int64_t)(0 - (uint64_t)a.i));
	return a.kind == JST_DOUBLE ? jst_value_double(-a.d) : reference_error(reference);
}

/* Overflow wraps; division truncates, INT64_MIN / -1 wraps; shifts use the low 6 bits of the count, >> is arithmetic. */
static struct jst_value integers(struct reference *reference, enum operator operator, int64_t a, int64_t b)
{
	const uint64_t x = (uint64_t)a, y = (uint64_t)b;

	switch (operator) {
	case OPERATOR_ADD:
		return jst_value_int((int64_t)(x + y));
	case OPERATOR_SUB:
		return jst_value_int((int64_t)(x - y));
	case OPERATOR_MUL:
		return jst_value_int((int64_t)(x * y));
	case OPERATOR_DIV:
		if (b == 0)
			return reference_error(reference);
		return jst_value_int(b == -1 ? (int64_t)(0 - x) : a / b);
	case OPERATOR_MOD:
		if (b == 0)
			return reference_error(reference);
		return jst_value_int(b == -1 ? 0 : a % b);
	case OPERATOR_AND:
		return jst_value_int((int64_t)(x & y));
	case OPERATOR_OR:
		return jst_value_int((int64_t)(x | y));
	case OPERATOR_XOR:
		return jst_value_int((int64_t)(x ^ y));
	case OPERATOR_SHL:
		return jst_value_int((int64_t)(x << (y & 63)));
	default: /* OPERATOR_SHR */
		return jst_value_int(a >> (y & 63));
	}
}

static double as_double(struct jst_value value)
{
	return value.kind == JST_INT ? (double)value.i : value.d;
}

struct jst_value reference_arithmetic(struct reference *reference, enum operator operator, struct jst_value a, struct jst_value b)
{
	if (a.kind == JST_NIL || b.kind == JST_NIL)
		return jst_value_nil();
	if (operator == OPERATOR_ADD && a.kind == JST_STRING && b.kind == JST_STRING) {
		char *bytes = arena_allocate(reference->arena, (size_t)a.length + b.length + 1);

		memcpy(bytes, a.s, a.length);
		memcpy(bytes + a.length, b.s, b.length);
		reference->steps += a.length + b.length;
		return jst_value_string(bytes, a.length + b.length);
	}
	if (!is_number(a) || !is_number(b))
		return reference_error(reference);
	if (a.kind == JST_INT && b.kind == JST_INT)
		return integers(reference, operator, a.i, b.i);

	const double x = as_double(a), y = as_double(b);

	switch (operator) {
	case OPERATOR_ADD:
		return jst_value_double(x + y);
	case OPERATOR_SUB:
		return jst_value_double(x - y);
	case OPERATOR_MUL:
		return jst_value_double(x * y);
	case OPERATOR_DIV:
		return y == 0 ? reference_error(reference) : jst_value_double(x / y);
	case OPERATOR_MOD:
		return y == 0 ? reference_error(reference) : jst_value_double(fmod(x, y));
	default: /* bits of a double */
		return reference_error(reference);
	}
}
