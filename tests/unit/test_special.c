/*
 * The CLI's own clauses in their local session: records come out in order, fields of process events are seen, exit and variables reach the run, loops end with the budget, aggregations are read.
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "cell.h"
#include "output.h"
#include "result_merge.h"
#include "special.h"

static struct compiled compiled;
static struct compiled_record records[2];
static struct specials *special;

struct seen {
	int count;
	char text[8][64];
};

static void execute(void *context, const struct record *record, const struct record_source *source)
{
	struct seen *seen = context;
	char *text = seen->text[seen->count];
	size_t used = 0;

	ck_assert_int_lt(seen->count, 8);
	ck_assert_str_eq(source->title, "jstrace");
	for (uint32_t i = 0; i < record->count; i++) {
		const struct jst_value value = record->values[i];

		if (value.kind == JST_STRING)
			used += (size_t)snprintf(text + used, 64 - used, "%.*s ", (int)value.length, value.s);
		else if (value.kind == JST_INT)
			used += (size_t)snprintf(text + used, 64 - used, "%lld ", (long long)value.i);
		else
			used += (size_t)snprintf(text + used, 64 - used, "nil ");
	}
	seen->count++;
}

static void insn(int op, int a, int b, int c, int imm)
{
	jst_builder_insn(compiled.local, (struct jst_insn){ .op = (uint8_t)op, .a = (uint8_t)a, .b = (uint8_t)b, .c = (uint8_t)c, .imm = imm });
}

static void clause(uint32_t registers)
{
	jst_builder_clause(compiled.local);
	jst_builder_registers(compiled.local, registers);
}

enum { C_PRINTS, C_PROCESS, C_EXITS, C_LOOPS, C_SETS, C_NAME };

static void setup(void)
{
	const char *limit = NULL;

	compiled = (struct compiled){ .local = jst_builder_new(), .target = jst_builder_new(), .records = records, .record_count = 2 };
	records[0] = (struct compiled_record){ .type = RECORD_PRINT, .values = 1 };
	records[1] = (struct compiled_record){ .type = RECORD_PRINT, .values = 3 };
	const uint32_t one = jst_builder_record(compiled.local, 1), three = jst_builder_record(compiled.local, 3);
	const uint32_t pid = jst_builder_field(compiled.local, "pid", 3), title = jst_builder_field(compiled.local, "title", 5), reason = jst_builder_field(compiled.local, "reason", 6);
	const uint32_t map = jst_builder_map(compiled.local, 0, 1);
	const uint32_t key = jst_builder_constant(compiled.local, jst_value_string("limit", 5));

	clause(1);
	insn(JST_OP_INT, 0, 0, 0, 42);
	insn(JST_OP_RECORD, 0, 0, 1, (int)one);
	insn(JST_OP_INT, 0, 0, 0, 43);
	insn(JST_OP_RECORD, 0, 0, 1, (int)one);
	insn(JST_OP_RETURN, 0, 0, 0, 0);
	clause(3);
	insn(JST_OP_FIELD, 0, 0, 0, (int)pid);
	insn(JST_OP_FIELD, 1, 0, 0, (int)title);
	insn(JST_OP_FIELD, 2, 0, 0, (int)reason);
	insn(JST_OP_RECORD, 0, 0, 3, (int)three);
	insn(JST_OP_RETURN, 0, 0, 0, 0);
	clause(1);
	insn(JST_OP_INT, 0, 0, 0, 7);
	insn(JST_OP_EXIT, 0, 0, 0, 0);
	insn(JST_OP_RETURN, 0, 0, 0, 0);
	clause(1);
	insn(JST_OP_JUMP, 0, 0, 0, 0);
	clause(2);
	insn(JST_OP_CONSTANT, 0, 0, 0, (int)key);
	insn(JST_OP_INT, 1, 0, 0, 10);
	insn(JST_OP_MAPSET, 1, 0, 1, (int)map);
	insn(JST_OP_RETURN, 0, 0, 0, 0);
	clause(1);
	insn(JST_OP_VARIABLE, 0, 0, 0, JST_VARIABLE_NAME);
	insn(JST_OP_RECORD, 0, 0, 1, (int)one);
	insn(JST_OP_RETURN, 0, 0, 0, 0);

	special = special_new(&compiled, 1000, 256, &limit);
	ck_assert_msg(special != NULL, "%s", limit);
}

static void teardown(void)
{
	special_free(special);
	jst_builder_free(compiled.local);
	jst_builder_free(compiled.target);
}

START_TEST(records_in_order)
{
	struct seen seen = { 0 };

	special_run(special, C_PRINTS, "BEGIN", NULL, execute, &seen);
	ck_assert_int_eq(seen.count, 2);
	ck_assert_str_eq(seen.text[0], "42 ");
	ck_assert_str_eq(seen.text[1], "43 ");
	ck_assert_int_eq(special_exit_code(special), -1);
}
END_TEST

START_TEST(process_fields)
{
	const struct special_event event = { .pid = 77, .title = "httpd", .reason = "exited" };
	struct seen seen = { 0 };

	special_run(special, C_PROCESS, "process:exit", &event, execute, &seen);
	special_run(special, C_PROCESS, "BEGIN", NULL, execute, &seen);
	ck_assert_str_eq(seen.text[0], "77 httpd exited ");
	ck_assert_str_eq(seen.text[1], "nil nil nil ");
	special_run(special, C_PROCESS, "process:attach", &(struct special_event){ .pid = 78, .title = "httpd" }, execute, &seen);
	ck_assert_str_eq(seen.text[2], "78 httpd nil ");
}
END_TEST

START_TEST(names)
{
	struct seen seen = { 0 };

	special_run(special, C_NAME, "tick-1s", NULL, execute, &seen);
	ck_assert_str_eq(seen.text[0], "tick-1s ");
}
END_TEST

START_TEST(exit_code)
{
	struct seen seen = { 0 };

	special_run(special, C_EXITS, "tick-1s", NULL, execute, &seen);
	ck_assert_int_eq(special_exit_code(special), 7);
	/* END runs all the same, and what was asked for first counts. */
	special_run(special, C_PRINTS, "END", NULL, execute, &seen);
	ck_assert_int_eq(seen.count, 2);
	ck_assert_int_eq(special_exit_code(special), 7);
}
END_TEST

