/*
 * The compiler as its callers see it: what compile() returns, that all it makes passes the verifier, and that no text makes it fall over. What the programs
 * look like and how each error reads is held by tests/golden.
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "arena.h"
#include "compile.h"
#include "diagnostics.h"
#include "table.h"
#include "verify.h"

static struct compiled *compile_arguments(const char *text, uint32_t count, const char *const *arguments)
{
	const struct compile_options options = { .file = "-e", .arguments = arguments, .argument_count = count };

	return compile(text, strlen(text), &options);
}

static struct compiled *compile_text(const char *text)
{
	return compile_arguments(text, 0, NULL);
}

/* The finished program, which the verifier accepts; to be freed. */
static struct jst_program *finish(const struct jst_builder *builder, const char *text)
{
	const char *limit;
	struct jst_program *program = jst_builder_finish(builder, &limit);
	struct jst_verify_error error;
	static uint64_t scratch[JST_VERIFY_SCRATCH / sizeof(uint64_t)]; /* tens of thousands of programs are verified: to allocate it for each takes a sanitizer minutes */

	ck_assert_msg(program != NULL, "'%s' passes the limit %s", text, limit);
	ck_assert_msg(jst_verify(program, program->size, scratch, JST_VERIFY_SCRATCH, &error), "'%s': clause %d, instruction %d: %s", text, error.clause, error.insn, error.reason);
	return program;
}

static void assert_verified(const char *text)
{
	struct compiled *compiled = compile_text(text);

	if (compiled->errors)
		compiled_report(compiled, stderr);
	ck_assert_msg(compiled->errors == 0, "'%s' does not compile", text);
	free(finish(compiled->target, text));
	free(finish(compiled->local, text));
	compiled_free(compiled);
}

static bool has_tag(const struct compiled *compiled, const char *tag)
{
	for (uint32_t i = 0; i < compiled->diagnostic_count; i++) {
		if (!strcmp(compiled->diagnostics[i].tag, tag))
			return true;
	}
	return false;
}

static void assert_error(const char *text, const char *tag)
{
	struct compiled *compiled = compile_text(text);

	ck_assert_msg(compiled->errors > 0 && has_tag(compiled, tag), "'%s' gives no error %s", text, tag);
	compiled_free(compiled);
}

START_TEST(first_line)
{
	static const char text[] = "request:end < @lat = hist(now - start[id]) >";
	struct compiled *compiled = compile_text(text);

	ck_assert_uint_eq(compiled->errors, 0);
	ck_assert_uint_eq(compiled->aggregation_count, 1);
	ck_assert_str_eq(compiled->aggregations[0].name, "@lat");
	ck_assert_int_eq(compiled->aggregations[0].function, JST_AGGREGATION_HIST);
	ck_assert_int_eq(compiled->aggregations[0].parameters[0], 4);
	ck_assert_int_eq(compiled->aggregations[0].unit, UNIT_DURATION);
	ck_assert_uint_eq(compiled->span_count, 1);
	ck_assert_str_eq(compiled->spans[0].sibling, "start");
	ck_assert_str_eq(compiled->spans[0].pattern, "request:start");
	ck_assert_str_eq(compiled->spans[0].reader, "request:end");
	ck_assert_uint_eq(compiled->pattern_count, 1);
	ck_assert_uint_eq(compiled->field_count, 1);
	ck_assert_str_eq(compiled->fields[0], "id");
	ck_assert_uint_eq(compiled->target_clauses, 3);
	ck_assert_uint_eq(compiled->local_clauses, 0);
	ck_assert(!compiled->prints);

	struct jst_program *program = finish(compiled->target, text);
	const struct jst_map_decl *maps = jst_program_section(program, JST_SECTION_MAPS);

	ck_assert_uint_eq(jst_program_count(program, JST_SECTION_MAPS), 1);
	ck_assert_uint_eq(maps[0].flags, JST_MAP_SPAN | JST_MAP_INT);
	ck_assert_uint_eq(maps[0].keys, 1);
	ck_assert(program->flags & JST_PROGRAM_CLOCK);
	ck_assert(!(program->flags & JST_PROGRAM_RECORDS));
	free(program);
	compiled_free(compiled);
}
END_TEST

