/*
 * print(open(start)): which spans are shown, in which order, as text and as JSON; what a target that has ended leaves; a key that is there twice.
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "builder.h"
#include "map_table.h"
#include "open.h"

enum { SIZE = 8 << 20 };

static const char script[] = "request:end { print(start[id]); } request:end { print(first[id, path]); } *:stop { print(begin[tid]); } job:end { print(start[id]); } END { print(open(start)); }";

static struct compiled *compiled;
static struct jst_program *program;
static struct opens *opens;

struct process_of_ours {
	struct target target;
	struct memory_view view;
	struct jst_memory memory;
};

static struct process_of_ours *one, *two;

static struct process_of_ours *new_process(int pid, struct target *next)
{
	struct process_of_ours *process = calloc(1, sizeof(*process));
	void *base = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	ck_assert(base != MAP_FAILED);
	ck_assert(jst_memory_init(&process->memory, base, program, &(struct jst_memory_options){ .size = SIZE, .string_size = 64, .ring_size = 4096 }));
	process->view = (struct memory_view){ .base = base, .size = SIZE };
	process->target = (struct target){ .next = next, .process = { .pid = pid }, .state = TARGET_RUNNING, .view = &process->view };
	return process;
}

static void free_process(struct process_of_ours *process)
{
	munmap(process->memory.base, SIZE);
	free(process);
}

static void setup(void)
{
	const char *limit;

	compiled = compile(script, strlen(script), &(struct compile_options){ .file = "-e" });
	ck_assert_uint_eq(compiled->errors, 0);
	program = jst_builder_finish(compiled->target, &limit);
	opens = opens_new(compiled);
	two = new_process(22, NULL);
	one = new_process(11, &two->target);
}

static void teardown(void)
{
	opens_free(opens);
	free_process(one);
	free_process(two);
	free(program);
	compiled_free(compiled);
}

/* Records a start; table: number of the span's table in the script. */
static void record(struct process_of_ours *process, uint32_t table, const struct jst_value *keys, int64_t start)
{
	const struct jst_map_decl *decls = jst_program_section(program, JST_SECTION_MAPS);
	const uint32_t map = compiled->span_tables[table].map;
	char scratch[1024];
	uint32_t used = 0;
	const struct jst_map_access access = { .memory = &process->memory, .slot = process->memory.slots, .decl = &decls[map], .index = map, .scratch = scratch, .room = sizeof(scratch), .used = &used };

	jst_map_set(&access, keys, jst_value_int(start));
}

static void record_id(struct process_of_ours *process, uint32_t table, int64_t id, int64_t start)
{
	const struct jst_value key = jst_value_int(id);

	record(process, table, &key, start);
}

static void expect(enum output_format format, const struct opens_print *what, const char *expected)
{
	char *text;
	size_t size;
	struct output output = { .file = open_memstream(&text, &size), .format = format, .width = 80 };

	opens_print(opens, &output, what);
	fclose(output.file);
	ck_assert_str_eq(text, expected);
	free(text);
}

enum { START, FIRST, BEGIN, JOB_START };

START_TEST(the_oldest_first)
{
	struct opens_print what = { .sibling = "start", .targets = &one->target, .now = 5000000000, .top = -1, .pids = true };

	expect(OUTPUT_TEXT, &what, "open(start): none\n");
	expect(OUTPUT_JSON, &what, "");
	record_id(one, START, 7, 2000000000);
	record_id(two, JOB_START, 5, 1000000000);
	record_id(two, START, 123456, 4999000000);
	record_id(one, START, 9, 6000000000); /* after now was taken */
	record_id(two, START, 1, INT64_MIN);
	expect(OUTPUT_TEXT, &what,
	       "open(start)\n"
	       "  probe          pid      id          age\n"
	       "  request:start   22       1  2562047h47m\n"
	       "  job:start       22       5        4.00s\n"
	       "  request:start   11       7        3.00s\n"
	       "  request:start   22  123456       1.00ms\n"
	       "  request:start   11       9          0ns\n"
	       "\n");
	what.top = 2;
	what.pids = false;
	expect(OUTPUT_TEXT, &what,
	       "open(start)\n"
	       "  probe          id          age\n"
	       "  request:start   1  2562047h47m\n"
	       "  job:start       5        4.00s\n"
	       "  … and 3 more\n"
	       "\n");
	what.top = 3;
	expect(OUTPUT_JSON, &what,
	       "{\"type\":\"open\",\"name\":\"start\",\"probe\":\"request:start\",\"key\":[1],\"age\":9223372036854775807,\"pid\":22}\n"
	       "{\"type\":\"open\",\"name\":\"start\",\"probe\":\"job:start\",\"key\":[5],\"age\":4000000000,\"pid\":22}\n"
	       "{\"type\":\"open\",\"name\":\"start\",\"probe\":\"request:start\",\"key\":[7],\"age\":3000000000,\"pid\":11}\n");
	what.top = 0;
	expect(OUTPUT_JSON, &what, "");
	ck_assert(!one->target.malformed && !two->target.malformed);
}
END_TEST

