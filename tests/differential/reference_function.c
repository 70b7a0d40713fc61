/*
 * Functions. A nil argument gives nil; one of a wrong kind gives nil and counts as an error, as in arithmetic.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#define XXH_INLINE_ALL
#include <xxhash.h>

#include "builtin.h"
#include "reference.h"

#define FIRST (arguments[0])
#define SECOND (arguments[1])

static bool any_nil(const struct jst_value *arguments, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		if (arguments[i].kind == JST_NIL)
			return true;
	}
	return false;
}

static bool all_strings(const struct jst_value *arguments, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		if (arguments[i].kind != JST_STRING)
			return false;
	}
	return true;
}

/* ---- numbers ---- */

static struct jst_value saturate(double d)
{
	if (isnan(d))
		return jst_value_nil();
	if (d >= 0x1p63)
		return jst_value_int(INT64_MAX);
	if (d <= -0x1p63)
		return jst_value_int(INT64_MIN);
	return jst_value_int((int64_t)d);
}

static bool is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\v' || c == '\f' || c == '\r';
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* Whether the text is a decimal number: digits with a dot among, before or behind them, and an exponent; *whole: it is written as an integer. */
static bool is_decimal(const char *at, bool *whole)
{
	size_t digits = 0;

	*whole = true;
	for (; is_digit(*at); at++)
		digits++;
	if (*at == '.') {
		*whole = false;
		for (at++; is_digit(*at); at++)
			digits++;
	}
	if (!digits)
		return false;
	if (*at == 'e' || *at == 'E') {
		*whole = false;
		at++;
		if (*at == '+' || *at == '-')
			at++;
		if (!is_digit(*at))
			return false;
		while (is_digit(*at))
			at++;
	}
	return !*at;
}

/* A string as a number: an integer where it is written as one and fits, else the nearest double; nil if it is none. */
static struct jst_value parse(struct reference *reference, struct jst_value string)
{
	while (string.length && is_space(string.s[0])) {
		string.s++;
		string.length--;
	}
	while (string.length && is_space(string.s[string.length - 1]))
		string.length--;
	if (memchr(string.s, '\0', string.length))
		return jst_value_nil();

	const char *text = arena_copy(reference->arena, string.s, string.length), *digits = text + (*text == '-' || *text == '+');
	const bool negative = *text == '-';
	bool whole;

	if (digits[0] == '0' && (digits[1] | 0x20) == 'x') {
		digits += 2;
		if (!*digits || digits[strspn(digits, "0123456789abcdefABCDEF")])
			return jst_value_nil();
		/* As a literal is: 64 bits, the highest of which is the sign; more are an error there, and no number here. */
		if (strlen(digits + strspn(digits, "0")) > 16)
			return jst_value_nil();
		const uint64_t bits = strtoull(digits, NULL, 16);

		return jst_value_int((int64_t)(negative ? 0 - bits : bits));
	}
	if (!is_decimal(digits, &whole))
		return jst_value_nil();
	if (whole) {
		__int128 value = 0;

		for (; *digits && value <= INT64_MAX; digits++)
			value = value * 10 + (*digits - '0');
		if (negative)
			value = -value;
		if (!*digits && value >= INT64_MIN && value <= INT64_MAX)
			return jst_value_int((int64_t)value);
	}
	return jst_value_double(strtod(text, NULL));
}

static struct jst_value function_int(struct reference *reference, struct jst_value value)
{
	if (value.kind == JST_STRING)
		value = parse(reference, value);
	return value.kind == JST_DOUBLE ? saturate(value.d) : value;
}

static struct jst_value function_float(struct reference *reference, struct jst_value value)
{
	if (value.kind == JST_STRING)
		value = parse(reference, value);
	return value.kind == JST_INT ? jst_value_double((double)value.i) : value;
}

/* The machine has a logarithm of its own. It may be off in the last places; from there on its result is taken for right. */
static struct jst_value function_log2(double x)
{
	if (isnan(x) || x <= 0)
		return jst_value_nil();

	const double right = log2(x), ours = jst_builtin_log2(x);

	if (isinf(right))
		return jst_value_double(right);
	return jst_value_double(fabs(ours - right) <= 4e-16 * fabs(right) ? ours : right);
}

/* The smallest (or greatest) argument; numbers or strings, not both. NaN is passed over unless all are. */
static struct jst_value extreme(struct reference *reference, const struct jst_value *arguments, uint32_t count, enum operator better)
{
	struct jst_value best = FIRST;

	for (uint32_t i = 1; i < count; i++) {
		if ((arguments[i].kind == JST_STRING) != (FIRST.kind == JST_STRING))
			return reference_error(reference);
		if ((best.kind == JST_DOUBLE && isnan(best.d)) || reference_compare(better, arguments[i], best))
			best = arguments[i];
	}
	return best;
}

