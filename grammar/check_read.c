/*
 * Checking what the CLI's clauses read of aggregations: @a and @a[k] as numbers, quantile(@a[k], q), loops over the keys.
 *
 * An aggregation may be updated further down in the script, so each use is noted, and looked at once more when all clauses are known.
 */
#include <string.h>

#include "check.h"

/* A place that reads an aggregation, and what it takes for granted. */
struct use {
	struct use *next;
	enum use_type { USE_VALUE, USE_QUANTILE, USE_LOOP, USE_ORDER } type;
	struct location at;
	struct aggregation *aggregation;
	uint32_t keys;                /* VALUE: as many as are written. LOOP: names before that of the value */
	const struct expression *by;  /* ORDER: the name of it, */
	uint32_t record;              /* and the record that it goes to */
};

static const struct order {
	const char *name;
	unsigned shapes;
} orders[] = {
#define ORDER(name, text, shapes, meaning) [ORDER_##name] = { text, shapes },
#include "order.def"
#undef ORDER
};

static struct use *note(struct checker *checker, enum use_type type, struct location at, struct aggregation *aggregation)
{
	struct use *use = arena_allocate(checker->script->arena, sizeof(*use));

	use->type = type;
	use->at = at;
	use->aggregation = aggregation;
	if (checker->last_use)
		checker->last_use->next = use;
	else
		checker->first_use = use;
	checker->last_use = use;
	return use;
}

void check_read(struct checker *checker, struct expression *expression)
{
	if (definitions_refuse(checker, expression->at, expression->name.text))
		return;
	check_list(checker, &expression->list);
	if (!checker->clause->is_special) {
		diagnostics_add(checker->diagnostics, DIAGNOSTIC_AGGREGATION_READ, expression->at, expression->name.text);
		diagnostics_help(checker->diagnostics, "it is kept apart in each thread; read it in a tick-1s or END clause, or keep a variable");
		return;
	}
	checker->clause->flips = true;
	expression->aggregation = check_aggregation_name(checker, expression);
	note(checker, USE_VALUE, expression->at, expression->aggregation)->keys = expression->list.count;
}

/* ---- quantile ---- */

static void check_q(struct checker *checker, struct expression *q)
{
	struct jst_value value;

	check_expression(checker, q);
	fold(q);
	if (!tree_literal(q, &value))
		return;
	if ((value.kind == JST_INT && value.i >= 0 && value.i <= 1) || (value.kind == JST_DOUBLE && value.d >= 0 && value.d <= 1))
		return;
	diagnostics_add(checker->diagnostics, DIAGNOSTIC_QUANTILE_RANGE, q->at);
	diagnostics_help(checker->diagnostics, "the 99th percentile is 0.99");
}

bool check_quantile(struct checker *checker, struct expression *call)
{
	static const char signature[] = "quantile(@a[k], 0.99)";
	const struct argument *first = call->list.first;
	char text[32];

	if (strcmp(call->name.text, "quantile") != 0)
		return false;
	call->meaning = MEANING_QUANTILE;
	for (const struct argument *argument = first; argument; argument = argument->next) {
		if (!argument->label.text)
			continue;
		diagnostics_add(checker->diagnostics, DIAGNOSTIC_NAMED_ARGUMENT, argument->label_at, call->name.text, argument->label.text);
		diagnostics_help(checker->diagnostics, "expected %s", signature);
		return true;
	}
	if (call->list.count != 2) {
		diagnostics_add(checker->diagnostics, DIAGNOSTIC_FUNCTION_ARGUMENTS, call->at, call->name.text, count_text(text, call->list.count, "argument"));
		diagnostics_help(checker->diagnostics, "expected %s", signature);
		return true;
	}
	check_expression(checker, first->value);
	check_q(checker, first->next->value);
	if (first->value->type != EXPRESSION_AGGREGATION) {
		diagnostics_add(checker->diagnostics, DIAGNOSTIC_PRINT_AGGREGATION, first->value->at, call->name.text);
		diagnostics_help(checker->diagnostics, "expected %s", signature);
	} else if (first->value->aggregation) {
		note(checker, USE_QUANTILE, first->value->at, first->value->aggregation);
	}
	return true;
}

/* ---- loops ---- */

