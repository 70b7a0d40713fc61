/*
 * The machine: what each instruction makes of each kind of operand, the budget, storage, records, and events as sessions run them.
 */
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <math.h>
#include <setjmp.h>
#include <signal.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "aggregation.h"
#include "clock.h"
#include "machine.h"
#include "ring.h"

/* ---- one instruction of two operands ---- */

struct outcome {
	struct jst_value value;
	uint64_t errors;
};

/* R[2] = b op c, the operands given as constants. Strings of the result are copied. */
static struct outcome apply(enum jst_opcode op, struct jst_value b, struct jst_value c)
{
	static char text[256];
	struct machine m;

	machine_open(&m);
	machine_load(&m, 0, b);
	machine_load(&m, 1, c);
	machine_add(&m, op, 2, 0, op == JST_OP_NEG || op == JST_OP_INVERT || op == JST_OP_NOT || op == JST_OP_BOOL || op == JST_OP_ISNIL ? 0 : 1, 0);
	machine_start_and_fire(&m);
	struct outcome outcome = { machine_register(&m, 2), machine_loss(&m, JST_LOSS_ERRORS) };

	ck_assert_uint_eq(machine_losses(&m), outcome.errors);
	if (outcome.value.kind == JST_STRING) {
		memcpy(text, outcome.value.s, outcome.value.length);
		outcome.value.s = text;
	}
	machine_close(&m);
	return outcome;
}

#define I(x) jst_value_int(x)
#define D(x) jst_value_double(x)
#define S(x) text_value(x)
#define N jst_value_nil()

static void expect_int(enum jst_opcode op, struct jst_value b, struct jst_value c, int64_t want)
{
	const struct outcome got = apply(op, b, c);

	ck_assert_uint_eq(got.value.kind, JST_INT);
	ck_assert_int_eq(got.value.i, want);
	ck_assert_uint_eq(got.errors, 0);
}

static void expect_double(enum jst_opcode op, struct jst_value b, struct jst_value c, double want)
{
	const struct outcome got = apply(op, b, c);

	ck_assert_uint_eq(got.value.kind, JST_DOUBLE);
	ck_assert_msg(got.value.d == want || (got.value.d != got.value.d && want != want), "%a, not %a", got.value.d, want);
	ck_assert_int_eq(signbit(got.value.d), signbit(want));
	ck_assert_uint_eq(got.errors, 0);
}

static void expect_nil(enum jst_opcode op, struct jst_value b, struct jst_value c, uint64_t errors)
{
	const struct outcome got = apply(op, b, c);

	ck_assert_uint_eq(got.value.kind, JST_NIL);
	ck_assert_uint_eq(got.errors, errors);
}

START_TEST(integers_wrap)
{
	expect_int(JST_OP_ADD, I(2), I(3), 5);
	expect_int(JST_OP_ADD, I(INT64_MAX), I(1), INT64_MIN);
	expect_int(JST_OP_SUB, I(INT64_MIN), I(1), INT64_MAX);
	expect_int(JST_OP_MUL, I(INT64_MAX), I(2), -2);
	expect_int(JST_OP_DIV, I(-7), I(2), -3);
	expect_int(JST_OP_DIV, I(7), I(-1), -7);
	expect_int(JST_OP_DIV, I(INT64_MIN), I(-1), INT64_MIN);
	expect_int(JST_OP_MOD, I(-7), I(2), -1);
	expect_int(JST_OP_MOD, I(INT64_MIN), I(-1), 0);
	expect_int(JST_OP_NEG, I(INT64_MIN), N, INT64_MIN);
	expect_int(JST_OP_NEG, I(5), N, -5);
	expect_int(JST_OP_INVERT, I(5), N, ~5);
	expect_int(JST_OP_AND, I(12), I(10), 8);
	expect_int(JST_OP_OR, I(12), I(10), 14);
	expect_int(JST_OP_XOR, I(12), I(10), 6);
	expect_int(JST_OP_SHL, I(1), I(65), 2);
	expect_int(JST_OP_SHL, I(-1), I(63), INT64_MIN);
	expect_int(JST_OP_SHR, I(-8), I(1), -4);
	expect_int(JST_OP_SHR, I(8), I(-63), 4);
}
END_TEST

START_TEST(doubles_mix_with_integers)
{
	expect_double(JST_OP_ADD, I(1), D(0.5), 1.5);
	expect_double(JST_OP_SUB, D(0.5), I(1), -0.5);
	expect_double(JST_OP_MUL, D(0.5), D(4), 2);
	expect_double(JST_OP_DIV, I(1), D(4), 0.25);
	expect_double(JST_OP_NEG, D(0.0), N, -0.0);
	expect_double(JST_OP_MOD, D(5.5), I(2), 1.5);
	expect_double(JST_OP_MOD, D(-5.5), I(2), -1.5);
	expect_double(JST_OP_MOD, D(INFINITY), I(2), NAN);
	expect_double(JST_OP_MOD, D(5.5), D(INFINITY), 5.5);
}
END_TEST

START_TEST(the_remainder_is_that_of_fmod)
{
	static const double numbers[] = { 0.0,  -0.0,  1,     -1,     0.1,    0.3,     3.7,         1e10,        1e300,  -1e300, 5e-324, 1e-310, 2.2250738585072014e-308,
		                          1e16, 1e-16, 12345, 1.0 / 3, 1e-300, 4.9e-322, 9007199254740993, 1.7976931348623157e308 };
	const size_t count = sizeof(numbers) / sizeof(numbers[0]);
	struct machine m;

	machine_open(&m);
	machine_field(&m, "x", JST_FIELD_DOUBLE);
	machine_field(&m, "y", JST_FIELD_DOUBLE);
	machine_add(&m, JST_OP_FIELD, 0, 0, 0, (int32_t)jst_builder_field(m.builder, "x", 1));
	machine_add(&m, JST_OP_FIELD, 1, 0, 0, (int32_t)jst_builder_field(m.builder, "y", 1));
	machine_add(&m, JST_OP_MOD, 2, 0, 1, 0);
	machine_start(&m);
	for (size_t i = 0; i < count; i++) {
		for (size_t j = 0; j < count; j++) {
			memcpy(&m.words[0], &numbers[i], 8);
			memcpy(&m.words[1], &numbers[j], 8);
			machine_fire(&m);
			const struct jst_value got = machine_register(&m, 2);

			if (numbers[j] == 0) {
				ck_assert_uint_eq(got.kind, JST_NIL);
				continue;
			}
			const double want = fmod(numbers[i], numbers[j]);

			ck_assert_uint_eq(got.kind, JST_DOUBLE);
			ck_assert_msg(memcmp(&got.d, &want, 8) == 0, "%a %% %a is %a, not %a", numbers[i], numbers[j], got.d, want);
		}
	}
	machine_close(&m);
}
END_TEST

START_TEST(errors_and_nil)
{
	expect_nil(JST_OP_DIV, I(1), I(0), 1);
	expect_nil(JST_OP_MOD, I(1), I(0), 1);
	expect_nil(JST_OP_DIV, D(1), D(0), 1);
	expect_nil(JST_OP_DIV, I(1), D(-0.0), 1);
	expect_nil(JST_OP_MOD, D(1), I(0), 1);
	static const enum jst_opcode all[] = { JST_OP_ADD, JST_OP_SUB, JST_OP_MUL, JST_OP_DIV, JST_OP_MOD, JST_OP_AND, JST_OP_OR, JST_OP_XOR, JST_OP_SHL, JST_OP_SHR };

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		expect_nil(all[i], N, I(1), 0);
		expect_nil(all[i], I(1), N, 0);
		expect_nil(all[i], N, N, 0);
		expect_nil(all[i], N, S("x"), 0);
		expect_nil(all[i], I(1), S("x"), 1);
		expect_nil(all[i], S("x"), D(1), 1);
		if (all[i] != JST_OP_ADD)
			expect_nil(all[i], S("x"), S("y"), 1);
		if (all[i] >= JST_OP_AND)
			expect_nil(all[i], D(1), I(1), 1);
	}
	expect_nil(JST_OP_NEG, N, N, 0);
	expect_nil(JST_OP_NEG, S("x"), N, 1);
	expect_nil(JST_OP_INVERT, D(1), N, 1);
	expect_nil(JST_OP_INVERT, N, N, 0);
}
END_TEST

START_TEST(truth)
{
	expect_int(JST_OP_NOT, N, N, 1);
	expect_int(JST_OP_NOT, I(0), N, 1);
	expect_int(JST_OP_NOT, D(0.0), N, 1);
	expect_int(JST_OP_NOT, D(-0.0), N, 1);
	expect_int(JST_OP_NOT, S(""), N, 1);
	expect_int(JST_OP_NOT, I(-1), N, 0);
	expect_int(JST_OP_NOT, D(0.1), N, 0);
	expect_int(JST_OP_NOT, S("0"), N, 0);
	expect_int(JST_OP_BOOL, I(7), N, 1);
	expect_int(JST_OP_BOOL, D(NAN), N, 1);
	expect_int(JST_OP_BOOL, N, N, 0);
	expect_int(JST_OP_ISNIL, N, N, 1);
	expect_int(JST_OP_ISNIL, I(0), N, 0);
	expect_int(JST_OP_ISNIL, S(""), N, 0);
}
END_TEST

