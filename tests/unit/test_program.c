/*
 * Programs: what the builder lays out, interns and refuses; the text of instructions; numbers as text and back.
 */
#include <math.h>
#include <stdio.h>

#include "machine.h"

static struct jst_program *finish(struct jst_builder *builder)
{
	const char *limit;
	struct jst_program *program = jst_builder_finish(builder, &limit);

	ck_assert_msg(program != NULL, "limit: %s", limit);
	return program;
}

START_TEST(an_empty_program_is_a_program)
{
	struct jst_builder *builder = jst_builder_new();
	struct jst_program *program = finish(builder);
	struct jst_verify_error error;

	ck_assert_uint_eq(program->magic, JST_PROGRAM_MAGIC);
	ck_assert_uint_eq(program->size, sizeof(*program));
	ck_assert_uint_eq(program->flags, 0);
	ck_assert(machine_verify(program, &error));
	free(program);
	jst_builder_free(builder);
}
END_TEST

START_TEST(equal_things_are_kept_once)
{
	struct jst_builder *builder = jst_builder_new();

	ck_assert_uint_eq(jst_builder_constant(builder, jst_value_int(1)), 0);
	ck_assert_uint_eq(jst_builder_constant(builder, jst_value_double(1)), 1);
	ck_assert_uint_eq(jst_builder_constant(builder, text_value("id")), 2);
	ck_assert_uint_eq(jst_builder_constant(builder, jst_value_int(1)), 0);
	ck_assert_uint_eq(jst_builder_constant(builder, text_value("id")), 2);
	ck_assert_uint_eq(jst_builder_constant(builder, jst_value_double(0.0)), 3);
	ck_assert_uint_eq(jst_builder_constant(builder, jst_value_double(-0.0)), 4);
	ck_assert_uint_eq(jst_builder_constant(builder, jst_value_nil()), 5);
	ck_assert_uint_eq(jst_builder_constant(builder, jst_value_string("a\0b", 3)), 6);
	ck_assert_uint_eq(jst_builder_constant(builder, jst_value_string("a", 1)), 7);
	ck_assert_uint_eq(jst_builder_constant(builder, jst_value_string("", 0)), 8);
	ck_assert_uint_eq(jst_builder_field(builder, "id", 2), 0);
	ck_assert_uint_eq(jst_builder_field(builder, "status", 6), 1);
	ck_assert_uint_eq(jst_builder_field(builder, "id", 2), 0);
	struct jst_program *program = finish(builder);

	/* id, a\0b, a, the empty one, status: each with its NUL */
	ck_assert_uint_eq(jst_program_count(program, JST_SECTION_STRINGS), 3 + 4 + 2 + 1 + 7);
	const struct jst_value bytes = jst_program_constant(program, 6);

	ck_assert_uint_eq(bytes.kind, JST_STRING);
	ck_assert_mem_eq(bytes.s, "a\0b", 4);
	free(program);
	jst_builder_free(builder);
}
END_TEST

START_TEST(clauses_have_their_patterns_and_code)
{
	struct jst_builder *builder = jst_builder_new();

	jst_builder_clause(builder);
	jst_builder_pattern(builder, "a", 1, 0);
	jst_builder_pattern(builder, "b*", 2, JST_PATTERN_GLOB);
	ck_assert_uint_eq(jst_builder_insn(builder, (struct jst_insn){ .op = JST_OP_RETURN }), 0);
	ck_assert_uint_eq(jst_builder_clause(builder), 1);
	jst_builder_pattern(builder, "c", 1, 0);
	jst_builder_registers(builder, 2);
	ck_assert_uint_eq(jst_builder_insn(builder, (struct jst_insn){ .op = JST_OP_JUMP, .imm = -1 }), 0);
	jst_builder_insn_at(builder, 0)->imm = 1;
	ck_assert_uint_eq(jst_builder_insn(builder, (struct jst_insn){ .op = JST_OP_RETURN }), 1);
	struct jst_program *program = finish(builder);
	const struct jst_clause_decl *clauses = jst_program_section(program, JST_SECTION_CLAUSES);
	struct jst_verify_error error;

	ck_assert_uint_eq(clauses[0].patterns, 2);
	ck_assert_uint_eq(clauses[1].first_pattern, 2);
	ck_assert_uint_eq(clauses[1].first_insn, 1);
	ck_assert_uint_eq(clauses[1].insns, 2);
	ck_assert_uint_eq(clauses[1].registers, 2);
	ck_assert_msg(machine_verify(program, &error), "%s", error.reason);
	free(program);
	jst_builder_free(builder);
}
END_TEST