START_TEST(loop_ends)
{
	struct seen seen = { 0 };
	uint64_t losses[JST_LOSSES] = { 0 };

	special_run(special, C_LOOPS, "BEGIN", NULL, execute, &seen);
	special_losses(special, losses);
	ck_assert_uint_eq(losses[JST_LOSS_BUDGET], 1);
}
END_TEST

/* A tick that prints for long: the ring goes round and round without a loss. */
START_TEST(runs_for_long)
{
	struct seen seen = { 0 };
	uint64_t losses[JST_LOSSES] = { 0 };

	for (int i = 0; i < 20000; i++) {
		seen.count = 0;
		special_run(special, C_PRINTS, "tick-1ms", NULL, execute, &seen);
		ck_assert_int_eq(seen.count, 2);
	}
	special_losses(special, losses);
	ck_assert_uint_eq(losses[JST_LOSS_RECORDS], 0);
}
END_TEST

START_TEST(initials)
{
	struct compiled_initial initial = { .from = 0, .keys = 1 };
	struct seen seen = { 0 };
	const char *limit;

	jst_builder_map(compiled.target, 0, 0);
	initial.to = jst_builder_map(compiled.target, 0, 1);
	compiled.initials = &initial;
	compiled.initial_count = 1;
	special_run(special, C_SETS, "BEGIN", NULL, execute, &seen);
	special_give_initials(special, &compiled);

	struct jst_program *program = jst_builder_finish(compiled.target, &limit);

	ck_assert_uint_eq(jst_program_count(program, JST_SECTION_INITIALS), 1);
	const struct jst_initial_decl *decl = jst_program_section(program, JST_SECTION_INITIALS);
	const struct jst_value key = jst_program_constant(program, decl->first_constant), value = jst_program_constant(program, decl->first_constant + 1);

	ck_assert_uint_eq(decl->map, initial.to);
	ck_assert_uint_eq(key.length, 5);
	ck_assert_int_eq(memcmp(key.s, "limit", 5), 0);
	ck_assert_int_eq(value.i, 10);
	free(program);
}
END_TEST

/* ---- reading aggregations: a script is compiled, and the totals are made here ---- */

enum { MANY = 100000, BUDGET = 10000000 };

/* What a script printed: the text of all its values. */
struct printed {
	char *text;
	size_t length;
	FILE *file;
};

static void print_record(void *context, const struct record *record, const struct record_source *source)
{
	struct printed *printed = context;

	(void)source;
	if (record->compiled->type == RECORD_PRINT_ENTRY)
		fprintf(printed->file, "entry ");
	for (uint32_t i = 0; i < record->count; i++) {
		if (i)
			fputc(' ', printed->file);
		print_value(printed->file, record->values[i], UNIT_NONE);
	}
	fputc('\n', printed->file);
}

static int64_t two_seconds(void *context, uint32_t aggregation)
{
	(void)context;
	(void)aggregation;
	return 2000000000;
}

