/* Texts and numbers without libc: the same as libc's. */
#include <check.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "text.h"

#define SAME(...) \
	do { \
		for (size_t room = 1; room < 80; room++) { \
			char expected[80], got[81]; \
			memset(got, '~', sizeof(got)); \
			const int length = snprintf(expected, room, __VA_ARGS__); \
			ck_assert_uint_eq(jst_text_print(got, room, __VA_ARGS__), (size_t)length); \
			ck_assert_str_eq(got, expected); \
			ck_assert_int_eq(got[room], '~'); \
		} \
	} while (0)

START_TEST(test_print)
{
	SAME("nothing to fill in");
	SAME("%s", "");
	SAME("a %s of %s.", "text", "texts");
	SAME("%d %d %d", 0, INT_MIN, INT_MAX);
	SAME("%u%u", 7U, UINT_MAX);
	SAME("%llu %llu", 0ULL, ULLONG_MAX);
	SAME("%zu/%zd/%zd", SIZE_MAX, (ssize_t)SSIZE_MAX, (ssize_t)-SSIZE_MAX - 1);
	SAME("100 %% of /proc/self/task/%d/comm", 4711);
}
END_TEST

START_TEST(test_number)
{
	static const char *const text[] = { "", "x", "0", "18446744073709551615", "18446744073709551616", "99999999999999999999999 kB", "\t  4096 kB", "12x", "00000000000002ff\n", "7f3517de6000-7f35", "fffffffffffffffff", "-1" };

	for (size_t i = 0; i < sizeof(text) / sizeof(text[0]); i++) {
		for (unsigned base = 10; base <= 16; base += 6) {
			const char *end;
			char *expected_end;
			/* libc's takes signs, and 0x; this one has no use for them. */
			const uint64_t expected = *text[i] == '-' ? 0 : strtoull(text[i], &expected_end, (int)base);

			ck_assert_uint_eq(jst_text_number(text[i], base, &end), expected);
			ck_assert_uint_eq(jst_text_number(text[i], base, NULL), expected);
			if (*text[i] == '-')
				ck_assert_ptr_eq(end, text[i]);
			else if (expected_end != text[i])
				ck_assert_ptr_eq(end, expected_end);
		}
	}
}
END_TEST

START_TEST(test_error)
{
	ck_assert_str_eq(jst_text_error(ENOMEM), "out of memory");
	ck_assert_str_eq(jst_text_error(EMFILE), "too many open files");
	ck_assert_str_eq(jst_text_error(INT_MAX), "the kernel refused");
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("text");
	TCase *one = tcase_create("text");
	SRunner *runner = srunner_create(suite);

	tcase_add_test(one, test_print);
	tcase_add_test(one, test_number);
	tcase_add_test(one, test_error);
	suite_add_tcase(suite, one);
	srunner_run_all(runner, CK_ENV);
	const int failed = srunner_ntests_failed(runner);

	srunner_free(runner);
	return failed != 0;
}