/* == != < <= of b and c, as four digits. */
static int relation(struct jst_value b, struct jst_value c)
{
	int digits = 0;

	for (int op = JST_OP_EQ; op <= JST_OP_LE; op++) {
		const struct outcome got = apply((enum jst_opcode)op, b, c);

		ck_assert_uint_eq(got.value.kind, JST_INT);
		ck_assert_uint_eq(got.errors, 0);
		digits = digits * 10 + (int)got.value.i;
	}
	return digits;
}

enum { EQUAL = 1001, LESS = 111, GREATER = 100, APART = 100, NONE = 0 };

START_TEST(comparisons)
{
	ck_assert_int_eq(relation(I(1), I(1)), EQUAL);
	ck_assert_int_eq(relation(I(-1), I(1)), LESS);
	ck_assert_int_eq(relation(I(1), I(-1)), GREATER);
	ck_assert_int_eq(relation(I(1), D(1)), EQUAL);
	ck_assert_int_eq(relation(D(1.5), I(2)), LESS);
	ck_assert_int_eq(relation(D(-1.5), I(-1)), LESS);
	ck_assert_int_eq(relation(I(-1), D(-1.5)), GREATER);
	ck_assert_int_eq(relation(D(0.0), D(-0.0)), EQUAL);
	/* By exact value: 2^53 + 1 is no double. */
	ck_assert_int_eq(relation(I((1LL << 53) + 1), D(0x1p53)), GREATER);
	ck_assert_int_eq(relation(D(0x1p53), I((1LL << 53) + 1)), LESS);
	ck_assert_int_eq(relation(I(INT64_MAX), D(0x1p63)), LESS);
	ck_assert_int_eq(relation(I(INT64_MIN), D(-0x1p63)), EQUAL);
	ck_assert_int_eq(relation(I(INT64_MIN), D(-0x1.0000000000001p63)), GREATER);
	ck_assert_int_eq(relation(I(INT64_MAX), D(INFINITY)), LESS);
	ck_assert_int_eq(relation(D(-INFINITY), I(INT64_MIN)), LESS);
	/* NaN is not equal and not in order. */
	ck_assert_int_eq(relation(D(NAN), D(NAN)), APART);
	ck_assert_int_eq(relation(D(NAN), I(1)), APART);
	ck_assert_int_eq(relation(I(1), D(NAN)), APART);
	/* Strings by their bytes. */
	ck_assert_int_eq(relation(S("a"), S("a")), EQUAL);
	ck_assert_int_eq(relation(S("a"), S("ab")), LESS);
	ck_assert_int_eq(relation(S("b"), S("ab")), GREATER);
	ck_assert_int_eq(relation(S("Z"), S("\xe4")), LESS);
	ck_assert_int_eq(relation(S(""), S("")), EQUAL);
	/* A string and a number are apart; nil is not comparable. */
	ck_assert_int_eq(relation(S("1"), I(1)), APART);
	ck_assert_int_eq(relation(D(1), S("1")), APART);
	ck_assert_int_eq(relation(N, N), NONE);
	ck_assert_int_eq(relation(N, I(0)), NONE);
	ck_assert_int_eq(relation(S(""), N), NONE);
}
END_TEST

START_TEST(matching)
{
	expect_int(JST_OP_MATCH, S("/api/users"), S("/api/*"), 1);
	expect_int(JST_OP_MATCH, S("/web/users"), S("/api/*"), 0);
	expect_int(JST_OP_MATCH, N, S("*"), 0);
	expect_int(JST_OP_MATCH, I(1), S("*"), 0);
	expect_int(JST_OP_MATCH, S("x"), N, 0);
}
END_TEST

START_TEST(strings_are_concatenated)
{
	const struct outcome got = apply(JST_OP_ADD, S("foo"), S("bar"));

	ck_assert_uint_eq(got.value.kind, JST_STRING);
	ck_assert_uint_eq(got.value.length, 6);
	ck_assert_mem_eq(got.value.s, "foobar", 6);
	ck_assert_uint_eq(apply(JST_OP_ADD, S(""), S("")).value.length, 0);
}
END_TEST

/* A string grown in place must not change the shorter one that it grew from. */
START_TEST(a_grown_string_leaves_its_beginning_alone)
{
	struct machine m;

	machine_open(&m);
	machine_load(&m, 0, S("ab"));
	machine_load(&m, 1, S("c"));
	machine_load(&m, 2, S("d"));
	machine_add(&m, JST_OP_ADD, 3, 0, 1, 0); /* abc */
	machine_add(&m, JST_OP_ADD, 4, 3, 2, 0); /* abcd, in place */
	machine_add(&m, JST_OP_ADD, 5, 3, 1, 0); /* abcc, elsewhere */
	machine_add(&m, JST_OP_ADD, 6, 4, 5, 0);
	machine_start_and_fire(&m);
	ck_assert_mem_eq(machine_register(&m, 3).s, "abc", 3);
	ck_assert_uint_eq(machine_register(&m, 3).length, 3);
	ck_assert_mem_eq(machine_register(&m, 4).s, "abcd", 4);
	ck_assert_mem_eq(machine_register(&m, 5).s, "abcc", 4);
	ck_assert_uint_eq(machine_register(&m, 6).length, 8);
	ck_assert_mem_eq(machine_register(&m, 6).s, "abcdabcc", 8);
	machine_close(&m);
}
END_TEST

START_TEST(a_full_scratch_gives_nil)
{
	struct machine m;

	machine_open(&m);
	machine_load(&m, 0, S("0123456789abcdef"));
	machine_add(&m, JST_OP_INT, 1, 0, 0, 10);
	machine_add(&m, JST_OP_INT, 2, 0, 0, 1);
	machine_add(&m, JST_OP_ADD, 0, 0, 0, 0); /* 3: twice as long ten times: 16 KiB */
	machine_add(&m, JST_OP_SUB, 1, 1, 2, 0);
	machine_add(&m, JST_OP_JTRUE, 1, 0, 0, 3);
	machine_start_and_fire(&m);
	ck_assert_uint_eq(machine_register(&m, 0).kind, JST_NIL);
	ck_assert_uint_eq(machine_loss(&m, JST_LOSS_SCRATCH), 1);
	/* The next run begins anew. */
	machine_fire(&m);
	ck_assert_uint_eq(machine_loss(&m, JST_LOSS_SCRATCH), 2);
	ck_assert_uint_eq(machine_losses(&m), 2);
	machine_close(&m);
}
END_TEST

/* ---- moving values, fields ---- */

START_TEST(loads)
{
	struct machine m;

	machine_open(&m);
	machine_add(&m, JST_OP_INT, 0, 0, 0, -2147483647 - 1);
	machine_load(&m, 1, I(INT64_MIN));
	machine_load(&m, 2, D(2.5));
	machine_load(&m, 3, S("text"));
	machine_load(&m, 4, N);
	machine_add(&m, JST_OP_NIL, 5, 0, 0, 0);
	machine_add(&m, JST_OP_MOVE, 6, 3, 0, 0);
	machine_start_and_fire(&m);
	ck_assert_int_eq(machine_register(&m, 0).i, -2147483648LL);
	ck_assert_int_eq(machine_register(&m, 1).i, INT64_MIN);
	ck_assert(machine_register(&m, 2).d == 2.5);
	ck_assert_uint_eq(machine_register(&m, 4).kind, JST_NIL);
	ck_assert_uint_eq(machine_register(&m, 5).kind, JST_NIL);
	ck_assert_mem_eq(machine_register(&m, 6).s, "text", 5);
	ck_assert_uint_eq(machine_register(&m, 6).length, 4);
	machine_close(&m);
}
END_TEST

START_TEST(fields_of_every_type)
{
	static const char *const names[] = { "int", "uint", "bool", "double", "string", "bytes", "pointer", "null", "absent" };
	struct machine m;
	const double d = -0.25;

	machine_open(&m);
	machine_field(&m, "int", JST_FIELD_INT);
	machine_field(&m, "bytes", JST_FIELD_BYTES);
	machine_field(&m, "uint", JST_FIELD_UINT);
	machine_field(&m, "bool", JST_FIELD_BOOL);
	machine_field(&m, "double", JST_FIELD_DOUBLE);
	machine_field(&m, "string", JST_FIELD_STRING);
	machine_field(&m, "pointer", JST_FIELD_POINTER);
	machine_field(&m, "null", JST_FIELD_STRING);
	for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		machine_add(&m, JST_OP_FIELD, i, 0, 0, (int32_t)jst_builder_field(m.builder, names[i], strlen(names[i])));
	machine_start(&m);
	m.words[0] = (uint64_t)-5;
	m.words[1] = (uint64_t)(uintptr_t) "a\0b";
	m.words[2] = 3;
	m.words[3] = UINT64_MAX;
	m.words[4] = 1;
	memcpy(&m.words[5], &d, 8);
	m.words[6] = (uint64_t)(uintptr_t) "hello";
	m.words[7] = 0x1234;
	m.words[8] = 0;
	machine_fire(&m);
	ck_assert_int_eq(machine_register(&m, 0).i, -5);
	ck_assert_int_eq(machine_register(&m, 1).i, -1);
	ck_assert_int_eq(machine_register(&m, 2).i, 1);
	ck_assert(machine_register(&m, 3).d == -0.25 && machine_register(&m, 3).kind == JST_DOUBLE);
	ck_assert_uint_eq(machine_register(&m, 4).length, 5);
	ck_assert_mem_eq(machine_register(&m, 4).s, "hello", 5);
	ck_assert_uint_eq(machine_register(&m, 5).length, 3);
	ck_assert_mem_eq(machine_register(&m, 5).s, "a\0b", 3);
	ck_assert_int_eq(machine_register(&m, 6).i, 0x1234);
	ck_assert_uint_eq(machine_register(&m, 7).kind, JST_NIL);
	ck_assert_uint_eq(machine_register(&m, 8).kind, JST_NIL);
	/* A length beyond 31 bits is cut, not taken for a small one. */
	m.words[2] = 1ULL << 32 | 1;
	m.session.budget = UINT32_MAX;
	machine_fire(&m);
	ck_assert_uint_eq(machine_register(&m, 5).length, INT32_MAX);
	machine_close(&m);
}
END_TEST

