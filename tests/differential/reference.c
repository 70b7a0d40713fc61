/*
 * Statements, and an event through the clauses of a script.
 */
#include "reference.h"

enum { MOST_PARAMETERS = 8 };

/* How a statement was left. */
enum flow { ONWARD, BROKEN, CONTINUED, RETURNED };

static enum flow run_block(struct reference *reference, const struct block *block);

const struct entry *reference_entries(const struct reference *reference, const struct variable *variable)
{
	const struct holding *holding = reference->holdings;

	while (holding && holding->variable != variable)
		holding = holding->next;
	return holding ? holding->entries : NULL;
}

/* ---- changing variables ---- */

static void remove_entry(struct holding *holding, const struct entry *entry)
{
	struct entry **link = &holding->entries;

	while (*link && *link != entry)
		link = &(*link)->next;
	if (*link)
		*link = entry->next;
}

/* target = value: the entry is new, replaced or, by nil, removed. */
static void store(struct reference *reference, const struct expression *target, const struct jst_value *keys, struct entry *entry, struct jst_value value)
{
	struct holding *holding = reference_holding(reference, target->variable);

	if (value.kind == JST_NIL) {
		remove_entry(holding, entry);
		return;
	}
	if (!entry) {
		entry = arena_allocate(reference->arena, sizeof(*entry));
		entry->next = holding->entries;
		for (uint32_t i = 0; i < target->list.count; i++)
			entry->keys[i] = keys[i];
		holding->entries = entry;
	}
	entry->value = reference_cut(reference, value);
}

/* What an assignment makes of the old value: compound ones read nil as 0, or as "" where a string is added. */
static struct jst_value assigned(struct reference *reference, const struct statement *statement, struct jst_value old, struct jst_value value)
{
	if (statement->type == STATEMENT_ASSIGN)
		return value;
	if (old.kind == JST_NIL)
		old = statement->operator == OPERATOR_ADD && value.kind == JST_STRING ? jst_value_string("", 0) : jst_value_int(0);
	return reference_arithmetic(reference, statement->operator, old, value);
}

static void assign(struct reference *reference, const struct statement *statement)
{
	const struct expression *target = statement->target;
	/* ++ and -- are += 1 and -= 1. */
	const struct jst_value value = statement->value ? reference_evaluate(reference, statement->value) : jst_value_int(1);

	if (statement->type == STATEMENT_COMPOUND)
		coverage.compound[statement->operator][target->type != EXPRESSION_LOCAL]++;
	if (target->type == EXPRESSION_LOCAL) {
		struct jst_value *local = reference_local(reference, target->local);

		*local = assigned(reference, statement, *local, value);
		return;
	}

	struct jst_value keys[JST_MAX_KEYS];
	struct entry *entry = reference_find(reference, target, keys);

	store(reference, target, keys, entry, assigned(reference, statement, entry ? entry->value : jst_value_nil(), value));
}

static void delete_entry(struct reference *reference, const struct expression *target)
{
	struct jst_value keys[JST_MAX_KEYS];
	const struct entry *entry = reference_find(reference, target, keys);

	remove_entry(reference_holding(reference, target->variable), entry);
}

/* ---- control flow ---- */

/* The body of a loop, once. */
static enum flow run_body(struct reference *reference, const struct block *body)
{
	reference->loops++;
	const enum flow flow = run_block(reference, body);

	reference->loops--;
	return flow;
}

static enum flow run_while(struct reference *reference, const struct statement *loop)
{
	while (reference_step(reference) && reference_truth(reference_evaluate(reference, loop->value))) {
		const enum flow flow = run_body(reference, &loop->body);

		if (flow == BROKEN)
			break;
		if (flow == RETURNED)
			return flow;
	}
	return ONWARD;
}

/* From a to below b in steps of 1, both read once; what the body does to the variable does not change the range. */
static enum flow run_for(struct reference *reference, const struct statement *loop)
{
	struct jst_value at = reference_evaluate(reference, loop->value);
	const struct jst_value end = reference_evaluate(reference, loop->end);

	for (; reference_step(reference) && reference_compare(OPERATOR_LT, at, end); at = reference_arithmetic(reference, OPERATOR_ADD, at, jst_value_int(1))) {
		*reference_local(reference, loop->target->local) = at;

		const enum flow flow = run_body(reference, &loop->body);

		if (flow == BROKEN)
			break;
		if (flow == RETURNED)
			return flow;
	}
	return ONWARD;
}

static enum flow run_statement(struct reference *reference, const struct statement *statement)
{
	coverage.statement[statement->type]++;
	switch (statement->type) {
	case STATEMENT_CALL:
		reference_evaluate(reference, statement->value);
		return ONWARD;
	case STATEMENT_ASSIGN:
	case STATEMENT_COMPOUND:
	case STATEMENT_INCREMENT:
	case STATEMENT_DECREMENT:
		assign(reference, statement);
		return ONWARD;
	case STATEMENT_DELETE:
		delete_entry(reference, statement->target);
		return ONWARD;
	case STATEMENT_IF:
		return run_block(reference, reference_truth(reference_evaluate(reference, statement->value)) ? &statement->body : &statement->otherwise);
	case STATEMENT_WHILE:
		return run_while(reference, statement);
	case STATEMENT_FOR:
		return run_for(reference, statement);
	case STATEMENT_BREAK:
		return BROKEN;
	case STATEMENT_CONTINUE:
		return CONTINUED;
	case STATEMENT_RETURN:
		reference->returned = statement->value ? reference_evaluate(reference, statement->value) : jst_value_nil();
		coverage.from_loop += reference->calls && reference->loops;
		return RETURNED;
	default: /* emit is not generated */
		return ONWARD;
	}
}

static enum flow run_block(struct reference *reference, const struct block *block)
{
	for (const struct statement *statement = block->first; statement && reference_step(reference); statement = statement->next) {
		const enum flow flow = run_statement(reference, statement);

		if (flow != ONWARD)
			return flow;
	}
	return ONWARD;
}

/* Its arguments are read in the caller; all else it has is its own. */
struct jst_value reference_defined(struct reference *reference, const struct expression *call)
{
	const struct function *function = call->defined;
	const struct argument *parameter = function->parameters.first;
	struct reference_local *const outer = reference->locals;
	const uint32_t outer_loops = reference->loops;
	struct jst_value values[MOST_PARAMETERS], *value = values;

	for (const struct argument *argument = call->list.first; argument; argument = argument->next)
		*value++ = reference_evaluate(reference, argument->value);
	coverage.nested += reference->calls > 0;
	reference->locals = NULL;
	reference->loops = 0;
	reference->calls++;
	for (value = values; parameter; parameter = parameter->next)
		*reference_local(reference, parameter->value->local) = *value++;

	const bool returned = run_block(reference, &function->body) == RETURNED;

	coverage.calls++;
	coverage.without_value += !returned;
	reference->locals = outer;
	reference->loops = outer_loops;
	reference->calls--;
	return returned ? reference->returned : jst_value_nil();
}

void reference_event(struct reference *reference, const struct script *script, const struct jst_value *fields)
{
	reference->fields = fields;
	for (const struct clause *clause = script->first; clause; clause = clause->next) {
		reference->locals = NULL;
		reference->steps = 0;
		if (!clause->predicate || reference_truth(reference_evaluate(reference, clause->predicate)))
			run_block(reference, &clause->body);
	}
}
