/*
 * What the straight ways through an event (run.c, run_update.c) begin and end with. All: Context: probe, the slot's owner.
 */
#ifndef JST_RUN_H
#define JST_RUN_H

#include "vm.h"

/* Whether nothing has changed since the thread's last event. Lone words in one line. Which bank is written depends on the generation alone once that is published: what the agent changes in the banks meanwhile makes none of them another's (flip.c). */
static inline bool jst_run_is_ready(const struct jst_run *run)
{
	const struct jst_memory_header *header = run->header;

	return atomic_load_explicit(&header->generation, memory_order_relaxed) == run->generation && atomic_load_explicit(&header->exit_code, memory_order_relaxed) == -1;
}

/* Marks the slot as inside an event, for a reader after the thread's death, where order among this thread's stores is all that is needed, and for who finds an entry of the slot's among speculations. */
static inline void jst_run_enter(struct jst_slot *slot)
{
	atomic_store_explicit(&slot->inside, atomic_load_explicit(&slot->inside, memory_order_relaxed) + 1, memory_order_relaxed);
	atomic_signal_fence(memory_order_seq_cst);
}

static inline void jst_run_leave(struct jst_slot *slot)
{
	const uint32_t inside = atomic_load_explicit(&slot->inside, memory_order_relaxed);

	/* Even and never less, also where an event inside this one took it for abandoned. Pairs with the acquire in speculation.c: whoever sees the event over sees all that it did. */
	atomic_store_explicit(&slot->inside, (inside | 1) + 1, memory_order_release);
}

/* What the event works on. */
static inline void jst_run_begin(struct jst_run *run, const struct jst_binding *binding, const uint64_t *words)
{
	run->words = words;
	run->binding = binding;
	run->found.slot = NULL;
}

/* The first event of a thread, and of a generation of banks or of the clock. */
void jst_run_slowly(struct jst_run *run, const struct jst_binding *binding, const uint64_t *words, uint32_t flags, const struct jst_plan *plan, uint32_t plans);

/* Within an event: the clauses that have no shortcut, or whose shortcut was not for it, and those after them, if any; and the event's end. */
void jst_run_rest(struct jst_run *run, const struct jst_plan *plan, const struct jst_plan *end);

/* Does what is left of an event of a binding that JST_BINDING_STARTS or JST_BINDING_ENDS, as run->left says. */
void jst_run_left(struct jst_run *run, const struct jst_binding *binding, const uint64_t *words);

#endif