/* One of each construct, in every place where the code generated differs. */
static const char *const programs[] = {
	"",
	"a:b;",
	"* { }",
	"a:b, c:* { @ = count(); }",
	"a:b { x = 1; y = now; x += y; z = id; z *= 2; x = nil; w = \"s\"; w += \"t\"; }",
	"a:b { x = 1; x -= 2; x++; x--; y = now - 1 + pid * tid - (cpu << 2 >> 1) ^ ~uid & -3 | 7; }",
	"a:b { x = elapsed; y = timestamp; z = !id; q = id == 1; r = id && id; s = id || 1; t = id ~ \"x\"; u = id in m; m[id] = 1; v = nil == id; }",
	"a:b { x = id ? 1 : 2; y = 5 / 2; z = 5 % 3; w = x; v = strlen(\"a\"); u = 1.5; t = 5000000000; s = id !~ path; }",
	"a:b { self.t = now; self.m[id, path] = now - self.t; delete self.m[1, 2]; x = (1, 2) in self.m; y = self.t * 2; self.c *= 2; self.c /= 3; self.c <<= 1; }",
	"a:b { $x++; $x -= 1; $x += \"a\"; $x *= 2; $y = $x; $x = $x && $y; $x = $y ? $x : $y; $x = !$x; $x = -$x; $x = $x == nil; print($x, $unused); }",
	"a:b { while (1) { break; } while (0) { continue; } for ($i : 0..10) { if ($i == 2) { continue; } if ($i == 5) { break; } return; } }",
	"a:b { while (true) { } }",
	"a:b { return; x = 1; }",
	"a:b { exit(); x = 1; }",
	"a:b { if (1) { return; } else { exit(1); } }",
	"a:b /x > 1 || !(y && z)/ { x = 1; }",
	"a:b { emit; emit(); emit(id, n: id + 1); print(id); printf(\"%d %*d\\n\", 1, 2, 3); }",
	"a:b { @a = count(); @b++; @c += id; @d[id, path] = hist(x, bits: 0); @e = lhist(x, -10, 10, 3); @f = quantiles(x); @g = rate(); @h = last(path); @i = stats(x); }",
	"*:end { @ = hist(now - start[id, tid]); } request:abort { @n = sum(now - start[id, tid]); }",
	"a:b { print(start[trace[\"odd name\"]], start[id], start[tid]); }",
	"start { print(start[id]); }",
	"BEGIN { limit = 10ms; m[1] = \"a\"; } a:b /id > limit/ { print(m[1]); } END { print(limit); print(@a); } a:c { @a = count(); }",
	"BEGIN, END, tick-1s { print(1); } process:* { print(pid, title, reason); } tick-10hz { clear(@a); zero(@a); print(@a, 3); printa(@a); time(\"%H\"); } a:b { @a++; }",
	"BEGIN { for ($i : 0..3) { x[$i] = $i; } if (x[2] == 2) { exit(3); } n++; delete x[1]; print(1 in x); }",
	"a:b { @n = count(); @c[id, path] = count(); @h[path] = hist(id); } END { for ($k, $p, $v : @c) { $k = $v + @n; print($v); print($v, $k); for ($q, $w : @h) { print(quantile($w, quantile($w, 0.5) / $v)); } } }",
	"a:b { @n = rate(); @h = lhist(id, 0, 10, 1); @l[1] = last(path); } tick-1s /@n > 2/ { for ($v : @h) { $x = $v; } x = @l[1]; print(@l[x]); print(@l, top: @n, by: key); print(@n, @h); for ($a, $b : @l) { continue; } }",
	"a:b { x[1, 2, 3, 4, 5, 6, 7, 8] = 1; self.y[1, 2, 3, 4, 5, 6, 7]++; @[1, 2, 3, 4, 5, 6, 7, 8] = count(); }",
	"a:b { print(substr(s, 1), substr(s, 1, 2), min(1, 2, 3), cat(a), rand(), has(x), hash(x), int(y), name, probename, comm, hostname, file, line); strlen(s); }",
	"\"odd * name:end\" { print(start[id]); }",
	"a:b { x = -9223372036854775807; y = 0xffffffffffffffff; z = 0x8000000000000000; w = -z; }",
};

