/*
 * Trees as text. Parentheses stand where C's precedence needs them (and the few places where the language asks for them), so that the parser's is tested; how a number
 * is written, and where a pair of parentheses too many stands, follows from the `parenthesised` and the column that the generator left in the node.
 */
#include <inttypes.h>
#include <string.h>

#include "differential.h"

/* Bodies between < > and predicates: what would end them stands in parentheses. */
enum surroundings { BRACES, ANGLES, PREDICATE };

struct writer {
	FILE *out;
	enum surroundings surroundings;
};

enum { LOOSEST, CONDITIONAL, OR_ELSE, AND_THEN, BIT_OR, BIT_XOR, BIT_AND, EQUALITY, RELATION, SHIFT, SUM, PRODUCT, PREFIX, PRIMARY };

static int precedence(const struct expression *expression)
{
	static const int of_operator[] = {
		[OPERATOR_LOGICAL_OR] = OR_ELSE, [OPERATOR_LOGICAL_AND] = AND_THEN, [OPERATOR_OR] = BIT_OR, [OPERATOR_XOR] = BIT_XOR, [OPERATOR_AND] = BIT_AND,
		[OPERATOR_EQ] = EQUALITY, [OPERATOR_NE] = EQUALITY, [OPERATOR_LT] = RELATION, [OPERATOR_LE] = RELATION, [OPERATOR_GT] = RELATION, [OPERATOR_GE] = RELATION,
		[OPERATOR_MATCH] = RELATION, [OPERATOR_NO_MATCH] = RELATION, [OPERATOR_SHL] = SHIFT, [OPERATOR_SHR] = SHIFT, [OPERATOR_ADD] = SUM, [OPERATOR_SUB] = SUM,
		[OPERATOR_MUL] = PRODUCT, [OPERATOR_DIV] = PRODUCT, [OPERATOR_MOD] = PRODUCT,
	};

	switch (expression->type) {
	case EXPRESSION_CONDITIONAL:
		return CONDITIONAL;
	case EXPRESSION_BINARY:
		return of_operator[expression->operator];
	case EXPRESSION_IN:
		return RELATION;
	case EXPRESSION_UNARY:
		return PREFIX;
	default:
		return PRIMARY;
	}
}

static void write_expression(const struct writer *writer, const struct expression *expression, int loosest);

static void write_integer(FILE *out, const struct expression *expression)
{
	const int64_t i = expression->integer;

	if (expression->unit == UNIT_DURATION) {
		fprintf(out, i % 1000 ? "%" PRId64 "ns" : "%" PRId64 "us", i % 1000 ? i : i / 1000);
		return;
	}
	if (expression->unit == UNIT_SIZE) {
		fprintf(out, i % 1024 ? "%" PRId64 "B" : "%" PRId64 "KiB", i % 1024 ? i : i / 1024);
		return;
	}
	if (i < 0 || expression->at.column % 8 == 1)
		fprintf(out, "0x%" PRIx64, i);
	else if (expression->at.column % 8 == 2 && i >= 1000)
		fprintf(out, "%" PRId64 "_%03" PRId64, i / 1000, i % 1000);
	else if (expression->at.column % 8 == 3 && i <= 1)
		fputs(i ? "true" : "false", out);
	else if (expression->at.column % 8 == 4 && i < 8)
		fprintf(out, "0b%d%d%d", (int)(i >> 2), (int)(i >> 1 & 1), (int)(i & 1));
	else
		fprintf(out, "%" PRId64, i);
}

static void write_double(FILE *out, double number)
{
	char text[40];

	snprintf(text, sizeof(text), "%.17g", number);
	if (!strpbrk(text, ".e"))
		strcat(text, ".0");
	fputs(text, out);
}

static void write_string(FILE *out, const struct name *name)
{
	fputc('"', out);
	for (size_t i = 0; i < name->length; i++) {
		const unsigned char c = (unsigned char)name->text[i];

		if (c == '"' || c == '\\')
			fprintf(out, "\\%c", c);
		else if (c == '\n')
			fputs("\\n", out);
		else if (c < ' ' || c == 0x7f)
			fprintf(out, "\\x%02x", c);
		else
			fputc(c, out);
	}
	fputc('"', out);
}

static void write_list(const struct writer *writer, const struct arguments *list)
{
	/* Inside brackets nothing ends the body or the predicate. */
	const struct writer inside = { writer->out, BRACES };

	for (const struct argument *argument = list->first; argument; argument = argument->next) {
		write_expression(&inside, argument->value, LOOSEST);
		if (argument->next)
			fputs(", ", writer->out);
	}
}

static void write_indexed(const struct writer *writer, const char *before, const struct expression *expression)
{
	fprintf(writer->out, "%s%s", before, expression->name.text);
	if (!expression->indexed)
		return;
	fputc('[', writer->out);
	write_list(writer, &expression->list);
	fputc(']', writer->out);
}

