/*
 * Expressions: each node of the tree evaluated from the values of those below it.
 */
#include <string.h>

#include "reference.h"

enum { MOST_STEPS = 20000 };

struct coverage coverage;

bool reference_step(struct reference *reference)
{
	if (++reference->steps > MOST_STEPS)
		reference->over = true;
	return !reference->over;
}

static struct jst_value truth(bool value)
{
	return jst_value_int(value);
}

/* ---- what names mean ---- */

struct jst_value *reference_local(struct reference *reference, const struct local *local)
{
	struct reference_local *found = reference->locals;

	while (found && found->local != local)
		found = found->next;
	if (!found) {
		found = arena_allocate(reference->arena, sizeof(*found));
		*found = (struct reference_local){ .next = reference->locals, .local = local, .value = jst_value_nil() };
		reference->locals = found;
	}
	return &found->value;
}

struct holding *reference_holding(struct reference *reference, const struct variable *variable)
{
	struct holding *found = reference->holdings;

	while (found && found->variable != variable)
		found = found->next;
	if (!found) {
		found = arena_allocate(reference->arena, sizeof(*found));
		*found = (struct holding){ .next = reference->holdings, .variable = variable };
		reference->holdings = found;
	}
	return found;
}

static struct entry *find_entry(struct holding *holding, const struct jst_value *keys, uint32_t count)
{
	for (struct entry *entry = holding->entries; entry; entry = entry->next) {
		uint32_t same = 0;

		while (same < count && reference_same_key(entry->keys[same], keys[same]))
			same++;
		if (same == count)
			return entry;
	}
	return NULL;
}

static uint32_t evaluate_keys(struct reference *reference, const struct arguments *list, struct jst_value keys[static JST_MAX_KEYS])
{
	uint32_t count = 0;

	for (const struct argument *argument = list->first; argument; argument = argument->next) {
		keys[count] = reference_cut(reference, reference_evaluate(reference, argument->value));
		coverage.key[keys[count].kind]++;
		count++;
	}
	return count;
}

struct entry *reference_find(struct reference *reference, const struct expression *target, struct jst_value keys[static JST_MAX_KEYS])
{
	const uint32_t count = evaluate_keys(reference, &target->list, keys);

	return find_entry(reference_holding(reference, target->variable), keys, count);
}

/* A field of the event; what the probe does not have is nil. */
static struct jst_value field(const struct reference *reference, const struct name *name)
{
	for (int i = 0; i < PROGRAM_FIELD_COUNT; i++) {
		if (strcmp(field_rows[i].name, name->text) != 0)
			continue;
		coverage.field[i]++;
		return reference->fields[i];
	}
	coverage.missing++;
	return jst_value_nil();
}

static struct jst_value text(const char *string)
{
	return jst_value_string(string, (uint32_t)strlen(string));
}

static struct jst_value builtin(struct reference *reference, enum jst_variable variable)
{
	coverage.variable[variable]++;
	switch (variable) {
	case JST_VARIABLE_NAME:
		return text(PROBE_NAME);
	case JST_VARIABLE_PROBENAME:
		return text(strchr(PROBE_NAME, ':') + 1);
	case JST_VARIABLE_FILE:
		return text(PROBE_FILE);
	case JST_VARIABLE_LINE:
		return jst_value_int(PROBE_LINE);
	case JST_VARIABLE_TID:
		return jst_value_int(PROBE_TID);
	default: /* others are not generated */
		return reference_error(reference);
	}
}

static struct jst_value unchecked_constant(struct reference *reference, const struct name *name)
{
	const struct constant *constant = reference->checked->first_constant;

	while (strcmp(constant->name.text, name->text))
		constant = constant->next;
	return reference_evaluate(reference, constant->value);
}

/* A named argument is no local where the check has not made a literal of it. */
static struct jst_value local(struct reference *reference, const struct expression *expression)
{
	const struct parameter *parameter = reference->checked->first_parameter;

	if (expression->local)
		return *reference_local(reference, expression->local);
	while (strcmp(parameter->name.text, expression->name.text))
		parameter = parameter->next;
	return reference_evaluate(reference, parameter->value);
}

static struct jst_value name(struct reference *reference, const struct expression *expression)
{
	struct jst_value keys[JST_MAX_KEYS];
	const struct entry *entry;

	switch (expression->meaning) {
	case MEANING_FIELD:
		return field(reference, &expression->field);
	case MEANING_BUILTIN:
		return builtin(reference, expression->builtin);
	case MEANING_VARIABLE:
		entry = reference_find(reference, expression, keys);
		return entry ? entry->value : jst_value_nil();
	case MEANING_NONE:
		return unchecked_constant(reference, &expression->name);
	case MEANING_CONSTANT:
		coverage.constants++;
		return reference_evaluate(reference, expression->constant->value);
	default: /* spans are not generated */
		return reference_error(reference);
	}
}

