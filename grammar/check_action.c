/*
 * Checking what stands as a statement of its own: printf, print, emit, speculations and the actions of the CLI's clauses. Each that ships something gets a record, whose number both programs share.
 */
#include <string.h>

#include "check.h"

static const struct row {
	const char *name;
	int min, max;
	enum { WHERE_ANY, WHERE_CLI, WHERE_PROBE } where;
	const char *signature;
} rows[] = {
#define ACTION(name, text, min, max, where, signature) [ACTION_##name] = { text, min, max, WHERE_##where, signature },
#include "action.def"
#undef ACTION
};

struct compiled_record *check_record(struct checker *checker, struct compiled_record record, uint32_t *index)
{
	struct compiled *compiled = checker->compiled;

	compiled->records = heap_grow(compiled->records, compiled->record_count, sizeof(*compiled->records));
	*index = compiled->record_count;
	compiled->records[compiled->record_count++] = record;
	compiled->records[*index].units = heap_resize(NULL, record.values * sizeof(enum unit));
	memset(compiled->records[*index].units, 0, record.values * sizeof(enum unit));
	return &compiled->records[*index];
}

static bool too_many(struct checker *checker, struct location at, uint32_t count)
{
	if (count <= JST_MAX_ARGUMENTS)
		return false;
	diagnostics_add(checker->diagnostics, DIAGNOSTIC_TOO_MANY_ARGUMENTS, at, JST_MAX_ARGUMENTS);
	return true;
}

static void check_printf(struct checker *checker, struct statement *statement)
{
	const struct expression *call = statement->value;
	const struct expression *format = call->list.first->value;
	uint32_t given = call->list.count - 1, takes;
	struct compiled_record record = { .type = RECORD_PRINTF, .values = given };
	char text[32];

	check_carried(checker, call->list.first->next);
	if (format->type != EXPRESSION_STRING) {
		diagnostics_add(checker->diagnostics, DIAGNOSTIC_FORMAT_LITERAL, format->at);
		diagnostics_help(checker->diagnostics, "print(x) prints any value");
		return;
	}
	record.pieces = format_parse(checker, format, &record.piece_count, &takes);
	if (takes != given) {
		diagnostics_add(checker->diagnostics, DIAGNOSTIC_FORMAT_ARGUMENTS, call->at, count_text(text, takes, "value"), given, given == 1 ? "is" : "are");
		if (takes > given)
			diagnostics_help(checker->diagnostics, "one for each conversion");
	} else {
		too_many(checker, call->at, given);
	}
	check_record(checker, record, &statement->record);
}

static void check_print(struct checker *checker, struct statement *statement)
{
	const struct expression *call = statement->value;

	if (is_open(call->list.first->value)) {
		check_open(checker, statement);
		return;
	}
	if (check_print_aggregation(checker, statement))
		return;
	check_carried(checker, call->list.first);
	if (!too_many(checker, call->at, call->list.count))
		check_record(checker, (struct compiled_record){ .type = RECORD_PRINT, .values = call->list.count }, &statement->record);
}

static void check_time(struct checker *checker, struct statement *statement)
{
	const struct expression *format = statement->value->list.first->value;

	if (format->type != EXPRESSION_STRING || memchr(format->name.text, '\0', format->name.length)) {
		diagnostics_add(checker->diagnostics, DIAGNOSTIC_TIME_LITERAL, format->at);
		diagnostics_help(checker->diagnostics, "expected time(\"%%H:%%M:%%S\")");
		return;
	}
	check_record(checker, (struct compiled_record){ .type = RECORD_TIME, .text = heap_copy(format->name.text, format->name.length) }, &statement->record);
}

