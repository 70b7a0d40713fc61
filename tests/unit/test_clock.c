/*
 * The clock: that it is CLOCK_MONOTONIC's, that it never goes back, also while it is adjusted, and that adjusting brings it nearer.
 */
#include <check.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "clock.h"

/* The clock as a thread sees it that has never looked before. */
static int64_t clock_now(const struct jst_clock_page *page)
{
	struct jst_clock_line line = { .index = JST_CLOCK_NONE };

	return jst_clock_now(&line, page);
}

static int64_t kernel_ns(clockid_t id)
{
	struct timespec now;

	clock_gettime(id, &now);
	return now.tv_sec * 1000000000LL + now.tv_nsec;
}

/* How far the page's clock is from the kernel's, at the best of a few looks: others may take the CPU in between. */
static int64_t distance(const struct jst_clock_page *page)
{
	int64_t best = INT64_MAX;

	for (int i = 0; i < 200; i++) {
		const int64_t before = kernel_ns(CLOCK_MONOTONIC), now = clock_now(page), after = kernel_ns(CLOCK_MONOTONIC);
		const int64_t off = now < before ? before - now : now > after ? now - after : 0;

		best = off < best ? off : best;
	}
	return best;
}

/* Lets at least ns pass, by CLOCK_MONOTONIC. */
static void pass(int64_t ns)
{
	const struct timespec wait = { .tv_nsec = ns };
	const int64_t end = kernel_ns(CLOCK_MONOTONIC) + ns;

	while (kernel_ns(CLOCK_MONOTONIC) < end)
		clock_nanosleep(CLOCK_MONOTONIC, 0, &wait, NULL);
}

START_TEST(an_empty_page_asks_the_kernel)
{
	static struct jst_clock_page page;

	ck_assert_int_eq(distance(&page), 0);
	ck_assert_int_eq(jst_clock_wall(&page, 12345), 12345);
}
END_TEST

START_TEST(without_a_counter_only_the_wall_is_set)
{
	static struct jst_clock_page page;
	struct jst_clock clock = { .tsc = false };

	jst_clock_start(&clock, &page);
	ck_assert_uint_eq(atomic_load(&page.index), 0);
	ck_assert_int_eq(distance(&page), 0);
	const int64_t off = jst_clock_wall(&page, kernel_ns(CLOCK_MONOTONIC)) - kernel_ns(CLOCK_REALTIME);

	ck_assert_int_lt(llabs(off), 1000000000);
	atomic_store(&page.scale[0].wall, 0);
	jst_clock_adjust(&clock, &page);
	ck_assert_uint_eq(atomic_load(&page.index), 0);
	ck_assert_int_ne(atomic_load(&page.scale[0].wall), 0);
}
END_TEST

START_TEST(starting_is_exact_and_leaves_errno)
{
	static struct jst_clock_page page;
	struct jst_clock clock;

	errno = 77;
	jst_clock_init(&clock);
	jst_clock_start(&clock, &page);
	ck_assert_int_eq(errno, 77);
	ck_assert_uint_eq(atomic_load(&page.index), clock.tsc);
	/* The first line passes through a pair that was read just now. */
	ck_assert_int_lt(distance(&page), 100000);
	const int64_t off = jst_clock_wall(&page, clock_now(&page)) - kernel_ns(CLOCK_REALTIME);

	ck_assert_int_lt(llabs(off), 1000000000);
}
END_TEST

/* All sessions of a process are adjusted at one time. */
START_TEST(every_page_is_adjusted)
{
	struct jst_clock_page pages[2] = { 0 };
	struct jst_clock clock;

	jst_clock_init(&clock);
	if (!clock.tsc)
		return;
	jst_clock_start(&clock, &pages[0]);
	jst_clock_start(&clock, &pages[1]);
	pass(10000000);
	for (int i = 0; i < 2; i++) {
		jst_clock_adjust(&clock, &pages[i]);
		ck_assert_uint_eq(atomic_load(&pages[i].index), 2);
	}
}
END_TEST

/* A clock that is 5 ms off, ahead or behind, comes nearer with an adjustment, and does not go back. */
static void converge(int64_t off)
{
	struct jst_clock_page page = { 0 };
	struct jst_clock clock;
	int64_t last;

	jst_clock_init(&clock);
	if (!clock.tsc)
		return;
	jst_clock_start(&clock, &page);
	struct jst_clock_scale *scale = &page.scale[1];

	atomic_store(&scale->ns, atomic_load(&scale->ns) + off);
	last = clock_now(&page);
	const int64_t first = distance(&page);

	ck_assert_int_gt(first, llabs(off) / 2);
	pass(100000000); /* long enough to measure the rate well, also where every reading of the clock takes microseconds */
	jst_clock_adjust(&clock, &page);
	ck_assert_uint_eq(atomic_load(&page.index), 2);
	/* The correction is spread over a second: after a fifth of it some of the way is gone. */
	const int64_t end = kernel_ns(CLOCK_MONOTONIC) + 200000000;

	while (kernel_ns(CLOCK_MONOTONIC) < end) {
		const int64_t now = clock_now(&page);

		ck_assert_int_ge(now, last);
		last = now;
	}
	ck_assert_int_lt(distance(&page), first - first / 10);
	jst_clock_adjust(&clock, &page);
	ck_assert_uint_eq(atomic_load(&page.index), 3);
	ck_assert_int_ge(clock_now(&page), last);
}

