/*
 * Values as people and as JSON parsers read them: numbers, durations, sizes, times, and text that nobody vouches for.
 *
 * Text from a target may hold anything. For a terminal, whatever could move its cursor, colour it or reorder what is read is written as \xNN a byte: control characters (C0, DEL, C1), line separators, bidirectional overrides and bytes that are not UTF-8.
 */
#include "output.h"

#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "frames.h"
#include "line.h"
#include "vm.h"

size_t text_character(const char *bytes, size_t length, uint32_t *point)
{
	static const uint32_t smallest[5] = { 0, 0, 0x80, 0x800, 0x10000 };
	const unsigned char *b = (const unsigned char *)bytes;
	const size_t size = b[0] < 0x80 ? 1 : b[0] >= 0xc2 && b[0] < 0xe0 ? 2 : b[0] >= 0xe0 && b[0] < 0xf0 ? 3 : b[0] >= 0xf0 && b[0] < 0xf5 ? 4 : 0;

	*point = b[0];
	if (size <= 1)
		return size;
	if (size > length)
		return 0;
	uint32_t p = b[0] & (0x7fu >> size);
	for (size_t i = 1; i < size; i++) {
		if ((b[i] & 0xc0) != 0x80)
			return 0;
		p = p << 6 | (b[i] & 0x3f);
	}
	if (p < smallest[size] || p > 0x10ffff || (p >= 0xd800 && p < 0xe000))
		return 0;
	*point = p;
	return size;
}

int text_columns(const char *bytes, size_t length)
{
	int columns = 0;

	for (size_t i = 0; i < length; i++)
		columns += ((unsigned char)bytes[i] & 0xc0) != 0x80;
	return columns;
}

static bool harmless(uint32_t point)
{
	if (point < 0x20 || (point >= 0x7f && point < 0xa0))
		return false;
	return !(point >= 0x2028 && point <= 0x202e) && !(point >= 0x2066 && point <= 0x2069) && point != 0x200e && point != 0x200f && point != 0x61c && point != 0xfeff;
}

enum { PLAIN = 1, PLAIN_QUOTED = 2 };

/* The characters that most texts are made of, which are written as they are; in quotes two of them are not. */
static const unsigned char plain[256] = {
	[' ' ... '!'] = PLAIN | PLAIN_QUOTED, ['"'] = PLAIN, ['#' ... '['] = PLAIN | PLAIN_QUOTED, ['\\'] = PLAIN, [']' ... '~'] = PLAIN | PLAIN_QUOTED,
};

/* How many of them a text begins with. */
static size_t plain_length(const char *bytes, size_t length, unsigned char kind)
{
	size_t at = 0;

	while (at < length && plain[(unsigned char)bytes[at]] & kind)
		at++;
	return at;
}

int line_printf(struct line *line, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	const int length = vsnprintf(line_room(line, LINE_NUMBER), LINE_NUMBER, format, arguments);
	va_end(arguments);
	const int written = length < 0 ? 0 : length < LINE_NUMBER ? length : LINE_NUMBER - 1;

	line->used += (size_t)written;
	return written;
}

static int line_escaped(struct line *line, const char *bytes, size_t length, unsigned char kind)
{
	static const char digits[] = "0123456789abcdef";
	int columns = 0;

	for (size_t i = 0; i < length;) {
		const size_t run = plain_length(bytes + i, length - i, kind);
		uint32_t point;

		line_bytes(line, bytes + i, run);
		columns += (int)run;
		i += run;
		if (i == length)
			break;

		size_t size = text_character(bytes + i, length - i, &point);

		if (size && harmless(point)) {
			if (point < 0x80) { /* one that is not plain here: a quote or backslash */
				line_char(line, '\\');
				columns++;
			}
			line_bytes(line, bytes + i, size);
			columns++;
			i += size;
			continue;
		}
		for (size += !size; size; size--, i++) {
			const unsigned char byte = (unsigned char)bytes[i];

			line_bytes(line, (char[]){ '\\', 'x', digits[byte >> 4], digits[byte & 15] }, 4);
			columns += 4;
		}
	}
	return columns;
}

