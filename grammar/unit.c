/*
 * Units of expressions: now and timestamp are points on two clocks, the difference of two points of one clock is a duration, literals with a unit carry it. What does not go together is warned of (unit_warn.c).
 *
 * Variables take the unit of what they are assigned, wherever that stands in the script, so the script is gone through until nothing changes; each unit can change
 * twice at most (unknown, known, none because of two), and a few rounds suffice for what people write. Plain numbers leave the unit of a variable alone. A function is generated anew for each call, but has one unit: its
 * parameters have those of the arguments, where all calls agree.
 */
#include <string.h>

#include "aggregation.h"
#include "check.h"

enum { MOST_ROUNDS = 8 };

struct inference {
	struct checker *checker;
	bool changed;
	bool warns; /* the last round: nothing changes any more */
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
#define AGGREGATION(name, text, alias, values, parameters, shape, signature, meaning) [JST_AGGREGATION_##name] = !(values) || JST_SHAPE_##shape == JST_SHAPE_DISTINCT,
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
		if (is_point(left) && is_point(right))
			return UNIT_NONE;
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
		/* A number less a point is no point. */
		return left == UNIT_NONE && is_point(right) ? UNIT_NONE : either(left, right);
	case OPERATOR_MUL:
		if (is_point(left) || is_point(right))
			return UNIT_NONE;
		return left == UNIT_NONE || right == UNIT_NONE ? either(left, right) : UNIT_NONE;
	case OPERATOR_DIV:
		return right == UNIT_NONE && !is_point(left) ? left : UNIT_NONE;
	case OPERATOR_MOD:
		/* What is left over of a point is a time since the last multiple. */
		if (is_point(left))
			return right == UNIT_DURATION ? UNIT_DURATION : UNIT_NONE;
		return left;
	default:
		return UNIT_NONE;
	}
}

/* Whether what the aggregation reads as has the unit of the values that it was given; otherwise that is a number of them. */
static bool reads_value(enum jst_aggregation function)
{
	const enum jst_shape shape = jst_aggregation_info[function].shape;

	return shape == JST_SHAPE_SUM || shape == JST_SHAPE_MIN || shape == JST_SHAPE_MAX || shape == JST_SHAPE_AVG || shape == JST_SHAPE_LAST;
}

static void infer_list(struct inference *inference, const struct arguments *list);
static void take(struct inference *inference, enum unit *to, bool *known, struct unit_origin *origin, enum unit unit, struct location at);

static enum unit infer_call(struct inference *inference, const struct expression *call)
{
	enum unit unit = function_units[call->function];

	if (unit != UNIT_SAME)
		return unit;
	unit = UNIT_NONE;
	for (const struct argument *argument = call->list.first; argument; argument = argument->next) {
		if (inference->warns)
			unit_warn_mixture(inference->checker, call->name.text, unit, argument->value->unit, call->at);
		unit = either(unit, argument->value->unit);
	}
	return unit;
}

static enum unit infer_defined(struct inference *inference, const struct expression *call)
{
	const struct argument *argument = call->list.first;

	for (const struct argument *parameter = call->defined->parameters.first; parameter && argument; parameter = parameter->next, argument = argument->next) {
		struct local *local = parameter->value->local;

		if (local)
			take(inference, &local->unit, &local->unit_known, NULL, argument->value->unit, argument->value->at);
	}
	return call->defined->unit;
}

static enum unit infer(struct inference *inference, struct expression *expression)
{
	enum unit left, right;