static void write_in(const struct writer *writer, const struct expression *expression)
{
	const struct expression *first = expression->list.first->value;

	if (expression->list.count == 1) {
		/* !k in x is an error that asks for parentheses. */
		write_expression(writer, first, first->type == EXPRESSION_UNARY && first->operator == OPERATOR_NOT ? PRIMARY : RELATION);
	} else {
		fputc('(', writer->out);
		write_list(writer, &expression->list);
		fputc(')', writer->out);
	}
	fputs(" in ", writer->out);
	write_expression(writer, expression->right, PRIMARY);
}

static void write_binary(const struct writer *writer, const struct expression *expression)
{
	const enum operator operator = expression->operator;
	const int own = precedence(expression);
	const struct expression *left = expression->left;
	const bool match = operator == OPERATOR_MATCH || operator == OPERATOR_NO_MATCH;

	write_expression(writer, left, match && left->type == EXPRESSION_UNARY && left->operator == OPERATOR_NOT ? PRIMARY : own);
	fprintf(writer->out, " %s ", tree_operator(operator));
	write_expression(writer, expression->right, own + 1);
}

static void write_unary(const struct writer *writer, const struct expression *expression)
{
	const struct expression *operand = expression->left;

	/* -- and !~ are tokens. */
	fputs(tree_operator(expression->operator), writer->out);
	if (operand->type == EXPRESSION_UNARY)
		fputc(' ', writer->out);
	write_expression(writer, operand, PREFIX);
}

static void write_bare(const struct writer *writer, const struct expression *expression)
{
	FILE *out = writer->out;

	switch (expression->type) {
	case EXPRESSION_NIL:
		fputs("nil", out);
		break;
	case EXPRESSION_INT:
		write_integer(out, expression);
		break;
	case EXPRESSION_DOUBLE:
		write_double(out, expression->number);
		break;
	case EXPRESSION_STRING:
		write_string(out, &expression->name);
		break;
	case EXPRESSION_NAME:
		write_indexed(writer, "", expression);
		break;
	case EXPRESSION_SELF:
		write_indexed(writer, "self.", expression);
		break;
	case EXPRESSION_LOCAL:
	case EXPRESSION_ARGUMENT:
		fprintf(out, "$%s", expression->name.text);
		break;
	case EXPRESSION_ARGUMENTS:
		fputs("$#", out);
		break;
	case EXPRESSION_CALL:
		fprintf(out, "%s(", expression->name.text);
		write_list(writer, &expression->list);
		fputc(')', out);
		break;
	case EXPRESSION_UNARY:
		write_unary(writer, expression);
		break;
	case EXPRESSION_BINARY:
		write_binary(writer, expression);
		break;
	case EXPRESSION_IN:
		write_in(writer, expression);
		break;
	case EXPRESSION_CONDITIONAL:
		write_expression(writer, expression->condition, CONDITIONAL + 1);
		fputs(" ? ", out);
		write_expression(writer, expression->left, LOOSEST);
		fputs(" : ", out);
		write_expression(writer, expression->right, CONDITIONAL);
		break;
	default: /* not generated */
		break;
	}
}

/* Whether the expression would end the body or predicate that it stands in. */
static bool ends(const struct writer *writer, const struct expression *expression)
{
	if (expression->type != EXPRESSION_BINARY)
		return false;
	return (writer->surroundings == ANGLES && expression->operator == OPERATOR_GT) || (writer->surroundings == PREDICATE && expression->operator == OPERATOR_DIV);
}

static void write_expression(const struct writer *writer, const struct expression *expression, int loosest)
{
	const struct writer inside = { writer->out, BRACES };

	if (expression->parenthesised || precedence(expression) < loosest || ends(writer, expression)) {
		fputc('(', writer->out);
		write_bare(&inside, expression);
		fputc(')', writer->out);
	} else {
		write_bare(writer, expression);
	}
}

/* ---- statements ---- */

static void write_block(const struct writer *writer, const struct block *block, int depth);

static void indent(FILE *out, int depth)
{
	for (int i = 0; i < depth; i++)
		fputs("  ", out);
}

static void write_braced(const struct writer *writer, const struct block *block, int depth)
{
	const struct writer inside = { writer->out, BRACES };

	fputs("{\n", writer->out);
	write_block(&inside, block, depth + 1);
	indent(writer->out, depth);
	fputc('}', writer->out);
}

static void write_if(const struct writer *writer, const struct statement *statement, int depth)
{
	const struct writer inside = { writer->out, BRACES };
	const struct statement *otherwise = statement->otherwise.first;

	fputs("if (", writer->out);
	write_expression(&inside, statement->value, LOOSEST);
	fputs(") ", writer->out);
	write_braced(writer, &statement->body, depth);
	if (!otherwise)
		return;
	fputs(" else ", writer->out);
	if (otherwise->type == STATEMENT_IF && !otherwise->next)
		write_if(writer, otherwise, depth);
	else
		write_braced(writer, &statement->otherwise, depth);
}

