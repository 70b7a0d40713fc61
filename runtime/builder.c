/*
 * Building a program: each section grows in an array of its own; finish lays them out one after the other. Initial values are kept apart until then, so
 * that they can be taken back; their constants come after the others.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "builder.h"
#include "hash.h"

struct array {
	char *data;
	size_t used, room; /* bytes */
};

/* Which elements of an array have a hash: open addressing, at most half full. */
struct index {
	struct place {
		uint32_t hash, number; /* 1 + which element; 0: free */
	} *places;
	uint32_t room, used;           /* room: a power of two, or 0 at first */
};

struct initial {
	uint32_t map;
	uint32_t first; /* among the constants of the initials */
};

struct jst_builder {
	struct array sections[JST_SECTIONS]; /* but initials */
	struct index indices[JST_SECTIONS];  /* of those whose elements are found again, and of string_refs for the strings */
	struct array string_refs;            /* struct jst_string_ref of each string, to find equal ones */
	struct array initials;               /* struct initial */
	struct array initial_constants;      /* struct jst_constant, strings at offsets in initial_strings */
	struct array initial_strings;
};

static void *array_add(struct array *array, const void *data, size_t size)
{
	if (array->room - array->used < size) {
		size_t room = array->room ? array->room * 2 : 256;

		while (room - array->used < size)
			room *= 2;
		array->data = realloc(array->data, room);
		if (!array->data) {
			fputs("jstrace: out of memory\n", stderr);
			abort();
		}
		array->room = room;
	}
	void *to = array->data + array->used;

	if (size)
		memcpy(to, data, size);
	array->used += size;
	return to;
}

/* Appends an element and returns its index. */
static uint32_t add(struct jst_builder *builder, enum jst_section_id id, const void *element)
{
	struct array *array = &builder->sections[id];
	const uint32_t size = jst_section_info[id].size;

	array_add(array, element, size);
	return (uint32_t)(array->used / size - 1);
}

static uint32_t count(const struct jst_builder *builder, enum jst_section_id id)
{
	return (uint32_t)(builder->sections[id].used / jst_section_info[id].size);
}

static void index_grow(struct index *index)
{
	const struct index old = *index;

	index->room = old.room ? old.room * 2 : 64;
	index->places = calloc(index->room, sizeof(*index->places));
	if (!index->places) {
		fputs("jstrace: out of memory\n", stderr);
		abort();
	}
	for (uint32_t i = 0; i < old.room; i++) {
		uint32_t at = old.places[i].hash;

		if (!old.places[i].number)
			continue;
		while (index->places[at & (index->room - 1)].number)
			at++;
		index->places[at & (index->room - 1)] = old.places[i];
	}
	free(old.places);
}

/* The place of the element that is the same as bytes, or a free one with the hash, to be given the number of a new element. */
static struct place *index_find(struct jst_builder *builder, enum jst_section_id id, const void *bytes, size_t size, bool (*same)(const struct jst_builder *, enum jst_section_id, uint32_t, const void *, size_t))
{
	struct index *index = &builder->indices[id];
	const uint32_t hash = (uint32_t)jst_hash(size ? bytes : "", size);

	if (2 * index->used >= index->room)
		index_grow(index);
	for (uint32_t at = hash;; at++) {
		struct place *place = &index->places[at & (index->room - 1)];

		if (!place->number) {
			place->hash = hash;
			index->used++;
			return place;
		}
		if (place->hash == hash && same(builder, id, place->number - 1, bytes, size))
			return place;
	}
}

static bool same_element(const struct jst_builder *builder, enum jst_section_id id, uint32_t number, const void *element, size_t size)
{
	return memcmp(builder->sections[id].data + number * size, element, size) == 0;
}

/* The index of an element that is equal byte by byte, or else of a new one. */
static uint32_t intern(struct jst_builder *builder, enum jst_section_id id, const void *element)
{
	struct place *place = index_find(builder, id, element, jst_section_info[id].size, same_element);

	if (!place->number)
		place->number = add(builder, id, element) + 1;
	return place->number - 1;
}

static uint32_t add_string(struct array *strings, const char *text, size_t length)
{
	const uint32_t offset = (uint32_t)strings->used;

	array_add(strings, text, length);
	array_add(strings, "", 1);
	return offset;
}

