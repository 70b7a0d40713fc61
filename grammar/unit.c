/*
 * Units of expressions: now and timestamp are points on two clocks, the difference of two points of one clock is a duration, literals with a unit carry it.
 *
 * Variables take the unit of what they are assigned, wherever that stands in the script, so the script is gone through until nothing changes; each unit can change
 * twice at most (unknown, known, none because of two), and a few rounds suffice for what people write. Plain numbers leave the unit of a variable alone.
 */
#include <string.h>

#include "check.h"

enum { MOST_ROUNDS = 8 };

struct inference {
	struct checker *checker;
	bool changed;
};

static const enum unit function_units[] = {
#define UNIT_SAME (enum unit)-1
#define VARIABLE(name, text, alias, unit, where, meaning)
#define FUNCTION(name, text, min, max, signature, unit, meaning) [JST_FUNCTION_##name] = UNIT_##unit,
#include "builtin.def"
#undef VARIABLE
#undef FUNCTION
};

static const bool aggregation_counts[] = {
#define AGGREGATION(name, text, alias, values, parameters, shape, signature, meaning) [JST_AGGREGATION_##name] = !(values),
#include "aggregation.def"
#undef AGGREGATION
};

static bool is_point(enum unit unit)
{
	return unit == UNIT_TIME_MONOTONIC || unit == UNIT_TIME_WALL;
}

static enum unit either(enum unit a, enum unit b)
{
	if (a == UNIT_NONE || b == UNIT_NONE)
		return a == UNIT_NONE ? b : a;
	return a == b ? a : UNIT_NONE;
}

enum unit unit_of_operator(enum operator operator, enum unit left, enum unit right)
{
	switch (operator) {
	case OPERATOR_ADD:
		if (is_point(left) && right == UNIT_DURATION)
			return left;
		if (is_point(right) && left == UNIT_DURATION)
			return right;
		return either(left, right);
	case OPERATOR_SUB:
		if (is_point(left) && left == right)
			return UNIT_DURATION;
		if (is_point(left) && right == UNIT_DURATION)
			return left;
		return either(left, right);
	case OPERATOR_MUL:
		return left == UNIT_NONE || right == UNIT_NONE ? either(left, right) : UNIT_NONE;
	case OPERATOR_DIV:
		return right == UNIT_NONE ? left : UNIT_NONE;
	case OPERATOR_MOD:
		return left;
	default:
		return UNIT_NONE;
	}
}

static void infer_list(const struct arguments *list);

static enum unit infer(struct expression *expression)
{
	enum unit left, right;

	infer_list(&expression->list);
	switch (expression->type) {
	case EXPRESSION_NAME:
	case EXPRESSION_SELF:
		if (expression->meaning == MEANING_VARIABLE)
			expression->unit = expression->variable->unit;
		else if (expression->meaning == MEANING_SPAN)
			expression->unit = UNIT_TIME_MONOTONIC;
		else if (expression->meaning == MEANING_CONSTANT)
			expression->unit = infer(expression->constant->value);
		break;
	case EXPRESSION_LOCAL:
		expression->unit = expression->local->unit;
		break;
	case EXPRESSION_CALL:
		if (expression->meaning == MEANING_DEFINED) {
			expression->unit = expression->defined->unit;
			break;
		}
		expression->unit = function_units[expression->function];
		if (expression->unit == UNIT_SAME) {
			expression->unit = UNIT_NONE;
			for (const struct argument *argument = expression->list.first; argument; argument = argument->next)
				expression->unit = either(expression->unit, argument->value->unit);
		}
		break;
	case EXPRESSION_UNARY:
		left = infer(expression->left);
		expression->unit = expression->operator == OPERATOR_NEGATE ? left : UNIT_NONE;
		break;
	case EXPRESSION_BINARY:
		left = infer(expression->left);
		right = infer(expression->right);
		expression->unit = unit_of_operator(expression->operator, left, right);
		break;
	case EXPRESSION_CONDITIONAL:
		infer(expression->condition);
		left = infer(expression->left);
		right = infer(expression->right);
		expression->unit = either(left, right);
		break;
	default:
		break;
	}
	return expression->unit;
}

