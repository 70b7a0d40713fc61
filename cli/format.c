/*
 * printf: the pieces of a format, each conversion with a value whose kind is known only now.
 *
 * A conversion takes any value: nil prints nil, text prints as text under a numeric conversion, %d truncates a double. Widths and precisions may come from a target (%*d), so they are clamped.
 */
#include "output.h"

#include <math.h>
#include <string.h>

#include "frames.h"
#include "line.h"
#include "vm.h"

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

static bool has_flag(const struct conversion *conversion, char flag)
{
	return strchr(conversion->flags, flag) != NULL;
}

/* The digits of a number at the end of room for DIGITS of them; their number. */
enum { DIGITS = 22 }; /* of 64 bits in octal */

static int digits_of(uint64_t value, unsigned base, bool upper, char text[DIGITS])
{
	const char *const letters = upper ? "0123456789ABCDEF" : "0123456789abcdef";
	int at = DIGITS;

	for (; value; value /= base)
		text[--at] = letters[value % base];
	return DIGITS - at;
}

/* As C's printf() does it: sign or prefix, zeros, digits; a precision takes away the flag 0. */
static void put_integer(struct line *line, const struct conversion *conversion, int64_t value)
{
	const bool is_signed = conversion->letter == 'd' || conversion->letter == 'i', negative = is_signed && value < 0;
	const bool upper = conversion->letter == 'X', hexadecimal = upper || conversion->letter == 'x', octal = conversion->letter == 'o';
	const uint64_t magnitude = negative ? -(uint64_t)value : (uint64_t)value;
	char text[DIGITS], prefix[2];
	int digits, prefixed = 0;

	/* One division for each base that is known here is a multiplication or a shift. */
	digits = hexadecimal ? digits_of(magnitude, 16, upper, text) : octal ? digits_of(magnitude, 8, false, text) : digits_of(magnitude, 10, false, text);

	int zeros = conversion->precision < 0 ? !digits : conversion->precision > digits ? conversion->precision - digits : 0;

	if (negative)
		prefix[prefixed++] = '-';
	else if (is_signed && has_flag(conversion, '+'))
		prefix[prefixed++] = '+';
	else if (is_signed && has_flag(conversion, ' '))
		prefix[prefixed++] = ' ';
	if (has_flag(conversion, '#') && hexadecimal && digits) {
		prefix[prefixed++] = '0';
		prefix[prefixed++] = conversion->letter;
	}
	if (has_flag(conversion, '#') && octal && !zeros)
		zeros = 1;

	int pad = conversion->width - prefixed - zeros - digits;

	if (pad > 0 && !conversion->left && conversion->precision < 0 && has_flag(conversion, '0')) {
		zeros += pad;
		pad = 0;
	}
	if (!conversion->left)
		line_fill(line, ' ', pad);
	line_bytes(line, prefix, (size_t)prefixed);
	line_fill(line, '0', zeros);
	line_bytes(line, text + DIGITS - digits, (size_t)digits);
	if (conversion->left)
		line_fill(line, ' ', pad);
}

/* Doubles go through the C library, with a format made here of known parts only. */
static void put_double(struct line *line, const struct conversion *conversion, char letter, double value)
{
	enum { ROOM = LINE_ROOM }; /* a width or precision, and the digits of the largest double */
	char format[sizeof("%- +#0*.*f")], *at = format;

	*at++ = '%';
	if (conversion->left)
		*at++ = '-';
	for (const char *flag = conversion->flags; *flag; flag++)
		*at++ = *flag;
	memcpy(at, "*.*", 3);
	at[3] = letter;
	at[4] = 0;
	const int length = snprintf(line_room(line, ROOM), ROOM, format, conversion->width, conversion->precision, value);
	line->used += (size_t)(length < 0 ? 0 : length);
}
_Static_assert(WIDTH_LIMIT + 1024 < LINE_ROOM, "a double fits a line");

static void put_padded(struct line *line, const struct conversion *conversion, const char *text, size_t length)
{
	const int pad = conversion->width - text_columns(text, length);

	if (!conversion->left)
		line_fill(line, ' ', pad);
	line_bytes(line, text, length);
	if (conversion->left)
		line_fill(line, ' ', pad);
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

static void put_string(struct line *line, const struct conversion *conversion, const char *text, size_t length)
{
	if (conversion->precision >= 0)
		length = cut(text, length, conversion->precision);
	if (!conversion->escape) {
		put_padded(line, conversion, text, length);
		return;
	}
	if (conversion->left || !conversion->width) {
		line_fill(line, ' ', conversion->width - line_text(line, text, length));
		return;
	}
	line_fill(line, ' ', conversion->width - text_shown(text, length));
	line_text(line, text, length);
}

static void put_character(struct line *line, const struct conversion *conversion, int64_t value)
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
	put_string(line, &whole, text, length);
}

