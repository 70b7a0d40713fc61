/*
 * The operators of the language applied to values of any kind: what the virtual machine does not do by itself, which is nearly all that is not about integers.
 */
#include "operators.h"

#include <string.h>

struct jst_value jst_operator_wrong_kind(const struct jst_run *run, const struct jst_value *b, const struct jst_value *c)
{
	if (b->kind != JST_NIL && c->kind != JST_NIL)
		jst_slot_lose(run->slot, JST_LOSS_ERRORS);
	return jst_value_nil();
}

static __attribute__((noinline, cold)) struct jst_value division_by_zero(const struct jst_run *run)
{
	jst_slot_lose(run->slot, JST_LOSS_ERRORS);
	return jst_value_nil();
}

/* The remainder of x / y, y not 0, exactly and with the sign of x: long division, eleven bits at a time. */
static double remainder_of(double x, double y)
{
	uint64_t a, b;

	memcpy(&a, &x, sizeof(a));
	memcpy(&b, &y, sizeof(b));
	const uint64_t sign = a & 1ULL << 63, hidden = 1ULL << 52;
	int x_exponent = (int)(a >> 52 & 0x7ff), y_exponent = (int)(b >> 52 & 0x7ff);

	if (x_exponent == 0x7ff || y != y)
		return __builtin_nan("");
	if (y_exponent == 0x7ff)
		return x;
	a &= hidden - 1;
	b &= hidden - 1;
	if (x_exponent)
		a |= hidden;
	else
		x_exponent = 1;
	if (y_exponent)
		b |= hidden;
	else
		y_exponent = 1;
	if (x_exponent < y_exponent)
		return x;
	a %= b;
	for (int left = x_exponent - y_exponent; left > 0 && a;) {
		const int step = left < 11 ? left : 11; /* a is below 2^53 */

		a = (a << step) % b;
		left -= step;
	}
	if (a) {
		/* a * 2^y_exponent, normalised as far as the exponent goes. */
		int shift = __builtin_clzll(a) - 11;

		if (shift > y_exponent - 1)
			shift = y_exponent - 1;
		a <<= shift;
		if (a & hidden)
			a = (a & (hidden - 1)) | (uint64_t)(y_exponent - shift) << 52;
	}
	a |= sign;
	memcpy(&x, &a, sizeof(x));
	return x;
}

static struct jst_value concatenate(struct jst_run *run, const struct jst_value *b, const struct jst_value *c)
{
	const uint64_t length = (uint64_t)b->length + c->length;

	/* Right of what was made last: only the new bytes are copied. The shorter string shares its bytes. */
	if (b->s + b->length == run->scratch + run->used && b->s >= run->scratch) {
		char *tail = jst_run_scratch(run, c->length);

		if (!tail)
			return jst_value_nil();
		memcpy(tail, c->s, c->length);
		return jst_value_string(b->s, (uint32_t)length);
	}
	char *bytes = jst_run_scratch(run, length > UINT32_MAX ? UINT32_MAX : (uint32_t)length);

	if (!bytes)
		return jst_value_nil();
	memcpy(bytes, b->s, b->length);
	memcpy(bytes + b->length, c->s, c->length);
	return jst_value_string(bytes, (uint32_t)length);
}

struct jst_value jst_operator_arithmetic(struct jst_run *run, enum jst_opcode op, const struct jst_value *b, const struct jst_value *c)
{
	if (b->kind == JST_INT && c->kind == JST_INT) {
		/* Only divisions come here; those by -1 wrap. */
		if (c->i == 0)
			return division_by_zero(run);
		if (c->i == -1)
			return jst_value_int(op == JST_OP_DIV ? (int64_t)-(uint64_t)b->i : 0);
		return jst_value_int(op == JST_OP_DIV ? b->i / c->i : b->i % c->i);
	}
	if (b->kind == JST_STRING && c->kind == JST_STRING && op == JST_OP_ADD)
		return concatenate(run, b, c);
	if (b->kind == JST_NIL || c->kind == JST_NIL || b->kind == JST_STRING || c->kind == JST_STRING)
		return jst_operator_wrong_kind(run, b, c);

	const double x = b->kind == JST_INT ? (double)b->i : b->d;
	const double y = c->kind == JST_INT ? (double)c->i : c->d;

	switch (op) {
	case JST_OP_ADD:
		return jst_value_double(x + y);
	case JST_OP_SUB:
		return jst_value_double(x - y);
	case JST_OP_MUL:
		return jst_value_double(x * y);
	case JST_OP_DIV:
		return y == 0 ? division_by_zero(run) : jst_value_double(x / y);
	default:
		return y == 0 ? division_by_zero(run) : jst_value_double(remainder_of(x, y));
	}
}

bool jst_operator_compare(enum jst_opcode op, const struct jst_value *b, const struct jst_value *c)
{
	if (b->kind == JST_NIL || c->kind == JST_NIL)
		return false;
	if (op <= JST_OP_NE && b->kind == JST_STRING && c->kind == JST_STRING && b->length != c->length)
		return op == JST_OP_NE;
	const int order = jst_value_compare(b, c);

	switch (op) {
	case JST_OP_EQ:
		return order == 0;
	case JST_OP_NE:
		return order != 0;
	case JST_OP_LT:
		return order == -1;
	default:
		return order == -1 || order == 0;
	}
}

struct jst_value jst_operator_text(const char *bytes, uint64_t length)
{
	if (!bytes)
		return jst_value_nil();
	return jst_value_string(bytes, length > INT32_MAX ? INT32_MAX : (uint32_t)length);
}

struct jst_value jst_operator_load(const uint64_t *words, unsigned type, unsigned word, uint64_t most)
{
	double d;

	switch (type) {
	case JST_FIELD_DOUBLE:
		memcpy(&d, &words[word], sizeof(d));
		return jst_value_double(d);
	case JST_FIELD_STRING: {
		const char *bytes = (const char *)(uintptr_t)words[word];

		return jst_operator_text(bytes, bytes ? strnlen(bytes, most) : 0);
	}
	case JST_FIELD_BYTES:
		return jst_operator_text((const char *)(uintptr_t)words[word], words[word + 1]);
	default:
		return jst_value_nil();
	}
}

bool jst_operator_match(const struct jst_value *text, const struct jst_value *glob, int64_t *remaining)
{
	if (text->kind != JST_STRING || glob->kind != JST_STRING)
		return false;
	uint64_t steps = *remaining > 0 ? (uint64_t)*remaining * JST_BYTES_A_STEP : 0;
	const uint64_t before = steps;
	const bool match = jst_glob_match_within((struct jst_string){ glob->s, glob->length }, (struct jst_string){ text->s, text->length }, &steps);

	*remaining -= (int64_t)((before - steps) / JST_BYTES_A_STEP) + (steps == 0);
	return match;
}