static struct jst_value function_abs(struct jst_value value)
{
	if (value.kind == JST_INT)
		return jst_value_int(value.i < 0 ? (int64_t)(0 - (uint64_t)value.i) : value.i);
	return jst_value_double(fabs(value.d));
}

static struct jst_value function_hash(struct jst_value value)
{
	if (value.kind == JST_STRING)
		return jst_value_int((int64_t)XXH3_64bits(value.s, value.length));
	/* Equal values hash alike. */
	if (value.kind == JST_DOUBLE && value.d >= -0x1p63 && value.d < 0x1p63 && value.d == trunc(value.d))
		value = jst_value_int((int64_t)value.d);
	if (value.kind == JST_DOUBLE && isnan(value.d))
		value.d = (double)NAN;
	return jst_value_int((int64_t)XXH3_64bits(&value.i, sizeof(value.i)));
}

/* ---- strings ---- */

/* The fewest digits that read back as d > 0, as an integer of *count digits: d is about that times 10^*exponent. Of two, the nearer. */
static long long fewest_digits(double d, int *count, int *exponent)
{
	static const int steps[] = { 0, 1, -1 };

	for (*count = 1;; ++*count) {
		char text[40];

		snprintf(text, sizeof(text), "%.*e", *count - 1, d);
		*exponent = atoi(strchr(text, 'e') + 1) - (*count - 1);
		/* Without its dot. */
		if (*count > 1)
			memmove(text + 1, text + 2, strlen(text + 2) + 1);

		const long long nearest = strtoll(text, NULL, 10);

		/* At a power of two the doubles below are closer together than those above: the nearest need not be the one that reads back. */
		for (int i = 0; i < 3; i++) {
			snprintf(text, sizeof(text), "%llde%d", nearest + steps[i], *exponent);
			if (strtod(text, NULL) == d)
				return nearest + steps[i];
		}
	}
}

/* As an integer where it equals one; else the fewest digits, with a dot where that needs no zeros behind them and at most three before them, or with an exponent. */
static void text_of_double(double d, char text[static 64])
{
	const char *sign = d < 0 ? "-" : "";
	char digits[24];
	int count, exponent;

	if (isnan(d)) {
		strcpy(text, "nan");
		return;
	}
	if (isinf(d)) {
		snprintf(text, 64, "%sinf", sign);
		return;
	}
	if (d >= -0x1p63 && d < 0x1p63 && d == trunc(d)) {
		snprintf(text, 64, "%lld", (long long)d);
		return;
	}
	snprintf(digits, sizeof(digits), "%lld", fewest_digits(fabs(d), &count, &exponent));

	/* d is 0.digits times 10^point. */
	const int point = count + exponent;

	if (point > 0 && point < count)
		snprintf(text, 64, "%s%.*s.%s", sign, point, digits, digits + point);
	else if (point > -4 && point <= 0)
		snprintf(text, 64, "%s0.%.*s%s", sign, -point, "000", digits);
	else
		snprintf(text, 64, "%s%c%s%se%d", sign, digits[0], count > 1 ? "." : "", digits + 1, point - 1);
}

static struct jst_value function_str(struct reference *reference, struct jst_value value)
{
	char text[64];

	if (value.kind == JST_STRING)
		return value;
	if (value.kind == JST_NIL)
		return jst_value_string("nil", 3);
	if (value.kind == JST_INT)
		snprintf(text, sizeof(text), "%lld", (long long)value.i);
	else
		text_of_double(value.d, text);
	return reference_string(reference, text, strlen(text));
}

static struct jst_value function_cat(struct reference *reference, const struct jst_value *arguments, uint32_t count)
{
	struct jst_value whole = jst_value_string("", 0);

	for (uint32_t i = 0; i < count; i++)
		whole = reference_arithmetic(reference, OPERATOR_ADD, whole, function_str(reference, arguments[i]));
	return whole;
}

/* n bytes of s, from is counted from 0. As in D a negative from counts from the end, and a negative n leaves as many off the end. */
static struct jst_value function_substr(struct reference *reference, const struct jst_value *arguments, uint32_t count)
{
	if (FIRST.kind != JST_STRING || SECOND.kind != JST_INT || (count == 3 && arguments[2].kind != JST_INT))
		return reference_error(reference);

	const __int128 length = FIRST.length, n = count == 3 ? arguments[2].i : INT64_MAX;
	__int128 from = SECOND.i < 0 ? SECOND.i + length : SECOND.i, end;

	from = from < 0 ? 0 : from > length ? length : from;
	end = n < 0 ? length + n : from + n;
	end = end > length ? length : end < from ? from : end;
	return reference_string(reference, FIRST.s + (size_t)from, (size_t)(end - from));
}

static int64_t find(struct jst_value in, struct jst_value what)
{
	for (uint32_t at = 0; at + (uint64_t)what.length <= in.length; at++) {
		if (!memcmp(in.s + at, what.s, what.length))
			return at;
	}
	return -1;
}