/* ---- jumps and the budget ---- */

/* Sums 1 … n, n in R[0]; the loop has five instructions, and seven stand around it. */
static void add_loop(struct machine *m, int32_t n)
{
	machine_add(m, JST_OP_INT, 0, 0, 0, n);
	machine_add(m, JST_OP_INT, 1, 0, 0, 0);
	machine_add(m, JST_OP_INT, 2, 0, 0, 1);
	machine_add(m, JST_OP_JFALSE, 0, 0, 0, 7); /* 3: the head */
	machine_add(m, JST_OP_ADD, 1, 1, 0, 0);
	machine_add(m, JST_OP_SUB, 0, 0, 2, 0);
	machine_add(m, JST_OP_JUMP, 0, 0, 0, 3);
	machine_add(m, JST_OP_MOVE, 3, 1, 0, 0); /* 7 */
}

START_TEST(loops)
{
	struct machine m;

	machine_open(&m);
	add_loop(&m, 100);
	machine_start_and_fire(&m);
	ck_assert_int_eq(machine_register(&m, 3).i, 5050);
	ck_assert_uint_eq(machine_losses(&m), 0);
	machine_close(&m);
}
END_TEST

START_TEST(conditions_are_truth)
{
	const struct {
		struct jst_value value;
		bool truth;
	} rows[] = { { I(0), false }, { I(-3), true }, { D(0), false }, { D(0.5), true }, { S(""), false }, { S("x"), true }, { N, false } };

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct machine m;

		machine_open(&m);
		machine_load(&m, 0, rows[i].value);
		machine_add(&m, JST_OP_INT, 1, 0, 0, 0);
		machine_add(&m, JST_OP_INT, 2, 0, 0, 0);
		machine_add(&m, JST_OP_JFALSE, 0, 0, 0, 5);
		machine_add(&m, JST_OP_INT, 1, 0, 0, 1);
		machine_add(&m, JST_OP_JTRUE, 0, 0, 0, 7); /* 5 */
		machine_add(&m, JST_OP_INT, 2, 0, 0, 1);
		machine_start_and_fire(&m); /* 7: return */
		ck_assert_int_eq(machine_register(&m, 1).i, rows[i].truth);
		ck_assert_int_eq(machine_register(&m, 2).i, !rows[i].truth);
		machine_close(&m);
	}
}
END_TEST

/* Nine instructions at entry, four for each of ten times round: 49. */
START_TEST(the_budget_is_exact)
{
	for (uint32_t budget = 47; budget < 51; budget++) {
		struct machine m;

		machine_open(&m);
		m.session.budget = budget;
		add_loop(&m, 10);
		machine_start_and_fire(&m);
		ck_assert_uint_eq(machine_loss(&m, JST_LOSS_BUDGET), budget < 49);
		if (budget >= 49)
			ck_assert_int_eq(machine_register(&m, 3).i, 55);
		machine_close(&m);
	}
}
END_TEST

START_TEST(a_clause_longer_than_the_budget_does_not_begin)
{
	struct machine m;

	machine_open(&m);
	const uint32_t map = jst_builder_map(m.builder, 0, 0);

	m.session.budget = 2;
	machine_add(&m, JST_OP_INT, 0, 0, 0, 1);
	machine_add(&m, JST_OP_MAPSET, 0, 0, 0, (int32_t)map);
	machine_start_and_fire(&m);
	ck_assert_uint_eq(machine_entry(&m, map, NULL).kind, JST_NIL);
	ck_assert_uint_eq(machine_losses(&m), 1);
	ck_assert_uint_eq(machine_loss(&m, JST_LOSS_BUDGET), 1);
	machine_close(&m);
}
END_TEST

START_TEST(an_endless_loop_ends)
{
	struct machine m;

	machine_open(&m);
	machine_add(&m, JST_OP_JUMP, 0, 0, 0, 0);
	machine_start_and_fire(&m);
	ck_assert_uint_eq(machine_loss(&m, JST_LOSS_BUDGET), 1);
	machine_close(&m);
}
END_TEST

/* What a clause did before it was abandoned stays, and the next clause has a budget of its own. */
START_TEST(the_other_clauses_run)
{
	struct machine m;

	machine_open(&m);
	const uint32_t map = jst_builder_map(m.builder, 0, 1);

	machine_add(&m, JST_OP_INT, 0, 0, 0, 1);
	machine_add(&m, JST_OP_MAPSET, 0, 0, 1, (int32_t)map);
	machine_add(&m, JST_OP_JUMP, 0, 0, 0, 2);
	jst_builder_clause(m.builder);
	jst_builder_pattern(m.builder, "another:*", 9, JST_PATTERN_GLOB);
	jst_builder_registers(m.builder, 1);
	machine_add(&m, JST_OP_INT, 0, 0, 0, 2);
	machine_add(&m, JST_OP_MAPSET, 0, 0, 1, (int32_t)map);
	machine_add(&m, JST_OP_RETURN, 0, 0, 0, 0);
	jst_builder_clause(m.builder);
	jst_builder_pattern(m.builder, "request:end", 11, 0);
	jst_builder_registers(m.builder, 1);
	machine_add(&m, JST_OP_INT, 0, 0, 0, 3);
	machine_add(&m, JST_OP_MAPSET, 0, 0, 1, (int32_t)map);
	machine_start_and_fire(&m);
	const struct jst_value keys[3] = { I(1), I(2), I(3) };

	ck_assert_int_eq(machine_entry(&m, map, &keys[0]).i, 1);
	ck_assert_uint_eq(machine_entry(&m, map, &keys[1]).kind, JST_NIL);
	ck_assert_int_eq(machine_entry(&m, map, &keys[2]).i, 3);
	ck_assert_uint_eq(machine_loss(&m, JST_LOSS_BUDGET), 1);
	/* By its index a clause runs whatever the probe's name. */
	jst_session_clause(&m.session, &m.runner, &m.binding, m.words, 1);
	ck_assert_int_eq(machine_entry(&m, map, &keys[1]).i, 2);
	machine_close(&m);
}
END_TEST

/* Long strings are charged: a comparison of 64 KiB is 4,096 steps. */
START_TEST(strings_are_charged)
{
	static char text[(1 << 16) + 1];
	struct machine m;

	memset(text, 'x', 1 << 16);
	machine_open(&m);
	m.options.string_size = 1 << 16;
	machine_field(&m, "s", JST_FIELD_BYTES);
	machine_add(&m, JST_OP_FIELD, 0, 0, 0, (int32_t)jst_builder_field(m.builder, "s", 1));
	machine_add(&m, JST_OP_EQ, 1, 0, 0, 0);
	machine_start(&m);
	m.words[0] = (uint64_t)(uintptr_t)text;
	m.words[1] = 1 << 16;
	m.session.budget = 2 * 4096 + 3;
	machine_fire(&m);
	ck_assert_uint_eq(machine_loss(&m, JST_LOSS_BUDGET), 0);
	ck_assert_int_eq(machine_register(&m, 1).i, 1);
	m.session.budget--;
	machine_fire(&m);
	ck_assert_uint_eq(machine_loss(&m, JST_LOSS_BUDGET), 1);
	machine_close(&m);
}
END_TEST

/* A glob that goes back and forth over a long text would take 2^32 steps. */
START_TEST(globs_are_charged)
{
	static char text[1 << 16], glob[1 << 10];
	struct machine m;

	memset(text, 'a', sizeof(text));
	memset(glob, 'a', sizeof(glob));
	glob[0] = '*';
	glob[sizeof(glob) - 1] = 'b';
	machine_open(&m);
	machine_field(&m, "s", JST_FIELD_BYTES);
	machine_add(&m, JST_OP_FIELD, 0, 0, 0, (int32_t)jst_builder_field(m.builder, "s", 1));
	machine_load(&m, 1, jst_value_string(glob, sizeof(glob)));
	machine_add(&m, JST_OP_MATCH, 2, 0, 1, 0);
	machine_start(&m);
	m.words[0] = (uint64_t)(uintptr_t)text;
	m.words[1] = sizeof(text);
	machine_fire(&m);
	ck_assert_uint_eq(machine_loss(&m, JST_LOSS_BUDGET), 1);
	machine_close(&m);
}
END_TEST

