/*
 * A build with JST_CHECKED (the sanitizers' variants and the fuzzers') looks at each instruction before it runs: whether all that the verifier proved of it is so. Otherwise there is nothing here.
 *
 * This is written from the instructions' table (opcode.def) and shares nothing with the verifier but the kinds that an instruction may write. What does not hold ends the process with a line that says so.
 */
#ifndef JST_CHECKED_H
#define JST_CHECKED_H

#include "vm.h"

#ifdef JST_CHECKED
/* A clause begins: its registers hold nothing. Context: probe. */
void jst_checked_begin(struct jst_run *run, const struct jst_plan *plan);

/* The instruction is about to run; remaining: of the budget. Context: probe. */
void jst_checked_step(struct jst_run *run, const struct jst_plan *plan, const struct jst_insn *insn, int64_t remaining);
#else
static inline void jst_checked_begin(struct jst_run *run, const struct jst_plan *plan)
{
	(void)run;
	(void)plan;
}

static inline void jst_checked_step(struct jst_run *run, const struct jst_plan *plan, const struct jst_insn *insn, int64_t remaining)
{
	(void)run;
	(void)plan;
	(void)insn;
	(void)remaining;
}
#endif

#endif
