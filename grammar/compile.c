/*
 * The way through: text → tokens → tree → checked tree → programs. What the parser could make of a script with mistakes is checked too; programs are made only if there is no error.
 */
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "fmt.h"

/* The default of a parameter as it is written, as far as it stands in one line, and the comment behind it. */
static void note_parameter(struct compiled *compiled, const struct parameter *parameter)
{
	const struct location *last = parameter->value ? &parameter->value->at : &parameter->at;
	const char *remark = "", *value = NULL;
	size_t length = 0, value_length = 0, remark_length = 0;
	const char *line = compiled_line(&compiled->sources[last->source], last->end_line, &length);
	const char *end = line + length, *at = line + last->end_column - 1;

	if (parameter->value) {
		value = last->line == last->end_line ? line + last->column - 1 : line;
		value_length = (size_t)(at - value);
	}
	for (at += strspn(at, " \t"); at < end && *at == ';'; at += strspn(at, " \t"))
		at++;
	if (at < end && (*at == '#' || !strncmp(at, "//", 2))) {
		remark = at + (*at == '#' ? 1 : 2);
		remark += strspn(remark, " \t");
		remark_length = remark < end ? (size_t)(end - remark) : 0;
	}
	compiled->parameters = heap_grow(compiled->parameters, compiled->parameter_count, sizeof(*compiled->parameters));
	compiled->parameters[compiled->parameter_count++] = (struct compiled_parameter){
		.name = heap_copy(parameter->name.text, parameter->name.length),
		.value = value ? heap_copy(value, value_length) : NULL,
		.remark = heap_copy(remark, remark_length),
	};
}

static void compile_text(struct compiled *compiled, const struct compile_options *options, struct diagnostics *diagnostics)
{
	struct arena arena = { 0 };
	struct script script = { .arena = &arena, .diagnostics = diagnostics, .options = options, .compiled = compiled };
	struct checker checker;

	parse_source(&script, 0);
	for (const struct parameter *parameter = script.first_parameter; parameter; parameter = parameter->next)
		note_parameter(compiled, parameter);
	check_init(&checker, &script, options, compiled);
	check_script(&checker);
	if (!diagnostics->errors)
		generate_script(&checker);
	check_fini(&checker);
	arena_fini(&arena);
}

size_t compiled_mark(const char *text, size_t length)
{
	static const char mark[] = "\xef\xbb\xbf";
	const size_t size = sizeof(mark) - 1;

	return length >= size && !memcmp(text, mark, size) ? size : 0;
}

int compiled_add_source(struct compiled *compiled, struct compiled_source source)
{
	const size_t mark = compiled_mark(source.text, source.length);

	if (mark) {
		source.length -= mark;
		memmove(source.text, source.text + mark, source.length + 1);
	}
	compiled->sources = heap_grow(compiled->sources, compiled->source_count, sizeof(*compiled->sources));
	compiled->sources[compiled->source_count] = source;
	return (int)compiled->source_count++;
}

void compiled_source_fini(struct compiled_source *source)
{
	free(source->name);
	free(source->identity);
	free(source->text);
}

const char *compiled_line(const struct compiled_source *source, int line, size_t *length)
{
	const char *at = source->text, *end = at + source->length;

	for (int i = 1; i < line && at; i++) {
		at = memchr(at, '\n', (size_t)(end - at));
		at = at ? at + 1 : NULL;
	}
	if (at) {
		const char *stop = memchr(at, '\n', (size_t)(end - at));

		*length = (size_t)((stop ? stop : end) - at);
	}
	return at;
}

struct compiled *compiled_new(const char *text, size_t length, const struct compile_options *options)
{
	struct compiled *compiled = heap_resize(NULL, sizeof(*compiled));
	const char *identity = options->identity ? options->identity : "";

	memset(compiled, 0, sizeof(*compiled));
	compiled_add_source(compiled, (struct compiled_source){ .name = heap_copy(options->file, strlen(options->file)), .identity = heap_copy(identity, strlen(identity)), .text = heap_copy(text, length), .length = length });
	return compiled;
}

/* Imports are not read: as if each were empty. */
static bool import_nothing(void *context, const char *name, const char *from, struct compiled_source *source, const char **problem)
{
	(void)context;
	(void)from;
	(void)problem;
	*source = (struct compiled_source){ .name = heap_copy(name, strlen(name)), .identity = heap_copy("", 0), .text = heap_copy("", 0) };
	return true;
}

