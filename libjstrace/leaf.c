/*
 * Events of which nothing comes, or one more: a clause whose test fails, and a count. They are over within some dozens of instructions, so what is around them must be as short.
 *
 * The stub comes here first where the site's record says that this may do. This file is compiled without vector registers, and its function keeps each register that it changes: the few that it needs, where the whole way keeps all that a call may change.
 */
#include "leaf.h"

#if JST_HAS_LEAF

#include "event.h"
#include "quick.h"
#include "run.h"

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
static inline __attribute__((always_inline)) bool count(struct jst_run *run, const struct jst_plan *plan, const uint64_t *words)
{
	/* A count is one word, which is never torn: nobody needs to know that we are inside. */
	if (__builtin_expect(!jst_run_is_ready(run), 0))
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
	struct jst_thread *thread = __atomic_load_n(&jst_thread_own, __ATOMIC_RELAXED);

	if (__builtin_expect(!thread, 0))
		return JST_LEAF_NOT;
	const struct jst_hot *hot = jst_leaf_hot(thread, record);

	/* Nor is anything known in a record that a child has from its parent: it reads zero. */
	if (__builtin_expect(*(const struct jst_site_record *const volatile *)&hot->record != record, 0))
		return JST_LEAF_NOT;
	const uint64_t sequence = atomic_load_explicit(&thread->sequence, memory_order_relaxed);

	if (__builtin_expect(sequence & 1, 0))
		return JST_LEAF_NOT;
	jst_thread_go_inside(thread, frame(), sequence);
	/* Once more, since a signal handler's event may have put another there. The epoch stands for the session's pointer: that changes first, then the epoch, and then all threads are waited for (install.c). */
	if (__builtin_expect(hot->record != record || hot->epoch != atomic_load_explicit(&jst_process->epoch, memory_order_acquire), 0))
		return JST_LEAF_BEGUN;
	const struct jst_plan *plan = hot->plan;

	if ((!plan->guarded || jst_guard_holds(&plan->guard, words)) && __builtin_expect(!count(hot->run, plan, words), 0))
		return JST_LEAF_BEGUN;
	jst_thread_leave_straight(thread, sequence);
	return JST_LEAF_DONE;
}

#endif
