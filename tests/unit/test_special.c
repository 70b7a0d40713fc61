/*
 * The CLI's own clauses in their local session: records come out in order, fields of process events are seen, exit and variables reach the run, loops end with the budget.
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>

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

	SRunner *runner = srunner_create(suite);

	srunner_run_all(runner, CK_ENV);

	int failed = srunner_ntests_failed(runner);

	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