static void fmt_text(struct compiled *compiled, const struct compile_options *options, struct diagnostics *diagnostics, FILE *out)
{
	struct arena arena = { 0 };
	struct script script = { .arena = &arena, .diagnostics = diagnostics, .options = options, .compiled = compiled };

	parse_source(&script, 0);
	if (!diagnostics->errors)
		fmt_print(&script, out);
	arena_fini(&arena);
}

/* out: where the script's layout is printed; NULL: it is compiled instead. */
static struct compiled *start(const char *text, size_t length, const struct compile_options *options, FILE *out)
{
	const bool too_large = length > LARGEST_SCRIPT;
	struct compiled *compiled = compiled_new(too_large ? "" : text, too_large ? 0 : length, options);
	struct diagnostics diagnostics = { 0 };

	if (too_large)
		diagnostics_add(&diagnostics, DIAGNOSTIC_SCRIPT_TOO_LARGE, (struct location){ 1, 1, 1, 1, 0 }, LARGEST_SCRIPT >> 10);
	else if (out)
		fmt_text(compiled, options, &diagnostics, out);
	else
		compile_text(compiled, options, &diagnostics);
	diagnostics_sort(&diagnostics);
	compiled->diagnostics = diagnostics.items;
	compiled->diagnostic_count = diagnostics.count;
	compiled->errors = diagnostics.errors;
	return compiled;
}

struct compiled *compile(const char *text, size_t length, const struct compile_options *options)
{
	return start(text, length, options, NULL);
}

struct compiled *fmt_script(const char *text, size_t length, const struct compile_options *options, FILE *out)
{
	struct compile_options alone = { .file = options->file, .identity = options->identity, .import = import_nothing };

	return start(text, length, &alone, out);
}

static void free_strings(char **strings, uint32_t count)
{
	for (uint32_t i = 0; strings && i < count; i++)
		free(strings[i]);
	free(strings);
}

static void free_record(struct compiled_record *record)
{
	for (uint32_t i = 0; i < record->piece_count; i++)
		free(record->pieces[i].text);
	free(record->pieces);
	free_strings(record->names, record->values);
	free(record->units);
	free(record->text);
}

static void free_names(struct compiled_names *names)
{
	free_strings(names->maps, names->map_count);
	free(names->marks);
}

void compiled_free(struct compiled *compiled)
{
	struct diagnostics diagnostics;

	if (!compiled)
		return;
	diagnostics = (struct diagnostics){ .items = compiled->diagnostics, .count = compiled->diagnostic_count };
	diagnostics_fini(&diagnostics);
	for (uint32_t i = 0; i < compiled->record_count; i++)
		free_record(&compiled->records[i]);
	for (uint32_t i = 0; i < compiled->aggregation_count; i++) {
		free(compiled->aggregations[i].exemplar);
		free(compiled->aggregations[i].name);
	}
	for (uint32_t i = 0; i < compiled->span_count; i++) {
		free(compiled->spans[i].sibling);
		free(compiled->spans[i].pattern);
		free(compiled->spans[i].reader);
	}
	for (uint32_t i = 0; i < compiled->span_table_count; i++) {
		free(compiled->span_tables[i].sibling);
		free(compiled->span_tables[i].prefix);
		free_strings(compiled->span_tables[i].keys, compiled->span_tables[i].key_count);
	}
	free_strings(compiled->patterns, compiled->pattern_count);
	free_strings(compiled->fields, compiled->field_count);
	free_strings(compiled->hiding, compiled->hiding_count);
	for (uint32_t i = 0; i < compiled->read_count; i++)
		free(compiled->reads[i].field);
	free(compiled->reads);
	jst_builder_free(compiled->target);
	jst_builder_free(compiled->local);
	free_names(&compiled->target_names);
	free_names(&compiled->local_names);
	free(compiled->target_sources);
	free(compiled->local_sources);
	free(compiled->aggregations);
	free(compiled->records);
	free(compiled->specials);
	free(compiled->initials);
	free(compiled->spans);
	free(compiled->span_tables);
	for (uint32_t i = 0; i < compiled->source_count; i++)
		compiled_source_fini(&compiled->sources[i]);
	for (uint32_t i = 0; i < compiled->parameter_count; i++) {
		free(compiled->parameters[i].name);
		free(compiled->parameters[i].value);
		free(compiled->parameters[i].remark);
	}
	free(compiled->parameters);
	free(compiled->sources);
	free(compiled);
}
