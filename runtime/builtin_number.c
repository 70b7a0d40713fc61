/*
 * Functions of numbers, and those that take anything. No libm: the square root is one instruction, the logarithm the well-known one of fdlibm.
 */
#include <string.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include "builtin.h"
#include "cell.h"
#include "hash.h"

#define BODY(name) struct jst_value jst_builtin_##name(struct jst_run *run, const struct jst_value *arguments, uint32_t count, uint32_t *cost)

static bool is_number(const struct jst_value *value)
{
	return value->kind == JST_INT || value->kind == JST_DOUBLE;
}

static double as_double(const struct jst_value *value)
{
	return value->kind == JST_INT ? (double)value->i : value->d;
}

struct jst_value jst_builtin_truncate(double d)
{
	if (d != d)
		return jst_value_nil();
	if (d >= 0x1p63)
		return jst_value_int(INT64_MAX);
	if (d < -0x1p63)
		return jst_value_int(INT64_MIN);
	return jst_value_int((int64_t)d);
}

BODY(INT)
{
	struct jst_value value = arguments[0];

	if (value.kind == JST_STRING) {
		*cost += value.length;
		if (!jst_value_parse(value.s, value.length, &value))
			return jst_value_nil();
	}
	if (value.kind == JST_DOUBLE)
		return jst_builtin_truncate(value.d);
	return value.kind == JST_INT ? value : jst_builtin_wrong(run, arguments, count);
}

BODY(FLOAT)
{
	struct jst_value value = arguments[0];

	if (value.kind == JST_STRING) {
		*cost += value.length;
		if (!jst_value_parse(value.s, value.length, &value))
			return jst_value_nil();
	}
	return is_number(&value) ? jst_value_double(as_double(&value)) : jst_builtin_wrong(run, arguments, count);
}

BODY(ABS)
{
	(void)cost;
	if (arguments[0].kind == JST_INT)
		return jst_value_int(arguments[0].i < 0 ? (int64_t)-(uint64_t)arguments[0].i : arguments[0].i);
	if (arguments[0].kind == JST_DOUBLE)
		return jst_value_double(__builtin_fabs(arguments[0].d));
	return jst_builtin_wrong(run, arguments, count);
}

/* The argument that is least (sign 1) or greatest (sign -1); NaN is passed over unless all are. */
static struct jst_value extreme(struct jst_run *run, const struct jst_value *arguments, uint32_t count, uint32_t *cost, int sign)
{
	uint32_t best = 0;

	for (uint32_t i = 0; i < count; i++) {
		const bool nan = arguments[best].kind == JST_DOUBLE && arguments[best].d != arguments[best].d;

		if (arguments[i].kind == JST_NIL || (arguments[i].kind == JST_STRING) != (arguments[0].kind == JST_STRING))
			return jst_builtin_wrong(run, arguments, count);
		*cost += arguments[i].length;
		const int order = jst_value_compare(&arguments[i], &arguments[best]);

		if (nan || (order != -2 && order * sign < 0))
			best = i;
	}
	return arguments[best];
}

BODY(MIN)
{
	return extreme(run, arguments, count, cost, 1);
}

BODY(MAX)
{
	return extreme(run, arguments, count, cost, -1);
}

/*
 * FreeBSD's e_log2.c and k_log.h (Sun Microsystems 1993, freely usable; the split into high and low by David Schultz): x = 2^k * (1 + f), log(1 + f) by a
 * polynomial in (f / (2 + f))^2, and the product with 1 / ln 2 in two parts.
 */
