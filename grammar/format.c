/*
 * printf formats: cut into pieces, each a text or a conversion, and checked. They never leave the CLI.
 */
#include <stdlib.h>
#include <string.h>

#include "check.h"

enum { NONE = -1, FROM_VALUE = -2, WIDEST = 4096 };

static const char conversions[] = "diuxXocsfeEgGtbTv";

struct pieces {
	struct format_piece *items;
	uint32_t count;
};

static void add_text(struct pieces *pieces, const char *from, size_t length)
{
	struct format_piece *last = pieces->count ? &pieces->items[pieces->count - 1] : NULL;

	if (!length)
		return;
	if (last && last->text) {
		last->text = heap_resize(last->text, last->length + length + 1);
		memcpy(last->text + last->length, from, length);
		last->length += length;
		last->text[last->length] = '\0';
		return;
	}
	pieces->items = heap_grow(pieces->items, pieces->count, sizeof(*pieces->items));
	pieces->items[pieces->count++] = (struct format_piece){ .text = heap_copy(from, length), .length = length, .width = NONE, .precision = NONE };
}

/* A width or precision at *at: digits or a '*'; digits beyond any terminal are cut. */
static int take_measure(const char **at, const char *end, int otherwise, uint32_t *values)
{
	int measure = otherwise;

	if (*at < end && **at == '*') {
		++*at;
		++*values;
		return FROM_VALUE;
	}
	for (; *at < end && **at >= '0' && **at <= '9'; ++*at) {
		measure = (measure == NONE ? 0 : measure) * 10 + (**at - '0');
		if (measure > WIDEST)
			measure = WIDEST;
	}
	return measure;
}

/* The conversion whose '%' is at from; returns where it ends, NULL if it is none. */
static const char *take_conversion(struct format_piece *piece, const char *from, const char *end, uint32_t *values)
{
	const char *at = from + 1;
	size_t flags = 0;

	*piece = (struct format_piece){ .width = NONE, .precision = NONE };
	for (; at < end && *at && strchr("-+ #0", *at); at++) {
		if (flags < sizeof(piece->flags) - 1 && !memchr(piece->flags, *at, flags))
			piece->flags[flags++] = *at;
	}
	piece->width = take_measure(&at, end, NONE, values);
	if (at < end && *at == '.') {
		at++;
		piece->precision = take_measure(&at, end, 0, values);
	}
	while (at < end && *at && strchr("lhz", *at))
		at++;
	if (at == end || !*at || !strchr(conversions, *at))
		return NULL;
	piece->conversion = *at;
	++*values;
	return at + 1;
}

static void unknown(struct checker *checker, const struct expression *format, const char *from, const char *end)
{
	const char *at = from + 1;
	char text[24];

	while (at < end && *at && strchr("-+ #0123456789.*lhz", *at) && at - from < 16)
		at++;
	if (at < end)
		at++;
	while (at < end && ((unsigned char)*at & 0xc0) == 0x80 && at - from < 20)
		at++;
	snprintf(text, sizeof(text), "%.*s", (int)(at - from), from);
	diagnostics_add(checker->diagnostics, DIAGNOSTIC_BAD_CONVERSION, format->at, text);
	diagnostics_help(checker->diagnostics, "conversions are %%d %%i %%u %%x %%o %%c %%s %%f %%e %%g %%t %%b %%T %%v; a percent sign is %%%%");
}

struct format_piece *format_parse(struct checker *checker, const struct expression *format, uint32_t *count, uint32_t *values)
{
	const char *at = format->name.text, *end = at + format->name.length;
	struct pieces pieces = { 0 };

	*values = 0;
	while (at < end) {
		const char *percent = memchr(at, '%', (size_t)(end - at));
		struct format_piece piece;

		add_text(&pieces, at, (size_t)((percent ? percent : end) - at));
		if (!percent)
			break;
		if (percent + 1 < end && percent[1] == '%') {
			add_text(&pieces, "%", 1);
			at = percent + 2;
			continue;
		}
		at = take_conversion(&piece, percent, end, values);
		if (!at) {
			unknown(checker, format, percent, end);
			at = percent + 1;
			continue;
		}
		pieces.items = heap_grow(pieces.items, pieces.count, sizeof(*pieces.items));
		pieces.items[pieces.count++] = piece;
	}
	*count = pieces.count;
	return pieces.items;
}
