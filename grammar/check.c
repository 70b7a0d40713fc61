/*
 * The check, clause by clause and statement by statement. Its other files check what is inside of these: names.c, check_expression.c, check_action.c, check_aggregation.c.
 */
#include "check.h"

#include <string.h>

/* x is assigned value by whatever operator: does it stay an integer? */
static void note_kind(const struct statement *statement)
{
	struct variable *variable = statement->target->variable;
	const struct expression *value = statement->value;

	if (statement->target->meaning != MEANING_VARIABLE)
		return;
	switch (statement->type) {
	case STATEMENT_ASSIGN:
		if (value->type != EXPRESSION_NIL && !value->int_valued)
			variable->all_int = false;
		break;
	case STATEMENT_COMPOUND:
		if ((statement->operator != OPERATOR_ADD && statement->operator != OPERATOR_SUB) || !value->int_valued)
			variable->all_int = false;
		break;
	default:
		break;
	}
}

static void check_assignment(struct checker *checker, struct statement *statement)
{
	if (statement->target->type == EXPRESSION_AGGREGATION) {
		check_update(checker, statement);
		return;
	}

	bool assignable = names_resolve_target(checker, statement->target, false);

	if (statement->value)
		check_expression(checker, statement->value);
	if (assignable)
		note_kind(statement);
}

static void check_delete(struct checker *checker, struct statement *statement)
{
	struct expression *target = statement->target;

	if (target->type == EXPRESSION_AGGREGATION) {
		diagnostics_add(checker->diagnostics, DIAGNOSTIC_AGGREGATION_OPERATOR, statement->at, "delete");
		diagnostics_help(checker->diagnostics, "clear(%s) in a tick clause empties it", target->name.text);
		return;
	}
	names_resolve_target(checker, target, true);
}

static void check_loop(struct checker *checker, struct statement *statement)
{
	check_expression(checker, statement->value);
	if (statement->type == STATEMENT_FOR) {
		names_resolve_target(checker, statement->target, false);
		check_expression(checker, statement->end);
	}
	checker->loops++;
	check_block(checker, &statement->body);
	checker->loops--;
}

/* What changes something, or ships it, stands in clauses only. False: it is that, and was reported. */
static bool suits_function(struct checker *checker, const struct statement *statement)
{
	const struct expression *target = statement->target;

	switch (statement->type) {
	case STATEMENT_ASSIGN:
	case STATEMENT_COMPOUND:
	case STATEMENT_INCREMENT:
	case STATEMENT_DECREMENT:
		return target->type == EXPRESSION_LOCAL || !definitions_refuse(checker, target->at, target->name.text ? target->name.text : "that");
	case STATEMENT_DELETE:
		return !definitions_refuse(checker, statement->at, "delete");
	case STATEMENT_EMIT:
		return !definitions_refuse(checker, statement->at, "emit");
	default:
		return true;
	}
}

static void check_return(struct checker *checker, struct statement *statement)
{
	if (!statement->value)
		return;
	if (checker->function) {
		check_expression(checker, statement->value);
		return;
	}
	diagnostics_add(checker->diagnostics, DIAGNOSTIC_RETURN_VALUE, statement->value->at);
	diagnostics_help(checker->diagnostics, "'return' alone ends the clause");
}

static void check_statement(struct checker *checker, struct statement *statement)
{
	if (!suits_function(checker, statement))
		return;
	switch (statement->type) {
	case STATEMENT_CALL:
		check_action(checker, statement);
		break;
	case STATEMENT_ASSIGN:
	case STATEMENT_COMPOUND:
	case STATEMENT_INCREMENT:
	case STATEMENT_DECREMENT:
		check_assignment(checker, statement);
		break;
	case STATEMENT_DELETE:
		check_delete(checker, statement);
		break;
	case STATEMENT_EMIT:
		check_emit(checker, statement);
		break;
	case STATEMENT_IF:
		check_expression(checker, statement->value);
		check_block(checker, &statement->body);
		check_block(checker, &statement->otherwise);
		break;
	case STATEMENT_FOR_EACH:
		check_for_each(checker, statement);
		break;
	case STATEMENT_FOR:
	case STATEMENT_WHILE:
		check_loop(checker, statement);
		break;
	case STATEMENT_BREAK:
	case STATEMENT_CONTINUE:
		if (!checker->loops)
			diagnostics_add(checker->diagnostics, DIAGNOSTIC_OUTSIDE_LOOP, statement->at, statement->type == STATEMENT_BREAK ? "break" : "continue");
		break;
	case STATEMENT_RETURN:
		check_return(checker, statement);
		break;
	}
}

void check_block(struct checker *checker, struct block *block)
{
	for (struct statement *statement = block->first; statement; statement = statement->next)
		check_statement(checker, statement);
}