int line_text(struct line *line, const char *bytes, size_t length)
{
	return line_escaped(line, bytes, length, PLAIN);
}

int text_shown(const char *bytes, size_t length)
{
	int columns = 0;

	for (size_t i = 0; i < length;) {
		uint32_t point;
		const size_t size = text_character(bytes + i, length - i, &point);

		columns += size && harmless(point) ? 1 : 4 * (int)(size + !size);
		i += size + !size;
	}
	return columns;
}

int line_quoted(struct line *line, const char *bytes, size_t length)
{
	line_char(line, '"');
	const int columns = line_escaped(line, bytes, length, PLAIN_QUOTED);
	line_char(line, '"');
	return columns + 2;
}

void line_json_string(struct line *line, const char *bytes, size_t length)
{
	static const char letters[] = "btn?fr"; /* from 8 on */

	line_char(line, '"');
	for (size_t i = 0; i < length;) {
		const size_t run = plain_length(bytes + i, length - i, PLAIN_QUOTED);
		uint32_t point;

		line_bytes(line, bytes + i, run);
		i += run;
		if (i == length)
			break;

		const size_t size = text_character(bytes + i, length - i, &point);

		if (!size)
			line_bytes(line, "\xef\xbf\xbd", 3);
		else if (point == '"' || point == '\\')
			line_bytes(line, (char[]){ '\\', (char)point }, 2);
		else if (point >= 8 && point <= 13 && point != 11)
			line_bytes(line, (char[]){ '\\', letters[point - 8] }, 2);
		else if (harmless(point))
			line_bytes(line, bytes + i, size);
		else
			line_printf(line, "\\u%04x", point);
		i += size + !size;
	}
	line_char(line, '"');
}

static int line_number(struct line *line, struct jst_value number)
{
	const int length = (int)jst_value_text(&number, line_room(line, JST_VALUE_TEXT));

	line->used += (size_t)length;
	return length;
}

int line_integer(struct line *line, int64_t value)
{
	return line_number(line, jst_value_int(value));
}

int line_double(struct line *line, double value)
{
	return line_number(line, jst_value_double(value));
}

/*
 * value, 0 to less than 10000, with that many decimals, 2 at most, as printf() rounds it: exactly, of what the double is. The product below is off by less than 1e-9, so where it is not that close to the middle between two results it tells which.
 */
static int line_decimals(struct line *line, double value, int decimals)
{
	static const int scales[] = { 1, 10, 100 };
	const int scale = scales[decimals];
	const double scaled = value * scale;
	const int64_t down = (int64_t)scaled;
	const double rest = scaled - (double)down;

	if (!(value >= 0 && value < 10000) || fabs(rest - 0.5) < 1e-6)
		return line_printf(line, "%.*f", decimals, value);

	const int64_t rounded = down + (rest > 0.5);
	int columns = line_integer(line, rounded / scale);

	if (decimals == 2)
		line_bytes(line, (char[]){ '.', (char)('0' + rounded / 10 % 10), (char)('0' + rounded % 10) }, 3);
	else if (decimals == 1)
		line_bytes(line, (char[]){ '.', (char)('0' + rounded % 10) }, 2);
	return columns + decimals + (decimals > 0);
}

/* value >= 0, scaled to a unit, with three significant digits. */
static int line_scaled(struct line *line, double value, const char *unit)
{
	const int columns = line_decimals(line, value, value < 9.995 ? 2 : value < 99.95 ? 1 : 0);

	line_string(line, unit);
	return columns + (int)strlen(unit);
}

