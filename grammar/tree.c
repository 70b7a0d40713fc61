/*
 * Building nodes. The depth of each is kept as it is made: a tree that is deeper than TREE_DEPTH is an error, so no pass over it can run out of stack.
 */
#include "tree.h"

static struct expression *new_expression(struct script *script, enum expression_type type, struct location at)
{
	struct expression *expression = arena_allocate(script->arena, sizeof(*expression));

	expression->type = type;
	expression->at = at;
	expression->depth = 1;
	return expression;
}

static uint16_t deepest(const struct arguments *list)
{
	uint16_t depth = 0;

	for (const struct argument *argument = list->first; argument; argument = argument->next) {
		if (argument->value->depth > depth)
			depth = argument->value->depth;
	}
	return depth;
}

/* The node if it is not too deep, else an empty one: the depth above it starts anew, so the error comes once for each TREE_DEPTH levels. */
static struct expression *limit_depth(struct script *script, struct expression *expression, uint16_t below)
{
	if (below < TREE_DEPTH) {
		expression->depth = (uint16_t)(below + 1);
		return expression;
	}
	diagnostics_add(script->diagnostics, DIAGNOSTIC_TOO_DEEP, expression->at, TREE_DEPTH);
	diagnostics_help(script->diagnostics, "keep parts of it in variables such as $x");
	return new_expression(script, EXPRESSION_NIL, expression->at);
}

static uint16_t deeper(const struct expression *a, const struct expression *b)
{
	return a->depth > b->depth ? a->depth : b->depth;
}

struct expression *tree_leaf(struct script *script, enum expression_type type, struct location at, struct name name)
{
	struct expression *expression = new_expression(script, type, at);

	expression->name = name;
	return expression;
}

struct expression *tree_number(struct script *script, const struct expression *literal, struct location at)
{
	struct expression *expression = new_expression(script, literal->type, at);

	expression->integer = literal->integer;
	expression->number = literal->number;
	expression->unit = literal->unit;
	return expression;
}

struct expression *tree_named(struct script *script, enum expression_type type, struct location at, struct name name, struct arguments list, bool indexed)
{
	struct expression *expression = tree_leaf(script, type, at, name);

	expression->list = list;
	expression->indexed = indexed;
	return limit_depth(script, expression, deepest(&list));
}

struct expression *tree_unary(struct script *script, enum operator operator, struct location at, struct location operator_at, struct expression *operand)
{
	struct expression *expression = new_expression(script, EXPRESSION_UNARY, at);

	expression->operator = operator;
	expression->operator_at = operator_at;
	expression->left = operand;
	return limit_depth(script, expression, operand->depth);
}

struct expression *tree_binary(struct script *script, enum operator operator, struct location at, struct location operator_at, struct expression *left, struct expression *right)
{
	struct expression *expression = new_expression(script, EXPRESSION_BINARY, at);

	expression->operator = operator;
	expression->operator_at = operator_at;
	expression->left = left;
	expression->right = right;
	return limit_depth(script, expression, deeper(left, right));
}

struct expression *tree_in(struct script *script, struct location at, struct location operator_at, struct arguments keys, struct expression *map)
{
	struct expression *expression = new_expression(script, EXPRESSION_IN, at);
	uint16_t below = deepest(&keys);

	expression->operator_at = operator_at;
	expression->list = keys;
	expression->right = map;
	return limit_depth(script, expression, below > map->depth ? below : map->depth);
}

struct expression *tree_conditional(struct script *script, struct location at, struct expression *condition, struct expression *left, struct expression *right)
{
	struct expression *expression = new_expression(script, EXPRESSION_CONDITIONAL, at);
	uint16_t below = deeper(left, right);

	expression->condition = condition;
	expression->left = left;
	expression->right = right;
	return limit_depth(script, expression, below > condition->depth ? below : condition->depth);
}

struct arguments tree_argument(struct script *script, struct arguments list, struct name label, struct location label_at, struct expression *value)
{
	struct argument *argument = arena_allocate(script->arena, sizeof(*argument));

	argument->label = label;
	argument->label_at = label_at;
	argument->value = value;
	if (list.last)
		list.last->next = argument;
	else
		list.first = argument;
	list.last = argument;
	list.count++;
	return list;
}

struct statement *tree_statement(struct script *script, enum statement_type type, struct location at, struct expression *target, struct expression *value)
{
	struct statement *statement = arena_allocate(script->arena, sizeof(*statement));

