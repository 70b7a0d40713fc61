/*
 * The straight ways into maps, for the virtual machine to have inline: an integer key in the first level of a one-word table, and integer variables. Each says when it is not for it; the operations of map.h do the rest.
 * See map_word.c for what a slot is, map_table.h for windows, levels and the rule of inserting.
 */
#ifndef JST_MAP_INLINE_H
#define JST_MAP_INLINE_H

#include "map_table.h"

/* Whether entries of the map under a single integer lie in the one-word table. Context: any. */
static inline bool jst_map_has_words(const struct jst_map_decl *decl)
{
	return (decl->flags & JST_MAP_INT) && decl->keys == 1;
}

/* Where in its window of the first level an integer is put if that slot is empty, and looked for first. */
static inline unsigned jst_map_home_index(uint64_t salted)
{
	return (unsigned)salted % JST_MAP_WINDOW;
}

/* That slot of the first level, which every map with words has from the start. */
static inline struct jst_atomic_pair *jst_map_home(const struct jst_memory *memory, const struct jst_map_root *root, uint64_t salted)
{
	struct jst_atomic_pair *slots = (struct jst_atomic_pair *)(memory->base + root->home_offset);

	return slots + (jst_map_place(salted) & root->home_mask) * JST_MAP_WINDOW + jst_map_home_index(salted);
}

/* The count of entries of the key's window that are not at home. */
static inline _Atomic uint32_t *jst_map_away(const struct jst_memory *memory, const struct jst_map_root *root, uint64_t salted)
{
	return (_Atomic uint32_t *)(void *)(memory->base + root->away_offset) + (jst_map_place(salted) & root->home_mask);
}

/* Whether there may be one of the key itself. Sequentially consistent: see map_table.h. */
static inline bool jst_map_has_away(const struct jst_memory *memory, const struct jst_map_root *root, uint64_t salted)
{
	return atomic_load_explicit(jst_map_away(memory, root, salted), memory_order_seq_cst) != 0;
}

/*
 * Which slots of the window have the key, a bit each; in *empties, unless NULL, which are empty. All are looked at without a branch: where in the window a key lies cannot be predicted.
 *
 * The low halves are read one by one and never torn; the order of the reads is that of a sequentially consistent load each, which on x86-64 any aligned load is.
 */
#if defined(__SSE2__) && !defined(JST_PAIR_TSAN)

static inline __m128i jst_map_two(const struct jst_atomic_pair *slot)
{
	__m128d two;

	/* Volatile: the look after a swap must not be answered from the one before it. */
	__asm__ volatile("movsd %1, %0\n\tmovhpd %2, %0" : "=&x"(two) : "m"(slot[0].low), "m"(slot[1].low) : "memory");
	return _mm_castpd_si128(two);
}

/* A bit each of eight, from four compares of 32-bit halves: both halves of a slot must be equal. */
static inline unsigned jst_map_bits(__m128i a, __m128i b, __m128i c, __m128i d)
{
	const unsigned halves = (unsigned)_mm_movemask_epi8(_mm_packs_epi16(_mm_packs_epi32(a, b), _mm_packs_epi32(c, d)));
	const unsigned whole = halves & halves >> 1 & 0x5555;

	return whole;
}

/* Bits are those of slot i at 2 i. */
static inline unsigned jst_map_look(const struct jst_atomic_pair *window, uint64_t salted, unsigned *empties)
{
	const __m128i key = _mm_set1_epi64x((long long)salted), zero = _mm_setzero_si128();
	const __m128i a = jst_map_two(window), b = jst_map_two(window + 2), c = jst_map_two(window + 4), d = jst_map_two(window + 6);

	if (empties)
		*empties = jst_map_bits(_mm_cmpeq_epi32(a, zero), _mm_cmpeq_epi32(b, zero), _mm_cmpeq_epi32(c, zero), _mm_cmpeq_epi32(d, zero));
	return jst_map_bits(_mm_cmpeq_epi32(a, key), _mm_cmpeq_epi32(b, key), _mm_cmpeq_epi32(c, key), _mm_cmpeq_epi32(d, key));
}

