/*
 * Plans: the clauses of a program made ready for one probe, once, when the probe is bound.
 *
 * A plan's code is the clause's own, or a copy in which an instruction that is known to be about integers at this probe, and the first of several that often come in a row, have become quick ones (quick.def). A quick instruction that meets what it is not made
 * for goes on as the instruction that it replaced; those that follow it are as they were, so a jump may lead anywhere. That is known as quickening (Brunthaler 2010) with superinstructions (Proebsting 1995; Ertl and Gregg 2003).
 */
#ifndef JST_PLAN_H
#define JST_PLAN_H

#include "probe.h"

enum jst_quick {
	JST_QUICK_BEFORE = JST_OPCODES - 1,
#define QUICK(name, sequence, meaning) JST_QUICK_##name,
#include "quick.def"
#undef QUICK
	JST_QUICK_END
};

/* Instructions of the largest clause that is copied; what is larger spends its time elsewhere. */
enum { JST_PLAN_COPY = 64 };

/*
 * Clauses that do one thing, after a test at most, which run.c does without the virtual machine: the clause's quick instructions in one.
 */
enum jst_shortcut {
	JST_SHORTCUT_NONE,
	JST_SHORTCUT_PUT_NOW,     /* map [word] = now */
	JST_SHORTCUT_SINCE_HIST,  /* @ = hist(now - map [word]) */
	JST_SHORTCUT_SPANEND,     /* the end of that span */
	JST_SHORTCUT_COUNT,       /* @ = count() */
	JST_SHORTCUT_COUNT_BY,    /* @[word] = count() */
	JST_SHORTCUT_HIST,        /* @ = hist(word) */
	JST_SHORTCUT_UPDATE,      /* any other update of one aggregation, without a key, by an integer or by a string: run_update.c, with … */
};

/* … what its key is, in plan.word, … */
enum jst_by { JST_BY_NOTHING, JST_BY_INTEGER, JST_BY_TEXT };

/* … and what is done with the integer in plan.value. */
enum jst_step { JST_STEP_COUNT, JST_STEP_TOTAL, JST_STEP_MIN, JST_STEP_MAX, JST_STEP_HIST };

/* Bytes of the longest string that a shortcut looks up. */
enum { JST_QUICK_TEXT = 128 };

/* Bytes that jst_plan_make() needs for a binding whose fields and clauses, as many as clauses has, are known. Context: any. */
size_t jst_plan_size(const struct jst_program *program, const uint16_t *clause, uint32_t clauses);

/* What that is at most for any binding to the program. Context: any. */
size_t jst_plan_most(const struct jst_program *program);

/* Makes the plans of a binding whose probe and fields are filled in, in room, 8-aligned; sets its clauses, flags and plan. Context: any. */
void jst_plan_make(const struct jst_program *program, struct jst_binding *binding, const uint16_t *clause, uint32_t clauses, void *room);

/* The same without copies, in room for clauses plans: slower to run, and as good. Context: any. */
void jst_plan_make_plain(const struct jst_program *program, struct jst_binding *binding, const uint16_t *clause, uint32_t clauses, struct jst_plan *room);

/* Has each event counted in the slot's cost, so that none may take a way that leaves it out. Context: any, before the binding is published. */
static inline void jst_plan_measure(struct jst_binding *binding)
{
	binding->flags = (binding->flags & ~(uint32_t)(JST_BINDING_GUARDED | JST_BINDING_UPDATES | JST_BINDING_SHORT)) | JST_BINDING_MEASURED;
}

/* Whether the clause may do anything. Context: probe. */
static inline bool jst_guard_holds(const struct jst_guard *guard, const uint64_t *words)
{
	return (words[guard->word] - guard->low <= guard->span) != guard->inverted;
}

/* Whether the event may be of interest to one of the clauses; false: none of them would do anything. Context: probe. */
static inline bool jst_plan_passes(const struct jst_binding *binding, const uint64_t *words)
{
	const struct jst_plan *plan = binding->plan;

	if (__builtin_expect(!(binding->flags & JST_BINDING_GUARDED), 1))
		return true;
	for (uint32_t i = 0; i < binding->clauses; i++, plan++)
		if (jst_guard_holds(&plan->guard, words))
			return true;
	return false;
}

#endif
