/*
 * Keys as bytes, so that equal keys are equal bytes: the kinds, then the values, each in whole 8-byte words (see cell.h). Records carry their values in the same form.
 */
#include <string.h>

#include "cell.h"
#include "hash.h"

static uint32_t pad(uint32_t size)
{
	return (size + 7) & ~(uint32_t)7;
}

struct jst_value jst_key_value(struct jst_value value)
{
	if (value.kind != JST_DOUBLE)
		return value;
	if (value.d != value.d)
		return jst_value_double(__builtin_nan(""));
	if (value.d >= -0x1p63 && value.d < 0x1p63 && (double)(int64_t)value.d == value.d)
		return jst_value_int((int64_t)value.d);
	return value;
}

uint64_t jst_key_hash(struct jst_value value)
{
	value = jst_key_value(value);
	return value.kind == JST_STRING ? jst_hash(value.s, value.length) : jst_hash(&value.i, sizeof(value.i));
}

/* How much of a string or stack is kept: whole addresses of a stack. */
static uint32_t kept(const struct jst_value *value, uint32_t string_size)
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

uint32_t jst_key_encode(void *buffer, uint32_t room, const struct jst_value *keys, uint32_t count, uint32_t string_size, bool *cut)
{
	unsigned char *kinds = buffer;
	unsigned char *at = kinds + pad(count);
	const unsigned char *end = kinds + room;

	if (pad(count) > room)
		return 0;
	memset(kinds, 0, pad(count));
	for (uint32_t i = 0; i < count; i++) {
		const struct jst_value value = jst_key_value(keys[i]);

		kinds[i] = (unsigned char)value.kind;
		if (value.kind == JST_NIL)
			continue;
		if (end - at < 8)
			return 0;
		if (!jst_kind_has_bytes(value.kind)) {
			memcpy(at, &value.i, 8);
			at += 8;
			continue;
		}
		const uint64_t length = kept(&value, string_size);

		if (length < value.length)
			*cut = true;
		if ((uint64_t)(end - at) < 8 + (uint64_t)pad((uint32_t)length))
			return 0;
		memcpy(at, &length, 8);
		at += 8;
		if (length) {
			memset(at + pad((uint32_t)length) - 8, 0, 8);
			memcpy(at, value.s, length);
		}
		at += pad((uint32_t)length);
	}
	return (uint32_t)(at - kinds);
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
