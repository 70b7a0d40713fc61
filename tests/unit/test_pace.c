/* How often rings are read. */
#include <check.h>
#include <stdlib.h>

#include "pace.h"
#include "times.h"

enum { US = 1000 };

static int64_t after(struct pace *pace, int64_t now, bool heard, bool filling)
{
	pace_read(pace, now, heard, filling);
	return pace->due - now;
}

START_TEST(test_the_delay_that_was_asked_for)
{
	struct pace pace = { .delay = 10 * TIMES_MS };
	const int64_t now = 1000000 * TIMES_MS;

	ck_assert_int_eq(after(&pace, now, true, false), 10 * TIMES_MS);
	/* Also after a long silence: it is no short one. */
	ck_assert_int_eq(after(&pace, now + 100000 * TIMES_MS, false, false), 10 * TIMES_MS);
	/* While a ring is filling, sooner. */
	ck_assert_int_eq(after(&pace, now, true, true), TIMES_MS);
	pace.delay = 100 * US;
	ck_assert_int_eq(after(&pace, now, true, true), 100 * US);
}
END_TEST

START_TEST(test_a_short_delay_gives_way_in_silence)
{
	struct pace pace = { .delay = TIMES_MS };
	const int64_t now = 1000000 * TIMES_MS;

	ck_assert_int_eq(after(&pace, now, true, false), TIMES_MS);
	ck_assert_int_eq(after(&pace, now + 250 * TIMES_MS, false, false), TIMES_MS);
	ck_assert_int_eq(after(&pace, now + 500 * TIMES_MS, false, false), 2 * TIMES_MS);
	ck_assert_int_eq(after(&pace, now + 60000 * TIMES_MS, false, false), 4 * TIMES_MS);
	/* What comes makes it short again. */
	ck_assert_int_eq(after(&pace, now + 60001 * TIMES_MS, true, false), TIMES_MS);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("pace");
	TCase *tests = tcase_create("pace");

	tcase_add_test(tests, test_the_delay_that_was_asked_for);
	tcase_add_test(tests, test_a_short_delay_gives_way_in_silence);
	suite_add_tcase(suite, tests);
	SRunner *runner = srunner_create(suite);

	srunner_run_all(runner, CK_ENV);
	const int failed = srunner_ntests_failed(runner);

	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
