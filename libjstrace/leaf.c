/*
 * Events of which nothing comes, or one more: a clause whose test fails, and a count. They are over within some dozens of instructions, so what is around them must be as short.
 *
 * The stub comes here first where the site's record says that this may do. This file is compiled without vector registers, and its function keeps each register that it changes: the few that it needs, where the whole way keeps all that a call may change.
 */
#include "leaf.h"

#if JST_HAS_LEAF

#include "event.h"
#include "quick.h"

/* What the stub has stored last: the site's record. */
static inline __attribute__((always_inline)) const struct jst_site_record *const *entry(void)
{
	return __builtin_dwarf_cfa();
}

/* An address in the stub's frame, not above that which the whole way has of the same frame: what is left here by siglongjmp() is found so from there, too. And above what signal handlers have. */
static inline __attribute__((always_inline)) uintptr_t frame(void)
{
	return (uintptr_t)entry() - 112;
}

/* Adds to what the clause counts; false: not so simple, and nothing was done. */
static inline __attribute__((always_inline)) bool count(const struct jst_installed *installed, const struct jst_thread *thread, const struct jst_plan *plan, const uint64_t *words)
{
	const struct jst_memory_header *header = installed->run.memory.header;
	struct jst_run *run = jst_run_of(&installed->run, thread->runner.slot);

	if (__builtin_expect(thread->claimed[installed->index] != installed->serial, 0))
		return false;
	/* As in run.c. A count is one word, which is never torn: nobody needs to know that we are inside. */
	if (__builtin_expect(atomic_load_explicit(&header->generation, memory_order_relaxed) != run->generation || atomic_load_explicit(&header->exit_code, memory_order_relaxed) != -1, 0))
		return false;
	if (plan->shortcut == JST_SHORTCUT_COUNT_BY) {
		const uint64_t key = words[plan->word];
		struct jst_cell *cell = jst_quick_find(run, jst_quick_memo(run, plan->aggregation, key), plan->aggregation, key);

		if (__builtin_expect(!cell, 0))
			return false;
		jst_word_increment(&jst_quick_counter(cell)->count);
		return true;
	}
	return plan->shortcut == JST_SHORTCUT_COUNT && jst_quick_count(run, plan->aggregation);
}

uint32_t jst_probe_refuses(const uint64_t *words)
{
	const struct jst_site_record *record = *entry();
	const uint32_t watchers = jst_site_watchers(record);

	/* Where no session watches any more, neither guard nor none can do wrong. */
	return jst_guard_refuses(atomic_load_explicit(&jst_process->guards[__atomic_load_n(&record->id, __ATOMIC_RELAXED)], memory_order_relaxed), watchers, words);
}

enum jst_leaf jst_probe_leaf(const uint64_t *words)
{
	const struct jst_site_record *record = *entry();
	const uint32_t watchers = jst_site_watchers(record);

	if (__builtin_expect(!watchers || watchers & (watchers - 1), 0))
		return JST_LEAF_NOT;
	uint64_t sequence;
	struct jst_thread *thread = jst_thread_enter_straight(frame(), &sequence);

	if (__builtin_expect(!thread, 0))
		return JST_LEAF_NOT;
	const struct jst_installed *installed = jst_event_session((unsigned)__builtin_ctz(watchers));
	const struct jst_bound *bound = installed ? jst_event_bound(installed, record) : NULL;

	if (__builtin_expect(!bound || !(bound->binding.flags & JST_BINDING_LEAF), 0))
		return JST_LEAF_BEGUN;
	const struct jst_plan *plan = bound->binding.plan;

	if ((!plan->guarded || jst_guard_holds(&plan->guard, words)) && __builtin_expect(!count(installed, thread, plan, words), 0))
		return JST_LEAF_BEGUN;
	jst_thread_leave_straight(thread, sequence);
	return JST_LEAF_DONE;
}

#endif
