/*
 * --dump=bytecode: each clause, and under each statement of it the instructions that come from there, one a line (jst_disassemble). Jumps and where they go to have labels; behind a '#' stands what a map, an
 * aggregation or a record is in the script.
 *
 *     clause 0, 2 registers: 1:1  request:end { @lat = hist(now - start[id]); }
 *       probe request:end
 *       1:15  @lat = hist(now - start[id])
 *          0  variable   r0, now
 *          1  field      r1, id
 *          2  mapget     r1, map 0 [r1]                   # span start
 */
#include <stdlib.h>
#include <string.h>

#include "aggregation.h"
#include "arena.h"
#include "compile.h"
#include "vm.h"

enum { COMMENT_COLUMN = 44 };

/* A program being written. */
struct dump {
	const struct compiled *compiled;
	const struct compiled_names *names;
	const struct jst_program *program;
	FILE *out;
	uint32_t mark;        /* the next one */
};

static void dump_source(const struct dump *dump, const struct compiled_clause *source)
{
	static const char *const origins[] = { [CLAUSE_SPAN_REMOVAL] = "span used up, for ", [CLAUSE_SPAN_RECORDING] = "span recorded, for " };
	size_t length;
	const char *at = compiled_line(&dump->compiled->sources[source->source], source->line, &length);

	fprintf(dump->out, "%s%d:%d", origins[source->origin] ? origins[source->origin] : "", source->line, source->column);
	if (at)
		fprintf(dump->out, "  %.*s", (int)length - (source->column - 1), at + source->column - 1);
	fputc('\n', dump->out);
}

static void dump_patterns(const struct dump *dump, const struct jst_clause_decl *clause)
{
	const struct jst_pattern_decl *patterns = jst_program_section(dump->program, JST_SECTION_PATTERNS);

	for (uint32_t i = 0; i < clause->patterns; i++) {
		const struct jst_pattern_decl *pattern = &patterns[clause->first_pattern + i];
		struct jst_string text = jst_program_string(dump->program, pattern->text);

		fprintf(dump->out, "  %s %.*s\n", pattern->flags & JST_PATTERN_GLOB ? "glob" : "probe", (int)text.length, text.bytes);
	}
}

/* The statement; of one that goes over several lines, or has a block, what stands in its first line before the block. */
static void dump_mark(const struct dump *dump, const struct compiled_mark *mark)
{
	const struct compiled_source *source = &dump->compiled->sources[mark->source];
	size_t length, to;
	const char *line = compiled_line(source, mark->line, &length);

	if (!line)
		return;

	const size_t from = (size_t)mark->column - 1;
	const char *brace = memchr(line + from, '{', length - from);
	static const char *const blocks[] = { "if", "while", "for" };

	to = mark->end_line == mark->line ? (size_t)mark->end_column - 1 : length;
	for (size_t i = 0; i < sizeof(blocks) / sizeof(*blocks); i++) {
		const size_t word = strlen(blocks[i]);

		if (to - from == word && !memcmp(line + from, blocks[i], word))
			to = brace ? (size_t)(brace - line) : length;
	}
	while (to > from && (line[to - 1] == ' ' || line[to - 1] == '\t'))
		to--;
	fprintf(dump->out, "  %d:%d  ", mark->line, mark->column);
	if (mark->source)
		fprintf(dump->out, "%s: ", source->name);
	fprintf(dump->out, "%.*s\n", (int)(to - from), line + from);
}

static void dump_marks(struct dump *dump, uint32_t clause, uint32_t insn)
{
	const struct compiled_names *names = dump->names;

	for (; dump->mark < names->mark_count && names->marks[dump->mark].clause == clause && names->marks[dump->mark].insn <= insn; dump->mark++) {
		/* Of several at one instruction the last is the innermost, and the others made nothing. */
		if (names->marks[dump->mark].insn == insn)
			dump_mark(dump, &names->marks[dump->mark]);
	}
}

/* ---- comments ---- */

static void comment_bytes(FILE *out, const char *text, size_t length)
{
	for (size_t i = 0; i < length; i++) {
		const unsigned char byte = (unsigned char)text[i];

		if (byte == '\n')
			fputs("\\n", out);
		else if (byte < ' ' || byte == 0x7f)
			fprintf(out, "\\x%02x", byte);
		else if (byte == '"' || byte == '\\')
			fprintf(out, "\\%c", byte);
		else if (byte == '%')
			fputs("%%", out);
		else
			fputc(byte, out);
	}
}