static struct jst_result *total(struct results *totals, uint32_t aggregation, const struct jst_value *keys)
{
	_Alignas(8) unsigned char buffer[512];
	bool cut = false;
	const uint32_t count = results_decl(totals, aggregation)->keys;

	return results_find(totals, aggregation, buffer, jst_key_encode(buffer, sizeof(buffer), keys, count, 256, &cut));
}

/* Aggregations of all tests, in this order. */
static const char updates[] = "a:b { @n = count(); @c[path, status] = count(); @h[path] = lhist(id, 0, 100, 1); @r = rate(); @l[id] = last(path); @s[id] = sum(x); @none = sum(x); @missing = min(x); }\n";
enum { N, C, H, R, L, S };

/* @h["/a"]: 10, 20, 30, 90. */
static void fill(struct results *totals)
{
	const struct jst_value keys[][2] = { { jst_value_string("/a", 2), jst_value_int(200) }, { jst_value_string("/a", 2), jst_value_int(404) }, { jst_value_string("/b", 2), jst_value_int(200) } };
	static const uint32_t values[] = { 10, 20, 30, 90 };
	struct jst_result *histogram = total(totals, H, keys[0]);

	total(totals, N, NULL)->count = 7;
	total(totals, R, NULL)->count = 7;
	total(totals, C, keys[0])->count = 3;
	total(totals, C, keys[1])->count = 5;
	total(totals, C, keys[2])->count = 3;
	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++)
		jst_result_count(histogram, 1 + values[i], 1);
	histogram->count = 4;
	total(totals, L, keys[0] + 1)->last = jst_value_int(4);
	total(totals, S, keys[0] + 1)->sum.integers = (__int128)1 << 70;
}

/* Runs the first clause of the CLI's program over totals that fill_totals makes; what it prints is the caller's to free. */
static char *run_script(const char *clauses, void (*fill_totals)(struct results *totals), uint64_t losses[JST_LOSSES])
{
	char script[2048];
	const int length = snprintf(script, sizeof(script), "%s%s", updates, clauses);
	struct compiled *compiled_script = compile(script, (size_t)length, &(struct compile_options){ .file = "-e" });
	struct printed printed = { 0 };
	const char *limit = NULL;

	if (compiled_script->errors)
		compiled_report(compiled_script, stderr);
	ck_assert_uint_eq(compiled_script->errors, 0);

	struct results *totals = results_new(compiled_script);
	struct specials *specials = special_new(compiled_script, BUDGET, 256, &limit);

	ck_assert(specials != NULL);
	printed.file = open_memstream(&printed.text, &printed.length);
	if (fill_totals) {
		fill_totals(totals);
		special_watch(specials, totals, two_seconds, NULL);
	}
	special_run(specials, 0, "END", NULL, print_record, &printed);
	fclose(printed.file);
	memset(losses, 0, JST_LOSSES * sizeof(*losses));
	special_losses(specials, losses);
	special_free(specials);
	results_free(totals);
	compiled_free(compiled_script);
	return printed.text;
}

static void expect_script(const char *clauses, const char *expected)
{
	uint64_t losses[JST_LOSSES];
	char *text = run_script(clauses, fill, losses);

	ck_assert_str_eq(text, expected);
	for (int i = 0; i < JST_LOSSES; i++)
		ck_assert_uint_eq(losses[i], 0);
	free(text);
}

START_TEST(values_are_read)
{
	expect_script("END { print(@n, @c[\"/a\", 404], @h[\"/a\"], @r, @l[200], @s[200], @l[200.0]); }", "7 5 4 3.5 4 1.1805916207174113e21 4\n");
	/* No such key is nil; without keys, what counts is 0 before the first update. */
	expect_script("END { print(@n - 7, @c[\"/a\", 1], @c[404, \"/a\"], @h[\"/c\"], @l[nil], @none, @missing); }", "0 nil nil nil nil 0 nil\n");
	expect_script("END /@n > 10/ { print(1); }", "");
	expect_script("END { if (@c[\"/a\", 404] > 4 && @c[\"/x\", 1] == nil) { twice = @n * 2; last[@n] = @l[200]; } print(twice, last[7]); }", "14 4\n");
}
END_TEST

START_TEST(quantiles_are_read)
{
	expect_script("END { $q = 0.25; print(quantile(@h[\"/a\"], $q), quantile(@h[\"/a\"], 0.5), quantile(@h[\"/a\"], 1), quantile(@h[\"/b\"], 1), quantile(@h[\"/a\"], nil)); }", "10 20 90 nil nil\n");

	uint64_t losses[JST_LOSSES];
	char *text = run_script("END { print(quantile(@h[\"/a\"], 99), quantile(@h[\"/a\"], \"x\")); }", fill, losses);

	ck_assert_str_eq(text, "nil nil\n");
	ck_assert_uint_eq(losses[JST_LOSS_ERRORS], 2);
	free(text);
}
END_TEST