double jst_builtin_log2(double x)
{
	static const double inverse_high = 0x1.71547652p+0, inverse_low = 0x1.705fc2eefa2p-33; /* 1 / ln 2 */
	uint64_t bits;
	int k = 0;

	memcpy(&bits, &x, sizeof(bits));
	if (bits >> 52 == 0x7ff)
		return x;
	if (bits >> 52 == 0) {
		x *= 0x1p54;
		k = -54;
		memcpy(&bits, &x, sizeof(bits));
	}
	if (bits == 0x3ffULL << 52)
		return 0;
	/* 1 + f lies between the square roots of 1/2 and 2. */
	uint32_t high = (uint32_t)(bits >> 32) + (0x3ff00000 - 0x3fe6a09e);

	k += (int)(high >> 20) - 0x3ff;
	high = (high & 0xfffff) + 0x3fe6a09e;
	bits = (uint64_t)high << 32 | (bits & 0xffffffff);
	memcpy(&x, &bits, sizeof(x));

	const double f = x - 1, half = 0.5 * f * f, s = f / (2 + f), z = s * s, w = z * z;
	const double even = w * (0x1.999999997fa04p-2 + w * (0x1.c71c51d8e78afp-3 + w * 0x1.39a09d078c69fp-3));
	const double odd = z * (0x1.5555555555593p-1 + w * (0x1.2492494229359p-2 + w * (0x1.7466496cb03dep-3 + w * 0x1.2f112df3e5244p-3)));
	const double log1p = s * (half + even + odd);
	double top = f - half;

	memcpy(&bits, &top, sizeof(bits));
	bits &= 0xffffffff00000000ULL;
	memcpy(&top, &bits, sizeof(top));
	const double rest = (f - top) - half + log1p;
	const double value = top * inverse_high, y = k;
	const double sum = y + value;

	return (rest + top) * inverse_low + rest * inverse_high + ((y - sum) + value) + sum;
}

BODY(LOG2)
{
	(void)cost;
	if (!is_number(&arguments[0]))
		return jst_builtin_wrong(run, arguments, count);
	const double x = as_double(&arguments[0]);

	return x > 0 ? jst_value_double(jst_builtin_log2(x)) : jst_value_nil();
}

static double square_root(double x)
{
#if defined(__SSE2__)
	return _mm_cvtsd_f64(_mm_sqrt_sd(_mm_set_sd(0), _mm_set_sd(x)));
#elif defined(__aarch64__)
	double root;

	__asm__("fsqrt %d0, %d1" : "=w"(root) : "w"(x));
	return root;
#else
#error "a square root without libm is needed here"
#endif
}

BODY(SQRT)
{
	(void)cost;
	if (!is_number(&arguments[0]))
		return jst_builtin_wrong(run, arguments, count);
	const double x = as_double(&arguments[0]);

	return x >= 0 ? jst_value_double(square_root(x)) : jst_value_nil();
}

/* Steps from the truncated value: down where that is above x by a fraction, up where it is below. */
enum rounding { DOWN, UP, NEAREST };

static struct jst_value round_to(struct jst_run *run, const struct jst_value *arguments, uint32_t count, enum rounding rounding)
{
	if (arguments[0].kind == JST_INT)
		return arguments[0];
	if (arguments[0].kind != JST_DOUBLE)
		return jst_builtin_wrong(run, arguments, count);
	const double x = arguments[0].d;
	struct jst_value value = jst_builtin_truncate(x);

	if (value.kind != JST_INT || x >= 0x1p52 || x <= -0x1p52)
		return value; /* no fraction */
	const double rest = x - (double)value.i;

	if (rounding == DOWN)
		value.i -= rest < 0;
	else if (rounding == UP)
		value.i += rest > 0;
	else
		value.i += (rest >= 0.5) - (rest <= -0.5);
	return value;
}

BODY(FLOOR)
{
	(void)cost;
	return round_to(run, arguments, count, DOWN);
}

BODY(CEIL)
{
	(void)cost;
	return round_to(run, arguments, count, UP);
}

BODY(ROUND)
{
	(void)cost;
	return round_to(run, arguments, count, NEAREST);
}

/* A counter in the slot, mixed with what no other thread and session has. */
BODY(RAND)
{
	(void)arguments;
	(void)count;
	(void)cost;
	const struct jst_memory_header *header = run->session->memory.header;
	const uint64_t stream = jst_mix((uint64_t)header->start ^ run->runner->serial << 40 ^ (uint64_t)(uint32_t)header->pid << 20);
	const uint64_t bits = jst_mix(stream + run->slot->random++ * 0x9e3779b97f4a7c15ULL);

	return jst_value_double((double)(bits >> 11) * 0x1p-53);
}

BODY(HAS)
{
	(void)run;
	(void)count;
	(void)cost;
	return jst_value_int(arguments[0].kind != JST_NIL);
}

BODY(HASH)
{
	if (arguments[0].kind == JST_NIL)
		return jst_builtin_wrong(run, arguments, count);
	*cost += arguments[0].length;
	return jst_value_int((int64_t)jst_key_hash(arguments[0]));
}
