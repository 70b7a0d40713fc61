/* What a session costs a process, from what its slots say. */
#include <check.h>
#include <stdlib.h>

#include "overhead.h"

#define MS INT64_C(1000000)

START_TEST(the_share_is_that_of_the_time_between_two_looks)
{
	struct overhead overhead = { 0 };
	double share = -1;

	/* The first look is what the others are compared with. */
	ck_assert(!overhead_take(&overhead, 1000, 32, 32 * 50, 100 * MS, 1, &share));
	/* 100,000 events of 40 ns and what is around each, in 50 ms. */
	ck_assert(overhead_take(&overhead, 101000, 32 + 3000, 32 * 50 + 3000 * 40, 150 * MS, 2, &share));
	ck_assert_double_eq_tol(share, 100000 * (40.0 + OVERHEAD_AROUND_NS) / 50e6, 1e-9);
	/* None was timed: as all so far, about 40. */
	ck_assert(overhead_take(&overhead, 101100, 3032, 32 * 50 + 3000 * 40, 160 * MS, 3, &share));
	ck_assert_double_eq_tol(share, 100 * (121600.0 / 3032 + OVERHEAD_AROUND_NS) / 10e6, 1e-9);
	ck_assert_double_eq_tol(overhead.cost, 100000 * (40.0 + OVERHEAD_AROUND_NS) + 100 * (121600.0 / 3032 + OVERHEAD_AROUND_NS), 1);
}
END_TEST

START_TEST(of_little_time_nothing_is_told)
{
	struct overhead overhead = { 0 };
	double share = -1;

	ck_assert(!overhead_take(&overhead, 0, 0, 0, 0, 1, &share));
	ck_assert(!overhead_take(&overhead, 1000000, 10, 1000, 4 * MS, 2, &share));
	ck_assert_double_eq(share, -1);
	/* What happened meanwhile is not forgotten. */
	ck_assert(overhead_take(&overhead, 1000000, 10, 1000, 1000 * MS, 3, &share));
	ck_assert_double_eq_tol(share, 1000000 * (100.0 + OVERHEAD_AROUND_NS) / 1000e6, 1e-9);
}
END_TEST

START_TEST(nonsense_does_no_harm)
{
	struct overhead overhead = { 0 };
	double share;

	ck_assert(!overhead_take(&overhead, UINT64_MAX, UINT64_MAX, UINT64_MAX, 0, 1, &share));
	ck_assert(overhead_take(&overhead, 0, 0, 0, 10 * MS, 2, &share));
	ck_assert_double_eq(share, 0);
	ck_assert(overhead_take(&overhead, 10, 5, 0, 20 * MS, 3, &share));
	ck_assert(share >= 0);
	ck_assert(!overhead_take(&overhead, 10, 5, 0, 1 * MS, 4, &share)); /* a clock that goes back */
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("overhead");
	TCase *shares = tcase_create("shares");

	tcase_add_test(shares, the_share_is_that_of_the_time_between_two_looks);
	tcase_add_test(shares, of_little_time_nothing_is_told);
	tcase_add_test(shares, nonsense_does_no_harm);
	suite_add_tcase(suite, shares);

	SRunner *runner = srunner_create(suite);

	srunner_run_all(runner, CK_ENV);
	const int failed = srunner_ntests_failed(runner);

	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
