/*
 * Expressions, as trees.
 */
#include <string.h>

#include "generator.h"

static const struct location nowhere;

const struct variable_row variable_rows[] = {
#define VARIABLE_ROW(id, name, want, keys, key, self) { name, WANT_##want, keys, WANT_##key, self },
	VARIABLE_ROWS
#undef VARIABLE_ROW
};

static struct name named(const char *text)
{
	return (struct name){ text, strlen(text) };
}

static bool percent(struct generator *generator, uint32_t share)
{
	return random_percent(&generator->random, share);
}

static uint32_t below(struct generator *generator, uint32_t count)
{
	return random_below(&generator->random, count);
}

#define PICK(array) RANDOM_OF(&generator->random, array)

/* ---- nodes ---- */

struct expression *generator_integer(struct generator *generator, int64_t value)
{
	const struct expression literal = { .type = EXPRESSION_INT, .integer = value };
	/* The column chooses how it is written. */
	const struct location style = { .column = (int)below(generator, 8) };

	return tree_number(generator->script, &literal, style);
}

static struct expression *unary(struct generator *generator, enum operator operator, struct expression *operand)
{
	return tree_unary(generator->script, operator, nowhere, nowhere, operand);
}

struct expression *generator_binary(struct generator *generator, enum operator operator, struct expression *left, struct expression *right)
{
	return tree_binary(generator->script, operator, nowhere, nowhere, left, right);
}

struct expression *generator_call(struct generator *generator, const char *name, uint32_t count, struct expression *const *arguments)
{
	struct arguments list = { 0 };

	for (uint32_t i = 0; i < count; i++)
		list = tree_argument(generator->script, list, (struct name){ 0 }, nowhere, arguments[i]);
	return tree_named(generator->script, EXPRESSION_CALL, nowhere, named(name), list, false);
}

struct expression *generator_local(struct generator *generator, const char *name)
{
	return tree_leaf(generator->script, EXPRESSION_LOCAL, nowhere, named(name));
}

const char *const local_names[WANTS][LOCALS_OF_A_KIND] = {
	[WANT_INT] = { "i", "j" }, [WANT_WORD] = { "w", "v" }, [WANT_DOUBLE] = { "d", "e" }, [WANT_STRING] = { "s", "t" }, [WANT_ANY] = { "a", "b" },
};

struct expression *generator_any_local(struct generator *generator, enum want want)
{
	return generator_local(generator, local_names[want][below(generator, LOCALS_OF_A_KIND)]);
}

static struct expression *field(struct generator *generator, const char *name)
{
	if (!strchr(name, '-') && percent(generator, 90)) {
		char text[40];

		/* trace.x is the field x. */
		snprintf(text, sizeof(text), "%s%s", percent(generator, 10) ? "trace." : "", name);
		return tree_leaf(generator->script, EXPRESSION_NAME, nowhere, (struct name){ arena_copy(generator->script->arena, text, strlen(text)), strlen(text) });
	}

	struct expression *key = tree_leaf(generator->script, EXPRESSION_STRING, nowhere, named(name));
	struct arguments list = tree_argument(generator->script, (struct arguments){ 0 }, (struct name){ 0 }, nowhere, key);

	return tree_named(generator->script, EXPRESSION_NAME, nowhere, named("trace"), list, true);
}

static struct expression *missing_field(struct generator *generator)
{
	return field(generator, percent(generator, 50) ? "missing" : "req.missing");
}

struct expression *generator_variable(struct generator *generator, enum variable_id id, int depth)
{
	const struct variable_row *row = &variable_rows[id];
	struct arguments list = { 0 };

	generator->used[id] = true;
	for (uint32_t i = 0; i < row->keys; i++) {
		/* Mostly few and small keys, so that entries are met again. */
		struct expression *key = percent(generator, 60) ? generator_integer(generator, below(generator, 4)) : generator_value(generator, row->key, depth - 1);

		list = tree_argument(generator->script, list, (struct name){ 0 }, nowhere, key);
	}
	return tree_named(generator->script, row->is_self ? EXPRESSION_SELF : EXPRESSION_NAME, nowhere, named(row->name), list, row->keys > 0);
}

enum variable_id generator_variable_id(struct generator *generator, enum want want)
{
	enum variable_id id;

