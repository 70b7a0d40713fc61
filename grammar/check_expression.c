/*
 * Checking expressions: each name gets its meaning, each call its function; script arguments become literals; and what is provably an integer is marked, by the rule that the verifier uses.
 */
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "habit.h"
#include "stack.h"

static const struct builtin_function {
	const char *name;
	int min, max;
	const char *signature;
} functions[] = {
#define VARIABLE(name, text, alias, unit, where, meaning)
#define FUNCTION(name, text, min, max, signature, unit, meaning) [JST_FUNCTION_##name] = { text, min, max, signature },
#include "builtin.def"
#undef VARIABLE
#undef FUNCTION
};

static const char *const callable_names[] = {
#define VARIABLE(name, text, alias, unit, where, meaning)
#define FUNCTION(name, text, min, max, signature, unit, meaning) text,
#include "builtin.def"
#undef VARIABLE
#undef FUNCTION
#define ACTION(name, text, min, max, where, signature) text,
#include "action.def"
#undef ACTION
	"quantile",
	"open",
};

enum { FIRST_ACTION = JST_FUNCTIONS, BEHIND_ACTIONS = FIRST_ACTION + ACTION_NONE };

const char *count_text(char text[static 32], uint32_t count, const char *noun)
{
	if (count)
		snprintf(text, 32, "%u %s%s", count, noun, count == 1 ? "" : "s");
	else
		snprintf(text, 32, "no %ss", noun);
	return text;
}

void check_key_count(struct checker *checker, const struct arguments *keys, uint32_t hidden)
{
	const struct argument *over = keys->first;

	if (keys->count + hidden <= JST_MAX_KEYS)
		return;
	for (uint32_t i = hidden; i < JST_MAX_KEYS; i++)
		over = over->next;
	diagnostics_add(checker->diagnostics, DIAGNOSTIC_TOO_MANY_KEYS, over->value->at, JST_MAX_KEYS - (int)hidden);
}

void check_list(struct checker *checker, const struct arguments *list)
{
	for (const struct argument *argument = list->first; argument; argument = argument->next)
		check_expression(checker, argument->value);
}

void check_carried(struct checker *checker, const struct argument *first)
{
	for (const struct argument *argument = first; argument; argument = argument->next) {
		checker->carried = argument->value;
		check_expression(checker, argument->value);
	}
	checker->carried = NULL;
}

void literal_or_string(struct checker *checker, struct expression *expression, const char *text)
{
	size_t length = strlen(text);
	bool negative = text[0] == '-';
	struct expression literal;
	const char *problem;

	if (!literal_parse(text + negative, length - negative, negative, &literal, &problem)) {
		expression->type = EXPRESSION_STRING;
		expression->name = (struct name){ arena_copy(checker->script->arena, text, length), length };
		return;
	}
	expression->type = literal.type;
	expression->integer = negative ? (int64_t)-(uint64_t)literal.integer : literal.integer;
	expression->number = negative ? -literal.number : literal.number;
	expression->unit = literal.unit;
	expression->int_valued = literal.type == EXPRESSION_INT;
}

/* $1: from now on a literal. */
static void check_argument(struct checker *checker, struct expression *expression)
{
	const struct compile_options *options = checker->options;
	unsigned long index = expression->name.length < 8 ? strtoul(expression->name.text, NULL, 10) : 0;

	if (index < 1 || index > options->argument_count) {
		diagnostics_add(checker->diagnostics, DIAGNOSTIC_MISSING_ARGUMENT, expression->at, expression->name.text, options->argument_count, options->argument_count == 1 ? "is" : "are");
		if (strspn(expression->name.text, "0") == expression->name.length)
			diagnostics_help(checker->diagnostics, "the arguments of the script are counted from 1; the fields of an event go by their names");
		else if (!options->argument_count)
			diagnostics_help(checker->diagnostics, "$%s is what stands behind the script on the command line; the fields of an event go by their names", expression->name.text);
		expression->type = EXPRESSION_NIL;
		return;
	}
	if (checker->compiled->arguments_read < index)
		checker->compiled->arguments_read = (uint32_t)index;
	literal_or_string(checker, expression, options->arguments[index - 1]);
}

struct local *check_local_name(struct checker *checker, const struct expression *expression)
{
	void **slot = table_slot(&checker->locals, expression->name.text, expression->name.length);