static uint32_t flags_of(struct jst_insn insn)
{
	struct jst_builder *builder = jst_builder_new();

	jst_builder_aggregation(builder, JST_AGGREGATION_SUM, 0, (int64_t[3]){ 0 });
	jst_builder_aggregation(builder, JST_AGGREGATION_LAST, 0, (int64_t[3]){ 0 });
	jst_builder_clause(builder);
	jst_builder_insn(builder, insn);
	struct jst_program *program = finish(builder);
	const uint32_t flags = program->flags;

	free(program);
	jst_builder_free(builder);
	return flags;
}

START_TEST(flags_follow_from_the_code)
{
	ck_assert_uint_eq(flags_of((struct jst_insn){ .op = JST_OP_RETURN }), 0);
	ck_assert_uint_eq(flags_of((struct jst_insn){ .op = JST_OP_VARIABLE, .imm = JST_VARIABLE_PID }), 0);
	ck_assert_uint_eq(flags_of((struct jst_insn){ .op = JST_OP_VARIABLE, .imm = JST_VARIABLE_NOW }), JST_PROGRAM_CLOCK);
	ck_assert_uint_eq(flags_of((struct jst_insn){ .op = JST_OP_VARIABLE, .imm = JST_VARIABLE_TIMESTAMP }), JST_PROGRAM_CLOCK);
	ck_assert_uint_eq(flags_of((struct jst_insn){ .op = JST_OP_VARIABLE, .imm = JST_VARIABLE_ELAPSED }), JST_PROGRAM_CLOCK);
	ck_assert_uint_eq(flags_of((struct jst_insn){ .op = JST_OP_AGGREGATE, .imm = 0 }), 0);
	ck_assert_uint_eq(flags_of((struct jst_insn){ .op = JST_OP_AGGREGATE, .imm = 1 }), JST_PROGRAM_CLOCK);
	ck_assert_uint_eq(flags_of((struct jst_insn){ .op = JST_OP_RECORD }), JST_PROGRAM_CLOCK | JST_PROGRAM_RECORDS);
	ck_assert_uint_eq(flags_of((struct jst_insn){ .op = JST_OP_EVENT }), JST_PROGRAM_CLOCK | JST_PROGRAM_RECORDS);
	ck_assert_uint_eq(flags_of((struct jst_insn){ .op = JST_OP_EXIT }), JST_PROGRAM_RECORDS);
	ck_assert_uint_eq(flags_of((struct jst_insn){ .op = JST_OP_AGGGET }), JST_PROGRAM_READS);
	ck_assert_uint_eq(flags_of((struct jst_insn){ .op = JST_OP_AGGQUANTILE }), JST_PROGRAM_READS);
	ck_assert_uint_eq(flags_of((struct jst_insn){ .op = JST_OP_AGGCOUNT }), JST_PROGRAM_READS);
	ck_assert_uint_eq(flags_of((struct jst_insn){ .op = JST_OP_AGGKEYS }), JST_PROGRAM_READS);
}
END_TEST

