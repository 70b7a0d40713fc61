/*
 * Programs: the fields of their events, and clauses of statements.
 */
#include "generator.h"

#include <string.h>

enum { DEPTH = 4 };

static const struct location nowhere;

static bool percent(struct generator *generator, uint32_t share)
{
	return random_percent(&generator->random, share);
}

static uint32_t below(struct generator *generator, uint32_t count)
{
	return random_below(&generator->random, count);
}

static void add(struct generator *generator, struct block *block, enum statement_type type, struct expression *target, struct expression *value)
{
	*block = tree_append(*block, tree_statement(generator->script, type, nowhere, target, value));
}

/* ---- assignments ---- */

/* out[n] = …: what a program is there for. */
static void add_result(struct generator *generator, struct block *block)
{
	struct expression *target = generator_variable(generator, VARIABLE_OUT, 0);
	enum want want = (enum want)below(generator, WANTS);

	target->list.first->value = generator_integer(generator, generator->results++ % RESULTS);
	generator->assigned[VARIABLE_OUT] = true;
	if (want == WANT_ANY && percent(generator, 50))
		want = WANT_INT;
	add(generator, block, STATEMENT_ASSIGN, target, generator_value(generator, want, DEPTH));
}

/* A variable's kind is kept up, mostly; always where it has to be provable. */
static struct expression *value_for(struct generator *generator, enum want want)
{
	if (want != WANT_WORD && percent(generator, 6))
		want = WANT_ANY;
	return generator_value(generator, want, DEPTH - 1);
}

static enum operator compound_operator(struct generator *generator, enum want want)
{
	static const enum operator integers[] = { OPERATOR_ADD, OPERATOR_SUB, OPERATOR_MUL, OPERATOR_DIV, OPERATOR_MOD, OPERATOR_AND, OPERATOR_OR, OPERATOR_XOR, OPERATOR_SHL, OPERATOR_SHR, OPERATOR_ADD, OPERATOR_SUB },
				   doubles[] = { OPERATOR_ADD, OPERATOR_SUB, OPERATOR_MUL, OPERATOR_DIV, OPERATOR_MOD }, words[] = { OPERATOR_ADD, OPERATOR_SUB };

	if (want == WANT_STRING)
		return OPERATOR_ADD;
	if (want == WANT_WORD)
		return RANDOM_OF(&generator->random, words);
	return want == WANT_DOUBLE ? RANDOM_OF(&generator->random, doubles) : RANDOM_OF(&generator->random, integers);
}

static void add_change(struct generator *generator, struct block *block, struct expression *target, enum want want)
{
	switch (below(generator, 10)) {
	case 0:
	case 1:
	case 2:
	case 3: {
		const enum operator operator = compound_operator(generator, want);

		add(generator, block, STATEMENT_COMPOUND, target, value_for(generator, want));
		block->last->operator = operator;
		break;
	}
	case 4:
		if (want != WANT_STRING) {
			const bool up = percent(generator, 60);

			add(generator, block, up ? STATEMENT_INCREMENT : STATEMENT_DECREMENT, target, NULL);
			block->last->operator = up ? OPERATOR_ADD : OPERATOR_SUB;
			break;
		}
		/* fallthrough */
	default:
		add(generator, block, STATEMENT_ASSIGN, target, value_for(generator, want));
	}
}

static void add_variable_change(struct generator *generator, struct block *block)
{
	const enum variable_id id = generator_variable_id(generator, WANT_ANY);
	struct expression *target = generator_variable(generator, id, 2);

	if (percent(generator, 6)) {
		add(generator, block, STATEMENT_DELETE, target, NULL);
		return;
	}
	generator->assigned[id] = true;
	/* Assigning the literal nil removes, also where everything else is an integer. */
	if (percent(generator, 3))
		add(generator, block, STATEMENT_ASSIGN, target, tree_leaf(generator->script, EXPRESSION_NIL, nowhere, (struct name){ "", 0 }));
	else
		add_change(generator, block, target, variable_rows[id].want);
}

static void add_local_change(struct generator *generator, struct block *block)
{
	const enum want want = (enum want)below(generator, WANTS);
	struct expression *target = generator_any_local(generator, want);

	generator->target = target->name.text;
	add_change(generator, block, target, want);
	generator->target = NULL;
}

/* ---- control flow ---- */

static void add_if(struct generator *generator, struct block *block, int depth)
{
	struct expression *condition = generator_value(generator, percent(generator, 70) ? WANT_WORD : WANT_ANY, DEPTH - 1);
	struct statement *statement = tree_statement(generator->script, STATEMENT_IF, nowhere, NULL, condition);
	const struct block body = generator_block(generator, 1 + below(generator, 3), depth - 1);
	struct block otherwise = { 0 };

	if (percent(generator, 20))
		add_if(generator, &otherwise, depth - 1);
	else if (percent(generator, 40))
		otherwise = generator_block(generator, 1 + below(generator, 2), depth - 1);
	*block = tree_append(*block, tree_compound(generator->script, statement, body, otherwise));
}