	if (!*slot) {
		struct local *local = arena_allocate(checker->script->arena, sizeof(*local));

		local->name = expression->name;
		local->at = expression->at;
		local->reg = checker->clause->local_count++;
		if (checker->last_local)
			checker->last_local->next = local;
		else
			checker->clause->locals = local;
		checker->last_local = local;
		*slot = local;
	}
	return *slot;
}

/* $x: the value of a loop, what the clause or function calls so, or else an argument of the script. */
static void check_local(struct checker *checker, struct expression *expression)
{
	if (check_loop_value(checker, expression))
		return;
	if (table_find(&checker->locals, expression->name.text, expression->name.length) || !definitions_parameter(checker, expression))
		expression->local = check_local_name(checker, expression);
}

static bool is_comparison(enum operator operator)
{
	return operator == OPERATOR_EQ || operator == OPERATOR_NE || operator == OPERATOR_LT || operator == OPERATOR_LE || operator == OPERATOR_GT || operator == OPERATOR_GE;
}

/* flags & 4 == 4 is flags & (4 == 4), as in C. */
static void warn_precedence(struct checker *checker, const struct expression *expression, const struct expression *operand)
{
	if (operand->type != EXPRESSION_BINARY || operand->parenthesised || !is_comparison(operand->operator))
		return;
	diagnostics_add(checker->diagnostics, DIAGNOSTIC_PRECEDENCE, operand->at, tree_operator(operand->operator), tree_operator(expression->operator));
	diagnostics_help(checker->diagnostics, "put the '%s' or the '%s' into parentheses", tree_operator(expression->operator), tree_operator(operand->operator));
}

static bool is_bare_not(const struct expression *expression)
{
	return expression->type == EXPRESSION_UNARY && expression->operator == OPERATOR_NOT && !expression->parenthesised;
}

static void check_binary(struct checker *checker, struct expression *expression)
{
	enum operator operator = expression->operator;
	struct expression *left = expression->left, *right = expression->right;

	check_expression(checker, left);
	check_expression(checker, right);
	switch (operator) {
	case OPERATOR_AND:
	case OPERATOR_OR:
	case OPERATOR_XOR:
		warn_precedence(checker, expression, left);
		warn_precedence(checker, expression, right);
		expression->int_valued = left->int_valued && right->int_valued;
		break;
	case OPERATOR_MATCH:
	case OPERATOR_NO_MATCH:
		if (is_bare_not(left)) {
			diagnostics_add(checker->diagnostics, DIAGNOSTIC_UNARY_MATCH, left->at, tree_operator(operator));
			diagnostics_help(checker->diagnostics, "write !(… %s …)", tree_operator(operator));
		}
		expression->int_valued = true;
		break;
	case OPERATOR_DIV:
	case OPERATOR_MOD:
		break;
	case OPERATOR_ADD:
	case OPERATOR_SUB:
	case OPERATOR_MUL:
	case OPERATOR_SHL:
	case OPERATOR_SHR:
		expression->int_valued = left->int_valued && right->int_valued;
		break;
	default:
		expression->int_valued = true;
	}
}

static void check_in(struct checker *checker, struct expression *expression)
{
	check_list(checker, &expression->list);
	if (expression->list.count == 1 && is_bare_not(expression->list.first->value)) {
		diagnostics_add(checker->diagnostics, DIAGNOSTIC_UNARY_IN, expression->list.first->value->at);
		diagnostics_help(checker->diagnostics, "write !(… in …)");
	}
	names_resolve_map(checker, expression->right, expression->list.count);
	expression->int_valued = true;
}

bool is_callable(const struct name *name)
{
	for (size_t i = 0; i < sizeof(callable_names) / sizeof(*callable_names); i++) {
		if (!strcmp(callable_names[i], name->text))
			return true;
	}
	return false;
}

/* The name that is closest to that of the call: built in, or a function of the script. */
static const char *suggest_function(const struct checker *checker, const struct name *name)
{
	enum { BUILT_IN = sizeof(callable_names) / sizeof(*callable_names), MOST = BUILT_IN + 1 + 64 };
	const char *names[MOST];
	size_t count = BUILT_IN;

	memcpy(names, callable_names, sizeof(callable_names));
	if (checker->action)
		names[count++] = "emit"; /* a keyword, as it may stand alone */
	for (const struct function *function = checker->script->first_function; function && count < MOST; function = function->next)
		names[count++] = function->name.text;
	return suggest_name(name->text, name->length, names, count);
}

