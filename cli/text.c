/*
 * Values as people and as JSON parsers read them: numbers, durations, sizes, times, and text that nobody vouches for.
 *
 * Text from a target may hold anything. For a terminal, whatever could move its cursor, colour it or reorder what is read is written as \xNN a byte: control characters (C0, DEL, C1), line separators, bidirectional overrides and bytes that are not UTF-8.
 */
#include "output.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "frames.h"
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

static int print_escaped(FILE *file, const char *bytes, size_t length, const char *backslashed)
{
	int columns = 0;

	for (size_t i = 0; i < length;) {
		uint32_t point;
		size_t size = text_character(bytes + i, length - i, &point);

		if (size && harmless(point)) {
			if (point < 0x80 && strchr(backslashed, (int)point)) {
				fputc('\\', file);
				columns++;
			}
			fwrite(bytes + i, 1, size, file);
			columns++;
			i += size;
			continue;
		}
		for (size += !size; size; size--, i++)
			columns += fprintf(file, "\\x%02x", (unsigned char)bytes[i]);
	}
	return columns;
}

int print_text(FILE *file, const char *bytes, size_t length)
{
	return print_escaped(file, bytes, length, "");
}

int print_quoted(FILE *file, const char *bytes, size_t length)
{
	fputc('"', file);
	const int columns = print_escaped(file, bytes, length, "\"\\");
	fputc('"', file);
	return columns + 2;
}

void print_json_string(FILE *file, const char *bytes, size_t length)
{
	static const char letters[] = "btn?fr"; /* from 8 on */

	fputc('"', file);
	for (size_t i = 0; i < length;) {
		uint32_t point;
		const size_t size = text_character(bytes + i, length - i, &point);

		if (!size)
			fputs("\xef\xbf\xbd", file);
		else if (point == '"' || point == '\\')
			fprintf(file, "\\%c", (int)point);
		else if (point >= 8 && point <= 13 && point != 11)
			fprintf(file, "\\%c", letters[point - 8]);
		else if (harmless(point))
			fwrite(bytes + i, 1, size, file);
		else
			fprintf(file, "\\u%04x", point);
		i += size + !size;
	}
	fputc('"', file);
}

int print_double(FILE *file, double value)
{
	const struct jst_value number = jst_value_double(value);
	char text[JST_VALUE_TEXT];

	return (int)fwrite(text, 1, jst_value_text(&number, text), file);
}

int print_integer(FILE *file, __int128 value)
{
	char text[48];
	char *at = text + sizeof(text);
	unsigned __int128 rest = value < 0 ? -(unsigned __int128)value : (unsigned __int128)value;

	*--at = 0;
	do {
		*--at = (char)('0' + (int)(rest % 10));
		rest /= 10;
	} while (rest);
	if (value < 0)
		*--at = '-';
	return fprintf(file, "%s", at);
}

/* value >= 0, scaled to a unit, with three significant digits. */
static int print_scaled(FILE *file, double value, const char *unit)
{
	return fprintf(file, "%.*f%s", value < 9.995 ? 2 : value < 99.95 ? 1 : 0, value, unit);
}

/* A fraction of the smallest unit: whole numbers as they are, the mean of some with what three significant digits leave. */
static int print_smallest(FILE *file, double value, const char *unit)
{
	if (value == floor(value))
		return fprintf(file, "%.0f%s", fabs(value), unit); /* no -0 */
	return fprintf(file, "%.3g%s", value, unit);
}

