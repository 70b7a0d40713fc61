/*
 * Results: the aggregations of a run, merged over threads, banks and processes.
 *
 * Results is a table from (aggregation, key) to a merged state. Adding is associative and commutative. Single-threaded; owns its keys and states.
 *
 *     totals (what was released to us)  +  what the memories of the living and the dead still hold  =  a snapshot
 */
#ifndef RESULTS_H
#define RESULTS_H

#include "aggregation.h"
#include "compile.h"

struct results;
struct mappings;

struct results *results_new(const struct compiled *compiled);
void results_free(struct results *results);

/* The state under key (encoded as in cell.h), made when there is none. */
struct jst_result *results_find(struct results *results, uint32_t aggregation, const void *key, uint32_t key_size);

/* to += from. */
void results_merge(struct results *to, const struct results *from);

/* clear(@a): as never updated. zero(@a): the keys stay, their states are as new. */
void results_clear(struct results *results, uint32_t aggregation);
void results_zero(struct results *results, uint32_t aggregation);
void results_clear_all(struct results *results);

/* Whether @a holds any key: it was updated since the start or the last clear. */
bool results_any(const struct results *results, uint32_t aggregation);

/* Whether @a must still be printed at the end: it was never printed, or updated (by reading or merging) since results_printed() was last called for it. */
bool results_due(const struct results *results, uint32_t aggregation);
void results_printed(struct results *results, uint32_t aggregation);

/*
 * What @a[key] reads as in a clause of the CLI: count, sum, avg, min, max, rate, distinct, last (its string belongs to the result), else its count; nil where nothing is known. elapsed: as in results_print().
 * result: NULL where there is no such key, which is nil; without keys, where @a was not updated, what can be counted is 0.
 */
struct jst_value results_value(const struct results *results, uint32_t aggregation, const struct jst_result *result, int64_t elapsed);

/* The state under key, or NULL. */
const struct jst_result *results_get(const struct results *results, uint32_t aggregation, const void *key, uint32_t key_size);

/* The state under keys, as many as the aggregation has, whose strings are cut at string_size as in the targets; or NULL. */
const struct jst_result *results_seek(const struct results *results, uint32_t aggregation, const struct jst_value *keys, uint32_t string_size);

/* What results were made for. */
const struct compiled *results_compiled(const struct results *results);
const struct jst_aggregation_decl *results_decl(const struct results *results, uint32_t aggregation);

/* All keys of an aggregation, in the order print shows them: the greatest value first for count sum min max avg rate distinct, the greatest count first for hist lhist quantiles stats, by key for last; ties by key, ascending (nil, numbers, strings, stacks). The array is freed by the caller; its entries belong to results. */
struct results_entry {
	const void *key;
	uint32_t key_size;
	struct jst_value keys[JST_MAX_KEYS]; /* decoded; strings point into key */
	const struct jst_result *result;
};
struct results_entry *results_sorted(const struct results *results, uint32_t aggregation, uint32_t *count);
/* The same in the order that print(@a, by: order) shows them, which the aggregation must know (order.def). */
struct results_entry *results_ordered(const struct results *results, uint32_t aggregation, enum result_order order, uint32_t *count);

/*
 * Reading a target's memory, mapped read-only and not trusted (size bytes at base, 64-byte aligned; it may change at any moment). Adds the cells of every bank that `take` accepts:
 * READER_TAKE_CLOSED: state is CLOSED (after FLIPPED). READER_TAKE_REST: every bank whose generation was not copied before, whatever its state (after STOPPED, or the target's death).
 * copied remembers, per slot and bank, the generation last added, so that no event is counted twice. Losses are cumulative in the memory: they are set, not added.
 * The view is zeroed by its maker but for the first five fields.
 */
struct memory_view {
	const unsigned char *base;
	uint64_t size;
	const char *hostname;
	int32_t pid;
	struct mappings *mappings;     /* for the addresses of stacks, which it owns; NULL: the program has none */
	uint32_t copied[JST_SLOTS][JST_BANKS];
	uint64_t losses[JST_LOSSES];   /* out: as of the last read */
	uint64_t unstarted[JST_SPAN_COUNTS]; /* out: spans without a start, by map, as in a slot */
	uint64_t torn;                 /* out: slots whose owner was inside an event at READER_TAKE_REST; part of losses */
	bool malformed;                /* out: something in the memory made no sense and was left out */
};
enum reader_take { READER_TAKE_CLOSED, READER_TAKE_REST };
void results_read(struct results *results, struct memory_view *view, enum reader_take take);
void losses_read(struct memory_view *view);

/* ---- printing (print_*.c), through an output ---- */
struct output;

/* print(@a), print(@a, top): as text a block, as JSON one object a key. top < 0: all keys; what has no keys is printed whatever top is. elapsed: ns since the session's start or the last clear, for rate. Nothing updated: "no data". */
void results_print(struct output *output, const struct results *results, uint32_t aggregation, int64_t top, int64_t elapsed);
/* print(@a, top: top, by: order). */
void results_print_ordered(struct output *output, const struct results *results, uint32_t aggregation, enum result_order order, int64_t top, int64_t elapsed);
/* print(@a[keys]): one entry as print shows it, a number in one line. result: NULL where there is no such key: "no data". */
void results_print_entry(struct output *output, const struct results *results, uint32_t aggregation, const struct jst_value *keys, const struct jst_result *result, int64_t elapsed);

#endif