/* ---- storage ---- */

START_TEST(maps)
{
	struct machine m;

	machine_open(&m);
	const uint32_t any = jst_builder_map(m.builder, 0, 2), integers = jst_builder_map(m.builder, JST_MAP_INT, 1), scalar = jst_builder_map(m.builder, 0, 0);
	const struct jst_value initial_keys[2] = { S("initial"), D(0.5) }, keys[2] = { S("a"), I(1) };

	jst_builder_initial(m.builder, any, initial_keys, 2, S("value"));
	machine_load(&m, 0, S("a"));
	machine_add(&m, JST_OP_INT, 1, 0, 0, 1);
	machine_load(&m, 2, S("x"));
	machine_add(&m, JST_OP_MAPADD, 2, 0, 2, (int32_t)any);
	machine_add(&m, JST_OP_MAPADD, 2, 0, 2, (int32_t)any);
	machine_add(&m, JST_OP_MAPGET, 3, 0, 2, (int32_t)any);
	machine_add(&m, JST_OP_MAPHAS, 4, 0, 2, (int32_t)any);
	machine_add(&m, JST_OP_MAPHAS, 5, 1, 2, (int32_t)any);
	machine_add(&m, JST_OP_MAPADD, 1, 1, 1, (int32_t)integers);
	machine_add(&m, JST_OP_MAPADD, 1, 1, 1, (int32_t)integers);
	machine_add(&m, JST_OP_MAPGET, 6, 1, 1, (int32_t)integers);
	machine_add(&m, JST_OP_MAPSUB, 1, 1, 1, (int32_t)integers);
	machine_add(&m, JST_OP_MAPGET, 7, 1, 1, (int32_t)integers);
	machine_add(&m, JST_OP_MAPDELETE, 0, 1, 1, (int32_t)integers);
	machine_add(&m, JST_OP_MAPHAS, 8, 1, 1, (int32_t)integers);
	machine_add(&m, JST_OP_MAPSET, 2, 0, 0, (int32_t)scalar);
	machine_add(&m, JST_OP_MAPGET, 9, 0, 0, (int32_t)scalar);
	/* A register may be key and value and result at once. */
	machine_add(&m, JST_OP_MAPSET, 1, 1, 1, (int32_t)integers);
	machine_add(&m, JST_OP_MAPGET, 1, 1, 1, (int32_t)integers);
	machine_add(&m, JST_OP_MAPADD, 0, 0, 0, (int32_t)scalar);
	machine_add(&m, JST_OP_NIL, 10, 0, 0, 0);
	machine_add(&m, JST_OP_MAPGET, 11, 0, 0, (int32_t)scalar);
	machine_add(&m, JST_OP_MAPSET, 10, 0, 0, (int32_t)scalar);
	machine_add(&m, JST_OP_MAPHAS, 12, 0, 0, (int32_t)scalar);
	machine_start_and_fire(&m);
	ck_assert_uint_eq(machine_register(&m, 3).length, 2);
	ck_assert_mem_eq(machine_register(&m, 3).s, "xx", 2);
	ck_assert_int_eq(machine_register(&m, 4).i, 1);
	ck_assert_int_eq(machine_register(&m, 5).i, 0);
	ck_assert_int_eq(machine_register(&m, 6).i, 2);
	ck_assert_int_eq(machine_register(&m, 7).i, 1);
	ck_assert_int_eq(machine_register(&m, 8).i, 0);
	ck_assert_mem_eq(machine_register(&m, 9).s, "x", 1);
	ck_assert_int_eq(machine_register(&m, 1).i, 1);
	ck_assert_mem_eq(machine_register(&m, 11).s, "xa", 2);
	ck_assert_int_eq(machine_register(&m, 12).i, 0);
	ck_assert_uint_eq(machine_losses(&m), 0);
	ck_assert_mem_eq(machine_entry(&m, any, initial_keys).s, "value", 5);
	ck_assert_mem_eq(machine_entry(&m, any, keys).s, "xx", 2);
	machine_close(&m);
}
END_TEST

/* Adds up all cells of the thread, both banks. */
static struct jst_result read_aggregation(const struct machine *m, uint32_t index)
{
	const struct jst_memory *memory = &m->session.memory;
	const struct jst_aggregation_decl *decl = (const struct jst_aggregation_decl *)jst_program_section(m->program, JST_SECTION_AGGREGATIONS) + index;
	const struct jst_source source = { "host", 1 };
	struct jst_result result;

	jst_result_init(&result, decl);
	for (int b = 0; b < JST_BANKS; b++) {
		jst_ref ref = atomic_load(&memory->slots[m->runner.slot].banks[b].first_chunk);

		while (ref) {
			struct jst_chunk *chunk = jst_memory_at(memory, ref);
			const uint32_t used = atomic_load(&chunk->used);

			for (uint32_t at = sizeof(*chunk); at < used;) {
				struct jst_cell *cell = (struct jst_cell *)(void *)((char *)chunk + at);

				if (cell->type == JST_CELL_STATE && cell->aggregation == index) {
					const char *state = jst_cell_state(cell);

					ck_assert(jst_result_add_state(&result, decl, state, (uint32_t)((const char *)cell + cell->size - state), &source));
				}
				if (cell->type == JST_CELL_EXEMPLARS && cell->aggregation == index)
					ck_assert(jst_result_add_exemplars(&result, decl, cell, cell->size, &source));
				if (cell->type == JST_CELL_ROW && cell->aggregation == index)
					ck_assert(jst_result_add_row(&result, decl, cell, cell->size));
				at += cell->size;
			}
			ref = atomic_load(&chunk->next);
		}
	}
	return result;
}

START_TEST(aggregations)
{
	struct machine m;

	machine_open(&m);
	const uint32_t count = jst_builder_aggregation(m.builder, JST_AGGREGATION_COUNT, 0, (int64_t[3]){ 0 });
	const uint32_t sum = jst_builder_aggregation(m.builder, JST_AGGREGATION_SUM, 1, (int64_t[3]){ 0 });
	const uint32_t last = jst_builder_aggregation(m.builder, JST_AGGREGATION_LAST, 0, (int64_t[3]){ 0 });

	machine_field(&m, "x", JST_FIELD_INT);
	machine_add(&m, JST_OP_AGGREGATE, 0, 0, 0, (int32_t)count);
	machine_add(&m, JST_OP_FIELD, 0, 0, 0, (int32_t)jst_builder_field(m.builder, "x", 1));
	machine_load(&m, 1, S("key"));
	machine_add(&m, JST_OP_AGGREGATE, 0, 1, 1, (int32_t)sum);
	machine_add(&m, JST_OP_AGGREGATE, 0, 1, 0, (int32_t)last);
	machine_add(&m, JST_OP_NIL, 0, 0, 0, 0);
	machine_add(&m, JST_OP_AGGREGATE, 0, 1, 1, (int32_t)sum);
	machine_start(&m);
	/* Before any calibration, the offset of the wall clock alone. */
	atomic_store(&m.session.memory.header->clock.scale[0].wall, 1000000000000000000LL);
	for (m.words[0] = 1; m.words[0] <= 10; m.words[0]++)
		machine_fire(&m);
	struct jst_result result = read_aggregation(&m, count);

	ck_assert_uint_eq(result.count, 10);
	jst_result_fini(&result);
	result = read_aggregation(&m, sum);
	ck_assert_int_eq((int64_t)result.sum.integers, 55);
	jst_result_fini(&result);
	result = read_aggregation(&m, last);
	ck_assert_int_eq(result.last.i, 10);
	ck_assert_int_gt(result.last_timestamp, 1000000000000000000LL);
	ck_assert_int_eq(result.last_tid, 4711);
	jst_result_fini(&result);
	ck_assert_uint_eq(machine_loss(&m, JST_LOSS_SKIPPED), 10);
	ck_assert_uint_eq(machine_losses(&m), 10);
	machine_close(&m);
}
END_TEST