START_TEST(several_keys_and_prefixes)
{
	const struct jst_value keys[] = { jst_value_int(3), jst_value_string("/a\33", 3) };
	const struct jst_value prefixed[] = { jst_value_string("conn", 4), jst_value_int(77) }, bare[] = { jst_value_string("", 0), jst_value_int(78) };
	struct opens_print what = { .sibling = "first", .targets = &one->target, .now = 1000, .top = -1 };

	record(one, FIRST, keys, 0);
	expect(OUTPUT_TEXT, &what, "open(first)\n  id  path       age\n   3  /a\\x1b  1.00us\n\n");
	expect(OUTPUT_JSON, &what, "{\"type\":\"open\",\"name\":\"first\",\"probe\":\"request:first\",\"key\":[3,\"/a\\u001b\"],\"age\":1000,\"pid\":11}\n");
	record(one, BEGIN, prefixed, 0);
	record(one, BEGIN, bare, 500);
	what.sibling = "begin";
	expect(OUTPUT_TEXT, &what, "open(begin)\n  probe       tid     age\n  conn:begin   77  1.00us\n  begin        78   500ns\n\n");
	expect(OUTPUT_JSON, &what, "{\"type\":\"open\",\"name\":\"begin\",\"probe\":\"conn:begin\",\"key\":[77],\"age\":1000,\"pid\":11}\n"
	                           "{\"type\":\"open\",\"name\":\"begin\",\"probe\":\"begin\",\"key\":[78],\"age\":500,\"pid\":11}\n");
}
END_TEST

START_TEST(what_ended_targets_leave)
{
	struct opens_print what = { .sibling = "start", .now = 9000, .top = -1, .kept = true };

	record_id(one, START, 1, 100);
	record_id(one, JOB_START, 2, 300);
	one->target.state = TARGET_ENDED;
	opens_keep(opens, &one->target, 1100);
	opens_keep(opens, &two->target, 1100); /* nothing */
	/* Another one that has the same pid and key. */
	record_id(two, START, 1, 1000);
	two->target.process.pid = 11;
	opens_keep(opens, &two->target, 3000);
	expect(OUTPUT_TEXT, &what, "open(start)\n  probe          id     age\n  request:start   1  2.00us\n  request:start   1  1.00us\n  job:start       2   800ns\n\n");
	what.sibling = "first";
	expect(OUTPUT_TEXT, &what, "open(first): none\n");
	/* One that has no memory any more, or none yet. */
	two->target.state = TARGET_FAILED;
	what.kept = false;
	what.sibling = "start";
	what.targets = &two->target;
	expect(OUTPUT_TEXT, &what, "open(start): none\n");
}
END_TEST

/* An entry that was seen, removed and made anew elsewhere while it was read: the younger one counts. */
START_TEST(a_key_that_is_there_twice)
{
	struct opens_print what = { .sibling = "start", .targets = &one->target, .now = 1000, .top = -1 };
	struct jst_map_root *root = &jst_map_directory(&one->memory)->roots[compiled->span_tables[START].map];

	record_id(one, START, 5, 100);
	struct jst_atomic_pair *slots = jst_memory_at(&one->memory, (jst_ref)root->levels[JST_MAP_WORDS][0]);
	const uint64_t count = 1ULL << (root->levels[JST_MAP_WORDS][0] >> 32);
	uint64_t at = 0;
	while (at < count && !slots[at].low)
		at++;
	ck_assert_uint_lt(at, count);
	slots[count - 1 - at].low = slots[at].low;
	slots[count - 1 - at].high = 400;
	expect(OUTPUT_JSON, &what, "{\"type\":\"open\",\"name\":\"start\",\"probe\":\"request:start\",\"key\":[5],\"age\":600,\"pid\":11}\n");
	ck_assert(!one->target.malformed);
}
END_TEST

START_TEST(nonsense_is_noticed)
{
	struct opens_print what = { .sibling = "start", .targets = &one->target, .now = 1000, .top = -1 };

	jst_map_directory(&one->memory)->roots[compiled->span_tables[START].map].levels[JST_MAP_BLOCKS][0] = UINT64_MAX;
	record_id(one, JOB_START, 5, 100);
	expect(OUTPUT_JSON, &what, "{\"type\":\"open\",\"name\":\"start\",\"probe\":\"job:start\",\"key\":[5],\"age\":900,\"pid\":11}\n");
	ck_assert(one->target.malformed && !two->target.malformed);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("open");
	TCase *tests = tcase_create("open");

	tcase_set_timeout(tests, 60);
	tcase_add_checked_fixture(tests, setup, teardown);
	tcase_add_test(tests, the_oldest_first);
	tcase_add_test(tests, several_keys_and_prefixes);
	tcase_add_test(tests, what_ended_targets_leave);
	tcase_add_test(tests, a_key_that_is_there_twice);
	tcase_add_test(tests, nonsense_is_noticed);
	suite_add_tcase(suite, tests);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	const int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