bool check_loop_value(struct checker *checker, struct expression *local)
{
	struct loop *loop = checker->function ? NULL : checker->loop;

	while (loop && (loop->value.length != local->name.length || memcmp(loop->value.text, local->name.text, local->name.length) != 0))
		loop = loop->outer;
	if (!loop)
		return false;
	local->type = EXPRESSION_AGGREGATION;
	local->aggregation = loop->aggregation;
	local->loop = loop;
	return true;
}

/* What the loop runs over; NULL: nothing that has keys, which was reported. */
static struct aggregation *collection(struct checker *checker, const struct statement *statement)
{
	const struct expression *value = statement->value;

	if (definitions_refuse(checker, statement->at, value->type == EXPRESSION_AGGREGATION ? value->name.text : "for"))
		return NULL;
	if (value->type != EXPRESSION_AGGREGATION || value->indexed) {
		diagnostics_add(checker->diagnostics, DIAGNOSTIC_FOR_EACH, value->type == EXPRESSION_AGGREGATION ? value->at : statement->at);
		if (value->type == EXPRESSION_AGGREGATION)
			diagnostics_help(checker->diagnostics, "expected its name alone: the loop takes all keys");
		else
			diagnostics_help(checker->diagnostics, "expected for ($i : 0..10) or for ($key, $value : @name)");
		return NULL;
	}
	if (!checker->clause->is_special) {
		diagnostics_add(checker->diagnostics, DIAGNOSTIC_AGGREGATION_IN_PROBE, statement->at, "for");
		diagnostics_help(checker->diagnostics, "write it in a tick-1s or END clause");
		return NULL;
	}
	checker->clause->flips = true;
	return check_aggregation_name(checker, value);
}

/* The names of the keys become locals that are assigned; that of the value comes last. */
static void check_names(struct checker *checker, const struct statement *statement, struct loop *loop)
{
	for (struct argument *argument = statement->list.first; argument; argument = argument->next) {
		struct expression *name = argument->value;

		for (const struct argument *before = statement->list.first; before != argument; before = before->next) {
			if (before->value->name.length == name->name.length && !memcmp(before->value->name.text, name->name.text, name->name.length))
				diagnostics_add(checker->diagnostics, DIAGNOSTIC_DUPLICATE_NAME, name->at, name->name.text);
		}
		if (argument->next)
			names_resolve_target(checker, name, false);
		else if (table_find(&checker->parameters, name->name.text, name->name.length))
			names_resolve_target(checker, name, false); /* says that it does not change */
		else
			loop->value = name->name;
		if (!argument->next)
			name->loop = loop;
	}
}

void check_for_each(struct checker *checker, struct statement *statement)
{
	struct aggregation *aggregation = collection(checker, statement);
	struct loop *loop;

	if (!aggregation)
		return;
	loop = arena_allocate(checker->script->arena, sizeof(*loop));
	loop->aggregation = aggregation;
	loop->keys = statement->list.count - 1;
	check_names(checker, statement, loop);
	note(checker, USE_LOOP, statement->at, aggregation)->keys = loop->keys;
	statement->loop = loop;
	loop->outer = checker->loop;
	checker->loop = loop;
	checker->loops++;
	check_block(checker, &statement->body);
	checker->loops--;
	checker->loop = loop->outer;
}

/* ---- what was noted ---- */

void check_order(struct checker *checker, const struct expression *aggregation, const struct expression *by, uint32_t record)
{
	struct use *use = note(checker, USE_ORDER, by->at, check_aggregation_name(checker, aggregation));

	use->by = by;
	use->record = record;
}

static void first_update(struct checker *checker, const struct aggregation *aggregation)
{
	char text[160];

	diagnostics_add(checker->diagnostics, DIAGNOSTIC_FIRST_UPDATE, aggregation->at, aggregation_describe(aggregation, text));
}

static void check_value_keys(struct checker *checker, const struct use *use)
{
	const struct aggregation *aggregation = use->aggregation;
	char text[32];

	if (use->keys == aggregation->keys)
		return;
	diagnostics_add(checker->diagnostics, DIAGNOSTIC_KEY_COUNT, use->at, aggregation->name.text, count_text(text, use->keys, "key"));
	if (!use->keys)
		diagnostics_help(checker->diagnostics, "one entry is %s[…]; a loop goes over all of them", aggregation->name.text);
	first_update(checker, aggregation);
}

