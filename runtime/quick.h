/*
 * What quick instructions and shortcuts (plan.h) do: each says when it is not for it, and has done nothing then. All: Context: probe, owner of the slot.
 */
#ifndef JST_QUICK_H
#define JST_QUICK_H

#include "aggregation_state.h"
#include "cell_index.h"
#include "map_inline.h"
#include "vm.h"

static inline __attribute__((always_inline)) struct jst_map_root *jst_quick_root(const struct jst_run *run, int32_t map)
{
	return &jst_map_directory(&run->session->memory)->roots[map];
}

/* What the operations of map.h work on, for one of the program's maps, until it is asked for another. */
static inline const struct jst_map_access *jst_quick_access(struct jst_run *run, int32_t map)
{
	run->map.decl = jst_program_map(run->program, map);
	run->map.index = (uint32_t)map;
	return &run->map;
}

/* map [key] = now, for a key that is not there. *doubtful: jst_map_word_settle() must follow. */
static inline __attribute__((always_inline)) bool jst_quick_put_now(const struct jst_run *run, int32_t map, uint64_t key, struct jst_atomic_pair **slot, bool *doubtful)
{
	const uint64_t salted = jst_map_salted(key);

	*slot = __builtin_expect(salted != 0, 1) ? jst_map_word_insert(&run->session->memory, jst_quick_root(run, map), salted, run->now, doubtful) : NULL;
	return *slot;
}

/* map [key], which the event is likely to remove. */
static inline __attribute__((always_inline)) bool jst_quick_get(struct jst_run *run, int32_t map, uint64_t key, int64_t *value)
{
	const uint64_t salted = jst_map_salted(key);
	struct jst_pair pair;
	struct jst_atomic_pair *slot = __builtin_expect(salted != 0, 1) ? jst_map_word_seek(&run->session->memory, jst_quick_root(run, map), salted, &pair) : NULL;

	if (__builtin_expect(!slot, 0))
		return false;
	run->found.map = map;
	run->found.salted = salted;
	run->found.slot = slot;
	*value = (int64_t)pair.high;
	return true;
}

/* Removes the entry that was found under the key. *doubtful: there may be a copy elsewhere that is older, and jst_map_word_delete() must follow. A copy that another thread is just inserting may stay: it comes after. */
static inline __attribute__((always_inline)) bool jst_quick_remove(struct jst_run *run, int32_t map, uint64_t key, bool *doubtful)
{
	struct jst_atomic_pair *slot = run->found.slot;

	if (__builtin_expect(!slot || run->found.map != map || run->found.salted != jst_map_salted(key), 0))
		return false;
	run->found.slot = NULL;
	if (__builtin_expect(!jst_pair_clear(slot, run->found.salted), 0))
		return false;
	*doubtful = jst_map_has_away(&run->session->memory, jst_quick_root(run, map), run->found.salted);
	return true;
}

/* The state of an aggregation without keys that the bank leads to; NULL before the first update. */
static inline __attribute__((always_inline)) void *jst_quick_state(const struct jst_run *run, int32_t aggregation)
{
	const jst_ref ref = atomic_load_explicit(&run->update.bank->plain[aggregation], memory_order_relaxed);

	return __builtin_expect(ref != 0, 1) ? (struct jst_cell *)jst_memory_at(&run->session->memory, ref) + 1 : NULL;
}

static inline __attribute__((always_inline)) bool jst_quick_count(const struct jst_run *run, int32_t aggregation)
{
	struct jst_count_state *state = jst_quick_state(run, aggregation);

	if (__builtin_expect(!state, 0))
		return false;
	jst_word_increment(&state->count);
	return true;
}

static inline __attribute__((always_inline)) bool jst_quick_hist(const struct jst_run *run, int32_t aggregation, unsigned bits, int64_t value)
{
	struct jst_histogram_state *state = jst_quick_state(run, aggregation);

	return __builtin_expect(state && value >= 0, 1) && jst_histogram_count(&run->session->memory, state, bits, (uint64_t)value);
}

/* Where a run remembers the cell of an aggregation under an integer. */
static inline __attribute__((always_inline)) struct jst_run_cell *jst_quick_memo(struct jst_run *run, int32_t aggregation, uint64_t key)
{
	return &run->cells[(key + (uint32_t)aggregation * 19) % JST_RUN_CELLS];
}

static inline __attribute__((always_inline)) struct jst_cell *jst_quick_find(const struct jst_run *run, const struct jst_run_cell *memo, int32_t aggregation, uint64_t key)
{
	return __builtin_expect(memo->key == key && memo->aggregation == aggregation && memo->ref, 1) ? jst_memory_at(&run->session->memory, memo->ref) : NULL;
}

/* The same by the bank's index, to be found at once from then on. */
static inline __attribute__((always_inline)) struct jst_cell *jst_quick_look_up(struct jst_run *run, struct jst_run_cell *memo, int32_t aggregation, uint64_t key)
{
	struct jst_cell *cell = jst_index_find_integer(&run->session->memory, run->update.bank, (uint16_t)aggregation, (int64_t)key);

	if (!cell)
		return NULL;
	/* A signal handler may leave this event anywhere: at no time is there a cell under another's key. */
	memo->ref = 0;
	atomic_signal_fence(memory_order_seq_cst);
	memo->key = key;
	memo->aggregation = aggregation;
	atomic_signal_fence(memory_order_seq_cst);
	memo->ref = jst_memory_ref(&run->session->memory, cell);
	return cell;
}

/* The cell under an integer that is there, by one or the other. */
static inline __attribute__((always_inline)) struct jst_cell *jst_quick_cell(struct jst_run *run, int32_t aggregation, uint64_t key)
{
	struct jst_run_cell *memo = jst_quick_memo(run, aggregation, key);
	struct jst_cell *cell = jst_quick_find(run, memo, aggregation, key);

	return __builtin_expect(cell != NULL, 1) ? cell : jst_quick_look_up(run, memo, aggregation, key);
}

/* The state in a cell under one integer. */
static inline __attribute__((always_inline)) struct jst_count_state *jst_quick_counter(struct jst_cell *cell)
{
	return (struct jst_count_state *)((char *)(cell + 1) + JST_INTEGER_KEY);
}

#endif
