/*
 * --dump=tree: the tree, one node a line, children indented. Behind each expression stands what the check found out: what a name means, the type of the value as far as it is known, and its unit.
 *
 *     now - start[id]
 *
 *     -                : integer, duration
 *       now            : builtin variable, integer, monotonic time
 *       start[…]       : time of the sibling probe, monotonic time
 *         id           : field, any type
 */
#include <string.h>

#include "check.h"
#include "vm.h"

static void dump_expression(const struct expression *expression, int indent, FILE *out);

static void line(int indent, FILE *out)
{
	fprintf(out, "%*s", indent * 2, "");
}

static int dump_bytes(const struct name *name, FILE *out)
{
	int columns = 2;

	fputc('"', out);
	for (size_t i = 0; i < name->length; i++) {
		unsigned char byte = (unsigned char)name->text[i];

		if (byte < ' ' || byte == '"' || byte == '\\' || byte == 0x7f)
			columns += fprintf(out, "\\x%02x", byte);
		else
			columns += fputc(byte, out) != EOF && (byte & 0xc0) != 0x80;
	}
	fputc('"', out);
	return columns;
}

static const char *meaning_of(const struct expression *expression)
{
	switch (expression->meaning) {
	case MEANING_FIELD:
		return "field";
	case MEANING_BUILTIN:
		return "builtin variable";
	case MEANING_VARIABLE:
		return expression->indexed ? "entry of a map" : expression->variable->keys ? "map" : expression->variable->is_self ? "variable of the thread" : "variable";
	case MEANING_SPAN:
		return "time of the sibling probe";
	case MEANING_CONSTANT:
		return "constant";
	case MEANING_DEFINED:
		return "function of the script";
	case MEANING_FUNCTION:
	case MEANING_QUANTILE:
		return "function";
	case MEANING_NONE:
		break;
	}
	if (expression->loop)
		return "value of the loop";
	return expression->type == EXPRESSION_LOCAL ? "variable of the clause" : expression->type == EXPRESSION_AGGREGATION ? "aggregation" : NULL;
}

static bool is_text(const struct expression *expression)
{
	static const enum jst_function functions[] = { JST_FUNCTION_SUBSTR, JST_FUNCTION_LOWER, JST_FUNCTION_UPPER, JST_FUNCTION_TRIM, JST_FUNCTION_STR, JST_FUNCTION_CAT, JST_FUNCTION_BASENAME, JST_FUNCTION_DIRNAME };

	if (expression->type == EXPRESSION_STRING)
		return true;
	if (expression->meaning == MEANING_BUILTIN)
		return !expression->int_valued && expression->builtin != JST_VARIABLE_LINE;
	for (size_t i = 0; expression->meaning == MEANING_FUNCTION && i < sizeof(functions) / sizeof(*functions); i++) {
		if (expression->function == functions[i])
			return true;
	}
	return false;
}

/* What the value is when it is not nil, as far as that is known without running. */
static const char *type_of(const struct expression *expression)
{
	if (expression->type == EXPRESSION_NIL)
		return "nil";
	if (is_text(expression))
		return "string";
	if (expression->int_valued || (expression->meaning == MEANING_VARIABLE && expression->variable->all_int))
		return "integer";
	if (expression->type == EXPRESSION_DOUBLE || expression->unit != UNIT_NONE)
		return "number";
	if (expression->type == EXPRESSION_UNARY || (expression->type == EXPRESSION_BINARY && expression->operator != OPERATOR_ADD))
		return "number";
	return "any type";
}

/* Pads the line so far to where remarks stand. */
static void remark(int indent, int used, FILE *out)
{
	enum { COLUMN = 36 };
	const int column = indent * 2 + used;

	fprintf(out, "%*s: ", column < COLUMN ? COLUMN - column : 1, "");
}

