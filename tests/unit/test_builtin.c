/*
 * Builtin variables and functions: their results for arguments of every kind, and what they count.
 */
#include <math.h>
#include <sched.h>
#include <stdio.h>

#include "builtin.h"
#include "clock.h"
#include "machine.h"

#define I(x) jst_value_int(x)
#define D(x) jst_value_double(x)
#define S(x) text_value(x)
#define N jst_value_nil()

static uint64_t errors;

/* function(arguments…) run by the machine; a string is copied and terminated. errors is what the call counted. */
static struct jst_value call(enum jst_function function, unsigned count, const struct jst_value *arguments)
{
	static char text[8192];
	struct machine m;

	machine_open(&m);
	jst_builder_registers(m.builder, 40);
	for (unsigned i = 0; i < count; i++)
		machine_load(&m, i + 1, arguments[i]);
	machine_add(&m, JST_OP_CALL, 0, 1, count, function);
	machine_start_and_fire(&m);
	struct jst_value value = machine_register(&m, 0);

	errors = machine_loss(&m, JST_LOSS_ERRORS);
	ck_assert_uint_eq(machine_losses(&m), errors);
	if (value.kind == JST_STRING) {
		memcpy(text, value.s, value.length);
		text[value.length] = '\0';
		value.s = text;
	}
	machine_close(&m);
	return value;
}

#define CALL(name, ...) call(JST_FUNCTION_##name, sizeof((struct jst_value[]){ __VA_ARGS__ }) / sizeof(struct jst_value), (struct jst_value[]){ __VA_ARGS__ })

#define IS_INT(want, ...)                                   \
	do {                                                \
		const struct jst_value got = CALL(__VA_ARGS__); \
		ck_assert_uint_eq(got.kind, JST_INT);       \
		ck_assert_int_eq(got.i, want);              \
		ck_assert_uint_eq(errors, 0);               \
	} while (0)
#define IS_DOUBLE(want, ...)                                \
	do {                                                \
		const struct jst_value got = CALL(__VA_ARGS__); \
		ck_assert_uint_eq(got.kind, JST_DOUBLE);    \
		ck_assert_msg(got.d == (want), "%a, not %a", got.d, (double)(want)); \
		ck_assert_uint_eq(errors, 0);               \
	} while (0)
#define IS_TEXT(want, ...)                                  \
	do {                                                \
		const struct jst_value got = CALL(__VA_ARGS__); \
		ck_assert_uint_eq(got.kind, JST_STRING);    \
		ck_assert_str_eq(got.s, want);              \
		ck_assert_uint_eq(errors, 0);               \
	} while (0)
/* nil; counted as an error or not */
#define IS_NIL(counted, ...)                                \
	do {                                                \
		const struct jst_value got = CALL(__VA_ARGS__); \
		ck_assert_uint_eq(got.kind, JST_NIL);       \
		ck_assert_uint_eq(errors, counted);         \
	} while (0)

START_TEST(parts_of_strings)
{
	IS_INT(5, STRLEN, S("hello"));
	IS_INT(0, STRLEN, S(""));
	IS_TEXT("llo", SUBSTR, S("hello"), I(2));
	IS_TEXT("ll", SUBSTR, S("hello"), I(2), I(2));
	IS_TEXT("", SUBSTR, S("hello"), I(5));
	IS_TEXT("", SUBSTR, S("hello"), I(99), I(1));
	IS_TEXT("", SUBSTR, S("hello"), I(1), I(0));
	IS_TEXT("ello", SUBSTR, S("hello"), I(1), I(99));
	IS_TEXT("lo", SUBSTR, S("hello"), I(-2));
	IS_TEXT("hello", SUBSTR, S("hello"), I(-99));
	IS_TEXT("ell", SUBSTR, S("hello"), I(1), I(-1));
	IS_TEXT("", SUBSTR, S("hello"), I(3), I(-4));
	IS_TEXT("", SUBSTR, S("hello"), I(3), I(INT64_MIN));
	IS_TEXT("hello", SUBSTR, S("hello"), I(INT64_MIN), I(INT64_MAX));
	IS_TEXT("", SUBSTR, S("hello"), I(INT64_MAX), I(INT64_MAX));
	IS_NIL(1, SUBSTR, S("hello"), D(1));
	IS_NIL(1, SUBSTR, S("hello"), I(1), S("1"));
	IS_TEXT("x y", TRIM, S(" \t\nx y\r\f\v "));
	IS_TEXT("", TRIM, S("  "));
	IS_TEXT("", TRIM, S(""));
	IS_TEXT("c.txt", BASENAME, S("/a/b/c.txt"));
	IS_TEXT("c", BASENAME, S("c"));
	IS_TEXT("", BASENAME, S("a/"));
	IS_TEXT("/a/b", DIRNAME, S("/a/b/c.txt"));
	IS_TEXT("/", DIRNAME, S("/a"));
	IS_TEXT(".", DIRNAME, S("a"));
}
END_TEST

