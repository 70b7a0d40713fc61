/*
 * Probes and programs brought together: which clauses match a name, where a program's fields are, and how a site is described in the session's memory.
 */
#include <string.h>

#include "probe.h"

bool jst_pattern_match(struct jst_string pattern, bool glob, struct jst_string name)
{
	return glob ? jst_glob_match(pattern, name) : jst_string_equal(pattern, name);
}

uint32_t jst_probe_clauses(const struct jst_program *program, struct jst_string name, uint16_t *clause)
{
	const struct jst_clause_decl *clauses = jst_program_section(program, JST_SECTION_CLAUSES);
	const struct jst_pattern_decl *patterns = jst_program_section(program, JST_SECTION_PATTERNS);
	uint32_t found = 0;

	for (uint32_t c = 0; c < jst_program_count(program, JST_SECTION_CLAUSES); c++) {
		const struct jst_pattern_decl *pattern = patterns + clauses[c].first_pattern;
		const struct jst_pattern_decl *end = pattern + clauses[c].patterns;

		while (pattern < end && !jst_pattern_match(jst_program_string(program, pattern->text), pattern->flags & JST_PATTERN_GLOB, name))
			pattern++;
		if (pattern == end)
			continue;
		if (clause)
			clause[found] = (uint16_t)c;
		found++;
	}
	return found;
}

void jst_probe_bind_fields(const struct jst_program *program, const struct jst_probe *probe, struct jst_field_binding *field)
{
	const struct jst_string_ref *names = jst_program_section(program, JST_SECTION_FIELDS);

	for (uint32_t f = 0; f < jst_program_count(program, JST_SECTION_FIELDS); f++) {
		const struct jst_string name = jst_program_string(program, names[f]);

		field[f] = (struct jst_field_binding){ .type = JST_FIELD_ABSENT };
		for (uint32_t i = 0; i < probe->fields; i++) {
			if (jst_string_equal(probe->field[i].name, name)) {
				field[f] = (struct jst_field_binding){ .type = probe->field[i].type, .word = probe->field[i].word };
				break;
			}
		}
	}
}

static const char *last_colon(struct jst_string name)
{
	return name.length ? memrchr(name.bytes, ':', name.length) : NULL;
}

struct jst_string jst_probe_prefix(struct jst_string name)
{
	const char *colon = last_colon(name);

	return (struct jst_string){ name.bytes, colon ? (uint32_t)(colon - name.bytes) : 0 };
}

struct jst_string jst_probe_last(struct jst_string name)
{
	const char *colon = last_colon(name);

	if (!colon)
		return name;
	return (struct jst_string){ colon + 1, name.length - (uint32_t)(colon + 1 - name.bytes) };
}

jst_ref jst_site_write(struct jst_memory *memory, const struct jst_probe *probe)
{
	const uint32_t fields = probe->fields < JST_MAX_SITE_FIELDS ? probe->fields : JST_MAX_SITE_FIELDS;
	const uint32_t name = probe->name.length < JST_MAX_PROBE_NAME ? probe->name.length : JST_MAX_PROBE_NAME;
	const uint32_t file = probe->file.length < UINT16_MAX ? probe->file.length : UINT16_MAX;
	uint32_t size = (uint32_t)sizeof(struct jst_site_entry) + name + file;

	for (uint32_t i = 0; i < fields; i++)
		size += probe->field[i].name.length < JST_MAX_FIELD_NAME ? probe->field[i].name.length : JST_MAX_FIELD_NAME;
	size = (size + 7) & ~7U;

	const jst_ref ref = jst_memory_take(memory, size);

	if (!ref)
		return 0;
	struct jst_site_entry *entry = jst_memory_at(memory, ref);
	char *text = entry->text;

	entry->size = size;
	entry->name_length = (uint16_t)name;
	entry->file_length = (uint16_t)file;
	entry->line = probe->line;
	entry->fields = fields;
	if (name)
		memcpy(text, probe->name.bytes, name);
	text += name;
	if (file)
		memcpy(text, probe->file.bytes, file);
	text += file;
	for (uint32_t i = 0; i < fields; i++) {
		const uint32_t length = probe->field[i].name.length < JST_MAX_FIELD_NAME ? probe->field[i].name.length : JST_MAX_FIELD_NAME;

		entry->type[i] = probe->field[i].type;
		entry->field_length[i] = (uint8_t)length;
		if (length)
			memcpy(text, probe->field[i].name.bytes, length);
		text += length;
	}
	entry->next = atomic_load_explicit(&memory->header->sites, memory_order_relaxed);
	/* Pairs with the CLI's acquire load: who sees the ref sees the entry, and those before it, which others have written. */
	while (!atomic_compare_exchange_weak_explicit(&memory->header->sites, &entry->next, ref, memory_order_acq_rel, memory_order_relaxed))
		;
	return ref;
}

bool jst_site_read(const unsigned char *base, uint64_t size, jst_ref ref, struct jst_probe *probe)
{
	const uint64_t at = (uint64_t)ref * 8;
	struct jst_site_entry entry;

	if (!ref || at >= size || size - at < sizeof(entry))
		return false;
	/* One copy, so that what was checked is what is used. */
	memcpy(&entry, base + at, sizeof(entry));
	if (entry.size < sizeof(entry) || entry.size > size - at || entry.fields > JST_MAX_SITE_FIELDS || entry.name_length > JST_MAX_PROBE_NAME)
		return false;

	const char *text = (const char *)base + at + sizeof(entry);
	uint64_t left = entry.size - sizeof(entry);
	uint32_t word = 0;

	if (left < (uint64_t)entry.name_length + entry.file_length)
		return false;
	left -= (uint64_t)entry.name_length + entry.file_length;
	*probe = (struct jst_probe){
		.name = { text, entry.name_length },
		.file = { text + entry.name_length, entry.file_length },
		.line = entry.line,
		.fields = entry.fields,
	};
	text += entry.name_length + entry.file_length;
	for (uint32_t i = 0; i < entry.fields; i++) {
		if (entry.type[i] == JST_FIELD_ABSENT || entry.type[i] >= JST_FIELD_TYPES || entry.field_length[i] > left)
			return false;
		probe->field[i] = (struct jst_field){ .name = { text, entry.field_length[i] }, .type = entry.type[i], .word = (uint8_t)word };
		word += entry.type[i] == JST_FIELD_BYTES ? 2 : 1;
		text += entry.field_length[i];
		left -= entry.field_length[i];
	}
	return true;
}
