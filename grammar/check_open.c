/*
 * print(open(start)): the spans of a sibling probe that have not ended yet. It is no value: the CLI reads the targets' tables as it prints. Which tables those are is known once all clauses are checked.
 */
#include <string.h>

#include "check.h"

bool is_open(const struct expression *expression)
{
	return expression->type == EXPRESSION_CALL && !strcmp(expression->name.text, "open");
}

void check_open_place(struct checker *checker, const struct expression *call)
{
	const struct argument *first = call->list.first;
	const char *sibling = first && first->value->type == EXPRESSION_NAME ? first->value->name.text : "start";

	diagnostics_add(checker->diagnostics, DIAGNOSTIC_OPEN_PLACE, call->at);
	diagnostics_help(checker->diagnostics, "expected print(open(%s)) or print(open(%s), top: 10)", sibling, sibling);
}

void check_open(struct checker *checker, struct statement *statement)
{
	const struct expression *call = statement->value->list.first->value;
	const struct argument *first = call->list.first;
	struct rows rows = { NULL, NULL };
	struct open *open;

	if (!checker->clause->is_special) {
		diagnostics_add(checker->diagnostics, DIAGNOSTIC_CLI_ACTION, call->operator_at, "open");
		return;
	}
	if (call->list.count != 1 || first->label.text || first->value->type != EXPRESSION_NAME || first->value->indexed) {
		diagnostics_add(checker->diagnostics, DIAGNOSTIC_OPEN_NAME, first ? first->value->at : call->at);
		diagnostics_help(checker->diagnostics, "expected open(start), where a probe clause reads start[id]");
		return;
	}
	if (!check_rows(checker, statement->value, "open(start), top: 10", false, &rows))
		return;
	statement->top = rows.top ? rows.top->value : NULL;
	statement->action = ACTION_PRINTA;
	check_record(checker, (struct compiled_record){ .type = RECORD_PRINT_OPEN, .values = 1, .text = heap_copy(first->value->name.text, first->value->name.length) }, &statement->record);
	open = arena_allocate(checker->script->arena, sizeof(*open));
	open->sibling = first->value;
	open->next = checker->opens;
	checker->opens = open;
}

static bool is_read(const struct checker *checker, const struct name *sibling)
{
	for (const struct span_table *table = checker->tables; table; table = table->next) {
		const struct name *name = &table->spans->sibling;

		if (name->length == sibling->length && !memcmp(name->text, sibling->text, name->length))
			return true;
	}
	return false;
}

/* Looks at the first few only. */
static const char *suggest_sibling(const struct checker *checker, const struct name *name)
{
	enum { MOST = 64 };
	const char *names[MOST];
	size_t count = 0;

	for (const struct span_table *table = checker->tables; table && count < MOST; table = table->next)
		names[count++] = table->spans->sibling.text;
	return suggest_name(name->text, name->length, names, count);
}

void open_join(struct checker *checker)
{
	for (const struct open *open = checker->opens; open; open = open->next) {
		const struct name *name = &open->sibling->name;
		const char *close;

		if (is_read(checker, name))
			continue;
		close = suggest_sibling(checker, name);
		diagnostics_add(checker->diagnostics, DIAGNOSTIC_OPEN_UNKNOWN, open->sibling->at, name->text);
		if (table_find(&checker->variables, name->text, name->length))
			diagnostics_help(checker->diagnostics, "'%s' is assigned in this script, so it is a variable", name->text);
		else if (close)
			diagnostics_help(checker->diagnostics, "did you mean '%s'?", close);
		else
			diagnostics_help(checker->diagnostics, "a clause on request:end that reads %s[id] makes one of request:%s", name->text, name->text);
	}
}