START_TEST(every_construct_is_verified)
{
	assert_verified(programs[_i]);
}
END_TEST

/* A map is one of integers exactly where the verifier can prove it. */
START_TEST(integer_maps)
{
	static const struct {
		const char *text;
		bool integers;
	} rows[] = {
		{ "a:b { x = 1; }", true },
		{ "a:b { x = now - 3; }", true },
		{ "a:b { x++; }", true },
		{ "a:b { x = 1; } a:c { x = nil; }", true },
		{ "a:b { x = 1 == id; }", true },
		{ "a:b { x = id; }", false },
		{ "a:b { x = 1; } a:c { x = id; }", false },
		{ "a:b { x += id; }", false },
		{ "a:b { x = 1; x *= 2; }", false },
		{ "a:b { x = 1 / 2; }", false },
		{ "a:b { x = y; y = 1; }", false },
		{ "a:b { x = 1.5; }", false },
		{ "a:b { x = \"s\"; }", false },
		{ "a:b { $l = 1; x = $l; }", false },
	};
	struct compiled *compiled = compile_text(rows[_i].text);

	ck_assert_uint_eq(compiled->errors, 0);

	struct jst_program *program = finish(compiled->target, rows[_i].text);
	const struct jst_map_decl *maps = jst_program_section(program, JST_SECTION_MAPS);

	ck_assert_msg(((maps[0].flags & JST_MAP_INT) != 0) == rows[_i].integers, "'%s'", rows[_i].text);
	free(program);
	compiled_free(compiled);
}
END_TEST

START_TEST(special_clauses)
{
	struct compiled *compiled = compile_text("a:b { @a++; } BEGIN { } tick-500ms { print(@a); } END { } process:exit { }");

	ck_assert_uint_eq(compiled->errors, 0);
	ck_assert_uint_eq(compiled->special_count, 4);
	ck_assert_int_eq(compiled->specials[0].special, SPECIAL_BEGIN);
	ck_assert_int_eq(compiled->specials[1].special, SPECIAL_TICK);
	ck_assert_int_eq(compiled->specials[1].period, 500000000);
	ck_assert(compiled->specials[1].flips);
	ck_assert(!compiled->specials[2].flips);
	ck_assert_int_eq(compiled->specials[3].special, SPECIAL_PROCESS_EXIT);
	ck_assert_uint_eq(compiled->target_clauses, 1);
	ck_assert_uint_eq(compiled->local_clauses, 4);
	ck_assert(!compiled->prints);
	compiled_free(compiled);
}
END_TEST

/* Both programs count aggregations and records alike. */
START_TEST(shared_numbers)
{
	struct compiled *compiled = compile_text("END { print(@b); } a:b { @a++; @b = max(id); print(id); } tick-1s { printf(\"x\"); }");

	ck_assert_uint_eq(compiled->errors, 0);
	ck_assert_str_eq(compiled->aggregations[0].name, "@b");
	ck_assert_str_eq(compiled->aggregations[1].name, "@a");
	ck_assert_int_eq(compiled->aggregations[0].function, JST_AGGREGATION_MAX);
	ck_assert_uint_eq(compiled->record_count, 3);
	ck_assert_int_eq(compiled->records[0].type, RECORD_PRINT_AGGREGATION);
	ck_assert_uint_eq(compiled->records[0].aggregation, 0);
	ck_assert(compiled->prints);

	const struct jst_builder *builders[] = { compiled->target, compiled->local };

	for (int i = 0; i < 2; i++) {
		struct jst_program *program = finish(builders[i], "shared");

		ck_assert_uint_eq(jst_program_count(program, JST_SECTION_AGGREGATIONS), 2);
		ck_assert_uint_eq(jst_program_count(program, JST_SECTION_RECORDS), 3);
		free(program);
	}
	compiled_free(compiled);
}
END_TEST