static bool same_string(const struct jst_builder *builder, enum jst_section_id id, uint32_t number, const void *text, size_t length)
{
	const struct jst_string_ref *ref = (const struct jst_string_ref *)(const void *)builder->string_refs.data + number;

	return ref->length == length && (length == 0 || memcmp(builder->sections[id].data + ref->offset, text, length) == 0);
}

static struct jst_string_ref intern_string(struct jst_builder *builder, const char *text, size_t length)
{
	struct place *place = index_find(builder, JST_SECTION_STRINGS, text, length, same_string);

	if (!place->number) {
		const struct jst_string_ref ref = { add_string(&builder->sections[JST_SECTION_STRINGS], text, length), (uint32_t)length };

		array_add(&builder->string_refs, &ref, sizeof(ref));
		place->number = (uint32_t)(builder->string_refs.used / sizeof(ref));
	}
	return ((const struct jst_string_ref *)(const void *)builder->string_refs.data)[place->number - 1];
}

static struct jst_clause_decl *last_clause(struct jst_builder *builder)
{
	struct array *clauses = &builder->sections[JST_SECTION_CLAUSES];

	return (struct jst_clause_decl *)(void *)(clauses->data + clauses->used) - 1;
}

struct jst_builder *jst_builder_new(void)
{
	struct jst_builder *builder = calloc(1, sizeof(*builder));

	if (!builder) {
		fputs("jstrace: out of memory\n", stderr);
		abort();
	}
	return builder;
}

void jst_builder_free(struct jst_builder *builder)
{
	if (!builder)
		return;
	for (int id = 0; id < JST_SECTIONS; id++) {
		free(builder->sections[id].data);
		free(builder->indices[id].places);
	}
	free(builder->string_refs.data);
	free(builder->initials.data);
	free(builder->initial_constants.data);
	free(builder->initial_strings.data);
	free(builder);
}

uint32_t jst_builder_constant(struct jst_builder *builder, struct jst_value value)
{
	struct jst_constant constant = { .kind = value.kind };

	if (value.kind == JST_STRING) {
		constant.bits = intern_string(builder, value.s, value.length).offset;
		constant.length = value.length;
	} else if (value.kind != JST_NIL) {
		constant.bits = (uint64_t)value.i;
	}
	return intern(builder, JST_SECTION_CONSTANTS, &constant);
}

uint32_t jst_builder_field(struct jst_builder *builder, const char *name, size_t length)
{
	const struct jst_string_ref ref = intern_string(builder, name, length);

	return intern(builder, JST_SECTION_FIELDS, &ref);
}

uint32_t jst_builder_map(struct jst_builder *builder, uint32_t flags, uint32_t keys)
{
	return add(builder, JST_SECTION_MAPS, &(struct jst_map_decl){ flags, keys });
}

uint32_t jst_builder_aggregation(struct jst_builder *builder, enum jst_aggregation function, uint32_t keys, const int64_t parameters[3])
{
	const struct jst_aggregation_decl decl = { .function = (uint16_t)function, .keys = (uint16_t)keys, .parameters = { parameters[0], parameters[1], parameters[2] } };

	return add(builder, JST_SECTION_AGGREGATIONS, &decl);
}

uint32_t jst_builder_record(struct jst_builder *builder, uint32_t values)
{
	return add(builder, JST_SECTION_RECORDS, &(struct jst_record_decl){ .values = values });
}

uint32_t jst_builder_clause(struct jst_builder *builder)
{
	const struct jst_clause_decl clause = { .first_pattern = count(builder, JST_SECTION_PATTERNS), .first_insn = count(builder, JST_SECTION_CODE) };

	return add(builder, JST_SECTION_CLAUSES, &clause);
}

void jst_builder_pattern(struct jst_builder *builder, const char *text, size_t length, uint32_t flags)
{
	const struct jst_pattern_decl pattern = { .text = intern_string(builder, text, length), .flags = flags };

	add(builder, JST_SECTION_PATTERNS, &pattern);
	last_clause(builder)->patterns++;
}