static void write_loop(const struct writer *writer, const struct statement *statement, int depth)
{
	const struct writer inside = { writer->out, BRACES };

	if (statement->type == STATEMENT_FOR) {
		fprintf(writer->out, "for ($%s : ", statement->target->name.text);
		write_expression(&inside, statement->value, LOOSEST);
		fputs("..", writer->out);
		write_expression(&inside, statement->end, LOOSEST);
	} else {
		fputs("while (", writer->out);
		write_expression(&inside, statement->value, LOOSEST);
	}
	fputs(") ", writer->out);
	write_braced(writer, &statement->body, depth);
}

static void write_statement(const struct writer *writer, const struct statement *statement, int depth)
{
	FILE *out = writer->out;

	indent(out, depth);
	if (statement->target && statement->type != STATEMENT_DELETE && statement->type != STATEMENT_FOR)
		write_expression(writer, statement->target, LOOSEST);
	switch (statement->type) {
	case STATEMENT_CALL:
		write_expression(writer, statement->value, LOOSEST);
		break;
	case STATEMENT_ASSIGN:
		fputs(" = ", out);
		write_expression(writer, statement->value, LOOSEST);
		break;
	case STATEMENT_COMPOUND:
		fprintf(out, " %s= ", tree_operator(statement->operator));
		write_expression(writer, statement->value, LOOSEST);
		break;
	case STATEMENT_INCREMENT:
		fputs("++", out);
		break;
	case STATEMENT_DECREMENT:
		fputs("--", out);
		break;
	case STATEMENT_DELETE:
		fputs("delete ", out);
		write_expression(writer, statement->target, LOOSEST);
		break;
	case STATEMENT_IF:
		write_if(writer, statement, depth);
		break;
	case STATEMENT_WHILE:
	case STATEMENT_FOR:
		write_loop(writer, statement, depth);
		break;
	case STATEMENT_BREAK:
		fputs("break", out);
		break;
	case STATEMENT_CONTINUE:
		fputs("continue", out);
		break;
	case STATEMENT_RETURN:
		fputs(statement->value ? "return " : "return", out);
		if (statement->value)
			write_expression(writer, statement->value, LOOSEST);
		break;
	default: /* not generated */
		break;
	}
}

static void write_block(const struct writer *writer, const struct block *block, int depth)
{
	for (const struct statement *statement = block->first; statement; statement = statement->next) {
		const bool compound = statement->type == STATEMENT_IF || statement->type == STATEMENT_WHILE || statement->type == STATEMENT_FOR;

		write_statement(writer, statement, depth);
		fputs(compound || !statement->next ? "\n" : ";\n", writer->out);
	}
}

static void write_clause(FILE *out, const struct clause *clause)
{
	/* A clause that is to stand between < > says so by its column. */
	const struct writer writer = { out, clause->at.column ? ANGLES : BRACES };

	fprintf(out, "%s ", clause->first->text.text);
	if (clause->predicate) {
		fputs("/ ", out);
		write_expression(&(const struct writer){ out, PREDICATE }, clause->predicate, LOOSEST);
		fputs(" / ", out);
	}
	fputs(clause->at.column ? "<\n" : "{\n", out);
	write_block(&writer, &clause->body, 1);
	fputs(clause->at.column ? ">\n" : "}\n", out);
}

static void write_definitions(FILE *out, const struct script *script)
{
	const struct writer writer = { out, BRACES };

	for (const struct parameter *parameter = script->first_parameter; parameter; parameter = parameter->next) {
		fprintf(out, "arg %s = ", parameter->name.text);
		write_expression(&writer, parameter->value, LOOSEST);
		fputs(";\n", out);
	}
	for (const struct constant *constant = script->first_constant; constant; constant = constant->next) {
		fprintf(out, "const %s = ", constant->name.text);
		write_expression(&writer, constant->value, LOOSEST);
		fputs(";\n", out);
	}
	for (const struct function *function = script->first_function; function; function = function->next) {
		fprintf(out, "fn %s(", function->name.text);
		write_list(&writer, &function->parameters);
		fputs(") ", out);
		write_braced(&writer, &function->body, 0);
		fputc('\n', out);
	}
}

char *write_script(const struct script *script, size_t *length)
{
	char *text;
	FILE *out = open_memstream(&text, length);

	/* Definitions may stand behind what uses them. */
	const bool behind = script->first && script->first->at.column;

	if (!behind)
		write_definitions(out, script);
	for (const struct clause *clause = script->first; clause; clause = clause->next)
		write_clause(out, clause);
	if (behind)
		write_definitions(out, script);
	fclose(out);
	return text;
}
