/*
 * One program both ways: compiled, verified and run by the machine, and by the reference; after each event their variables and their losses are compared.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "map.h"
#include "plan.h"
#include "reference.h"
#include "session.h"
#include "verify.h"

enum {
	MEMORY = 6 << 20,
	BUDGET = 1000000, /* far beyond what the reference allows */
	MOST_WORDS = JST_MAX_SITE_WORDS,
	FORMAT_EACH = 8, /* of so many programs one is also read as it is laid out */
};

/* The compiler's stages, kept open: the reference needs the checked tree. */
struct compilation {
	struct compiled *compiled;
	struct diagnostics diagnostics;
	struct arena arena;
	struct script script;
	struct checker checker;
	bool misread;
};

struct target {
	struct jst_program *program;
	struct jst_session session;
	struct jst_runner runner;
	struct jst_binding binding;
	struct jst_plan *plans;
	struct jst_field_binding fields[JST_MAX_FIELDS];
	uint64_t words[MOST_WORDS];
};

/* ---- compiling ---- */

static void compile_program(struct compilation *compilation, const struct program *program)
{
	const struct compile_options options = { .file = "-e", .arguments = program->arguments, .argument_count = PROGRAM_ARGUMENTS };
	size_t length;
	char *text = write_script(&program->script, &length);

	compilation->compiled = compiled_new(text, length, &options);
	compilation->script = (struct script){ .arena = &compilation->arena, .diagnostics = &compilation->diagnostics, .options = &options, .compiled = compilation->compiled };
	free(text);
	parse_source(&compilation->script, 0);
	compilation->misread = !compilation->diagnostics.errors && !same_tree(&program->script, &compilation->script);
	check_init(&compilation->checker, &compilation->script, &options, compilation->compiled);
	if (!compilation->diagnostics.errors)
		check_script(&compilation->checker);
	if (!compilation->diagnostics.errors)
		generate_script(&compilation->checker);
	compilation->compiled->diagnostics = compilation->diagnostics.items;
	compilation->compiled->diagnostic_count = compilation->diagnostics.count;
	compilation->compiled->errors = compilation->diagnostics.errors;
}

/* Whether the text as jstrace lays it out is read as the same tree. */
static bool same_formatted(const struct program *program, FILE *report)
{
	const struct compile_options options = { .file = "-e" };
	struct arena arena = { 0 };
	struct diagnostics diagnostics = { 0 };
	size_t length, formatted_length;
	char *text = write_script(&program->script, &length), *formatted;
	FILE *out = open_memstream(&formatted, &formatted_length);

	compiled_free(fmt_script(text, length, &options, out));
	fclose(out);

	struct compiled *compiled = compiled_new(formatted, formatted_length, &options);
	struct script script = { .arena = &arena, .diagnostics = &diagnostics, .options = &options, .compiled = compiled };

	parse_source(&script, 0);

	const bool same = !diagnostics.errors && same_tree(&program->script, &script);

	if (!same)
		fprintf(report, "as it is laid out it is another tree:\n%s", formatted);
	diagnostics_fini(&diagnostics);
	compiled_free(compiled);
	arena_fini(&arena);
	free(formatted);
	free(text);
	return same;
}

static void compilation_free(struct compilation *compilation)
{
	check_fini(&compilation->checker);
	arena_fini(&compilation->arena);
	compiled_free(compilation->compiled);
}

/* ---- the machine ---- */

static struct jst_string string_of(const char *text)
{
	return (struct jst_string){ text, (uint32_t)strlen(text) };
}

static void describe_probe(struct jst_probe *probe)
{
	uint8_t word = 0;

	*probe = (struct jst_probe){ .name = string_of(PROBE_NAME), .file = string_of(PROBE_FILE), .line = PROBE_LINE, .fields = PROGRAM_FIELD_COUNT };
	for (int i = 0; i < PROGRAM_FIELD_COUNT; i++) {
		probe->field[i] = (struct jst_field){ string_of(field_rows[i].name), (uint8_t)field_rows[i].type, word };
		word = (uint8_t)(word + (field_rows[i].type == JST_FIELD_BYTES ? 2 : 1));
	}
}

