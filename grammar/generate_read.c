/*
 * Reading aggregations, in the CLI's own clauses. An entry is named by its keys: those that are written, or those that a loop holds at the time.
 */
#include "generate.h"

static uint32_t key_count(const struct expression *entry)
{
	return entry->loop ? entry->loop->keys : entry->list.count;
}

uint32_t generate_entry(struct generator *generator, const struct expression *entry, uint32_t *count)
{
	*count = key_count(entry);
	return entry->loop ? entry->loop->registers : generate_list(generator, entry->list.first, entry->list.count, 0);
}

void generate_read(struct generator *generator, const struct expression *entry, uint32_t to)
{
	uint32_t keys, base = generate_entry(generator, entry, &keys);

	generate_insn(generator, JST_OP_AGGGET, to, base, keys, entry->aggregation->index);
}

/* The keys, and q behind them. */
void generate_quantile(struct generator *generator, const struct expression *call, uint32_t to)
{
	const struct expression *entry = call->list.first->value, *q = call->list.first->next->value;
	const uint32_t keys = key_count(entry), base = generate_registers(generator, keys + 1);
	const struct argument *key = entry->list.first;

	for (uint32_t i = 0; i < keys; i++) {
		if (entry->loop) {
			generate_insn(generator, JST_OP_MOVE, base + i, entry->loop->registers + i, 0, 0);
		} else {
			generate_expression(generator, key->value, base + i);
			key = key->next;
		}
	}
	generate_expression(generator, q, base + keys);
	generate_insn(generator, JST_OP_AGGQUANTILE, to, base, keys + 1, entry->aggregation->index);
}