START_TEST(finding_in_strings)
{
	IS_INT(2, STRSTR, S("hello"), S("l"));
	IS_INT(-1, STRSTR, S("hello"), S("lx"));
	IS_INT(0, STRSTR, S("hello"), S(""));
	IS_INT(0, STRSTR, S(""), S(""));
	IS_INT(-1, STRSTR, S("a"), S("ab"));
	IS_INT(3, STRSTR, jst_value_string("a\0bc", 4), S("c"));
	IS_INT(1, STRCONTAINS, S("hello"), S("ell"));
	IS_INT(0, STRCONTAINS, S("hello"), S("elo"));
	IS_INT(1, STARTS_WITH, S("hello"), S("he"));
	IS_INT(0, STARTS_WITH, S("he"), S("hello"));
	IS_INT(1, STARTS_WITH, S("x"), S(""));
	IS_INT(1, ENDS_WITH, S("hello"), S("lo"));
	IS_INT(0, ENDS_WITH, S("hello"), S("l"));
	IS_INT(0, ENDS_WITH, S("lo"), S("hello"));
}
END_TEST

START_TEST(new_strings)
{
	IS_TEXT("hello @[`{ \xc4", LOWER, S("HeLLo @[`{ \xc4"));
	IS_TEXT("HELLO @[`{ \xe4", UPPER, S("HeLLo @[`{ \xe4"));
	IS_TEXT("", UPPER, S(""));
	IS_TEXT("12", STR, I(12));
	IS_TEXT("1.5", STR, D(1.5));
	IS_TEXT("x", STR, S("x"));
	IS_TEXT("nil", STR, N);
	IS_TEXT("a1-0.25nil", CAT, S("a"), I(1), D(-0.25), N);
	IS_TEXT("", CAT, S(""));
}
END_TEST

START_TEST(strings_of_wrong_kind)
{
	IS_NIL(1, STRLEN, I(1));
	IS_NIL(0, STRLEN, N);
	IS_NIL(1, STRSTR, S("a"), I(1));
	IS_NIL(0, STRSTR, N, I(1));
	IS_NIL(0, STRCONTAINS, S("a"), N);
	IS_NIL(1, STRCONTAINS, D(1), S("a"));
	IS_NIL(1, STARTS_WITH, I(1), S("a"));
	IS_NIL(1, ENDS_WITH, I(1), S("a"));
	IS_NIL(1, LOWER, I(1));
	IS_NIL(0, UPPER, N);
	IS_NIL(1, TRIM, D(1));
	IS_NIL(0, SUBSTR, N, I(1));
	IS_NIL(0, SUBSTR, S("a"), N);
	IS_NIL(1, BASENAME, I(1));
	IS_NIL(0, DIRNAME, N);
}
END_TEST

/* A copy that does not fit gives nil; the rest of the scratch is still there. */
START_TEST(a_full_scratch)
{
	struct machine m;
	static char text[6000];

	memset(text, 'x', sizeof(text));
	machine_open(&m);
	machine_load(&m, 0, jst_value_string(text, sizeof(text)));
	machine_load(&m, 1, S("small"));
	machine_add(&m, JST_OP_CALL, 2, 0, 1, JST_FUNCTION_UPPER);
	machine_add(&m, JST_OP_CALL, 3, 0, 2, JST_FUNCTION_CAT);
	machine_add(&m, JST_OP_CALL, 4, 1, 1, JST_FUNCTION_UPPER);
	machine_start_and_fire(&m);
	ck_assert_uint_eq(machine_register(&m, 2).kind, JST_NIL);
	ck_assert_uint_eq(machine_register(&m, 3).kind, JST_NIL);
	ck_assert_mem_eq(machine_register(&m, 4).s, "SMALL", 5);
	ck_assert_uint_eq(machine_loss(&m, JST_LOSS_SCRATCH), 2);
	ck_assert_uint_eq(machine_losses(&m), 2);
	machine_close(&m);
}
END_TEST