	do
		id = (enum variable_id)(1 + below(generator, VARIABLES - 1));
	while (want != WANT_ANY && variable_rows[id].want != want);
	return id;
}

/* ---- leaves ---- */

static struct expression *integer_literal(struct generator *generator)
{
	struct expression *literal = generator_integer(generator, generator_edge_integer(&generator->random));

	if (literal->integer >= 0 && percent(generator, 5))
		literal->unit = percent(generator, 50) ? UNIT_DURATION : UNIT_SIZE;
	return percent(generator, 20) ? unary(generator, OPERATOR_NEGATE, literal) : literal;
}

static struct expression *double_literal(struct generator *generator)
{
	const struct expression literal = { .type = EXPRESSION_DOUBLE, .number = generator_edge_double(&generator->random) };
	const struct expression huge = { .type = EXPRESSION_DOUBLE, .number = 1e308 };
	struct script *script = generator->script;

	if (percent(generator, 4)) {
		struct expression *infinite = generator_binary(generator, OPERATOR_MUL, tree_number(script, &huge, nowhere), generator_integer(generator, 10));

		return percent(generator, 50) ? infinite : generator_binary(generator, OPERATOR_MUL, infinite, percent(generator, 50) ? generator_integer(generator, 0) : unary(generator, OPERATOR_NEGATE, generator_integer(generator, 1)));
	}
	return percent(generator, 20) ? unary(generator, OPERATOR_NEGATE, tree_number(script, &literal, nowhere)) : tree_number(script, &literal, nowhere);
}

static struct expression *string_literal(struct generator *generator)
{
	struct script *script = generator->script;

	return tree_leaf(script, EXPRESSION_STRING, nowhere, generator_edge_string(&generator->random, script->arena, true));
}

struct expression *generator_literal(struct generator *generator, enum want want)
{
	if (want == WANT_ANY)
		want = (enum want)below(generator, WANT_ANY);
	return want == WANT_DOUBLE ? double_literal(generator) : want == WANT_STRING ? string_literal(generator) : integer_literal(generator);
}

/* A constant or a named argument of that kind, NULL if there is none. */
static struct expression *defined_leaf(struct generator *generator, enum want want)
{
	const uint32_t first = below(generator, MOST_CONSTANTS + MOST_ARGUMENTS);

	for (uint32_t i = first; i < MOST_CONSTANTS + MOST_ARGUMENTS; i++) {
		if (i < generator->constant_count && (want == WANT_ANY || generator->constants[i] == want))
			return tree_leaf(generator->script, EXPRESSION_NAME, nowhere, named(constant_names[i]));
		if (i >= MOST_CONSTANTS && i - MOST_CONSTANTS < generator->argument_count && (want == WANT_ANY || generator->arguments[i - MOST_CONSTANTS] == want))
			return tree_leaf(generator->script, EXPRESSION_LOCAL, nowhere, named(argument_names[i - MOST_CONSTANTS]));
	}
	return NULL;
}

static struct expression *word_leaf(struct generator *generator)
{
	switch (below(generator, generator->inside ? 7 : 8)) {
	case 7:
		return tree_leaf(generator->script, EXPRESSION_NAME, nowhere, named("tid"));
	case 0:
		return tree_leaf(generator->script, EXPRESSION_ARGUMENTS, nowhere, named(""));
	default:
		return integer_literal(generator);
	}
}

static struct expression *argument(struct generator *generator)
{
	static const char *const numbers[] = { "1", "2", "3" };

	return tree_leaf(generator->script, EXPRESSION_ARGUMENT, nowhere, named(PICK(numbers)));
}

static struct expression *any_leaf(struct generator *generator, int depth)
{
	switch (below(generator, 6)) {
	case 0:
		return tree_leaf(generator->script, EXPRESSION_NIL, nowhere, named(""));
	case 1:
		if (!generator->inside)
			return missing_field(generator);
		/* fallthrough */
	case 2:
		return argument(generator);
	default:
		return generator_value(generator, (enum want)below(generator, WANT_ANY), depth);
	}
}

static struct expression *leaf(struct generator *generator, enum want want)
{
	static const char *const integers[] = { "i", "u", "b", "p", "content-length", "line", "i", "u" };
	static const char *const strings[] = { "s", "y", "req.url", "name", "probename", "file", "s", "y" };

	/* Before all else: what is assigned is no longer what it was while it is being read. */
	if (generator->target && percent(generator, 15))
		return generator_local(generator, generator->target);

