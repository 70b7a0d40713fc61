/*
 * What speculate(), commit() and discard() need of each other: a look at the whole script once it was checked. What is missing makes them useless but not wrong, so these are warnings.
 */
#include "check.h"

struct walk {
	const struct statement *first[ACTION_NONE]; /* of the script, the first statement that is this action */
	const struct statement *waiting;            /* of the clause, the last speculate() behind which nothing was shipped yet */
	uint32_t records;                           /* statements that ship something, so far */
};

static bool ships(const struct statement *statement)
{
	return statement->type == STATEMENT_EMIT || (statement->type == STATEMENT_CALL && (statement->action == ACTION_PRINTF || statement->action == ACTION_PRINT));
}

static void walk_block(struct walk *walk, const struct block *block)
{
	for (const struct statement *statement = block->first; statement; statement = statement->next) {
		const uint32_t before = walk->records;

		if (statement->type == STATEMENT_CALL && statement->action != ACTION_NONE && !walk->first[statement->action])
			walk->first[statement->action] = statement;
		if (ships(statement)) {
			walk->records++;
			walk->waiting = NULL;
		} else if (statement->type == STATEMENT_CALL && statement->action == ACTION_SPECULATE) {
			walk->waiting = statement;
		}
		walk_block(walk, &statement->body);
		walk_block(walk, &statement->otherwise);
		/* What stands before it in a loop comes after it in the next round. */
		if ((statement->type == STATEMENT_WHILE || statement->type == STATEMENT_FOR) && walk->records != before)
			walk->waiting = NULL;
	}
}

static void warn(struct checker *checker, enum diagnostic_id id, const struct statement *statement, const char *help)
{
	const struct expression *call = statement->value;

	diagnostics_add(checker->diagnostics, id, call->operator_at, call->name.text);
	diagnostics_help(checker->diagnostics, "%s", help);
}

void check_speculations(struct checker *checker)
{
	struct walk walk = { .records = 0 };

	if (checker->diagnostics->errors)
		return;
	for (const struct clause *clause = checker->script->first; clause; clause = clause->next) {
		walk.waiting = NULL;
		walk_block(&walk, &clause->body);
		if (walk.waiting)
			warn(checker, DIAGNOSTIC_NOTHING_HELD, walk.waiting, "it holds what emit, print and printf behind it ship");
	}
	if (walk.first[ACTION_SPECULATE]) {
		if (!walk.first[ACTION_COMMIT])
			warn(checker, DIAGNOSTIC_NEVER_COMMITTED, walk.first[ACTION_SPECULATE], "commit(id) in another clause ships it");
		return;
	}
	for (int action = ACTION_COMMIT; action <= ACTION_DISCARD; action++) {
		if (walk.first[action])
			warn(checker, DIAGNOSTIC_NEVER_SPECULATED, walk.first[action], "speculate(id) in another clause holds what that clause then emits and prints");
	}
}
