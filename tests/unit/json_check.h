/*
 * A strict little JSON checker for tests: one value, valid UTF-8, no raw control characters, nothing after it but white space.
 */
#ifndef JSON_CHECK_H
#define JSON_CHECK_H

#include <ctype.h>
#include <stdbool.h>
#include <string.h>

#include "output.h"

static bool json_value(const char **at, const char *end);

static void json_space(const char **at, const char *end)
{
	while (*at < end && (**at == ' ' || **at == '\n' || **at == '\t' || **at == '\r'))
		++*at;
}

static bool json_word(const char **at, const char *end, const char *word)
{
	const size_t length = strlen(word);

	if ((size_t)(end - *at) < length || memcmp(*at, word, length) != 0)
		return false;
	*at += length;
	return true;
}

static bool json_digits(const char **at, const char *end)
{
	const char *start = *at;

	while (*at < end && isdigit((unsigned char)**at))
		++*at;
	return *at > start;
}

static bool json_number(const char **at, const char *end)
{
	if (*at < end && **at == '-')
		++*at;
	const char *first = *at;
	if (!json_digits(at, end) || (*first == '0' && *at - first > 1))
		return false;
	if (*at < end && **at == '.') {
		++*at;
		if (!json_digits(at, end))
			return false;
	}
	if (*at < end && (**at == 'e' || **at == 'E')) {
		++*at;
		if (*at < end && (**at == '+' || **at == '-'))
			++*at;
		return json_digits(at, end);
	}
	return true;
}

static bool json_string(const char **at, const char *end)
{
	if (*at == end || **at != '"')
		return false;
	++*at;
	while (*at < end && **at != '"') {
		uint32_t point;
		const size_t size = text_character(*at, (size_t)(end - *at), &point);

		if (!size || point < 0x20)
			return false;
		*at += size;
		if (point != '\\')
			continue;
		if (*at == end || !strchr("\"\\/bfnrtu", **at))
			return false;
		if (*(*at)++ != 'u')
			continue;
		for (int i = 0; i < 4; i++)
			if (*at == end || !isxdigit((unsigned char)*(*at)++))
				return false;
	}
	return *at < end && *(*at)++ == '"';
}

/* The inside of an array or object, up to its closing bracket. */
static bool json_members(const char **at, const char *end, char close, bool named)
{
	++*at;
	json_space(at, end);
	if (*at < end && **at == close) {
		++*at;
		return true;
	}
	for (;;) {
		json_space(at, end);
		if (named) {
			if (!json_string(at, end))
				return false;
			json_space(at, end);
			if (!json_word(at, end, ":"))
				return false;
		}
		if (!json_value(at, end))
			return false;
		json_space(at, end);
		if (*at == end)
			return false;
		const char next = *(*at)++;
		if (next == close)
			return true;
		if (next != ',')
			return false;
	}
}

static bool json_value(const char **at, const char *end)
{
	json_space(at, end);
	if (*at == end)
		return false;
	switch (**at) {
	case '{':
		return json_members(at, end, '}', true);
	case '[':
		return json_members(at, end, ']', false);
	case '"':
		return json_string(at, end);
	case 't':
		return json_word(at, end, "true");
	case 'f':
		return json_word(at, end, "false");
	case 'n':
		return json_word(at, end, "null");
	default:
		return json_number(at, end);
	}
}

static bool json_valid(const char *text, size_t length)
{
	const char *at = text, *end = text + length;

	if (!json_value(&at, end))
		return false;
	json_space(&at, end);
	return at == end;
}

/* Every line is an object; returns how many, -1 if one is not. */
__attribute__((unused)) static int json_lines(const char *text, size_t length)
{
	int lines = 0;

	while (length) {
		const char *newline = memchr(text, '\n', length);

		if (!newline || *text != '{' || !json_valid(text, (size_t)(newline - text)))
			return -1;
		lines++;
		length -= (size_t)(newline + 1 - text);
		text = newline + 1;
	}
	return lines;
}

#endif