int print_duration(FILE *file, double ns)
{
	if (isnan(ns) || isinf(ns))
		return print_double(file, ns);
	if (ns < 0) {
		fputc('-', file);
		return 1 + print_duration(file, -ns);
	}
	/* A value that would round to 1000 of a unit belongs to the next, so that 999.6us is 1.00ms. */
	if (ns < 999.5)
		return print_smallest(file, ns, "ns");
	if (ns < 999.5e3)
		return print_scaled(file, ns / 1e3, "us");
	if (ns < 999.5e6)
		return print_scaled(file, ns / 1e6, "ms");
	if (ns < 59.95e9)
		return print_scaled(file, ns / 1e9, "s");
	const double seconds = round(ns / 1e9);
	if (seconds < 3600)
		return fprintf(file, "%.0fm%02.0fs", floor(seconds / 60), fmod(seconds, 60));
	const double minutes = round(ns / 60e9), hours = floor(minutes / 60);
	if (hours >= 1e9)
		return fprintf(file, "%.3gh", hours);
	return fprintf(file, "%.0fh%02.0fm", hours, fmod(minutes, 60));
}

int print_size(FILE *file, double bytes)
{
	static const char *const units[] = { "KiB", "MiB", "GiB", "TiB", "PiB", "EiB", "ZiB", "YiB" };
	enum { UNITS = sizeof(units) / sizeof(units[0]) };

	if (isnan(bytes) || isinf(bytes))
		return print_double(file, bytes);
	if (bytes < 0) {
		fputc('-', file);
		return 1 + print_size(file, -bytes);
	}
	if (bytes < 1023.5)
		return print_smallest(file, bytes, "B");
	double value = bytes / 1024;
	int unit = 0;
	for (; unit < UNITS - 1 && value >= 1023.5; unit++)
		value /= 1024;
	if (value >= 1e6)
		return fprintf(file, "%.3g%s", value, units[unit]);
	return fprintf(file, "%.*f%s", value < 99.95 ? 1 : 0, value, units[unit]);
}

int print_timestamp(FILE *file, int64_t ns)
{
	int64_t seconds = ns / 1000000000, rest = ns % 1000000000;

	if (rest < 0) {
		rest += 1000000000;
		seconds--;
	}
	const time_t when = (time_t)seconds;
	struct tm tm;
	char text[40];

	if (!gmtime_r(&when, &tm))
		return fprintf(file, "%" PRId64, ns);
	strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &tm);
	return fprintf(file, "%s.%06dZ", text, (int)(rest / 1000));
}

int print_measure(FILE *file, double value, enum unit unit)
{
	char text[64];

	if (unit == UNIT_DURATION)
		return print_duration(file, value);
	if (unit == UNIT_SIZE)
		return print_size(file, value);
	const double size = fabs(value);
	if (!(size < 1e15) || (size < 0.1 && size > 0))
		return isfinite(value) ? fprintf(file, "%.6g", value) : print_double(file, value);
	snprintf(text, sizeof(text), "%.3f", value);
	size_t length = strlen(text);
	while (text[length - 1] == '0')
		length--;
	length -= text[length - 1] == '.';
	return fprintf(file, "%.*s", (int)length, text);
}

int print_value(FILE *file, struct jst_value value, enum unit unit)
{
	switch (value.kind) {
	case JST_INT:
		if (unit == UNIT_DURATION)
			return print_duration(file, (double)value.i);
		if (unit == UNIT_SIZE)
			return print_size(file, (double)value.i);
		if (unit == UNIT_TIME_WALL)
			return print_timestamp(file, value.i);
		return fprintf(file, "%" PRId64, value.i);
	case JST_DOUBLE:
		if (unit == UNIT_DURATION || unit == UNIT_SIZE)
			return print_measure(file, value.d, unit);
		return print_double(file, value.d);
	case JST_STRING:
		return print_text(file, value.s, value.length);
	case JST_STACK:
		frames_print(file, value, STACK_INDENT, false);
		return 0;
	default:
		return fprintf(file, "nil");
	}
}

void print_json_value(FILE *file, struct jst_value value)
{
	if (value.kind == JST_INT)
		fprintf(file, "%" PRId64, value.i);
	else if (value.kind == JST_DOUBLE && isfinite(value.d))
		print_double(file, value.d);
	else if (value.kind == JST_STRING)
		print_json_string(file, value.s, value.length);
	else if (value.kind == JST_STACK)
		frames_print_json(file, value);
	else
		fputs("null", file);
}
