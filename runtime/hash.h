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

static inline uint64_t jst_hash(const void *bytes, size_t size)
{
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
