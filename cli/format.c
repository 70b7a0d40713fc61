/*
 * printf: the pieces of a format, each conversion with a value whose kind is known only now.
 *
 * A conversion takes any value: nil prints nil, text prints as text under a numeric conversion, %d truncates a double. Widths and precisions may come from a target (%*d), so they are clamped.
 */
#include "output.h"

#include "frames.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { WIDTH_LIMIT = 1024 };

/* A conversion with its width and precision settled. */
struct conversion {
	char letter;
	char flags[10];
	int width;     /* 0: none */
	int precision; /* -1: none */
	bool left, escape;
};

struct values {
	const struct jst_value *value;
	const enum unit *units;
	uint32_t count, next;
	bool line_begun;   /* something was printed in this line, as far as the format tells */
};

static struct jst_value next_value(struct values *values, enum unit *unit)
{
	const uint32_t i = values->next++;

	*unit = UNIT_NONE;
	if (i >= values->count)
		return jst_value_nil();
	if (values->units)
		*unit = values->units[i];
	return values->value[i];
}

/* A double as an integer, as C's conversion where that is defined, else the nearest there is. */
static int64_t truncated(double value)
{
	if (value >= 0x1p63)
		return INT64_MAX;
	return value >= -0x1p63 ? (int64_t)value : INT64_MIN;
}

static int next_measure(struct values *values)
{
	enum unit unit;
	const struct jst_value value = next_value(values, &unit);
	const int64_t n = value.kind == JST_INT ? value.i : value.kind == JST_DOUBLE && !isnan(value.d) ? truncated(value.d) : 0;

	return n > WIDTH_LIMIT ? WIDTH_LIMIT : n < -WIDTH_LIMIT ? -WIDTH_LIMIT : (int)n;
}

static int clamp(int width)
{
	return width > WIDTH_LIMIT ? WIDTH_LIMIT : width;
}

static struct conversion settle(const struct format_piece *piece, struct values *values, bool escape)
{
	struct conversion conversion = { .letter = piece->conversion, .precision = -1, .escape = escape };
	size_t flags = 0;

	for (size_t i = 0; i < sizeof(piece->flags) && piece->flags[i]; i++) {
		const char flag = piece->flags[i];

		if (flag == '-')
			conversion.left = true;
		else if (strchr("+ #0", flag) && !strchr(conversion.flags, flag))
			conversion.flags[flags++] = flag;
	}
	if (piece->width == -2)
		conversion.width = next_measure(values);
	else if (piece->width > 0)
		conversion.width = clamp(piece->width);
	if (conversion.width < 0) { /* as C's: a negative * is the flag - and a width */
		conversion.left = true;
		conversion.width = -conversion.width;
	}
	if (piece->precision == -2) {
		const int precision = next_measure(values);
		conversion.precision = precision < 0 ? -1 : precision;
	} else if (piece->precision >= 0) {
		conversion.precision = clamp(piece->precision);
	}
	return conversion;
}

/* Numbers go through the C library, with a format made here of known parts only. */
static void print_c_integer(FILE *file, const struct conversion *conversion, int64_t value)
{
	char format[32];

	snprintf(format, sizeof(format), "%%%s%s*.*ll%c", conversion->left ? "-" : "", conversion->flags, conversion->letter);
	if (conversion->letter == 'd' || conversion->letter == 'i')
		fprintf(file, format, conversion->width, conversion->precision, (long long)value);
	else
		fprintf(file, format, conversion->width, conversion->precision, (unsigned long long)value);
}

static void print_c_double(FILE *file, const struct conversion *conversion, char letter, double value)
{
	char format[32];

	snprintf(format, sizeof(format), "%%%s%s*.*%c", conversion->left ? "-" : "", conversion->flags, letter);
	fprintf(file, format, conversion->width, conversion->precision, value);
}

static void print_padded(FILE *file, const struct conversion *conversion, const char *text, size_t length)
{
	const int pad = conversion->width - text_columns(text, length);

	if (pad > 0 && !conversion->left)
		fprintf(file, "%*s", pad, "");
	fwrite(text, 1, length, file);
	if (pad > 0 && conversion->left)
		fprintf(file, "%*s", pad, "");
}

/* The first characters of text, never half of one. */
static size_t cut(const char *text, size_t length, int characters)
{
	size_t at = 0;

	for (; at < length && characters > 0; characters--) {
		uint32_t point;
		const size_t size = text_character(text + at, length - at, &point);
		at += size + !size;
	}
	return at;
}