static void comment_measure(FILE *out, const char *before, int measure)
{
	if (measure >= 0)
		fprintf(out, "%s%d", before, measure);
	else if (measure == -2)
		fprintf(out, "%s*", before);
}

static void comment_format(FILE *out, const struct compiled_record *record)
{
	fputs("printf \"", out);
	for (uint32_t i = 0; i < record->piece_count; i++) {
		const struct format_piece *piece = &record->pieces[i];

		if (piece->text) {
			comment_bytes(out, piece->text, piece->length);
			continue;
		}
		fprintf(out, "%%%s", piece->flags);
		comment_measure(out, "", piece->width);
		comment_measure(out, ".", piece->precision);
		fputc(piece->conversion, out);
	}
	fputc('"', out);
}

static void comment_record(const struct dump *dump, uint32_t index)
{
	static const char *const types[] = {
		[RECORD_PRINTF] = "printf", [RECORD_PRINT] = "print", [RECORD_EMIT] = "emit", [RECORD_EVENT] = "the event", [RECORD_PRINT_AGGREGATION] = "print", [RECORD_PRINT_ENTRY] = "print", [RECORD_CLEAR] = "clear", [RECORD_ZERO] = "zero", [RECORD_PRINT_OPEN] = "print open", [RECORD_TIME] = "time",
	};
	static const char *const orders[] = {
#define ORDER(name, text, shapes, meaning) text,
#include "order.def"
#undef ORDER
	};
	const struct compiled_record *record = &dump->compiled->records[index];
	FILE *out = dump->out;

	if (record->type == RECORD_PRINTF) {
		comment_format(out, record);
		return;
	}
	fputs((size_t)record->type < sizeof(types) / sizeof(*types) && types[record->type] ? types[record->type] : "record", out);
	for (uint32_t i = 0; record->names && i < record->values; i++)
		fprintf(out, "%s %s", i ? "," : "", record->names[i]);
	if (record->type == RECORD_PRINT_AGGREGATION || record->type == RECORD_PRINT_ENTRY || record->type == RECORD_CLEAR || record->type == RECORD_ZERO)
		fprintf(out, " %s%s", dump->compiled->aggregations[record->aggregation].name, record->type == RECORD_PRINT_ENTRY && record->values ? "[…]" : "");
	if (record->type == RECORD_PRINT_AGGREGATION && record->order != ORDER_VALUE)
		fprintf(out, " by %s", orders[record->order]);
	if (record->text) {
		fputs(" \"", out);
		comment_bytes(out, record->text, strlen(record->text));
		fputc('"', out);
	}
}

/* What the operand of the instruction is in the script; false: nothing that its line does not say. */
static bool has_comment(const struct jst_insn *insn)
{
	switch (jst_opcode_info[insn->op].shape) {
	case JST_OPERANDS_MAP:
	case JST_OPERANDS_MAP_A:
	case JST_OPERANDS_MAP_R:
	case JST_OPERANDS_AGG:
	case JST_OPERANDS_AGG_A:
	case JST_OPERANDS_AGG_Q:
	case JST_OPERANDS_AGG_N:
	case JST_OPERANDS_AGG_W:
	case JST_OPERANDS_RECORD:
		return true;
	default:
		return false;
	}
}

static void comment(const struct dump *dump, const struct jst_insn *insn, int used)
{
	static const char *const units[] = { "", ", duration", ", size", ", monotonic time", ", wall time" };
	const struct compiled *compiled = dump->compiled;
	const uint32_t index = (uint32_t)insn->imm;

	fprintf(dump->out, "%*s# ", used < COMMENT_COLUMN ? COMMENT_COLUMN - used : 1, "");
	switch (jst_opcode_info[insn->op].shape) {
	case JST_OPERANDS_AGG:
	case JST_OPERANDS_AGG_A:
	case JST_OPERANDS_AGG_Q:
	case JST_OPERANDS_AGG_N:
	case JST_OPERANDS_AGG_W:
		fprintf(dump->out, "%s%s", compiled->aggregations[index].name, units[compiled->aggregations[index].unit]);
		break;
	case JST_OPERANDS_RECORD:
		comment_record(dump, index);
		break;
	default:
		fputs(index < dump->names->map_count ? dump->names->maps[index] : "?", dump->out);
	}
}