START_TEST(conversions)
{
	IS_INT(7, INT, I(7));
	IS_INT(-1, INT, D(-1.9));
	IS_INT(INT64_MAX, INT, D(1e19));
	IS_INT(INT64_MIN, INT, D(-1e19));
	IS_INT(INT64_MAX, INT, D(INFINITY));
	IS_NIL(0, INT, D(NAN));
	IS_INT(31, INT, S("0x1f"));
	IS_INT(-42, INT, S(" -42 "));
	IS_INT(1, INT, S("1.9"));
	IS_INT(INT64_MAX, INT, S("99999999999999999999"));
	IS_NIL(0, INT, S("forty"));
	IS_NIL(0, INT, N);
	IS_DOUBLE(7.0, FLOAT, I(7));
	IS_DOUBLE(0.1, FLOAT, S("0.1"));
	IS_DOUBLE(255.0, FLOAT, S("0xff"));
	IS_DOUBLE(1.5, FLOAT, D(1.5));
	IS_NIL(0, FLOAT, S(""));
	IS_NIL(0, FLOAT, N);
}
END_TEST

START_TEST(rounding)
{
	static const double numbers[] = { 0.0, 0.4, 0.5, 0.6, 1.5, 2.5, -0.4, -0.5, -0.6, -1.5, 0.49999999999999994, 4503599627370495.5, 4503599627370496.0, -4503599627370495.5, 1e15, -7.0 };

	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		IS_INT((int64_t)floor(numbers[i]), FLOOR, D(numbers[i]));
		IS_INT((int64_t)ceil(numbers[i]), CEIL, D(numbers[i]));
		IS_INT((int64_t)round(numbers[i]), ROUND, D(numbers[i]));
	}
	IS_INT(INT64_MAX, FLOOR, D(1e300));
	IS_INT(INT64_MIN, CEIL, D(-1e300));
	IS_INT(3, ROUND, I(3));
	IS_NIL(0, FLOOR, D(NAN));
	IS_NIL(1, CEIL, S("1"));
	IS_NIL(0, ROUND, N);
	IS_INT(5, ABS, I(-5));
	IS_INT(INT64_MIN, ABS, I(INT64_MIN));
	IS_DOUBLE(0.5, ABS, D(-0.5));
	IS_NIL(1, ABS, S("x"));
	IS_NIL(0, ABS, N);
}
END_TEST

START_TEST(least_and_greatest)
{
	IS_INT(1, MIN, I(3), I(1), I(2));
	IS_INT(3, MAX, I(3), I(1), I(2));
	IS_DOUBLE(0.5, MIN, I(1), D(0.5));
	IS_INT((1LL << 53) + 1, MAX, D(0x1p53), I((1LL << 53) + 1));
	IS_TEXT("a", MIN, S("b"), S("a"));
	IS_TEXT("b", MAX, S("b"), S("a"));
	IS_INT(1, MIN, D(NAN), I(1));
	IS_INT(1, MAX, I(1), D(NAN));
	ck_assert(CALL(MIN, D(NAN), D(NAN)).d != 0 && CALL(MIN, D(NAN), D(NAN)).kind == JST_DOUBLE);
	IS_NIL(1, MIN, I(1), S("x"));
	IS_NIL(0, MIN, I(1), N);
	IS_NIL(0, MAX, N, N);
}
END_TEST

START_TEST(roots_and_logarithms)
{
	IS_DOUBLE(3.0, SQRT, I(9));
	IS_DOUBLE(sqrt(2.0), SQRT, D(2));
	IS_DOUBLE(0.0, SQRT, I(0));
	IS_NIL(0, SQRT, I(-1));
	IS_NIL(0, SQRT, D(NAN));
	IS_NIL(1, SQRT, S("4"));
	IS_NIL(0, SQRT, N);
	IS_DOUBLE(10.0, LOG2, I(1024));
	IS_DOUBLE(-1074.0, LOG2, D(5e-324));
	IS_DOUBLE(0.0, LOG2, I(1));
	IS_DOUBLE(INFINITY, LOG2, D(INFINITY));
	IS_NIL(0, LOG2, I(0));
	IS_NIL(0, LOG2, I(-1));
	IS_NIL(0, LOG2, D(NAN));
	IS_NIL(1, LOG2, S("4"));
}
END_TEST

