/* Guards: the word that is made of a clause's first test refuses just those events that fail the test. */
#include <check.h>
#include <stdlib.h>

#include "leaf.h"
#include "plan.h"

static const int64_t edges[] = { INT64_MIN, INT64_MIN + 1, (int64_t)INT32_MIN - 1, INT32_MIN, INT32_MIN + 1, -201, -200, -199, -1, 0, 1, 199, 200, 201, INT32_MAX - 1, INT32_MAX, (int64_t)INT32_MAX + 1, INT64_MAX - 1, INT64_MAX };

enum { EDGES = sizeof(edges) / sizeof(edges[0]), SESSION = 5, WORD = 7 };

static struct jst_plan plan = { .guarded = true, .guard = { .word = WORD } };

static uint64_t guard_of(uint64_t low, uint64_t span, bool inverted)
{
	const struct jst_binding binding = { .clauses = 1, .flags = JST_BINDING_GUARDED, .plan = &plan };

	plan.guard = (struct jst_guard){ .low = low, .span = span, .word = WORD, .inverted = inverted };
	return jst_guard_of(&binding, SESSION);
}

/* Of every range that a comparison with an edge makes; few of them have no guard. */
START_TEST(a_guard_refuses_what_fails_the_test)
{
	uint64_t words[WORD + 1] = { 0 };
	unsigned made = 0, refused = 0;

	for (unsigned i = 0; i < 6 * EDGES; i++) {
		const uint64_t constant = (uint64_t)edges[i / 6], least = (uint64_t)INT64_MIN;
		const struct { uint64_t low, span; } ranges[] = { { constant, 0 }, { least, constant - least }, { constant, (uint64_t)INT64_MAX - constant } };
		const uint64_t guard = guard_of(ranges[i % 3].low, ranges[i % 3].span, i % 6 >= 3);

		if (!guard)
			continue;
		made++;
		for (unsigned v = 0; v < EDGES; v++) {
			words[WORD] = (uint64_t)edges[v];
			ck_assert(jst_guard_refuses(guard, 1U << SESSION, words) == !jst_guard_holds(&plan.guard, words));
			refused += jst_guard_refuses(guard, 1U << SESSION, words);
			/* Neither for another session nor for one more. */
			ck_assert(!jst_guard_refuses(guard, 1U << (SESSION + 1), words) && !jst_guard_refuses(guard, 3U << SESSION, words));
		}
	}
	ck_assert_uint_ge(made, 6 * (EDGES - 8));
	ck_assert_uint_gt(refused, made);
	ck_assert(!jst_guard_refuses(0, 1, words));
}
END_TEST

START_TEST(what_is_no_single_test_has_none)
{
	const struct jst_binding two = { .clauses = 2, .flags = JST_BINDING_GUARDED, .plan = (struct jst_plan[]){ plan, plan } }, none = { .clauses = 1, .plan = &(struct jst_plan){ .guarded = false } };

	ck_assert_uint_eq(jst_guard_of(&two, SESSION), 0);
	ck_assert_uint_eq(jst_guard_of(&none, SESSION), 0);
	ck_assert_uint_eq(guard_of(5, 10, false), 0);
	ck_assert_uint_ne(guard_of(5, 0, false), 0);
}
END_TEST

START_TEST(hints_do_not_disturb_each_other)
{
	struct jst_site_record record = { .version = JST_SITE_VERSION };

	jst_leaf_hint(&record, JST_HINT_LEAF, true);
	jst_leaf_hint(&record, JST_HINT_GUARD, true);
	ck_assert_uint_eq(record.leaf, JST_HINT_LEAF | JST_HINT_GUARD);
	jst_leaf_hint(&record, JST_HINT_LEAF, false);
	jst_leaf_hint(&record, JST_HINT_LEAF, false);
	ck_assert_uint_eq(record.leaf, JST_HINT_GUARD);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("leaf");
	TCase *guards = tcase_create("guards");

	tcase_add_test(guards, a_guard_refuses_what_fails_the_test);
	tcase_add_test(guards, what_is_no_single_test_has_none);
	tcase_add_test(guards, hints_do_not_disturb_each_other);
	suite_add_tcase(suite, guards);

	SRunner *runner = srunner_create(suite);

	srunner_run_all(runner, CK_ENV);
	const int failed = srunner_ntests_failed(runner);

	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
