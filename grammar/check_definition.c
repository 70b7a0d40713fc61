/*
 * Checking definitions: functions, constants and the script's named arguments. Their names are collected before anything else is checked, so they may be used before they are defined.
 *
 * A function is checked once, when it is first called or else at the end; it sees its parameters, its $ variables, constants, and those named arguments whose names it does not use for its own: a library
 * knows nothing of the script that imports it. A constant that is a literal, or is made of some, becomes that literal wherever its name stands.
 */
#include <string.h>

#include "check.h"

/* Every level of calls, and of constants made of others, is one of recursion in the passes that follow. */
enum { DEEPEST_CALL = 32, DEEPEST_CONSTANT = 16 };

/* ---- collecting ---- */

static bool has_dots(const struct name *name)
{
	return memchr(name->text, '.', name->length) != NULL;
}

static void bad_name(struct checker *checker, const struct name *name, struct location at, const char *what, const char *help)
{
	diagnostics_add(checker->diagnostics, DIAGNOSTIC_DEFINITION_NAME, at, name->text, what);
	diagnostics_help(checker->diagnostics, "%s", help);
}

static void twice(struct checker *checker, const char *name, struct location at, struct location first)
{
	diagnostics_add(checker->diagnostics, DIAGNOSTIC_DEFINED_TWICE, at, name);
	diagnostics_add(checker->diagnostics, DIAGNOSTIC_FIRST_DEFINITION, first);
}

static void collect_functions(struct checker *checker)
{
	for (struct function *function = checker->script->first_function; function; function = function->next) {
		void **slot = table_slot(&checker->functions, function->name.text, function->name.length);

		if (has_dots(&function->name))
			bad_name(checker, &function->name, function->at, "a function", "it has a dot");
		else if (is_callable(&function->name) || aggregation_find(&function->name) >= 0)
			bad_name(checker, &function->name, function->at, "a function", "it is built in");
		else if (*slot)
			twice(checker, function->name.text, function->at, ((const struct function *)*slot)->at);
		if (!*slot)
			*slot = function;
	}
}

static void collect_constants(struct checker *checker)
{
	for (struct constant *constant = checker->script->first_constant; constant; constant = constant->next) {
		void **slot = table_slot(&checker->constants, constant->name.text, constant->name.length);

		if (has_dots(&constant->name))
			bad_name(checker, &constant->name, constant->at, "a constant", "it has a dot");
		else if (names_builtin(&constant->name) >= 0 || !strcmp(constant->name.text, "trace"))
			bad_name(checker, &constant->name, constant->at, "a constant", "it is built in");
		else if (*slot)
			twice(checker, constant->name.text, constant->at, ((const struct constant *)*slot)->at);
		if (!*slot)
			*slot = constant;
	}
}

static void collect_parameters(struct checker *checker)
{
	for (struct parameter *parameter = checker->script->first_parameter; parameter; parameter = parameter->next) {
		void **slot = table_slot(&checker->parameters, parameter->name.text, parameter->name.length);

		if (has_dots(&parameter->name))
			bad_name(checker, &parameter->name, parameter->at, "an argument", "it has a dot");
		else if (*slot)
			twice(checker, parameter->name.text, parameter->at, ((const struct parameter *)*slot)->at);
		if (!*slot)
			*slot = parameter;
	}
}

void definitions_collect(struct checker *checker)
{
	collect_functions(checker);
	collect_constants(checker);
	collect_parameters(checker);
}

/* ---- constants ---- */

const char *definitions_suggest_constant(const struct checker *checker, const struct name *name)
{
	enum { MOST = 64 };
	const char *names[MOST];
	size_t count = 0;

	for (const struct constant *constant = checker->script->first_constant; constant && count < MOST; constant = constant->next)
		names[count++] = constant->name.text;
	return suggest_name(name->text, name->length, names, count);
}

/* Whether the expression has one value, known now; says where it has not. */
static bool is_constant(struct checker *checker, const struct expression *expression)
{
	switch (expression->type) {
	case EXPRESSION_NIL:
	case EXPRESSION_INT:
	case EXPRESSION_DOUBLE:
	case EXPRESSION_STRING:
	case EXPRESSION_ARGUMENT:
	case EXPRESSION_ARGUMENTS:
		return true;
	case EXPRESSION_UNARY:
		return is_constant(checker, expression->left);
	case EXPRESSION_BINARY:
		return is_constant(checker, expression->left) && is_constant(checker, expression->right);
	case EXPRESSION_CONDITIONAL:
		return is_constant(checker, expression->condition) && is_constant(checker, expression->left) && is_constant(checker, expression->right);
	case EXPRESSION_NAME:
		if (!expression->indexed && table_find(&checker->constants, expression->name.text, expression->name.length))
			return true;
		break;
	case EXPRESSION_LOCAL:
		if (table_find(&checker->parameters, expression->name.text, expression->name.length))
			return true;
		break;
	default:
		break;
	}

	const char *close = expression->type == EXPRESSION_NAME ? definitions_suggest_constant(checker, &expression->name) : NULL;

	diagnostics_add(checker->diagnostics, DIAGNOSTIC_CONSTANT_VALUE, expression->at);
	if (close)
		diagnostics_help(checker->diagnostics, "did you mean '%s'?", close);
	else
		diagnostics_help(checker->diagnostics, "expected literals, operators, other constants, or arguments of the script");
	return false;
}

