/*
 * The shortcut of a clause that updates one aggregation, by nothing, an integer or a string of the event, with nothing or an integer of the event: what several instructions and jst_aggregation_update() do, for a cell that is there.
 */
#include <string.h>

#include "quick.h"

/* The cell under the event's string; NULL: none yet, or not one to be found quickly. */
static inline __attribute__((always_inline)) struct jst_cell *find_by_text(const struct jst_run *run, const struct jst_plan *plan)
{
	const struct jst_memory *memory = &run->session->memory;
	const char *text = (const char *)(uintptr_t)run->words[plan->word];
	const size_t length = __builtin_expect(text != NULL, 1) ? strlen(text) : SIZE_MAX;

	if (__builtin_expect(length > JST_QUICK_TEXT || length > run->session->string_size, 0))
		return NULL;
	const struct jst_value key = { .s = text, .kind = JST_STRING, .length = (uint32_t)length };

	return jst_index_find_string(memory, run->update.bank, (uint16_t)plan->aggregation, &key);
}

static inline __attribute__((always_inline)) struct jst_cell *find_by_integer(struct jst_run *run, const struct jst_plan *plan)
{
	const uint64_t key = run->words[plan->word];
	struct jst_run_cell *memo = jst_quick_memo(run, plan->aggregation, key);
	struct jst_cell *cell = jst_quick_find(run, memo, plan->aggregation, key);

	return __builtin_expect(cell != NULL, 1) ? cell : jst_quick_look_up(run, memo, plan->aggregation, key);
}

static inline struct jst_cell *find_plain(const struct jst_run *run, const struct jst_plan *plan)
{
	const jst_ref ref = atomic_load_explicit(&run->update.bank->plain[plan->aggregation], memory_order_relaxed);

	return ref ? jst_memory_at(&run->session->memory, ref) : NULL;
}

/* Keeps the value if it is the least, or the greatest; false: the first, or one that is not an integer was kept before. */
static inline bool keep_extreme(struct jst_extreme_state *state, int64_t value, bool greatest)
{
	if (__builtin_expect(jst_word_load(&state->seen.kind) != JST_INT, 0))
		return false;
	const int64_t old = (int64_t)jst_word_load(&state->seen.bits);

	if (greatest ? value > old : value < old)
		jst_word_store(&state->seen.bits, (uint64_t)value);
	jst_word_increment(&state->count);
	return true;
}

/* Flattened, so that the hash is inlined. */
__attribute__((flatten)) bool jst_run_update(struct jst_run *run, const struct jst_plan *plan)
{
	struct jst_cell *cell = plan->by == JST_BY_TEXT ? find_by_text(run, plan) : plan->by == JST_BY_INTEGER ? find_by_integer(run, plan) : find_plain(run, plan);

	if (__builtin_expect(!cell, 0))
		return false;
	void *state = jst_cell_state(cell);
	const int64_t value = (int64_t)run->words[plan->value];

	switch ((enum jst_step)plan->step) {
	case JST_STEP_COUNT:
		jst_word_increment(&((struct jst_count_state *)state)->count);
		return true;
	case JST_STEP_TOTAL:
		jst_sum_add(&((struct jst_total_state *)state)->sum, value);
		jst_word_increment(&((struct jst_total_state *)state)->count);
		return true;
	case JST_STEP_MIN:
		return keep_extreme(state, value, false);
	case JST_STEP_MAX:
		return keep_extreme(state, value, true);
	case JST_STEP_HIST:
		return __builtin_expect(value >= 0, 1) && jst_histogram_count(&run->session->memory, state, plan->bits, (uint64_t)value);
	}
	return false;
}