/* "$path, $status, ", after the names that the keys have where the aggregation is updated. */
static void column_names(const struct aggregation *aggregation, char *text, size_t room)
{
	size_t used = 0;
	uint32_t number = 1;

	text[0] = '\0';
	for (const struct argument *column = aggregation->columns; column && used < room; column = column->next, number++) {
		const struct expression *key = column->value;
		const bool named = (key->type == EXPRESSION_NAME || key->type == EXPRESSION_SELF || key->type == EXPRESSION_LOCAL) && !key->indexed && key->name.text;
		const char *dot = named ? strrchr(key->name.text, '.') : NULL;

		if (named)
			used += (size_t)snprintf(text + used, room - used, "$%s, ", dot ? dot + 1 : key->name.text);
		else
			used += (size_t)snprintf(text + used, room - used, "$key%u, ", number);
	}
}

static void check_loop_names(struct checker *checker, const struct use *use)
{
	const struct aggregation *aggregation = use->aggregation;
	char names[32], keys[32], columns[400];

	if (use->keys == aggregation->keys)
		return;
	diagnostics_add(checker->diagnostics, DIAGNOSTIC_LOOP_NAMES, use->at, count_text(names, use->keys + 1, "name"), aggregation->name.text, count_text(keys, aggregation->keys, "key"));
	column_names(aggregation, columns, sizeof(columns));
	diagnostics_help(checker->diagnostics, "expected for (%s$value : %s)", columns, aggregation->name.text);
	first_update(checker, aggregation);
}

static void check_has_quantiles(struct checker *checker, const struct use *use)
{
	const enum jst_shape shape = jst_aggregation_info[use->aggregation->function].shape;

	if (shape == JST_SHAPE_HIST || shape == JST_SHAPE_LHIST || shape == JST_SHAPE_QUANTILES)
		return;
	diagnostics_add(checker->diagnostics, DIAGNOSTIC_NO_QUANTILES, use->at, use->aggregation->name.text);
	diagnostics_help(checker->diagnostics, "those that hist(x), lhist(x, min, max, step) or quantiles(x) updates have them");
	first_update(checker, use->aggregation);
}

static void check_has_order(struct checker *checker, const struct use *use)
{
	const unsigned shape = 1U << jst_aggregation_info[use->aggregation->function].shape;
	const struct expression *by = use->by;
	const bool named = (by->type == EXPRESSION_NAME && !by->indexed) || by->type == EXPRESSION_STRING;
	const char *names[ORDERS];
	char possible[200] = "", written[64] = "this";
	size_t count = 0, used = 0;

	for (int i = 0; i < ORDERS; i++) {
		if (!(orders[i].shapes & shape))
			continue;
		if (named && !strcmp(orders[i].name, by->name.text)) {
			checker->compiled->records[use->record].order = (enum result_order)i;
			return;
		}
		used += (size_t)snprintf(possible + used, sizeof(possible) - used, "%s%s", count ? ", " : "", orders[i].name);
		names[count++] = orders[i].name;
	}

	const char *close = named ? suggest_name(by->name.text, by->name.length, names, count) : NULL;

	if (by->type == EXPRESSION_NAME)
		snprintf(written, sizeof(written), "'%s'", by->name.text);
	diagnostics_add(checker->diagnostics, DIAGNOSTIC_PRINT_ORDER, use->at, use->aggregation->name.text, written);
	if (close)
		diagnostics_help(checker->diagnostics, "did you mean '%s'? There are %s", close, possible);
	else
		diagnostics_help(checker->diagnostics, "there are %s", possible);
	first_update(checker, use->aggregation);
}

void check_uses(struct checker *checker)
{
	static void (*const checks[])(struct checker *checker, const struct use *use) = {
		[USE_VALUE] = check_value_keys,
		[USE_QUANTILE] = check_has_quantiles,
		[USE_LOOP] = check_loop_names,
		[USE_ORDER] = check_has_order,
	};

	for (const struct use *use = checker->first_use; use; use = use->next) {
		if (use->aggregation->updated)
			checks[use->type](checker, use);
	}
}
