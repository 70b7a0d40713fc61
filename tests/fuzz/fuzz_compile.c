/*
 * Script text → compiler: tokens, tree, checks, code, and the formatter. A script that the compiler takes must make programs that the verifier takes, and its layout must be stable.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "builder.h"
#include "compile.h"
#include "fuzz.h"
#include "verify.h"

static FILE *nowhere;
static unsigned long compiled_well, tried;

void fuzz_begin(void)
{
	nowhere = fopen("/dev/null", "w");
	if (!nowhere)
		fuzz_fail("no /dev/null");
}

/* Names that begin with x are not found; others have a text, which for those that begin with y imports itself. */
static bool import(void *context, const char *name, const char *from, struct compiled_source *source, const char **problem)
{
	(void)context;
	(void)from;
	if (name[0] == 'x') {
		*problem = "there is none";
		return false;
	}
	source->name = strdup(name);
	source->identity = strdup(name);
	source->text = strdup(name[0] == 'y' ? "import \"y\"\nfn again($a) { return $a; }" : "const WIDE = 3\nfn twice($a) { return $a * 2; }");
	if (!source->name || !source->identity || !source->text)
		abort();
	source->length = strlen(source->text);
	return true;
}

static void check_program(struct jst_builder *builder, const struct compiled *compiled)
{
	static uint64_t scratch[JST_VERIFY_SCRATCH / sizeof(uint64_t)];
	struct jst_verify_error error;
	const char *limit = NULL;
	struct jst_program *program = jst_builder_finish(builder, &limit);

	if (!program) {
		if (!limit)
			fuzz_fail("no program and no limit");
		return;
	}
	if (!jst_verify(program, program->size, scratch, sizeof(scratch), &error))
		fuzz_fail("the verifier refused what the compiler made: clause %d, instruction %d: %s\n%s", error.clause, error.insn, error.reason, compiled->sources[0].text);
	free(program);
}

/* The script as it is laid out makes the same programs. */
static void check_same(struct jst_builder *meant, struct jst_builder *made, const char *text)
{
	const char *limit;
	struct jst_program *a = jst_builder_finish(meant, &limit), *b = jst_builder_finish(made, &limit);

	if (!a != !b || (a && (a->size != b->size || memcmp(a, b, a->size))))
		fuzz_fail("laid out, the script makes another program:\n%s", text);
	free(a);
	free(b);
}

static void check_meaning(const struct compiled *meant, const char *text, size_t length, const struct compile_options *options)
{
	struct compiled *made = compile(text, length, options);

	if (made->errors) {
		compiled_report(made, stderr);
		fuzz_fail("laid out, the script is refused:\n%s", text);
	}
	check_same(meant->target, made->target, text);
	check_same(meant->local, made->local, text);
	compiled_free(made);
}

/* Laid out twice it is as laid out once, and means what it meant. */
static void check_layout(const char *text, size_t length, const struct compile_options *options, const struct compiled *meant)
{
	char *once, *twice;
	size_t once_length, twice_length;
	FILE *out = open_memstream(&once, &once_length);

	if (!out)
		abort();
	struct compiled *compiled = fmt_script(text, length, options, out);
	const bool read = !compiled->errors;

	fclose(out);
	compiled_free(compiled);
	if (read) {
		out = open_memstream(&twice, &twice_length);
		if (!out)
			abort();
		compiled = fmt_script(once, once_length, options, out);
		fclose(out);
		if (compiled->errors)
			fuzz_fail("what --fmt printed is not read again:\n%s", once);
		if (once_length != twice_length || memcmp(once, twice, once_length))
			fuzz_fail("the layout is not stable:\n%s----\n%s", once, twice);
		compiled_free(compiled);
		free(twice);
		if (!meant->errors)
			check_meaning(meant, once, once_length, options);
	} else if (once_length) {
		fuzz_fail("--fmt printed something of a script with errors");
	}
	free(once);
}

void fuzz_one(const uint8_t *bytes, size_t size)
{
	static const char *const arguments[] = { "7", "a text" };
	static const struct compile_argument named[] = { { .name = "limit", .value = "5ms", .name_length = 5 } };
	const struct compile_options options = { .file = "script", .arguments = arguments, .argument_count = 2, .named = named, .named_count = 1, .import = import };

	if (size > LARGEST_SCRIPT)
		return;
	/* Terminated, as it is where it was read from a file. */
	char *text = malloc(size + 1);

	if (!text)
		abort();
	if (size)
		memcpy(text, bytes, size);
	text[size] = '\0';
	struct compiled *compiled = compile(text, size, &options);

	tried++;
	if (compiled->errors && !compiled->diagnostic_count)
		fuzz_fail("an error without a message");
	compiled_report(compiled, nowhere);
	dump_tokens(text, size, nowhere);
	dump_tree(text, size, &options, nowhere);
	if (!compiled->errors) {
		compiled_well++;
		dump_bytecode(compiled, nowhere);
		check_program(compiled->target, compiled);
		check_program(compiled->local, compiled);
	}
	check_layout(text, size, &options, compiled);
	compiled_free(compiled);
	free(text);
}

void fuzz_seeds(fuzz_take *take, void *context)
{
	for (int i = 0; fuzz_scripts[i]; i++) {
		const struct compile_options options = { .file = "script" };
		struct compiled *compiled = compile(fuzz_scripts[i], strlen(fuzz_scripts[i]), &options);
		char name[32];

		if (compiled->errors)
			fuzz_fail("a script to begin with does not compile: %s", fuzz_scripts[i]);
		compiled_free(compiled);
		snprintf(name, sizeof(name), "script-%d", i);
		take(context, name, (const uint8_t *)fuzz_scripts[i], strlen(fuzz_scripts[i]));
	}
}

void fuzz_end(void)
{
	printf("compile: %lu of %lu scripts compiled\n", compiled_well, tried);
}