/* A fraction of the smallest unit: whole numbers as they are, the mean of some with what three significant digits leave. */
static int line_smallest(struct line *line, double value, const char *unit)
{
	const int columns = value == floor(value) ? line_integer(line, (int64_t)value) /* no -0 */ : line_printf(line, "%.3g", value);

	line_string(line, unit);
	return columns + (int)strlen(unit);
}

/* Whole, as round() has it, for what is not negative. */
static double nearest(double value)
{
	const double down = floor(value);

	return value - down >= 0.5 ? down + 1 : down;
}

/* Of a whole number of sixtieths, what a division by 60 leaves. Exact below 2^53 / 60. */
static double rest_of(double value)
{
	return value - 60 * floor(value / 60);
}

int line_duration(struct line *line, double ns)
{
	if (isnan(ns) || isinf(ns))
		return line_double(line, ns);
	if (ns < 0) {
		line_char(line, '-');
		return 1 + line_duration(line, -ns);
	}
	/* A value that would round to 1000 of a unit belongs to the next, so that 999.6us is 1.00ms. */
	if (ns < 999.5)
		return line_smallest(line, ns, "ns");
	if (ns < 999.5e3)
		return line_scaled(line, ns / 1e3, "us");
	if (ns < 999.5e6)
		return line_scaled(line, ns / 1e6, "ms");
	if (ns < 59.95e9)
		return line_scaled(line, ns / 1e9, "s");
	const double seconds = nearest(ns / 1e9);
	if (seconds < 3600)
		return line_printf(line, "%.0fm%02.0fs", floor(seconds / 60), rest_of(seconds));
	const double minutes = nearest(ns / 60e9), hours = floor(minutes / 60);
	if (hours >= 1e9)
		return line_printf(line, "%.3gh", hours);
	return line_printf(line, "%.0fh%02.0fm", hours, rest_of(minutes));
}

int line_size(struct line *line, double bytes)
{
	static const char *const units[] = { "KiB", "MiB", "GiB", "TiB", "PiB", "EiB", "ZiB", "YiB" };
	enum { UNITS = sizeof(units) / sizeof(units[0]) };

	if (isnan(bytes) || isinf(bytes))
		return line_double(line, bytes);
	if (bytes < 0) {
		line_char(line, '-');
		return 1 + line_size(line, -bytes);
	}
	if (bytes < 1023.5)
		return line_smallest(line, bytes, "B");
	double value = bytes / 1024;
	int unit = 0;
	for (; unit < UNITS - 1 && value >= 1023.5; unit++)
		value /= 1024;
	if (value >= 1e6)
		return line_printf(line, "%.3g%s", value, units[unit]);
	const int columns = line_decimals(line, value, value < 99.95 ? 1 : 0);
	line_string(line, units[unit]);
	return columns + (int)strlen(units[unit]);
}

/* The date and time of a second; the last one is kept, since most that are printed in a row are of the same. NULL: beyond what the calendar knows. */
static const char *second_text(int64_t seconds)
{
	static char text[40];
	static int64_t kept;
	const time_t when = (time_t)seconds;
	struct tm tm;

	if (text[0] && kept == seconds)
		return text;
	text[0] = 0;
	if (!gmtime_r(&when, &tm))
		return NULL;
	strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &tm);
	kept = seconds;
	return text;
}

int line_timestamp(struct line *line, int64_t ns)
{
	int64_t seconds = ns / 1000000000, rest = ns % 1000000000;

	if (rest < 0) {
		rest += 1000000000;
		seconds--;
	}
	const char *text = second_text(seconds);

	if (!text)
		return line_integer(line, ns);

	char fraction[8] = { '.', 0, 0, 0, 0, 0, 0, 'Z' };

	rest /= 1000;
	for (int i = 6; i > 0; i--, rest /= 10)
		fraction[i] = (char)('0' + rest % 10);
	line_string(line, text);
	line_bytes(line, fraction, sizeof(fraction));
	return (int)(strlen(text) + sizeof(fraction));
}