static void dump_remark(const struct expression *expression, int indent, int used, FILE *out)
{
	static const char *const units[] = { [UNIT_DURATION] = ", duration", [UNIT_SIZE] = ", size", [UNIT_TIME_MONOTONIC] = ", monotonic time", [UNIT_TIME_WALL] = ", wall time" };
	const char *meaning = meaning_of(expression);

	remark(indent, used, out);
	if (meaning)
		fprintf(out, "%s", meaning);
	if (expression->meaning == MEANING_SPAN && expression->span->table && expression->span->table->by_prefix)
		fputs(", kept apart by the prefix of its name", out);
	if (expression->type != EXPRESSION_AGGREGATION)
		fprintf(out, "%s%s", meaning ? ", " : "", type_of(expression));
	if (expression->unit != UNIT_NONE)
		fputs(units[expression->unit], out);
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

static int dump_number(double number, FILE *out)
{
	const struct jst_value value = jst_value_double(number);
	char text[JST_VALUE_TEXT];

	return (int)fwrite(text, 1, jst_value_text(&value, text), out);
}

/* The node itself, without what is below it; returns its columns. */
static int dump_node(const struct expression *expression, FILE *out)
{
	const char *brackets = expression->indexed ? "[…]" : "";
	const int left_out = expression->indexed ? 2 : 0; /* bytes of '…' beyond its column */

	switch (expression->type) {
	case EXPRESSION_NIL:
		return fprintf(out, "nil");
	case EXPRESSION_INT:
		return fprintf(out, "%lld", (long long)expression->integer);
	case EXPRESSION_DOUBLE:
		return dump_number(expression->number, out);
	case EXPRESSION_STRING:
		return dump_bytes(&expression->name, out);
	case EXPRESSION_AGGREGATION:
		return fprintf(out, "%s%s%s", expression->loop ? "$" : "", expression->name.text, brackets) - left_out;
	case EXPRESSION_NAME:
		return fprintf(out, "%s%s", expression->name.text, brackets) - left_out;
	case EXPRESSION_SELF:
		return fprintf(out, "self.%s%s", expression->name.text, brackets) - left_out;
	case EXPRESSION_LOCAL:
	case EXPRESSION_ARGUMENT:
		return fprintf(out, "$%s", expression->name.text);
	case EXPRESSION_ARGUMENTS:
		return fprintf(out, "$#");
	case EXPRESSION_CALL:
		return fprintf(out, "%s()", expression->name.text);
	case EXPRESSION_UNARY:
	case EXPRESSION_BINARY:
		return fprintf(out, "%s", tree_operator(expression->operator));
	case EXPRESSION_IN:
		return fprintf(out, "in");
	case EXPRESSION_CONDITIONAL:
		return fprintf(out, "?:");
	}
	return 0;
}

static void dump_expression(const struct expression *expression, int indent, FILE *out)
{
	line(indent, out);
	dump_remark(expression, indent, dump_node(expression, out), out);
	dump_list(&expression->list, indent + 1, out);
	if (expression->condition)
		dump_expression(expression->condition, indent + 1, out);
	if (expression->left)
		dump_expression(expression->left, indent + 1, out);
	if (expression->right)
		dump_expression(expression->right, indent + 1, out);
}

/* The call of an action or of an aggregation has no value. */
static void dump_call(const struct statement *statement, int indent, FILE *out)
{
	const struct expression *call = statement->value;
	const bool is_update = statement->type == STATEMENT_ASSIGN && statement->target->type == EXPRESSION_AGGREGATION;

	if (call->type != EXPRESSION_CALL || (!is_update && (statement->type != STATEMENT_CALL || call->meaning != MEANING_NONE))) {
		dump_expression(call, indent, out);
		return;
	}
	line(indent, out);
	remark(indent, fprintf(out, "%s()", call->name.text), out);
	fprintf(out, "%s\n", is_update ? "aggregation function" : "action");
	dump_list(&call->list, indent + 1, out);
}

static void dump_block(const struct block *block, int indent, FILE *out)
{
	static const char *const names[] = {
		[STATEMENT_CALL] = "call", [STATEMENT_ASSIGN] = "assign", [STATEMENT_COMPOUND] = "assign", [STATEMENT_INCREMENT] = "increment", [STATEMENT_DECREMENT] = "decrement",
		[STATEMENT_DELETE] = "delete", [STATEMENT_EMIT] = "emit", [STATEMENT_IF] = "if", [STATEMENT_WHILE] = "while", [STATEMENT_FOR] = "for", [STATEMENT_FOR_EACH] = "for",
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
			dump_call(statement, indent + 1, out);
		if (statement->end)
			dump_expression(statement->end, indent + 1, out);
		dump_list(&statement->list, indent + 1, out);
		if (statement->type == STATEMENT_IF || statement->body.first) {
			line(indent + 1, out);
			fputs("do\n", out);
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
	fprintf(out, "clause at %d:%d\n", clause->at.line, clause->at.column);
	for (const struct pattern *pattern = clause->first; pattern; pattern = pattern->next) {
		fputs(pattern->is_special ? "  in jstrace, " : pattern->glob ? "  on probes like " : "  on probe ", out);
		dump_bytes(&pattern->text, out);
		if (pattern->is_special && pattern->special == SPECIAL_TICK)
			fprintf(out, ", every %lld ns", (long long)pattern->period);
		fputc('\n', out);
	}
	if (clause->predicate) {
		fputs("  only if\n", out);
		dump_expression(clause->predicate, 2, out);
	}
	fputs(clause->broken ? "  could not be read\n" : clause->has_body ? "  do\n" : "  print the event\n", out);
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
		fputs("  do\n", out);
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