/* Against libm's, within one unit in the last place. */
START_TEST(the_logarithm_is_accurate)
{
	uint64_t state = 0x2545f4914f6cdd1dULL;

	for (int i = 0; i < 200000; i++) {
		double x, step;

		state ^= state << 13;
		state ^= state >> 7;
		state ^= state << 17;
		const uint64_t bits = i % 2 ? (state >> 12) | (1 + state % 2046) << 52 : (0x3feULL << 52) + (state >> 11); /* any, and from 1/2 to 2 */

		memcpy(&x, &bits, sizeof(x));
		const double got = jst_builtin_log2(x);
		const double want = log2(x);

		step = nextafter(fabs(got), INFINITY) - fabs(got);
		ck_assert_msg(fabs(got - want) <= step, "log2(%a) is %a, not %a", x, got, want);
	}
	for (int k = -1074; k < 1024; k++)
		ck_assert(jst_builtin_log2(ldexp(1, k)) == k);
}
END_TEST

START_TEST(has_and_hash)
{
	IS_INT(1, HAS, I(0));
	IS_INT(1, HAS, S(""));
	IS_INT(0, HAS, N);
	/* The same in every process and version: XXH3-64 of the bytes, and of an integer's eight. */
	IS_INT((int64_t)0x78af5f94892f3950ULL, HASH, S("abc"));
	ck_assert_int_eq(CALL(HASH, I(1)).i, CALL(HASH, D(1)).i);
	ck_assert_int_ne(CALL(HASH, I(1)).i, CALL(HASH, S("1")).i);
	ck_assert_int_ne(CALL(HASH, I(1)).i, CALL(HASH, D(1.5)).i);
	ck_assert_int_ne(CALL(HASH, D(1e300)).i, CALL(HASH, D(INFINITY)).i);
	/* 0 / 0 sets the sign of its NaN on some machines. */
	ck_assert_int_eq(CALL(HASH, D(NAN)).i, CALL(HASH, D(-NAN)).i);
	IS_NIL(0, HASH, N);
}
END_TEST

START_TEST(random_numbers)
{
	struct machine m;
	double sum = 0, first;
	int low = 0, repeated = 0;

	machine_open(&m);
	machine_add(&m, JST_OP_CALL, 0, 0, 0, JST_FUNCTION_RAND);
	machine_start(&m);
	machine_fire(&m);
	first = machine_register(&m, 0).d;
	for (int i = 0; i < 20000; i++) {
		machine_fire(&m);
		const struct jst_value value = machine_register(&m, 0);

		ck_assert_uint_eq(value.kind, JST_DOUBLE);
		ck_assert(value.d >= 0 && value.d < 1);
		sum += value.d;
		low += value.d < 0.1;
		repeated += value.d == first;
	}
	/* Eight standard deviations. */
	ck_assert(fabs(sum / 20000 - 0.5) < 0.017);
	ck_assert_int_gt(low, 2000 - 340);
	ck_assert_int_lt(low, 2000 + 340);
	ck_assert_int_eq(repeated, 0);
	/* Another thread's numbers are others. */
	m.runner.serial = 2;
	jst_session_claim(&m.session, &m.runner);
	machine_fire(&m);
	ck_assert(machine_register(&m, 0).d != first);
	machine_close(&m);
}
END_TEST

