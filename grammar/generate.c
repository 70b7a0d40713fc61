/*
 * The checked script to two programs, one for the targets and one for the CLI. They share the numbers of aggregations and records; each has maps of its own.
 *
 * The clauses of the script come first, in its order. Behind them stand those that sibling spans need: within one event first the entries that were read are
 * removed, then the event is recorded for the siblings that will read it.
 */
#include "generate.h"

#include <stdlib.h>
#include <string.h>

void generate_mark(struct generator *generator, struct location at)
{
	struct compiled *compiled = generator->checker->compiled;
	struct compiled_names *names = generator->special ? &compiled->local_names : &compiled->target_names;

	names->marks = heap_grow(names->marks, names->mark_count, sizeof(*names->marks));
	names->marks[names->mark_count++] = (struct compiled_mark){ generator->index, generator->insns, at.source, at.line, at.column, at.end_line, at.end_column };
}

static uint32_t declare_map(struct jst_builder *builder, struct compiled_names *names, uint32_t flags, uint32_t keys, const char *kind, const struct name *name)
{
	const size_t length = strlen(kind);
	char *text = heap_resize(NULL, length + name->length + 1);

	memcpy(text, kind, length);
	memcpy(text + length, name->text, name->length);
	text[length + name->length] = '\0';
	names->maps = heap_grow(names->maps, names->map_count, sizeof(*names->maps));
	names->maps[names->map_count++] = text;
	return jst_builder_map(builder, flags, keys);
}

static void note_table(struct compiled *compiled, const struct span_table *table)
{
	const struct span *span = table->spans;
	const size_t prefix = span_prefix(span->clause->first);
	struct compiled_span_table *to;
	uint32_t key = 0;

	compiled->span_tables = heap_grow(compiled->span_tables, compiled->span_table_count, sizeof(*compiled->span_tables));
	to = &compiled->span_tables[compiled->span_table_count++];
	*to = (struct compiled_span_table){ .sibling = heap_copy(span->sibling.text, span->sibling.length), .key_count = span->keys.count, .map = table->map };
	if (!table->by_prefix)
		to->prefix = heap_copy(span->clause->first->text.text, prefix ? prefix - 1 : 0);
	to->keys = heap_resize(NULL, (span->keys.count + 1) * sizeof(*to->keys));
	for (const struct argument *argument = span->keys.first; argument; argument = argument->next) {
		const struct expression *value = argument->value;
		const struct name *name = value->meaning == MEANING_FIELD ? &value->field : &value->name;

		to->keys[key++] = heap_copy(name->text, name->length);
	}
}

static void declare(struct generator *generator)
{
	struct compiled *compiled = generator->checker->compiled;

	for (struct aggregation *aggregation = generator->checker->first_aggregation; aggregation; aggregation = aggregation->next) {
		struct compiled_aggregation *to;

		jst_builder_aggregation(compiled->target, aggregation->function, aggregation->keys, aggregation->parameters);
		jst_builder_aggregation(compiled->local, aggregation->function, aggregation->keys, aggregation->parameters);
		compiled->aggregations = heap_grow(compiled->aggregations, compiled->aggregation_count, sizeof(*compiled->aggregations));
		to = &compiled->aggregations[compiled->aggregation_count++];
		*to = (struct compiled_aggregation){ .name = heap_copy(aggregation->name.text, aggregation->name.length), .function = aggregation->function, .keys = aggregation->keys, .unit = aggregation->unit };
		memcpy(to->parameters, aggregation->parameters, sizeof(to->parameters));
		memcpy(to->key_unit, aggregation->key_unit, sizeof(to->key_unit));
		to->exemplar = aggregation->exemplar.text ? heap_copy(aggregation->exemplar.text, aggregation->exemplar.length) : NULL;
		to->exemplar_unit = aggregation->exemplar_unit;
	}
	for (uint32_t i = 0; i < compiled->record_count; i++) {
		jst_builder_record(compiled->target, compiled->records[i].values);
		jst_builder_record(compiled->local, compiled->records[i].values);
	}
	for (struct variable *variable = generator->checker->first_variable; variable; variable = variable->next) {
		uint32_t flags = variable->all_int ? JST_MAP_INT : 0, keys = variable->keys + variable->is_self;

		if (variable->used_in_target)
			variable->target_map = declare_map(compiled->target, &compiled->target_names, flags, keys, variable->is_self ? "self." : "", &variable->name);
		if (variable->used_in_special)
			variable->special_map = declare_map(compiled->local, &compiled->local_names, flags, keys, variable->is_self ? "self." : "", &variable->name);
		if (!variable->used_in_target || !variable->used_in_special)
			continue;
		compiled->initials = heap_grow(compiled->initials, compiled->initial_count, sizeof(*compiled->initials));
		compiled->initials[compiled->initial_count++] = (struct compiled_initial){ variable->special_map, variable->target_map, variable->keys };
	}
	for (struct span_table *table = generator->checker->tables; table; table = table->next) {
		table->map = declare_map(compiled->target, &compiled->target_names, JST_MAP_SPAN | JST_MAP_INT, table->spans->keys.count + table->by_prefix, "span ", &table->spans->sibling);
		note_table(compiled, table);
	}
}

