/*
 * --dump=bytecode: each clause under the line it comes from, one instruction a line (jst_disassemble), with a label where a jump goes to.
 */
#include <stdlib.h>
#include <string.h>

#include "compile.h"
#include "vm.h"

static void dump_source(const struct compiled *compiled, const struct compiled_clause *source, FILE *out)
{
	static const char *const origins[] = { [CLAUSE_SPAN_REMOVAL] = "span used up, for ", [CLAUSE_SPAN_RECORDING] = "span recorded, for " };
	size_t length;
	const char *at = compiled_line(&compiled->sources[source->source], source->line, &length);

	fprintf(out, "%s%d:%d", origins[source->origin] ? origins[source->origin] : "", source->line, source->column);
	if (at)
		fprintf(out, "  %.*s", (int)length - (source->column - 1), at + source->column - 1);
	fputc('\n', out);
}

static void dump_patterns(const struct jst_program *program, const struct jst_clause_decl *clause, FILE *out)
{
	const struct jst_pattern_decl *patterns = jst_program_section(program, JST_SECTION_PATTERNS);

	for (uint32_t i = 0; i < clause->patterns; i++) {
		const struct jst_pattern_decl *pattern = &patterns[clause->first_pattern + i];
		struct jst_string text = jst_program_string(program, pattern->text);

		fprintf(out, "  %s %.*s\n", pattern->flags & JST_PATTERN_GLOB ? "glob" : "probe", (int)text.length, text.bytes);
	}
}

static bool is_jump(const struct jst_insn *insn)
{
	enum jst_shape_id shape = jst_opcode_info[insn->op].shape;

	return shape == JST_OPERANDS_J || shape == JST_OPERANDS_RJ;
}

static void dump_code(const struct jst_program *program, const struct jst_clause_decl *clause, FILE *out)
{
	const struct jst_insn *code = (const struct jst_insn *)jst_program_section(program, JST_SECTION_CODE) + clause->first_insn;
	bool *targets = calloc(clause->insns + 1, sizeof(*targets));
	char text[512];

	for (uint32_t i = 0; targets && i < clause->insns; i++) {
		if (is_jump(&code[i]))
			targets[code[i].imm] = true;
	}
	for (uint32_t i = 0; i < clause->insns; i++) {
		if (targets && targets[i])
			fprintf(out, "%u:\n", i);
		jst_disassemble(program, text, sizeof(text), &code[i], i);
		fprintf(out, "  %s\n", text);
	}
	free(targets);
}

static void dump_maps(const struct jst_program *program, FILE *out)
{
	const struct jst_map_decl *maps = jst_program_section(program, JST_SECTION_MAPS);

	for (uint32_t i = 0; i < jst_program_count(program, JST_SECTION_MAPS); i++) {
		fprintf(out, "map %u: %u key%s%s%s\n", i, maps[i].keys, maps[i].keys == 1 ? "" : "s", maps[i].flags & JST_MAP_INT ? ", integers" : "",
			maps[i].flags & JST_MAP_SPAN ? ", span" : "");
	}
}

static bool dump_program(const struct compiled *compiled, const struct jst_builder *builder, const struct compiled_clause *sources, const char *title, FILE *out)
{
	const char *limit;
	struct jst_program *program = jst_builder_finish(builder, &limit);

	if (!program)
		return false;

	const struct jst_clause_decl *clauses = jst_program_section(program, JST_SECTION_CLAUSES);
	uint32_t count = jst_program_count(program, JST_SECTION_CLAUSES);

	if (count) {
		fprintf(out, "%s\n", title);
		dump_maps(program, out);
	}
	for (uint32_t i = 0; i < count; i++) {
		fprintf(out, "\nclause %u, %u register%s: ", i, clauses[i].registers, clauses[i].registers == 1 ? "" : "s");
		dump_source(compiled, &sources[i], out);
		dump_patterns(program, &clauses[i], out);
		dump_code(program, &clauses[i], out);
	}
	free(program);
	return true;
}

bool dump_bytecode(const struct compiled *compiled, FILE *out)
{
	if (compiled->errors)
		return false;
	if (!dump_program(compiled, compiled->target, compiled->target_sources, "in the targets", out))
		return false;
	if (compiled->target_clauses && compiled->local_clauses)
		fputc('\n', out);
	return dump_program(compiled, compiled->local, compiled->local_sources, "in jstrace", out);
}