START_TEST(initial_values)
{
	struct compiled *compiled = compile_text("a:b { n++; print(limit[1]); } BEGIN { own = 1; limit[1] = 10ms; }");

	ck_assert_uint_eq(compiled->errors, 0);
	ck_assert_uint_eq(compiled->initial_count, 1);
	ck_assert_uint_eq(compiled->initials[0].keys, 1);

	struct jst_value key = jst_value_int(1);

	jst_builder_initial(compiled->target, compiled->initials[0].to, &key, 1, jst_value_int(10000000));
	free(finish(compiled->target, "initial values"));
	compiled_free(compiled);
}
END_TEST

START_TEST(script_arguments)
{
	static const char *const arguments[] = { "10ms", "/api/*", "-5", "1.5", "7up" };
	struct compiled *compiled = compile_arguments("a:b { x = $1 + $3; y = $2; z = $4; w = $5; v = $#; }", 5, arguments);

	ck_assert_uint_eq(compiled->errors, 0);

	struct jst_program *program = finish(compiled->target, "arguments");
	bool text = false, seven = false;

	for (uint32_t i = 0; i < jst_program_count(program, JST_SECTION_CONSTANTS); i++) {
		struct jst_value value = jst_program_constant(program, i);

		text |= value.kind == JST_STRING && value.length == 6 && !memcmp(value.s, "/api/*", 6);
		seven |= value.kind == JST_STRING && value.length == 3 && !memcmp(value.s, "7up", 3);
	}
	ck_assert(text);
	ck_assert(seven);
	free(program);
	compiled_free(compiled);

	compiled = compile_arguments("a:b { x = $2; }", 1, arguments);
	ck_assert_uint_eq(compiled->errors, 1);
	ck_assert_str_eq(compiled->diagnostics[0].tag, "missing-argument");
	compiled_free(compiled);
}
END_TEST

START_TEST(formats)
{
	struct compiled *compiled = compile_text("a:b { printf(\"%% a\\n%-08.*lld|%t\", 1, 2, now - s[id]); }");
	const struct compiled_record *record = &compiled->records[0];

	ck_assert_uint_eq(compiled->errors, 0);
	ck_assert_uint_eq(record->piece_count, 4);
	ck_assert_str_eq(record->pieces[0].text, "% a\n");
	ck_assert_int_eq(record->pieces[1].conversion, 'd');
	ck_assert_str_eq(record->pieces[1].flags, "-0");
	ck_assert_int_eq(record->pieces[1].width, 8);
	ck_assert_int_eq(record->pieces[1].precision, -2);
	ck_assert_str_eq(record->pieces[2].text, "|");
	ck_assert_int_eq(record->pieces[3].conversion, 't');
	ck_assert_int_eq(record->pieces[3].width, -1);
	ck_assert_uint_eq(record->values, 3);
	ck_assert_int_eq(record->units[2], UNIT_DURATION);
	compiled_free(compiled);
}
END_TEST

/* A diagnostic names its place exactly, and reads as the language's description shows. */
START_TEST(report)
{
	struct compiled *compiled = compile_text("request:end < @lat = histo(now - start[id]) >");
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);

	ck_assert_uint_eq(compiled->diagnostic_count, 1);
	ck_assert_int_eq(compiled->diagnostics[0].line, 1);
	ck_assert_int_eq(compiled->diagnostics[0].column, 22);
	ck_assert_int_eq(compiled->diagnostics[0].end_column, 27);
	compiled_report(compiled, out);
	fclose(out);
	ck_assert_str_eq(text, "-e:1:22: error: unknown aggregation 'histo'\n"
			       "  request:end < @lat = histo(now - start[id]) >\n"
			       "                       ^~~~~ did you mean 'hist'?\n");
	free(text);
	compiled_free(compiled);
}
END_TEST