#else

static inline unsigned jst_map_look(const struct jst_atomic_pair *window, uint64_t salted, unsigned *empties)
{
	unsigned matches = 0, none = 0;

#pragma GCC unroll 8
	for (unsigned i = 0; i < JST_MAP_WINDOW; i++) {
		const uint64_t key = atomic_load_explicit(&window[i].low, memory_order_seq_cst);
		matches |= (unsigned)(key == salted) << 2 * i;
		if (empties)
			none |= (unsigned)(key == 0) << 2 * i;
	}
	if (empties)
		*empties = none;
	return matches;
}

#endif

/* The bit of a slot, and the slot of the lowest bit that is set. */
static inline unsigned jst_map_bit(unsigned slot)
{
	return 1U << 2 * slot;
}

static inline struct jst_atomic_pair *jst_map_slot(struct jst_atomic_pair *window, unsigned bits)
{
	return &window[__builtin_ctz(bits) / 2];
}

/* Of the empty slots of a window the one for the key. */
static inline struct jst_atomic_pair *jst_map_vacancy(struct jst_atomic_pair *window, uint64_t salted, unsigned empties)
{
	const unsigned home = jst_map_home_index(salted);

	return empties & jst_map_bit(home) ? &window[home] : jst_map_slot(window, empties);
}

/* What jst_map_word_get() does where the key is at home: the slot, and the entry in *pair. NULL: look further. Context: probe. */
static inline __attribute__((always_inline)) struct jst_atomic_pair *jst_map_word_seek(const struct jst_memory *memory, const struct jst_map_root *root, uint64_t salted, struct jst_pair *pair)
{
	struct jst_atomic_pair *slot = jst_map_home(memory, root, salted);

	*pair = jst_pair_load(slot);
	return __builtin_expect(pair->low == salted, 1) ? slot : NULL;
}

/*
 * What jst_map_word_set() does to a key that is not there and whose home is empty: the slot, which has the entry now; NULL where nothing was done. *doubtful: the key may be elsewhere, too, and jst_map_word_settle() must follow. Context: probe.
 */
static inline __attribute__((always_inline)) struct jst_atomic_pair *jst_map_word_insert(const struct jst_memory *memory, struct jst_map_root *root, uint64_t salted, int64_t value, bool *doubtful)
{
	struct jst_atomic_pair *slot = jst_map_home(memory, root, salted);
	struct jst_pair pair = { atomic_load_explicit(&slot->low, memory_order_relaxed), atomic_load_explicit(&slot->high, memory_order_relaxed) };

	if (__builtin_expect(pair.low != 0, 0) || __builtin_expect(!jst_pair_swap(slot, &pair, (struct jst_pair){ salted, (uint64_t)value }), 0))
		return NULL;
	*doubtful = jst_map_has_away(memory, root, salted);
	return slot;
}

/* The second look of such an insertion in full: where there is another copy of the key, the one in slot gives way, and the other takes its value. Context: probe. */
void jst_map_word_settle(const struct jst_map_access *access, uint64_t salted, struct jst_atomic_pair *slot);

/* What jst_map_add() does to a variable that is an integer or not set, if nobody interferes; false: it did nothing. Context: probe. */
static inline bool jst_map_scalar_increase(struct jst_map_root *root, int64_t value)
{
	struct jst_pair pair = jst_pair_load(&root->scalar);
	const uint32_t kind = jst_map_scalar_kind(pair);

	if (__builtin_expect(kind != JST_INT && kind != JST_NIL, 0))
		return false;
	const uint64_t before = kind == JST_INT ? pair.high : 0;
	return jst_pair_swap(&root->scalar, &pair, jst_map_scalar_next(pair, JST_INT, before + (uint64_t)value));
}

#endif