static bool is_literal(const struct expression *expression)
{
	return expression->type == EXPRESSION_NIL || expression->type == EXPRESSION_INT || expression->type == EXPRESSION_DOUBLE || expression->type == EXPRESSION_STRING;
}

/* The node becomes the literal, in its own place. */
static void become(struct expression *expression, const struct expression *literal)
{
	expression->type = literal->type;
	expression->integer = literal->integer;
	expression->number = literal->number;
	expression->name = literal->name;
	expression->unit = literal->unit;
	expression->int_valued = literal->int_valued;
}

static const struct expression nil = { .type = EXPRESSION_NIL };

static void check_value(struct checker *checker, struct expression *value)
{
	if (!is_constant(checker, value)) {
		become(value, &nil);
		return;
	}
	check_expression(checker, value);
	unit_check(checker, value);
	fold(value);
}

static void check_constant(struct checker *checker, struct constant *constant)
{
	struct constant *outer = checker->constant;

	if (constant->state == DEFINITION_CHECKED)
		return;
	constant->depth = 1;
	if (constant->broken) {
		become(constant->value, &nil);
		constant->state = DEFINITION_CHECKED;
		return;
	}
	constant->state = DEFINITION_OPEN;
	checker->constant = constant;
	checker->constant_depth++;
	check_value(checker, constant->value);
	checker->constant_depth--;
	checker->constant = outer;
	constant->state = DEFINITION_CHECKED;
}

/* Says that it is too deep for the constant to stand there, where nothing stands then. */
static bool too_deep(struct checker *checker, struct expression *expression)
{
	diagnostics_add(checker->diagnostics, DIAGNOSTIC_TOO_DEEP, expression->at, DEEPEST_CONSTANT);
	become(expression, &nil);
	return true;
}

bool definitions_constant(struct checker *checker, struct expression *expression)
{
	struct constant *constant = table_find(&checker->constants, expression->name.text, expression->name.length);

	if (!constant)
		return false;
	if (constant->state == DEFINITION_OPEN) {
		diagnostics_add(checker->diagnostics, DIAGNOSTIC_CONSTANT_CYCLE, expression->at, constant->name.text);
		become(expression, &nil);
		return true;
	}
	if (constant->state == DEFINITION_NEW && checker->constant_depth >= DEEPEST_CONSTANT)
		return too_deep(checker, expression);
	check_constant(checker, constant);
	if (is_literal(constant->value)) {
		become(expression, constant->value);
		return true;
	}
	if (checker->constant && constant->depth >= checker->constant->depth) {
		if (constant->depth >= DEEPEST_CONSTANT)
			return too_deep(checker, expression);
		checker->constant->depth = constant->depth + 1;
	}
	expression->meaning = MEANING_CONSTANT;
	expression->constant = constant;
	expression->int_valued = constant->value->int_valued;
	return true;
}

/* ---- the script's named arguments ---- */

/* What was given for it; NULL: nothing. */
static const char *given(const struct checker *checker, const struct parameter *parameter)
{
	const struct compile_options *options = checker->options;

	for (uint32_t i = options->named_count; i-- > 0;) {
		if (options->named[i].name_length == parameter->name.length && !memcmp(options->named[i].name, parameter->name.text, parameter->name.length))
			return options->named[i].value;
	}
	return NULL;
}

/* Takes the text for the argument: a string stays one, a number must be a number of the same unit as the default, so that --arg limit=5 is no limit of 5 ns. */
static void take_given(struct checker *checker, struct parameter *parameter, const char *text)
{
	struct expression value = { .type = EXPRESSION_NIL };
	const struct expression *usual = parameter->value;

	literal_or_string(checker, &value, text);
	if (usual && usual->type == EXPRESSION_STRING) {
		value = (struct expression){ .type = EXPRESSION_STRING, .name = { arena_copy(checker->script->arena, text, strlen(text)), strlen(text) } };
	} else if (usual && usual->type != EXPRESSION_NIL && (value.type == EXPRESSION_STRING || value.unit != usual->unit)) {
		diagnostics_add(checker->diagnostics, DIAGNOSTIC_ARGUMENT_TYPE, parameter->at, parameter->name.text, text);
		diagnostics_help(checker->diagnostics, "expected %s", usual->unit == UNIT_DURATION ? "a duration such as 10ms" : usual->unit == UNIT_SIZE ? "a size such as 4KiB" : "a plain number");
		return;
	}
	if (!parameter->value)
		parameter->value = arena_allocate(checker->script->arena, sizeof(*parameter->value));
	parameter->value->at = parameter->at;
	become(parameter->value, &value);
}

static void check_default(struct checker *checker, struct expression *value)
{
	check_value(checker, value);
	if (is_literal(value))
		return;
	diagnostics_add(checker->diagnostics, DIAGNOSTIC_CONSTANT_VALUE, value->at);
	diagnostics_help(checker->diagnostics, "the default of an argument is a number or a string");
	become(value, &nil);
}