START_TEST(exemplars)
{
	struct machine m;
	uint32_t count;

	machine_open(&m);
	const uint32_t hist = jst_builder_aggregation(m.builder, JST_AGGREGATION_HIST, 1, (int64_t[3]){ 4, 1 });
	const uint32_t distinct = jst_builder_aggregation(m.builder, JST_AGGREGATION_DISTINCT, 0, (int64_t[3]){ 0 });

	/* The key is a constant, the exemplar a field; it comes with each event of another. */
	machine_field(&m, "x", JST_FIELD_INT);
	machine_load(&m, 0, S("key"));
	machine_add(&m, JST_OP_FIELD, 1, 0, 0, (int32_t)jst_builder_field(m.builder, "x", 1));
	machine_add(&m, JST_OP_INT, 2, 0, 0, 100);
	machine_add(&m, JST_OP_AGGREGATE, 2, 0, 2, (int32_t)hist);
	machine_add(&m, JST_OP_AGGREGATE, 1, 0, 0, (int32_t)distinct);
	machine_add(&m, JST_OP_AGGREGATE, 0, 0, 0, (int32_t)distinct);
	machine_start(&m);
	ck_assert(m.program->flags & JST_PROGRAM_CLOCK);
	atomic_store(&m.session.memory.header->clock.scale[0].wall, 1000000000000000000LL);
	for (m.words[0] = 1; m.words[0] <= 10; m.words[0]++)
		machine_fire(&m);
	struct jst_result result = read_aggregation(&m, hist);
	const struct jst_exemplar *exemplar = jst_result_exemplars(&result, jst_histogram_power(100), &count);

	ck_assert_uint_eq(result.count, 10);
	ck_assert_uint_eq(count, 3);
	for (uint32_t i = 0; i < count; i++) {
		ck_assert_int_gt(exemplar[i].timestamp, 1000000000000000000LL);
		ck_assert_int_eq(exemplar[i].tid, 4711);
	}
	ck_assert_uint_eq(exemplar[0].kind, JST_INT);
	ck_assert_int_eq(exemplar[0].bits, 10);
	jst_result_fini(&result);
	result = read_aggregation(&m, distinct);
	ck_assert_int_eq(jst_result_distinct(&result), 11);
	jst_result_fini(&result);
	ck_assert_uint_eq(machine_losses(&m), 0);
	machine_close(&m);
}
END_TEST

/* ---- reading aggregations ---- */

struct fake {
	int drains;
	double q;
};

static struct jst_value fake_value(void *context, uint32_t aggregation, const struct jst_value *keys)
{
	(void)context;
	return jst_value_int(keys[0].i * 10 + aggregation);
}

static struct jst_value fake_quantile(void *context, uint32_t aggregation, const struct jst_value *keys, double q, uint32_t *cost)
{
	struct fake *fake = context;

	fake->q = q;
	*cost += 1600;
	return jst_value_int(keys[0].i + aggregation);
}

static uint32_t fake_count(void *context, uint32_t aggregation)
{
	(void)context;
	return aggregation + 2;
}

static bool fake_keys(void *context, uint32_t aggregation, int64_t rank, struct jst_value *keys)
{
	(void)context;
	keys[0] = jst_value_int(rank + aggregation);
	return rank < 2;
}

static void fake_drain(void *context)
{
	((struct fake *)context)->drains++;
}

/* R[1] = value, R[2] = quantile q, R[3] = how many keys, R[4] the key at rank 1, R[5] that at rank 2. */
static void read_all(struct machine *m, struct fake *fake, struct jst_value q, bool hosted)
{
	struct jst_host host = { fake, fake_value, fake_quantile, fake_count, fake_keys, fake_drain };

	machine_open(m);
	const int32_t hist = (int32_t)jst_builder_aggregation(m->builder, JST_AGGREGATION_HIST, 1, (int64_t[3]){ 4 });
	const int32_t count = (int32_t)jst_builder_aggregation(m->builder, JST_AGGREGATION_COUNT, 1, (int64_t[3]){ 0 });

	machine_load(m, 6, jst_value_int(7));
	machine_load(m, 7, q);
	machine_add(m, JST_OP_AGGGET, 1, 6, 1, count);
	machine_add(m, JST_OP_AGGQUANTILE, 2, 6, 2, hist);
	machine_add(m, JST_OP_AGGCOUNT, 3, 0, 0, count);
	machine_add(m, JST_OP_INT, 0, 0, 0, 1);
	machine_add(m, JST_OP_AGGKEYS, 0, 4, 1, count);
	machine_add(m, JST_OP_INT, 0, 0, 0, 2);
	machine_add(m, JST_OP_AGGKEYS, 0, 5, 1, count);
	machine_add(m, JST_OP_RECORD, 0, 4, 1, (int32_t)jst_builder_record(m->builder, 1));
	machine_start(m);
	m->session.host = hosted ? &host : NULL;
	machine_fire(m);
	m->session.host = NULL;
}

START_TEST(aggregations_are_read_through_the_host)
{
	struct machine m;
	struct fake fake = { 0 };

	read_all(&m, &fake, D(0.25), true);
	ck_assert_int_eq(machine_register(&m, 1).i, 71);
	ck_assert_int_eq(machine_register(&m, 2).i, 7);
	ck_assert_double_eq(fake.q, 0.25);
	ck_assert_int_eq(machine_register(&m, 3).i, 3);
	ck_assert_int_eq(machine_register(&m, 4).i, 2);
	ck_assert_uint_eq(machine_register(&m, 5).kind, JST_NIL);
	ck_assert_int_eq(fake.drains, 1);
	ck_assert_uint_eq(machine_losses(&m), 0);
	machine_close(&m);
}
END_TEST

/* What no host can be asked, as in a target, is not known. */
START_TEST(without_a_host_aggregations_are_nil)
{
	struct machine m;
	struct fake fake = { 0 };

	read_all(&m, &fake, D(0.25), false);
	ck_assert_uint_eq(machine_register(&m, 1).kind, JST_NIL);
	ck_assert_uint_eq(machine_register(&m, 2).kind, JST_NIL);
	ck_assert_int_eq(machine_register(&m, 3).i, 0);
	ck_assert_uint_eq(machine_register(&m, 4).kind, JST_NIL);
	ck_assert_uint_eq(machine_register(&m, 5).kind, JST_NIL);
	ck_assert_int_eq(fake.drains, 0);
	ck_assert_uint_eq(machine_losses(&m), 0);
	machine_close(&m);
}
END_TEST

START_TEST(a_quantile_is_from_0_to_1)
{
	const struct {
		struct jst_value q;
		bool good, error;
	} rows[] = { { D(0), true, false }, { I(0), true, false }, { I(1), true, false }, { D(1), true, false }, { N, false, false }, { I(2), false, true }, { I(-1), false, true }, { D(1.001), false, true },
	             { D(-0.001), false, true }, { D(NAN), false, true }, { S("0.5"), false, true } };

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct machine m;
		struct fake fake = { .q = -1 };

		read_all(&m, &fake, rows[i].q, true);
		ck_assert_uint_eq(machine_register(&m, 2).kind, rows[i].good ? JST_INT : JST_NIL);
		ck_assert(rows[i].good == (fake.q >= 0));
		ck_assert_uint_eq(machine_loss(&m, JST_LOSS_ERRORS), rows[i].error);
		ck_assert_uint_eq(machine_losses(&m), rows[i].error);
		machine_close(&m);
	}
}
END_TEST

/* What the host looks at is charged, so that no loop over quantiles goes on for long. */
START_TEST(reading_is_charged)
{
	struct machine m;
	struct fake fake = { 0 };
	struct jst_host host = { &fake, fake_value, fake_quantile, fake_count, fake_keys, fake_drain };

	machine_open(&m);
	jst_builder_aggregation(m.builder, JST_AGGREGATION_HIST, 0, (int64_t[3]){ 4 });
	const int32_t runs = (int32_t)jst_builder_map(m.builder, 0, 0);

	machine_load(&m, 0, D(0.5));
	machine_load(&m, 1, I(1));
	machine_add(&m, JST_OP_AGGQUANTILE, 2, 0, 1, 0);
	machine_add(&m, JST_OP_MAPADD, 1, 0, 0, runs);
	machine_add(&m, JST_OP_JUMP, 0, 0, 0, 2);
	machine_start(&m);
	m.session.host = &host;
	machine_fire(&m);
	m.session.host = NULL;
	ck_assert_uint_eq(machine_loss(&m, JST_LOSS_BUDGET), 1);
	/* 1,600 bytes and a look-up are 104 instructions, the loop itself 3. */
	ck_assert_int_eq(machine_entry(&m, (uint32_t)runs, NULL).i, (10000 - 6) / 107);
	machine_close(&m);
}
END_TEST

/* ---- records ---- */

