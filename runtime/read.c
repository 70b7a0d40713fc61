/*
 * The instructions that read aggregations, which only programs of the CLI's own have. They ask the session's host; without one, as in a target, nothing is known.
 */
#include "vm.h"

/* A look-up, in bytes that are charged. */
enum { LOOKUP = 64 };

static uint32_t key_bytes(const struct jst_value *keys, uint32_t count)
{
	const uint32_t most = 1 << 16; /* no string is kept longer */
	uint32_t bytes = LOOKUP;

	for (uint32_t i = 0; i < count; i++)
		bytes += keys[i].length < most ? keys[i].length : most;
	return bytes;
}

/* nil where q is nil, an error where it is anything else but a number from 0 to 1. */
static struct jst_value quantile(const struct jst_run *run, const struct jst_insn *insn, const struct jst_value *keys, uint32_t *cost)
{
	const struct jst_host *host = run->session->host;
	const struct jst_value q = keys[insn->c - 1];
	const double number = q.kind == JST_INT ? (double)q.i : q.kind == JST_DOUBLE ? q.d : -1;

	if (q.kind != JST_NIL && !(number >= 0 && number <= 1))
		jst_slot_lose(run->slot, JST_LOSS_ERRORS);
	if (!host || !(number >= 0 && number <= 1))
		return jst_value_nil();
	return host->quantile(host->context, (uint32_t)insn->imm, keys, number, cost);
}

static void read_keys(const struct jst_run *run, const struct jst_insn *insn)
{
	const struct jst_host *host = run->session->host;
	const struct jst_value rank = run->registers[insn->a];
	struct jst_value keys[JST_MAX_KEYS];
	const bool found = host && rank.kind == JST_INT && host->keys(host->context, (uint32_t)insn->imm, rank.i, keys);

	for (unsigned i = 0; i < insn->c; i++)
		run->registers[insn->b + i] = found ? keys[i] : jst_value_nil();
}

uint32_t jst_run_read(const struct jst_run *run, const struct jst_insn *insn)
{
	const struct jst_host *host = run->session->host;
	const struct jst_value *keys = &run->registers[insn->b];
	struct jst_value *to = &run->registers[insn->a];
	uint32_t cost;

	switch (insn->op) {
	case JST_OP_AGGGET:
		cost = key_bytes(keys, insn->c);
		*to = host ? host->value(host->context, (uint32_t)insn->imm, keys) : jst_value_nil();
		return cost;
	case JST_OP_AGGQUANTILE:
		cost = key_bytes(keys, insn->c);
		*to = quantile(run, insn, keys, &cost);
		return cost;
	case JST_OP_AGGCOUNT:
		*to = jst_value_int(host ? host->count(host->context, (uint32_t)insn->imm) : 0);
		return LOOKUP;
	default:
		read_keys(run, insn);
		return LOOKUP;
	}
}