uint32_t jst_builder_insn(struct jst_builder *builder, struct jst_insn insn)
{
	add(builder, JST_SECTION_CODE, &insn);
	return last_clause(builder)->insns++;
}

struct jst_insn *jst_builder_insn_at(struct jst_builder *builder, uint32_t index)
{
	struct jst_insn *code = (void *)builder->sections[JST_SECTION_CODE].data;

	return code + last_clause(builder)->first_insn + index;
}

void jst_builder_registers(struct jst_builder *builder, uint32_t registers)
{
	last_clause(builder)->registers = registers;
}

static void add_initial_constant(struct jst_builder *builder, struct jst_value value)
{
	struct jst_constant constant = { .kind = value.kind };

	if (value.kind == JST_STRING) {
		constant.bits = add_string(&builder->initial_strings, value.s, value.length);
		constant.length = value.length;
	} else if (value.kind != JST_NIL) {
		constant.bits = (uint64_t)value.i;
	}
	array_add(&builder->initial_constants, &constant, sizeof(constant));
}

void jst_builder_initial(struct jst_builder *builder, uint32_t map, const struct jst_value *keys, uint32_t key_count, struct jst_value value)
{
	const struct initial initial = { map, (uint32_t)(builder->initial_constants.used / sizeof(struct jst_constant)) };

	for (uint32_t i = 0; i < key_count; i++)
		add_initial_constant(builder, keys[i]);
	add_initial_constant(builder, value);
	array_add(&builder->initials, &initial, sizeof(initial));
}

void jst_builder_clear_initials(struct jst_builder *builder)
{
	builder->initials.used = 0;
	builder->initial_constants.used = 0;
	builder->initial_strings.used = 0;
}

/* The first limit that the script passes, or NULL. */
static const char *passed_limit(const struct jst_builder *builder)
{
	static const char *const names[JST_SECTIONS] = {
		[JST_SECTION_FIELDS] = "256 fields", [JST_SECTION_MAPS] = "256 variables and maps", [JST_SECTION_AGGREGATIONS] = "256 aggregations",
		[JST_SECTION_PATTERNS] = "4,096 patterns", [JST_SECTION_CLAUSES] = "1,024 clauses", [JST_SECTION_RECORDS] = "1,024 printf, print and emit",
	};

	_Static_assert(JST_MAX_FIELDS == 256 && JST_MAX_MAPS == 256 && JST_MAX_AGGREGATIONS == 256 && JST_MAX_PATTERNS == 4096 && JST_MAX_CLAUSES == 1024 &&
	               JST_MAX_RECORDS == 1024 && JST_MAX_INSNS == 16384 && JST_MAX_REGISTERS == 128 && JST_MAX_KEYS == 8 && JST_MAX_PATTERN == 1024 && JST_MAX_GLOBS == 65536 && JST_MAX_ARGUMENTS == 32, "the limits as they are named");
	for (int id = 0; id < JST_SECTIONS; id++) {
		if (count(builder, (enum jst_section_id)id) > jst_section_info[id].max && names[id])
			return names[id];
	}

	const struct jst_pattern_decl *patterns = (const void *)builder->sections[JST_SECTION_PATTERNS].data;
	const struct jst_clause_decl *clauses = (const void *)builder->sections[JST_SECTION_CLAUSES].data;
	const struct jst_map_decl *maps = (const void *)builder->sections[JST_SECTION_MAPS].data;
	const struct jst_aggregation_decl *aggregations = (const void *)builder->sections[JST_SECTION_AGGREGATIONS].data;
	const struct jst_record_decl *records = (const void *)builder->sections[JST_SECTION_RECORDS].data;
	uint32_t globs = 0;

	for (uint32_t i = 0; i < count(builder, JST_SECTION_PATTERNS); i++) {
		if (patterns[i].text.length > JST_MAX_PATTERN)
			return "1,024 bytes of pattern";
		globs += patterns[i].flags & JST_PATTERN_GLOB ? patterns[i].text.length : 0;
		if (globs > JST_MAX_GLOBS)
			return "64 KiB of globs";
	}
	for (uint32_t i = 0; i < count(builder, JST_SECTION_CLAUSES); i++) {
		if (clauses[i].insns > JST_MAX_INSNS)
			return "16,384 instructions in a clause";
		if (clauses[i].registers > JST_MAX_REGISTERS)
			return "128 registers";
	}
	for (uint32_t i = 0; i < count(builder, JST_SECTION_MAPS); i++) {
		if (maps[i].keys > JST_MAX_KEYS)
			return "8 keys";
	}
	for (uint32_t i = 0; i < count(builder, JST_SECTION_AGGREGATIONS); i++) {
		if (aggregations[i].keys > JST_MAX_KEYS)
			return "8 keys";
	}
	for (uint32_t i = 0; i < count(builder, JST_SECTION_RECORDS); i++) {
		if (records[i].values > JST_MAX_ARGUMENTS)
			return "32 values";
	}
	return NULL;
}