/* start(id): are the arguments what the keys of a map are, most likely? */
static bool is_like_entry(const struct checker *checker, const struct expression *call)
{
	if (call == checker->action)
		return false; /* whose value would be of no use */
	if (table_find(&checker->variables, call->name.text, call->name.length))
		return true;
	for (const struct argument *argument = call->list.first; argument; argument = argument->next) {
		const struct expression *value = argument->value;

		if (value->meaning != MEANING_FIELD && (value->meaning != MEANING_BUILTIN || value->builtin != JST_VARIABLE_TID))
			return false;
	}
	return call->list.first && !checker->clause->is_special;
}

static void help_function(struct checker *checker, const struct expression *call)
{
	const char *name = call->name.text, *close = suggest_function(checker, &call->name), *ours = habit_function(name);

	if (ours)
		diagnostics_help(checker->diagnostics, "%s", ours);
	else if (close && suggest_distance(name, close) <= 1)
		diagnostics_help(checker->diagnostics, "did you mean '%s'?", close);
	else if (!strchr(name, '.') && is_like_entry(checker, call))
		diagnostics_help(checker->diagnostics, "an entry of a map, or the time of a sibling probe, is written %s[…]", name);
	else if (close)
		diagnostics_help(checker->diagnostics, "did you mean '%s'?", close);
}

static void unknown_function(struct checker *checker, const struct expression *expression)
{
	if (aggregation_find(&expression->name) >= 0) {
		diagnostics_add(checker->diagnostics, DIAGNOSTIC_AGGREGATION_FUNCTION, expression->operator_at, expression->name.text);
		diagnostics_help(checker->diagnostics, "it is assigned: @name = %s(…)", expression->name.text);
		return;
	}
	for (size_t i = FIRST_ACTION; i < BEHIND_ACTIONS; i++) {
		if (!strcmp(callable_names[i], expression->name.text)) {
			diagnostics_add(checker->diagnostics, DIAGNOSTIC_ACTION_VALUE, expression->operator_at, expression->name.text);
			diagnostics_help(checker->diagnostics, "it stands as a statement of its own");
			return;
		}
	}

	diagnostics_add(checker->diagnostics, DIAGNOSTIC_UNKNOWN_FUNCTION, expression->operator_at, expression->name.text);
	help_function(checker, expression);
}

static void check_function(struct checker *checker, const struct expression *expression, const struct builtin_function *function)
{
	char text[32];

	for (const struct argument *argument = expression->list.first; argument; argument = argument->next) {
		if (argument->label.text) {
			diagnostics_add(checker->diagnostics, DIAGNOSTIC_NAMED_ARGUMENT, argument->label_at, function->name, argument->label.text);
			diagnostics_help(checker->diagnostics, "expected %s", function->signature);
			return;
		}
	}
	if (expression->list.count < (uint32_t)function->min || (function->max >= 0 && expression->list.count > (uint32_t)function->max)) {
		diagnostics_add(checker->diagnostics, DIAGNOSTIC_FUNCTION_ARGUMENTS, expression->at, function->name, count_text(text, expression->list.count, "argument"));
		diagnostics_help(checker->diagnostics, "expected %s", function->signature);
	} else if (expression->list.count > JST_MAX_ARGUMENTS) {
		diagnostics_add(checker->diagnostics, DIAGNOSTIC_TOO_MANY_ARGUMENTS, expression->at, JST_MAX_ARGUMENTS);
	} else if (expression->function == JST_FUNCTION_HAS && expression->list.first->value->meaning != MEANING_FIELD) {
		diagnostics_add(checker->diagnostics, DIAGNOSTIC_HAS_FIELD, expression->list.first->value->at);
		diagnostics_help(checker->diagnostics, "a field that a variable hides is written trace.name");
	}
}

