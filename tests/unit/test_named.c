/* Named probes: their sites, without a session. What is wanted of them and what they fire is tested where there is one, in tests/e2e/test_node.sh. */
#include <check.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent_wait.h"
#include "named.h"

START_TEST(test_a_name_has_one_site)
{
	uint32_t first = 99, again = 99, other = 99;
	struct jst_site_record *record = jst_named_site("name:one", 8, &first);

	ck_assert_ptr_nonnull(record);
	ck_assert_ptr_eq(jst_named_site("name:one", 8, &again), record);
	ck_assert_uint_eq(first, again);
	ck_assert_ptr_ne(jst_named_site("name:on", 7, &other), record);
	ck_assert_uint_ne(first, other);
	ck_assert_ptr_ne(jst_named_site("name:one more", 13, &other), record);

	struct jst_string name = jst_site_name(record);

	ck_assert_uint_eq(name.length, 8);
	ck_assert_int_eq(memcmp(name.bytes, "name:one", 8), 0);
	ck_assert_uint_eq(record->kind, JST_SITE_NAMED);
	ck_assert_uint_gt(record->id, 0);
}
END_TEST

START_TEST(test_names_that_are_none)
{
	char text[JST_MAX_PROBE_NAME + 2];
	uint32_t index;

	memset(text, 'n', sizeof(text));
	ck_assert_ptr_null(jst_named_site("", 0, &index));
	ck_assert_ptr_null(jst_named_site(text, JST_MAX_PROBE_NAME + 1, &index));
	ck_assert_ptr_null(jst_named_site("a\0b", 3, &index));
	ck_assert_ptr_nonnull(jst_named_site(text, JST_MAX_PROBE_NAME, &index));
}
END_TEST

START_TEST(test_the_word_is_the_sites)
{
	uint32_t index = 0;
	uint32_t *words = jst_named_words();
	struct jst_site_record *record = jst_named_site("name:word", 9, &index);

	ck_assert_ptr_nonnull(words);
	ck_assert_uint_eq(words[index], 0);
	jst_site_switch(record, 3, true);
	ck_assert_uint_eq(words[index], UINT32_C(1) << 19);
	ck_assert_uint_eq(jst_site_watchers(record), 1 << 3);
	words[index] |= 1; /* the lower half is the binding's */
	jst_site_switch(record, 3, false);
	ck_assert_uint_eq(words[index], 1);
	ck_assert_uint_eq(jst_site_watchers(record), 0);
}
END_TEST

START_TEST(test_without_a_session_nothing_is_wanted)
{
	static struct jst_wanted wanted;

	memset(&wanted, 0xff, sizeof(wanted));
	jst_named_wanted((struct jst_string){ "name:wanted", 11 }, &wanted);
	ck_assert_uint_eq(wanted.count, 0);
	ck_assert(!wanted.all);
	ck_assert_uint_eq(wanted.string_size, 0);
	ck_assert_uint_eq(wanted.epoch, atomic_load(&jst_process->epoch));
}
END_TEST

static void *make_many(void *unused)
{
	char name[32];
	uint32_t index;

	(void)unused;
	for (int i = 0; i < JST_NAMED_MAX + 100; i++) {
		const int length = snprintf(name, sizeof(name), "many:%d", i);

		jst_named_site(name, (size_t)length, &index);
	}
	return NULL;
}

/* Threads that make the same names get the same sites, and there is an end to them. */
START_TEST(test_too_many)
{
	pthread_t other;
	char name[32];
	uint32_t index, made = 0;

	ck_assert_int_eq(pthread_create(&other, NULL, make_many, NULL), 0);
	make_many(NULL);
	pthread_join(other, NULL);
	for (int i = 0; i < JST_NAMED_MAX + 100; i++) {
		const int length = snprintf(name, sizeof(name), "many:%d", i);

		made += jst_named_site(name, (size_t)length, &index) != NULL;
	}
	ck_assert_uint_le(made, JST_NAMED_MAX);
	ck_assert_uint_ge(made, JST_NAMED_MAX - 100); /* the other tests', where there is one process for all */
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("named");
	TCase *tests = tcase_create("named");

	tcase_set_timeout(tests, 60);
	tcase_add_test(tests, test_a_name_has_one_site);
	tcase_add_test(tests, test_names_that_are_none);
	tcase_add_test(tests, test_the_word_is_the_sites);
	tcase_add_test(tests, test_without_a_session_nothing_is_wanted);
	tcase_add_test(tests, test_too_many);
	tcase_add_checked_fixture(tests, wait_for_agent, NULL);
	suite_add_tcase(suite, tests);
	SRunner *runner = srunner_create(suite);

#ifdef __SANITIZE_THREAD__
	srunner_set_fork_status(runner, CK_NOFORK); /* it allows no further threads in a child of a program with threads */
#endif
	wait_for_agent();
	srunner_run_all(runner, CK_ENV);
	const int failed = srunner_ntests_failed(runner);

	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