/* Labels and the number of arguments. */
static bool check_shape(struct checker *checker, const struct expression *call, const struct row *row)
{
	const bool prints = (row == &rows[ACTION_PRINT] || row == &rows[ACTION_PRINTA]) && call->list.first && (call->list.first->value->type == EXPRESSION_AGGREGATION || is_open(call->list.first->value));
	char text[32];

	for (const struct argument *argument = call->list.first; argument; argument = argument->next) {
		if (!argument->label.text || prints)
			continue;
		diagnostics_add(checker->diagnostics, DIAGNOSTIC_NAMED_ARGUMENT, argument->label_at, row->name, argument->label.text);
		if (row == &rows[ACTION_PRINT])
			diagnostics_help(checker->diagnostics, "print(@a, top: 10, by: p99) sorts an aggregation");
		else
			diagnostics_help(checker->diagnostics, "expected %s", row->signature);
		return false;
	}
	if (call->list.count >= (uint32_t)row->min && (row->max < 0 || call->list.count <= (uint32_t)row->max))
		return true;
	diagnostics_add(checker->diagnostics, DIAGNOSTIC_FUNCTION_ARGUMENTS, call->at, row->name, count_text(text, call->list.count, "argument"));
	diagnostics_help(checker->diagnostics, "expected %s", row->signature);
	return false;
}

static void check_known(struct checker *checker, struct statement *statement)
{
	const struct expression *call = statement->value;
	const struct row *row = &rows[statement->action];

	if (!check_shape(checker, call, row))
		return;
	if (row->where == WHERE_PROBE && checker->clause->is_special) {
		diagnostics_add(checker->diagnostics, DIAGNOSTIC_PROBE_ACTION, call->operator_at, row->name);
		diagnostics_help(checker->diagnostics, "what %s prints is shown at once", clause_name(checker->clause));
		return;
	}
	if (row->where == WHERE_CLI && !checker->clause->is_special && call->list.first->value->type != EXPRESSION_AGGREGATION) {
		diagnostics_add(checker->diagnostics, DIAGNOSTIC_CLI_ACTION, call->operator_at, row->name);
		return;
	}
	switch (statement->action) {
	case ACTION_PRINTF:
		check_printf(checker, statement);
		break;
	case ACTION_PRINT:
		check_print(checker, statement);
		break;
	case ACTION_PRINTA:
		if (!check_print_aggregation(checker, statement))
			check_aggregation_action(checker, statement, RECORD_PRINT_AGGREGATION, row->signature);
		break;
	case ACTION_CLEAR:
		check_aggregation_action(checker, statement, RECORD_CLEAR, row->signature);
		break;
	case ACTION_ZERO:
		check_aggregation_action(checker, statement, RECORD_ZERO, row->signature);
		break;
	case ACTION_TIME:
		check_time(checker, statement);
		break;
	case ACTION_EXIT:
	case ACTION_SPECULATE:
	case ACTION_COMMIT:
	case ACTION_DISCARD:
		check_list(checker, &call->list);
		break;
	case ACTION_NONE:
		break;
	}
}

/* emt; or exit; — a word alone, that is nearly a statement. False: it may be anything, and nothing was said. */
static bool check_word(struct checker *checker, const struct expression *word)
{
	static const char *const statements[] = { "emit", "return", "break", "continue" };
	const char *close = suggest_name(word->name.text, word->name.length, statements, sizeof(statements) / sizeof(*statements));
	const char *names[ACTION_NONE], *action = NULL;
	const struct row *row = NULL;

	for (int i = 0; i < ACTION_NONE; i++) {
		names[i] = rows[i].name;
		if (!strcmp(names[i], word->name.text))
			action = names[i];
	}
	if (!action && !close)
		action = suggest_name(word->name.text, word->name.length, names, ACTION_NONE);
	for (int i = 0; action && !row; i++) {
		if (names[i] == action)
			row = &rows[i];
	}
	if ((!row && !close) || names_builtin(&word->name) >= 0 || table_find(&checker->variables, word->name.text, word->name.length) || table_find(&checker->constants, word->name.text, word->name.length))
		return false;
	diagnostics_add(checker->diagnostics, DIAGNOSTIC_NO_EFFECT, word->at);
	if (row)
		diagnostics_help(checker->diagnostics, "did you mean %s?", row->signature);
	else
		diagnostics_help(checker->diagnostics, "did you mean '%s'?", close);
	return true;
}