START_TEST(adjusting_comes_nearer)
{
	converge(-5000000);
	converge(5000000);
}
END_TEST

/* A machine that slept: seconds behind, it steps forward at once. */
START_TEST(far_behind_it_steps_forward)
{
	struct jst_clock_page page = { 0 };
	struct jst_clock clock;

	jst_clock_init(&clock);
	if (!clock.tsc)
		return;
	jst_clock_start(&clock, &page);
	atomic_store(&page.scale[1].ns, atomic_load(&page.scale[1].ns) - 5000000000LL);
	pass(3000000);
	jst_clock_adjust(&clock, &page);
	ck_assert_int_lt(distance(&page), 1000000);
}
END_TEST

/* Far ahead: it goes on at half the pace and not back. */
START_TEST(far_ahead_it_slows_down)
{
	struct jst_clock_page page = { 0 };
	struct jst_clock clock;

	jst_clock_init(&clock);
	if (!clock.tsc)
		return;
	jst_clock_start(&clock, &page);
	const uint64_t mult = atomic_load(&page.scale[1].mult);

	atomic_store(&page.scale[1].ns, atomic_load(&page.scale[1].ns) + 5000000000LL);
	const int64_t before = clock_now(&page);

	pass(3000000);
	jst_clock_adjust(&clock, &page);
	ck_assert_int_ge(clock_now(&page), before);
	const uint64_t slower = atomic_load(&page.scale[atomic_load(&page.index) & 1].mult);

	ck_assert_uint_gt(slower, mult / 3);
	ck_assert_uint_lt(slower, mult / 3 * 2);
}
END_TEST

START_TEST(too_early_nothing_changes)
{
	struct jst_clock_page page = { 0 };
	struct jst_clock clock;

	jst_clock_init(&clock);
	if (!clock.tsc)
		return;
	jst_clock_start(&clock, &page);
	clock.ns_first = kernel_ns(CLOCK_MONOTONIC) + 1000000000; /* as if measured just now, however slow this machine is */
	jst_clock_adjust(&clock, &page);
	ck_assert_uint_eq(atomic_load(&page.index), 1);
}
END_TEST

/* ---- readers beside a writer ---- */

struct shared {
	struct jst_clock_page page;
	_Atomic int64_t newest; /* the latest time that any reader has read */
	_Atomic int stop;
	_Atomic uint64_t backwards, reads;
};

/* Whoever reads after somebody else's reading was published must not read less. */
static void *read_times(void *context)
{
	struct shared *shared = context;

	while (!atomic_load(&shared->stop)) {
		int64_t seen = atomic_load(&shared->newest);
#ifdef __x86_64__
		__builtin_ia32_lfence(); /* the counter is not read before the load is done */
#endif
		const int64_t now = clock_now(&shared->page);

		if (now < seen)
			atomic_fetch_add(&shared->backwards, 1);
		while (now > seen && !atomic_compare_exchange_weak(&shared->newest, &seen, now))
			;
		atomic_fetch_add(&shared->reads, 1);
	}
	return NULL;
}

START_TEST(no_reader_sees_time_go_back)
{
	static struct shared shared;
	struct jst_clock clock;
	pthread_t readers[2];

	jst_clock_init(&clock);
	jst_clock_start(&clock, &shared.page);
	for (int i = 0; i < 2; i++)
		ck_assert_int_eq(pthread_create(&readers[i], NULL, read_times, &shared), 0);
	for (int i = 0; i < 60; i++) {
		pass(2500000);
		jst_clock_adjust(&clock, &shared.page);
	}
	while (atomic_load(&shared.reads) < 1000)
		pass(1000000);
	atomic_store(&shared.stop, 1);
	for (int i = 0; i < 2; i++)
		pthread_join(readers[i], NULL);
	ck_assert_uint_eq(atomic_load(&shared.backwards), 0);
	if (clock.tsc)
		ck_assert_uint_gt(atomic_load(&shared.page.index), 10);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("clock");
	TCase *alone = tcase_create("alone");
	TCase *together = tcase_create("together");

	tcase_add_test(alone, an_empty_page_asks_the_kernel);
	tcase_add_test(alone, without_a_counter_only_the_wall_is_set);
	tcase_add_test(alone, starting_is_exact_and_leaves_errno);
	tcase_add_test(alone, every_page_is_adjusted);
	tcase_add_test(alone, adjusting_comes_nearer);
	tcase_add_test(alone, far_behind_it_steps_forward);
	tcase_add_test(alone, far_ahead_it_slows_down);
	tcase_add_test(alone, too_early_nothing_changes);
	tcase_add_test(together, no_reader_sees_time_go_back);
	tcase_set_timeout(alone, 60);
	tcase_set_timeout(together, 60);
	suite_add_tcase(suite, alone);
	suite_add_tcase(suite, together);
	SRunner *runner = srunner_create(suite);

	srunner_run_all(runner, CK_ENV);
	const int failed = srunner_ntests_failed(runner);

	srunner_free(runner);
	return failed != 0;
}