	struct expression *defined = want != WANT_WORD && percent(generator, 8) ? defined_leaf(generator, want) : NULL;

	if (defined)
		return defined;
	if (want == WANT_WORD)
		return word_leaf(generator);
	if (want == WANT_ANY)
		return any_leaf(generator, 0);
	if (generator->inside)
		return percent(generator, 60) ? generator_any_local(generator, percent(generator, 90) ? want : WANT_ANY) : generator_literal(generator, want);
	switch (below(generator, 10)) {
	case 0:
	case 1:
		return generator_any_local(generator, percent(generator, 90) ? want : WANT_ANY);
	case 2:
		return generator_variable(generator, generator_variable_id(generator, want), 0);
	case 3:
	case 4:
	case 5:
		if (want == WANT_DOUBLE)
			return field(generator, "d");
		{
			const char *name = want == WANT_INT ? PICK(integers) : PICK(strings);
			const bool is_field = strcmp(name, "line") && strcmp(name, "name") && strcmp(name, "probename") && strcmp(name, "file");

			return is_field ? field(generator, name) : tree_leaf(generator->script, EXPRESSION_NAME, nowhere, named(name));
		}
	default:
		return generator_literal(generator, want);
	}
}

/* ---- what gives 0 or 1 ---- */

static struct expression *comparison(struct generator *generator, int depth)
{
	static const enum operator operators[] = { OPERATOR_EQ, OPERATOR_NE, OPERATOR_LT, OPERATOR_LE, OPERATOR_GT, OPERATOR_GE };
	const enum want left = (enum want)below(generator, WANTS);
	/* Numbers of both kinds with each other, else mostly like with like. */
	const enum want right = percent(generator, 15) ? WANT_ANY : left == WANT_STRING || left == WANT_ANY ? left : percent(generator, 50) ? WANT_INT : WANT_DOUBLE;

	return generator_binary(generator, PICK(operators), generator_value(generator, left, depth), generator_value(generator, right, depth));
}

/* x == nil, nil != x. */
static struct expression *nil_test(struct generator *generator, int depth)
{
	struct expression *nil = tree_leaf(generator->script, EXPRESSION_NIL, nowhere, named("")), *value = generator_value(generator, WANT_ANY, depth);
	const enum operator operator = percent(generator, 50) ? OPERATOR_EQ : OPERATOR_NE;

	return percent(generator, 80) ? generator_binary(generator, operator, value, nil) : generator_binary(generator, operator, nil, value);
}

static struct expression *match(struct generator *generator, int depth)
{
	struct script *script = generator->script;
	struct expression *glob = percent(generator, 85) ? tree_leaf(script, EXPRESSION_STRING, nowhere, generator_glob(&generator->random, script->arena)) : generator_value(generator, WANT_ANY, depth);

	return generator_binary(generator, percent(generator, 50) ? OPERATOR_MATCH : OPERATOR_NO_MATCH, generator_value(generator, percent(generator, 85) ? WANT_STRING : WANT_ANY, depth), glob);
}

static struct expression *in_map(struct generator *generator, int depth)
{
	enum variable_id id;

	do
		id = (enum variable_id)below(generator, VARIABLES);
	while (!variable_rows[id].keys);

	struct expression *entry = generator_variable(generator, id, depth);
	struct expression *map = tree_leaf(generator->script, entry->type, nowhere, entry->name);

	return tree_in(generator->script, nowhere, nowhere, entry->list, map);
}

/* rand() is in [0, 1): asked so that any number of these gives the same answer. */
static struct expression *random_range(struct generator *generator)
{
	struct expression *rand = generator_call(generator, "rand", 0, NULL);

	switch (below(generator, 4)) {
	case 0:
		return generator_binary(generator, OPERATOR_LT, rand, generator_integer(generator, 1));
	case 1:
		return generator_binary(generator, OPERATOR_GE, rand, generator_integer(generator, 0));
	case 2:
		return generator_call(generator, "int", 1, &rand);
	default:
		return generator_call(generator, "floor", 1, &rand);
	}
}

static struct expression *has(struct generator *generator)
{
	struct expression *argument = percent(generator, 30) ? missing_field(generator) : field(generator, field_rows[below(generator, PROGRAM_FIELD_COUNT)].name);

