/*
 * Values as text and JSON, and where they are written to.
 */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "json_check.h"

static char *text;
static size_t length;
static FILE *stream;

static void begin(void)
{
	stream = open_memstream(&text, &length);
}

/* Ends what begin() began and compares. */
static void expect(int columns, const char *expected)
{
	fclose(stream);
	ck_assert_str_eq(text, expected);
	if (columns >= 0)
		ck_assert_int_eq(columns, text_columns(text, length));
	free(text);
}

START_TEST(durations)
{
	static const struct {
		double ns;
		const char *text;
	} rows[] = {
		{ 0, "0ns" }, { 1, "1ns" }, { 850, "850ns" }, { 999, "999ns" }, { 0.5, "0.5ns" }, { 12.34, "12.3ns" }, { 999.4, "999ns" }, { 999.5, "1.00us" }, { 1000, "1.00us" },
		{ 1020000, "1.02ms" }, { 12340000, "12.3ms" }, { 123400000, "123ms" }, { 9994, "9.99us" }, { 9996, "10.0us" }, { 99960, "100us" }, { 999600, "1.00ms" }, { 999499, "999us" },
		{ 999.6e6, "1.00s" }, { 12.3e9, "12.3s" }, { 59.94e9, "59.9s" }, { 59.96e9, "1m00s" }, { 60e9, "1m00s" }, { 125e9, "2m05s" }, { 3599.4e9, "59m59s" }, { 3599.6e9, "1h00m" },
		{ 3720e9, "1h02m" }, { 86400e9, "24h00m" }, { 7199.9e9, "2h00m" }, { -1500, "-1.50us" }, { -0.0, "0ns" }, { (double)INT64_MAX, "2562047h47m" }, { (double)INT64_MIN, "-2562047h47m" },
		{ 1e300, "2.78e+287h" }, { NAN, "nan" }, { INFINITY, "inf" }, { -INFINITY, "-inf" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		begin();
		expect(print_duration(stream, rows[i].ns), rows[i].text);
	}
}
END_TEST

START_TEST(sizes)
{
	static const struct {
		double bytes;
		const char *text;
	} rows[] = {
		{ 0, "0B" }, { 512, "512B" }, { 1023, "1023B" }, { 1023.5, "1.0KiB" }, { 1024, "1.0KiB" }, { 4096, "4.0KiB" }, { 1.5 * (1 << 30), "1.5GiB" }, { 100 * 1024, "100KiB" }, { 99.96 * 1024, "100KiB" },
		{ 1023.4 * 1024, "1023KiB" }, { 1023.6 * 1024, "1.0MiB" }, { -2048, "-2.0KiB" }, { 12.5, "12.5B" }, { (double)INT64_MAX, "8.0EiB" }, { 0x1p80, "1.0YiB" }, { 1e200, "8.27e+175YiB" }, { NAN, "nan" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		begin();
		expect(print_size(stream, rows[i].bytes), rows[i].text);
	}
}
END_TEST

START_TEST(numbers)
{
	static const struct {
		double value;
		const char *shortest, *measure;
	} rows[] = {
		{ 0, "0", "0" }, { 3, "3", "3" }, { 0.1, "0.1", "0.1" }, { 1.0 / 3, "0.3333333333333333", "0.333" }, { 1e100, "1e100", "1e+100" }, { -2.5, "-2.5", "-2.5" },
		{ 12345678.9, "12345678.9", "12345678.9" }, { 0.000123, "0.000123", "0.000123" }, { 0.1 + 0.2, "0.30000000000000004", "0.3" }, { NAN, "nan", "nan" }, { -INFINITY, "-inf", "-inf" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		begin();
		expect(print_double(stream, rows[i].value), rows[i].shortest);
		begin();
		expect(print_measure(stream, rows[i].value, UNIT_NONE), rows[i].measure);
	}
	begin();
	expect(print_measure(stream, 1.5e6, UNIT_DURATION), "1.50ms");
	begin();
	expect(print_integer(stream, 0), "0");
	begin();
	expect(print_integer(stream, INT64_MIN), "-9223372036854775808");
	begin();
	expect(print_integer(stream, (__int128)INT64_MAX * INT64_MAX), "85070591730234615847396907784232501249");
	begin();
	expect(print_integer(stream, (__int128)((unsigned __int128)1 << 127)), "-170141183460469231731687303715884105728");
}
END_TEST

START_TEST(timestamps)
{
	begin();
	expect(print_timestamp(stream, 0), "1970-01-01T00:00:00.000000Z");
	begin();
	expect(print_timestamp(stream, 1769860800123456789), "2026-01-31T12:00:00.123456Z");
	begin();
	expect(print_timestamp(stream, -1), "1969-12-31T23:59:59.999999Z");
	begin();
	expect(print_timestamp(stream, INT64_MAX), "2262-04-11T23:47:16.854775Z");
	begin();
	expect(print_timestamp(stream, INT64_MIN), "1677-09-21T00:12:43.145224Z");
}
END_TEST

START_TEST(shown_values)
{
	begin();
	expect(print_value(stream, jst_value_int(1020000), UNIT_DURATION), "1.02ms");
	begin();
	expect(print_value(stream, jst_value_int(4096), UNIT_SIZE), "4.0KiB");
	begin();
	expect(print_value(stream, jst_value_double(4096), UNIT_SIZE), "4.0KiB");
	begin();
	expect(print_value(stream, jst_value_int(0), UNIT_TIME_WALL), "1970-01-01T00:00:00.000000Z");
	begin();
	expect(print_value(stream, jst_value_int(-7), UNIT_NONE), "-7");
	begin();
	expect(print_value(stream, jst_value_double(1.5), UNIT_NONE), "1.5");
	begin();
	expect(print_value(stream, jst_value_nil(), UNIT_DURATION), "nil");
	begin();
	expect(print_value(stream, jst_value_string("a\nb", 3), UNIT_DURATION), "a\\x0ab");
}
END_TEST

START_TEST(escaping)
{
	static const struct {
		const char *bytes, *text, *json;
	} rows[] = {
		{ "plain", "plain", "\"plain\"" },
		{ "\x1b[31mred", "\\x1b[31mred", "\"\\u001b[31mred\"" },
		{ "tab\there", "tab\\x09here", "\"tab\\there\"" },
		{ "\b\f\r\v", "\\x08\\x0c\\x0d\\x0b", "\"\\b\\f\\r\\u000b\"" },
		{ "\"\\", "\"\\", "\"\\\"\\\\\"" },
		{ "gr\xc3\xbc\xc3\x9f", "gr\xc3\xbc\xc3\x9f", "\"gr\xc3\xbc\xc3\x9f\"" },
		{ "\xff\xfe", "\\xff\\xfe", "\"\xef\xbf\xbd\xef\xbf\xbd\"" },
		{ "\xc3", "\\xc3", "\"\xef\xbf\xbd\"" },                                       /* cut short */
		{ "\xc0\xaf", "\\xc0\\xaf", "\"\xef\xbf\xbd\xef\xbf\xbd\"" },                  /* overlong */
		{ "\xe0\x80\xaf", "\\xe0\\x80\\xaf", "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"" },
		{ "\xed\xa0\x80", "\\xed\\xa0\\x80", "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"" }, /* a surrogate */
		{ "\xf4\x90\x80\x80", "\\xf4\\x90\\x80\\x80", "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"" },
		{ "\xc2\x9b" "2J", "\\xc2\\x9b2J", "\"\\u009b2J\"" },                          /* C1: a control sequence too */
		{ "\x7f", "\\x7f", "\"\\u007f\"" },
		{ "a\xe2\x80\xaex", "a\\xe2\\x80\\xaex", "\"a\\u202ex\"" },                    /* right-to-left override */
		{ "\xf0\x9f\x90\x8c", "\xf0\x9f\x90\x8c", "\"\xf0\x9f\x90\x8c\"" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		begin();
		expect(print_text(stream, rows[i].bytes, strlen(rows[i].bytes)), rows[i].text);
		begin();
		print_json_string(stream, rows[i].bytes, strlen(rows[i].bytes));
		expect(-1, rows[i].json);
	}
	begin();
	expect(print_quoted(stream, "a\"b\\c\n", 6), "\"a\\\"b\\\\c\\x0a\"");
	begin();
	expect(print_text(stream, "a\0b", 3), "a\\x00b");
}
END_TEST

/* Whatever the bytes, text is free of controls and JSON is valid. */
START_TEST(any_bytes)
{
	uint64_t random = 88172645463325252ULL;

	for (int round = 0; round < 5000; round++) {
		char bytes[12];
		for (size_t i = 0; i < sizeof(bytes); i++) {
			random ^= random << 13;
			random ^= random >> 7;
			random ^= random << 17;
			/* Mostly leading and following bytes of UTF-8, or nothing comes of it. */
			bytes[i] = (char)(random >> 32 & (random & 3 ? 0xff : 0x7f));
			if (random & 8)
				bytes[i] = (char)(0x80 | (bytes[i] & 0x3f));
		}
		begin();
		print_json_string(stream, bytes, sizeof(bytes));
		fclose(stream);
		ck_assert(json_valid(text, length));
		free(text);
		begin();
		print_text(stream, bytes, sizeof(bytes));
		fclose(stream);
		for (size_t i = 0; i < length;) {
			uint32_t point;
			const size_t size = text_character(text + i, length - i, &point);
			ck_assert(size > 0);
			ck_assert(point >= 0x20 && !(point >= 0x7f && point < 0xa0));
			i += size;
		}
		free(text);
	}
}
END_TEST

START_TEST(json_values)
{
	static const struct {
		struct jst_value value;
		const char *text;
	} rows[] = {
		{ { .i = INT64_MIN, .kind = JST_INT }, "-9223372036854775808" }, { { .d = 0.25, .kind = JST_DOUBLE }, "0.25" }, { { .d = 1e300, .kind = JST_DOUBLE }, "1e300" },
		{ { .d = NAN, .kind = JST_DOUBLE }, "null" }, { { .d = INFINITY, .kind = JST_DOUBLE }, "null" }, { { .kind = JST_NIL }, "null" }, { { .s = "x", .length = 1, .kind = JST_STRING }, "\"x\"" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		begin();
		print_json_value(stream, rows[i].value);
		ck_assert(fflush(stream) == 0 && json_valid(text, length));
		expect(-1, rows[i].text);
	}
	ck_assert(!json_valid("{\"a\":01}", 8));
	ck_assert(!json_valid("[1,]", 4));
	ck_assert(!json_valid("nan", 3));
	ck_assert(!json_valid("\"\x01\"", 3));
}
END_TEST

/* ---- printf ---- */

static struct format_piece conversion(char letter, const char *flags, int width, int precision)
{
	struct format_piece piece = { .conversion = letter, .width = width, .precision = precision };

	strncpy(piece.flags, flags, sizeof(piece.flags) - 1);
	return piece;
}

static void format_one(struct format_piece piece, struct jst_value value, const char *expected)
{
	begin();
	format_print(stream, &piece, 1, &value, NULL, 1, true);
	expect(-1, expected);
}

START_TEST(formats)
{
	const struct jst_value text_value = jst_value_string("a\x1b" "b", 3), nil = jst_value_nil();

	format_one(conversion('d', "", -1, -1), jst_value_int(-42), "-42");
	format_one(conversion('d', "0", 6, -1), jst_value_int(42), "000042");
	format_one(conversion('d', "-", 6, -1), jst_value_int(42), "42    ");
	format_one(conversion('i', "+", -1, 4), jst_value_int(42), "+0042");
	format_one(conversion('d', " ", -1, -1), jst_value_int(42), " 42");
	format_one(conversion('d', "", -1, -1), jst_value_double(2.9), "2");
	format_one(conversion('d', "", -1, -1), jst_value_double(-2.9), "-2");
	format_one(conversion('d', "", -1, -1), jst_value_double(1e300), "9223372036854775807");
	format_one(conversion('d', "", -1, -1), jst_value_double(-1e300), "-9223372036854775808");
	format_one(conversion('d', "", -1, -1), jst_value_double(NAN), "nan");
	format_one(conversion('u', "", -1, -1), jst_value_int(-1), "18446744073709551615");
	format_one(conversion('x', "#", -1, -1), jst_value_int(255), "0xff");
	format_one(conversion('X', "", -1, -1), jst_value_int(-1), "FFFFFFFFFFFFFFFF");
	format_one(conversion('o', "", -1, -1), jst_value_int(8), "10");
	format_one(conversion('c', "", -1, -1), jst_value_int('A'), "A");
	format_one(conversion('c', "", -1, -1), jst_value_int(27), "\\x1b");
	format_one(conversion('c', "", -1, -1), jst_value_int(0), "\\x00");
	format_one(conversion('c', "", -1, -1), jst_value_int(0x20ac), "\xe2\x82\xac");
	format_one(conversion('c', "", -1, -1), jst_value_int(-5), "\xef\xbf\xbd");
	format_one(conversion('c', "", 3, -1), jst_value_string("\xc3\xbc" "x", 3), "  \xc3\xbc");
	format_one(conversion('f', "", -1, 2), jst_value_int(3), "3.00");
	format_one(conversion('e', "", -1, 1), jst_value_double(12345), "1.2e+04");
	format_one(conversion('g', "", 8, -1), jst_value_double(0.5), "     0.5");
	format_one(conversion('s', "", -1, -1), text_value, "a\\x1bb");
	format_one(conversion('s', "", 8, -1), text_value, "  a\\x1bb");
	format_one(conversion('s', "-", 8, -1), text_value, "a\\x1bb  ");
	format_one(conversion('s', "", -1, 1), text_value, "a");
	format_one(conversion('s', "", -1, 2), jst_value_string("\xc3\xbc\xc3\xbc\xc3\xbc", 6), "\xc3\xbc\xc3\xbc");
	format_one(conversion('s', "", 4, -1), jst_value_string("\xc3\xbc", 2), "   \xc3\xbc");
	format_one(conversion('s', "", -1, -1), jst_value_double(0.1), "0.1");
	format_one(conversion('d', "", -1, -1), jst_value_string("seven", 5), "seven");
	format_one(conversion('d', "", -1, 2), jst_value_string("seven", 5), "seven");
	format_one(conversion('t', "", 8, -1), jst_value_int(1020000), "  1.02ms");
	format_one(conversion('t', "", -1, -1), jst_value_double(1.5e9), "1.50s");
	format_one(conversion('b', "", -1, -1), jst_value_int(4096), "4.0KiB");
	format_one(conversion('T', "", -1, -1), jst_value_int(0), "1970-01-01T00:00:00.000000Z");
	format_one(conversion('v', "", -1, -1), jst_value_int(7), "7");
	for (const char *letter = "diuxXocsfegtbTv"; *letter; letter++) {
		format_one(conversion(*letter, "", 5, -1), nil, "  nil");
		begin();
		format_print(stream, (struct format_piece[]){ conversion(*letter, "0#+ -", 3, 3) }, 1, (struct jst_value[]){ jst_value_double(-INFINITY) }, NULL, 1, true);
		fclose(stream);
		ck_assert(length > 0);
		free(text);
	}
}
END_TEST

/* Integers are formatted here, and must look as printf() has them: every conversion, set of flags, width and precision. */
START_TEST(integers_as_in_c)
{
	static const int64_t numbers[] = { 0, 1, -1, 9, 10, 99, 100, 101, -100, 255, 4096, 1234567890123, INT64_MAX, INT64_MIN, INT64_MIN + 1 };
	static const int measures[] = { -1, 0, 1, 2, 7, 19, 20, 25 };
	enum { NUMBERS = sizeof(numbers) / sizeof(*numbers), MEASURES = sizeof(measures) / sizeof(*measures) };

	for (const char *letter = "diuxXo"; *letter; letter++)
		for (int set = 0; set < 32; set++)
			for (int width = 0; width < MEASURES; width++)
				for (int precision = 0; precision < MEASURES; precision++) {
					char flags[6] = "", format[32], expected[64];
					size_t count = 0;

					for (int flag = 0; flag < 5; flag++)
						if (set >> flag & 1)
							flags[count++] = "-+ #0"[flag];
					const struct format_piece piece = conversion(*letter, flags, measures[width], measures[precision]);

					snprintf(format, sizeof(format), "%%%s*.*ll%c", flags, *letter);
					for (int i = 0; i < NUMBERS; i++) {
						/* A width of -1 is none; in C it would be the flag -. */
						snprintf(expected, sizeof(expected), format, measures[width] < 0 ? 0 : measures[width], measures[precision], (long long)numbers[i]);
						format_one(piece, jst_value_int(numbers[i]), expected);
					}
				}
}
END_TEST

/* Three digits, and the digits of a double, are found without printf() too, and must be the same. */
START_TEST(decimals_as_in_c)
{
	uint64_t seed = 1;

	for (int i = 0; i < 200000; i++) {
		char expected[64];

		seed = seed * 6364136223846793005ULL + 1442695040888963407ULL;
		/* Many lie in the middle between two results, or close to it. */
		const double value = i % 3 == 0 ? (double)(seed >> 40) / 200 : i % 3 == 1 ? (double)(seed >> 40) / 1024 : nextafter((double)(seed >> 44) / 200, i % 2 ? 0 : INFINITY);

		if (value < 1.0 || value >= 999)
			continue;
		snprintf(expected, sizeof(expected), "%.*fus", value < 9.995 ? 2 : value < 99.95 ? 1 : 0, value * 1000 / 1e3);
		begin();
		expect(print_duration(stream, value * 1000), expected);
		begin();
		ck_assert_int_gt(print_double(stream, value), 0);
		fclose(stream);
		ck_assert(strtod(text, NULL) == value);
		free(text);
	}
}
END_TEST

/* What is longer than a line's room goes out in pieces, in order. */
START_TEST(long_lines)
{
	enum { LONG = 20000 };
	static char bytes[LONG];

	for (int i = 0; i < LONG; i++)
		bytes[i] = i % 7 ? (char)('a' + i % 26) : '\x1b';
	for (size_t size = 0; size <= LONG; size = size * 2 + 999) {
		const struct format_piece pieces[] = { conversion('d', "", -1, -1), { .text = (char *)"<", .length = 1 }, conversion('s', "", -1, -1), { .text = (char *)">", .length = 1 } };
		char *whole;
		size_t whole_length;
		FILE *other = open_memstream(&whole, &whole_length);

		fprintf(other, "-7<");
		for (size_t i = 0; i < size; i++)
			fprintf(other, bytes[i] == '\x1b' ? "\\x1b" : "%c", bytes[i]);
		fputc('>', other);
		fclose(other);
		begin();
		format_print(stream, pieces, 4, (struct jst_value[]){ jst_value_int(-7), jst_value_string(bytes, (uint32_t)size) }, NULL, 2, true);
		expect(-1, whole);
		free(whole);
		begin();
		format_print(stream, pieces, 4, (struct jst_value[]){ jst_value_int(-7), jst_value_string(bytes, (uint32_t)size) }, NULL, 2, false);
		fclose(stream);
		ck_assert_uint_eq(length, size + 4);
		ck_assert_mem_eq(text + 3, bytes, size);
		free(text);
	}
}
END_TEST

START_TEST(format_pieces)
{
	struct format_piece pieces[] = {
		{ .text = (char *)"lat\t", .length = 4 }, conversion('v', "", -1, -1), { .text = (char *)" of ", .length = 4 }, conversion('d', "", -2, -1), { .text = (char *)"|\n", .length = 2 },
	};
	const struct jst_value values[] = { jst_value_int(1500), jst_value_int(-4), jst_value_int(9) };
	const enum unit units[] = { UNIT_DURATION, UNIT_NONE, UNIT_NONE };

	begin();
	format_print(stream, pieces, 5, values, units, 3, true);
	expect(-1, "lat\t1.50us of 9   |\n");
	/* Too few values: nil; no value is read past the end. */
	begin();
	format_print(stream, pieces, 5, values, units, 1, true);
	expect(-1, "lat\t1.50us of nil|\n");
	/* A precision from a value; a negative one is none. */
	const struct format_piece precise = conversion('f', "", -1, -2);
	begin();
	format_print(stream, &precise, 1, (struct jst_value[]){ jst_value_int(1), jst_value_double(2.55) }, NULL, 2, true);
	expect(-1, "2.5");
	begin();
	format_print(stream, &precise, 1, (struct jst_value[]){ jst_value_int(-3), jst_value_double(0.5) }, NULL, 2, true);
	expect(-1, "0.500000");
	/* Widths that a target chose are no way to fill a disk. */
	const struct format_piece wide = conversion('d', "", -2, -2);
	begin();
	format_print(stream, &wide, 1, (struct jst_value[]){ jst_value_int(INT64_MIN), jst_value_int(INT64_MAX), jst_value_int(1) }, NULL, 3, true);
	fclose(stream);
	ck_assert_uint_eq(length, 1024);
	free(text);
	/* Unescaped, for JSON to escape. */
	const struct format_piece plain = conversion('s', "", 4, -1);
	begin();
	format_print(stream, &plain, 1, (struct jst_value[]){ jst_value_string("\x1b", 1) }, NULL, 1, false);
	expect(-1, "   \x1b");
}
END_TEST

/* ---- output ---- */

START_TEST(file_output)
{
	char path[] = "/tmp/jstrace-output-XXXXXX";
	const int descriptor = mkstemp(path);
	struct output output;

	ck_assert(descriptor >= 0);
	ck_assert(output_open(&output, path, OUTPUT_JSON));
	ck_assert(!output.terminal && output.format == OUTPUT_JSON && output.width >= 40);
	fputs("hello\n", output.file);
	char read_back[16] = "";
	ck_assert_int_eq(pread(descriptor, read_back, 15, 0), 0);
	ck_assert(output_flush(&output));
	ck_assert_int_eq(pread(descriptor, read_back, 15, 0), 6);
	ck_assert_str_eq(read_back, "hello\n");
	ck_assert(output_close(&output) && !output.failed);
	close(descriptor);
	unlink(path);
	ck_assert(!output_open(&output, "/nonexistent/file", OUTPUT_TEXT));
	ck_assert_int_eq(errno, ENOENT);
}
END_TEST

/* A reader that pauses holds nobody up; all of it arrives, in order, once it reads. */
START_TEST(unread_pipe)
{
	enum { NUMBERS = 400000 }; /* more than the largest pipe holds */
	const bool socket = _i;
	struct output output;
	int ends[2];

	ck_assert_int_eq(socket ? socketpair(AF_UNIX, SOCK_STREAM, 0, ends) : pipe(ends), 0);
	const int saved = dup(STDOUT_FILENO);
	fflush(stdout);
	dup2(ends[1], STDOUT_FILENO);
	close(ends[1]);
	ck_assert(output_open(&output, NULL, OUTPUT_TEXT));
	ck_assert(!output_waits(&output));
	for (int i = 0; i < NUMBERS; i++)
		fprintf(output.file, "%d\n", i);
	ck_assert(output_flush(&output));
	ck_assert(output_waits(&output));

	const pid_t reader = fork();

	if (reader == 0) {
		FILE *file = fdopen(ends[0], "r");
		int number, next = 0;

		close(STDOUT_FILENO);
		while (fscanf(file, "%d", &number) == 1 && number == next)
			next++;
		_exit(next == NUMBERS ? 0 : 1);
	}
	close(ends[0]);
	ck_assert(output_close(&output));
	dup2(saved, STDOUT_FILENO);
	close(saved);

	int status;

	ck_assert_int_eq(waitpid(reader, &status, 0), reader);
	ck_assert_int_eq(status, 0);
}
END_TEST

START_TEST(width)
{
	struct output output;

	setenv("COLUMNS", "132", 1);
	ck_assert(output_open(&output, "/dev/null", OUTPUT_TEXT));
	ck_assert_int_eq(output.width, 132);
	setenv("COLUMNS", "7", 1);
	output_measure(&output);
	ck_assert_int_eq(output.width, 40);
	setenv("COLUMNS", "99999", 1);
	output_measure(&output);
	ck_assert_int_eq(output.width, 400);
	setenv("COLUMNS", "wide", 1);
	output_measure(&output);
	ck_assert_int_eq(output.width, 80);
	unsetenv("COLUMNS");
	output_measure(&output);
	ck_assert_int_eq(output.width, 80);
	ck_assert(output_close(&output));
}
END_TEST

START_TEST(full_disk)
{
	struct output output;

	ck_assert(output_open(&output, "/dev/full", OUTPUT_TEXT));
	fputs("lost", output.file);
	ck_assert(!output_flush(&output));
	ck_assert(output.failed);
	ck_assert_int_eq(output.error, ENOSPC);
	ck_assert(!output_flush(&output));
	ck_assert(!output_close(&output));
	ck_assert_int_eq(output.error, ENOSPC);
}
END_TEST

START_TEST(closed_pipe)
{
	struct output output;
	int ends[2];
	char path[64];

	signal(SIGPIPE, SIG_IGN);
	ck_assert_int_eq(pipe(ends), 0);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", ends[1]);
	ck_assert(output_open(&output, path, OUTPUT_TEXT));
	close(ends[0]);
	/* More than the buffer: the failure comes in the middle and must still be known at the flush. */
	for (int i = 0; i < 20000; i++)
		fputs("a line of results\n", output.file);
	ck_assert(!output_flush(&output));
	ck_assert_int_eq(output.error, EPIPE);
	ck_assert(!output_close(&output));
	close(ends[1]);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("output");
	TCase *values_case = tcase_create("values"), *format_case = tcase_create("format"), *output_case = tcase_create("output");

	tcase_set_timeout(values_case, 60);
	tcase_add_test(values_case, durations);
	tcase_add_test(values_case, sizes);
	tcase_add_test(values_case, numbers);
	tcase_add_test(values_case, timestamps);
	tcase_add_test(values_case, shown_values);
	tcase_add_test(values_case, escaping);
	tcase_add_test(values_case, any_bytes);
	tcase_add_test(values_case, json_values);
	tcase_add_test(format_case, formats);
	tcase_add_test(format_case, integers_as_in_c);
	tcase_add_test(format_case, decimals_as_in_c);
	tcase_add_test(format_case, long_lines);
	tcase_add_test(format_case, format_pieces);
	tcase_add_test(output_case, file_output);
	tcase_add_test(output_case, width);
	tcase_add_test(output_case, full_disk);
	tcase_add_test(output_case, closed_pipe);
	tcase_add_loop_test(output_case, unread_pipe, 0, 2);
	suite_add_tcase(suite, values_case);
	suite_add_tcase(suite, format_case);
	suite_add_tcase(suite, output_case);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	const int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