void check_action(struct checker *checker, struct statement *statement)
{
	struct expression *call = statement->value;

	statement->action = ACTION_NONE;
	if (call->type == EXPRESSION_NAME && !call->indexed && !call->parenthesised && check_word(checker, call))
		return;
	if (call->type != EXPRESSION_CALL || call->parenthesised) {
		uint32_t errors = checker->diagnostics->errors;

		check_expression(checker, call);
		if (checker->diagnostics->errors != errors)
			return;
		diagnostics_add(checker->diagnostics, DIAGNOSTIC_NO_EFFECT, call->at);
		diagnostics_help(checker->diagnostics, "expected an assignment or a call");
		return;
	}
	for (int i = 0; i < ACTION_NONE; i++) {
		if (strcmp(rows[i].name, call->name.text) == 0) {
			if (definitions_refuse(checker, call->operator_at, call->name.text))
				return;
			statement->action = (enum action)i;
			check_known(checker, statement);
			return;
		}
	}
	checker->action = call;
	check_expression(checker, call);
	checker->action = NULL;
}

/* What a value is called in a record: its label, or the name it is. */
static struct name emit_name(const struct argument *argument)
{
	const struct expression *value = argument->value;

	if (argument->label.text)
		return argument->label;
	if ((value->type == EXPRESSION_NAME || value->type == EXPRESSION_SELF) && !value->indexed)
		return value->meaning == MEANING_FIELD ? value->field : value->name;
	if (value->type == EXPRESSION_NAME && value->meaning == MEANING_FIELD)
		return value->field;
	if (value->type == EXPRESSION_LOCAL)
		return value->name;
	return (struct name){ NULL, 0 };
}

uint32_t check_event_record(struct checker *checker)
{
	uint32_t index;

	check_record(checker, (struct compiled_record){ .type = RECORD_EVENT }, &index);
	return index;
}

/* A constant or argument of the script becomes its value, but is sent under its name. */
static void label_definitions(const struct checker *checker, const struct arguments *list)
{
	for (struct argument *argument = list->first; argument; argument = argument->next) {
		const struct expression *value = argument->value;
		const struct table *table = value->type == EXPRESSION_LOCAL ? &checker->parameters : &checker->constants;

		if (argument->label.text || value->indexed || (value->type != EXPRESSION_LOCAL && value->type != EXPRESSION_NAME) || !table_find(table, value->name.text, value->name.length))
			continue;
		argument->label = value->name;
		argument->label_at = value->at;
	}
}

void check_emit(struct checker *checker, struct statement *statement)
{
	struct table names = { .arena = checker->script->arena };
	uint32_t count = 0;

	if (checker->clause->is_special) {
		diagnostics_add(checker->diagnostics, DIAGNOSTIC_EMIT_IN_SPECIAL, statement->at, clause_name(checker->clause));
		diagnostics_help(checker->diagnostics, "print(x, …) and printf work here");
		return;
	}
	if (!statement->list.count) {
		statement->record = check_event_record(checker);
		return;
	}
	label_definitions(checker, &statement->list);
	check_carried(checker, statement->list.first);
	if (too_many(checker, statement->at, statement->list.count))
		return;

	struct compiled_record *record = check_record(checker, (struct compiled_record){ .type = RECORD_EMIT, .values = statement->list.count }, &statement->record);

	record->names = heap_resize(NULL, statement->list.count * sizeof(*record->names));
	for (const struct argument *argument = statement->list.first; argument; argument = argument->next) {
		struct name name = emit_name(argument);

		record->names[count++] = heap_copy(name.text ? name.text : "", name.length);
		if (!name.text) {
			diagnostics_add(checker->diagnostics, DIAGNOSTIC_EMIT_NAME, argument->value->at);
			diagnostics_help(checker->diagnostics, "write name: value");
			continue;
		}

		void **slot = table_slot(&names, name.text, name.length);

		if (*slot)
			diagnostics_add(checker->diagnostics, DIAGNOSTIC_DUPLICATE_NAME, argument->value->at, name.text);
		*slot = statement;
	}
	table_fini(&names);
}
