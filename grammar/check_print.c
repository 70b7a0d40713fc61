/*
 * Checking the actions on aggregations: print and printa, of all of one or of an entry, clear and zero.
 */
#include <string.h>

#include "check.h"

static bool is_label(const struct argument *argument, const char *label)
{
	return argument->label.text && !strcmp(argument->label.text, label);
}

/* Of a value that is computed, the run makes what it can (top_of() in cli/trace.c). */
static void check_top(struct checker *checker, struct expression *top)
{
	const uint32_t errors = checker->diagnostics->errors;
	struct jst_value value;

	check_expression(checker, top);
	fold(top);
	if (checker->diagnostics->errors != errors || (top->type != EXPRESSION_NIL && (!tree_literal(top, &value) || (value.kind == JST_INT && value.i >= 1))))
		return;
	diagnostics_add(checker->diagnostics, DIAGNOSTIC_PRINT_TOP, top->at);
	diagnostics_help(checker->diagnostics, "without it all are printed");
}

bool check_rows(struct checker *checker, const struct expression *call, const char *expected, bool ordered, struct rows *rows)
{
	static const char *const labels[] = { "top", "by" };

	for (struct argument *argument = call->list.first->next; argument; argument = argument->next) {
		const bool by = ordered && is_label(argument, "by"), top = !argument->label.text || is_label(argument, "top");
		struct argument **to = by ? &rows->by : &rows->top;

		if (!by && !top) {
			const char *close = suggest_name(argument->label.text, argument->label.length, labels, ordered ? 2 : 1);

			diagnostics_add(checker->diagnostics, DIAGNOSTIC_NAMED_ARGUMENT, argument->label_at, call->name.text, argument->label.text);
			if (close)
				diagnostics_help(checker->diagnostics, "did you mean '%s'?", close);
			else
				diagnostics_help(checker->diagnostics, "expected %s(%s)", call->name.text, expected);
			return false;
		}
		if (*to) {
			diagnostics_add(checker->diagnostics, DIAGNOSTIC_DUPLICATE_NAME, argument->label.text ? argument->label_at : argument->value->at, by ? "by" : "top");
			diagnostics_help(checker->diagnostics, "expected %s(%s)", call->name.text, expected);
			return false;
		}
		*to = argument;
	}
	if (rows->top)
		check_top(checker, rows->top->value);
	return true;
}

static void print_all(struct checker *checker, struct statement *statement)
{
	const struct expression *call = statement->value, *name = call->list.first->value;
	struct rows rows = { NULL, NULL };

	if (!check_rows(checker, call, "@a, top: 10, by: p99", true, &rows))
		return;
	statement->top = rows.top ? rows.top->value : NULL;
	check_record(checker, (struct compiled_record){ .type = RECORD_PRINT_AGGREGATION, .values = 1, .aggregation = check_aggregation_name(checker, name)->index }, &statement->record);
	if (rows.by)
		check_order(checker, name, rows.by->value, statement->record);
}

void check_aggregation_action(struct checker *checker, struct statement *statement, enum record_type type, const char *signature)
{
	const struct expression *call = statement->value;
	const struct expression *name = call->list.first->value;

	if (name->type != EXPRESSION_AGGREGATION || name->indexed) {
		diagnostics_add(checker->diagnostics, DIAGNOSTIC_PRINT_AGGREGATION, name->at, call->name.text);
		diagnostics_help(checker->diagnostics, "expected %s", signature);
		return;
	}
	if (!checker->clause->is_special) {
		diagnostics_add(checker->diagnostics, DIAGNOSTIC_AGGREGATION_IN_PROBE, call->at, call->name.text);
		diagnostics_help(checker->diagnostics, "write it in a tick-1s or END clause");
		return;
	}
	checker->clause->flips = true;
	if (type == RECORD_PRINT_AGGREGATION)
		print_all(checker, statement);
	else
		check_record(checker, (struct compiled_record){ .type = type, .aggregation = check_aggregation_name(checker, name)->index }, &statement->record);
}

/* print(@a), print(@a, 10), print(@a, …: …). Of two values that are aggregations, print shows the numbers. */
static bool is_whole(const struct expression *call)
{
	const struct argument *first = call->list.first, *second = first->next;

	if (first->value->type != EXPRESSION_AGGREGATION || first->value->indexed)
		return false;
	if (!second || second->label.text)
		return true;
	return second->value->type != EXPRESSION_AGGREGATION && (!second->next || second->next->label.text);
}

/* print(@a[k]), print($v), nothing beside it. */
static bool print_entry(struct checker *checker, struct statement *statement)
{
	struct expression *call = statement->value, *entry = call->list.first->value;
	const bool written = entry->type == EXPRESSION_AGGREGATION && entry->indexed;

	if (call->list.count != 1 || (!written && (entry->type != EXPRESSION_LOCAL || !check_loop_value(checker, entry))))
		return false;
	if (written)
		check_expression(checker, entry);
	if (!entry->aggregation)
		return true; /* in a probe clause, which was reported */

	const uint32_t keys = entry->loop ? entry->loop->keys : entry->list.count;

	statement->action = ACTION_PRINTA;
	if (keys <= JST_MAX_KEYS)
		check_record(checker, (struct compiled_record){ .type = RECORD_PRINT_ENTRY, .values = keys, .aggregation = entry->aggregation->index }, &statement->record);
	return true;
}

/* A label that has no place in a print of values. */
static bool report_label(struct checker *checker, const struct expression *call)
{
	for (const struct argument *argument = call->list.first; argument; argument = argument->next) {
		if (!argument->label.text)
			continue;
		diagnostics_add(checker->diagnostics, DIAGNOSTIC_NAMED_ARGUMENT, argument->label_at, call->name.text, argument->label.text);
		diagnostics_help(checker->diagnostics, "%s(@a, top: 10, by: p99) sorts an aggregation", call->name.text);
		return true;
	}
	return false;
}

bool check_print_aggregation(struct checker *checker, struct statement *statement)
{
	if (is_whole(statement->value)) {
		statement->action = ACTION_PRINTA;
		check_aggregation_action(checker, statement, RECORD_PRINT_AGGREGATION, NULL);
		return true;
	}
	return report_label(checker, statement->value) || print_entry(checker, statement);
}