START_TEST(records_and_events)
{
	_Alignas(8) static unsigned char buffer[4096];
	struct jst_value values[JST_MAX_ARGUMENTS];
	struct machine m;

	machine_open(&m);
	machine_field(&m, "id", JST_FIELD_INT);
	machine_field(&m, "path", JST_FIELD_STRING);
	machine_field(&m, "data", JST_FIELD_BYTES);
	const uint32_t record = jst_builder_record(m.builder, 2), event = jst_builder_record(m.builder, 0);

	machine_load(&m, 0, S("text"));
	machine_load(&m, 1, D(1.5));
	machine_add(&m, JST_OP_RECORD, 0, 0, 2, (int32_t)record);
	machine_add(&m, JST_OP_EVENT, 0, 0, 0, (int32_t)event);
	machine_start(&m);
	m.binding.site = jst_site_write(&m.session.memory, &m.binding.probe);
	m.words[0] = 42;
	m.words[1] = (uint64_t)(uintptr_t) "/index";
	m.words[2] = (uint64_t)(uintptr_t) "\0\1\2";
	m.words[3] = 3;
	machine_fire(&m);

	struct jst_ring_reader reader = { .base = m.base, .size = m.options.size };
	const jst_ref ring = atomic_load(&m.session.memory.slots[0].ring);
	const struct jst_record *header = (const void *)buffer;
	int size = jst_ring_read(&reader, ring, buffer, sizeof(buffer));

	ck_assert_int_gt(size, (int)sizeof(*header));
	ck_assert_uint_eq(header->index, record);
	ck_assert_uint_eq(header->values, 2);
	ck_assert_int_eq(header->tid, 4711);
	ck_assert_int_gt(header->now, 0);
	ck_assert_uint_eq(header->site, m.binding.site);
	ck_assert(jst_key_decode(header + 1, (uint32_t)size - (uint32_t)sizeof(*header), values, 2));
	ck_assert_mem_eq(values[0].s, "text", 4);
	ck_assert(values[1].d == 1.5);

	size = jst_ring_read(&reader, ring, buffer, sizeof(buffer));
	ck_assert_int_gt(size, (int)sizeof(*header));
	ck_assert_uint_eq(header->index, event);
	ck_assert_uint_eq(header->values, 3);
	ck_assert(jst_key_decode(header + 1, (uint32_t)size - (uint32_t)sizeof(*header), values, 3));
	ck_assert_int_eq(values[0].i, 42);
	ck_assert_mem_eq(values[1].s, "/index", 6);
	ck_assert_mem_eq(values[2].s, "\0\1\2", 3);
	ck_assert_int_eq(jst_ring_read(&reader, ring, buffer, sizeof(buffer)), 0);
	ck_assert_uint_eq(machine_losses(&m), 0);
	machine_close(&m);
}
END_TEST

/* The indices of the records that have arrived since the last look. */
static unsigned arrived(struct machine *m, struct jst_ring_reader *reader, uint32_t *indices)
{
	union { struct jst_record header; uint64_t bytes[512]; } buffer;
	const jst_ref ring = atomic_load(&m->session.memory.slots[0].ring);
	unsigned count = 0;

	while (ring && jst_ring_read(reader, ring, &buffer, sizeof(buffer)) > 0)
		indices[count++] = buffer.header.index;
	return count;
}

/* What a clause ships after its speculate is held until another commits it; what it ships before, and what other clauses ship, is not. */
START_TEST(speculations)
{
	struct machine m;
	uint32_t indices[16];

	machine_open(&m);
	machine_field(&m, "id", JST_FIELD_INT);
	machine_field(&m, "what", JST_FIELD_INT);
	for (int i = 0; i < 7; i++)
		jst_builder_record(m.builder, i == 2 ? 1 : 0);
	const int32_t id = (int32_t)jst_builder_field(m.builder, "id", 2), what = (int32_t)jst_builder_field(m.builder, "what", 4);

	machine_add(&m, JST_OP_RECORD, 0, 0, 0, 0);
	machine_add(&m, JST_OP_FIELD, 0, 0, 0, id);
	machine_add(&m, JST_OP_SPECULATE, 0, 0, 0, 0);
	machine_add(&m, JST_OP_EVENT, 0, 0, 0, 1);
	machine_add(&m, JST_OP_RECORD, 0, 0, 1, 2);
	machine_add(&m, JST_OP_RETURN, 0, 0, 0, 0);
	/* The next clause begins as if nothing had been said. what 1: commit, 2: discard, 3: both in a clause that speculates itself. */
	jst_builder_clause(m.builder);
	jst_builder_pattern(m.builder, "*", 1, JST_PATTERN_GLOB);
	jst_builder_registers(m.builder, 4);
	machine_add(&m, JST_OP_FIELD, 0, 0, 0, id);
	machine_add(&m, JST_OP_FIELD, 1, 0, 0, what);
	machine_add(&m, JST_OP_INT, 2, 0, 0, 1);
	machine_add(&m, JST_OP_EQ, 3, 1, 2, 0);
	machine_add(&m, JST_OP_JFALSE, 3, 0, 0, 6);
	machine_add(&m, JST_OP_COMMIT, 0, 0, 0, 0);
	machine_add(&m, JST_OP_INT, 2, 0, 0, 2);
	machine_add(&m, JST_OP_EQ, 3, 1, 2, 0);
	machine_add(&m, JST_OP_JFALSE, 3, 0, 0, 10);
	machine_add(&m, JST_OP_DISCARD, 0, 0, 0, 0);
	machine_add(&m, JST_OP_INT, 2, 0, 0, 3);
	machine_add(&m, JST_OP_EQ, 3, 1, 2, 0);
	machine_add(&m, JST_OP_JFALSE, 3, 0, 0, 22);
	machine_add(&m, JST_OP_SPECULATE, 0, 0, 0, 0);
	machine_add(&m, JST_OP_RECORD, 0, 0, 0, 3);
	machine_add(&m, JST_OP_COMMIT, 2, 0, 0, 0); /* of another key: this one goes on */
	machine_add(&m, JST_OP_RECORD, 0, 0, 0, 3);
	machine_add(&m, JST_OP_COMMIT, 0, 0, 0, 0);
	machine_add(&m, JST_OP_RECORD, 0, 0, 0, 4); /* ships */
	machine_add(&m, JST_OP_SPECULATE, 0, 0, 0, 0);
	machine_add(&m, JST_OP_RECORD, 0, 0, 0, 5);
	machine_add(&m, JST_OP_DISCARD, 0, 0, 0, 0);
	machine_add(&m, JST_OP_RECORD, 0, 0, 0, 6);
	machine_start(&m);
	ck_assert_uint_eq(m.program->flags, JST_PROGRAM_RECORDS | JST_PROGRAM_CLOCK | JST_PROGRAM_SPECULATES);
	struct jst_ring_reader reader = { .base = m.base, .size = m.options.size };
#define EXPECT(...)                                                                                  \
	do {                                                                                         \
		const uint32_t wanted[] = { __VA_ARGS__ };                                           \
		machine_fire(&m);                                                                    \
		ck_assert_uint_eq(arrived(&m, &reader, indices), sizeof(wanted) / sizeof(wanted[0])); \
		ck_assert_mem_eq(indices, wanted, sizeof(wanted));                                   \
	} while (0)

	m.words[0] = 7;
	EXPECT(0, 6);
	EXPECT(0, 6);
	m.words[0] = 8;
	EXPECT(0, 6);
	m.words[1] = 1;
	EXPECT(0, 1, 2, 1, 2, 6);
	m.words[0] = 7;
	m.words[1] = 2;
	EXPECT(0, 6);
	m.words[1] = 1;
	EXPECT(0, 1, 2, 6);
	m.words[1] = 3;
	EXPECT(0, 1, 2, 3, 3, 4, 6);
#undef EXPECT
	ck_assert_uint_eq(machine_losses(&m), 0);
	machine_close(&m);
}
END_TEST

static sigjmp_buf out_of_event;

static void leave_event(int signal_number)
{
	(void)signal_number;
	siglongjmp(out_of_event, 1);
}

/* The program's own handler leaves the event while it is writing to a speculation: no later event finds it locked, and what was half held never ships. */
START_TEST(a_speculation_is_left_in_its_middle)
{
	struct machine m;
	uint32_t indices[4];
	char *page = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct jst_slot *slot;

	machine_open(&m);
	machine_field(&m, "data", JST_FIELD_BYTES);
	jst_builder_record(m.builder, 0);
	jst_builder_record(m.builder, 0);
	machine_add(&m, JST_OP_INT, 0, 0, 0, 1);
	machine_add(&m, JST_OP_SPECULATE, 0, 0, 0, 0);
	machine_add(&m, JST_OP_RECORD, 0, 0, 0, 0);
	machine_add(&m, JST_OP_EVENT, 0, 0, 0, 1);
	machine_add(&m, JST_OP_RETURN, 0, 0, 0, 0);
	jst_builder_clause(m.builder);
	jst_builder_registers(m.builder, 1);
	machine_add(&m, JST_OP_INT, 0, 0, 0, 1);
	machine_add(&m, JST_OP_COMMIT, 0, 0, 0, 0);
	machine_start(&m);
	slot = &m.session.memory.slots[0];
	m.words[0] = (uint64_t)(uintptr_t)page;
	m.words[1] = 16;
	signal(SIGSEGV, leave_event);
	if (sigsetjmp(out_of_event, 1) == 0) {
		machine_fire(&m);
		ck_abort_msg("the page was read");
	}
	signal(SIGSEGV, SIG_DFL);
	ck_assert_uint_eq(atomic_load(&slot->inside) & 1, 1);
	/* As the thread's next entry does. */
	atomic_fetch_add(&slot->inside, 1);
	m.words[0] = (uint64_t)(uintptr_t) "0123456789abcdef";
	machine_fire(&m);
	ck_assert_uint_eq(machine_loss(&m, JST_LOSS_SPECULATIONS), 1);
	ck_assert_uint_eq(machine_losses(&m), 1);
	jst_session_clause(&m.session, &m.runner, &m.binding, m.words, 1);
	struct jst_ring_reader reader = { .base = m.base, .size = m.options.size };

	ck_assert_uint_eq(arrived(&m, &reader, indices), 2);
	ck_assert_uint_eq(indices[0], 0);
	ck_assert_uint_eq(indices[1], 1);
	munmap(page, 4096);
	machine_close(&m);
}
END_TEST