/* What the target's clauses use by a name of the script's or the language's own, each once. */
START_TEST(hiding)
{
	struct compiled *compiled = compile_text("BEGIN { other = 1; } a:b { status = 1; status++; self.mine = $local; start[id] = title; @n[title, trace.line] = count(); } END { print(hostname); }");

	ck_assert_uint_eq(compiled->errors, 0);
	ck_assert_uint_eq(compiled->hiding_count, 3);
	ck_assert_str_eq(compiled->hiding[0], "status");
	ck_assert_str_eq(compiled->hiding[1], "start");
	ck_assert_str_eq(compiled->hiding[2], "title");
	compiled_free(compiled);
}
END_TEST

/* 20 errors are kept, all are counted, in the order of their places. */
START_TEST(many_errors)
{
	char text[4096] = "a:b {";

	for (int i = 0; i < 30; i++)
		strcat(text, " @x = cuont();\n");
	strcat(text, "}");

	struct compiled *compiled = compile_text(text);

	ck_assert_uint_eq(compiled->errors, 30);
	ck_assert_uint_eq(compiled->diagnostic_count, 20);
	for (uint32_t i = 1; i < compiled->diagnostic_count; i++)
		ck_assert_int_gt(compiled->diagnostics[i].line, compiled->diagnostics[i - 1].line);
	compiled_free(compiled);
}
END_TEST

START_TEST(angle_bodies)
{
	assert_error("a:b < $x = a > b", "after-angle");
	assert_error("a:b < $x = a > b;", "after-angle");
	assert_error("a:b < x = 1 > c:d;", "after-angle");
	assert_verified("a:b < $x = (a > b) >");
	assert_verified("a:b < x = 1 > c:d { }");
	assert_verified("a:b < x = 1 >\nc:d;");
	assert_verified("a:b<x-->");
	assert_verified("a:b /a > b/ < x = a >= b; y = a >> 1 >");
}
END_TEST

/* Text of any size and depth is refused, not followed. */
START_TEST(hostile_text)
{
	static const struct {
		const char *before, *again, *tag;
	} rows[] = {
		{ "a:b { x = ", "(", "too-deep" },     { "a:b { x = ", "!", "too-deep" },     { "a:b { x = 1", " + 1", "too-deep" },   { "a:b { x = ", "1 ? 2 : ", "too-deep" },
		{ "a:b { ", "if (1) { ", "too-deep" }, { "a:b { ", "x = ; ", "syntax" },      { "a:b { x = ", "- ", "too-deep" },      { "", "a:b { } }", "syntax" },
		{ "a:b { x = f(", "1, ", "unclosed-bracket" }, { "", "\"", "syntax" },
	};
	size_t length = strlen(rows[_i].before), room = 300000, step = strlen(rows[_i].again);
	char *text = malloc(room + 100);

	strcpy(text, rows[_i].before);
	for (; length < room; length += step)
		memcpy(text + length, rows[_i].again, step + 1);
	assert_error(text, rows[_i].tag);
	free(text);
}
END_TEST

/* Every construct with a byte left out, or changed for another: compile() returns, and what it accepts is verified. */
START_TEST(damaged_text)
{
	static const char bytes[] = "{}<>/()[];,=+-*\"'@$#x1. \n\x01\xff";
	const struct compile_options options = { .file = "-e" };
	size_t length = strlen(programs[_i]);
	char text[1024];

	for (size_t at = 0; at < length; at++) {
		for (size_t i = 0; i < sizeof(bytes); i++) {
			memcpy(text, programs[_i], length + 1);
			if (bytes[i])
				text[at] = bytes[i];
			else
				memmove(text + at, text + at + 1, length - at);

			struct compiled *compiled = compile(text, strlen(text), &options);

			if (!compiled->errors) {
				free(finish(compiled->target, text));
				free(finish(compiled->local, text));
			}
			compiled_free(compiled);
		}
	}
}
END_TEST