/* Offsets and counts of all sections; returns the size of the whole. */
static size_t lay_out(const struct jst_builder *builder, struct jst_section sections[JST_SECTIONS])
{
	size_t at = sizeof(struct jst_program);

	for (int id = 0; id < JST_SECTIONS; id++) {
		size_t bytes = builder->sections[id].used;

		if (id == JST_SECTION_STRINGS)
			bytes += builder->initial_strings.used;
		else if (id == JST_SECTION_CONSTANTS)
			bytes += builder->initial_constants.used;
		else if (id == JST_SECTION_INITIALS)
			bytes = builder->initials.used / sizeof(struct initial) * sizeof(struct jst_initial_decl);
		sections[id] = (struct jst_section){ (uint32_t)at, (uint32_t)(bytes / jst_section_info[id].size) };
		at = (at + bytes + 7) & ~(size_t)7;
	}
	return at;
}

static void copy_initials(const struct jst_builder *builder, struct jst_program *program)
{
	char *base = (char *)program;
	char *strings = base + program->sections[JST_SECTION_STRINGS].offset;
	struct jst_constant *constants = (void *)(base + program->sections[JST_SECTION_CONSTANTS].offset);
	struct jst_initial_decl *initials = (void *)(base + program->sections[JST_SECTION_INITIALS].offset);
	const size_t string_base = builder->sections[JST_SECTION_STRINGS].used;
	const uint32_t constant_base = count(builder, JST_SECTION_CONSTANTS);
	const struct jst_constant *from = (const void *)builder->initial_constants.data;
	const struct initial *initial = (const void *)builder->initials.data;

	if (builder->initial_strings.used)
		memcpy(strings + string_base, builder->initial_strings.data, builder->initial_strings.used);
	for (size_t i = 0; i < builder->initial_constants.used / sizeof(*from); i++) {
		constants[constant_base + i] = from[i];
		if (from[i].kind == JST_STRING)
			constants[constant_base + i].bits += string_base;
	}
	for (size_t i = 0; i < builder->initials.used / sizeof(*initial); i++)
		initials[i] = (struct jst_initial_decl){ initial[i].map, constant_base + initial[i].first };
}

struct jst_program *jst_builder_finish(const struct jst_builder *builder, const char **limit)
{
	struct jst_section sections[JST_SECTIONS];
	const size_t size = lay_out(builder, sections);

	*limit = passed_limit(builder);
	if (!*limit && size > JST_PROGRAM_MAX_SIZE)
		*limit = "1 MiB of program";
	if (*limit)
		return NULL;

	struct jst_program *program = calloc(1, size);

	if (!program) {
		fputs("jstrace: out of memory\n", stderr);
		abort();
	}
	program->magic = JST_PROGRAM_MAGIC;
	program->version = JST_PROGRAM_VERSION;
	program->size = (uint32_t)size;
	memcpy(program->sections, sections, sizeof(sections));
	for (int id = 0; id < JST_SECTIONS; id++) {
		if (builder->sections[id].used)
			memcpy((char *)program + sections[id].offset, builder->sections[id].data, builder->sections[id].used);
	}
	copy_initials(builder, program);

	const struct jst_insn *code = jst_program_section(program, JST_SECTION_CODE);

	for (uint32_t i = 0; i < sections[JST_SECTION_CODE].count; i++)
		program->flags |= jst_program_insn_flags(program, &code[i]);
	program->checksum = jst_program_checksum(program, size);
	return program;
}