static void print_string(FILE *file, const struct conversion *conversion, const char *text, size_t length)
{
	if (conversion->precision >= 0)
		length = cut(text, length, conversion->precision);
	if (!conversion->escape) {
		print_padded(file, conversion, text, length);
		return;
	}
	char *escaped;
	size_t size;
	FILE *stream = open_memstream(&escaped, &size);
	if (!stream)
		abort();
	print_text(stream, text, length);
	fclose(stream);
	print_padded(file, conversion, escaped, size);
	free(escaped);
}

static void print_character(FILE *file, const struct conversion *conversion, int64_t value)
{
	char text[4];
	size_t length = 1;
	const uint32_t point = value < 0 || value > 0x10ffff || (value >= 0xd800 && value < 0xe000) ? 0xfffd : (uint32_t)value;

	if (point < 0x80) {
		text[0] = (char)point;
	} else if (point < 0x800) {
		text[0] = (char)(0xc0 | point >> 6);
		text[1] = (char)(0x80 | (point & 0x3f));
		length = 2;
	} else if (point < 0x10000) {
		text[0] = (char)(0xe0 | point >> 12);
		text[1] = (char)(0x80 | (point >> 6 & 0x3f));
		text[2] = (char)(0x80 | (point & 0x3f));
		length = 3;
	} else {
		text[0] = (char)(0xf0 | point >> 18);
		text[1] = (char)(0x80 | (point >> 12 & 0x3f));
		text[2] = (char)(0x80 | (point >> 6 & 0x3f));
		text[3] = (char)(0x80 | (point & 0x3f));
		length = 4;
	}
	struct conversion whole = *conversion;
	whole.precision = -1;
	print_string(file, &whole, text, length);
}

/* A number under t, b, T, v or s: as print shows it, padded. */
static void print_shown(FILE *file, const struct conversion *conversion, struct jst_value value, enum unit unit)
{
	char *text;
	size_t length;
	FILE *stream = open_memstream(&text, &length);

	if (!stream)
		abort();
	print_value(stream, value, unit);
	fclose(stream);
	print_padded(file, conversion, text, length);
	free(text);
}

static void print_conversion(FILE *file, const struct conversion *conversion, struct jst_value value, enum unit unit)
{
	if (value.kind == JST_STRING) {
		struct conversion text = *conversion;

		if (conversion->letter == 'c')
			text.precision = 1;
		else if (conversion->letter != 's')
			text.precision = -1; /* digits of a number are no limit to a text */
		print_string(file, &text, value.s, value.length);
		return;
	}
	if (value.kind != JST_INT && value.kind != JST_DOUBLE) {
		print_padded(file, conversion, "nil", 3);
		return;
	}
	const bool is_double = value.kind == JST_DOUBLE;
	switch (conversion->letter) {
	case 'd': case 'i': case 'u': case 'x': case 'X': case 'o':
		if (is_double && !isfinite(value.d))
			print_c_double(file, conversion, 'f', value.d);
		else
			print_c_integer(file, conversion, is_double ? truncated(value.d) : value.i);
		break;
	case 'c':
		print_character(file, conversion, is_double ? (isnan(value.d) ? -1 : truncated(value.d)) : value.i);
		break;
	case 'f': case 'F': case 'e': case 'E': case 'g': case 'G':
		print_c_double(file, conversion, conversion->letter, is_double ? value.d : (double)value.i);
		break;
	case 't':
		print_shown(file, conversion, value, UNIT_DURATION);
		break;
	case 'b':
		print_shown(file, conversion, value, UNIT_SIZE);
		break;
	case 'T':
		if (is_double && isfinite(value.d))
			value = jst_value_int(truncated(value.d));
		print_shown(file, conversion, value, UNIT_TIME_WALL);
		break;
	default:
		print_shown(file, conversion, value, unit);
		break;
	}
}

void format_print(FILE *file, const struct format_piece *pieces, uint32_t piece_count, const struct jst_value *values, const enum unit *units, uint32_t count, bool escape)
{
	struct values rest = { .value = values, .units = units, .count = count };

	for (uint32_t i = 0; i < piece_count; i++) {
		const struct format_piece *piece = &pieces[i];

		if (piece->text) {
			fwrite(piece->text, 1, piece->length, file);
			if (piece->length)
				rest.line_begun = piece->text[piece->length - 1] != '\n';
			continue;
		}
		const struct conversion conversion = settle(piece, &rest, escape);
		enum unit unit;
		const struct jst_value value = next_value(&rest, &unit);
		if (value.kind == JST_STACK)
			frames_print(file, value, STACK_INDENT, !rest.line_begun);
		else
			print_conversion(file, &conversion, value, unit);
		rest.line_begun = true;
	}
}