START_TEST(initials_can_be_taken_back)
{
	struct jst_builder *builder = jst_builder_new();
	const uint32_t map = jst_builder_map(builder, 0, 2);
	const struct jst_value keys[2] = { text_value("key"), jst_value_int(7) };

	jst_builder_initial(builder, map, keys, 2, text_value("old"));
	jst_builder_clear_initials(builder);
	jst_builder_constant(builder, text_value("later"));
	jst_builder_initial(builder, map, keys, 2, text_value("new"));
	struct jst_program *program = finish(builder);
	const struct jst_initial_decl *initials = jst_program_section(program, JST_SECTION_INITIALS);
	struct jst_verify_error error;

	ck_assert_uint_eq(jst_program_count(program, JST_SECTION_INITIALS), 1);
	ck_assert_uint_eq(jst_program_count(program, JST_SECTION_CONSTANTS), 4);
	ck_assert_uint_eq(initials[0].first_constant, 1);
	ck_assert_str_eq(jst_program_constant(program, 0).s, "later");
	ck_assert_str_eq(jst_program_constant(program, 1).s, "key");
	ck_assert_int_eq(jst_program_constant(program, 2).i, 7);
	ck_assert_str_eq(jst_program_constant(program, 3).s, "new");
	ck_assert_msg(machine_verify(program, &error), "%s", error.reason);
	free(program);
	jst_builder_free(builder);
}
END_TEST

/* The limit that a builder filled by fill passes. */
static const char *limit_of(void (*fill)(struct jst_builder *builder))
{
	struct jst_builder *builder = jst_builder_new();
	const char *limit = NULL;

	fill(builder);
	struct jst_program *program = jst_builder_finish(builder, &limit);

	ck_assert_ptr_null(program);
	jst_builder_free(builder);
	return limit;
}

static void many_registers(struct jst_builder *builder)
{
	jst_builder_clause(builder);
	jst_builder_registers(builder, JST_MAX_REGISTERS + 1);
}

static void many_insns(struct jst_builder *builder)
{
	jst_builder_clause(builder);
	for (int i = 0; i <= JST_MAX_INSNS; i++)
		jst_builder_insn(builder, (struct jst_insn){ .op = JST_OP_RETURN });
}

static void many_bytes(struct jst_builder *builder)
{
	static char text[JST_PROGRAM_MAX_SIZE];

	memset(text, 'x', sizeof(text));
	jst_builder_constant(builder, jst_value_string(text, sizeof(text)));
}

static void many_fields(struct jst_builder *builder)
{
	for (int i = 0; i <= JST_MAX_FIELDS; i++) {
		char name[16];

		jst_builder_field(builder, name, (size_t)snprintf(name, sizeof(name), "f%d", i));
	}
}

static void many_maps(struct jst_builder *builder)
{
	for (int i = 0; i <= JST_MAX_MAPS; i++)
		jst_builder_map(builder, 0, 0);
}

static void many_aggregations(struct jst_builder *builder)
{
	for (int i = 0; i <= JST_MAX_AGGREGATIONS; i++)
		jst_builder_aggregation(builder, JST_AGGREGATION_COUNT, 0, (int64_t[3]){ 0 });
}

static void many_clauses(struct jst_builder *builder)
{
	for (int i = 0; i <= JST_MAX_CLAUSES; i++)
		jst_builder_clause(builder);
}

static void many_patterns(struct jst_builder *builder)
{
	jst_builder_clause(builder);
	for (int i = 0; i <= JST_MAX_PATTERNS; i++)
		jst_builder_pattern(builder, "a", 1, 0);
}

static void many_records(struct jst_builder *builder)
{
	for (int i = 0; i <= JST_MAX_RECORDS; i++)
		jst_builder_record(builder, 0);
}

static void many_keys(struct jst_builder *builder)
{
	jst_builder_map(builder, 0, JST_MAX_KEYS + 1);
}

static void many_aggregation_keys(struct jst_builder *builder)
{
	jst_builder_aggregation(builder, JST_AGGREGATION_COUNT, JST_MAX_KEYS + 1, (int64_t[3]){ 0 });
}