	statement->type = type;
	statement->at = at;
	statement->depth = 1;
	statement->target = target;
	statement->value = value;
	return statement;
}

static uint16_t block_depth(const struct block *block)
{
	/* tree_append() keeps the depth of a block in its last statement's place: the deepest so far. */
	return block->last ? block->last->depth : 0;
}

struct block tree_append(struct block block, struct statement *statement)
{
	if (block.last) {
		if (block.last->depth > statement->depth)
			statement->depth = block.last->depth;
		block.last->next = statement;
	} else {
		block.first = statement;
	}
	block.last = statement;
	return block;
}

struct statement *tree_compound(struct script *script, struct statement *statement, struct block body, struct block otherwise)
{
	uint16_t below = block_depth(&body);

	if (block_depth(&otherwise) > below)
		below = block_depth(&otherwise);
	if (below >= TREE_DEPTH) {
		diagnostics_add(script->diagnostics, DIAGNOSTIC_TOO_DEEP, statement->at, TREE_DEPTH);
		return tree_statement(script, STATEMENT_RETURN, statement->at, NULL, NULL);
	}
	statement->depth = (uint16_t)(below + 1);
	statement->body = body;
	statement->otherwise = otherwise;
	return statement;
}

struct pattern *tree_pattern(struct script *script, struct location at, struct name text, bool quoted)
{
	struct pattern *pattern = arena_allocate(script->arena, sizeof(*pattern));

	pattern->at = at;
	pattern->text = text;
	pattern->quoted = quoted;
	for (size_t i = 0; !quoted && i < text.length; i++) {
		if (text.text[i] == '*' || text.text[i] == '?' || text.text[i] == '[')
			pattern->glob = true;
	}
	return pattern;
}

struct clause *tree_clause(struct script *script, struct location at, struct pattern *first, struct pattern *last)
{
	struct clause *clause = arena_allocate(script->arena, sizeof(*clause));

	clause->at = at;
	clause->first = first;
	clause->last = last;
	return clause;
}

void tree_add(struct script *script, struct clause *clause)
{
	if (script->last)
		script->last->next = clause;
	else
		script->first = clause;
	script->last = clause;
}

struct function *tree_function(struct script *script, struct location at, struct name name, struct arguments parameters, struct block body)
{
	struct function *function = arena_allocate(script->arena, sizeof(*function));

	function->name = name;
	function->at = at;
	function->parameters = parameters;
	function->body = body;
	if (script->last_function)
		script->last_function->next = function;
	else
		script->first_function = function;
	script->last_function = function;
	script->definitions_made++;
	return function;
}

struct constant *tree_constant(struct script *script, struct location at, struct name name, struct expression *value)
{
	struct constant *constant = arena_allocate(script->arena, sizeof(*constant));

	constant->name = name;
	constant->at = at;
	constant->value = value;
	if (script->last_constant)
		script->last_constant->next = constant;
	else
		script->first_constant = constant;
	script->last_constant = constant;
	script->definitions_made++;
	return constant;
}

struct parameter *tree_parameter(struct script *script, struct location at, struct name name, struct expression *value)
{
	struct parameter *parameter = arena_allocate(script->arena, sizeof(*parameter));

	parameter->name = name;
	parameter->at = at;
	parameter->value = value;
	if (script->last_parameter)
		script->last_parameter->next = parameter;
	else
		script->first_parameter = parameter;
	script->last_parameter = parameter;
	script->definitions_made++;
	return parameter;
}

const char *tree_operator(enum operator operator)
{
	static const char *const texts[] = {
#define OPERATOR(name, text) [OPERATOR_##name] = text,
		UNARY_OPERATORS BINARY_OPERATORS
#undef OPERATOR
	};

	return texts[operator];
}

bool tree_literal(const struct expression *expression, struct jst_value *value)
{
	bool negative = expression->type == EXPRESSION_UNARY && expression->operator == OPERATOR_NEGATE;
	const struct expression *literal = negative ? expression->left : expression;

	if (literal->type == EXPRESSION_INT)
		*value = jst_value_int(negative ? (int64_t)-(uint64_t)literal->integer : literal->integer);
	else if (literal->type == EXPRESSION_DOUBLE)
		*value = jst_value_double(negative ? -literal->number : literal->number);
	else if (literal->type == EXPRESSION_STRING && !negative)
		*value = jst_value_string(literal->name.text, (uint32_t)literal->name.length);
	else
		return false;
	return true;
}