/* NUL is a byte as any other, and the text needs no terminator. */
START_TEST(not_terminated)
{
	const struct compile_options options = { .file = "-e" };
	char *text = malloc(7);

	memcpy(text, "a:b { }", 7);

	struct compiled *compiled = compile(text, 7, &options);

	ck_assert_uint_eq(compiled->errors, 0);
	compiled_free(compiled);
	memcpy(text, "a:b {\0}", 7);
	compiled = compile(text, 7, &options);
	ck_assert(has_tag(compiled, "unexpected-byte"));
	compiled_free(compiled);
	free(text);
}
END_TEST

START_TEST(tables)
{
	struct arena arena = { 0 };
	struct table table = { .arena = &arena };
	char name[16];

	ck_assert_ptr_null(table_find(&table, "x", 1));
	for (int i = 0; i < 1000; i++) {
		int length = snprintf(name, sizeof(name), "name%d", i);

		*table_slot(&table, name, (size_t)length) = &arena + i;
	}
	ck_assert_uint_eq(table.count, 1000);
	for (int i = 0; i < 1000; i++) {
		int length = snprintf(name, sizeof(name), "name%d", i);

		ck_assert_ptr_eq(table_find(&table, name, (size_t)length), &arena + i);
	}
	ck_assert_ptr_null(table_find(&table, "name1000", 8));
	table_fini(&table);
	arena_fini(&arena);
}
END_TEST

START_TEST(suggestions)
{
	static const char *const names[] = { "count", "hist", "stats", "strlen" };

	ck_assert_str_eq(suggest_name("cuont", 5, names, 4), "count");
	ck_assert_str_eq(suggest_name("histo", 5, names, 4), "hist");
	ck_assert_str_eq(suggest_name("strln", 5, names, 4), "strlen");
	ck_assert_ptr_null(suggest_name("banana", 6, names, 4));
	ck_assert_ptr_null(suggest_name("x", 1, names, 4));
	ck_assert_ptr_null(suggest_name("a_name_that_is_longer_than_all_that_we_have_got", 47, names, 4));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("compile");
	TCase *tests = tcase_create("compile");
	int count = (int)(sizeof(programs) / sizeof(*programs));

	tcase_set_timeout(tests, 60);
	tcase_add_test(tests, first_line);
	tcase_add_loop_test(tests, every_construct_is_verified, 0, count);
	tcase_add_loop_test(tests, integer_maps, 0, 14);
	tcase_add_test(tests, special_clauses);
	tcase_add_test(tests, shared_numbers);
	tcase_add_test(tests, initial_values);
	tcase_add_test(tests, script_arguments);
	tcase_add_test(tests, formats);
	tcase_add_test(tests, report);
	tcase_add_test(tests, hiding);
	tcase_add_test(tests, many_errors);
	tcase_add_test(tests, angle_bodies);
	tcase_add_test(tests, not_terminated);
	tcase_add_test(tests, tables);
	tcase_add_test(tests, suggestions);
	suite_add_tcase(suite, tests);

	TCase *slow = tcase_create("much text");

	tcase_set_tags(slow, "slow"); /* minutes under valgrind: its part leaves these out */
	tcase_set_timeout(slow, 60);
	tcase_add_loop_test(slow, hostile_text, 0, 10);
	tcase_add_loop_test(slow, damaged_text, 0, count);
	suite_add_tcase(suite, slow);

	SRunner *runner = srunner_create(suite);

	srunner_run_all(runner, CK_ENV);

	int failed = srunner_ntests_failed(runner);

	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
