/*
 * The shortcut of a clause that updates one aggregation, by nothing, an integer or a string of the event, with nothing or an integer of the event: what several instructions and jst_aggregation_update() do, for a cell that is there.
 */
#include <string.h>

#include "quick.h"
#include "run.h"

/* The cell under a string that is not remembered, by the bank's table; then it is. Flattened, so that the hash is inlined. */
static __attribute__((noinline, flatten)) struct jst_cell *look_up_text(struct jst_run *run, const struct jst_plan *plan, const char *text, uint32_t length, uint64_t mark)
{
	const struct jst_value key = { .s = text, .kind = JST_STRING, .length = length };
	struct jst_cell *cell = jst_index_find_string(&run->session->memory, run->update.bank, (uint16_t)plan->aggregation, &key);

	if (!cell)
		return NULL;
	uint64_t *memo = run->texts[mark % JST_RUN_TEXTS];

	run->knows_texts = true;
	memo[1] = memo[0];
	memo[0] = (mark & ~(uint64_t)UINT32_MAX) | jst_memory_ref(&run->session->memory, cell);
	return cell;
}

/*
 * What a string is remembered by: a mix of its first, last and middle eight bytes, which is less work than a hash of all; whether it is the string is told by comparing. A place in the memo has the upper half of a mark, which is never 0, and the cell's ref: one word, so that a signal handler that leaves the
 * event anywhere leaves nothing half written.
 */
static inline uint64_t mark_of(const char *text, uint32_t length, int32_t aggregation)
{
	uint64_t mark = (uint64_t)length << 32 | (uint32_t)aggregation;

	if (length < 8)
		mark += (length ? jst_bytes_rest(text, length) : 0) * 0x9e3779b97f4a7c15ULL;
	else
		mark += jst_bytes_word(text) * 0x9e3779b97f4a7c15ULL + jst_bytes_word(text + length - 8) * 0xc2b2ae3d27d4eb4fULL + (length > 16 ? jst_bytes_word(text + length / 2 - 4) : 0) * 0x165667b19e3779f9ULL;
	mark = (mark ^ mark >> 32) * 0xff51afd7ed558ccdULL;
	return (mark ^ mark >> 32) | UINT64_C(1) << 32;
}

/* The cell under the event's string; NULL: none yet, or not one to be found quickly. */
static inline __attribute__((always_inline)) struct jst_cell *find_by_text(struct jst_run *run, const struct jst_plan *plan)
{
	const struct jst_memory *memory = &run->session->memory;
	const char *text = (const char *)(uintptr_t)run->words[plan->word];
	const size_t size = __builtin_expect(text != NULL, 1) ? strnlen(text, JST_QUICK_TEXT + 1) : SIZE_MAX;

	if (__builtin_expect(size > JST_QUICK_TEXT || size > run->session->string_size, 0))
		return NULL;
	const uint32_t length = (uint32_t)size;
	const uint64_t mark = mark_of(text, length, plan->aggregation);
	const uint64_t *memo = run->texts[mark % JST_RUN_TEXTS];

	for (unsigned way = 0; way < 2; way++) {
		if (__builtin_expect((memo[way] ^ mark) >> 32 != 0, 0))
			continue;
		struct jst_cell *cell = jst_memory_at(memory, (jst_ref)memo[way]);
		const uint64_t *key = jst_cell_key(cell);

		if (__builtin_expect(cell->aggregation == plan->aggregation && key[0] == JST_STRING && key[1] == length && jst_bytes_equal(text, length, key + 2), 1))
			return cell;
	}
	return look_up_text(run, plan, text, length, mark);
}

/* The state that the clause updates; NULL: none yet. */
static inline __attribute__((always_inline)) void *find_state(struct jst_run *run, const struct jst_plan *plan)
{
	struct jst_cell *cell;

	switch ((enum jst_by)plan->by) {
	case JST_BY_TEXT:
		cell = find_by_text(run, plan);
		return __builtin_expect(cell != NULL, 1) ? jst_cell_state(cell) : NULL;
	case JST_BY_INTEGER:
		cell = jst_quick_cell(run, plan->aggregation, run->words[plan->word]);
		return __builtin_expect(cell != NULL, 1) ? jst_cell_state(cell) : NULL;
	case JST_BY_NOTHING:
		return jst_quick_state(run, plan->aggregation);
	}
	return NULL;
}

static inline __attribute__((always_inline)) bool update(struct jst_run *run, const struct jst_plan *plan)
{
	void *state = find_state(run, plan);
	const int64_t value = (int64_t)run->words[plan->value];

	if (__builtin_expect(!state, 0))
		return false;
	switch ((enum jst_step)plan->step) {
	case JST_STEP_COUNT:
		jst_word_increment(&((struct jst_count_state *)state)->count);
		return true;
	case JST_STEP_TOTAL:
		jst_sum_add(&((struct jst_total_state *)state)->sum, value);
		jst_word_increment(&((struct jst_total_state *)state)->count);
		return true;
	case JST_STEP_MIN:
	case JST_STEP_MAX:
		if (__builtin_expect(!jst_seen_integer(&((struct jst_extreme_state *)state)->seen, value, plan->step == JST_STEP_MAX), 0))
			return false;
		jst_word_increment(&((struct jst_extreme_state *)state)->count);
		return true;
	case JST_STEP_HIST:
		return __builtin_expect(value >= 0, 1) && jst_histogram_count(&run->session->memory, state, plan->bits, (uint64_t)value);
	}
	return false;
}

bool jst_run_update(struct jst_run *run, const struct jst_plan *plan)
{
	return update(run, plan);
}

void jst_run_update_only(struct jst_run *run, const struct jst_binding *binding, const uint64_t *words)
{
	const struct jst_plan *plan = binding->plan;

	if (__builtin_expect(!jst_run_is_ready(run), 0)) {
		jst_run_slowly(run, binding, words, binding->flags, plan, 1);
		return;
	}
	jst_run_enter(run->slot);
	jst_run_begin(run, binding, words);
	if (__builtin_expect(!update(run, plan), 0))
		jst_run_rest(run, plan, plan + 1);
	else
		jst_run_leave(run->slot);
}