static void many_values(struct jst_builder *builder)
{
	jst_builder_record(builder, JST_MAX_ARGUMENTS + 1);
}

static void long_pattern(struct jst_builder *builder)
{
	static char text[JST_MAX_PATTERN + 1];

	memset(text, 'x', sizeof(text));
	jst_builder_clause(builder);
	jst_builder_pattern(builder, text, sizeof(text), 0);
}

static void many_globs(struct jst_builder *builder)
{
	static char text[JST_MAX_PATTERN];

	memset(text, '*', sizeof(text));
	jst_builder_clause(builder);
	for (size_t bytes = 0; bytes <= JST_MAX_GLOBS; bytes += sizeof(text))
		jst_builder_pattern(builder, text, sizeof(text), JST_PATTERN_GLOB);
}

START_TEST(limits_are_named)
{
	ck_assert_str_eq(limit_of(many_globs), "64 KiB of globs");
	ck_assert_str_eq(limit_of(many_registers), "128 registers");
	ck_assert_str_eq(limit_of(many_insns), "16,384 instructions in a clause");
	ck_assert_str_eq(limit_of(many_bytes), "1 MiB of program");
	ck_assert_str_eq(limit_of(many_fields), "256 fields");
	ck_assert_str_eq(limit_of(many_maps), "256 variables and maps");
	ck_assert_str_eq(limit_of(many_aggregations), "256 aggregations");
	ck_assert_str_eq(limit_of(many_clauses), "1,024 clauses");
	ck_assert_str_eq(limit_of(many_patterns), "4,096 patterns");
	ck_assert_str_eq(limit_of(many_records), "1,024 printf, print and emit");
	ck_assert_str_eq(limit_of(many_keys), "8 keys");
	ck_assert_str_eq(limit_of(many_aggregation_keys), "8 keys");
	ck_assert_str_eq(limit_of(many_values), "32 values");
	ck_assert_str_eq(limit_of(long_pattern), "1,024 bytes of pattern");
}
END_TEST

