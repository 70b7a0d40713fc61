/*
 * What every probe does around its event: between jst_thread_enter() and jst_thread_leave(). All functions: Context: probe.
 */
#ifndef JST_EVENT_H
#define JST_EVENT_H

#include "install.h"
#include "plan.h"
#include "thread.h"
#include "vm.h"

/* The session of index i as long as this event lasts, or NULL. Pairs with the release in jst_install_start(), and with the barrier in jst_install_stop(). */
static inline struct jst_installed *jst_event_session(unsigned i)
{
	return atomic_load_explicit(&jst_process->sessions[i], memory_order_acquire);
}

/* What the session does at a site; NULL: nothing, or nothing yet. Pairs with watch.c and table.c. */
static inline const struct jst_bound *jst_event_bound(const struct jst_installed *installed, const struct jst_site_record *record)
{
	return atomic_load_explicit(&installed->bound[__atomic_load_n(&record->id, __ATOMIC_RELAXED)], memory_order_acquire);
}

/* Sees to it that the thread has the session's slot. */
void jst_event_claim(struct jst_installed *installed, struct jst_thread *thread);

/* Runs what the session does at a binding in an event that is the thread's first in the session, or the first after one that was left, or that may compute with doubles, or whose cost is measured. */
void jst_event_run_unusual(struct jst_installed *installed, struct jst_thread *thread, const struct jst_binding *binding, const uint64_t *words);

/* Runs what the session does at a binding, where jst_plan_passes() has been asked. */
static inline void jst_event_run(struct jst_installed *installed, struct jst_thread *thread, const struct jst_binding *binding, const uint64_t *words)
{
	if (__builtin_expect(thread->claimed[installed->index] != installed->serial || binding->flags & (JST_BINDING_DOUBLES | JST_BINDING_MEASURED), 0))
		jst_event_run_unusual(installed, thread, binding, words);
	else
		jst_run_binding(jst_run_of(&installed->run, thread->runner.slot), binding, words);
}

#endif
