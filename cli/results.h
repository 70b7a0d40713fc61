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

/* Whether @a was ever updated, and updated since results_printed() was last called for it. */
bool results_any(const struct results *results, uint32_t aggregation);

/* All keys of an aggregation, in the order print shows them (by value, the greatest first where the function is a count or sum …; lhist and hist by count; ties by key). The array is freed by the caller; its entries belong to results. */
struct results_entry {
	const void *key;
	uint32_t key_size;
	struct jst_value keys[JST_MAX_KEYS]; /* decoded; strings point into key */
	const struct jst_result *result;
};
struct results_entry *results_sorted(const struct results *results, uint32_t aggregation, uint32_t *count);

/*
 * Reading a target's memory, mapped read-only and not trusted (size bytes at base). Adds the cells of every bank that `take` accepts:
 * reader_take_closed: state is CLOSED (after FLIPPED). reader_take_rest: every bank whose (generation) was not copied before (after STOPPED, or the target's death).
 * copied remembers, per slot and bank, the generation last added, so that no event is counted twice. Losses are cumulative in the memory: they are set, not added.
 */
struct memory_view {
	const unsigned char *base;
	uint64_t size;
	const char *hostname;
	int32_t pid;
	uint32_t copied[JST_SLOTS][JST_BANKS];
	uint64_t losses[JST_LOSSES];   /* out: as of the last read */
	bool malformed;                /* out: something in the memory made no sense and was left out */
};
enum reader_take { READER_TAKE_CLOSED, READER_TAKE_REST };
void results_read(struct results *results, struct memory_view *view, enum reader_take take);
void losses_read(struct memory_view *view);

/* ---- printing (print_*.c), through an output ---- */
struct output;

/* print(@a), print(@a, top): top < 0: all. elapsed: ns since the session's start or the last clear, for rate. Nothing updated: "no data". */
void results_print(struct output *output, const struct results *results, uint32_t aggregation, int64_t top, int64_t elapsed);

#endif
