/*
 * Whether two trees are the same but for places and parentheses.
 */
#include <string.h>

#include "differential.h"

static bool same_expression(const struct expression *a, const struct expression *b);

static bool same_name(const struct name *a, const struct name *b)
{
	return a->length == b->length && (!a->length || !memcmp(a->text, b->text, a->length));
}

static bool same_list(const struct arguments *a, const struct arguments *b)
{
	const struct argument *x = a->first, *y = b->first;

	for (; x && y; x = x->next, y = y->next) {
		if (!same_expression(x->value, y->value))
			return false;
	}
	return !x && !y && a->count == b->count;
}

static bool same_expression(const struct expression *a, const struct expression *b)
{
	if (!a || !b)
		return a == b;
	return a->type == b->type && a->operator == b->operator && a->indexed == b->indexed && same_name(&a->name, &b->name) && a->integer == b->integer &&
	       !memcmp(&a->number, &b->number, sizeof(a->number)) && same_list(&a->list, &b->list) && same_expression(a->condition, b->condition) &&
	       same_expression(a->left, b->left) && same_expression(a->right, b->right);
}

static bool same_block(const struct block *a, const struct block *b)
{
	const struct statement *x = a->first, *y = b->first;

	for (; x && y; x = x->next, y = y->next) {
		if (x->type != y->type || (x->type == STATEMENT_COMPOUND && x->operator != y->operator) || !same_expression(x->target, y->target) ||
		    !same_expression(x->value, y->value) || !same_expression(x->end, y->end) || !same_block(&x->body, &y->body) || !same_block(&x->otherwise, &y->otherwise))
			return false;
	}
	return !x && !y;
}

static bool same_definitions(const struct script *a, const struct script *b)
{
	const struct parameter *parameter = b->first_parameter;
	const struct constant *constant = b->first_constant;
	const struct function *function = b->first_function;

	for (const struct parameter *each = a->first_parameter; each; each = each->next, parameter = parameter->next) {
		if (!parameter || !same_name(&each->name, &parameter->name) || !same_expression(each->value, parameter->value))
			return false;
	}
	for (const struct constant *each = a->first_constant; each; each = each->next, constant = constant->next) {
		if (!constant || !same_name(&each->name, &constant->name) || !same_expression(each->value, constant->value))
			return false;
	}
	for (const struct function *each = a->first_function; each; each = each->next, function = function->next) {
		if (!function || !same_name(&each->name, &function->name) || !same_list(&each->parameters, &function->parameters) || !same_block(&each->body, &function->body))
			return false;
	}
	return !parameter && !constant && !function;
}

bool same_tree(const struct script *a, const struct script *b)
{
	const struct clause *x = a->first, *y = b->first;

	for (; x && y; x = x->next, y = y->next) {
		if (!same_name(&x->first->text, &y->first->text) || !same_expression(x->predicate, y->predicate) || !same_block(&x->body, &y->body))
			return false;
	}
	return !x && !y && same_definitions(a, b);
}
