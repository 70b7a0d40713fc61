/*
 * How the states of aggregations lie in cells: what aggregation*.c write in the target and result_state.c reads in the CLI.
 *
 * All words are 64 bits, start as zero, and are stored relaxed by the one owner of the cell. Zero is the right beginning for each of them.
 */
#ifndef JST_AGGREGATION_STATE_H
#define JST_AGGREGATION_STATE_H

#include "aggregation.h"

typedef _Atomic uint64_t jst_word;

/* A sum: integers in 128 bits, doubles beside them. */
struct jst_sum_state {
	jst_word low, high;   /* of the integers' sum, two's complement */
	jst_word doubles;     /* the doubles' sum, its bits */
	jst_word has_doubles; /* 1 once a double was added */
};

/* COUNT, RATE */
struct jst_count_state {
	jst_word count;
};

/* SUM, AVG */
struct jst_total_state {
	jst_word count;
	struct jst_sum_state sum;
};

/* A value that was seen; kind JST_NIL: none yet. */
struct jst_seen_state {
	jst_word kind;
	jst_word bits;
};

/* MIN, MAX */
struct jst_extreme_state {
	jst_word count;
	struct jst_seen_state seen;
};

/* STATS */
struct jst_stats_state {
	jst_word count;
	struct jst_sum_state sum;
	struct jst_seen_state min, max;
	jst_word mean, squares; /* doubles: Welford's running mean and sum of squared differences from it */
};

/* What HIST, QUANTILES and LHIST have in common. The count is the sum of the buckets. */
struct jst_range_state {
	struct jst_sum_state sum;
	jst_word greatest; /* max as an unsigned number that orders the same: x ^ 1 << 63 */
	jst_word least;    /* the complement of min as such a number, so that it only rises too */
};

/* HIST, QUANTILES. What follows the range means nothing to a reader: it finds the rows by their owner. */
struct jst_histogram_state {
	struct jst_range_state range;
	jst_ref negative;   /* struct jst_histogram_negative, once there is a negative value */
	jst_ref exemplars;  /* struct jst_exemplar_directory, once there is one */
	jst_ref row[];      /* of block 0, 1 …, values >= 0: struct jst_histogram_row, 0 until touched */
};

/* A cell of type NODE. */
struct jst_histogram_negative {
	struct jst_cell cell;
	uint64_t reserved;
	jst_ref row[];      /* of block 0, 1 …, by magnitude */
};

/*
 * A block of buckets, a cell of type ROW. Magnitudes are numbered index(m) = (p - bits << bits) + (m >> p - bits), where p is the position of the highest one in m | 1 << bits:
 * each of 0 … 2^bits - 1 has an index of its own, then each power of two has 2^bits. A block is 2^bits indices in a row.
 */
struct jst_histogram_row {
	struct jst_cell cell;
	jst_ref owner;      /* the state's cell */
	uint16_t block;
	uint16_t negative;  /* 1: magnitudes of negative values */
	jst_word bucket[];
};

_Static_assert(offsetof(struct jst_histogram_row, bucket) == 24, "owner, block and negative are the word that jst_cell_append() stores");

/* A cell of type NODE: where the exemplars of each power of two are. */
struct jst_exemplar_directory {
	struct jst_cell cell;
	uint64_t reserved;
	jst_ref row[JST_POWERS]; /* of power -63, -62 … 63: struct jst_exemplar_row, 0 until there is one */
};

/* One exemplar. The kind is nil while the rest is written, so that a thread which is killed meanwhile leaves none rather than a torn one. */
struct jst_exemplar_state {
	jst_word kind;       /* kind | length << 32; JST_NIL: none */
	jst_word timestamp;
	jst_word tid;
	jst_word value[JST_EXEMPLAR_TEXT / 8]; /* the first word: an integer or a double's bits; all: text, padded with zeros */
};

/* A cell of type EXEMPLARS: the latest values that came with numbers of one power of two, all different, in no order. */
struct jst_exemplar_row {
	struct jst_cell cell;
	jst_ref owner;       /* the state's cell */
	int16_t power;       /* jst_histogram_power() */
	uint16_t reserved;
	struct jst_exemplar_state exemplar[JST_EXEMPLARS];
};