/* A number under t, b, T, v or s: as print shows it, padded. */
static void put_shown(struct line *line, const struct conversion *conversion, struct jst_value value, enum unit unit)
{
	if (conversion->left || !conversion->width) {
		line_fill(line, ' ', conversion->width - line_value(line, value, unit));
		return;
	}
	/* Its columns are known only once it is there; a number always fits. */
	struct line shown;

	line_begin(&shown, NULL);
	line_fill(line, ' ', conversion->width - line_value(&shown, value, unit));
	line_bytes(line, shown.bytes, shown.used);
}

static void put_conversion(struct line *line, const struct conversion *conversion, struct jst_value value, enum unit unit)
{
	if (value.kind == JST_STRING) {
		struct conversion text = *conversion;

		if (conversion->letter == 'c')
			text.precision = 1;
		else if (conversion->letter != 's')
			text.precision = -1; /* digits of a number are no limit to a text */
		put_string(line, &text, value.s, value.length);
		return;
	}
	if (value.kind != JST_INT && value.kind != JST_DOUBLE) {
		put_padded(line, conversion, "nil", 3);
		return;
	}
	const bool is_double = value.kind == JST_DOUBLE;
	switch (conversion->letter) {
	case 'd': case 'i': case 'u': case 'x': case 'X': case 'o':
		if (is_double && !isfinite(value.d))
			put_double(line, conversion, 'f', value.d);
		else
			put_integer(line, conversion, is_double ? truncated(value.d) : value.i);
		break;
	case 'c':
		put_character(line, conversion, is_double ? (isnan(value.d) ? -1 : truncated(value.d)) : value.i);
		break;
	case 'f': case 'F': case 'e': case 'E': case 'g': case 'G':
		put_double(line, conversion, conversion->letter, is_double ? value.d : (double)value.i);
		break;
	case 't':
		put_shown(line, conversion, value, UNIT_DURATION);
		break;
	case 'b':
		put_shown(line, conversion, value, UNIT_SIZE);
		break;
	case 'T':
		if (is_double && isfinite(value.d))
			value = jst_value_int(truncated(value.d));
		put_shown(line, conversion, value, UNIT_TIME_WALL);
		break;
	default:
		put_shown(line, conversion, value, unit);
		break;
	}
}

/* %d, %s and their like with nothing else: what most formats are made of. */
static bool is_bare(const struct format_piece *piece)
{
	return !piece->flags[0] && piece->width == -1 && piece->precision == -1;
}

void format_line(struct line *line, const struct format_piece *pieces, uint32_t piece_count, const struct jst_value *values, const enum unit *units, uint32_t count, bool escape)
{
	struct values rest = { .value = values, .units = units, .count = count };

	for (uint32_t i = 0; i < piece_count; i++) {
		const struct format_piece *piece = &pieces[i];

		if (piece->text) {
			line_bytes(line, piece->text, piece->length);
			if (piece->length)
				rest.line_begun = piece->text[piece->length - 1] != '\n';
			continue;
		}

		struct conversion conversion;
		enum unit unit;
		const bool bare = is_bare(piece);

		if (!bare)
			conversion = settle(piece, &rest, escape);

		const struct jst_value value = next_value(&rest, &unit);

		if (value.kind == JST_STACK) {
			line_end(line);
			frames_print(line->file, value, STACK_INDENT, !rest.line_begun);
		} else if (bare && value.kind == JST_INT && (piece->conversion == 'd' || piece->conversion == 'i')) {
			line_integer(line, value.i);
		} else {
			if (bare)
				conversion = (struct conversion){ .letter = piece->conversion, .precision = -1, .escape = escape };
			put_conversion(line, &conversion, value, unit);
		}
		rest.line_begun = true;
	}
}

void format_print(FILE *file, const struct format_piece *pieces, uint32_t piece_count, const struct jst_value *values, const enum unit *units, uint32_t count, bool escape)
{
	struct line line;

	line_begin(&line, file);
	format_line(&line, pieces, piece_count, values, units, count, escape);
	line_end(&line);
}
