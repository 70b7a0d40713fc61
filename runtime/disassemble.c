/*
 * Instructions as text, one line each, for --dump=bytecode: `   4  mapget     r2, map 0 [r1]`. Operands are written as their shape (opcode.def) says, with what the
 * program's sections hold: constants by value, fields and functions by name. Runs in the CLI alone.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "vm.h"

static const struct {
	const char *text; /* NULL: no name in the language */
	const char *name;
} variables[JST_VARIABLES] = {
#define VARIABLE(id, as_written, alias, unit, where, meaning) [JST_VARIABLE_##id] = { as_written, "<" #id ">" },
#define FUNCTION(name, text, min, max, signature, unit, meaning)
#include "builtin.def"
#undef VARIABLE
#undef FUNCTION
};

static const char *const function_names[JST_FUNCTIONS] = {
#define VARIABLE(name, text, alias, unit, where, meaning)
#define FUNCTION(name, text, min, max, signature, unit, meaning) [JST_FUNCTION_##name] = text,
#include "builtin.def"
#undef VARIABLE
#undef FUNCTION
};

static const char *const aggregation_names[JST_AGGREGATIONS] = {
#define AGGREGATION(name, text, alias, values, parameters, shape, signature, meaning) [JST_AGGREGATION_##name] = text,
#include "aggregation.def"
#undef AGGREGATION
};

/* A buffer that is filled up; what does not fit is left out. */
struct line {
	char *buffer;
	size_t room, used;
};

__attribute__((format(printf, 2, 3))) static void put(struct line *line, const char *format, ...)
{
	va_list arguments;

	if (line->used >= line->room)
		return;
	va_start(arguments, format);
	const int n = vsnprintf(line->buffer + line->used, line->room - line->used, format, arguments);

	va_end(arguments);
	if (n > 0)
		line->used += (size_t)n;
	if (line->used > line->room)
		line->used = line->room;
}

static void put_string(struct line *line, const char *bytes, uint32_t length)
{
	put(line, "\"");
	for (uint32_t i = 0; i < length && i < 60; i++) {
		const unsigned char c = (unsigned char)bytes[i];

		if (c == '\n')
			put(line, "\\n");
		else if (c == '\t')
			put(line, "\\t");
		else if (c == '"' || c == '\\')
			put(line, "\\%c", c);
		else if (c < 0x20 || c >= 0x7f)
			put(line, "\\x%02x", c);
		else
			put(line, "%c", c);
	}
	put(line, length > 60 ? "\"…" : "\"");
}

static void put_value(struct line *line, struct jst_value value)
{
	char text[JST_VALUE_TEXT];

	if (value.kind == JST_NIL)
		put(line, "nil");
	else if (value.kind == JST_STRING)
		put_string(line, value.s, value.length);
	else
		put(line, "%.*s", (int)jst_value_text(&value, text), text);
}

static void put_row(struct line *line, unsigned first, unsigned count, const char *open, const char *close)
{
	put(line, "%s", open);
	for (unsigned i = 0; i < count; i++)
		put(line, "%sr%u", i ? ", " : "", first + i);
	put(line, "%s", close);
}

static void put_registers(struct line *line, const struct jst_insn *insn, const char *open, const char *close)
{
	put_row(line, insn->b, insn->c, open, close);
}

static const char *name_at(const char *const *names, int count, int index)
{
	return index >= 0 && index < count && names[index] ? names[index] : "?";
}

static void put_field(struct line *line, const struct jst_program *program, int32_t index)
{
	const struct jst_string_ref *fields = jst_program_section(program, JST_SECTION_FIELDS);
	const struct jst_string name = jst_program_string(program, fields[index]);

	put(line, "%.*s", (int)name.length, name.bytes);
}

static void put_aggregation(struct line *line, const struct jst_program *program, int32_t index)
{
	const struct jst_aggregation_decl *decls = jst_program_section(program, JST_SECTION_AGGREGATIONS);

	put(line, "%s %d", name_at(aggregation_names, JST_AGGREGATIONS, decls[index].function), index);
}