/* A local that nothing else changes. */
static struct expression *counter(struct generator *generator)
{
	static const char *const names[] = { "n0", "n1", "n2", "n3", "n4", "n5", "n6", "n7" };

	return generator_local(generator, names[generator->counters++ % 8]);
}

static struct block loop_body(struct generator *generator, struct block body, int depth)
{
	generator->loops++;
	const struct block rest = generator_block(generator, 1 + below(generator, 3), depth - 1);

	generator->loops--;
	if (!body.first)
		return rest;
	body.last->next = rest.first;
	body.last = rest.last ? rest.last : body.last;
	return body;
}

/* while ($n < 5 && …) { $n++; … }: continue does not lose count. A few loops have no bound. */
static void add_while(struct generator *generator, struct block *block, int depth)
{
	struct expression *condition = generator_value(generator, WANT_WORD, 2);
	struct block body = { 0 };

	if (!percent(generator, 2)) {
		struct expression *count = counter(generator);
		struct expression *bound = generator_binary(generator, OPERATOR_LT, count, generator_integer(generator, 1 + below(generator, 5)));

		condition = percent(generator, 60) ? bound : generator_binary(generator, OPERATOR_LOGICAL_AND, bound, condition);
		add(generator, block, STATEMENT_ASSIGN, generator_local(generator, count->name.text), generator_integer(generator, 0));
		add(generator, &body, STATEMENT_INCREMENT, generator_local(generator, count->name.text), NULL);
		body.last->operator = OPERATOR_ADD;
	}

	struct statement *statement = tree_statement(generator->script, STATEMENT_WHILE, nowhere, NULL, condition);

	body = loop_body(generator, body, depth);
	*block = tree_append(*block, tree_compound(generator->script, statement, body, (struct block){ 0 }));
}

static struct expression *range_start(struct generator *generator, int64_t *from)
{
	static const int64_t starts[] = { 0, 0, 0, 1, -3, 10, INT64_MAX - 3, INT64_MIN };

	*from = RANDOM_OF(&generator->random, starts);
	return generator_integer(generator, *from);
}

static void add_for(struct generator *generator, struct block *block, int depth)
{
	struct expression *local = percent(generator, 60) ? counter(generator) : generator_any_local(generator, WANT_INT);
	int64_t from;
	struct expression *start = range_start(generator, &from), *end = generator_integer(generator, (int64_t)((uint64_t)from + below(generator, 4)));

	/* Bounds of whatever kind: a range without end is met now and then. */
	if (percent(generator, 4))
		end = generator_value(generator, WANT_ANY, 1);
	if (percent(generator, 4))
		start = generator_value(generator, WANT_ANY, 1);

	struct statement *statement = tree_statement(generator->script, STATEMENT_FOR, nowhere, local, start);

	statement->end = end;
	*block = tree_append(*block, tree_compound(generator->script, statement, loop_body(generator, (struct block){ 0 }, depth), (struct block){ 0 }));
}

static void add_jump(struct generator *generator, struct block *block)
{
	struct expression *condition = generator_value(generator, WANT_WORD, 2);
	struct statement *statement = tree_statement(generator->script, STATEMENT_IF, nowhere, NULL, condition);
	struct block body = { 0 };
	const uint32_t choice = generator->loops ? below(generator, generator->inside ? 10 : 8) : 7;

	if (choice >= 7 && generator->inside)
		add(generator, &body, STATEMENT_RETURN, NULL, percent(generator, 90) ? generator_value(generator, generator->inside->want, 2) : NULL);
	else
		add(generator, &body, choice < 4 ? STATEMENT_BREAK : choice < 7 ? STATEMENT_CONTINUE : STATEMENT_RETURN, NULL, NULL);
	*block = tree_append(*block, tree_compound(generator->script, statement, body, (struct block){ 0 }));
}

static void add_call(struct generator *generator, struct block *block)
{
	static const char *const names[] = { "str", "hash", "int", "lower", "sqrt", "strlen" };
	struct expression *argument = generator_value(generator, WANT_ANY, 2);

	if (generator->calls && generator->function_count && percent(generator, 30)) {
		generator->calls--;
		add(generator, block, STATEMENT_CALL, NULL, generator_defined_call(generator, &generator->functions[below(generator, generator->function_count)], 2));
		return;
	}
	add(generator, block, STATEMENT_CALL, NULL, generator_call(generator, RANDOM_OF(&generator->random, names), 1, &argument));
}

