/*
 * What the golden tests of the compiler run: driver MODE [ARGUMENT… | --arg=NAME=VALUE…], the script on standard input. MODE is a dump (tokens, tree, bytecode) or check, which prints what the
 * compiled script holds, or fmt, which prints the script in its layout, or fmt-check, which prints what that breaks (fmt_check.h), or tags, which prints the tag of each diagnostic and nothing else. Diagnostics go to standard output too. A program that the verifier refuses is a failure of the test whatever it expects.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "compile.h"
#include "fmt_check.h"
#include "verify.h"

static char *read_all(FILE *in, size_t *length)
{
	size_t room = 1 << 16;
	char *text = malloc(room);

	*length = 0;
	for (size_t n; text && (n = fread(text + *length, 1, room - *length - 1, in)) > 0;) {
		*length += n;
		if (*length == room - 1)
			text = realloc(text, room *= 2);
	}
	if (!text)
		abort();
	return text;
}

/* Imports are files beside what imports them; standard input is in the present folder. */
static bool import(void *context, const char *name, const char *from, struct compiled_source *source, const char **problem)
{
	const char *slash = strrchr(from, '/');
	char path[512];

	(void)context;
	snprintf(path, sizeof(path), "%.*s%s", slash ? (int)(slash - from + 1) : 0, from, name);

	FILE *file = fopen(path, "r");

	if (!file) {
		*problem = "there is no such file";
		return false;
	}
	source->text = read_all(file, &source->length);
	source->text[source->length] = '\0';
	source->name = strdup(path);
	source->identity = strdup(path);
	fclose(file);
	return true;
}

static int verify(const struct jst_builder *builder, const char *which)
{
	const char *limit;
	struct jst_program *program = jst_builder_finish(builder, &limit);
	struct jst_verify_error error;
	void *scratch = malloc(JST_VERIFY_SCRATCH);

	if (!program || !scratch)
		abort();

	bool good = jst_verify(program, program->size, scratch, JST_VERIFY_SCRATCH, &error);

	if (!good)
		printf("NOT VERIFIED: %s program, clause %d, instruction %d: %s\n", which, error.clause, error.insn, error.reason);
	free(program);
	free(scratch);
	return good ? 0 : 3;
}

static const char *unit_text(enum unit unit)
{
	static const char *const texts[] = { "", " (duration)", " (size)", " (monotonic time)", " (wall time)" };

	return texts[unit];
}

static void print_record(const struct compiled_record *record)
{
	static const char *const types[] = {
		[RECORD_PRINTF] = "printf", [RECORD_PRINT] = "print", [RECORD_EMIT] = "emit", [RECORD_EVENT] = "event", [RECORD_PRINT_AGGREGATION] = "print aggregation",
		[RECORD_PRINT_ENTRY] = "print entry", [RECORD_CLEAR] = "clear", [RECORD_ZERO] = "zero", [RECORD_PRINT_OPEN] = "print open", [RECORD_TIME] = "time",
	};

	printf("%s", types[record->type]);
	for (uint32_t i = 0; i < record->piece_count; i++) {
		const struct format_piece *piece = &record->pieces[i];

		if (piece->text)
			printf(" '%s'", piece->text);
		else
			printf(" %%%c flags '%s' width %d precision %d", piece->conversion, piece->flags, piece->width, piece->precision);
	}
	if (record->text)
		printf(" '%s'", record->text);
	if (record->type == RECORD_PRINT_AGGREGATION || record->type == RECORD_PRINT_ENTRY || record->type == RECORD_CLEAR || record->type == RECORD_ZERO)
		printf(" %u", record->aggregation);
	printf(", %u value%s\n", record->values, record->values == 1 ? "" : "s");
	for (uint32_t i = 0; i < record->values; i++)
		printf("  value %u%s%s%s\n", i, record->names ? " " : "", record->names ? record->names[i] : "", unit_text(record->units[i]));
}

