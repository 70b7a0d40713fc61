/*
 * Bindings: what a session does at a site. Made once for each site and session, in the session's arena, with copies of all strings, so that nothing of a session points into an object that may be unloaded.
 *
 * A site that comes back as it was (dlopen after dlclose) takes up the binding it had, so that an object that comes and goes costs no memory.
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

static void describe_site(struct jst_installed *installed, struct jst_binding *binding)
{
	/* Only names of jstrace_fire() can meet here; the one that finds it busy does without, and is not kept (table.c). */
	if (atomic_exchange_explicit(&installed->site_busy, true, memory_order_acquire))
		return;
	binding->site = jst_site_write(&installed->run.memory, &binding->probe);
	atomic_store_explicit(&installed->site_busy, false, memory_order_release); /* pairs with the exchange */
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
	describe_site(installed, binding);
	return bound;
}

static bool equal(struct jst_string a, struct jst_string b)
{
	return a.length == b.length && memcmp(a.bytes, b.bytes, a.length) == 0;
}

static bool same_probe(const struct jst_probe *a, const struct jst_probe *b)
{
	if (a->line != b->line || a->fields != b->fields || !equal(a->name, b->name) || !equal(a->file, b->file))
		return false;
	for (uint32_t i = 0; i < a->fields; i++)
		if (a->field[i].type != b->field[i].type || !equal(a->field[i].name, b->field[i].name))
			return false;
	return true;
}

static struct jst_bound *take_up(struct jst_installed *installed, const struct jst_probe *probe)
{
	for (struct jst_bound **link = &installed->retired; *link; link = &(*link)->retired) {
		struct jst_bound *bound = *link;

		if (same_probe(&bound->binding.probe, probe)) {
			*link = bound->retired;
			return bound;
		}
	}
	return NULL;
}

static void bind_site(struct jst_installed *installed, struct jst_site_record *record)
{
	bool watched;

	if (record->kind != JST_SITE_EVENT) {
		watched = jst_probe_clauses(installed->run.program, jst_site_name(record), NULL) > 0;
	} else {
		struct jst_probe probe;
		bool full = false;

		jst_site_describe(record, &probe);
		struct jst_bound *bound = take_up(installed, &probe);

		if (!bound)
			bound = jst_install_bind(installed, &probe, &full);
		if (full)
			atomic_fetch_add_explicit(&installed->run.memory.header->losses[JST_LOSS_ENTRIES], 1, memory_order_relaxed);
		atomic_store_explicit(&installed->bound[record->id], bound, memory_order_release); /* pairs with the acquire in probe.c */
		watched = bound;
	}
	if (watched && installed->running)
		jst_site_switch(record, installed->index, true);
}

void jst_install_site(struct jst_site_record *record)
{
	for (unsigned i = 0; i < JST_MAX_SESSIONS; i++)
		if (jst_process->prepared[i])
			bind_site(jst_process->prepared[i], record);
}

void jst_install_forget(struct jst_site_record *record)
{
	for (unsigned i = 0; i < JST_MAX_SESSIONS; i++) {
		struct jst_installed *installed = jst_process->prepared[i];

		if (!installed)
			continue;
		struct jst_bound *bound = (struct jst_bound *)atomic_load_explicit(&installed->bound[record->id], memory_order_relaxed);

		atomic_store_explicit(&installed->bound[record->id], NULL, memory_order_relaxed);
		/* The binding stays whole: a thread may still be inside with it. */
		if (bound) {
			bound->retired = installed->retired;
			installed->retired = bound;
		}
		jst_site_switch(record, i, false);
	}
}