static void add_statement(struct generator *generator, struct block *block, int depth)
{
	const uint32_t choice = below(generator, 100);

	if (generator->inside && (choice < 55 || depth <= 0))
		add_local_change(generator, block);
	else if (choice < 30)
		add_result(generator, block);
	else if (choice < 55 || depth <= 0)
		add_variable_change(generator, block);
	else if (choice < 73)
		add_local_change(generator, block);
	else if (choice < 82)
		add_if(generator, block, depth);
	else if (choice < 87)
		add_while(generator, block, depth);
	else if (choice < 93)
		add_for(generator, block, depth);
	else if (choice < 97)
		add_jump(generator, block);
	else
		add_call(generator, block);
}

struct block generator_block(struct generator *generator, uint32_t count, int depth)
{
	struct block block = { 0 };

	for (uint32_t i = 0; i < count; i++)
		add_statement(generator, &block, depth);
	return block;
}

/* ---- programs ---- */

static void add_clause(struct generator *generator, uint32_t predicates)
{
	static const enum want first[] = { WANT_INT, WANT_WORD, WANT_DOUBLE, WANT_STRING, WANT_ANY };
	struct script *script = generator->script;
	struct pattern *pattern = tree_pattern(script, nowhere, (struct name){ "request:end", 11 }, false);
	struct clause *clause = tree_clause(script, nowhere, pattern, pattern);

	generator->counters = 0;
	generator->calls = CALLS_OF_A_CLAUSE;
	clause->has_body = true;
	clause->at.column = percent(generator, 25);
	if (percent(generator, predicates))
		clause->predicate = generator_value(generator, WANT_WORD, 3);
	/* Most locals begin with a value; the others are nil at first. */
	for (size_t i = 0; i < sizeof(first) / sizeof(first[0]); i++) {
		if (percent(generator, 85))
			add(generator, &clause->body, STATEMENT_ASSIGN, generator_any_local(generator, first[i]), generator_value(generator, first[i], 2));
	}
	/* Some before what may return early, some after all else. */
	for (int i = 0; i < 2; i++)
		add_result(generator, &clause->body);
	for (uint32_t left = 2 + below(generator, 7); left; left--)
		add_statement(generator, &clause->body, 3);
	for (int i = 0; i < 2; i++)
		add_result(generator, &clause->body);
	tree_add(script, clause);
}

/* First values of the variables that are used: of most, and of all that are assigned nowhere else, since these would be fields or sibling spans. */
static void assign_first_values(struct generator *generator)
{
	struct block first = { 0 }, *body = &generator->script->first->body;
	bool seen[VARIABLES] = { false };

	for (int id = VARIABLE_OUT + 1; id < VARIABLES; id++) {
		if (seen[id] || !generator->used[id])
			continue;
		seen[id] = true;
		if (generator->assigned[id] && percent(generator, 40))
			continue;
		generator->assigned[id] = true;
		for (uint32_t left = variable_rows[id].keys ? 1 + below(generator, 3) : 1; left; left--)
			add(generator, &first, STATEMENT_ASSIGN, generator_variable(generator, (enum variable_id)id, 0), generator_literal(generator, variable_rows[id].want));
		/* Its key may be the first use of another. */
		id = VARIABLE_OUT;
	}
	if (!first.first)
		return;
	first.last->next = body->first;
	body->first = first.first;
}

void program_generate(struct program *program, uint64_t seed)
{
	static const uint32_t string_sizes[] = { 64, 64, 256, 1024 };
	static const char *const arguments[] = { "10", "-7", "0", "2.5", "-1e3", "text", "3ms", "1KiB", "0x10", "", "12x", "-" };
	struct generator generator = { .random = { seed }, .program = program, .script = &program->script };

	*program = (struct program){ .seed = seed };
	program->script = (struct script){ .arena = &program->arena, .diagnostics = &program->diagnostics };
	/* The first numbers of neighbouring seeds are not alike, but let none of them choose alone. */
	random_bits(&generator.random);
	program->string_size = RANDOM_OF(&generator.random, string_sizes);
	for (int i = 0; i < PROGRAM_ARGUMENTS; i++)
		program->arguments[i] = RANDOM_OF(&generator.random, arguments);
	for (int i = 0; i < PROGRAM_EVENTS; i++)
		generator_fields(&generator.random, program, program->fields[i]);
	generator_definitions(&generator);
	/* Most predicates do not hold: most programs have a clause that does without. */
	add_clause(&generator, 1);
	if (percent(&generator, 25))
		add_clause(&generator, 50);
	assign_first_values(&generator);
}

void program_free(struct program *program)
{
	diagnostics_fini(&program->diagnostics);
	arena_fini(&program->arena);
}