/*
 * DISTINCT: HyperLogLog (Flajolet, Fusy, Gandouet, Meunier 2007) over a 64-bit hash (Heule, Nunkesser, Hall 2013). The highest bits of a value's hash choose a register, which keeps the greatest rank
 * seen: one more than the zeros that the hash's other bits begin with. The standard error of the estimate is 1.04 / sqrt(2^15) = 0.57 %, so the 2 % that we promise are 3.5 of it.
 * Registers are bytes, 128 in a row that is made when one of them is touched: a key with few values stays small.
 */
enum {
	JST_DISTINCT_BITS = 15,
	JST_DISTINCT_RANKS = 64 - JST_DISTINCT_BITS + 1, /* the greatest rank: none of the other bits is set */
	JST_DISTINCT_ROW = 8 * JST_RESULT_ROW,           /* registers; a row in a result holds as many */
	JST_DISTINCT_ROWS = (1 << JST_DISTINCT_BITS) / JST_DISTINCT_ROW,
};

/* Means nothing to a reader, who finds the rows by their owner. */
struct jst_distinct_state {
	jst_ref row[JST_DISTINCT_ROWS]; /* struct jst_distinct_row, 0 until touched */
};

/* A cell of type ROW. */
struct jst_distinct_row {
	struct jst_cell cell;
	jst_ref owner;       /* the state's cell */
	uint16_t row;
	uint16_t reserved;
	jst_word registers[JST_RESULT_ROW]; /* eight a word, the lowest byte first */
};

_Static_assert(offsetof(struct jst_distinct_row, owner) == offsetof(struct jst_histogram_row, owner) && offsetof(struct jst_exemplar_row, owner) == offsetof(struct jst_histogram_row, owner),
               "jst_row_owner() reads any of them");

/* LHIST: underflow, the steps, overflow. */
struct jst_linear_state {
	struct jst_range_state range;
	jst_word bucket[];
};

/* LAST */
struct jst_last_state {
	jst_word timestamp;
	jst_word tid;
	jst_word kind;   /* kind | length << 32 */
	jst_word bits;
	jst_word text[]; /* string_size bytes */
};

static inline uint64_t jst_word_load(const jst_word *word)
{
	return atomic_load_explicit(word, memory_order_relaxed);
}

static inline void jst_word_store(jst_word *word, uint64_t value)
{
	atomic_store_explicit(word, value, memory_order_relaxed);
}

static inline void jst_word_increment(jst_word *word)
{
	jst_word_store(word, jst_word_load(word) + 1);
}

static inline double jst_double_of(uint64_t bits)
{
	return (union { uint64_t u; double d; }){ .u = bits }.d;
}

static inline uint64_t jst_bits_of(double value)
{
	return (union { double d; uint64_t u; }){ .d = value }.u;
}

/* Parameters as they may be used without a further look: clamped, also where a declaration was never verified. */
static inline unsigned jst_histogram_bits(const struct jst_aggregation_decl *decl)
{
	const uint64_t bits = (uint64_t)decl->parameters[0];

	return bits > JST_MAX_HIST_BITS ? JST_MAX_HIST_BITS : (unsigned)bits;
}

/* Blocks of each sign. */
static inline unsigned jst_histogram_blocks(unsigned bits)
{
	return 64 - bits;
}

/* How many of its lowest bits a magnitude loses. */
static inline unsigned jst_histogram_shift(unsigned bits, uint64_t magnitude)
{
	return (63 ^ (unsigned)__builtin_clzll(magnitude | 1ULL << bits)) - bits;
}

static inline uint32_t jst_histogram_index(unsigned bits, uint64_t magnitude)
{
	const unsigned shift = jst_histogram_shift(bits, magnitude);

	return (shift << bits) + (uint32_t)(magnitude >> shift);
}

/* The whole number that a histogram keeps for a number: a fraction is truncated toward zero. */
static inline int64_t jst_histogram_value(struct jst_value value)
{
	if (value.kind == JST_INT)
		return value.i;
	if (value.d >= 0x1p63)
		return INT64_MAX;
	if (value.d < -0x1p63)
		return INT64_MIN;
	return (int64_t)value.d;
}

/* Of a negative value; INT64_MIN shares the last bucket. */
static inline uint64_t jst_magnitude(int64_t negative)
{
	return negative == INT64_MIN ? INT64_MAX : (uint64_t)-negative;
}

