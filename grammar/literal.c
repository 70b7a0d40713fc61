/*
 * Numbers as they are written: 10 0x1f 0b101 1_000_000 1.5 1e9, durations (3ms: in ns) and sizes (4KiB: in bytes).
 */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tree.h"

enum { DIGITS = 64 };

static const struct suffix {
	const char *text;
	enum unit unit;
	int64_t scale;
} suffixes[] = {
	{ "ns", UNIT_DURATION, 1 },
	{ "us", UNIT_DURATION, 1000 },
	{ "ms", UNIT_DURATION, 1000000 },
	{ "s", UNIT_DURATION, 1000000000 },
	{ "m", UNIT_DURATION, 60000000000 },
	{ "h", UNIT_DURATION, 3600000000000 },
	{ "B", UNIT_SIZE, 1 },
	{ "kB", UNIT_SIZE, 1000 },
	{ "MB", UNIT_SIZE, 1000000 },
	{ "GB", UNIT_SIZE, 1000000000 },
	{ "TB", UNIT_SIZE, 1000000000000 },
	{ "KiB", UNIT_SIZE, 1 << 10 },
	{ "MiB", UNIT_SIZE, 1 << 20 },
	{ "GiB", UNIT_SIZE, 1 << 30 },
	{ "TiB", UNIT_SIZE, (int64_t)1 << 40 },
};

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static int digit_value(char c)
{
	if (is_digit(c))
		return c - '0';
	if ((c | 0x20) >= 'a' && (c | 0x20) <= 'f')
		return (c | 0x20) - 'a' + 10;
	return 99;
}

/* 0x… and 0b…: up to 64 bits, as they are. */
static bool parse_based(const char *text, size_t length, int base, struct expression *literal, const char **problem)
{
	uint64_t value = 0;

	for (size_t i = 0; i < length; i++) {
		if (text[i] == '_')
			continue;

		int digit = digit_value(text[i]);

		if (digit >= base) {
			*problem = base == 2 ? "after 0b come the digits 0 and 1" : "after 0x come the digits 0-9 and a-f";
			return false;
		}
		if (value >> (base == 2 ? 63 : 60)) {
			*problem = "it does not fit 64 bits";
			return false;
		}
		value = value * (uint64_t)base + (uint64_t)digit;
	}
	literal->type = EXPRESSION_INT;
	literal->integer = (int64_t)value;
	return true;
}

/* Takes digits from text at *from, '_' between them left out; false: none, or more than fit. */
static bool take_digits(const char *text, size_t length, size_t *from, char digits[static DIGITS], size_t *count)
{
	size_t start = *from;

	for (; *from < length && (is_digit(text[*from]) || (text[*from] == '_' && *from > start)); ++*from) {
		if (text[*from] == '_')
			continue;
		if (*count >= DIGITS - 8)
			return false;
		digits[(*count)++] = text[*from];
	}
	return *from > start;
}

static bool apply_suffix(const struct suffix *suffix, struct expression *literal, const char **problem)
{
	literal->unit = suffix->unit;
	if (literal->type == EXPRESSION_INT) {
		if (!__builtin_mul_overflow(literal->integer, suffix->scale, &literal->integer))
			return true;
	} else {
		double value = literal->number * (double)suffix->scale;

		if (value < 0x1p63) {
			literal->type = EXPRESSION_INT;
			literal->integer = (int64_t)(value + 0.5);
			return true;
		}
	}
	*problem = "it does not fit 64 bits";
	return false;
}

bool literal_parse(const char *text, size_t length, bool negative, struct expression *literal, const char **problem)
{
	char digits[DIGITS];
	size_t count = 0, at = 0;
	bool whole = true;

	*literal = (struct expression){ .type = EXPRESSION_INT };
	*problem = "it is no number";
	if (length > 2 && text[0] == '0' && (text[1] | 0x20) == 'x')
		return parse_based(text + 2, length - 2, 16, literal, problem);
	if (length > 2 && text[0] == '0' && (text[1] | 0x20) == 'b' && is_digit(text[2]))
		return parse_based(text + 2, length - 2, 2, literal, problem);
	if (!take_digits(text, length, &at, digits, &count)) {
		if (at)
			*problem = "it has too many digits";
		return false;
	}
	if (at + 1 < length && text[at] == '.' && is_digit(text[at + 1])) {
		whole = false;
		at++;
		digits[count++] = '.';
		if (!take_digits(text, length, &at, digits, &count)) {
			*problem = "it has too many digits";
			return false;
		}
	}
	if (at + 1 < length && (text[at] | 0x20) == 'e' && (is_digit(text[at + 1]) || (at + 2 < length && (text[at + 1] == '+' || text[at + 1] == '-') && is_digit(text[at + 2])))) {
		whole = false;
		digits[count++] = 'e';
		digits[count++] = text[++at];
		at++;
		for (size_t start = at; at < length && is_digit(text[at]) && at - start < 4; at++)
			digits[count++] = text[at];
	}
	digits[count] = '\0';

	errno = 0;
	if (whole)
		literal->integer = strtoll(digits, NULL, 10);
	else
		literal->number = strtod(digits, NULL);
	if (!whole)
		literal->type = EXPRESSION_DOUBLE;
	if (whole && negative && at == length && errno == ERANGE && !strcmp(digits, "9223372036854775808")) {
		literal->integer = INT64_MIN;
		return true;
	}
	if ((whole && errno == ERANGE) || (!whole && isinf(literal->number))) {
		*problem = whole ? "it does not fit 64 bits" : "it is too large";
		return false;
	}
	if (at == length)
		return true;
	for (size_t i = 0; i < sizeof(suffixes) / sizeof(*suffixes); i++) {
		if (strlen(suffixes[i].text) == length - at && !memcmp(suffixes[i].text, text + at, length - at))
			return apply_suffix(&suffixes[i], literal, problem);
	}
	*problem = "units are ns us ms s m h, and B kB MB GB TB KiB MiB GiB TiB";
	return false;
}