	infer_list(inference, &expression->list);
	switch (expression->type) {
	case EXPRESSION_NAME:
	case EXPRESSION_SELF:
		if (expression->meaning == MEANING_VARIABLE)
			expression->unit = expression->variable->unit;
		else if (expression->meaning == MEANING_SPAN)
			expression->unit = UNIT_TIME_MONOTONIC;
		else if (expression->meaning == MEANING_CONSTANT)
			expression->unit = expression->constant->value->unit;
		break;
	case EXPRESSION_LOCAL:
		expression->unit = expression->local->unit;
		break;
	case EXPRESSION_AGGREGATION:
		if (expression->aggregation && reads_value(expression->aggregation->function))
			expression->unit = expression->aggregation->unit;
		break;
	case EXPRESSION_CALL:
		if (expression->meaning == MEANING_QUANTILE)
			expression->unit = expression->list.first->value->aggregation->unit;
		else
			expression->unit = expression->meaning == MEANING_DEFINED ? infer_defined(inference, expression) : infer_call(inference, expression);
		break;
	case EXPRESSION_UNARY:
		left = infer(inference, expression->left);
		expression->unit = expression->operator == OPERATOR_NEGATE && !is_point(left) ? left : UNIT_NONE;
		break;
	case EXPRESSION_BINARY:
		left = infer(inference, expression->left);
		right = infer(inference, expression->right);
		expression->unit = unit_of_operator(expression->operator, left, right);
		if (inference->warns)
			unit_warn_operator(inference->checker, expression->operator, left, right, expression->at);
		break;
	case EXPRESSION_CONDITIONAL:
		infer(inference, expression->condition);
		left = infer(inference, expression->left);
		right = infer(inference, expression->right);
		expression->unit = either(left, right);
		break;
	default:
		break;
	}
	return expression->unit;
}

static void infer_list(struct inference *inference, const struct arguments *list)
{
	for (const struct argument *argument = list->first; argument; argument = argument->next)
		infer(inference, argument->value);
}

/* Something that has *to is now given a value of a unit. origin NULL: nobody wants to know that it is given two. */
static void take(struct inference *inference, enum unit *to, bool *known, struct unit_origin *origin, enum unit unit, struct location at)
{
	enum unit before = *to;

	if (unit == UNIT_NONE)
		return;
	if (!*known) {
		*to = unit;
		if (origin)
			*origin = (struct unit_origin){ .unit = unit, .at = at };
	} else if (*to != unit && *to != UNIT_NONE) {
		*to = UNIT_NONE;
		if (origin)
			origin->conflict = true;
	}
	*known = true;
	inference->changed |= *to != before;
}

static void take_value(struct inference *inference, struct expression *target, enum unit unit, struct location at)
{
	if (target->type == EXPRESSION_LOCAL && target->local) {
		struct local *local = target->local;

		take(inference, &local->unit, &local->unit_known, &local->origin, unit, at);
		if (inference->warns)
			unit_warn_assignment(inference->checker, "$", local->name.text, &local->origin, unit, at);
	} else if (target->meaning == MEANING_VARIABLE) {
		struct variable *variable = target->variable;

		take(inference, &variable->unit, &variable->unit_known, &variable->origin, unit, at);
		if (inference->warns)
			unit_warn_assignment(inference->checker, variable->is_self ? "self." : "", variable->name.text, &variable->origin, unit, at);
	}
}

static void infer_update(struct inference *inference, const struct statement *statement)
{
	struct aggregation *aggregation = statement->target->aggregation;
	uint32_t key = 0;

	for (const struct argument *argument = statement->target->list.first; argument && key < JST_MAX_KEYS; argument = argument->next, key++)
		take(inference, &aggregation->key_unit[key], &aggregation->key_unit_known[key], NULL, argument->value->unit, argument->value->at);
	if (statement->exemplar)
		take(inference, &aggregation->exemplar_unit, &aggregation->exemplar_unit_known, NULL, infer(inference, statement->exemplar), statement->exemplar->at);
	if (!statement->update)
		return;

	const enum unit unit = infer(inference, statement->update);

	if (aggregation_counts[aggregation->function])
		return;
	take(inference, &aggregation->unit, &aggregation->unit_known, &aggregation->origin, unit, statement->update->at);
	if (!inference->warns)
		return;
	unit_warn_assignment(inference->checker, "", aggregation->name.text, &aggregation->origin, unit, statement->update->at);
	unit_warn_update(inference->checker, aggregation->function, unit, statement->update->at);
}

