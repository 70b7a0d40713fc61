/*
 * Aggregations: how an update changes a cell's state in the target, and how the CLI reads and merges states of threads, banks and processes.
 *
 * In the target a state is a few words in a cell, updated by its one owner. In the CLI it is a struct jst_result on the heap, made by adding up any number of cells in any order.
 * To add one, see aggregation.def.
 */
#ifndef JST_AGGREGATION_H
#define JST_AGGREGATION_H

#include "cell.h"

enum jst_shape {
	JST_SHAPE_COUNT, JST_SHAPE_SUM, JST_SHAPE_MIN, JST_SHAPE_MAX, JST_SHAPE_AVG, JST_SHAPE_STATS,
	JST_SHAPE_HIST, JST_SHAPE_LHIST, JST_SHAPE_QUANTILES, JST_SHAPE_RATE, JST_SHAPE_LAST, JST_SHAPE_DISTINCT,
};

/* A row of aggregation.def. */
struct jst_aggregation_info {
	const char *name, *alias;
	uint8_t values, parameters;
	enum jst_shape shape;
	const char *signature, *meaning;
};
extern const struct jst_aggregation_info jst_aggregation_info[JST_AGGREGATIONS];

/* What an update needs beside the cell. */
struct jst_update {
	struct jst_memory *memory;
	struct jst_slot *slot;
	struct jst_bank *bank;
	const struct jst_aggregation_decl *decl;
	uint16_t index;     /* of the aggregation */
	int64_t timestamp;  /* wall clock of the event, ns: for last and exemplars */
	int32_t tid;        /* likewise */
	void *scratch;      /* room for an encoded key, 8-aligned */
	uint32_t room;
};

/* Updates the aggregation under keys with value; where it keeps exemplars, one lies behind the keys. Counts in the slot what is skipped, cut or dropped. Context: probe, owner of the slot. */
void jst_aggregation_update(const struct jst_update *update, const struct jst_value *keys, struct jst_value value);

/* ---- reading: the CLI, and tests ---- */

/* The number of buckets that hist with bits has over all of int64, and the bucket's range: low <= x < high (high inclusive in the last). Buckets are ordered by value, those of negatives first. */
uint32_t jst_histogram_buckets(unsigned bits);
uint32_t jst_histogram_bucket(unsigned bits, int64_t value);
void jst_histogram_range(unsigned bits, uint32_t bucket, int64_t *low, int64_t *high);

/* The power of two of a value: 0 for 0, n for 2^(n-1) to 2^n - 1, and the mirror for negatives; INT64_MIN is in the row of its neighbours, -63. */
static inline int jst_histogram_power(int64_t value)
{
	const uint64_t size = value < 0 ? -(uint64_t)value - (value == INT64_MIN) : (uint64_t)value;
	const int power = size ? 64 - __builtin_clzll(size) : 0;

	return value < 0 ? -power : power;
}

/* A power's values: low <= x < high (high inclusive in the last). */
void jst_histogram_power_range(int power, int64_t *low, int64_t *high);

enum {
	JST_POWERS = 127,       /* -63 to 63 */
	JST_EXEMPLARS = 3,      /* kept a power */
	JST_EXEMPLAR_TEXT = 48, /* bytes at most; a longer string is cut, which is counted. loss.def says the number to people */
};

/* An exemplar, and what says which of two is later: timestamp, then where it comes from, then the value. */
struct jst_exemplar {
	int32_t power;
	uint32_t kind, length;  /* enum jst_kind; bytes of a string */
	int32_t pid, tid;
	int64_t timestamp;      /* wall clock, ns */
	union {
		int64_t bits;       /* an integer, a double's bits */
		char text[JST_EXEMPLAR_TEXT];
	};
	char hostname[65];
};

/* Its value; a string is the exemplar's. */
static inline struct jst_value jst_exemplar_value(const struct jst_exemplar *exemplar)
{
	return exemplar->kind == JST_STRING ? jst_value_string(exemplar->text, exemplar->length) : (struct jst_value){ .i = exemplar->bits, .kind = exemplar->kind };
}

