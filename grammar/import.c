/*
 * import "lib.jst"; reads another text in the place where it stands. Each text is read once; one that is being read already would import itself.
 *
 * Where texts are found is the business of whoever calls the compiler: compile_options.import.
 */
#include <string.h>

#include "check.h"

enum { DEEPEST_IMPORT = 16 };

static void failed(struct script *script, struct location at, const struct name *name, const char *problem)
{
	diagnostics_add(script->diagnostics, DIAGNOSTIC_IMPORT_FAILED, at, name->text, problem);
}

/* The index of the text among those that were met already; -1: it is new. */
static int known(const struct compiled *compiled, const char *identity)
{
	for (uint32_t i = 0; *identity && i < compiled->source_count; i++) {
		if (!strcmp(compiled->sources[i].identity, identity))
			return (int)i;
	}
	return -1;
}

static size_t length_of_all(const struct compiled *compiled)
{
	size_t length = 0;

	for (uint32_t i = 0; i < compiled->source_count; i++)
		length += compiled->sources[i].length;
	return length;
}

void import_source(struct script *script, struct location at, const struct name *name)
{
	struct compiled *compiled = script->compiled;
	const struct compile_options *options = script->options;
	struct compiled_source source = { 0 };
	const char *problem = "this script cannot import";

	if (script->imports >= DEEPEST_IMPORT) {
		failed(script, at, name, "imports are nested more than 16 deep");
		return;
	}
	if (!name->length || memchr(name->text, '\0', name->length)) {
		failed(script, at, name, "that is no name of a file");
		return;
	}
	if (!options->import || !options->import(options->context, name->text, compiled->sources[at.source].name, &source, &problem)) {
		failed(script, at, name, problem);
		diagnostics_help(script->diagnostics, "a file beside this one, or in the library folder (JSTRACE_LIBRARY)");
		return;
	}

	const int before = known(compiled, source.identity);

	if (before >= 0) {
		if (compiled->sources[before].open)
			diagnostics_add(script->diagnostics, DIAGNOSTIC_IMPORT_CYCLE, at, name->text);
		else
			script->definitions_made++;
		compiled_source_fini(&source);
		return;
	}
	if (source.length + length_of_all(compiled) > LARGEST_SCRIPT) {
		diagnostics_add(script->diagnostics, DIAGNOSTIC_SCRIPT_TOO_LARGE, at, LARGEST_SCRIPT >> 10);
		compiled_source_fini(&source);
		return;
	}
	script->imports++;
	parse_source(script, compiled_add_source(compiled, source));
	script->imports--;
	script->definitions_made++;
}