	return generator_call(generator, "has", 1, &argument);
}

/* What is false: the right side of an || is looked at only behind that. */
static struct expression *falsehood(struct generator *generator)
{
	const struct expression zero = { .type = EXPRESSION_DOUBLE };

	switch (below(generator, 4)) {
	case 0:
		return generator_integer(generator, 0);
	case 1:
		return tree_leaf(generator->script, EXPRESSION_STRING, nowhere, named(""));
	default:
		return tree_number(generator->script, &zero, nowhere);
	}
}

/* Any operator with operands of any kinds, most of them errors: what is asked of the result is whether it is nil. */
static struct expression *mixed(struct generator *generator)
{
	const enum operator operator = (enum operator)(OPERATOR_LOGICAL_OR + below(generator, OPERATOR_MOD - OPERATOR_LOGICAL_OR + 1));
	struct expression *nil = tree_leaf(generator->script, EXPRESSION_NIL, nowhere, named(""));
	struct expression *left = operator == OPERATOR_LOGICAL_OR ? falsehood(generator) : leaf(generator, (enum want)below(generator, WANTS));
	struct expression *result = generator_binary(generator, operator, left, leaf(generator, (enum want)below(generator, WANTS)));

	return generator_binary(generator, percent(generator, 50) ? OPERATOR_EQ : OPERATOR_NE, result, nil);
}

static struct expression *truth(struct generator *generator, int depth)
{
	switch (below(generator, 12)) {
	case 10:
	case 11:
		return mixed(generator);
	case 0:
	case 1:
		return generator_binary(generator, percent(generator, 50) ? OPERATOR_LOGICAL_AND : OPERATOR_LOGICAL_OR, generator_value(generator, WANT_ANY, depth), generator_value(generator, WANT_ANY, depth));
	case 2:
		return unary(generator, OPERATOR_NOT, generator_value(generator, WANT_ANY, depth));
	case 5:
		if (!generator->inside)
			return in_map(generator, depth);
		/* fallthrough */
	case 3:
	case 4:
		return match(generator, depth);
	case 6:
		return nil_test(generator, depth);
	default:
		return comparison(generator, depth);
	}
}

/* ---- the rest ---- */

/* Something to divide by: now and then 0. */
static struct expression *divisor(struct generator *generator, enum want want, int depth)
{
	if (percent(generator, 8))
		return generator_value(generator, want, depth);
	if (want == WANT_DOUBLE && percent(generator, 50))
		return double_literal(generator);
	if (percent(generator, 40))
		return percent(generator, 15) ? unary(generator, OPERATOR_NEGATE, generator_integer(generator, 1)) : generator_integer(generator, 1 + below(generator, 9));
	return generator_binary(generator, OPERATOR_OR, generator_value(generator, WANT_INT, depth), generator_integer(generator, 1));
}

static struct expression *arithmetic(struct generator *generator, enum want want, int depth)
{
	static const enum operator plain[] = { OPERATOR_ADD, OPERATOR_SUB, OPERATOR_MUL }, bits[] = { OPERATOR_AND, OPERATOR_OR, OPERATOR_XOR, OPERATOR_SHL, OPERATOR_SHR },
				   dividing[] = { OPERATOR_DIV, OPERATOR_MOD };
	const enum want left = want == WANT_DOUBLE && percent(generator, 25) ? WANT_INT : want;
	const enum want right = want == WANT_DOUBLE && left == want && percent(generator, 35) ? WANT_INT : want;

	if (want != WANT_DOUBLE && percent(generator, 45))
		return generator_binary(generator, PICK(bits), generator_value(generator, want, depth), generator_value(generator, want, depth));
	if (want != WANT_WORD && percent(generator, 35))
		return generator_binary(generator, PICK(dividing), generator_value(generator, left, depth), divisor(generator, right, depth));
	return generator_binary(generator, PICK(plain), generator_value(generator, left, depth), generator_value(generator, right, depth));
}

static struct expression *conditional(struct generator *generator, enum want want, int depth)
{
	return tree_conditional(generator->script, nowhere, generator_value(generator, percent(generator, 70) ? WANT_WORD : WANT_ANY, depth), generator_value(generator, want, depth), generator_value(generator, want, depth));
}

/* A function with the kinds of its arguments. */
struct prototype {
	const char *name;
	uint32_t count;
	enum want arguments[3];
};