/* ---- code ---- */

static bool is_jump(const struct jst_insn *insn)
{
	enum jst_shape_id shape = jst_opcode_info[insn->op].shape;

	return shape == JST_OPERANDS_J || shape == JST_OPERANDS_RJ;
}

/* Numbers the labels in the order of the code; 0: no jump goes there. */
static uint32_t *number_labels(const struct jst_insn *code, uint32_t count)
{
	uint32_t *labels = heap_resize(NULL, (count + 1) * sizeof(*labels)), next = 0;

	memset(labels, 0, (count + 1) * sizeof(*labels));
	for (uint32_t i = 0; i < count; i++) {
		if (is_jump(&code[i]))
			labels[code[i].imm] = 1;
	}
	for (uint32_t i = 0; i <= count; i++) {
		if (labels[i])
			labels[i] = ++next;
	}
	return labels;
}

static void dump_insn(const struct dump *dump, const struct jst_insn *insn, uint32_t index, const uint32_t *labels)
{
	char text[512];

	jst_disassemble(dump->program, text, sizeof(text), insn, index);
	if (is_jump(insn))
		snprintf(strstr(text, "->"), 24, "-> L%u", labels[insn->imm]);

	const int used = fprintf(dump->out, "  %s", text);

	if (has_comment(insn))
		comment(dump, insn, used);
	fputc('\n', dump->out);
}

static void dump_code(struct dump *dump, const struct jst_clause_decl *clause, uint32_t index)
{
	const struct jst_insn *code = (const struct jst_insn *)jst_program_section(dump->program, JST_SECTION_CODE) + clause->first_insn;
	uint32_t *labels = number_labels(code, clause->insns);

	for (uint32_t i = 0; i < clause->insns; i++) {
		if (labels[i])
			fprintf(dump->out, "L%u:\n", labels[i]);
		dump_marks(dump, index, i);
		dump_insn(dump, &code[i], i, labels);
	}
	free(labels);
}

static void dump_maps(const struct dump *dump)
{
	const struct jst_map_decl *maps = jst_program_section(dump->program, JST_SECTION_MAPS);

	for (uint32_t i = 0; i < jst_program_count(dump->program, JST_SECTION_MAPS); i++) {
		fprintf(dump->out, "map %u: %s, %u key%s%s%s\n", i, i < dump->names->map_count ? dump->names->maps[i] : "?", maps[i].keys, maps[i].keys == 1 ? "" : "s", maps[i].flags & JST_MAP_INT ? ", integers" : "",
			maps[i].flags & JST_MAP_SPAN ? ", span" : "");
	}
}

static bool dump_program(const struct compiled *compiled, const struct jst_builder *builder, const struct compiled_clause *sources, const struct compiled_names *names, const char *title, FILE *out)
{
	const char *limit;
	struct jst_program *program = jst_builder_finish(builder, &limit);
	struct dump dump = { .compiled = compiled, .names = names, .program = program, .out = out };

	if (!program)
		return false;

	const struct jst_clause_decl *clauses = jst_program_section(program, JST_SECTION_CLAUSES);
	uint32_t count = jst_program_count(program, JST_SECTION_CLAUSES);

	if (count) {
		fprintf(out, "%s\n", title);
		dump_maps(&dump);
	}
	for (uint32_t i = 0; i < count; i++) {
		fprintf(out, "\nclause %u, %u register%s: ", i, clauses[i].registers, clauses[i].registers == 1 ? "" : "s");
		dump_source(&dump, &sources[i]);
		dump_patterns(&dump, &clauses[i]);
		dump_code(&dump, &clauses[i], i);
	}
	free(program);
	return true;
}

bool dump_bytecode(const struct compiled *compiled, FILE *out)
{
	if (compiled->errors)
		return false;
	if (!dump_program(compiled, compiled->target, compiled->target_sources, &compiled->target_names, "in the targets", out))
		return false;
	if (compiled->target_clauses && compiled->local_clauses)
		fputc('\n', out);
	return dump_program(compiled, compiled->local, compiled->local_sources, &compiled->local_names, "in jstrace", out);
}