static void infer_list(const struct arguments *list)
{
	for (const struct argument *argument = list->first; argument; argument = argument->next)
		infer(argument->value);
}

/* Something that has *to is now given a value of a unit. */
static void take(struct inference *inference, enum unit *to, bool *known, enum unit unit)
{
	enum unit before = *to;

	if (unit == UNIT_NONE)
		return;
	if (!*known)
		*to = unit;
	else if (*to != unit)
		*to = UNIT_NONE;
	*known = true;
	inference->changed |= *to != before;
}

static void take_value(struct inference *inference, struct expression *target, enum unit unit)
{
	if (target->type == EXPRESSION_LOCAL)
		take(inference, &target->local->unit, &target->local->unit_known, unit);
	else if (target->meaning == MEANING_VARIABLE)
		take(inference, &target->variable->unit, &target->variable->unit_known, unit);
}

static void infer_update(struct inference *inference, const struct statement *statement)
{
	struct aggregation *aggregation = statement->target->aggregation;
	uint32_t key = 0;

	for (const struct argument *argument = statement->target->list.first; argument && key < JST_MAX_KEYS; argument = argument->next)
		aggregation->key_unit[key++] = argument->value->unit;
	if (statement->update && !aggregation_counts[aggregation->function])
		take(inference, &aggregation->unit, &aggregation->unit_known, infer(statement->update));
}

static void infer_assignment(struct inference *inference, const struct statement *statement)
{
	struct expression *target = statement->target;

	infer(target);
	if (target->type == EXPRESSION_AGGREGATION) {
		infer_update(inference, statement);
		return;
	}
	if (!statement->value)
		return;

	enum unit unit = infer(statement->value);

	if (statement->type == STATEMENT_COMPOUND)
		unit = unit_of_operator(statement->operator, target->unit, unit);
	take_value(inference, target, unit);
}

/* The units of what a record carries: all arguments, but a printf's format. */
static void infer_record(const struct inference *inference, const struct statement *statement, const struct argument *argument)
{
	struct compiled_record *record = &inference->checker->compiled->records[statement->record];

	for (uint32_t i = 0; argument && i < record->values; argument = argument->next)
		record->units[i++] = argument->value->unit;
}

static void infer_block(struct inference *inference, const struct block *block)
{
	for (const struct statement *statement = block->first; statement; statement = statement->next) {
		switch (statement->type) {
		case STATEMENT_ASSIGN:
		case STATEMENT_COMPOUND:
		case STATEMENT_INCREMENT:
		case STATEMENT_DECREMENT:
			infer_assignment(inference, statement);
			continue;
		case STATEMENT_FOR:
			take_value(inference, statement->target, either(infer(statement->value), infer(statement->end)));
			break;
		case STATEMENT_CALL:
			infer_list(&statement->value->list);
			if (statement->action == ACTION_PRINTF || statement->action == ACTION_PRINT)
				infer_record(inference, statement, statement->action == ACTION_PRINTF ? statement->value->list.first->next : statement->value->list.first);
			break;
		case STATEMENT_EMIT:
			infer_list(&statement->list);
			if (statement->list.count)
				infer_record(inference, statement, statement->list.first);
			break;
		default:
			if (statement->value)
				infer(statement->value);
		}
		infer_block(inference, &statement->body);
		infer_block(inference, &statement->otherwise);
	}
}

void unit_infer(struct checker *checker)
{
	struct inference inference = { checker, true };

	/* What is wrong is not worth a unit, and may lack the parts that one is made of. */
	if (checker->diagnostics->errors)
		return;
	for (int round = 0; round < MOST_ROUNDS && inference.changed; round++) {
		inference.changed = false;
		for (const struct clause *clause = checker->script->first; clause; clause = clause->next)
			infer_block(&inference, &clause->body);
	}
}
