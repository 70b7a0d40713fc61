/*
 * The instructions that send a record: RECORD and EVENT.
 */
#include "clock.h"
#include "operators.h"
#include "ring.h"
#include "vm.h"

uint64_t jst_run_record(struct jst_run *run, const struct jst_insn *insn, const struct jst_value *values)
{
	const struct jst_record header = {
		.index = (uint32_t)insn->imm,
		.now = run->now,
		.timestamp = jst_clock_wall(&run->session->memory.header->clock, run->now),
		.tid = run->runner->tid,
		.site = run->binding->site,
	};
	const struct jst_host *host = run->session->host;
	uint32_t count = insn->c;
	uint64_t length = 0;

	if (host)
		host->drain(host->context);
	if (insn->op == JST_OP_EVENT) {
		/* Past the clause's registers there is room for the fields of one event. */
		struct jst_value *fields = run->registers + JST_MAX_REGISTERS;
		const struct jst_probe *probe = &run->binding->probe;

		count = probe->fields < JST_MAX_SITE_FIELDS ? probe->fields : JST_MAX_SITE_FIELDS;
		for (uint32_t i = 0; i < count; i++) {
			fields[i] = jst_run_load(run->words, probe->field[i].type, probe->field[i].word, (uint64_t)run->session->string_size + 1); /* what is longer is cut */
			length += fields[i].length;
		}
		values = fields;
	}
	if (__builtin_expect(run->speculates, 0)) {
		if (!jst_speculation_key_is_nil(&run->speculation))
			jst_speculation_hold(&run->session->memory, run->slot, &run->speculation, &header, values, count);
		return length;
	}
	jst_ring_write(&run->session->memory, run->slot, run->session->tails, header, values, count);
	return length;
}