/* In the order of print: by count, ties by key. */
START_TEST(loops_go_over_the_keys)
{
	expect_script("END { for ($p, $s, $v : @c) { print($p, $s, $v); } }", "/a 404 5\n/a 200 3\n/b 200 3\n");
	expect_script("END { for ($p, $s, $v : @c) { $p = \"x\"; $s = $v; print($p, $s, $v); print($v); } }", "x 5 5\nentry /a 404\nx 3 3\nentry /a 200\nx 3 3\nentry /b 200\n");
	expect_script("END { for ($p, $s, $v : @c) { if ($s == 404) { continue; } print($p); break; } print(1); }", "/a\n1\n");
	expect_script("END { for ($v : @n) { print($v, @n); print($v); } for ($v : @none) { print($v); } print($v); }", "7 7\nentry \nnil\n");
	expect_script("END { for ($p, $s, $v : @c) { for ($q, $w : @h) { print($v, $w, quantile($w, 0.5), quantile(@h[$p], 1)); } } }", "5 4 20 90\n3 4 20 90\n3 4 20 nil\n");
	/* A name is what the innermost loop makes of it. */
	expect_script("END { $v = 1; for ($p, $s, $v : @c) { for ($k, $v : @l) { print($v); } print($v); break; } print($v); }", "entry 200\nentry /a 404\n1\n");
}
END_TEST

START_TEST(clearing_comes_last)
{
	/* Whoever executes the records clears when the clause has run: it is told so in order. */
	expect_script("END { clear(@n); print(@n); printf(\"%d\", @n); for ($v : @n) { zero(@n); print($v + 1); } }", "\nnil\n7\n\n8\n");
}
END_TEST

START_TEST(nothing_to_read)
{
	uint64_t losses[JST_LOSSES];
	char *text = run_script("END { print(@n, @h[1], quantile(@h[1], 0.5)); for ($k, $v : @h) { print($k); } print(2); }", NULL, losses);

	ck_assert_str_eq(text, "nil nil nil\n2\n");
	free(text);
}
END_TEST

static void fill_many(struct results *totals)
{
	for (int64_t i = 0; i < MANY; i++) {
		char text[32];
		const int length = snprintf(text, sizeof(text), "/path/%lld", (long long)i);

		total(totals, H, &(struct jst_value){ .s = text, .kind = JST_STRING, .length = (uint32_t)length })->count = (uint64_t)(i + 1);
	}
}

/* Many keys: neither the budget, nor the ring, nor the room for strings is too small, and the order is made once. */
START_TEST(many_keys)
{
	uint64_t losses[JST_LOSSES];
	char *text = run_script("END { for ($k, $v : @h) { $sum += $v; print(cat($k, \": \", str($v))); if (quantile($v, 0.5) != nil) { $n++; } if ($v != @h[$k]) { $bad++; } } print($sum, $bad); }", fill_many, losses);
	size_t lines = 0;

	for (const char *at = text; (at = strchr(at, '\n')) != NULL; at++)
		lines++;
	ck_assert_uint_eq(lines, MANY + 1);
	ck_assert_int_eq(strncmp(text, "/path/99999: 100000\n/path/99998: 99999\n", 39), 0);
	ck_assert_ptr_nonnull(strstr(text, "\n/path/0: 1\n5000050000 nil\n"));
	for (int i = 0; i < JST_LOSSES; i++)
		ck_assert_uint_eq(losses[i], 0);
	free(text);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("special");
	TCase *tests = tcase_create("special");

	tcase_set_timeout(tests, 60);
	tcase_add_checked_fixture(tests, setup, teardown);
	tcase_add_test(tests, records_in_order);
	tcase_add_test(tests, process_fields);
	tcase_add_test(tests, names);
	tcase_add_test(tests, exit_code);
	tcase_add_test(tests, loop_ends);
	tcase_add_test(tests, runs_for_long);
	tcase_add_test(tests, initials);
	suite_add_tcase(suite, tests);

	TCase *reading = tcase_create("reading");

	tcase_set_timeout(reading, 120);
	tcase_add_test(reading, values_are_read);
	tcase_add_test(reading, quantiles_are_read);
	tcase_add_test(reading, loops_go_over_the_keys);
	tcase_add_test(reading, clearing_comes_last);
	tcase_add_test(reading, nothing_to_read);
	tcase_add_test(reading, many_keys);
	suite_add_tcase(suite, reading);

	SRunner *runner = srunner_create(suite);

	srunner_run_all(runner, CK_ENV);

	int failed = srunner_ntests_failed(runner);

	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
