/*
 * The name table: open addressing over hashes. A thread claims a free place by writing the hash, makes the binding, and publishes it. Others that meet a place being made, and all when the table or its memory is full, make a binding of their own for this one event: slower, never wrong.
 *
 * The hash is not trusted to tell names apart: names may come from a program's users, and a binding of other types would read integers as pointers.
 */
#include "table.h"

#include <string.h>

#include "hash.h"
#include "leaf.h"
#include "plan.h"

enum { PROBES = 16 };

static const struct jst_bound nothing;

uint64_t jst_table_hash(struct jst_string name, const struct jst_field *fields, uint32_t count)
{
	uint64_t hash = jst_hash(name.bytes, name.length);

	for (uint32_t i = 0; i < count; i++)
		hash = jst_mix(hash ^ jst_hash(fields[i].name.bytes, fields[i].name.length) ^ fields[i].type);
	return hash ? hash : 1;
}

static bool same(const struct jst_probe *a, const struct jst_probe *b)
{
	if (a->fields != b->fields || !jst_string_equal(a->name, b->name))
		return false;
	for (uint32_t i = 0; i < a->fields; i++)
		if (a->field[i].type != b->field[i].type || !jst_string_equal(a->field[i].name, b->field[i].name))
			return false;
	return true;
}

static const struct jst_binding *make_unkept(const struct jst_installed *installed, const struct jst_probe *probe, uint32_t slot)
{
	const struct jst_program *program = installed->run.program;
	struct jst_unkept *unkept = jst_unkept_of(installed, slot);
	struct jst_field_binding *field = (struct jst_field_binding *)(unkept->plan + jst_program_count(program, JST_SECTION_CLAUSES));
	uint16_t *clause = (uint16_t *)(void *)(field + jst_program_count(program, JST_SECTION_FIELDS));
	const uint32_t clauses = jst_probe_clauses(program, probe->name, clause);

	if (!clauses)
		return NULL;
	jst_probe_bind_fields(program, probe, field);
	unkept->binding = (struct jst_binding){
		.probe = *probe,
		.prefix = jst_probe_prefix(probe->name),
		.probename = jst_probe_last(probe->name),
		.field = field,
	};
	jst_plan_make_plain(program, &unkept->binding, clause, clauses, unkept->plan);
	if (installed->measures)
		jst_plan_measure(&unkept->binding);
	return &unkept->binding;
}

static const struct jst_bound *make(struct jst_installed *installed, const struct jst_probe *probe)
{
	bool full;
	const struct jst_bound *bound = jst_install_bind(installed, probe, &full);

	return bound ? bound : full ? NULL : &nothing;
}

const struct jst_binding *jst_table_find(struct jst_installed *installed, const struct jst_probe *probe, uint64_t hash, uint32_t slot)
{
	struct jst_table *table = &installed->table;

	for (uint32_t i = 0; i < PROBES; i++) {
		const uint32_t at = (uint32_t)(hash + i) % JST_TABLE_SIZE;
		uint64_t seen = atomic_load_explicit(&table->hash[at], memory_order_relaxed);

		if (!seen && atomic_compare_exchange_strong_explicit(&table->hash[at], &seen, hash, memory_order_relaxed, memory_order_relaxed)) {
			const struct jst_bound *made = make(installed, probe);

			if (!made)
				break; /* the place stays in the making for ever: this name is resolved at each event */
			atomic_store_explicit(&table->bound[at], made, memory_order_release); /* pairs with the acquire below */
			return made == &nothing ? NULL : &made->binding;
		}
		if (seen != hash)
			continue;
		const struct jst_bound *bound = atomic_load_explicit(&table->bound[at], memory_order_acquire);

		if (!bound)
			break;
		if (bound == &nothing)
			/* Another name with this hash would be lost here; one of 2^64, unless somebody sought it. */
			return jst_probe_clauses(installed->run.program, probe->name, NULL) ? make_unkept(installed, probe, slot) : NULL;
		if (same(&bound->binding.probe, probe))
			return &bound->binding;
	}
	return make_unkept(installed, probe, slot);
}

__attribute__((noinline)) const struct jst_binding *jst_table_site(struct jst_installed *installed, const struct jst_site_record *record, uint32_t slot)
{
	const uint32_t id = jst_site_id((struct jst_site_record *)record);
	/* Acquire pairs with watch.c, and with the release below. */
	const struct jst_bound *other = atomic_load_explicit(&installed->bound[id], memory_order_acquire);
	struct jst_probe probe;
	bool full;

	if (other)
		return &other->binding;
	/* No id was left for it, or it makes no sense, and the word is on for its name alone. */
	if (!id || !jst_site_sound(record))
		return NULL;
	jst_site_describe(record, &probe);
	const struct jst_bound *bound = jst_install_bind(installed, &probe, &full);

	if (!bound)
		return full ? make_unkept(installed, &probe, slot) : NULL;
	/* Release and acquire pair with each other, with the acquire in probe.c and with that of who forgets the site (watch.c). Who comes second leaves its own in the arena. */
	if (!atomic_compare_exchange_strong_explicit(&installed->bound[id], &other, bound, memory_order_release, memory_order_acquire))
		return &other->binding;
	jst_leaf_hint((struct jst_site_record *)record, jst_leaf_way(&bound->binding), true);
	return &bound->binding;
}

bool jst_table_matches(struct jst_installed *installed, struct jst_string name)
{
	const uint64_t hash = jst_hash(name.bytes, name.length);
	const uint64_t known = hash | 2; /* never 0 */
	_Atomic uint64_t *answer = &installed->table.answer[(hash >> 20) % JST_TABLE_SIZE];
	const uint64_t seen = atomic_load_explicit(answer, memory_order_relaxed);

	if ((seen | 1) == (known | 1))
		return seen & 1;
	const bool matches = jst_probe_clauses(installed->run.program, name, NULL) > 0;

	atomic_store_explicit(answer, (known & ~UINT64_C(1)) | matches, memory_order_relaxed); /* one word, whole by itself */
	return matches;
}