/* ---- operators ---- */

static bool is_nil_literal(const struct expression *expression)
{
	return expression->type == EXPRESSION_NIL;
}

/* x == nil: only comparison with the literal tests for nil. */
static struct jst_value compare_with_nil(struct reference *reference, const struct expression *expression)
{
	const struct expression *other = is_nil_literal(expression->left) ? expression->right : expression->left;
	const bool is_nil = reference_evaluate(reference, other).kind == JST_NIL;

	coverage.nil_literal[expression->operator == OPERATOR_NE]++;
	return truth(is_nil == (expression->operator == OPERATOR_EQ));
}

/* && and || as in C: the right side is looked at only if the left one leaves it open. */
static struct jst_value logical(struct reference *reference, const struct expression *expression)
{
	const struct jst_value left = reference_evaluate(reference, expression->left);

	if (reference_truth(left) == (expression->operator == OPERATOR_LOGICAL_OR))
		return truth(expression->operator == OPERATOR_LOGICAL_OR);

	const struct jst_value right = reference_evaluate(reference, expression->right);

	coverage.binary[expression->operator][left.kind][right.kind]++;
	return truth(reference_truth(right));
}

static struct jst_value binary(struct reference *reference, const struct expression *expression)
{
	const enum operator operator = expression->operator;

	if (operator == OPERATOR_LOGICAL_AND || operator == OPERATOR_LOGICAL_OR)
		return logical(reference, expression);
	if ((operator == OPERATOR_EQ || operator == OPERATOR_NE) && (is_nil_literal(expression->left) || is_nil_literal(expression->right)))
		return compare_with_nil(reference, expression);

	const struct jst_value left = reference_evaluate(reference, expression->left), right = reference_evaluate(reference, expression->right);

	coverage.binary[operator][left.kind][right.kind]++;
	switch (operator) {
	case OPERATOR_EQ:
	case OPERATOR_NE:
	case OPERATOR_LT:
	case OPERATOR_LE:
	case OPERATOR_GT:
	case OPERATOR_GE:
		return truth(reference_compare(operator, left, right));
	case OPERATOR_MATCH:
		return truth(reference_match(left, right));
	case OPERATOR_NO_MATCH:
		/* To != what ~ is to ==: false with nil. */
		return truth(left.kind != JST_NIL && right.kind != JST_NIL && !reference_match(left, right));
	default:
		return reference_arithmetic(reference, operator, left, right);
	}
}

static struct jst_value in(struct reference *reference, const struct expression *expression)
{
	struct jst_value keys[JST_MAX_KEYS];
	const uint32_t count = evaluate_keys(reference, &expression->list, keys);
	const bool found = find_entry(reference_holding(reference, expression->right->variable), keys, count) != NULL;

	coverage.in[found]++;
	return truth(found);
}

static struct jst_value conditional(struct reference *reference, const struct expression *expression)
{
	const bool holds = reference_truth(reference_evaluate(reference, expression->condition));

	coverage.conditional[holds]++;
	return reference_evaluate(reference, holds ? expression->left : expression->right);
}

static struct jst_value call(struct reference *reference, const struct expression *expression)
{
	struct jst_value arguments[JST_MAX_ARGUMENTS];
	uint32_t count = 0;

	if (expression->meaning == MEANING_DEFINED)
		return reference_defined(reference, expression);
	for (const struct argument *argument = expression->list.first; argument; argument = argument->next)
		arguments[count++] = reference_evaluate(reference, argument->value);
	return reference_call(reference, expression->function, arguments, count);
}

static struct jst_value unary(struct reference *reference, const struct expression *expression)
{
	const struct jst_value operand = reference_evaluate(reference, expression->left);

	coverage.unary[expression->operator][operand.kind]++;
	return reference_unary(reference, expression->operator, operand);
}

struct jst_value reference_evaluate(struct reference *reference, const struct expression *expression)
{
	coverage.evaluated++;
	if (!reference_step(reference))
		return jst_value_nil();
	switch (expression->type) {
	case EXPRESSION_INT:
		return jst_value_int(expression->integer);
	case EXPRESSION_DOUBLE:
		return jst_value_double(expression->number);
	case EXPRESSION_STRING:
		return jst_value_string(expression->name.text, (uint32_t)expression->name.length);
	case EXPRESSION_NAME:
	case EXPRESSION_SELF:
		return name(reference, expression);
	case EXPRESSION_LOCAL:
		return local(reference, expression);
	case EXPRESSION_CALL:
		return call(reference, expression);
	case EXPRESSION_UNARY:
		return unary(reference, expression);
	case EXPRESSION_BINARY:
		return binary(reference, expression);
	case EXPRESSION_IN:
		return in(reference, expression);
	case EXPRESSION_CONDITIONAL:
		return conditional(reference, expression);
	default: /* nil; the check has made literals of the script's arguments, and refused aggregations */
		return jst_value_nil();
	}
}
