/*
 * Events of which nothing comes, or one more, or a time: a clause whose test fails, a count, and the two ends of a span. They are over within some dozens of instructions, so what is around them must be as short.
 *
 * The stub comes here first where the site's record says that this may do. This file is compiled without vector registers, and its functions keep each register that they change: those that they need, where the whole way keeps all that a call may change.
 */
#include "leaf.h"

#if JST_HAS_LEAF

#include "clock.h"
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

/* An event that has begun. */
struct begun {
	struct jst_thread *thread;
	uint64_t sequence;
	struct jst_run *run;
	const struct jst_plan *plan;
};

/* Enters the thread where it knows the site, and that the binding is of the kind that the flag says; false: the answer says how to go on. */
static inline __attribute__((always_inline)) bool begin(struct jst_leaf_call *call, uint32_t flag, struct begun *begun)
{
	const struct jst_site_record *record = call->record;
	struct jst_thread *thread = __atomic_load_n(&jst_thread_own, __ATOMIC_RELAXED);

	if (__builtin_expect(!thread, 0))
		return false;
	const struct jst_hot *hot = jst_leaf_hot(thread, record);

	/* Nor is anything known in a record that a child has from its parent: it reads zero. */
	if (__builtin_expect(*(const struct jst_site_record *const volatile *)&hot->record != record, 0))
		return false;
	const uint64_t sequence = atomic_load_explicit(&thread->sequence, memory_order_relaxed);

	if (__builtin_expect(sequence & 1, 0))
		return false;
	jst_thread_go_inside(thread, frame(call), sequence);
	/* Acquire: before the record, which vouches for them. Where a signal handler forks, all reads zero in the child from then on. */
	struct jst_run *run = __atomic_load_n(&hot->run, __ATOMIC_ACQUIRE);
	const struct jst_binding *binding = __atomic_load_n(&hot->binding, __ATOMIC_ACQUIRE);

	/* Once more, since a signal handler's event may have put another there. The epoch stands for the session's pointer: that changes first, then the epoch, and then all threads are waited for (install.c). */
	if (__builtin_expect(hot->record != record || hot->epoch != atomic_load_explicit(&jst_process->epoch, memory_order_acquire) || !(binding->flags & flag), 0)) {
		answer(call, JST_LEAF_BEGUN);
		return false;
	}
	*begun = (struct begun){ thread, sequence, run, binding->plan };
	return true;
}

static inline __attribute__((always_inline)) void end(struct jst_leaf_call *call, const struct begun *begun)
{
	jst_thread_leave_straight(begun->thread, begun->sequence);
	answer(call, JST_LEAF_DONE);
}

void jst_probe_leaf(void)
{
	struct jst_leaf_call *call = called();
	struct begun begun;

	if (!begin(call, JST_BINDING_LEAF, &begun))
		return;
	if ((!begun.plan->guarded || jst_guard_holds(&begun.plan->guard, call->words)) && __builtin_expect(!count(begun.run, begun.plan, call->words), 0)) {
		answer(call, JST_LEAF_BEGUN);
		return;
	}
	end(call, &begun);
}

/* Whether the run may go on as it did, and the time is told. */
static inline __attribute__((always_inline)) bool tell_time(struct jst_run *run)
{
	return __builtin_expect(jst_run_is_ready(run), 1) && jst_clock_try(&run->clock, &run->header->clock, &run->now);
}

void jst_probe_start(void)
{
	struct jst_leaf_call *call = called();
	struct jst_atomic_pair *slot;
	bool doubtful = false;
	struct begun begun;

	if (!begin(call, JST_BINDING_STARTS, &begun))
		return;
	/* One swap, which is never torn: nobody needs to know that we are inside. */
	if (__builtin_expect(!tell_time(begun.run) || !jst_quick_put_now(begun.run, begun.plan->map, call->words[begun.plan->word], &slot, &doubtful), 0)) {
		answer(call, JST_LEAF_BEGUN);
		return;
	}
	if (__builtin_expect(doubtful, 0)) {
		begun.run->found.slot = slot;
		begun.run->left = JST_LEFT_INSERTED;
		answer(call, JST_LEAF_LEFT);
		return;
	}
	end(call, &begun);
}

void jst_probe_end(void)
{
	struct jst_leaf_call *call = called();
	bool doubtful = false;
	struct begun begun;
	int64_t value;

	if (!begin(call, JST_BINDING_ENDS, &begun))
		return;
	struct jst_run *run = begun.run;
	const struct jst_plan *plan = begun.plan;
	const uint64_t key = call->words[plan->word];

	if (__builtin_expect(!tell_time(run) || !jst_quick_get(run, plan->map, key, &value), 0)) {
		answer(call, JST_LEAF_BEGUN);
		return;
	}
	jst_run_enter(run->slot);
	if (__builtin_expect(!jst_quick_hist(run, plan->aggregation, JST_DEFAULT_HIST_BITS, (int64_t)((uint64_t)run->now - (uint64_t)value)), 0)) {
		jst_run_leave(run->slot);
		answer(call, JST_LEAF_BEGUN);
		return;
	}
	const bool removed = jst_quick_remove(run, plan->map, key, &doubtful);

	if (__builtin_expect(!removed || doubtful, 0)) {
		run->found.slot = NULL;
		run->left = removed ? JST_LEFT_REMOVED : JST_LEFT_UNREMOVED;
		answer(call, JST_LEAF_LEFT);
		return;
	}
	jst_run_leave(run->slot);
	end(call, &begun);
}

#endif
