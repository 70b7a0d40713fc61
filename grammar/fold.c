/*
 * Folding: what is made of literals alone becomes a literal, so that constants may stand where a literal must (the parameters of an aggregation), and cost nothing.
 *
 * Only what has the same value everywhere is folded, by the rules of the machine: integers wrap, a shift uses the low six bits of its count. A division by zero is left as it is: it counts as an error when it runs.
 */
#include "check.h"

static bool is_number(const struct expression *expression)
{
	return expression->type == EXPRESSION_INT || expression->type == EXPRESSION_DOUBLE;
}

static double number_of(const struct expression *expression)
{
	return expression->type == EXPRESSION_INT ? (double)expression->integer : expression->number;
}

static bool fold_integers(enum operator operator, int64_t a, int64_t b, int64_t *result)
{
	switch (operator) {
	case OPERATOR_ADD:
		*result = (int64_t)((uint64_t)a + (uint64_t)b);
		return true;
	case OPERATOR_SUB:
		*result = (int64_t)((uint64_t)a - (uint64_t)b);
		return true;
	case OPERATOR_MUL:
		*result = (int64_t)((uint64_t)a * (uint64_t)b);
		return true;
	case OPERATOR_DIV:
		if (b)
			*result = b == -1 ? (int64_t)-(uint64_t)a : a / b;
		return b != 0;
	case OPERATOR_MOD:
		if (b)
			*result = b == -1 ? 0 : a % b;
		return b != 0;
	case OPERATOR_AND:
		*result = a & b;
		return true;
	case OPERATOR_OR:
		*result = a | b;
		return true;
	case OPERATOR_XOR:
		*result = a ^ b;
		return true;
	case OPERATOR_SHL:
		*result = (int64_t)((uint64_t)a << (b & 63));
		return true;
	case OPERATOR_SHR:
		*result = a >> (b & 63);
		return true;
	default:
		return false;
	}
}

static bool fold_doubles(enum operator operator, double a, double b, double *result)
{
	switch (operator) {
	case OPERATOR_ADD:
		*result = a + b;
		return true;
	case OPERATOR_SUB:
		*result = a - b;
		return true;
	case OPERATOR_MUL:
		*result = a * b;
		return true;
	case OPERATOR_DIV:
		if (b != 0)
			*result = a / b;
		return b != 0;
	default:
		return false;
	}
}

static void become_int(struct expression *expression, int64_t value)
{
	expression->type = EXPRESSION_INT;
	expression->integer = value;
	expression->int_valued = true;
	expression->left = expression->right = NULL;
}

static void become_double(struct expression *expression, double value)
{
	expression->type = EXPRESSION_DOUBLE;
	expression->number = value;
	expression->int_valued = false;
	expression->left = expression->right = NULL;
}

static void fold_unary(struct expression *expression)
{
	const struct expression *operand = expression->left;
	const enum unit unit = operand->unit;

	if (expression->operator == OPERATOR_NEGATE && operand->type == EXPRESSION_INT)
		become_int(expression, (int64_t)-(uint64_t)operand->integer);
	else if (expression->operator == OPERATOR_NEGATE && operand->type == EXPRESSION_DOUBLE)
		become_double(expression, -operand->number);
	else if (expression->operator == OPERATOR_INVERT && operand->type == EXPRESSION_INT)
		become_int(expression, ~operand->integer);
	else
		return;
	expression->unit = expression->operator == OPERATOR_NEGATE ? unit : UNIT_NONE;
}

static void fold_binary(struct expression *expression)
{
	const struct expression *left = expression->left, *right = expression->right;
	const enum unit unit = unit_of_operator(expression->operator, left->unit, right->unit);
	int64_t integer;
	double number;

	if (!is_number(left) || !is_number(right))
		return;
	if (left->type == EXPRESSION_INT && right->type == EXPRESSION_INT) {
		if (!fold_integers(expression->operator, left->integer, right->integer, &integer))
			return;
		become_int(expression, integer);
	} else {
		if (!fold_doubles(expression->operator, number_of(left), number_of(right), &number))
			return;
		become_double(expression, number);
	}
	expression->unit = unit;
}

void fold(struct expression *expression)
{
	if (expression->type == EXPRESSION_UNARY) {
		fold(expression->left);
		fold_unary(expression);
	} else if (expression->type == EXPRESSION_BINARY) {
		fold(expression->left);
		fold(expression->right);
		fold_binary(expression);
	}
}