/* The event's arguments as a probe passes them. */
static void fill_words(struct target *target, const struct jst_value *fields)
{
	uint64_t *word = target->words;

	for (int i = 0; i < PROGRAM_FIELD_COUNT; i++) {
		if (fields[i].kind == JST_STRING)
			*word++ = (uint64_t)(uintptr_t)fields[i].s;
		else if (fields[i].kind == JST_DOUBLE)
			memcpy(word++, &fields[i].d, sizeof(*word));
		else
			*word++ = fields[i].kind == JST_INT ? (uint64_t)fields[i].i : 0;
		if (field_rows[i].type == JST_FIELD_BYTES)
			*word++ = fields[i].length;
	}
}

/* Memory for one session after the other: what the last one used is zeroed, which takes less time than new pages do. */
static void *session_memory(void)
{
	static unsigned char *memory;

	if (!memory) {
		memory = mmap(NULL, MEMORY, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		if (memory == MAP_FAILED)
			abort();
		return memory;
	}

	const uint64_t used = atomic_load(&((struct jst_memory_header *)(void *)memory)->heap_used);

	memset(memory, 0, JST_SLOTS_OFFSET + sizeof(struct jst_slot));
	memset(memory + JST_MAPS_OFFSET, 0, (used < MEMORY ? used : MEMORY) - JST_MAPS_OFFSET);
	return memory;
}

/* Most programs run with quick instructions, as in a target; some as they are, as where a target has no memory for a copy. */
static void make_plans(struct target *target)
{
	static unsigned programs;
	uint16_t clause[JST_MAX_CLAUSES];
	const uint32_t clauses = jst_probe_clauses(target->program, target->binding.probe.name, clause);

	target->plans = malloc(jst_plan_size(target->program, clause, clauses) + 1);
	if (!target->plans)
		abort();
	if (++programs % 8)
		jst_plan_make(target->program, &target->binding, clause, clauses, target->plans);
	else
		jst_plan_make_plain(target->program, &target->binding, clause, clauses, target->plans);
}

static bool target_open(struct target *target, const struct compilation *compilation, uint32_t string_size, FILE *report)
{
	static _Alignas(64) unsigned char work[1 << 20];
	static unsigned char scratch[JST_VERIFY_SCRATCH];
	const struct jst_memory_options options = { .size = MEMORY, .string_size = string_size, .ring_size = 4096 };
	struct jst_verify_error error;
	const char *limit;

	target->program = jst_builder_finish(compilation->compiled->target, &limit);
	if (!target->program) {
		fprintf(report, "too large: %s\n", limit);
		return false;
	}
	if (!jst_verify(target->program, target->program->size, scratch, sizeof(scratch), &error)) {
		fprintf(report, "the verifier refused clause %d, instruction %d: %s\n", error.clause, error.insn, error.reason);
		return false;
	}
	target->runner = (struct jst_runner){ .slot = 0, .tid = PROBE_TID, .serial = 1 };
	target->session = (struct jst_session){ .program = target->program, .work = work, .work_size = jst_session_work_size(string_size), .budget = BUDGET, .string_size = string_size };
	if (sizeof(work) < target->session.work_size || !jst_memory_init(&target->session.memory, session_memory(), target->program, &options)) {
		fprintf(report, "no memory for the session\n");
		return false;
	}
	jst_session_initialise(&target->session);
	describe_probe(&target->binding.probe);
	target->binding.prefix = jst_probe_prefix(target->binding.probe.name);
	target->binding.probename = jst_probe_last(target->binding.probe.name);
	jst_probe_bind_fields(target->program, &target->binding.probe, target->fields);
	target->binding.field = target->fields;
	make_plans(target);
	jst_session_claim(&target->session, &target->runner);
	return true;
}

static uint64_t losses(const struct target *target, enum jst_loss loss)
{
	return atomic_load(&target->session.memory.slots[0].losses[loss]);
}

/* ---- comparing ---- */

void print_value(FILE *out, const struct jst_value *value)
{
	switch (value->kind) {
	case JST_INT:
		fprintf(out, "%" PRId64, value->i);
		break;
	case JST_DOUBLE:
		fprintf(out, "%a (%.17g)", value->d, value->d);
		break;
	case JST_STRING:
		fputc('"', out);
		for (uint32_t i = 0; i < value->length; i++) {
			const unsigned char c = (unsigned char)value->s[i];

			fprintf(out, c < ' ' || c > '~' || c == '"' || c == '\\' ? "\\x%02x" : "%c", c);
		}
		fputc('"', out);
		break;
	default:
		fputs("nil", out);
	}
}

/* One variable's entries in the machine, looked up among those of the reference. */
struct comparison {
	const struct variable *variable;
	const struct entry *entries;
	uint32_t seen;
	bool differs;
	FILE *report;
};

static void print_entry(const struct comparison *comparison, const struct jst_value *keys)
{
	fprintf(comparison->report, "%s%s", comparison->variable->is_self ? "self." : "", comparison->variable->name.text);
	for (uint32_t i = 0; i < comparison->variable->keys; i++) {
		fputs(i ? ", " : "[", comparison->report);
		print_value(comparison->report, &keys[i]);
	}
	fputs(comparison->variable->keys ? "]" : "", comparison->report);
}

static const struct entry *matching_entry(const struct comparison *comparison, const struct jst_value *keys)
{
	for (const struct entry *entry = comparison->entries; entry; entry = entry->next) {
		uint32_t same = 0;

		while (same < comparison->variable->keys && reference_same_key(entry->keys[same], keys[same]))
			same++;
		if (same == comparison->variable->keys)
			return entry;
	}
	return NULL;
}

static bool visit(void *context, const struct jst_value *keys, struct jst_value value)
{
	struct comparison *comparison = context;
	/* The thread is the first key of a self. variable. */
	const struct jst_value *written = keys + comparison->variable->is_self;
	const struct entry *entry = matching_entry(comparison, written);

	comparison->seen++;
	if (entry && reference_identical(entry->value, value))
		return true;
	comparison->differs = true;
	print_entry(comparison, written);
	fputs(" is ", comparison->report);
	print_value(comparison->report, &value);
	fputs(", not ", comparison->report);
	print_value(comparison->report, entry ? &entry->value : &(struct jst_value){ .kind = JST_NIL });
	fputc('\n', comparison->report);
	return true;
}

static bool same_variable(const struct target *target, const struct reference *reference, const struct variable *variable, FILE *report)
{
	static char scratch[1 << 17];
	uint32_t used = 0, expected = 0;
	struct comparison comparison = { .variable = variable, .entries = reference_entries(reference, variable), .report = report };
	struct jst_memory memory = target->session.memory;
	const struct jst_map_access access = {
		.memory = &memory,
		.slot = &memory.slots[0],
		.decl = (const struct jst_map_decl *)jst_program_section(target->program, JST_SECTION_MAPS) + variable->target_map,
		.index = variable->target_map,
		.scratch = scratch,
		.room = sizeof(scratch),
		.used = &used,
	};

	jst_map_each(&access, visit, &comparison);
	for (const struct entry *entry = comparison.entries; entry; entry = entry->next)
		expected++;
	if (comparison.seen != expected) {
		fprintf(report, "%s has %u entries, not %u", variable->name.text, comparison.seen, expected);
		for (const struct entry *entry = comparison.entries; entry && !comparison.differs; entry = entry->next) {
			fputs(": ", report);
			print_entry(&comparison, entry->keys);
			fputs(" = ", report);
			print_value(report, &entry->value);
		}
		fputc('\n', report);
	}
	return !comparison.differs && comparison.seen == expected;
}

/* After an event that neither the budget nor the scratch area cut short. */
static bool same_state(const struct target *target, const struct reference *reference, const struct checker *checker, FILE *report)
{
	static const char *const names[] = {
#define LOSS(name, reason, option, meaning) reason,
#include "loss.def"
#undef LOSS
	};
	bool same = true;

	for (const struct variable *variable = checker->first_variable; variable; variable = variable->next)
		same &= same_variable(target, reference, variable, report);
	for (int i = 0; i < JST_LOSSES; i++) {
		const uint64_t count = losses(target, (enum jst_loss)i);

		/* How often an entry's key is cut in one statement is nobody's business, but not whether. */
		if (i == JST_LOSS_STRINGS ? (count > 0) == (reference->cuts > 0) : count == (i == JST_LOSS_ERRORS ? reference->errors : 0))
			continue;
		fprintf(report, "%s: %" PRIu64 ", not %" PRIu64 "\n", names[i], count, i == JST_LOSS_ERRORS ? reference->errors : i == JST_LOSS_STRINGS ? reference->cuts : 0);
		same = false;
	}
	return same;
}

static bool same_folded(struct reference *reference, const struct name *name, const struct expression *meant, const struct expression *checked, FILE *report)
{
	struct jst_value folded;

	if (!tree_literal(checked, &folded))
		return true;

	const struct jst_value value = reference_evaluate(reference, meant);

	coverage.folded += meant->type != checked->type;
	if (reference_identical(value, folded))
		return true;
	fprintf(report, "%s is ", name->text);
	print_value(report, &folded);
	fputs(", not ", report);
	print_value(report, &value);
	fputc('\n', report);
	return false;
}

/* What the compiler made a literal of must be what comes out when it is not: the check folded its tree, so the one that is meant is evaluated. */
static bool same_constants(struct reference *reference, const struct script *meant, const struct script *checked, FILE *report)
{
	const struct constant *constant = checked->first_constant;
	const struct parameter *parameter = checked->first_parameter;
	bool same = true;

	reference->checked = checked;
	for (const struct parameter *each = meant->first_parameter; each; each = each->next, parameter = parameter->next)
		same &= same_folded(reference, &each->name, each->value, parameter->value, report);
	for (const struct constant *each = meant->first_constant; each; each = each->next, constant = constant->next)
		same &= same_folded(reference, &each->name, each->value, constant->value, report);
	reference->errors = 0;
	return same;
}

/* The results as they are after an event; in the end those after the last one are counted. */
static void count_results(const struct reference *reference, const struct checker *checker, bool last, struct outcome *outcome)
{
	const struct variable *out = checker->first_variable;

	while (out && strcmp(out->name.text, "out"))
		out = out->next;
	for (const struct entry *entry = out ? reference_entries(reference, out) : NULL; entry; entry = entry->next) {
		outcome->nothing = false;
		outcome->results[entry->value.kind] += last;
	}
	if (last)
		outcome->errors += reference->errors;
}

static enum verdict run_events(struct target *target, struct reference *reference, const struct compilation *compilation, struct outcome *outcome, FILE *report)
{
	if (!same_constants(reference, &reference->program->script, &compilation->script, report))
		return VERDICT_DIFFERENT;
	for (int event = 0; event < PROGRAM_EVENTS; event++) {
		const struct jst_value *fields = reference->program->fields[event];

		fill_words(target, fields);
		jst_session_event(&target->session, &target->runner, &target->binding, target->words);
		reference_event(reference, &compilation->script, fields);
		if (reference->over)
			return VERDICT_OVER_BUDGET;
		if (losses(target, JST_LOSS_SCRATCH))
			return VERDICT_OUT_OF_ROOM;
		if (!same_state(target, reference, &compilation->checker, report)) {
			fprintf(report, "after event %d with", event + 1);
			for (int i = 0; i < PROGRAM_FIELD_COUNT; i++) {
				fprintf(report, " %s=", field_rows[i].name);
				print_value(report, &fields[i]);
			}
			fputc('\n', report);
			return VERDICT_DIFFERENT;
		}
		count_results(reference, &compilation->checker, event == PROGRAM_EVENTS - 1, outcome);
	}
	return VERDICT_SAME;
}

/* Whether all that the compiler has against it is its size: each call of a function stands for its whole code. */
static bool only_too_large(const struct diagnostics *diagnostics)
{
	for (uint32_t i = 0; i < diagnostics->count; i++) {
		if (diagnostics->items[i].severity == SEVERITY_ERROR && strcmp(diagnostics->items[i].tag, "clause-too-large"))
			return false;
	}
	return true;
}

/* ---- all together ---- */

enum verdict program_run(const struct program *program, struct outcome *outcome, FILE *report)
{
	static FILE *nowhere;
	struct compilation compilation = { 0 };
	struct target target = { 0 };
	struct arena arena = { 0 };
	struct reference reference = { .program = program, .arena = &arena };
	enum verdict verdict;

	if (!nowhere)
		nowhere = fopen("/dev/null", "w");
	if (!report)
		report = nowhere;
	compile_program(&compilation, program);
	if (compilation.misread) {
		fprintf(report, "the parser made another tree of it\n");
		verdict = VERDICT_MISREAD;
	} else if (program->seed % FORMAT_EACH == 0 && !same_formatted(program, report)) {
		verdict = VERDICT_MISREAD;
	} else if (compilation.diagnostics.errors && only_too_large(&compilation.diagnostics)) {
		verdict = VERDICT_TOO_LARGE;
	} else if (compilation.diagnostics.errors) {
		compiled_report(compilation.compiled, report);
		verdict = VERDICT_REFUSED;
	} else if (!target_open(&target, &compilation, program->string_size, report)) {
		verdict = VERDICT_REFUSED;
	} else {
		outcome->nothing = true;
		verdict = run_events(&target, &reference, &compilation, outcome, report);
	}
	free(target.program);
	free(target.plans);
	arena_fini(&arena);
	compilation_free(&compilation);
	return verdict;
}