START_TEST(variables)
{
	struct machine m;

	machine_open(&m);
	jst_builder_registers(m.builder, JST_VARIABLES);
	for (int i = 0; i < JST_VARIABLES; i++)
		machine_add(&m, JST_OP_VARIABLE, (unsigned)i, 0, 0, i);
	machine_start(&m);
	struct jst_memory_header *header = m.session.memory.header;
	struct jst_slot *slot = &m.session.memory.slots[0];

	header->pid = 77;
	header->uid = 4000000000U;
	strcpy(header->title, "api-server");
	strcpy(header->hostname, "host.example");
	memcpy(slot->comm, "sixteen letters!", 16); /* full, without a terminator */
	header->start = machine_now(&m) - 1000;
	atomic_store(&header->clock.scale[0].wall, 1LL << 60);
	m.runner.serial = 9;
	machine_fire(&m);
	const int64_t now = machine_register(&m, JST_VARIABLE_NOW).i;

	ck_assert_int_ge(machine_register(&m, JST_VARIABLE_ELAPSED).i, 1000);
	ck_assert_int_eq(machine_register(&m, JST_VARIABLE_ELAPSED).i, now - header->start);
	ck_assert_int_eq(machine_register(&m, JST_VARIABLE_TIMESTAMP).i, now + (1LL << 60));
	ck_assert_int_eq(machine_register(&m, JST_VARIABLE_PID).i, 77);
	ck_assert_int_eq(machine_register(&m, JST_VARIABLE_TID).i, 4711);
	ck_assert_int_eq(machine_register(&m, JST_VARIABLE_UID).i, 4000000000LL);
	ck_assert_int_eq(machine_register(&m, JST_VARIABLE_THREAD).i, 9);
	ck_assert_int_eq(machine_register(&m, JST_VARIABLE_LINE).i, 42);
	ck_assert_int_ge(machine_register(&m, JST_VARIABLE_CPU).i, 0);
	ck_assert_int_lt(machine_register(&m, JST_VARIABLE_CPU).i, 4096);
	const struct {
		enum jst_variable variable;
		const char *text;
	} rows[] = {
		{ JST_VARIABLE_NAME, "request:end" }, { JST_VARIABLE_PROBENAME, "end" },     { JST_VARIABLE_PREFIX, "request" },      { JST_VARIABLE_FILE, "server.c" },
		{ JST_VARIABLE_TITLE, "api-server" }, { JST_VARIABLE_HOSTNAME, "host.example" }, { JST_VARIABLE_COMM, "sixteen letters!" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct jst_value value = machine_register(&m, rows[i].variable);

		ck_assert_uint_eq(value.kind, JST_STRING);
		ck_assert_uint_eq(value.length, strlen(rows[i].text));
		ck_assert_mem_eq(value.s, rows[i].text, value.length);
	}
	/* A probe without a place, or a colon. */
	m.binding.probe.file = (struct jst_string){ NULL, 0 };
	m.binding.probe.line = 0;
	m.binding.prefix = jst_probe_prefix(machine_string("tick"));
	m.binding.probename = jst_probe_last(machine_string("tick"));
	machine_fire(&m);
	ck_assert_uint_eq(machine_register(&m, JST_VARIABLE_FILE).kind, JST_NIL);
	ck_assert_uint_eq(machine_register(&m, JST_VARIABLE_LINE).kind, JST_NIL);
	ck_assert_uint_eq(machine_register(&m, JST_VARIABLE_PREFIX).kind, JST_STRING);
	ck_assert_uint_eq(machine_register(&m, JST_VARIABLE_PREFIX).length, 0);
	ck_assert_mem_eq(machine_register(&m, JST_VARIABLE_PROBENAME).s, "tick", 4);
	machine_close(&m);
}
END_TEST

/* The CPU that the thread is bound to. */
START_TEST(the_cpu)
{
	cpu_set_t all, one;
	struct machine m;

	ck_assert_int_eq(sched_getaffinity(0, sizeof(all), &all), 0);
	machine_open(&m);
	machine_add(&m, JST_OP_VARIABLE, 0, 0, 0, JST_VARIABLE_CPU);
	machine_start(&m);
	for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
		if (!CPU_ISSET(cpu, &all))
			continue;
		CPU_ZERO(&one);
		CPU_SET(cpu, &one);
		ck_assert_int_eq(sched_setaffinity(0, sizeof(one), &one), 0);
		machine_fire(&m);
		ck_assert_int_eq(machine_register(&m, 0).i, cpu);
	}
	machine_close(&m);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("builtin");
	TCase *strings = tcase_create("strings");
	TCase *numbers = tcase_create("numbers");
	TCase *others = tcase_create("others");

	tcase_add_test(strings, parts_of_strings);
	tcase_add_test(strings, finding_in_strings);
	tcase_add_test(strings, new_strings);
	tcase_add_test(strings, strings_of_wrong_kind);
	tcase_add_test(strings, a_full_scratch);
	tcase_add_test(numbers, conversions);
	tcase_add_test(numbers, rounding);
	tcase_add_test(numbers, least_and_greatest);
	tcase_add_test(numbers, roots_and_logarithms);
	tcase_add_test(numbers, the_logarithm_is_accurate);
	tcase_add_test(others, has_and_hash);
	tcase_add_test(others, random_numbers);
	tcase_add_test(others, variables);
	tcase_add_test(others, the_cpu);
	tcase_set_timeout(strings, 120);
	tcase_set_timeout(numbers, 120);
	suite_add_tcase(suite, strings);
	suite_add_tcase(suite, numbers);
	suite_add_tcase(suite, others);
	SRunner *runner = srunner_create(suite);

	srunner_run_all(runner, CK_ENV);
	const int failed = srunner_ntests_failed(runner);

	srunner_free(runner);
	return failed != 0;
}
