/*
 * Keys as bytes, so that equal keys are equal bytes: the kinds, then the values, each in whole 8-byte words (see cell.h). Records carry their values in the same form.
 */
#include <string.h>

#include "bytes.h"
#include "cell.h"
#include "hash.h"

#define KINDS_INTEGERS (0x0101010101010101ULL * JST_INT) /* the kinds of eight integers */

enum { BYTES_SHORT = 128 }; /* longer strings are worth a call of memcpy() */


static inline uint32_t pad(uint32_t size)
{
	return (size + 7) & ~(uint32_t)7;
}

static inline struct jst_value as_key(struct jst_value value)
{
	if (value.kind != JST_DOUBLE)
		return value;
	if (value.d != value.d)
		return jst_value_double(__builtin_nan(""));
	if (value.d >= -0x1p63 && value.d < 0x1p63 && (double)(int64_t)value.d == value.d)
		return jst_value_int((int64_t)value.d);
	return value;
}

struct jst_value jst_key_value(struct jst_value value)
{
	return as_key(value);
}

uint64_t jst_hash_long(const void *bytes, size_t size)
{
	return jst_hash(bytes, size);
}

uint64_t jst_key_hash(struct jst_value value)
{
	value = as_key(value);
	return value.kind == JST_STRING ? jst_hash(value.s, value.length) : jst_hash(&value.i, sizeof(value.i));
}

/* How much of a string or stack is kept: whole addresses of a stack. */
static inline uint32_t kept(const struct jst_value *value, uint32_t string_size)
{
	if (value->length <= string_size)
		return value->length;
	return value->kind == JST_STACK ? string_size & ~(uint32_t)7 : string_size;
}

uint32_t jst_key_size(const struct jst_value *keys, uint32_t count, uint32_t string_size)
{
	uint32_t size = pad(count);

	for (uint32_t i = 0; i < count; i++) {
		if (jst_kind_has_bytes(keys[i].kind))
			size += 8 + pad(kept(&keys[i], string_size));
		else if (keys[i].kind != JST_NIL)
			size += 8;
	}
	return size;
}

/* A string's bytes in whole words; returns their end. */
static inline unsigned char *encode_bytes(unsigned char *at, const char *bytes, uint32_t length)
{
	uint32_t done = 0;

	for (; done + 8 <= length; done += 8)
		*(uint64_t *)(at + done) = jst_bytes_word(bytes + done);
	if (done == length)
		return at + done;
	*(uint64_t *)(at + done) = jst_bytes_rest(bytes, length);
	return at + done + 8;
}

/* jst_key_encode_short() from the value that is no integer, after so many that are and are written. */
static __attribute__((noinline)) uint32_t encode_short(uint64_t *buffer, uint32_t room, const struct jst_value *keys, uint32_t count, uint32_t string_size, uint32_t integers)
{
	const uint32_t longest = string_size < BYTES_SHORT ? string_size : BYTES_SHORT;
	uint64_t kinds = integers ? KINDS_INTEGERS << (64 - 8 * integers) : 0; /* the latest highest */
	unsigned char *at = (unsigned char *)(buffer + 1 + integers);
	uint32_t spare = room - (8 + 8 * count);

	for (const struct jst_value *key = keys + integers; key < keys + count; key++) {
		struct jst_value value = *key;

		if (value.kind == JST_DOUBLE)
			value = as_key(value);
		kinds = kinds >> 8 | (uint64_t)value.kind << 56;
		if (value.kind == JST_NIL)
			continue;
		if (!jst_kind_has_bytes(value.kind)) {
			*(uint64_t *)at = (uint64_t)value.i;
			at += 8;
			continue;
		}
		if (value.length > longest || pad(value.length) > spare)
			return 0;
		spare -= pad(value.length);
		*(uint64_t *)at = value.length;
		at = encode_bytes(at + 8, value.s, value.length);
	}
	*buffer = kinds >> (64 - 8 * count);
	return (uint32_t)(at - (unsigned char *)buffer);
}

/* Kinds are stored as one word: who hashes or compares the encoding next reads it so. */
uint32_t jst_key_encode_short(void *buffer, uint32_t room, const struct jst_value *keys, uint32_t count, uint32_t string_size)
{
	uint64_t *const words = buffer;

	if (count - 1 >= 8 || room < 8 + 8 * count)
		return 0;
	for (uint32_t i = 0; i < count; i++) {
		if (keys[i].kind != JST_INT)
			return encode_short(words, room, keys, count, string_size, i);
		words[1 + i] = (uint64_t)keys[i].i;
	}
	words[0] = KINDS_INTEGERS >> (64 - 8 * count);
	return 8 + 8 * count;
}

/* Any number of values, strings and stacks of every length, and room that may end anywhere. */
static __attribute__((noinline)) uint32_t encode_any(void *buffer, uint32_t room, const struct jst_value *keys, uint32_t count, uint32_t string_size, bool *cut)
{
	unsigned char *const kinds = buffer, *const end = kinds + room;
	unsigned char *at = kinds + pad(count);

	if (pad(count) > room)
		return 0;
	memset(kinds, 0, pad(count));
	for (uint32_t i = 0; i < count; i++) {
		const struct jst_value value = as_key(keys[i]);
		uint64_t word = (uint64_t)value.i;

		kinds[i] = (unsigned char)value.kind;
		if (value.kind == JST_NIL)
			continue;
		if (end - at < 8)
			return 0;
		if (jst_kind_has_bytes(value.kind)) {
			word = kept(&value, string_size);
			if (word < value.length)
				*cut = true;
		}
		memcpy(at, &word, 8);
		at += 8;
		if (!jst_kind_has_bytes(value.kind) || !word)
			continue;
		const uint32_t padded = pad((uint32_t)word);
		if ((uint64_t)(end - at) < padded)
			return 0;
		memset(at + padded - 8, 0, 8);
		memcpy(at, value.s, word);
		at += padded;
	}
	return (uint32_t)(at - kinds);
}

uint32_t jst_key_encode(void *buffer, uint32_t room, const struct jst_value *keys, uint32_t count, uint32_t string_size, bool *cut)
{
	const uint32_t size = jst_key_encode_short(buffer, room, keys, count, string_size);

	return size ? size : encode_any(buffer, room, keys, count, string_size, cut);
}

bool jst_key_decode(const void *key, uint32_t size, struct jst_value *keys, uint32_t count)
{
	const unsigned char *kinds = key;
	const unsigned char *at = kinds + pad(count);
	const unsigned char *end = kinds + size;

	if (pad(count) > size)
		return false;
	for (uint32_t i = 0; i < count; i++) {
		uint64_t word;

		if (kinds[i] == JST_NIL) {
			keys[i] = jst_value_nil();
			continue;
		}
		if (kinds[i] > JST_STACK || end - at < 8)
			return false;
		memcpy(&word, at, 8);
		at += 8;
		if (!jst_kind_has_bytes(kinds[i])) {
			keys[i] = (struct jst_value){ .i = (int64_t)word, .kind = kinds[i] };
			continue;
		}
		if (word > (uint64_t)(end - at) || pad((uint32_t)word) > (uint64_t)(end - at))
			return false;
		if (kinds[i] == JST_STACK && word % 8)
			return false;
		keys[i] = kinds[i] == JST_STACK ? jst_value_stack(at, (uint32_t)word) : jst_value_string((const char *)at, (uint32_t)word);
		at += pad((uint32_t)word);
	}
	return at == end;
}
