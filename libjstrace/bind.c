/*
 * Bindings: what a session does at a site. Made once for each site and session, in the session's arena, with copies of all strings, so that nothing of a session points into an object that may be unloaded.
 */
#include <string.h>

#include "install.h"
#include "plan.h"

void *jst_install_room(struct jst_installed *installed, size_t size)
{
	size = (size + 7) & ~(size_t)7;
	const uint64_t at = atomic_load_explicit(&installed->arena_used, memory_order_relaxed);

	/* Looking first keeps the counter from running away. */
	if (at + size > installed->self_size)
		return NULL;
	const uint64_t start = atomic_fetch_add_explicit(&installed->arena_used, size, memory_order_relaxed);

	return start + size > installed->self_size ? NULL : (char *)installed + start;
}

static struct jst_string copy_string(char **at, struct jst_string string)
{
	char *copy = *at;

	memcpy(copy, string.bytes, string.length);
	*at += string.length;
	return (struct jst_string){ copy, string.length };
}

struct jst_bound *jst_install_bind(struct jst_installed *installed, const struct jst_probe *probe, bool *full)
{
	const struct jst_program *program = installed->run.program;
	const uint32_t fields = jst_program_count(program, JST_SECTION_FIELDS);
	const uint32_t clauses = jst_probe_clauses(program, probe->name, NULL);

	*full = false;
	if (!clauses)
		return NULL;

	/* In the arena, since the stack may be a signal's, too small for all there might be. */
	uint16_t *clause = jst_install_room(installed, clauses * sizeof(uint16_t));
	size_t text = probe->name.length + probe->file.length;

	for (uint32_t i = 0; i < probe->fields; i++)
		text += probe->field[i].name.length;
	if (clause)
		jst_probe_clauses(program, probe->name, clause);
	const size_t plans = clause ? jst_plan_size(program, clause, clauses) : 0;
	struct jst_bound *bound = clause ? jst_install_room(installed, sizeof(*bound) + plans + fields * sizeof(struct jst_field_binding) + text) : NULL;

	if (!bound) {
		*full = true;
		return NULL;
	}
	struct jst_field_binding *field = (struct jst_field_binding *)((char *)(bound + 1) + plans);
	char *at = (char *)(field + fields);

	*bound = (struct jst_bound){ .binding = { .probe = *probe, .field = field } };
	struct jst_binding *binding = &bound->binding;

	binding->probe.name = copy_string(&at, probe->name);
	binding->probe.file = copy_string(&at, probe->file);
	for (uint32_t i = 0; i < probe->fields; i++)
		binding->probe.field[i].name = copy_string(&at, probe->field[i].name);
	binding->prefix = jst_probe_prefix(binding->probe.name);
	binding->probename = jst_probe_last(binding->probe.name);
	jst_probe_bind_fields(program, &binding->probe, field);
	jst_plan_make(program, binding, clause, clauses, bound + 1);
	if (installed->measures)
		jst_plan_measure(binding);
	binding->site = jst_site_write(&installed->run.memory, &binding->probe);
	return bound;
}