/* Opens a clause in the program of its kind; returns its index. */
static uint32_t open_clause(struct generator *generator, const struct clause *clause, bool special, uint32_t locals, enum clause_origin origin)
{
	struct compiled *compiled = generator->checker->compiled;
	struct compiled_clause **clauses = special ? &compiled->local_sources : &compiled->target_sources;
	uint32_t index;

	generator->builder = special ? compiled->local : compiled->target;
	generator->special = special;
	generator->clause = clause;
	generator->next = generator->most = generator->locals = locals;
	generator->frame = 0;
	generator->insns = 0;
	index = jst_builder_clause(generator->builder);
	generator->index = index;
	*clauses = heap_grow(*clauses, index, sizeof(**clauses));
	(*clauses)[index] = (struct compiled_clause){ clause->at.source, clause->at.line, clause->at.column, origin };
	if (special)
		compiled->local_clauses = index + 1;
	else
		compiled->target_clauses = index + 1;
	return index;
}

static void close_clause(struct generator *generator)
{
	generate_insn(generator, JST_OP_RETURN, 0, 0, 0, 0);
	jst_builder_registers(generator->builder, generator->most ? generator->most : 1);
}

static void add_pattern(struct generator *generator, const struct name *text, bool glob)
{
	if (++generator->patterns > JST_MAX_PATTERNS)
		return;
	jst_builder_pattern(generator->builder, text->text, text->length, glob ? JST_PATTERN_GLOB : 0);
}

static void add_special(struct generator *generator, const struct pattern *pattern, uint32_t clause)
{
	struct compiled *compiled = generator->checker->compiled;

	compiled->specials = heap_grow(compiled->specials, compiled->special_count, sizeof(*compiled->specials));
	compiled->specials[compiled->special_count++] = (struct compiled_special){ pattern->special, pattern->period, clause, generator->clause->flips };
}

static void generate_clause(struct generator *generator, const struct clause *clause)
{
	uint32_t index = open_clause(generator, clause, clause->is_special, clause->local_count, CLAUSE_WRITTEN);
	struct jumps out = { NO_JUMP };

	for (const struct pattern *pattern = clause->first; pattern; pattern = pattern->next) {
		if (pattern->is_special)
			add_special(generator, pattern, index);
		else
			add_pattern(generator, &pattern->text, pattern->glob);
	}
	if (clause->local_count > JST_MAX_REGISTERS) {
		diagnostics_add(generator->checker->diagnostics, DIAGNOSTIC_CLAUSE_TOO_LARGE, clause->at, "128 $ variables");
		generator->failed = true;
		return;
	}
	for (uint32_t i = 0; i < clause->local_count; i++)
		generate_insn(generator, JST_OP_NIL, i, 0, 0, 0);
	if (clause->predicate) {
		generate_mark(generator, clause->predicate->at);
		generate_jump(generator, clause->predicate, false, &out);
	}
	if (clause->has_body)
		generate_block(generator, &clause->body);
	else
		generate_insn(generator, JST_OP_EVENT, 0, 0, 0, clause->record);
	jumps_land(generator, &out);
	close_clause(generator);
}

/* ---- sibling spans ---- */

static uint32_t span_keys(struct generator *generator, const struct span_table *table, uint32_t *count)
{
	const struct expression key = { .type = EXPRESSION_NAME, .meaning = MEANING_SPAN, .span = table->spans };

	return generate_keys(generator, &key, &table->spans->keys, count);
}

/* An event that matches the pattern of a clause that reads the span uses the entry up. */
static void generate_removal(struct generator *generator, const struct span_table *table)
{
	struct table seen = { .arena = generator->checker->script->arena };
	uint32_t keys, base;

	open_clause(generator, table->spans->clause, false, 0, CLAUSE_SPAN_REMOVAL);
	for (const struct span *span = table->spans; span; span = span->next_in_table) {
		for (const struct pattern *pattern = span->clause->first; pattern; pattern = pattern->next) {
			void **slot = table_slot(&seen, pattern->text.text, pattern->text.length);

			if (!*slot)
				add_pattern(generator, &pattern->text, pattern->glob);
			*slot = generator;
		}
	}
	base = span_keys(generator, table, &keys);
	generate_insn(generator, JST_OP_SPANEND, 0, base, keys, table->map);
	close_clause(generator);
	table_fini(&seen);
}

static void note_span(struct generator *generator, const struct span *span, const struct pattern *pattern, const struct name *sibling)
{
	struct compiled *compiled = generator->checker->compiled;

	compiled->spans = heap_grow(compiled->spans, compiled->span_count, sizeof(*compiled->spans));
	compiled->spans[compiled->span_count++] = (struct compiled_span){
		.sibling = heap_copy(span->sibling.text, span->sibling.length),
		.pattern = heap_copy(sibling->text, sibling->length),
		.reader = heap_copy(pattern->text.text, pattern->text.length),
		.map = span->table->map,
		.source = span->at.source,
		.line = span->at.line,
		.column = span->at.column,
	};
}