/* Under nil nothing is held, and nothing shipped either. */
START_TEST(speculating_under_nil)
{
	struct machine m;
	uint32_t indices[4];

	machine_open(&m);
	jst_builder_record(m.builder, 0);
	jst_builder_record(m.builder, 0);
	machine_add(&m, JST_OP_NIL, 0, 0, 0, 0);
	machine_add(&m, JST_OP_SPECULATE, 0, 0, 0, 0);
	machine_add(&m, JST_OP_RECORD, 0, 0, 0, 0);
	machine_add(&m, JST_OP_EVENT, 0, 0, 0, 0);
	machine_add(&m, JST_OP_COMMIT, 0, 0, 0, 0);
	machine_add(&m, JST_OP_RECORD, 0, 0, 0, 1);
	machine_add(&m, JST_OP_DISCARD, 0, 0, 0, 0);
	machine_start_and_fire(&m);
	struct jst_ring_reader reader = { .base = m.base, .size = m.options.size };

	ck_assert_uint_eq(arrived(&m, &reader, indices), 1);
	ck_assert_uint_eq(indices[0], 1);
	ck_assert_uint_eq(machine_loss(&m, JST_LOSS_SKIPPED), 3);
	ck_assert_uint_eq(machine_losses(&m), 3);
	machine_close(&m);
}
END_TEST

/* A commit is charged what it copies, and an id that is a string its length. */
START_TEST(speculations_are_charged)
{
	static char text[256];
	struct machine m;
	int needed = 0;

	memset(text, 'x', sizeof(text));
	for (int string = 0; string < 2; string++) {
		machine_open(&m);
		jst_builder_record(m.builder, 0);
		jst_builder_record(m.builder, 1);
		if (string)
			machine_load(&m, 0, jst_value_string(text, sizeof(text)));
		else
			machine_add(&m, JST_OP_INT, 0, 0, 0, 1);
		machine_add(&m, JST_OP_SPECULATE, 0, 0, 0, 0);
		for (int i = 0; i < 8; i++)
			machine_add(&m, JST_OP_RECORD, 0, 0, 0, 0);
		machine_add(&m, JST_OP_COMMIT, 0, 0, 0, 0);
		machine_start(&m);
		/* 12 instructions, 8 * 40 bytes copied, and the string once for each that looks at it. */
		needed = 12 + 8 * 40 / 16 + (string ? 2 * 256 / 16 : 0);
		m.session.budget = (uint32_t)needed;
		machine_fire(&m);
		ck_assert_uint_eq(machine_loss(&m, JST_LOSS_BUDGET), 0);
		m.session.budget--;
		machine_fire(&m);
		ck_assert_uint_eq(machine_loss(&m, JST_LOSS_BUDGET), 1);
		machine_close(&m);
	}
}
END_TEST

START_TEST(the_first_exit_decides)
{
	struct machine m;

	machine_open(&m);
	const uint32_t map = jst_builder_map(m.builder, 0, 0), events = jst_builder_map(m.builder, 0, 0);

	machine_field(&m, "code", JST_FIELD_INT);
	machine_add(&m, JST_OP_INT, 1, 0, 0, 1);
	machine_add(&m, JST_OP_MAPADD, 1, 0, 0, (int32_t)events);
	machine_add(&m, JST_OP_FIELD, 0, 0, 0, (int32_t)jst_builder_field(m.builder, "code", 4));
	machine_add(&m, JST_OP_EXIT, 0, 0, 0, 0);
	machine_add(&m, JST_OP_INT, 0, 0, 0, 1);
	machine_add(&m, JST_OP_MAPSET, 0, 0, 0, (int32_t)map);
	machine_start(&m);
	ck_assert_int_eq(atomic_load(&m.session.memory.header->exit_code), -1);
	m.words[0] = 3;
	machine_fire(&m);
	m.words[0] = 4;
	machine_fire(&m);
	ck_assert_int_eq(atomic_load(&m.session.memory.header->exit_code), 3);
	/* It ends the clause, and no event is seen after it. */
	ck_assert_uint_eq(machine_entry(&m, map, NULL).kind, JST_NIL);
	ck_assert_int_eq(machine_entry(&m, events, NULL).i, 1);
	machine_close(&m);
}
END_TEST

START_TEST(an_exit_code_is_a_byte)
{
	const struct {
		struct jst_value value;
		int32_t code;
	} rows[] = { { I(256 + 7), 7 }, { I(-1), 255 }, { N, 0 }, { S("x"), 0 }, { D(3), 0 } };

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct machine m;

		machine_open(&m);
		machine_load(&m, 0, rows[i].value);
		machine_add(&m, JST_OP_EXIT, 0, 0, 0, 0);
		machine_start_and_fire(&m);
		ck_assert_int_eq(atomic_load(&m.session.memory.header->exit_code), rows[i].code);
		machine_close(&m);
	}
}
END_TEST

/* ---- sessions ---- */

START_TEST(claiming_a_slot)
{
	struct machine m;

	machine_open(&m);
	m.runner.slot = 5;
	machine_start(&m);
	struct jst_slot *slot = &m.session.memory.slots[5];
	struct jst_memory_header *header = m.session.memory.header;

	ck_assert_int_eq(atomic_load(&slot->tid), 4711);
	ck_assert_uint_eq(slot->serial, 1);
	ck_assert_uint_eq(atomic_load(&header->slots_used), 6);
	ck_assert_uint_eq(atomic_load(&slot->banks[0].generation), 2);
	ck_assert_uint_eq(atomic_load(&slot->banks[1].generation), 3);
	/* The next owner finds what the one before left, and an event that it was torn out of is over. */
	atomic_store(&slot->inside, 7);
	slot->losses[JST_LOSS_ERRORS] = 3;
	const struct jst_runner next = { .slot = 5, .tid = 4712, .serial = 2 };

	jst_session_claim(&m.session, &next);
	ck_assert_int_eq(atomic_load(&slot->tid), 4712);
	ck_assert_uint_eq(atomic_load(&slot->inside), 8);
	ck_assert_uint_eq(atomic_load(&slot->losses[JST_LOSS_ERRORS]), 3);
	/* A lower one does not lower the count. */
	const struct jst_runner low = { .slot = 2, .tid = 4713, .serial = 3 };

	jst_session_claim(&m.session, &low);
	ck_assert_uint_eq(atomic_load(&header->slots_used), 6);
	machine_close(&m);
}
END_TEST

START_TEST(events_follow_the_generation)
{
	struct machine m;

	machine_open(&m);
	const uint32_t count = jst_builder_aggregation(m.builder, JST_AGGREGATION_COUNT, 0, (int64_t[3]){ 0 });

	machine_add(&m, JST_OP_AGGREGATE, 0, 0, 0, (int32_t)count);
	machine_start_and_fire(&m);
	struct jst_slot *slot = &m.session.memory.slots[0];

	ck_assert_uint_ne(atomic_load(&slot->banks[0].first_chunk), 0);
	ck_assert_uint_eq(atomic_load(&slot->banks[1].first_chunk), 0);
	atomic_store(&m.session.memory.header->generation, 3);
	machine_fire(&m);
	ck_assert_uint_ne(atomic_load(&slot->banks[1].first_chunk), 0);
	/* The bank of generation 4 has not been made ready: the other one goes on. */
	atomic_store(&m.session.memory.header->generation, 4);
	machine_fire(&m);
	struct jst_result result = read_aggregation(&m, count);

	ck_assert_uint_eq(result.count, 3);
	jst_result_fini(&result);
	const struct jst_chunk *chunk = jst_memory_at(&m.session.memory, atomic_load(&slot->banks[0].first_chunk));

	ck_assert_ptr_nonnull(chunk);
	ck_assert_uint_eq(atomic_load(&slot->inside) % 2, 0);
	ck_assert_uint_eq(atomic_load(&slot->inside), 6);
	machine_close(&m);
}
END_TEST

/* One reading an event, and only if the program uses it. */
START_TEST(the_clock_is_read_once)
{
	struct machine m;

	machine_open(&m);
	const uint32_t map = jst_builder_map(m.builder, 0, 1);

	for (int clause = 0; clause < 2; clause++) {
		if (clause) {
			jst_builder_clause(m.builder);
			jst_builder_pattern(m.builder, "*", 1, JST_PATTERN_GLOB);
			jst_builder_registers(m.builder, 4);
		}
		machine_add(&m, JST_OP_INT, 0, 0, 0, clause);
		machine_add(&m, JST_OP_VARIABLE, 1, 0, 0, JST_VARIABLE_NOW);
		machine_add(&m, JST_OP_MAPSET, 1, 0, 1, (int32_t)map);
		if (!clause)
			machine_add(&m, JST_OP_RETURN, 0, 0, 0, 0);
	}
	machine_start(&m);
	const int64_t before = machine_now(&m);

	machine_fire(&m);
	const int64_t after = machine_now(&m);
	const struct jst_value keys[2] = { I(0), I(1) };
	const int64_t now = machine_entry(&m, map, &keys[0]).i;

	ck_assert_int_eq(machine_entry(&m, map, &keys[1]).i, now);
	ck_assert_int_ge(now, before);
	ck_assert_int_le(now, after);
	machine_close(&m);
}
END_TEST