/* The steps of an lhist, 1 to JST_MAX_LHIST_STEPS. */
static inline uint32_t jst_linear_steps(const struct jst_aggregation_decl *decl)
{
	const int64_t min = decl->parameters[0], max = decl->parameters[1], step = decl->parameters[2];

	if (step <= 0 || max <= min)
		return 1;
	const uint64_t steps = ((uint64_t)max - (uint64_t)min - 1) / (uint64_t)step + 1;
	return steps > JST_MAX_LHIST_STEPS ? JST_MAX_LHIST_STEPS : (uint32_t)steps;
}

/* Keeps an integer where the one seen so far was an integer, too, if it is less, or greater; false: none was seen, or something else. */
static inline bool jst_seen_integer(struct jst_seen_state *seen, int64_t value, bool greatest)
{
	if (__builtin_expect(jst_word_load(&seen->kind) != JST_INT, 0))
		return false;
	const int64_t old = (int64_t)jst_word_load(&seen->bits);

	if (greatest ? value > old : value < old)
		jst_word_store(&seen->bits, (uint64_t)value);
	return true;
}

static inline void jst_sum_add(struct jst_sum_state *sum, int64_t value)
{
	const uint64_t low = jst_word_load(&sum->low);
	const uint64_t next = low + (uint64_t)value;

	jst_word_store(&sum->low, next);
	jst_word_store(&sum->high, jst_word_load(&sum->high) + (uint64_t)(value >> 63) + (next < low));
}

static inline void jst_sum_add_double(struct jst_sum_state *sum, double value)
{
	jst_word_store(&sum->doubles, jst_bits_of(jst_double_of(jst_word_load(&sum->doubles)) + value));
	jst_word_store(&sum->has_doubles, 1);
}

static inline void jst_range_update(struct jst_range_state *range, int64_t value)
{
	const uint64_t ordered = (uint64_t)value ^ 1ULL << 63;

	if (ordered > jst_word_load(&range->greatest))
		jst_word_store(&range->greatest, ordered);
	if (~ordered > jst_word_load(&range->least))
		jst_word_store(&range->least, ~ordered);
}

/* What jst_histogram_update() does with an integer >= 0 whose row there is; false: it did nothing. Context: probe, owner of the slot. */
static inline __attribute__((always_inline)) bool jst_histogram_count(const struct jst_memory *memory, struct jst_histogram_state *state, unsigned bits, uint64_t value)
{
	/* jst_histogram_index() in two: the block, and what ends in the bucket's bits. */
	const unsigned shift = jst_histogram_shift(bits, value);
	const uint64_t index = value >> shift;
	const jst_ref ref = state->row[shift + (index >> bits)];

	if (__builtin_expect(!ref, 0))
		return false;
	struct jst_histogram_row *row = jst_memory_at(memory, ref);
	jst_range_update(&state->range, (int64_t)value);
	jst_sum_add(&state->range.sum, (int64_t)value);
	jst_word_increment(&row->bucket[index & ((1U << bits) - 1)]);
	return true;
}

/* ---- updates: aggregation_number.c, aggregation_histogram.c, aggregation_exemplar.c, aggregation_distinct.c. state belongs to cell; value is a number, no NaN. Context: probe, owner of the slot. ---- */

void jst_total_update(struct jst_total_state *state, struct jst_value value);
void jst_extreme_update(struct jst_extreme_state *state, struct jst_value value, bool greatest);
void jst_stats_update(struct jst_stats_state *state, struct jst_value value);
void jst_histogram_update(const struct jst_update *update, struct jst_cell *cell, struct jst_value value);
/* The same, and keeps the exemplar that came with the value, unless it is nil. */
void jst_exemplar_update(const struct jst_update *update, struct jst_cell *cell, struct jst_value value, struct jst_value exemplar);
/* Any value but nil. */
void jst_distinct_update(const struct jst_update *update, struct jst_cell *cell, struct jst_value value);
void jst_linear_update(const struct jst_update *update, struct jst_linear_state *state, struct jst_value value);

/* True if a replaces b as the smaller (greatest: the greater) of the two; an integer wins over the equal double, so that the order of coming does not matter. Neither is NaN or a string. Context: any. */
bool jst_value_beats(struct jst_value a, struct jst_value b, bool greatest);

#endif