/* When a sibling fires, the time is stored under its key. */
static void generate_recording(struct generator *generator, const struct span_table *table)
{
	struct arena *arena = generator->checker->script->arena;
	struct table seen = { .arena = arena }, readers = { .arena = arena };
	uint32_t keys, base, now;

	open_clause(generator, table->spans->clause, false, 0, CLAUSE_SPAN_RECORDING);
	for (const struct span *span = table->spans; span; span = span->next_in_table) {
		for (const struct pattern *pattern = span->clause->first; pattern; pattern = pattern->next) {
			struct name sibling = span_sibling_pattern(arena, pattern, &span->sibling);
			void **reader = table_slot(&readers, pattern->text.text, pattern->text.length);

			if (*reader)
				continue;
			*reader = generator;
			note_span(generator, span, pattern, &sibling);

			void **slot = table_slot(&seen, sibling.text, sibling.length);

			if (!*slot)
				add_pattern(generator, &sibling, pattern->glob);
			*slot = generator;
		}
	}
	base = span_keys(generator, table, &keys);
	now = generate_registers(generator, 1);
	generate_insn(generator, JST_OP_VARIABLE, now, 0, 0, JST_VARIABLE_NOW);
	generate_insn(generator, JST_OP_MAPSET, now, base, keys, table->map);
	close_clause(generator);
	table_fini(&seen);
	table_fini(&readers);
}

/* ---- the whole ---- */

static void too_large(struct generator *generator, const struct clause *clause, const char *limit)
{
	diagnostics_add(generator->checker->diagnostics, DIAGNOSTIC_PROGRAM_TOO_LARGE, clause->at, limit);
	generator->failed = true;
}

/* What is counted before anything is generated: a script of half a megabyte is to be refused at once, not after the builder compared each of its names with all others. */
static bool fits(struct generator *generator)
{
	const struct checker *checker = generator->checker;
	const struct compiled *compiled = checker->compiled;
	const struct clause *last = checker->script->last;
	uint32_t clauses = 0, maps = 0;

	for (const struct clause *clause = checker->script->first; clause; clause = clause->next)
		clauses++;
	for (const struct variable *variable = checker->first_variable; variable; variable = variable->next)
		maps++;
	for (const struct span_table *table = checker->tables; table; table = table->next) {
		maps++;
		clauses += 2;
	}
	if (clauses > JST_MAX_CLAUSES)
		too_large(generator, last, "1,024 clauses");
	else if (compiled->pattern_count > JST_MAX_PATTERNS)
		too_large(generator, last, "4,096 patterns");
	else if (maps > JST_MAX_MAPS)
		too_large(generator, last, "256 variables and maps");
	else if (checker->aggregations.count > JST_MAX_AGGREGATIONS)
		too_large(generator, last, "256 aggregations");
	else if (compiled->field_count > JST_MAX_FIELDS)
		too_large(generator, last, "256 fields");
	else if (compiled->record_count > JST_MAX_RECORDS)
		too_large(generator, last, "1,024 printf, print and emit");
	return !generator->failed;
}

static void check_limit(struct generator *generator, struct jst_builder *builder)
{
	const char *limit;
	struct jst_program *program = jst_builder_finish(builder, &limit);

	if (!program)
		too_large(generator, generator->checker->script->last, limit);
	free(program);
}

static bool is_printing(const struct compiled *compiled)
{
	const char *limit;
	struct jst_program *program = jst_builder_finish(compiled->target, &limit);
	bool prints = program && (program->flags & JST_PROGRAM_RECORDS);

	free(program);
	return prints;
}

void generate_script(struct checker *checker)
{
	enum { MOST_INSNS = JST_PROGRAM_MAX_SIZE / sizeof(struct jst_insn) };
	struct generator generator = { .checker = checker };
	struct compiled *compiled = checker->compiled;

	compiled->target = jst_builder_new();
	compiled->local = jst_builder_new();
	if (!fits(&generator))
		return;
	declare(&generator);
	for (const struct clause *clause = checker->script->first; clause; clause = clause->next) {
		generator.failed = false;
		generate_clause(&generator, clause);
		if (generator.total > MOST_INSNS) {
			too_large(&generator, clause, "1 MiB of program");
			return;
		}
	}
	for (const struct span_table *table = checker->tables; table; table = table->next)
		generate_removal(&generator, table);
	for (const struct span_table *table = checker->tables; table; table = table->next)
		generate_recording(&generator, table);
	if (generator.patterns > JST_MAX_PATTERNS)
		too_large(&generator, checker->script->last, "4,096 patterns, those of sibling spans included");
	if (checker->diagnostics->errors)
		return;
	check_limit(&generator, compiled->target);
	if (!checker->diagnostics->errors)
		check_limit(&generator, compiled->local);
	compiled->prints = is_printing(compiled);
}