/* A sum that does not lose: integers in 128 bits, doubles beside them. */
struct jst_sum {
	__int128 integers;
	double doubles;
	bool has_doubles;
};

/* The merged state under one key. Numbers are doubles where is_double, else integers. */
struct jst_result {
	uint64_t count;           /* all but last */
	struct jst_sum sum;       /* sum avg stats hist quantiles lhist */
	double squares;           /* stats: sum of squared differences from mean (Chan, Golub, LeVeque 1979: merges exactly in any order up to rounding) */
	double mean;              /* stats */
	struct jst_value min, max;/* min max stats hist quantiles lhist; nil: none yet */
	struct jst_value last;    /* last: a string is owned by the result */
	int64_t last_timestamp;
	char last_hostname[65];
	int32_t last_pid, last_tid;
	uint32_t buckets;         /* hist: jst_histogram_buckets(bits); lhist: steps + 2 (under- and overflow at the ends); else 0 */
	/* Only what was ever counted in is kept, so that a key costs here about what it costs in its target: rows of JST_RESULT_ROW neighbouring buckets, ascending. distinct: rows of registers, eight a word. */
	uint32_t rows;
	uint16_t *row;            /* owned; which row it is: bucket / JST_RESULT_ROW */
	uint64_t *bucket;         /* owned; JST_RESULT_ROW a row */
	uint32_t exemplars;       /* hist: by power, ascending; of one power the latest first, at most JST_EXEMPLARS, no two with the same value */
	struct jst_exemplar *exemplar; /* owned */
};
enum { JST_RESULT_ROW = 16 };

void jst_result_init(struct jst_result *result, const struct jst_aggregation_decl *decl);
void jst_result_fini(struct jst_result *result);
void jst_result_copy(struct jst_result *to, const struct jst_result *from);

/* What a bucket holds. */
uint64_t jst_result_bucket(const struct jst_result *result, uint32_t bucket);
/* Which bucket result->bucket[at] is, at < rows * JST_RESULT_ROW. */
static inline uint32_t jst_result_bucket_at(const struct jst_result *result, uint32_t at)
{
	return (uint32_t)result->row[at / JST_RESULT_ROW] * JST_RESULT_ROW + at % JST_RESULT_ROW;
}

/* Adds what a cell's state holds. state has size bytes, is 8-aligned and is not trusted: it was copied by the caller. source fields are for last. False if malformed. */
struct jst_source {
	const char *hostname;
	int32_t pid;
};
bool jst_result_add_state(struct jst_result *result, const struct jst_aggregation_decl *decl, const void *state, uint32_t size, const struct jst_source *source);

/* Adds a row cell (whole cell, copied by the caller, 8-aligned, size bytes) of a histogram or of distinct. False if malformed. */
bool jst_result_add_row(struct jst_result *result, const struct jst_aggregation_decl *decl, const struct jst_cell *row, uint32_t size);

/* Adds a cell of exemplars, as a row. False if malformed. */
bool jst_result_add_exemplars(struct jst_result *result, const struct jst_aggregation_decl *decl, const struct jst_cell *row, uint32_t size, const struct jst_source *source);

/* The exemplars of a power, the latest first; *count: how many. They belong to the result. */
const struct jst_exemplar *jst_result_exemplars(const struct jst_result *result, int power, uint32_t *count);

/* The ref of the state cell that a row (copied whole, its size checked) belongs to; 0 if it is too small to tell. */
jst_ref jst_row_owner(const struct jst_cell *row);

/* to += from: any order gives the same. */
void jst_result_merge(struct jst_result *to, const struct jst_result *from, const struct jst_aggregation_decl *decl);

/* The quantile q in [0, 1] of a hist, lhist or quantiles: midpoint of the bucket of rank ceil(q * n), clamped to min and max. nil where empty. */
struct jst_value jst_result_quantile(const struct jst_result *result, const struct jst_aggregation_decl *decl, double q);

/* How many different values distinct (result is its) has seen, estimated; the same for the same rows, whatever the order they were merged in. */
int64_t jst_result_distinct(const struct jst_result *result);

#endif