static struct expression *call(struct generator *generator, const struct prototype *prototype, int depth)
{
	struct expression *arguments[3];

	for (uint32_t i = 0; i < prototype->count; i++)
		arguments[i] = generator_value(generator, prototype->arguments[i], depth);
	return generator_call(generator, prototype->name, prototype->count, arguments);
}

/* min, max or cat of some values. */
static struct expression *variadic(struct generator *generator, const char *name, uint32_t least, enum want want, enum want other, int depth)
{
	struct expression *arguments[4];
	const uint32_t count = least + below(generator, 3);

	for (uint32_t i = 0; i < count; i++)
		arguments[i] = generator_value(generator, percent(generator, 75) ? want : other, depth);
	return generator_call(generator, name, count, arguments);
}

static struct expression *int_call(struct generator *generator, int depth)
{
	static const struct prototype prototypes[] = {
		{ "strlen", 1, { WANT_STRING } }, { "strstr", 2, { WANT_STRING, WANT_STRING } }, { "strcontains", 2, { WANT_STRING, WANT_STRING } },
		{ "starts_with", 2, { WANT_STRING, WANT_STRING } }, { "ends_with", 2, { WANT_STRING, WANT_STRING } }, { "int", 1, { WANT_STRING } }, { "int", 1, { WANT_DOUBLE } },
		{ "floor", 1, { WANT_DOUBLE } }, { "ceil", 1, { WANT_DOUBLE } }, { "round", 1, { WANT_DOUBLE } }, { "abs", 1, { WANT_INT } }, { "hash", 1, { WANT_ANY } }, { "hash", 1, { WANT_STRING } }, { "int", 1, { WANT_ANY } },
	};

	switch (below(generator, 10)) {
	case 0:
		return variadic(generator, percent(generator, 50) ? "min" : "max", 2, WANT_INT, WANT_INT, depth);
	case 1:
		if (!generator->inside)
			return has(generator);
		/* fallthrough */
	case 2:
		return percent(generator, 30) ? random_range(generator) : call(generator, &PICK(prototypes), depth);
	default:
		return call(generator, &PICK(prototypes), depth);
	}
}

static struct expression *double_call(struct generator *generator, int depth)
{
	static const struct prototype prototypes[] = {
		{ "float", 1, { WANT_INT } }, { "float", 1, { WANT_STRING } }, { "log2", 1, { WANT_DOUBLE } }, { "log2", 1, { WANT_INT } },
		{ "sqrt", 1, { WANT_DOUBLE } }, { "sqrt", 1, { WANT_INT } }, { "abs", 1, { WANT_DOUBLE } },
	};

	if (percent(generator, 20))
		return variadic(generator, percent(generator, 50) ? "min" : "max", 2, WANT_DOUBLE, WANT_INT, depth);
	return call(generator, &PICK(prototypes), depth);
}

static struct expression *string_call(struct generator *generator, int depth)
{
	static const struct prototype prototypes[] = {
		{ "substr", 2, { WANT_STRING, WANT_INT } }, { "substr", 3, { WANT_STRING, WANT_INT, WANT_INT } }, { "lower", 1, { WANT_STRING } }, { "upper", 1, { WANT_STRING } },
		{ "trim", 1, { WANT_STRING } }, { "str", 1, { WANT_ANY } }, { "str", 1, { WANT_DOUBLE } }, { "basename", 1, { WANT_STRING } }, { "dirname", 1, { WANT_STRING } },
	};

	switch (below(generator, 8)) {
	case 0:
		return variadic(generator, "cat", 1, WANT_STRING, WANT_ANY, depth);
	case 1:
		return variadic(generator, percent(generator, 50) ? "min" : "max", 2, WANT_STRING, WANT_STRING, depth);
	default:
		return call(generator, &PICK(prototypes), depth);
	}
}

