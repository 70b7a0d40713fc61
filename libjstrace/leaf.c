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

/* What the stub has stored last. */
static inline __attribute__((always_inline)) struct jst_leaf_call *called(void)
{
	return __builtin_dwarf_cfa();
}

/* Where the stub looks, and what the compiler might take for a frame that nobody will look at again. */
static inline __attribute__((always_inline)) void answer(struct jst_leaf_call *call, enum jst_leaf leaf)
{
	*(volatile uint64_t *)&call->answer = leaf;
}

/* An address in the stub's frame, not above that which the whole way has of the same frame: what is left here by siglongjmp() is found so from there, too. And above what signal handlers have. */
static inline __attribute__((always_inline)) uintptr_t frame(const struct jst_leaf_call *call)
{
	return (uintptr_t)call - 104;
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

void jst_probe_refuses(void)
{
	struct jst_leaf_call *call = called();
	const uint32_t watchers = jst_site_watchers(call->record);

	const _Atomic uint64_t *guards = atomic_load_explicit(&jst_process->guards, memory_order_acquire); /* pairs with watch.c */

	/* Where no session watches any more, neither guard nor none can do wrong. */
	if (__builtin_expect(guards != NULL, 1) && jst_guard_refuses(atomic_load_explicit(&guards[__atomic_load_n(&call->record->id, __ATOMIC_RELAXED)], memory_order_relaxed), watchers, call->words))
		answer(call, JST_LEAF_DONE);
}

void jst_probe_leaf(void)
{
	struct jst_leaf_call *call = called();
	const struct jst_site_record *record = call->record;
	struct jst_thread *thread = __atomic_load_n(&jst_thread_own, __ATOMIC_RELAXED);

	if (__builtin_expect(!thread, 0))
		return;
	const struct jst_hot *hot = jst_leaf_hot(thread, record);

	/* Nor is anything known in a record that a child has from its parent: it reads zero. */
	if (__builtin_expect(*(const struct jst_site_record *const volatile *)&hot->record != record, 0))
		return;
	const uint64_t sequence = atomic_load_explicit(&thread->sequence, memory_order_relaxed);

	if (__builtin_expect(sequence & 1, 0))
		return;
	jst_thread_go_inside(thread, frame(call), sequence);
	/* Acquire: before the record, which vouches for them. Where a signal handler forks, all reads zero in the child from then on. */
	struct jst_run *run = __atomic_load_n(&hot->run, __ATOMIC_ACQUIRE);
	const struct jst_plan *plan = __atomic_load_n(&hot->plan, __ATOMIC_ACQUIRE);

	/* Once more, since a signal handler's event may have put another there. The epoch stands for the session's pointer: that changes first, then the epoch, and then all threads are waited for (install.c). */
	if (__builtin_expect(hot->record != record || hot->epoch != atomic_load_explicit(&jst_process->epoch, memory_order_acquire), 0)) {
		answer(call, JST_LEAF_BEGUN);
		return;
	}
	if ((!plan->guarded || jst_guard_holds(&plan->guard, call->words)) && __builtin_expect(!count(run, plan, call->words), 0)) {
		answer(call, JST_LEAF_BEGUN);
		return;
	}
	jst_thread_leave_straight(thread, sequence);
	answer(call, JST_LEAF_DONE);
}

#endif
