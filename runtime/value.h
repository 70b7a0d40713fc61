/*
 * Values: what a register of the virtual machine, a key and a constant hold.
 *
 * A value is nil, a 64-bit integer, a double, a string or a stack. Strings are bytes with a length; they are not
 * owned by the value, and live in the event's arguments, in the program's string section or in the
 * scratch area of the run (see vm.h), so a value is only good until its run ends.
 *
 * A stack is bytes as well: return addresses of 8 bytes each, innermost first. A last one of 0 says that there are, or may be, further frames. It is only ever moved, used as a key of an aggregation, or sent,
 * which the verifier proves; so nothing else needs to know it.
 */
#ifndef JST_VALUE_H
#define JST_VALUE_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

enum jst_kind {
	JST_NIL = 0,
	JST_INT = 1,
	JST_DOUBLE = 2,
	JST_STRING = 3,
	JST_STACK = 4,
};

struct jst_value {
	union {
		int64_t i;
		double d;
		const char *s;
	};
	uint32_t kind;   /* enum jst_kind */
	uint32_t length; /* bytes of a string or stack, else 0 */
};

_Static_assert(sizeof(struct jst_value) == 16, "registers are 16 bytes");

/* A string that somebody else owns; not terminated. */
struct jst_string {
	const char *bytes;
	uint32_t length;
};

/* Bytewise. */
static inline bool jst_string_equal(struct jst_string a, struct jst_string b)
{
	return a.length == b.length && (a.length == 0 || memcmp(a.bytes, b.bytes, a.length) == 0);
}

static inline struct jst_value jst_value_nil(void)
{
	return (struct jst_value){ .i = 0, .kind = JST_NIL };
}

static inline struct jst_value jst_value_int(int64_t i)
{
	return (struct jst_value){ .i = i, .kind = JST_INT };
}

static inline struct jst_value jst_value_double(double d)
{
	return (struct jst_value){ .d = d, .kind = JST_DOUBLE };
}

static inline struct jst_value jst_value_string(const char *bytes, uint32_t length)
{
	return (struct jst_value){ .s = bytes, .kind = JST_STRING, .length = length };
}

static inline struct jst_value jst_value_stack(const void *addresses, uint32_t length)
{
	return (struct jst_value){ .s = addresses, .kind = JST_STACK, .length = length };
}

/* Whether a value of that kind is bytes with a length. */
static inline bool jst_kind_has_bytes(uint32_t kind)
{
	return kind == JST_STRING || kind == JST_STACK;
}

/* False are nil, 0, 0.0 and "". */
static inline bool jst_value_true(const struct jst_value *value)
{
	switch (value->kind) {
	case JST_INT:
		return value->i != 0;
	case JST_DOUBLE:
		return value->d != 0;
	case JST_STRING:
		return value->length != 0;
	default:
		return false;
	}
}

#endif