static struct expression *inner(struct generator *generator, enum want want, int depth)
{
	switch (want) {
	case WANT_INT:
		switch (below(generator, 8)) {
		case 0:
		case 1:
			return int_call(generator, depth);
		case 2:
			return truth(generator, depth);
		case 3:
			return unary(generator, percent(generator, 50) ? OPERATOR_NEGATE : OPERATOR_INVERT, generator_value(generator, WANT_INT, depth));
		case 4:
			return conditional(generator, want, depth);
		default:
			return arithmetic(generator, want, depth);
		}
	case WANT_WORD:
		if (percent(generator, 50))
			return truth(generator, depth);
		return percent(generator, 80) ? arithmetic(generator, want, depth) : unary(generator, percent(generator, 50) ? OPERATOR_NEGATE : OPERATOR_INVERT, generator_value(generator, want, depth));
	case WANT_DOUBLE:
		switch (below(generator, 8)) {
		case 0:
		case 1:
			return double_call(generator, depth);
		case 2:
			return unary(generator, OPERATOR_NEGATE, generator_value(generator, want, depth));
		case 3:
			return conditional(generator, want, depth);
		default:
			return arithmetic(generator, want, depth);
		}
	case WANT_STRING:
		switch (below(generator, 6)) {
		case 0:
		case 1:
			return generator_binary(generator, OPERATOR_ADD, generator_value(generator, want, depth), generator_value(generator, want, depth));
		case 2:
			return conditional(generator, want, depth);
		default:
			return string_call(generator, depth);
		}
	default:
		return any_leaf(generator, depth);
	}
}

struct expression *generator_defined_call(struct generator *generator, const struct generated_function *function, int depth)
{
	struct expression *arguments[MOST_PARAMETERS];

	for (uint32_t i = 0; i < function->count; i++)
		arguments[i] = generator_value(generator, function->parameters[i], depth);
	return generator_call(generator, function->name, function->count, arguments);
}

/* A call of a function of the script that gives what is wanted; NULL: there is none, or enough of them. */
static struct expression *defined_call(struct generator *generator, enum want want, int depth)
{
	const uint32_t first = generator->function_count ? below(generator, generator->function_count) : 0;

	for (uint32_t i = first; i < generator->function_count && generator->calls; i++) {
		if (generator->functions[i].want == want || want == WANT_ANY) {
			generator->calls--;
			return generator_defined_call(generator, &generator->functions[i], depth);
		}
	}
	return NULL;
}

struct expression *generator_constant_value(struct generator *generator, enum want want, int depth)
{
	static const enum operator numbers[] = { OPERATOR_ADD, OPERATOR_SUB, OPERATOR_MUL, OPERATOR_DIV, OPERATOR_MOD, OPERATOR_AND, OPERATOR_OR, OPERATOR_XOR, OPERATOR_SHL, OPERATOR_SHR, OPERATOR_LT, OPERATOR_EQ };
	struct expression *defined = percent(generator, 25) ? defined_leaf(generator, want) : NULL;

	if (defined)
		return defined;
	if (depth <= 0 || percent(generator, 20))
		return generator_literal(generator, want);
	if (percent(generator, 10))
		return tree_conditional(generator->script, nowhere, generator_constant_value(generator, WANT_INT, depth - 1), generator_constant_value(generator, want, depth - 1), generator_constant_value(generator, want, depth - 1));
	if (want == WANT_STRING)
		return generator_binary(generator, OPERATOR_ADD, generator_constant_value(generator, want, depth - 1), generator_constant_value(generator, want, depth - 1));
	if (percent(generator, 20))
		return unary(generator, want == WANT_INT && percent(generator, 50) ? OPERATOR_INVERT : OPERATOR_NEGATE, generator_constant_value(generator, want, depth - 1));
	return generator_binary(generator, numbers[below(generator, want == WANT_DOUBLE ? 4 : sizeof(numbers) / sizeof(numbers[0]))], generator_constant_value(generator, want, depth - 1), generator_constant_value(generator, percent(generator, 80) ? want : WANT_INT, depth - 1));
}

struct expression *generator_value(struct generator *generator, enum want want, int depth)
{
	struct expression *expression;

	/* Something of another kind, where its being an integer need not be provable. */
	if (want != WANT_WORD && percent(generator, 3))
		want = WANT_ANY;
	if (want != WANT_WORD && depth > 0 && percent(generator, 8) && (expression = defined_call(generator, want, depth - 1)) != NULL)
		return expression;
	if (depth <= 0 || percent(generator, 15))
		expression = leaf(generator, want);
	else if (want != WANT_WORD && !generator->inside && percent(generator, 5))
		expression = generator_variable(generator, generator_variable_id(generator, want), depth - 1);
	else
		expression = inner(generator, want, depth - 1);
	if (percent(generator, 4))
		expression->parenthesised = true;
	return expression;
}
