/* The index of a program's patterns says what jst_probe_clauses() says. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "builder.h"
#include "match.h"

static struct jst_builder *builder;
static struct jst_program *program;
static struct jst_match *match;

static void begin(void)
{
	builder = jst_builder_new();
}

static void clause(void)
{
	jst_builder_clause(builder);
	jst_builder_insn(builder, (struct jst_insn){ .op = JST_OP_RETURN });
}

static void pattern(const char *text, bool glob)
{
	jst_builder_pattern(builder, text, strlen(text), glob ? JST_PATTERN_GLOB : 0);
}

static void make(void)
{
	const char *limit;

	program = jst_builder_finish(builder, &limit);
	jst_builder_free(builder);
	match = malloc(jst_match_size(program));
	jst_match_init(match, program);
}

static void end(void)
{
	free(match);
	free(program);
}

static bool is(const char *name)
{
	const struct jst_string text = { name, (uint32_t)strlen(name) };
	const bool found = jst_match_name(match, text);

	ck_assert_msg(found == (jst_probe_clauses(program, text, NULL) > 0), "%s", name);
	return found;
}

START_TEST(test_names)
{
	static char longest[256], too_long[257];

	memset(longest, 'n', 255);
	memset(too_long, 'n', 256);
	begin();
	clause();
	pattern("request:end", false);
	pattern(longest, false);
	clause();
	pattern(too_long, false);
	pattern("request:*", false); /* no glob */
	make();
	ck_assert(is("request:end"));
	ck_assert(!is("request:enx"));
	ck_assert(!is("request:en"));
	ck_assert(!is("request:ends"));
	ck_assert(is("request:*"));
	ck_assert(is(longest));
	ck_assert(!is(""));
	ck_assert(!jst_match_name(match, (struct jst_string){ too_long, 256 })); /* no probe is called so */
	end();
}
END_TEST

START_TEST(test_globs)
{
	begin();
	clause();
	pattern("a*", true);
	pattern("ab?d", true);
	clause();
	pattern("[xy]z", true);
	pattern("?", true);
	pattern("q:**", true);
	pattern("just:this", true);
	make();
	ck_assert(is("a") && is("abc") && is("abxd"));
	ck_assert(is("xz") && is("yz") && !is("zz") && is("z"));
	ck_assert(is("q:") && is("q:end") && !is("qx"));
	ck_assert(is("just:this") && !is("just:thi") && !is("just:this:"));
	ck_assert(!is("bb") && !is(""));
	end();
	begin();
	clause();
	pattern("*", true);
	make();
	ck_assert(is("") && is("anything"));
	end();
}
END_TEST

START_TEST(test_nothing)
{
	begin();
	make();
	ck_assert(!is("") && !is("a"));
	end();
}
END_TEST

/* Short texts of few letters, so that they often match. */
static const char *some(bool glob)
{
	static char text[8];
	const char *letters = glob ? "ab:*?" : "ab:";
	const size_t length = 1 + (size_t)rand() % 6;

	for (size_t i = 0; i < length; i++)
		text[i] = letters[(size_t)rand() % strlen(letters)];
	text[length] = 0;
	return text;
}

START_TEST(test_random)
{
	uint32_t found = 0, all = 0;

	srand(_i);
	begin();
	for (int c = rand() % 20; c >= 0; c--) {
		clause();
		for (int p = rand() % 5; p >= 0; p--) {
			const bool glob = rand() % 3 == 0;

			pattern(some(glob), glob);
		}
	}
	make();
	for (; all < 500; all++)
		found += is(some(false));
	ck_assert_uint_gt(found, 0);
	end();
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("match");
	TCase *tests = tcase_create("match");

	tcase_add_test(tests, test_names);
	tcase_add_test(tests, test_globs);
	tcase_add_test(tests, test_nothing);
	tcase_add_loop_test(tests, test_random, 0, 200);
	suite_add_tcase(suite, tests);
	SRunner *runner = srunner_create(suite);

	srunner_run_all(runner, CK_ENV);
	const int failed = srunner_ntests_failed(runner);

	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