static void print_compiled(const struct compiled *compiled)
{
	for (uint32_t i = 0; i < compiled->pattern_count; i++)
		printf("pattern %s\n", compiled->patterns[i]);
	for (uint32_t i = 0; i < compiled->field_count; i++)
		printf("field %s\n", compiled->fields[i]);
	for (uint32_t i = 0; i < compiled->aggregation_count; i++) {
		const struct compiled_aggregation *aggregation = &compiled->aggregations[i];

		printf("aggregation %s: function %d, parameters %lld %lld %lld, %u keys%s", aggregation->name, aggregation->function, (long long)aggregation->parameters[0],
		       (long long)aggregation->parameters[1], (long long)aggregation->parameters[2], aggregation->keys, unit_text(aggregation->unit));
		for (uint32_t key = 0; key < aggregation->keys; key++)
			printf(", key %u%s", key, unit_text(aggregation->key_unit[key]));
		if (aggregation->exemplar)
			printf(", exemplar %s%s", aggregation->exemplar, unit_text(aggregation->exemplar_unit));
		printf("\n");
	}
	for (uint32_t i = 0; i < compiled->record_count; i++)
		print_record(&compiled->records[i]);
	for (uint32_t i = 0; i < compiled->special_count; i++) {
		const struct compiled_special *special = &compiled->specials[i];
		static const char *const names[] = { "BEGIN", "END", "tick", "process:attach", "process:exit" };

		printf("special %s period %lld clause %u%s\n", names[special->special], (long long)special->period, special->clause, special->flips ? " flips" : "");
	}
	for (uint32_t i = 0; i < compiled->initial_count; i++)
		printf("initial from map %u to map %u, %u keys\n", compiled->initials[i].from, compiled->initials[i].to, compiled->initials[i].keys);
	for (uint32_t i = 0; i < compiled->span_count; i++)
		printf("span %s: %s for %s at %d:%d, map %u\n", compiled->spans[i].sibling, compiled->spans[i].pattern, compiled->spans[i].reader, compiled->spans[i].line,
		       compiled->spans[i].column, compiled->spans[i].map);
	printf("%u target clauses, %u local clauses%s\n", compiled->target_clauses, compiled->local_clauses, compiled->prints ? ", prints" : "");
}

int main(int argc, char **argv)
{
	size_t length;
	char *text = read_all(stdin, &length);
	const char *mode = argc > 1 ? argv[1] : "check";
	struct compile_argument named[16];
	const char *arguments[16];
	struct compile_options options = { .file = "-e", .arguments = arguments, .named = named, .import = import };

	for (int i = 2; i < argc && options.argument_count < 16 && options.named_count < 16; i++) {
		const char *equals = strchr(argv[i], '=') ? strchr(argv[i] + 6, '=') : NULL;

		if (equals && !strncmp(argv[i], "--arg=", 6))
			named[options.named_count++] = (struct compile_argument){ argv[i] + 6, equals + 1, (size_t)(equals - argv[i] - 6) };
		else
			arguments[options.argument_count++] = argv[i];
	}

	if (!strcmp(mode, "fmt-check")) {
		const bool good = fmt_check(text, length, &options, stdout);

		free(text);
		return good ? 0 : 1;
	}

	const bool only_fmt = !strcmp(mode, "fmt");
	struct compiled *compiled = only_fmt ? fmt_script(text, length, &options, stdout) : compile(text, length, &options);
	int status = compiled->errors ? 1 : 0;

	if (!strcmp(mode, "tags")) {
		for (uint32_t i = 0; i < compiled->diagnostic_count; i++)
			printf("%s\n", compiled->diagnostics[i].tag);
		compiled_free(compiled);
		free(text);
		return 0;
	}
	if (!strcmp(mode, "tokens"))
		dump_tokens(text, length, stdout);
	else if (!strcmp(mode, "tree"))
		dump_tree(text, length, &options, stdout);
	else if (!strcmp(mode, "bytecode"))
		dump_bytecode(compiled, stdout);
	else if (!compiled->errors && !only_fmt)
		print_compiled(compiled);
	compiled_report(compiled, stdout);
	if (!compiled->errors && !only_fmt)
		status = verify(compiled->target, "target") | verify(compiled->local, "local");
	compiled_free(compiled);
	free(text);
	return status;
}
