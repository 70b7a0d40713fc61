/*
 * Speculation in a clause: from a SPECULATE on, what RECORD and EVENT make is held (vm.c). A commit or discard of the same id ends that, so that the clause may go on to print what it found out.
 */
#include <string.h>

#include "vm.h"

/* Nil is counted: nothing was held or found under it. */
static struct jst_speculation_key key_of(const struct jst_run *run, const struct jst_value *id)
{
	if (id->kind == JST_NIL)
		jst_slot_lose(run->slot, JST_LOSS_SKIPPED);
	return jst_speculation_key(&run->session->memory, run->slot, id);
}

void jst_run_speculate(struct jst_run *run, const struct jst_value *id)
{
	run->speculation = key_of(run, id);
	run->speculates = true;
}

static struct jst_speculation_key end(struct jst_run *run, const struct jst_value *id)
{
	const struct jst_speculation_key key = key_of(run, id);

	if (run->speculates && memcmp(&key, &run->speculation, sizeof(key)) == 0)
		run->speculates = false;
	return key;
}

uint32_t jst_run_commit(struct jst_run *run, const struct jst_value *id)
{
	const struct jst_speculation_key key = end(run, id);

	return jst_speculation_key_is_nil(&key) ? 0 : jst_speculation_commit(&run->session->memory, run->slot, run->session->tails, &key);
}

void jst_run_discard(struct jst_run *run, const struct jst_value *id)
{
	const struct jst_speculation_key key = end(run, id);

	if (!jst_speculation_key_is_nil(&key))
		jst_speculation_discard(&run->session->memory, run->slot, &key);
}
