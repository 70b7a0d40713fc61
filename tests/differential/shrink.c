/*
 * Making a failing program smaller: statements are left out or replaced by what they contain, expressions by a part of theirs or by a literal, as long as the verdict stays the same.
 *
 * Each attempt changes one place of the tree in place and is undone where the program no longer fails. A walk numbers the places; an attempt is a walk that stops at one.
 */
#include "differential.h"

struct attempt {
	struct script *script;
	uint32_t place;         /* places still to pass by */
	bool done;              /* the change was made */
	/* to undo it */
	struct expression *expression;
	struct expression old;
	struct block *block;
	struct block old_block;
	struct statement *before, *old_next;
	struct clause *clause;
	struct expression *predicate;
	struct function **function, *old_function;
	struct constant **constant, *old_constant;
};

static bool here(struct attempt *attempt)
{
	if (attempt->done || attempt->place--)
		return false;
	attempt->done = true;
	return true;
}

static void replace(struct attempt *attempt, struct expression *expression, struct expression by)
{
	attempt->expression = expression;
	attempt->old = *expression;
	*expression = by;
}

static void try_expression(struct attempt *attempt, struct expression *expression);

static void try_list(struct attempt *attempt, const struct arguments *list)
{
	for (const struct argument *argument = list->first; argument && !attempt->done; argument = argument->next)
		try_expression(attempt, argument->value);
}

static void try_expression(struct attempt *attempt, struct expression *expression)
{
	struct expression *const parts[] = { expression->condition, expression->left, expression->right };
	const bool leaf = !expression->list.first && !expression->left;

	/* The map right of `in`, and the field that has() asks for, stay. */
	for (int i = 0; i < 3; i++) {
		if (parts[i] && !(expression->type == EXPRESSION_IN && i == 2) && here(attempt)) {
			replace(attempt, expression, *parts[i]);
			return;
		}
	}
	for (const struct argument *argument = expression->list.first; argument; argument = argument->next) {
		if (here(attempt)) {
			replace(attempt, expression, *argument->value);
			return;
		}
	}
	if (!leaf || (expression->type != EXPRESSION_INT && expression->type != EXPRESSION_NIL && expression->type != EXPRESSION_DOUBLE && expression->type != EXPRESSION_STRING)) {
		if (here(attempt)) {
			replace(attempt, expression, (struct expression){ .type = EXPRESSION_INT, .integer = 1, .depth = 1 });
			return;
		}
	}
	if (expression->type == EXPRESSION_INT && expression->integer > 1 && here(attempt)) {
		replace(attempt, expression, (struct expression){ .type = EXPRESSION_INT, .integer = expression->integer / 2, .depth = 1 });
		return;
	}
	if (expression->type == EXPRESSION_STRING && expression->name.length && here(attempt)) {
		replace(attempt, expression, *expression);
		expression->name.length--;
		expression->name.text++;
		return;
	}
	for (int i = 0; i < 3 && !attempt->done; i++) {
		if (parts[i] && !(expression->type == EXPRESSION_IN && i == 2))
			try_expression(attempt, parts[i]);
	}
	try_list(attempt, &expression->list);
}

static void try_block(struct attempt *attempt, struct block *block);

/* The statement is left out, or gives way to the statements of a block of its own. */
static void put_instead(struct attempt *attempt, struct block *block, struct statement *before, struct statement *statement, struct block instead)
{
	attempt->block = block;
	attempt->old_block = *block;
	attempt->before = before;
	attempt->old_next = statement;

	struct statement *next = statement->next, *first = instead.first ? instead.first : next;

	if (before)
		before->next = first;
	else
		block->first = first;
	if (instead.first) {
		/* Copied, so that undoing need not cut its end off. */
		struct block copy = { 0 };

		for (const struct statement *each = instead.first; each; each = each->next) {
			struct statement *same = arena_allocate(attempt->script->arena, sizeof(*same));

			*same = *each;
			same->next = NULL;
			copy = tree_append(copy, same);
		}
		copy.last->next = next;
		if (before)
			before->next = copy.first;
		else
			block->first = copy.first;
		if (!next)
			block->last = copy.last;
	} else if (!next) {
		block->last = before;
	}
}

static void try_block(struct attempt *attempt, struct block *block)
{
	struct statement *before = NULL;

	for (struct statement *statement = block->first; statement && !attempt->done; before = statement, statement = statement->next) {
		if (here(attempt)) {
			put_instead(attempt, block, before, statement, (struct block){ 0 });
			return;
		}
		if (statement->body.first && here(attempt)) {
			put_instead(attempt, block, before, statement, statement->body);
			return;
		}
		if (statement->otherwise.first && here(attempt)) {
			put_instead(attempt, block, before, statement, statement->otherwise);
			return;
		}
		if (statement->value)
			try_expression(attempt, statement->value);
		if (statement->end && !attempt->done)
			try_expression(attempt, statement->end);
		if (statement->target && !attempt->done)
			try_list(attempt, &statement->target->list);
		if (!attempt->done)
			try_block(attempt, &statement->body);
		if (!attempt->done)
			try_block(attempt, &statement->otherwise);
	}
}

static void try_definitions(struct attempt *attempt)
{
	for (struct function **link = &attempt->script->first_function; *link && !attempt->done; link = &(*link)->next) {
		if (here(attempt)) {
			attempt->function = link;
			attempt->old_function = *link;
			*link = (*link)->next;
			return;
		}
		try_block(attempt, &(*link)->body);
	}
	for (struct constant **link = &attempt->script->first_constant; *link && !attempt->done; link = &(*link)->next) {
		if (here(attempt)) {
			attempt->constant = link;
			attempt->old_constant = *link;
			*link = (*link)->next;
			return;
		}
		try_expression(attempt, (*link)->value);
	}
}

static void try_script(struct attempt *attempt)
{
	try_definitions(attempt);
	for (struct clause *clause = attempt->script->first; clause && !attempt->done; clause = clause->next) {
		if (clause->predicate && here(attempt)) {
			attempt->clause = clause;
			attempt->predicate = clause->predicate;
			clause->predicate = NULL;
			return;
		}
		if (clause->predicate)
			try_expression(attempt, clause->predicate);
		if (!attempt->done)
			try_block(attempt, &clause->body);
	}
}

static void undo(struct attempt *attempt)
{
	if (attempt->expression)
		*attempt->expression = attempt->old;
	if (attempt->block) {
		*attempt->block = attempt->old_block;
		if (attempt->before)
			attempt->before->next = attempt->old_next;
	}
	if (attempt->clause)
		attempt->clause->predicate = attempt->predicate;
	if (attempt->function)
		*attempt->function = attempt->old_function;
	if (attempt->constant)
		*attempt->constant = attempt->old_constant;
}

void program_shrink(struct program *program, enum verdict verdict)
{
	enum { MOST_ATTEMPTS = 20000 };
	uint32_t place = 0, fruitless = 0;
	struct outcome outcome = { 0 };

	for (uint32_t i = 0; i < MOST_ATTEMPTS; i++) {
		struct attempt attempt = { .script = &program->script, .place = place };

		try_script(&attempt);
		if (!attempt.done) {
			/* Past the last place: once more from the first, unless a whole round brought nothing. */
			if (!place || fruitless >= place)
				break;
			place = 0;
			fruitless = 0;
			continue;
		}
		if (program_run(program, &outcome, NULL) == verdict)
			continue;
		undo(&attempt);
		place++;
		fruitless++;
	}
}