static void check_bodyless(struct checker *checker, struct clause *clause)
{
	if (!clause->is_special) {
		clause->record = check_event_record(checker);
		return;
	}
	diagnostics_add(checker->diagnostics, DIAGNOSTIC_NO_EVENT, clause->at, clause_name(clause));
	diagnostics_help(checker->diagnostics, "give it a body");
}

static void note_patterns(struct checker *checker, const struct clause *clause)
{
	struct compiled *compiled = checker->compiled;

	checker->first_pattern = compiled->pattern_count;
	checker->first_read = compiled->read_count;
	for (const struct pattern *pattern = clause->first; pattern && !clause->is_special; pattern = pattern->next) {
		compiled->patterns = heap_grow(compiled->patterns, compiled->pattern_count, sizeof(*compiled->patterns));
		compiled->patterns[compiled->pattern_count++] = heap_copy(pattern->text.text, pattern->text.length);
	}
}

void scope_open(struct checker *checker, struct scope *outer, struct clause *clause, struct function *function)
{
	*outer = (struct scope){ checker->clause, checker->function, checker->locals, checker->last_local, checker->loops };
	checker->clause = clause;
	checker->function = function;
	checker->locals = (struct table){ .arena = checker->script->arena };
	checker->last_local = NULL;
	checker->loops = 0;
}

/* What was meant by a local that is never assigned: another one of the clause or function, or an argument of the script. Looks at the first few only. */
static const char *suggest_local(const struct checker *checker, const struct name *name)
{
	enum { MOST = 64 };
	const char *names[MOST];
	size_t count = 0;

	for (const struct local *local = checker->clause->locals; local && count < MOST; local = local->next) {
		if (local->assigned)
			names[count++] = local->name.text;
	}
	for (const struct parameter *parameter = checker->script->first_parameter; parameter && count < MOST; parameter = parameter->next)
		names[count++] = parameter->name.text;
	return suggest_name(name->text, name->length, names, count);
}

void scope_close(struct checker *checker, const struct scope *outer)
{
	for (const struct local *local = checker->clause->locals; local; local = local->next) {
		if (local->assigned)
			continue;

		const char *close = suggest_local(checker, &local->name);

		diagnostics_add(checker->diagnostics, DIAGNOSTIC_LOCAL_UNASSIGNED, local->at, local->name.text);
		if (close)
			diagnostics_help(checker->diagnostics, "did you mean '$%s'?", close);
	}
	table_fini(&checker->locals);
	checker->clause = outer->clause;
	checker->function = outer->function;
	checker->locals = outer->locals;
	checker->last_local = outer->last_local;
	checker->loops = outer->loops;
}

static void check_clause(struct checker *checker, struct clause *clause)
{
	struct scope outer;

	scope_open(checker, &outer, clause, NULL);
	check_patterns(checker, clause);
	note_patterns(checker, clause);
	if (clause->predicate)
		check_expression(checker, clause->predicate);
	if (clause->has_body)
		check_block(checker, &clause->body);
	else
		check_bodyless(checker, clause);
	scope_close(checker, &outer);
}

void check_init(struct checker *checker, struct script *script, const struct compile_options *options, struct compiled *compiled)
{
	const struct table empty = { .arena = script->arena };

	*checker = (struct checker){
		.script = script,
		.diagnostics = script->diagnostics,
		.options = options,
		.compiled = compiled,
		.variables = empty,
		.selves = empty,
		.aggregations = empty,
		.fields = empty,
		.hiding = empty,
		.functions = empty,
		.constants = empty,
		.parameters = empty,
	};
}

static bool has_broken_definition(const struct script *script)
{
	for (const struct function *function = script->first_function; function; function = function->next) {
		if (function->broken)
			return true;
	}
	for (const struct constant *constant = script->first_constant; constant; constant = constant->next) {
		if (constant->broken)
			return true;
	}
	for (const struct parameter *parameter = script->first_parameter; parameter; parameter = parameter->next) {
		if (parameter->broken)
			return true;
	}
	return false;
}

void check_script(struct checker *checker)
{
	checker->diagnostics->incomplete = checker->diagnostics->errors > 0;
	checker->diagnostics->undefined = checker->script->definitions_made < checker->script->definitions_begun || has_broken_definition(checker->script);
	definitions_collect(checker);
	names_collect(checker);
	definitions_check_values(checker);
	for (struct clause *clause = checker->script->first; clause; clause = clause->next) {
		if (!clause->broken)
			check_clause(checker, clause);
	}
	definitions_check_functions(checker);
	check_uses(checker);
	check_aggregations_updated(checker);
	names_check_sharing(checker);
	check_speculations(checker);
	span_join(checker);
	open_join(checker);
	unit_infer(checker);
}

void check_fini(struct checker *checker)
{
	table_fini(&checker->variables);
	table_fini(&checker->selves);
	table_fini(&checker->aggregations);
	table_fini(&checker->fields);
	table_fini(&checker->hiding);
	table_fini(&checker->functions);
	table_fini(&checker->constants);
	table_fini(&checker->parameters);
}