static void infer_assignment(struct inference *inference, const struct statement *statement)
{
	struct expression *target = statement->target;

	infer(inference, target);
	if (target->type == EXPRESSION_AGGREGATION) {
		infer_update(inference, statement);
		return;
	}
	if (!statement->value)
		return;

	enum unit unit = infer(inference, statement->value);

	if (statement->type == STATEMENT_COMPOUND) {
		if (inference->warns)
			unit_warn_operator(inference->checker, statement->operator, target->unit, unit, statement->at);
		unit = unit_of_operator(statement->operator, target->unit, unit);
	}
	take_value(inference, target, unit, statement->value->at);
}

/* The units of what a record carries: all arguments, but a printf's format. */
static void infer_record(const struct inference *inference, const struct statement *statement, const struct argument *argument)
{
	struct compiled_record *record = &inference->checker->compiled->records[statement->record];

	for (uint32_t i = 0; argument && i < record->values; argument = argument->next)
		record->units[i++] = argument->value->unit;
}

/* The keys that a loop goes over. */
static void infer_columns(struct inference *inference, const struct statement *statement)
{
	uint32_t key = 0;

	for (const struct argument *name = statement->list.first; name && name->next && key < JST_MAX_KEYS; name = name->next, key++)
		take_value(inference, name->value, statement->loop->aggregation->key_unit[key], name->value->at);
}

static void infer_return(struct inference *inference, const struct statement *statement, struct function *function)
{
	if (!statement->value)
		return;

	const enum unit unit = infer(inference, statement->value);

	if (function)
		take(inference, &function->unit, &function->unit_known, NULL, unit, statement->value->at);
}

/* function NULL: of a clause. */
static void infer_block(struct inference *inference, const struct block *block, struct function *function)
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
			take_value(inference, statement->target, either(infer(inference, statement->value), infer(inference, statement->end)), statement->value->at);
			break;
		case STATEMENT_FOR_EACH:
			infer_columns(inference, statement);
			break;
		case STATEMENT_CALL:
			infer_list(inference, &statement->value->list);
			if (statement->action == ACTION_PRINTF || statement->action == ACTION_PRINT)
				infer_record(inference, statement, statement->action == ACTION_PRINTF ? statement->value->list.first->next : statement->value->list.first);
			break;
		case STATEMENT_EMIT:
			infer_list(inference, &statement->list);
			if (statement->list.count)
				infer_record(inference, statement, statement->list.first);
			break;
		case STATEMENT_RETURN:
			infer_return(inference, statement, function);
			break;
		case STATEMENT_DELETE:
			infer(inference, statement->target);
			break;
		default:
			if (statement->value)
				infer(inference, statement->value);
		}
		infer_block(inference, &statement->body, function);
		infer_block(inference, &statement->otherwise, function);
	}
}

static void infer_script(struct inference *inference)
{
	const struct script *script = inference->checker->script;

	inference->changed = false;
	for (const struct clause *clause = script->first; clause; clause = clause->next) {
		if (clause->predicate)
			infer(inference, clause->predicate);
		infer_block(inference, &clause->body, NULL);
	}
	for (struct function *function = script->first_function; function; function = function->next)
		infer_block(inference, &function->body, function);
}

void unit_infer(struct checker *checker)
{
	struct inference inference = { .checker = checker, .changed = true };

	/* What is wrong is not worth a unit, and may lack the parts that one is made of. */
	if (checker->diagnostics->errors)
		return;
	for (int round = 0; round < MOST_ROUNDS && inference.changed; round++)
		infer_script(&inference);
	inference.warns = true;
	infer_script(&inference);
}

void unit_check(struct checker *checker, struct expression *expression)
{
	struct inference inference = { .checker = checker, .warns = true };

	infer(&inference, expression);
}
