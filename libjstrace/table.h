/*
 * The name table: bindings of the names that jstrace_fire() is called with. Each session has one, empty until then; it is made with the session, so nothing is allocated later.
 * Any number of threads find and insert, lock-free; nothing is removed while the session lives.
 */
#ifndef JST_TABLE_H
#define JST_TABLE_H

#include "install.h"
#include "jstrace.h"

/* A binding that is too many for the table, made for one event in its thread's place. As large as the program needs it: there is a place for each slot, and what is mapped may be limited or counted. */
struct jst_unkept {
	struct jst_binding binding;
	struct jst_plan plan[]; /* a clause of the program; behind them a struct jst_field_binding a field, and a uint16_t a clause */
};

/* Bytes of a place, a multiple of 8. Context: any. */
static inline size_t jst_unkept_size(const struct jst_program *program)
{
	const size_t clauses = jst_program_count(program, JST_SECTION_CLAUSES), fields = jst_program_count(program, JST_SECTION_FIELDS);

	return (sizeof(struct jst_unkept) + clauses * (sizeof(struct jst_plan) + sizeof(uint16_t)) + fields * sizeof(struct jst_field_binding) + 7) & ~(size_t)7;
}

/* The place of a slot. Context: probe. */
static inline struct jst_unkept *jst_unkept_of(const struct jst_installed *installed, uint32_t slot)
{
	return (struct jst_unkept *)(void *)((char *)installed->unkept + installed->unkept_size * slot);
}

/* XXH3 of the name mixed with the fields' names and types: what a binding depends on. Never 0. Context: any. */
uint64_t jst_table_hash(struct jst_string name, const struct jst_field *fields, uint32_t count);

/* The binding of probe in the session, from the table, or made and kept there, or, where that is not possible, made in the place of the slot. NULL: no clause matches. Context: probe, owner of the slot. */
const struct jst_binding *jst_table_find(struct jst_installed *installed, const struct jst_probe *probe, uint64_t hash, uint32_t slot);

/*
 * The binding of a site that the session watches and nobody has bound yet: made and kept, or, where there is no room, made in the place of the slot. NULL: the session has nothing to do there.
 * Any number of threads, lock-free. Context: probe, owner of the slot.
 */
const struct jst_binding *jst_table_site(struct jst_installed *installed, const struct jst_site_record *record, uint32_t slot);

/* Whether some clause of the session's program has a pattern for the name; found by its hash after the first time. Context: probe. */
bool jst_table_matches(struct jst_installed *installed, struct jst_string name);

#endif
