/*
 * Functions of strings. A part of a string is a slice of it; only what is new is made in the scratch.
 */
#include <string.h>

#include "builtin.h"

#define BODY(name) struct jst_value jst_builtin_##name(struct jst_run *run, const struct jst_value *arguments, uint32_t count, uint32_t *cost)

static bool all_strings(const struct jst_value *arguments, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		if (arguments[i].kind != JST_STRING)
			return false;
	}
	return true;
}

static struct jst_value slice(const struct jst_value *string, uint32_t from, uint32_t length)
{
	return jst_value_string(string->s + from, length);
}

static int64_t find(const struct jst_value *in, const struct jst_value *what)
{
	const char *at = what->length ? memmem(in->s, in->length, what->s, what->length) : in->s;

	return at ? at - in->s : -1;
}

BODY(STRLEN)
{
	(void)cost;
	return all_strings(arguments, count) ? jst_value_int(arguments[0].length) : jst_builtin_wrong(run, arguments, count);
}

/* A negative from counts from the end, a negative n leaves as many off the end, as in D. */
BODY(SUBSTR)
{
	(void)cost;
	const struct jst_value *string = &arguments[0];

	if (string->kind != JST_STRING || arguments[1].kind != JST_INT || (count == 3 && arguments[2].kind != JST_INT))
		return jst_builtin_wrong(run, arguments, count);
	const int64_t length = string->length;
	int64_t from = arguments[1].i, end = length;

	if (from < 0)
		from = from < -length ? 0 : from + length;
	if (from > length)
		from = length;
	if (count == 3) {
		const int64_t n = arguments[2].i;

		if (n >= 0)
			end = n < length - from ? from + n : length;
		else
			end = n < from - length ? from : length + n;
	}
	return slice(string, (uint32_t)from, (uint32_t)(end - from));
}

BODY(STRSTR)
{
	if (!all_strings(arguments, count))
		return jst_builtin_wrong(run, arguments, count);
	*cost += arguments[0].length + arguments[1].length;
	return jst_value_int(find(&arguments[0], &arguments[1]));
}

BODY(STRCONTAINS)
{
	if (!all_strings(arguments, count))
		return jst_builtin_wrong(run, arguments, count);
	*cost += arguments[0].length + arguments[1].length;
	return jst_value_int(find(&arguments[0], &arguments[1]) >= 0);
}

BODY(STARTS_WITH)
{
	const struct jst_value *s = &arguments[0], *t = &arguments[1];

	if (!all_strings(arguments, count))
		return jst_builtin_wrong(run, arguments, count);
	*cost += t->length;
	return jst_value_int(t->length <= s->length && memcmp(s->s, t->s, t->length) == 0);
}

BODY(ENDS_WITH)
{
	const struct jst_value *s = &arguments[0], *t = &arguments[1];

	if (!all_strings(arguments, count))
		return jst_builtin_wrong(run, arguments, count);
	*cost += t->length;
	return jst_value_int(t->length <= s->length && memcmp(s->s + s->length - t->length, t->s, t->length) == 0);
}

/* A copy in which the letters first to first + 25 have their case bit turned over. */
static struct jst_value change_case(struct jst_run *run, const struct jst_value *arguments, uint32_t count, uint32_t *cost, unsigned char first)
{
	if (!all_strings(arguments, count))
		return jst_builtin_wrong(run, arguments, count);
	const struct jst_value *string = &arguments[0];
	char *copy = jst_run_scratch(run, string->length);

	*cost += string->length;
	if (!copy)
		return jst_value_nil();
	for (uint32_t i = 0; i < string->length; i++) {
		const unsigned char c = (unsigned char)string->s[i];

		copy[i] = (char)(c >= first && c <= first + 25 ? c ^ 0x20 : c);
	}
	return jst_value_string(copy, string->length);
}

BODY(LOWER)
{
	return change_case(run, arguments, count, cost, 'A');
}

BODY(UPPER)
{
	return change_case(run, arguments, count, cost, 'a');
}

static bool is_space(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

BODY(TRIM)
{
	if (!all_strings(arguments, count))
		return jst_builtin_wrong(run, arguments, count);
	const struct jst_value *string = &arguments[0];
	uint32_t from = 0, end = string->length;

	while (from < end && is_space(string->s[from]))
		from++;
	while (end > from && is_space(string->s[end - 1]))
		end--;
	*cost += string->length - (end - from);
	return slice(string, from, end - from);
}

/* What print shows of the value: a string itself, the text of a number in the buffer, nil. */
static struct jst_string shown(const struct jst_value *value, char text[JST_VALUE_TEXT])
{
	if (value->kind == JST_STRING)
		return (struct jst_string){ value->s, value->length };
	if (value->kind == JST_NIL)
		return (struct jst_string){ "nil", 3 };
	return (struct jst_string){ text, jst_value_text(value, text) };
}

BODY(CAT)
{
	char text[JST_VALUE_TEXT];
	const uint32_t used = run->used;
	uint32_t length = 0;

	for (uint32_t i = 0; i < count; i++) {
		const struct jst_string part = shown(&arguments[i], text);
		char *bytes = jst_run_scratch(run, part.length);

		if (!bytes) {
			run->used = used;
			return jst_value_nil();
		}
		memcpy(bytes, part.bytes, part.length);
		length += part.length;
	}
	*cost += length;
	return jst_value_string(run->scratch + used, length);
}

BODY(STR)
{
	if (arguments[0].kind == JST_STRING)
		return arguments[0];
	return jst_builtin_CAT(run, arguments, count, cost);
}

/* The index of the last slash, or -1. */
static int64_t last_slash(const struct jst_value *path)
{
	const char *slash = memrchr(path->s, '/', path->length);

	return slash ? slash - path->s : -1;
}

BODY(BASENAME)
{
	if (!all_strings(arguments, count))
		return jst_builtin_wrong(run, arguments, count);
	const uint32_t from = (uint32_t)(last_slash(&arguments[0]) + 1);

	*cost += arguments[0].length - from;
	return slice(&arguments[0], from, arguments[0].length - from);
}

BODY(DIRNAME)
{
	if (!all_strings(arguments, count))
		return jst_builtin_wrong(run, arguments, count);
	const int64_t slash = last_slash(&arguments[0]);

	*cost += arguments[0].length;
	if (slash < 0)
		return jst_value_string(".", 1);
	return slice(&arguments[0], 0, slash ? (uint32_t)slash : 1);
}