static void check_parameter(struct checker *checker, struct parameter *parameter)
{
	const char *text = given(checker, parameter);

	if (parameter->state == DEFINITION_CHECKED)
		return;
	if (parameter->broken) {
		parameter->value = NULL;
		parameter->state = DEFINITION_CHECKED;
		return;
	}
	parameter->state = DEFINITION_OPEN;
	if (parameter->value)
		check_default(checker, parameter->value);
	if (text) {
		take_given(checker, parameter, text);
	} else if (!parameter->value) {
		diagnostics_add(checker->diagnostics, DIAGNOSTIC_ARGUMENT_NEEDED, parameter->at, parameter->name.text);
		diagnostics_help(checker->diagnostics, "give it with --arg %s=…", parameter->name.text);
	}
	parameter->state = DEFINITION_CHECKED;
}

bool definitions_parameter(struct checker *checker, struct expression *expression)
{
	struct parameter *parameter = table_find(&checker->parameters, expression->name.text, expression->name.length);

	if (!parameter)
		return false;
	if (parameter->state == DEFINITION_OPEN) {
		diagnostics_add(checker->diagnostics, DIAGNOSTIC_CONSTANT_CYCLE, expression->at, parameter->name.text);
		become(expression, &nil);
		return true;
	}
	if (parameter->state == DEFINITION_NEW && checker->constant_depth >= DEEPEST_CONSTANT)
		return too_deep(checker, expression);
	checker->constant_depth++;
	check_parameter(checker, parameter);
	checker->constant_depth--;
	become(expression, parameter->value ? parameter->value : &nil);
	return true;
}

/* ---- functions ---- */

static void check_parameters_of(struct checker *checker, const struct function *function)
{
	for (struct argument *argument = function->parameters.first; argument; argument = argument->next) {
		struct local *local = check_local_name(checker, argument->value);

		if (local->assigned)
			twice(checker, argument->value->name.text, argument->value->at, local->at);
		local->assigned = true;
		argument->value->local = local;
	}
}

/* What a function assigns is its own, wherever it stands. */
static void collect_locals(struct checker *checker, const struct block *block)
{
	for (const struct statement *statement = block->first; statement; statement = statement->next) {
		if (statement->target && statement->target->type == EXPRESSION_LOCAL)
			check_local_name(checker, statement->target);
		collect_locals(checker, &statement->body);
		collect_locals(checker, &statement->otherwise);
	}
}

static void check_function(struct checker *checker, struct function *function)
{
	struct scope outer;

	if (function->broken) {
		function->depth = 1;
		function->state = DEFINITION_CHECKED;
		return;
	}
	function->state = DEFINITION_OPEN;
	function->depth = 1;
	scope_open(checker, &outer, &function->scope, function);
	check_parameters_of(checker, function);
	collect_locals(checker, &function->body);
	check_block(checker, &function->body);
	scope_close(checker, &outer);
	function->state = DEFINITION_CHECKED;
}

struct function *definitions_function(struct checker *checker, const struct expression *call)
{
	struct function *function = table_find(&checker->functions, call->name.text, call->name.length);
	struct function *caller = checker->function;

	if (!function)
		return NULL;
	if (function->state == DEFINITION_OPEN) {
		diagnostics_add(checker->diagnostics, DIAGNOSTIC_RECURSION, call->operator_at, function->name.text);
		diagnostics_help(checker->diagnostics, "use a loop: for ($i : 0..n)");
		return function;
	}
	if (function->state == DEFINITION_NEW) {
		if (checker->calls >= DEEPEST_CALL) {
			diagnostics_add(checker->diagnostics, DIAGNOSTIC_TOO_DEEP, call->operator_at, DEEPEST_CALL);
			return function;
		}
		checker->calls++;
		check_function(checker, function);
		checker->calls--;
	}
	if (caller && function->depth + 1 > caller->depth) {
		caller->depth = function->depth + 1;
		if (caller->depth > DEEPEST_CALL)
			diagnostics_add(checker->diagnostics, DIAGNOSTIC_TOO_DEEP, call->operator_at, DEEPEST_CALL);
	}
	return function;
}

/* ---- the whole ---- */

void definitions_check_values(struct checker *checker)
{
	for (struct parameter *parameter = checker->script->first_parameter; parameter; parameter = parameter->next)
		check_parameter(checker, parameter);
	for (struct constant *constant = checker->script->first_constant; constant; constant = constant->next)
		check_constant(checker, constant);
}

void definitions_check_functions(struct checker *checker)
{
	for (struct function *function = checker->script->first_function; function; function = function->next) {
		if (function->state == DEFINITION_NEW)
			check_function(checker, function);
	}
}

bool definitions_refuse(struct checker *checker, struct location at, const char *what)
{
	if (!checker->function)
		return false;
	diagnostics_add(checker->diagnostics, DIAGNOSTIC_IMPURE, at, what);
	diagnostics_help(checker->diagnostics, "a function knows its parameters and $ variables, and constants: pass it what else it needs");
	return true;
}
