/*
 * An event in a session: pick the bank, read the clock if a clause needs it, run the clauses.
 *
 * Most events take the straight way: nothing has changed since the thread's last event, and each clause is one of those that scripts are full of, its shortcut (plan.h). No function is called on it, so no register is kept. Whatever is not as usual is left, with the clauses
 * that are not done yet, to the virtual machine.
 */
#include <string.h>

#include "clock.h"
#include "quick.h"
#include "run.h"

__attribute__((noinline)) void jst_run_rest(struct jst_run *run, const struct jst_plan *plan, const struct jst_plan *end)
{
	if (plan < end)
		jst_vm_run(run, plan, end);
	jst_run_leave(run->slot);
}

/* The same after an insertion into a map of which it is not clear that it is the only one, or after a removal likewise: slot NULL. */
static __attribute__((noinline)) void settle_and_run_rest(struct jst_run *run, struct jst_atomic_pair *slot, const struct jst_plan *plan, const struct jst_plan *end)
{
	const struct jst_map_access *access = jst_quick_access(run, plan->map);
	const uint64_t salted = jst_map_salted(run->words[plan->word]);

	if (slot)
		jst_map_word_settle(access, salted, slot);
	else
		jst_map_word_delete(access, salted);
	jst_run_rest(run, plan + 1, end);
}

__attribute__((noinline)) void jst_run_slowly(struct jst_run *run, const struct jst_binding *binding, const uint64_t *words, uint32_t flags, const struct jst_plan *plan, uint32_t plans)
{
	const struct jst_memory_header *header = run->header;

	if (atomic_load_explicit(&header->exit_code, memory_order_relaxed) != -1)
		return;
	jst_run_enter(run->slot);
	jst_run_begin(run, binding, words);
	/* Pairs with the release in jst_flip(): the banks' generations are those that belong to it, or later ones, and what is picked by them holds for all events of this generation. */
	const uint32_t generation = atomic_load_explicit(&header->generation, memory_order_acquire);

	if (run->generation != generation) {
		run->update.bank = jst_slot_bank_at(run->slot, generation);
		memset(run->cells, 0, sizeof(run->cells));
		if (run->knows_texts)
			memset(run->texts, 0, sizeof(run->texts));
		/* Last: a signal handler may leave this event anywhere. */
		atomic_signal_fence(memory_order_seq_cst);
		run->generation = run->session->budget < JST_PLAN_COPY + JST_QUICK_TEXT ? 0 : generation;
	}
	if (flags & JST_BINDING_CLOCK)
		run->now = jst_clock_now(&run->clock, &header->clock);
	jst_run_rest(run, plan, plan + plans);
}

void jst_run_event(struct jst_run *run, const struct jst_binding *binding, const uint64_t *words, uint32_t flags, const struct jst_plan *plan, uint32_t plans)
{
	const struct jst_memory_header *header = run->header;
	const struct jst_plan *const end = plan + plans;

	if (__builtin_expect(!jst_run_is_ready(run), 0)) {
		jst_run_slowly(run, binding, words, flags, plan, plans);
		return;
	}
	if (flags & JST_BINDING_CLOCK && __builtin_expect(!jst_clock_try(&run->clock, &header->clock, &run->now), 0)) {
		jst_run_slowly(run, binding, words, flags, plan, plans);
		return;
	}
	jst_run_enter(run->slot);
	jst_run_begin(run, binding, words);
	for (; plan < end; plan++) {
		struct jst_atomic_pair *slot;
		bool done = false, doubtful = false;
		int64_t value;

		if (plan->guarded && !jst_guard_holds(&plan->guard, words))
			continue;
		switch ((enum jst_shortcut)plan->shortcut) {
		case JST_SHORTCUT_NONE:
			break;
		case JST_SHORTCUT_PUT_NOW:
			done = jst_quick_put_now(run, plan->map, words[plan->word], &slot, &doubtful);
			if (__builtin_expect(doubtful, 0)) {
				settle_and_run_rest(run, slot, plan, end);
				return;
			}
			break;
		case JST_SHORTCUT_SINCE_HIST:
			done = jst_quick_get(run, plan->map, words[plan->word], &value) && jst_quick_hist(run, plan->aggregation, JST_DEFAULT_HIST_BITS, (int64_t)((uint64_t)run->now - (uint64_t)value));
			break;
		case JST_SHORTCUT_SPANEND:
			done = jst_quick_remove(run, plan->map, words[plan->word], &doubtful);
			if (__builtin_expect(done && doubtful, 0)) {
				settle_and_run_rest(run, NULL, plan, end);
				return;
			}
			break;
		case JST_SHORTCUT_COUNT:
			done = jst_quick_count(run, plan->aggregation);
			break;
		case JST_SHORTCUT_COUNT_BY: {
			struct jst_cell *cell = jst_quick_find(run, jst_quick_memo(run, plan->aggregation, words[plan->word]), plan->aggregation, words[plan->word]);
			done = cell != NULL;
			if (__builtin_expect(done, 1))
				jst_word_increment(&jst_quick_counter(cell)->count);
			break;
		}
		case JST_SHORTCUT_HIST:
			done = jst_quick_hist(run, plan->aggregation, JST_DEFAULT_HIST_BITS, (int64_t)words[plan->word]);
			break;
		case JST_SHORTCUT_UPDATE:
			done = jst_run_update(run, plan);
			break;
		}
		if (__builtin_expect(!done, 0)) {
			jst_run_rest(run, plan, end);
			return;
		}
	}
	jst_run_leave(run->slot);
}

void jst_run_left(struct jst_run *run, const struct jst_binding *binding, const uint64_t *words)
{
	const struct jst_plan *plan = binding->plan, *end = plan + binding->clauses;
	struct jst_atomic_pair *slot = run->found.slot;

	jst_run_begin(run, binding, words);
	switch (run->left) {
	case JST_LEFT_INSERTED:
		jst_run_enter(run->slot); /* a start does not, until something is left of it */
		settle_and_run_rest(run, slot, plan, end);
		break;
	case JST_LEFT_REMOVED:
		settle_and_run_rest(run, NULL, plan + 1, end);
		break;
	case JST_LEFT_UNREMOVED:
		jst_run_rest(run, plan + 1, end);
		break;
	}
}
