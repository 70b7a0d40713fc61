/*
 * --dump=tree: the tree, one node a line, children indented. After the check (if the script passes it) a name is followed by what it means, an expression by its unit.
 */
#include <stdlib.h>
#include <string.h>

#include "check.h"

static void dump_expression(const struct expression *expression, int indent, FILE *out);

static void line(int indent, FILE *out)
{
	fprintf(out, "%*s", indent * 2, "");
}

static void dump_bytes(const struct name *name, FILE *out)
{
	fputc('"', out);
	for (size_t i = 0; i < name->length; i++) {
		unsigned char byte = (unsigned char)name->text[i];

		if (byte < ' ' || byte == '"' || byte == '\\' || byte == 0x7f)
			fprintf(out, "\\x%02x", byte);
		else
			fputc(byte, out);
	}
	fputc('"', out);
}

static void dump_meaning(const struct expression *expression, FILE *out)
{
	static const char *const units[] = { [UNIT_DURATION] = "duration", [UNIT_SIZE] = "size", [UNIT_TIME_MONOTONIC] = "monotonic time", [UNIT_TIME_WALL] = "wall time" };

	switch (expression->meaning) {
	case MEANING_FIELD:
		fputs(" field", out);
		break;
	case MEANING_BUILTIN:
		fputs(" builtin", out);
		break;
	case MEANING_VARIABLE:
		fputs(expression->variable->all_int ? " variable of integers" : " variable", out);
		break;
	case MEANING_SPAN:
		fputs(expression->span->table && expression->span->table->by_prefix ? " span by prefix" : " span", out);
		break;
	case MEANING_CONSTANT:
		fputs(" constant", out);
		break;
	case MEANING_DEFINED:
		fputs(" of the script", out);
		break;
	case MEANING_FUNCTION:
	case MEANING_NONE:
		break;
	}
	if (expression->unit != UNIT_NONE)
		fprintf(out, " (%s)", units[expression->unit]);
	fputc('\n', out);
}

static void dump_list(const struct arguments *list, int indent, FILE *out)
{
	for (const struct argument *argument = list->first; argument; argument = argument->next) {
		if (argument->label.text) {
			line(indent, out);
			fprintf(out, "%s:\n", argument->label.text);
		}
		dump_expression(argument->value, indent + (argument->label.text != NULL), out);
	}
}

static void dump_expression(const struct expression *expression, int indent, FILE *out)
{
	line(indent, out);
	switch (expression->type) {
	case EXPRESSION_NIL:
		fputs("nil", out);
		break;
	case EXPRESSION_INT:
		fprintf(out, "%lld", (long long)expression->integer);
		break;
	case EXPRESSION_DOUBLE:
		fprintf(out, "%.17g", expression->number);
		break;
	case EXPRESSION_STRING:
		dump_bytes(&expression->name, out);
		break;
	case EXPRESSION_NAME:
	case EXPRESSION_AGGREGATION:
		fprintf(out, "%s%s", expression->name.text, expression->indexed ? "[]" : "");
		break;
	case EXPRESSION_SELF:
		fprintf(out, "self.%s%s", expression->name.text, expression->indexed ? "[]" : "");
		break;
	case EXPRESSION_LOCAL:
	case EXPRESSION_ARGUMENT:
		fprintf(out, "$%s", expression->name.text);
		break;
	case EXPRESSION_ARGUMENTS:
		fputs("$#", out);
		break;
	case EXPRESSION_CALL:
		fprintf(out, "%s()", expression->name.text);
		break;
	case EXPRESSION_UNARY:
	case EXPRESSION_BINARY:
		fputs(tree_operator(expression->operator), out);
		break;
	case EXPRESSION_IN:
		fputs("in", out);
		break;
	case EXPRESSION_CONDITIONAL:
		fputs("?:", out);
		break;
	}
	dump_meaning(expression, out);
	dump_list(&expression->list, indent + 1, out);
	if (expression->condition)
		dump_expression(expression->condition, indent + 1, out);
	if (expression->left)
		dump_expression(expression->left, indent + 1, out);
	if (expression->right)
		dump_expression(expression->right, indent + 1, out);
}

