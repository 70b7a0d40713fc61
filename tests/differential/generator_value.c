/*
 * Values at the edges of what types hold, and ordinary ones beside them.
 */
#include <math.h>
#include <string.h>

#include "generator.h"

const struct field_row field_rows[] = {
#define FIELD(name, text, type) { text, JST_FIELD_##type },
	PROGRAM_FIELDS
#undef FIELD
};

int64_t generator_edge_integer(struct random *random)
{
	static const int64_t edges[] = { 0, 1, 2, 3, 7, 8, 10, 31, 32, 63, 64, 65, 100, 255, 1000, INT32_MAX, (int64_t)INT32_MAX + 1, UINT32_MAX, (int64_t)1 << 32,
		((int64_t)1 << 53) - 1, (int64_t)1 << 53, ((int64_t)1 << 53) + 1, (int64_t)1 << 62, INT64_MAX - 1, INT64_MAX, INT64_MIN, INT64_MIN + 1, -1 };

	if (random_percent(random, 45))
		return RANDOM_OF(random, edges);
	if (random_percent(random, 70))
		return random_below(random, 20);
	return (int64_t)(random_bits(random) >> random_below(random, 64));
}

double generator_edge_double(struct random *random)
{
	static const double edges[] = { 0.0, 0.5, 1.0, 1.5, 2.0, 2.5, 3.0, 0.1, 0.3, 100.0, 0.0001, 0.00001, 1e15, 1e16, 123456789012345678.0, 0x1p52, 0x1p53, 4503599627370495.5,
		0x1p62, 0x1p63, 9223372036854774784.0, 0x1p64, 1e300, 1.7976931348623157e308, 5e-324, 1e-310, 0x1p-44, 0x1p-24, 0x1p-1000, 999999999999974.25, 10753126106851.0625, 2.2250738585072014e-308, 0.49999999999999994 };

	if (random_percent(random, 45))
		return RANDOM_OF(random, edges);
	if (random_percent(random, 70))
		return (double)random_below(random, 2000) / 16;

	uint64_t bits = random_bits(random) >> 1;
	double d;

	memcpy(&d, &bits, sizeof(d));
	return isfinite(d) ? d : 1e100;
}

static struct name copy(struct arena *arena, const char *bytes, size_t length)
{
	return (struct name){ arena_copy(arena, bytes, length), length };
}

struct name generator_edge_string(struct random *random, struct arena *arena, bool with_nul)
{
	static const char *const edges[] = { "", "a", "b", "A", "abc", "abd", "ABC", "aXb", "ab ab", "az{`", "AZ[@", "/api/users/17", "/api/", "/web/index.html", "a/b/c.txt", "/", "//", "a/", "/a", ".",
		" padded\t", "\n", "0", "1", "12", "-7", "+7", "0x1f", "0X1F", "-0x8", "1.5", "1e3", "-2.5e-3", " 42 ", "9223372036854775807", "9223372036854775808", "-9223372036854775808",
		"-9223372036854775809", "99999999999999999999", "0x7fffffffffffffff", "0x8000000000000000", "nan", "inf", "1e400", "1e-400", "1.", ".5", ".", "-", "+", "0x", "1e", "1 2", "--1", "0x1p3", "1_000",
		"\xc3\xa9t\xc3\xa9", "\xff\x80", "nil", "true", "\"quoted\\\"", "key", "GET", "200" };
	static const char alphabet[] = "aabbzABZ/ .1*?-x\xe4";
	char text[400];
	size_t length = 0;

	if (random_percent(random, 60)) {
		const char *edge = RANDOM_OF(random, edges);

		return copy(arena, edge, strlen(edge));
	}
	if (random_percent(random, 12)) {
		/* Longer than some or all of what may be stored. */
		length = 60 + random_below(random, random_percent(random, 30) ? 240 : 12);
		memset(text, 'x', length);
		text[random_below(random, (uint32_t)length)] = '/';
		text[length - 1] = alphabet[random_below(random, 4)];
		return copy(arena, text, length);
	}
	for (uint32_t left = random_below(random, 12); left; left--)
		text[length++] = alphabet[random_below(random, sizeof(alphabet) - 1)];
	if (with_nul && length && random_percent(random, 10))
		text[random_below(random, (uint32_t)length)] = '\0';
	return copy(arena, text, length);
}

struct name generator_glob(struct random *random, struct arena *arena)
{
	static const char *const globs[] = { "*", "a*", "*b", "?", "??*", "[a-c]*", "*[!a-z]", "[!a]?*", "/api/*", "*/*", "", "abc", "*a*b*", "*.*", "[abx]b*", "a?[b-d]", "[A-Z][A-Z]*", "1*", "**", "*x" };
	const char *glob = RANDOM_OF(random, globs);

	return copy(arena, glob, strlen(glob));
}

static double generator_field_double(struct random *random)
{
	static const double odd[] = { -0.0, INFINITY, -INFINITY, (double)NAN };

	if (random_percent(random, 20))
		return RANDOM_OF(random, odd);
	return random_percent(random, 30) ? -generator_edge_double(random) : generator_edge_double(random);
}

void generator_fields(struct random *random, struct program *program, struct jst_value fields[static PROGRAM_FIELD_COUNT])
{
	for (int i = 0; i < PROGRAM_FIELD_COUNT; i++) {
		const enum jst_field_type type = field_rows[i].type;
		struct name text;

		switch (type) {
		case JST_FIELD_BOOL:
			fields[i] = jst_value_int(random_below(random, 2));
			break;
		case JST_FIELD_DOUBLE:
			fields[i] = jst_value_double(generator_field_double(random));
			break;
		case JST_FIELD_STRING:
		case JST_FIELD_BYTES:
			text = generator_edge_string(random, &program->arena, type == JST_FIELD_BYTES);
			fields[i] = jst_value_string(text.text, (uint32_t)text.length);
			/* A null pointer is nil. */
			if (type == JST_FIELD_STRING && random_percent(random, 5))
				fields[i] = jst_value_nil();
			break;
		default:
			fields[i] = jst_value_int(generator_edge_integer(random));
			if (type == JST_FIELD_INT && random_percent(random, 25))
				fields[i].i = (int64_t)(0 - (uint64_t)fields[i].i);
			break;
		}
	}
}
