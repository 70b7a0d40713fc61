/*
 * Bytes taken eight at a time, as encoded keys and records hold them (cell.h): the lowest byte first, the last word padded with zeros. Nothing outside of the bytes is read.
 */
#ifndef JST_BYTES_H
#define JST_BYTES_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "words are made of bytes, and kinds compared as words, with the lowest byte first");

static inline uint64_t jst_bytes_word(const void *at)
{
	uint64_t word;

	memcpy(&word, at, sizeof(word));
	return word;
}

static inline uint64_t jst_bytes_half(const void *at)
{
	uint32_t half;

	memcpy(&half, at, sizeof(half));
	return half;
}

/* The word that holds the last bytes of size, which is no multiple of 8. Two loads that overlap, in place of a loop. Context: any. */
static inline uint64_t jst_bytes_rest(const void *bytes, uint32_t size)
{
	const unsigned char *at = bytes;

	if (size > 8)
		return jst_bytes_word(at + size - 8) >> (64 - size % 8 * 8);
	if (size >= 4)
		return jst_bytes_half(at) | jst_bytes_half(at + size - 4) << (size - 4) * 8;
	return at[0] | (uint64_t)at[size / 2] << size / 2 * 8 | (uint64_t)at[size - 1] << (size - 1) * 8;
}

/* Whether size bytes are what padded, words with zeros behind the bytes, holds. Context: any. */
static inline bool jst_bytes_equal(const void *bytes, uint32_t size, const uint64_t *padded)
{
	const unsigned char *at = bytes, *own = (const unsigned char *)padded;

	if (size < 8)
		return !size || jst_bytes_rest(bytes, size) == *padded;
	if (jst_bytes_word(at + size - 8) != jst_bytes_word(own + size - 8))
		return false;
	/* Up to 16 bytes: once. */
	uint32_t i = 0;
	do {
		if (jst_bytes_word(at + i) != jst_bytes_word(own + i))
			return false;
		i += 8;
	} while (i + 8 < size);
	return true;
}

#endif
