/* How often rings are read. */
#include <check.h>
#include <stdlib.h>

#include "pace.h"
#include "times.h"

enum { US = 1000 };

static const int64_t now = 1000000 * TIMES_MS;

static int64_t after(struct pace *pace, int64_t when, bool heard, uint32_t filled)
{
	pace_read(pace, when, heard, filled);
	return pace->due - when;
}

/* Read again and again when it is due, with what fills the ring in full_ns: how full it ever was, once the first rounds have told. */
static uint32_t fullest(struct pace *pace, int64_t full_ns, int rounds)
{
	int64_t when = pace->due, last = pace->last;
	uint32_t most = 0;

	for (int i = 0; i < rounds; i++) {
		const uint32_t filled = (uint32_t)((when - last) * PACE_FULL / full_ns);

		last = when;
		when += after(pace, when, filled > 0, filled);
		if (i > 0 && filled > most)
			most = filled;
	}
	return most;
}

START_TEST(test_the_delay_that_was_asked_for)
{
	struct pace pace = { .delay = 10 * TIMES_MS, .quarter = 10 * TIMES_MS, .last = now - 10 * TIMES_MS };

	ck_assert_int_eq(after(&pace, now, true, 1), 10 * TIMES_MS);
	/* Also after a long silence: it is no short one. */
	ck_assert_int_eq(after(&pace, now + 100000 * TIMES_MS, false, 0), 10 * TIMES_MS);
}
END_TEST

START_TEST(test_a_short_delay_gives_way_in_silence)
{
	struct pace pace = { .delay = TIMES_MS, .quarter = TIMES_MS };

	ck_assert_int_eq(after(&pace, now, true, 1), TIMES_MS);
	ck_assert_int_eq(after(&pace, now + 250 * TIMES_MS, false, 0), TIMES_MS);
	ck_assert_int_eq(after(&pace, now + 500 * TIMES_MS, false, 0), 2 * TIMES_MS);
	ck_assert_int_eq(after(&pace, now + 60000 * TIMES_MS, false, 0), 4 * TIMES_MS);
	/* What comes makes it short again. */
	ck_assert_int_eq(after(&pace, now + 60001 * TIMES_MS, true, 1), TIMES_MS);
}
END_TEST

START_TEST(test_no_delay_is_no_loop)
{
	struct pace pace = { .delay = 0 };

	ck_assert_int_eq(after(&pace, now, true, 1), 0);
	ck_assert_int_eq(after(&pace, now + 1000 * TIMES_MS, false, 0), 4 * TIMES_MS);
	pace_start(&pace, now + 1000 * TIMES_MS);
	ck_assert_int_eq(after(&pace, now + 2000 * TIMES_MS, false, 0), 4 * TIMES_MS);
}
END_TEST

START_TEST(test_the_first_looks_come_soon)
{
	struct pace pace = { .delay = 10 * TIMES_MS, .due = now + 5 * TIMES_MS };

	pace_start(&pace, now);
	ck_assert_int_eq(pace.due, now + 250 * US);
	int64_t last = 250 * US;

	/* Each a little later, until it is as was asked for. */
	for (int i = 0; i < 30; i++) {
		const int64_t wait = after(&pace, pace.due, false, 0);

		ck_assert_int_gt(wait, last);
		ck_assert_int_lt(wait, 2 * last);
		last = wait;
	}
	for (int i = 0; i < 10; i++)
		after(&pace, pace.due, false, 0);
	ck_assert_int_eq(after(&pace, pace.due, false, 0), 10 * TIMES_MS);
	/* Another process brings them back. */
	pace_start(&pace, pace.last + TIMES_MS);
	ck_assert_int_eq(pace.due, pace.last + 250 * US);
}
END_TEST

START_TEST(test_a_ring_is_read_before_it_is_full)
{
	/* From once in two seconds to once in the time that 4,000 records take at ten millions a second. */
	for (int64_t full = 2000 * TIMES_MS; full >= 400 * US; full = full * 3 / 4) {
		struct pace pace = { .delay = 10 * TIMES_MS };

		pace_start(&pace, now);
		ck_assert_uint_le(fullest(&pace, full, 1000), PACE_FULL / 4 + 8);
		/* It is slept for as long as there is room, and no longer than was asked for. */
		const int64_t wait = pace.due - pace.last;

		ck_assert_int_le(wait, 10 * TIMES_MS);
		ck_assert_int_ge(wait, times_earlier(10 * TIMES_MS, full / 4 - full / 64));
	}
}
END_TEST

START_TEST(test_what_cannot_be_slept_for)
{
	struct pace pace = { .delay = 10 * TIMES_MS, .quarter = TIMES_MS, .last = now };

	/* A ring that fills in 100 us is read without a pause, and once it does no longer, seldom again. */
	ck_assert_int_eq(after(&pace, now + 100 * US, true, PACE_FULL), 0);
	for (int i = 0; i < 60; i++)
		after(&pace, pace.due + 10 * US, false, 0);
	ck_assert_int_eq(after(&pace, pace.due, false, 0), 10 * TIMES_MS);
	/* More than full, or in no time: counted as it is, and no arithmetic goes astray. */
	ck_assert_int_eq(after(&pace, pace.last, true, 2 * PACE_FULL), 0);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("pace");
	TCase *tests = tcase_create("pace");

	tcase_add_test(tests, test_the_delay_that_was_asked_for);
	tcase_add_test(tests, test_a_short_delay_gives_way_in_silence);
	tcase_add_test(tests, test_no_delay_is_no_loop);
	tcase_add_test(tests, test_the_first_looks_come_soon);
	tcase_add_test(tests, test_a_ring_is_read_before_it_is_full);
	tcase_add_test(tests, test_what_cannot_be_slept_for);
	suite_add_tcase(suite, tests);
	SRunner *runner = srunner_create(suite);

	srunner_run_all(runner, CK_ENV);
	const int failed = srunner_ntests_failed(runner);

	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