START_TEST(every_shape_has_a_text)
{
	struct jst_builder *builder = jst_builder_new();
	const int32_t field = (int32_t)jst_builder_field(builder, "user.id", 7);
	const int32_t constant = (int32_t)jst_builder_constant(builder, text_value("say \"hi\"\n\x01"));
	const int32_t number = (int32_t)jst_builder_constant(builder, jst_value_double(1.5));
	const int32_t nil = (int32_t)jst_builder_constant(builder, jst_value_nil());

	jst_builder_map(builder, 0, 2);
	jst_builder_aggregation(builder, JST_AGGREGATION_HIST, 1, (int64_t[3]){ 4 });
	jst_builder_record(builder, 2);
	jst_builder_clause(builder);
	struct jst_program *program = finish(builder);
	const struct {
		struct jst_insn insn;
		const char *text;
	} rows[] = {
		{ { JST_OP_NIL, 1, 0, 0, 0 }, "   3  nil        r1" },
		{ { JST_OP_INT, 1, 0, 0, -7 }, "   3  int        r1, -7" },
		{ { JST_OP_MOVE, 1, 2, 0, 0 }, "   3  move       r1, r2" },
		{ { JST_OP_ADD, 1, 2, 3, 0 }, "   3  add        r1, r2, r3" },
		{ { JST_OP_CONSTANT, 1, 0, 0, constant }, "   3  constant   r1, \"say \\\"hi\\\"\\n\\x01\"" },
		{ { JST_OP_CONSTANT, 1, 0, 0, number }, "   3  constant   r1, 1.5" },
		{ { JST_OP_CONSTANT, 1, 0, 0, nil }, "   3  constant   r1, nil" },
		{ { JST_OP_FIELD, 1, 0, 0, field }, "   3  field      r1, user.id" },
		{ { JST_OP_VARIABLE, 1, 0, 0, JST_VARIABLE_NOW }, "   3  variable   r1, now" },
		{ { JST_OP_VARIABLE, 1, 0, 0, JST_VARIABLE_THREAD }, "   3  variable   r1, <THREAD>" },
		{ { JST_OP_JUMP, 0, 0, 0, 9 }, "   3  jump       -> 9" },
		{ { JST_OP_JFALSE, 1, 0, 0, 9 }, "   3  jfalse     r1 -> 9" },
		{ { JST_OP_EXIT, 1, 0, 0, 0 }, "   3  exit       r1" },
		{ { JST_OP_MAPGET, 1, 2, 2, 0 }, "   3  mapget     r1, map 0 [r2, r3]" },
		{ { JST_OP_MAPSET, 1, 2, 2, 0 }, "   3  mapset     r1, map 0 [r2, r3]" },
		{ { JST_OP_MAPDELETE, 0, 2, 2, 0 }, "   3  mapdelete  map 0 [r2, r3]" },
		{ { JST_OP_SPANEND, 0, 2, 2, 0 }, "   3  spanend    map 0 [r2, r3]" },
		{ { JST_OP_AGGREGATE, 1, 2, 1, 0 }, "   3  aggregate  r1, hist 0 [r2]" },
		{ { JST_OP_RECORD, 0, 2, 2, 0 }, "   3  record     record 0 (r2, r3)" },
		{ { JST_OP_CALL, 1, 2, 1, JST_FUNCTION_STRLEN }, "   3  call       r1, strlen(r2)" },
		{ { JST_OP_AGGGET, 1, 2, 1, 0 }, "   3  aggget     r1, hist 0 [r2]" },
		{ { JST_OP_AGGQUANTILE, 1, 2, 2, 0 }, "   3  aggquant   r1, hist 0 [r2], r3" },
		{ { JST_OP_AGGCOUNT, 1, 0, 0, 0 }, "   3  aggcount   r1, hist 0" },
		{ { JST_OP_AGGKEYS, 1, 2, 1, 0 }, "   3  aggkeys    [r2] = hist 0 at r1" },
		{ { JST_OP_RETURN, 0, 0, 0, 0 }, "   3  return" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char text[200];

		jst_disassemble(program, text, sizeof(text), &rows[i].insn, 3);
		ck_assert_str_eq(text, rows[i].text);
		/* Too little room: cut, terminated. */
		jst_disassemble(program, text, 8, &rows[i].insn, 3);
		ck_assert_uint_eq(strlen(text), 7);
	}
	free(program);
	jst_builder_free(builder);
}
END_TEST

static const char *text_of(struct jst_value value)
{
	static char text[JST_VALUE_TEXT + 1];

	text[jst_value_text(&value, text)] = '\0';
	return text;
}

START_TEST(numbers_have_their_shortest_text)
{
	const struct {
		double d;
		const char *text;
	} rows[] = {
		{ 0.0, "0" }, { -0.0, "0" }, { 1, "1" }, { -1.5, "-1.5" }, { 0.1, "0.1" }, { 0.3, "0.3" }, { 0.1 + 0.2, "0.30000000000000004" },
		{ 1e-3, "0.001" }, { 0.0001, "0.0001" }, { 0.00001, "1e-5" }, { 1e15, "1000000000000000" }, { 1e16, "10000000000000000" }, { 1e18, "1000000000000000000" }, { 1e19, "1e19" }, { 1e22, "1e22" }, { 1e23, "1e23" },
		{ 5e-324, "5e-324" }, { 2.2250738585072014e-308, "2.2250738585072014e-308" }, { 1.7976931348623157e308, "1.7976931348623157e308" },
		{ 9007199254740993.0, "9007199254740992" }, { 123456.789, "123456.789" }, { INFINITY, "inf" }, { -INFINITY, "-inf" }, { NAN, "nan" },
		/* Halfway between two texts that both read back: the even one. Below a power of two doubles are closer: the nearer text would not read back. */
		{ 999999999999974.25, "999999999999974.2" }, { 10753126106851.0625, "10753126106851.062" }, { 10753126106851.1875, "10753126106851.188" }, { 0x1p-44, "5.684341886080802e-14" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		ck_assert_str_eq(text_of(jst_value_double(rows[i].d)), rows[i].text);
	ck_assert_str_eq(text_of(jst_value_int(0)), "0");
	ck_assert_str_eq(text_of(jst_value_int(INT64_MAX)), "9223372036854775807");
	ck_assert_str_eq(text_of(jst_value_int(INT64_MIN)), "-9223372036854775808");
}
END_TEST

static uint64_t random_state = 88172645463325252ULL;

static uint64_t next_random(void)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return random_state;
}

/* Reads back the same here and in libc, and libc finds no shorter text but for integers, which are written in full. */
static void check_round_trip(double d)
{
	char shorter[64];
	struct jst_value value;
	const char *text = text_of(jst_value_double(d));
	size_t digits = 0, end = 0;

	ck_assert_msg(strtod(text, NULL) == d, "%a is written %s", d, text);
	ck_assert(jst_value_parse(text, (uint32_t)strlen(text), &value));
	ck_assert_msg((value.kind == JST_DOUBLE ? value.d : (double)value.i) == d, "%s is read as %a, not %a", text, value.d, d);
	for (const char *c = text; *c && *c != 'e'; c++) {
		digits += (*c >= '1' && *c <= '9') || (*c == '0' && digits);
		end = *c >= '1' && *c <= '9' ? digits : end;
	}
	if (end > 1 && strpbrk(text, ".e")) {
		snprintf(shorter, sizeof(shorter), "%.*e", (int)end - 2, d);
		ck_assert_msg(strtod(shorter, NULL) != d, "%s is longer than %s", text, shorter);
	}
}

START_TEST(any_double_reads_back)
{
	for (int i = 0; i < 20000; i++) {
		const uint64_t bits = next_random();
		double d;

		memcpy(&d, &bits, sizeof(d));
		if (d == d && d - d == 0)
			check_round_trip(d);
		check_round_trip((double)(int64_t)(next_random() >> next_random() % 64) / 1000);
	}
	for (uint64_t exponent = 1; exponent < 2047; exponent++) {
		for (uint64_t near = 0; near < 3; near++) {
			const uint64_t bits = (exponent << 52) + near - 1;
			double d;

			memcpy(&d, &bits, sizeof(d));
			check_round_trip(d);
		}
	}
}
END_TEST

START_TEST(any_decimal_is_read_as_libc_reads_it)
{
	for (int i = 0; i < 50000; i++) {
		char text[200];
		int n = 0;

		for (int digits = 1 + (int)(next_random() % 60); digits > 0; digits--) {
			text[n++] = (char)('0' + next_random() % 10);
			if (next_random() % 20 == 0 && !memchr(text, '.', (size_t)n))
				text[n++] = '.';
		}
		if (next_random() % 2)
			n += snprintf(text + n, sizeof(text) - (size_t)n, "e%d", (int)(next_random() % 720) - 370);
		text[n] = '\0';
		struct jst_value value;
		const double want = strtod(text, NULL);

		ck_assert_msg(jst_value_parse(text, (uint32_t)n, &value), "%s", text);
		ck_assert_msg((value.kind == JST_INT ? (double)value.i : value.d) == want, "%s", text);
	}
	/* Halves between two doubles, and a bit more than such a half. */
	for (int i = 0; i < 5000; i++) {
		char text[200];
		struct jst_value value;
		const long double half = ldexpl((long double)(next_random() >> 12 | 1ULL << 52) + 0.5L, (int)(next_random() % 100) - 80);
		int n = snprintf(text, sizeof(text), "%.90Lf", half);

		text[n - 1] = (char)('0' + i % 2);
		ck_assert(jst_value_parse(text, (uint32_t)n, &value));
		ck_assert_msg(value.d == strtod(text, NULL), "%s", text);
	}
}
END_TEST

/* What is read, with a d behind it if it is a double. */
static const char *parsed(const char *text)
{
	static char result[JST_VALUE_TEXT + 4];
	struct jst_value value;

	if (!jst_value_parse(text, (uint32_t)strlen(text), &value))
		return "none";
	snprintf(result, sizeof(result), "%s%s", text_of(value), value.kind == JST_DOUBLE ? " d" : "");
	return result;
}

START_TEST(what_is_a_number)
{
	ck_assert_str_eq(parsed("42"), "42");
	ck_assert_str_eq(parsed(" \t-42\n"), "-42");
	ck_assert_str_eq(parsed("+7"), "7");
	ck_assert_str_eq(parsed("007"), "7");
	ck_assert_str_eq(parsed("0x1f"), "31");
	ck_assert_str_eq(parsed("-0X1F"), "-31");
	ck_assert_str_eq(parsed("0xffffffffffffffff"), "-1");
	ck_assert_str_eq(parsed("9223372036854775807"), "9223372036854775807");
	ck_assert_str_eq(parsed("-9223372036854775808"), "-9223372036854775808");
	ck_assert_str_eq(parsed("9223372036854775808"), "9.223372036854776e18 d");
	ck_assert_str_eq(parsed("1."), "1 d");
	ck_assert_str_eq(parsed(".5"), "0.5 d");
	ck_assert_str_eq(parsed("1e3"), "1000 d");
	ck_assert_str_eq(parsed("1E+3"), "1000 d");
	ck_assert_str_eq(parsed("1e-3"), "0.001 d");
	ck_assert_str_eq(parsed("1e999999999999"), "inf d");
	ck_assert_str_eq(parsed("-1e400"), "-inf d");
	ck_assert_str_eq(parsed("1e-999999999999"), "0 d");
	ck_assert_str_eq(parsed("0e999999999999"), "0 d");
	ck_assert_str_eq(parsed(""), "none");
	ck_assert_str_eq(parsed(" "), "none");
	ck_assert_str_eq(parsed("-"), "none");
	ck_assert_str_eq(parsed("."), "none");
	ck_assert_str_eq(parsed("0x"), "none");
	ck_assert_str_eq(parsed("0x1ffffffffffffffff"), "none");
	ck_assert_str_eq(parsed("1e"), "none");
	ck_assert_str_eq(parsed("1e+"), "none");
	ck_assert_str_eq(parsed("1.2.3"), "none");
	ck_assert_str_eq(parsed("12ab"), "none");
	ck_assert_str_eq(parsed("inf"), "none");
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("program");
	TCase *building = tcase_create("building");
	TCase *numbers = tcase_create("numbers");

	tcase_add_test(building, an_empty_program_is_a_program);
	tcase_add_test(building, equal_things_are_kept_once);
	tcase_add_test(building, clauses_have_their_patterns_and_code);
	tcase_add_test(building, flags_follow_from_the_code);
	tcase_add_test(building, initials_can_be_taken_back);
	tcase_add_test(building, limits_are_named);
	tcase_add_test(building, every_shape_has_a_text);
	tcase_add_test(numbers, numbers_have_their_shortest_text);
	tcase_add_test(numbers, any_double_reads_back);
	tcase_add_test(numbers, any_decimal_is_read_as_libc_reads_it);
	tcase_add_test(numbers, what_is_a_number);
	tcase_set_timeout(numbers, 120);
	suite_add_tcase(suite, building);
	suite_add_tcase(suite, numbers);
	SRunner *runner = srunner_create(suite);

	srunner_run_all(runner, CK_ENV);
	const int failed = srunner_ntests_failed(runner);

	srunner_free(runner);
	return failed != 0;
}