/* The keys, and behind them the exemplar where there is one. */
static void put_keys(struct line *line, const struct jst_program *program, const struct jst_insn *insn)
{
	const struct jst_aggregation_decl *decls = jst_program_section(program, JST_SECTION_AGGREGATIONS);
	const bool exemplars = insn->c && jst_aggregation_has_exemplars(&decls[insn->imm]);
	struct jst_insn keys = *insn;

	keys.c = (uint8_t)(insn->c - exemplars);
	put_registers(line, &keys, " [", "]");
	if (exemplars)
		put(line, ", exemplar r%u", insn->b + keys.c);
}

static void put_operands(struct line *line, const struct jst_program *program, const struct jst_insn *insn)
{
	switch (jst_opcode_info[insn->op].shape) {
	case JST_OPERANDS_A:
	case JST_OPERANDS_R:
		put(line, "r%u", insn->a);
		break;
	case JST_OPERANDS_AI:
		put(line, "r%u, %d", insn->a, insn->imm);
		break;
	case JST_OPERANDS_AB:
		put(line, "r%u, r%u", insn->a, insn->b);
		break;
	case JST_OPERANDS_ABC:
		put(line, "r%u, r%u, r%u", insn->a, insn->b, insn->c);
		break;
	case JST_OPERANDS_AK:
		put(line, "r%u, ", insn->a);
		put_value(line, jst_program_constant(program, (uint32_t)insn->imm));
		break;
	case JST_OPERANDS_AF:
		put(line, "r%u, ", insn->a);
		put_field(line, program, insn->imm);
		break;
	case JST_OPERANDS_AV:
		put(line, "r%u, %s", insn->a, variables[insn->imm].text ? variables[insn->imm].text : variables[insn->imm].name);
		break;
	case JST_OPERANDS_J:
		put(line, "-> %d", insn->imm);
		break;
	case JST_OPERANDS_RJ:
		put(line, "r%u -> %d", insn->a, insn->imm);
		break;
	case JST_OPERANDS_MAP_A:
	case JST_OPERANDS_MAP_R:
		put(line, "r%u, map %d ", insn->a, insn->imm);
		put_registers(line, insn, "[", "]");
		break;
	case JST_OPERANDS_MAP:
		put(line, "map %d ", insn->imm);
		put_registers(line, insn, "[", "]");
		break;
	case JST_OPERANDS_AGG:
	case JST_OPERANDS_AGG_A:
		put(line, "r%u, ", insn->a);
		put_aggregation(line, program, insn->imm);
		put_keys(line, program, insn);
		break;
	case JST_OPERANDS_RECORD:
		put(line, "record %d ", insn->imm);
		put_registers(line, insn, "(", ")");
		break;
	case JST_OPERANDS_CALL:
		put(line, "r%u, %s", insn->a, name_at(function_names, JST_FUNCTIONS, insn->imm));
		put_registers(line, insn, "(", ")");
		break;
	case JST_OPERANDS_AGG_Q:
		put(line, "r%u, ", insn->a);
		put_aggregation(line, program, insn->imm);
		put_row(line, insn->b, insn->c - 1U, " [", "]");
		put(line, ", r%u", insn->b + insn->c - 1U);
		break;
	case JST_OPERANDS_AGG_N:
		put(line, "r%u, ", insn->a);
		put_aggregation(line, program, insn->imm);
		break;
	case JST_OPERANDS_AGG_W:
		put_registers(line, insn, "[", "] = ");
		put_aggregation(line, program, insn->imm);
		put(line, " at r%u", insn->a);
		break;
	case JST_OPERANDS_NONE:
		break;
	}
}

void jst_disassemble(const struct jst_program *program, char *buffer, size_t room, const struct jst_insn *insn, uint32_t index)
{
	struct line line = { buffer, room, 0 };

	if (jst_opcode_info[insn->op].shape == JST_OPERANDS_NONE)
		put(&line, "%4u  %s", index, jst_opcode_info[insn->op].text);
	else
		put(&line, "%4u  %-10s ", index, jst_opcode_info[insn->op].text);
	put_operands(&line, program, insn);
}