static struct jst_value change_case(struct reference *reference, struct jst_value string, char first, char last, int change)
{
	char *bytes = arena_copy(reference->arena, string.s, string.length);

	for (uint32_t i = 0; i < string.length; i++) {
		if (bytes[i] >= first && bytes[i] <= last)
			bytes[i] = (char)(bytes[i] + change);
	}
	return jst_value_string(bytes, string.length);
}

static struct jst_value trim(struct jst_value string)
{
	while (string.length && is_space(string.s[0])) {
		string.s++;
		string.length--;
	}
	while (string.length && is_space(string.s[string.length - 1]))
		string.length--;
	return string;
}

/* What follows the last /, or stands before it: / itself when that is all, . without one. */
static struct jst_value part_of_path(struct jst_value path, bool name)
{
	uint32_t at = path.length;

	while (at && path.s[at - 1] != '/')
		at--;
	if (name)
		return jst_value_string(path.s + at, path.length - at);
	if (!at)
		return jst_value_string(".", 1);
	return jst_value_string(path.s, at == 1 ? 1 : at - 1);
}

static struct jst_value of_strings(struct reference *reference, enum jst_function function, const struct jst_value *arguments)
{
	switch (function) {
	case JST_FUNCTION_STRLEN:
		return jst_value_int(FIRST.length);
	case JST_FUNCTION_STRSTR:
		return jst_value_int(find(FIRST, SECOND));
	case JST_FUNCTION_STRCONTAINS:
		return jst_value_int(find(FIRST, SECOND) >= 0);
	case JST_FUNCTION_STARTS_WITH:
		return jst_value_int(FIRST.length >= SECOND.length && !memcmp(FIRST.s, SECOND.s, SECOND.length));
	case JST_FUNCTION_ENDS_WITH:
		return jst_value_int(FIRST.length >= SECOND.length && !memcmp(FIRST.s + FIRST.length - SECOND.length, SECOND.s, SECOND.length));
	case JST_FUNCTION_LOWER:
		return change_case(reference, FIRST, 'A', 'Z', 'a' - 'A');
	case JST_FUNCTION_UPPER:
		return change_case(reference, FIRST, 'a', 'z', 'A' - 'a');
	case JST_FUNCTION_TRIM:
		return trim(FIRST);
	case JST_FUNCTION_BASENAME:
		return part_of_path(FIRST, true);
	default: /* JST_FUNCTION_DIRNAME */
		return part_of_path(FIRST, false);
	}
}

static struct jst_value of_number(enum jst_function function, struct jst_value value)
{
	const double x = value.kind == JST_INT ? (double)value.i : value.d;

	switch (function) {
	case JST_FUNCTION_ABS:
		return function_abs(value);
	case JST_FUNCTION_LOG2:
		return function_log2(x);
	case JST_FUNCTION_SQRT:
		return isnan(x) || x < 0 ? jst_value_nil() : jst_value_double(sqrt(x));
	case JST_FUNCTION_FLOOR:
		return value.kind == JST_INT ? value : saturate(floor(x));
	case JST_FUNCTION_CEIL:
		return value.kind == JST_INT ? value : saturate(ceil(x));
	default: /* JST_FUNCTION_ROUND */
		return value.kind == JST_INT ? value : saturate(round(x));
	}
}

struct jst_value reference_call(struct reference *reference, enum jst_function function, const struct jst_value *arguments, uint32_t count)
{
	coverage.function[function]++;
	switch (function) {
	case JST_FUNCTION_RAND:
		return jst_value_double((double)(reference->steps % 1000) / 1000);
	case JST_FUNCTION_HAS:
		return jst_value_int(FIRST.kind != JST_NIL);
	case JST_FUNCTION_STR:
		return function_str(reference, FIRST);
	case JST_FUNCTION_CAT:
		return function_cat(reference, arguments, count);
	default:
		break;
	}
	if (any_nil(arguments, count))
		return jst_value_nil();
	switch (function) {
	case JST_FUNCTION_INT:
		return function_int(reference, FIRST);
	case JST_FUNCTION_FLOAT:
		return function_float(reference, FIRST);
	case JST_FUNCTION_MIN:
		return extreme(reference, arguments, count, OPERATOR_LT);
	case JST_FUNCTION_MAX:
		return extreme(reference, arguments, count, OPERATOR_GT);
	case JST_FUNCTION_HASH:
		return function_hash(FIRST);
	case JST_FUNCTION_SUBSTR:
		return function_substr(reference, arguments, count);
	case JST_FUNCTION_ABS:
	case JST_FUNCTION_LOG2:
	case JST_FUNCTION_SQRT:
	case JST_FUNCTION_FLOOR:
	case JST_FUNCTION_CEIL:
	case JST_FUNCTION_ROUND:
		return FIRST.kind == JST_STRING ? reference_error(reference) : of_number(function, FIRST);
	default:
		return all_strings(arguments, count) ? of_strings(reference, function, arguments) : reference_error(reference);
	}
}