static void dump_block(const struct block *block, int indent, FILE *out)
{
	static const char *const names[] = {
		[STATEMENT_CALL] = "call", [STATEMENT_ASSIGN] = "assign", [STATEMENT_COMPOUND] = "assign", [STATEMENT_INCREMENT] = "increment", [STATEMENT_DECREMENT] = "decrement",
		[STATEMENT_DELETE] = "delete", [STATEMENT_EMIT] = "emit", [STATEMENT_IF] = "if", [STATEMENT_WHILE] = "while", [STATEMENT_FOR] = "for",
		[STATEMENT_BREAK] = "break", [STATEMENT_CONTINUE] = "continue", [STATEMENT_RETURN] = "return",
	};

	for (const struct statement *statement = block->first; statement; statement = statement->next) {
		line(indent, out);
		fputs(names[statement->type], out);
		if (statement->type == STATEMENT_COMPOUND)
			fprintf(out, " %s=", tree_operator(statement->operator));
		fputc('\n', out);
		if (statement->target)
			dump_expression(statement->target, indent + 1, out);
		if (statement->value)
			dump_expression(statement->value, indent + 1, out);
		if (statement->end)
			dump_expression(statement->end, indent + 1, out);
		dump_list(&statement->list, indent + 1, out);
		if (statement->type == STATEMENT_IF || statement->body.first) {
			line(indent + 1, out);
			fputs("body\n", out);
			dump_block(&statement->body, indent + 2, out);
		}
		if (statement->otherwise.first) {
			line(indent + 1, out);
			fputs("else\n", out);
			dump_block(&statement->otherwise, indent + 2, out);
		}
	}
}

static void dump_clause(const struct clause *clause, FILE *out)
{
	fprintf(out, "clause %d:%d\n", clause->at.line, clause->at.column);
	for (const struct pattern *pattern = clause->first; pattern; pattern = pattern->next) {
		fputs(pattern->is_special ? "  special " : pattern->glob ? "  glob " : "  probe ", out);
		dump_bytes(&pattern->text, out);
		if (pattern->is_special && pattern->special == SPECIAL_TICK)
			fprintf(out, " every %lld ns", (long long)pattern->period);
		fputc('\n', out);
	}
	if (clause->predicate) {
		fputs("  predicate\n", out);
		dump_expression(clause->predicate, 2, out);
	}
	fputs(clause->has_body ? "  body\n" : "  no body\n", out);
	dump_block(&clause->body, 2, out);
}

static void dump_definitions(const struct script *script, FILE *out)
{
	for (const struct parameter *parameter = script->first_parameter; parameter; parameter = parameter->next) {
		fprintf(out, "arg $%s\n", parameter->name.text);
		if (parameter->value)
			dump_expression(parameter->value, 1, out);
	}
	for (const struct constant *constant = script->first_constant; constant; constant = constant->next) {
		fprintf(out, "const %s\n", constant->name.text);
		dump_expression(constant->value, 1, out);
	}
	for (const struct function *function = script->first_function; function; function = function->next) {
		fprintf(out, "fn %s\n", function->name.text);
		dump_list(&function->parameters, 2, out);
		fputs("  body\n", out);
		dump_block(&function->body, 2, out);
	}
}

bool dump_tree(const char *text, size_t length, const struct compile_options *options, FILE *out)
{
	struct arena arena = { 0 };
	struct diagnostics diagnostics = { 0 };
	struct compiled *compiled = compiled_new(text, length, options);
	struct script script = { .arena = &arena, .diagnostics = &diagnostics, .options = options, .compiled = compiled };
	struct checker checker;

	parse_source(&script, 0);
	check_init(&checker, &script, options, compiled);
	check_script(&checker);
	dump_definitions(&script, out);
	for (const struct clause *clause = script.first; clause; clause = clause->next)
		dump_clause(clause, out);

	bool good = diagnostics.errors == 0;

	check_fini(&checker);
	compiled_free(compiled);
	diagnostics_fini(&diagnostics);
	arena_fini(&arena);
	return good;
}
