/*
 * XXH3, inlined: Yann Collet's xxHash (BSD-2), header-only. In its own header so that it is configured once.
 */
#ifndef JST_HASH_H
#define JST_HASH_H

#define XXH_INLINE_ALL
#define XXH_NO_STDLIB
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wconversion"
#pragma GCC diagnostic ignored "-Wsign-conversion"
#pragma GCC diagnostic ignored "-Wshadow"
#include <xxhash.h>
#pragma GCC diagnostic pop

#include <stddef.h>
#include <stdint.h>

/* In key.c: jst_hash(), called. */
uint64_t jst_hash_long(const void *bytes, size_t size);

static inline uint64_t jst_hash(const void *bytes, size_t size)
{
	return XXH3_64bits(bytes, size);
}

/* The same, for a function with the attribute `flatten` that hashes at each event: up to 128 bytes without a call. */
static inline __attribute__((always_inline)) uint64_t jst_hash_inline(const void *bytes, size_t size)
{
	if (__builtin_expect(size > 128, 0))
		return jst_hash_long(bytes, size);
	return XXH3_64bits(bytes, size);
}

/* A bijection of 64-bit integers that mixes well (the finaliser of MurmurHash3, Austin Appleby). */
static inline uint64_t jst_mix(uint64_t x)
{
	x ^= x >> 33;
	x *= 0xff51afd7ed558ccdULL;
	x ^= x >> 33;
	x *= 0xc4ceb9fe1a85ec53ULL;
	x ^= x >> 33;
	return x;
}

#endif