static int line_measure(struct line *line, double value, enum unit unit)
{
	char text[64];

	if (unit == UNIT_DURATION)
		return line_duration(line, value);
	if (unit == UNIT_SIZE)
		return line_size(line, value);
	const double size = fabs(value);
	if (!(size < 1e15) || (size < 0.1 && size > 0))
		return isfinite(value) ? line_printf(line, "%.6g", value) : line_double(line, value);
	snprintf(text, sizeof(text), "%.3f", value);
	size_t length = strlen(text);
	while (text[length - 1] == '0')
		length--;
	length -= text[length - 1] == '.';
	line_bytes(line, text, length);
	return (int)length;
}

int line_value(struct line *line, struct jst_value value, enum unit unit)
{
	switch (value.kind) {
	case JST_INT:
		if (unit == UNIT_DURATION)
			return line_duration(line, (double)value.i);
		if (unit == UNIT_SIZE)
			return line_size(line, (double)value.i);
		if (unit == UNIT_TIME_WALL)
			return line_timestamp(line, value.i);
		return line_integer(line, value.i);
	case JST_DOUBLE:
		if (unit == UNIT_DURATION || unit == UNIT_SIZE)
			return line_measure(line, value.d, unit);
		return line_double(line, value.d);
	case JST_STRING:
		return line_text(line, value.s, value.length);
	case JST_STACK:
		line_end(line);
		frames_print(line->file, value, STACK_INDENT, false);
		return 0;
	default:
		line_bytes(line, "nil", 3);
		return 3;
	}
}

void line_json_value(struct line *line, struct jst_value value)
{
	if (value.kind == JST_INT) {
		line_integer(line, value.i);
	} else if (value.kind == JST_DOUBLE && isfinite(value.d)) {
		line_double(line, value.d);
	} else if (value.kind == JST_STRING) {
		line_json_string(line, value.s, value.length);
	} else if (value.kind == JST_STACK) {
		line_end(line);
		frames_print_json(line->file, value);
	} else {
		line_bytes(line, "null", 4);
	}
}

/* ---- the same for a file ---- */

#define PRINT(name, parameters, call)        \
	int name parameters                  \
	{                                    \
		struct line line;            \
		line_begin(&line, file);     \
		const int columns = call;    \
		line_end(&line);             \
		return columns;              \
	}

PRINT(print_text, (FILE *file, const char *bytes, size_t length), line_text(&line, bytes, length))
PRINT(print_quoted, (FILE *file, const char *bytes, size_t length), line_quoted(&line, bytes, length))
PRINT(print_double, (FILE *file, double value), line_double(&line, value))
PRINT(print_duration, (FILE *file, double ns), line_duration(&line, ns))
PRINT(print_size, (FILE *file, double bytes), line_size(&line, bytes))
PRINT(print_timestamp, (FILE *file, int64_t ns), line_timestamp(&line, ns))
PRINT(print_measure, (FILE *file, double value, enum unit unit), line_measure(&line, value, unit))
PRINT(print_value, (FILE *file, struct jst_value value, enum unit unit), line_value(&line, value, unit))

void print_json_string(FILE *file, const char *bytes, size_t length)
{
	struct line line;

	line_begin(&line, file);
	line_json_string(&line, bytes, length);
	line_end(&line);
}

void print_json_value(FILE *file, struct jst_value value)
{
	struct line line;

	line_begin(&line, file);
	line_json_value(&line, value);
	line_end(&line);
}

int print_integer(FILE *file, __int128 value)
{
	char text[48];
	char *at = text + sizeof(text);
	unsigned __int128 rest = value < 0 ? -(unsigned __int128)value : (unsigned __int128)value;

	do {
		*--at = (char)('0' + (int)(rest % 10));
		rest /= 10;
	} while (rest);
	if (value < 0)
		*--at = '-';
	return (int)fwrite(at, 1, (size_t)(text + sizeof(text) - at), file);
}