/* All variables, storage of every kind, functions and records. */
static void open_everything(struct machine *m)
{
	machine_open(m);
	const int32_t span = (int32_t)jst_builder_map(m->builder, JST_MAP_INT | JST_MAP_SPAN, 1), any = (int32_t)jst_builder_map(m->builder, 0, 2);
	const int32_t hist = (int32_t)jst_builder_aggregation(m->builder, JST_AGGREGATION_HIST, 1, (int64_t[3]){ 4 });

	machine_field(m, "id", JST_FIELD_INT);
	machine_field(m, "path", JST_FIELD_STRING);
	machine_add(m, JST_OP_FIELD, 0, 0, 0, (int32_t)jst_builder_field(m->builder, "id", 2));
	machine_add(m, JST_OP_FIELD, 1, 0, 0, (int32_t)jst_builder_field(m->builder, "path", 4));
	for (int i = 0; i < JST_VARIABLES; i++)
		machine_add(m, JST_OP_VARIABLE, 2, 0, 0, i);
	machine_add(m, JST_OP_VARIABLE, 2, 0, 0, JST_VARIABLE_NOW);
	machine_add(m, JST_OP_MAPSET, 2, 0, 1, span);
	machine_add(m, JST_OP_MAPADD, 1, 0, 2, any);
	machine_add(m, JST_OP_AGGREGATE, 0, 1, 1, hist);
	machine_add(m, JST_OP_CALL, 3, 0, 2, JST_FUNCTION_CAT);
	machine_add(m, JST_OP_CALL, 4, 0, 1, JST_FUNCTION_SQRT);
	machine_add(m, JST_OP_CALL, 5, 0, 1, JST_FUNCTION_LOG2);
	machine_add(m, JST_OP_CALL, 6, 0, 0, JST_FUNCTION_RAND);
	machine_add(m, JST_OP_RECORD, 0, 0, 2, (int32_t)jst_builder_record(m->builder, 2));
	machine_add(m, JST_OP_EVENT, 0, 0, 0, (int32_t)jst_builder_record(m->builder, 0));
	machine_add(m, JST_OP_SPECULATE, 1, 0, 0, 0);
	machine_add(m, JST_OP_EVENT, 0, 0, 0, 1);
	machine_add(m, JST_OP_COMMIT, 1, 0, 0, 0);
	machine_add(m, JST_OP_DISCARD, 0, 0, 0, 0);
	machine_start(m);
	m->words[1] = (uint64_t)(uintptr_t) "/index";
}

START_TEST(errno_stays)
{
	struct machine m;

	open_everything(&m);
	for (m.words[0] = (uint64_t)-10; m.words[0] != 1000; m.words[0]++) {
		errno = 123;
		machine_fire(&m);
		ck_assert_int_eq(errno, 123);
	}
	machine_close(&m);
}
END_TEST

/* In a child that is killed for any system call but its end. */
START_TEST(nothing_makes_a_system_call)
{
	struct sock_filter rules[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_exit_group, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
	};
	const struct sock_fprog filter = { sizeof(rules) / sizeof(rules[0]), rules };
	struct machine m;
	struct jst_clock clock;
	int status;

#ifdef __SANITIZE_THREAD__
	return; /* makes system calls of its own, as valgrind does */
#endif
	if (machine_under_valgrind())
		return;
	open_everything(&m);
	jst_clock_init(&clock);
	jst_clock_start(&clock, &m.session.memory.header->clock);
	const pid_t child = fork();

	ck_assert_int_ge(child, 0);
	if (child == 0) {
		if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter))
			syscall(SYS_exit_group, 1);
		for (m.words[0] = 1; m.words[0] <= 20000; m.words[0]++)
			machine_fire(&m);
		syscall(SYS_exit_group, 0);
	}
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == 0, "status %#x", status);
	machine_close(&m);
}
END_TEST

/* The latency of a request: what a script's first line compiles to. */
START_TEST(a_span_is_measured)
{
	struct machine m;

	machine_open(&m);
	const int32_t span = (int32_t)jst_builder_map(m.builder, JST_MAP_INT | JST_MAP_SPAN, 1);
	const uint32_t lat = jst_builder_aggregation(m.builder, JST_AGGREGATION_STATS, 0, (int64_t[3]){ 0 });
	const int32_t id = (int32_t)jst_builder_field(m.builder, "id", 2);

	machine_field(&m, "id", JST_FIELD_INT);
	machine_add(&m, JST_OP_FIELD, 0, 0, 0, id);
	machine_add(&m, JST_OP_MAPGET, 1, 0, 1, span);
	machine_add(&m, JST_OP_VARIABLE, 2, 0, 0, JST_VARIABLE_NOW);
	machine_add(&m, JST_OP_SUB, 3, 2, 1, 0);
	machine_add(&m, JST_OP_AGGREGATE, 3, 0, 0, (int32_t)lat);
	machine_add(&m, JST_OP_SPANEND, 0, 0, 1, span);
	machine_add(&m, JST_OP_RETURN, 0, 0, 0, 0);
	jst_builder_clause(m.builder);
	jst_builder_pattern(m.builder, "request:start", 13, 0);
	jst_builder_registers(m.builder, 2);
	machine_add(&m, JST_OP_FIELD, 0, 0, 0, id);
	machine_add(&m, JST_OP_VARIABLE, 1, 0, 0, JST_VARIABLE_NOW);
	machine_add(&m, JST_OP_MAPSET, 1, 0, 1, span);
	machine_start(&m);
	for (m.words[0] = 1; m.words[0] <= 100; m.words[0]++) {
		jst_session_clause(&m.session, &m.runner, &m.binding, m.words, 1);
		machine_fire(&m);
	}
	/* An end without its start. */
	machine_fire(&m);
	struct jst_result result = read_aggregation(&m, lat);

	ck_assert_uint_eq(result.count, 100);
	ck_assert_int_ge(result.min.i, 0);
	ck_assert_uint_eq(machine_loss(&m, JST_LOSS_SKIPPED), 1);
	ck_assert_uint_eq(machine_loss(&m, JST_LOSS_UNSTARTED), 1);
	ck_assert_uint_eq(machine_losses(&m), 2);
	jst_result_fini(&result);
	machine_close(&m);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("vm");
	TCase *values = tcase_create("values");
	TCase *control = tcase_create("control");
	TCase *storage = tcase_create("storage");
	TCase *sessions = tcase_create("sessions");
	TCase *native = tcase_create("native");

	tcase_add_test(values, integers_wrap);
	tcase_add_test(values, doubles_mix_with_integers);
	tcase_add_test(values, the_remainder_is_that_of_fmod);
	tcase_add_test(values, errors_and_nil);
	tcase_add_test(values, truth);
	tcase_add_test(values, comparisons);
	tcase_add_test(values, matching);
	tcase_add_test(values, strings_are_concatenated);
	tcase_add_test(values, a_grown_string_leaves_its_beginning_alone);
	tcase_add_test(values, a_full_scratch_gives_nil);
	tcase_add_test(values, loads);
	tcase_add_test(values, fields_of_every_type);
	tcase_add_test(control, loops);
	tcase_add_test(control, conditions_are_truth);
	tcase_add_test(control, the_budget_is_exact);
	tcase_add_test(control, a_clause_longer_than_the_budget_does_not_begin);
	tcase_add_test(control, an_endless_loop_ends);
	tcase_add_test(control, the_other_clauses_run);
	tcase_add_test(control, strings_are_charged);
	tcase_add_test(control, globs_are_charged);
	tcase_add_test(storage, maps);
	tcase_add_test(storage, aggregations);
	tcase_add_test(storage, aggregations_are_read_through_the_host);
	tcase_add_test(storage, without_a_host_aggregations_are_nil);
	tcase_add_test(storage, a_quantile_is_from_0_to_1);
	tcase_add_test(storage, reading_is_charged);
	tcase_add_test(storage, exemplars);
	tcase_add_test(storage, records_and_events);
	tcase_add_test(storage, speculations);
	tcase_add_test(storage, speculating_under_nil);
	tcase_add_test(storage, speculations_are_charged);
	tcase_add_test(storage, the_first_exit_decides);
	tcase_add_test(storage, an_exit_code_is_a_byte);
	tcase_add_test(sessions, claiming_a_slot);
	tcase_add_test(sessions, events_follow_the_generation);
	tcase_add_test(sessions, the_clock_is_read_once);
	tcase_add_test(sessions, errno_stays);
	tcase_add_test(native, nothing_makes_a_system_call);
	tcase_add_test(native, a_speculation_is_left_in_its_middle);
	tcase_set_tags(native, "native"); /* valgrind makes system calls of its own, and minds a fault that is meant: its part leaves these out */
	tcase_add_test(sessions, a_span_is_measured);
	tcase_set_timeout(values, 120);
	suite_add_tcase(suite, values);
	suite_add_tcase(suite, control);
	suite_add_tcase(suite, storage);
	suite_add_tcase(suite, sessions);
	suite_add_tcase(suite, native);
	SRunner *runner = srunner_create(suite);

	srunner_run_all(runner, CK_ENV);
	const int failed = srunner_ntests_failed(runner);

	srunner_free(runner);
	return failed != 0;
}