/* stack() and stack(5), where it may stand. */
static void check_stack(struct checker *checker, const struct expression *expression, bool carried)
{
	const struct argument *frames = expression->list.first;
	struct jst_value most = jst_value_int(1);

	checker->compiled->stacks = true;
	if (checker->clause && checker->clause->is_special) {
		diagnostics_add(checker->diagnostics, DIAGNOSTIC_PROBE_VARIABLE, expression->operator_at, "stack");
	} else if (!carried) {
		diagnostics_add(checker->diagnostics, DIAGNOSTIC_STACK_USE, expression->at);
		diagnostics_help(checker->diagnostics, "it is a key or is printed: @[stack()] = count() or print(stack())");
	} else if (frames) {
		fold(frames->value);
		if (!tree_literal(frames->value, &most) || most.kind != JST_INT || most.i < 1 || most.i > JST_STACK_FRAMES)
			diagnostics_add(checker->diagnostics, DIAGNOSTIC_STACK_FRAMES, frames->value->at, JST_STACK_FRAMES);
	}
}

/* A call of the script's own function: as many arguments as it has parameters, by position. */
static void check_defined(struct checker *checker, struct expression *expression, struct function *function)
{
	char text[32], signature[160];
	size_t used;

	expression->meaning = MEANING_DEFINED;
	expression->defined = function;
	for (const struct argument *argument = expression->list.first; argument; argument = argument->next) {
		if (argument->label.text) {
			diagnostics_add(checker->diagnostics, DIAGNOSTIC_NAMED_ARGUMENT, argument->label_at, function->name.text, argument->label.text);
			return;
		}
	}
	if (expression->list.count == function->parameters.count)
		return;
	used = (size_t)snprintf(signature, sizeof(signature), "%s(", function->name.text);
	for (const struct argument *parameter = function->parameters.first; parameter && used < sizeof(signature); parameter = parameter->next)
		used += (size_t)snprintf(signature + used, sizeof(signature) - used, "%s$%s", parameter == function->parameters.first ? "" : ", ", parameter->value->name.text);
	diagnostics_add(checker->diagnostics, DIAGNOSTIC_FUNCTION_ARGUMENTS, expression->at, function->name.text, count_text(text, expression->list.count, "argument"));
	diagnostics_help(checker->diagnostics, "expected %s)", signature);
}

static void check_call(struct checker *checker, struct expression *expression)
{
	const bool carried = checker->carried == expression;
	struct function *function = definitions_function(checker, expression);

	if (is_open(expression)) {
		check_open_place(checker, expression);
		return;
	}
	if (!function && check_quantile(checker, expression))
		return;
	checker->tests = !function && !strcmp(expression->name.text, functions[JST_FUNCTION_HAS].name);
	check_list(checker, &expression->list);
	checker->tests = false;
	if (function) {
		check_defined(checker, expression, function);
		return;
	}
	for (int i = 0; i < JST_FUNCTIONS; i++) {
		if (strcmp(functions[i].name, expression->name.text) != 0)
			continue;
		expression->meaning = MEANING_FUNCTION;
		expression->function = (enum jst_function)i;
		check_function(checker, expression, &functions[i]);
		if (i == JST_FUNCTION_STACK)
			check_stack(checker, expression, carried);
		return;
	}
	unknown_function(checker, expression);
}

void check_expression(struct checker *checker, struct expression *expression)
{
	switch (expression->type) {
	case EXPRESSION_NIL:
	case EXPRESSION_DOUBLE:
	case EXPRESSION_STRING:
		break;
	case EXPRESSION_INT:
		expression->int_valued = true;
		break;
	case EXPRESSION_NAME:
	case EXPRESSION_SELF:
		names_resolve(checker, expression);
		break;
	case EXPRESSION_LOCAL:
		check_local(checker, expression);
		break;
	case EXPRESSION_ARGUMENT:
		check_argument(checker, expression);
		break;
	case EXPRESSION_ARGUMENTS:
		expression->type = EXPRESSION_INT;
		expression->integer = checker->options->argument_count;
		checker->compiled->arguments_read = checker->options->argument_count;
		expression->int_valued = true;
		break;
	case EXPRESSION_AGGREGATION:
		check_read(checker, expression);
		break;
	case EXPRESSION_CALL:
		check_call(checker, expression);
		break;
	case EXPRESSION_UNARY:
		check_expression(checker, expression->left);
		expression->int_valued = expression->operator == OPERATOR_NOT || expression->left->int_valued;
		break;
	case EXPRESSION_BINARY:
		check_binary(checker, expression);
		break;
	case EXPRESSION_IN:
		check_in(checker, expression);
		break;
	case EXPRESSION_CONDITIONAL:
		check_expression(checker, expression->condition);
		check_expression(checker, expression->left);
		check_expression(checker, expression->right);
		break;
	}
}
