/*
 * Sixteen bytes that are read and replaced at once: what the slots of the tables are made of.
 *
 * The half `low` may also be read by itself. Swaps are full barriers; a load is an acquire. x86-64: cmpxchg16b, and for loads an aligned 16-byte move, which is atomic on every CPU that has AVX;
 * without AVX the load is a swap that changes nothing. arm64: exclusive pairs, where a read is atomic only if the store after it succeeded. Under the thread sanitizer its own functions, so that it sees them.
 */
#ifndef JST_PAIR_H
#define JST_PAIR_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define JST_PAIR_TSAN 1
#endif
#endif
#if defined(__SANITIZE_THREAD__)
#define JST_PAIR_TSAN 1
#endif

#if defined(__x86_64__)
#include <emmintrin.h>
#endif

struct jst_pair {
	uint64_t low, high;
};

struct jst_atomic_pair {
	_Alignas(16) _Atomic uint64_t low;
	_Atomic uint64_t high;
};

_Static_assert(sizeof(struct jst_atomic_pair) == 16, "two words");

/* Whether a 16-byte move is one access: set by jst_map_init(), false before, which is right but slow. */
extern bool jst_pair_vector;

#if defined(JST_PAIR_TSAN)

__extension__ typedef unsigned __int128 jst_uint128;
jst_uint128 __tsan_atomic128_load(const volatile void *at, int order);
jst_uint128 __tsan_atomic128_compare_exchange_val(volatile void *at, jst_uint128 expected, jst_uint128 desired, int order, int failure);

static inline jst_uint128 jst_pair_join(struct jst_pair pair)
{
	return (jst_uint128)pair.high << 64 | pair.low;
}

static inline struct jst_pair jst_pair_split(jst_uint128 value)
{
	return (struct jst_pair){ (uint64_t)value, (uint64_t)(value >> 64) };
}

static inline struct jst_pair jst_pair_load(struct jst_atomic_pair *at)
{
	return jst_pair_split(__tsan_atomic128_load(at, __ATOMIC_SEQ_CST));
}

static inline bool jst_pair_swap(struct jst_atomic_pair *at, struct jst_pair *expected, struct jst_pair desired)
{
	const jst_uint128 old = jst_pair_join(*expected);
	const jst_uint128 seen = __tsan_atomic128_compare_exchange_val(at, old, jst_pair_join(desired), __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);

	*expected = jst_pair_split(seen);
	return seen == old;
}

#elif defined(__x86_64__)

/* True if *at was *expected and is desired now; otherwise *expected is what it was. */
static inline bool jst_pair_swap(struct jst_atomic_pair *at, struct jst_pair *expected, struct jst_pair desired)
{
	bool swapped;

	__asm__ volatile("lock cmpxchg16b %1"
	                 : "=@ccz"(swapped), "+m"(*at), "+a"(expected->low), "+d"(expected->high)
	                 : "b"(desired.low), "c"(desired.high)
	                 : "memory");
	return swapped;
}

static inline struct jst_pair jst_pair_load(struct jst_atomic_pair *at)
{
	struct jst_pair pair = { 0, 0 };

	if (__builtin_expect(jst_pair_vector, 1)) {
#if !defined(__SSE2__)
		/* A compiler that is to use no vector register keeps nothing there either. */
		__asm__ volatile("movdqa %2, %%xmm0\n\tmovq %%xmm0, %0\n\tmovhlps %%xmm0, %%xmm0\n\tmovq %%xmm0, %1" : "=r"(pair.low), "=r"(pair.high) : "m"(*at) : "memory");
		return pair;
#else
		__m128i both;
		__asm__ volatile("movdqa %1, %0" : "=x"(both) : "m"(*at) : "memory");
		pair.low = (uint64_t)_mm_cvtsi128_si64(both);
		pair.high = (uint64_t)_mm_cvtsi128_si64(_mm_unpackhi_epi64(both, both));
		return pair;
#endif
	}
	jst_pair_swap(at, &pair, pair);
	return pair;
}

#elif defined(__aarch64__)

static inline bool jst_pair_swap(struct jst_atomic_pair *at, struct jst_pair *expected, struct jst_pair desired)
{
	uint64_t low, high, put_low, put_high;
	uint32_t failed;

	/* Where the pair differs it is stored back as it was, for only a successful store proves that both halves were read at once. */
	__asm__ volatile("1:	ldaxp	%0, %1, %5\n"
	                 "	cmp	%0, %6\n"
	                 "	ccmp	%1, %7, #0, eq\n"
	                 "	csel	%2, %8, %0, eq\n"
	                 "	csel	%3, %9, %1, eq\n"
	                 "	stlxp	%w4, %2, %3, %5\n"
	                 "	cbnz	%w4, 1b\n"
	                 : "=&r"(low), "=&r"(high), "=&r"(put_low), "=&r"(put_high), "=&r"(failed), "+Q"(*at)
	                 : "r"(expected->low), "r"(expected->high), "r"(desired.low), "r"(desired.high)
	                 : "cc", "memory");
	const bool swapped = low == expected->low && high == expected->high;
	expected->low = low;
	expected->high = high;
	return swapped;
}

static inline struct jst_pair jst_pair_load(struct jst_atomic_pair *at)
{
	struct jst_pair pair;
	uint32_t failed;

	__asm__ volatile("1:	ldaxp	%0, %1, %3\n"
	                 "	stlxp	%w2, %0, %1, %3\n"
	                 "	cbnz	%w2, 1b\n"
	                 : "=&r"(pair.low), "=&r"(pair.high), "=&r"(failed), "+Q"(*at)
	                 :
	                 : "memory");
	return pair;
}

#else
#error "jstrace runs on x86-64 and arm64"
#endif

/* Empties *at if its low half is low, whatever the high half is, which stays behind: a swap of eight bytes costs two thirds of one of sixteen. False: it was another. */
static inline bool jst_pair_clear(struct jst_atomic_pair *at, uint64_t low)
{
#if defined(JST_PAIR_TSAN)
	/* The sanitizer's 16-byte operations need not be atomic to eight-byte ones. */
	struct jst_pair pair = jst_pair_load(at);
	while (pair.low == low) {
		if (jst_pair_swap(at, &pair, (struct jst_pair){ 0, pair.high }))
			return true;
	}
	return false;
#else
	return atomic_compare_exchange_strong_explicit(&at->low, &low, 0, memory_order_seq_cst, memory_order_seq_cst);
#endif
}

static inline bool jst_pair_same(struct jst_pair a, struct jst_pair b)
{
	return a.low == b.low && a.high == b.high;
}

#endif
