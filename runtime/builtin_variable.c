/*
 * The builtin variables. None makes a system call: what would need one is in the session's memory, where the agent keeps it up to date.
 */
#include <sched.h>
#include <string.h>

#include "clock.h"
#include "vm.h"

static struct jst_value text(struct jst_string string)
{
	return jst_value_string(string.bytes ? string.bytes : "", string.length);
}

/* Terminated text in a field of size bytes that another thread may be writing. */
static struct jst_value sampled(const char *bytes, size_t size)
{
	return jst_value_string(bytes, (uint32_t)strnlen(bytes, size));
}

struct jst_value jst_builtin_variable(struct jst_run *run, enum jst_variable variable)
{
	const struct jst_memory_header *header = run->session->memory.header;
	const struct jst_binding *binding = run->binding;

	switch (variable) {
	case JST_VARIABLE_NOW:
		return jst_value_int(run->now);
	case JST_VARIABLE_TIMESTAMP:
		return jst_value_int(jst_clock_wall(&header->clock, run->now));
	case JST_VARIABLE_ELAPSED:
		return jst_value_int((int64_t)((uint64_t)run->now - (uint64_t)header->start));
	case JST_VARIABLE_NAME:
		return text(binding->probe.name);
	case JST_VARIABLE_PROBENAME:
		return text(binding->probename);
	case JST_VARIABLE_PREFIX:
		return text(binding->prefix);
	case JST_VARIABLE_PID:
		return jst_value_int(header->pid);
	case JST_VARIABLE_TID:
		return jst_value_int(run->runner->tid);
	case JST_VARIABLE_CPU:
		/* Through the vDSO or the rseq area. */
		return jst_value_int(sched_getcpu());
	case JST_VARIABLE_UID:
		return jst_value_int(header->uid);
	case JST_VARIABLE_TITLE:
		return sampled(header->title, sizeof(header->title));
	case JST_VARIABLE_COMM:
		return sampled(run->slot->comm, sizeof(run->slot->comm));
	case JST_VARIABLE_HOSTNAME:
		return sampled(header->hostname, sizeof(header->hostname));
	case JST_VARIABLE_FILE:
		return binding->probe.file.length ? text(binding->probe.file) : jst_value_nil();
	case JST_VARIABLE_LINE:
		return binding->probe.line ? jst_value_int(binding->probe.line) : jst_value_nil();
	case JST_VARIABLE_THREAD:
		return jst_value_int((int64_t)run->runner->serial);
	case JST_VARIABLES:
		break;
	}
	return jst_value_nil();
}
