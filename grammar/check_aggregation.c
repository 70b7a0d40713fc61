/*
 * Checking updates of aggregations: @a[k] = f(x, parameters), and @x++ and @x += n, which are count and sum. One function, one set of parameters and one number of keys a name.
 */
#include <string.h>

#include "check.h"

static const struct row {
	const char *name, *alias;
	uint32_t values, parameters;
	const char *signature;
} rows[] = {
#define AGGREGATION(name, text, alias, values, parameters, shape, signature, meaning) [JST_AGGREGATION_##name] = { text, alias, values, parameters, signature },
#include "aggregation.def"
#undef AGGREGATION
};

const char *const aggregation_names[] = {
#define AGGREGATION(name, text, alias, values, parameters, shape, signature, meaning) text, (alias) ? (alias) : text,
#include "aggregation.def"
#undef AGGREGATION
};
const size_t aggregation_name_count = sizeof(aggregation_names) / sizeof(*aggregation_names);

enum { DEFAULT_BITS = 4 };

int aggregation_find(const struct name *name)
{
	for (int i = 0; i < JST_AGGREGATIONS; i++) {
		if (!strcmp(rows[i].name, name->text) || (rows[i].alias && !strcmp(rows[i].alias, name->text)))
			return i;
	}
	return -1;
}

struct aggregation *check_aggregation_name(struct checker *checker, const struct expression *expression)
{
	void **slot = table_slot(&checker->aggregations, expression->name.text, expression->name.length);

	if (!*slot) {
		struct aggregation *aggregation = arena_allocate(checker->script->arena, sizeof(*aggregation));

		aggregation->name = expression->name;
		aggregation->at = expression->at;
		aggregation->index = (uint32_t)checker->aggregations.count - 1;
		if (checker->last_aggregation)
			checker->last_aggregation->next = aggregation;
		else
			checker->first_aggregation = aggregation;
		checker->last_aggregation = aggregation;
		*slot = aggregation;
	}
	return *slot;
}

/* ---- parameters ---- */

static bool same_name(struct name a, struct name b)
{
	return a.text && b.text && a.length == b.length && !memcmp(a.text, b.text, a.length);
}

/* What a call gives for its parameters. */
struct given {
	int64_t parameters[3];
	bool present[3];
	struct expression *exemplar; /* NULL: none */
	struct location at;
};

static void bad_parameter(struct checker *checker, struct location at, const char *message, const char *help)
{
	diagnostics_add(checker->diagnostics, DIAGNOSTIC_AGGREGATION_PARAMETER, at, message);
	if (help)
		diagnostics_help(checker->diagnostics, "%s", help);
}

static bool check_bits(struct checker *checker, struct given *given)
{
	if (!given->present[0])
		given->parameters[0] = DEFAULT_BITS;
	if (given->parameters[0] >= 0 && given->parameters[0] <= JST_MAX_HIST_BITS)
		return true;
	bad_parameter(checker, given->at, "'bits' is out of range", "expected 0 to 8");
	return false;
}

static bool check_range(struct checker *checker, struct given *given)
{
	int64_t min = given->parameters[0], max = given->parameters[1];

	if (!given->present[2])
		given->parameters[2] = 1;

	int64_t step = given->parameters[2];

	if (!given->present[0] || !given->present[1]) {
		bad_parameter(checker, given->at, "'lhist' needs its range", "expected lhist(x, min, max, step)");
	} else if (max <= min) {
		bad_parameter(checker, given->at, "'max' must be greater than 'min'", NULL);
	} else if (step < 1) {
		bad_parameter(checker, given->at, "'step' must be at least 1", NULL);
	} else if (((uint64_t)max - (uint64_t)min - 1) / (uint64_t)step >= JST_MAX_LHIST_STEPS) {
		bad_parameter(checker, given->at, "the range has more than 4096 steps", "take a greater step");
	} else {
		return true;
	}
	return false;
}

static void unknown_argument(struct checker *checker, const struct row *row, const struct argument *argument)
{
	diagnostics_add(checker->diagnostics, DIAGNOSTIC_NAMED_ARGUMENT, argument->label_at, row->name, argument->label.text);
	diagnostics_help(checker->diagnostics, "expected %s", row->signature);
}

static bool is_exemplar(const struct argument *argument)
{
	return argument->label.text && !strcmp(argument->label.text, "exemplar");
}

/* exemplar: x, behind the value. Unlike a parameter it is taken from each event. */
static bool take_exemplar(struct checker *checker, enum jst_aggregation function, struct given *given, const struct argument *argument)
{
	struct jst_value value;

	if (function != JST_AGGREGATION_HIST) {
		diagnostics_add(checker->diagnostics, DIAGNOSTIC_NAMED_ARGUMENT, argument->label_at, rows[function].name, argument->label.text);
		diagnostics_help(checker->diagnostics, "only hist keeps exemplars");
		return false;
	}
	check_expression(checker, argument->value);
	fold(argument->value);
	if (argument->value->type == EXPRESSION_NIL || tree_literal(argument->value, &value)) {
		bad_parameter(checker, argument->value->at, "an exemplar that is always the same leads nowhere", "name what tells events apart, such as exemplar: id");
		return false;
	}
	given->exemplar = argument->value;
	given->parameters[1] = 1;
	return true;
}

/* Of those with one parameter, and of those with more. */
static const char *const parameter_names[][3] = { { "bits" }, { "min", "max", "step" } };

static bool take_parameter(struct checker *checker, const struct row *row, struct given *given, const struct argument *argument, uint32_t position)
{
	const char *const *names = parameter_names[row->parameters > 1];
	struct jst_value value;

	if (argument->label.text) {
		for (position = 0; position < row->parameters; position++) {
			if (!strcmp(names[position], argument->label.text))
				break;
		}
		if (position == row->parameters) {
			unknown_argument(checker, row, argument);
			return false;
		}
	}
	if (given->present[position]) {
		diagnostics_add(checker->diagnostics, DIAGNOSTIC_DUPLICATE_NAME, argument->label.text ? argument->label_at : argument->value->at, names[position]);
		return false;
	}
	if (!tree_literal(argument->value, &value) || value.kind != JST_INT) {
		bad_parameter(checker, argument->value->at, "a parameter of an aggregation is a constant integer", row->parameters == 1 && !argument->label.text ? "the second argument of a histogram is its bits; values have no weights, sum(x) adds them up" : NULL);
		return false;
	}
	given->parameters[position] = value.i;
	given->present[position] = true;
	return true;
}

static bool is_parameter(const struct row *row, const struct argument *argument)
{
	for (uint32_t i = 0; i < row->parameters; i++) {
		if (!strcmp(parameter_names[row->parameters > 1][i], argument->label.text))
			return true;
	}
	return false;
}

/* The value has no name; it was checked before. */
static bool check_value(struct checker *checker, const struct row *row, const struct argument *argument)
{
	if (!argument || !argument->label.text)
		return true;
	if (is_exemplar(argument) && row == &rows[JST_AGGREGATION_HIST]) {
		bad_parameter(checker, argument->label_at, "the value comes before its exemplar", NULL);
		diagnostics_help(checker->diagnostics, "expected %s", row->signature);
	} else if (is_parameter(row, argument)) {
		bad_parameter(checker, argument->label_at, "the value comes before its parameters", NULL);
		diagnostics_help(checker->diagnostics, "expected %s", row->signature);
	} else {
		unknown_argument(checker, row, argument);
	}
	return false;
}

/* Whether no two arguments have one name; an argument too many would be the lesser news. */
static bool check_labels(struct checker *checker, const struct arguments *list)
{
	for (const struct argument *argument = list->first; argument; argument = argument->next) {
		for (const struct argument *before = list->first; before != argument; before = before->next) {
			if (!same_name(before->label, argument->label))
				continue;
			diagnostics_add(checker->diagnostics, DIAGNOSTIC_DUPLICATE_NAME, argument->label_at, argument->label.text);
			return false;
		}
	}
	return true;
}

/* quantize(x, weight) and lquantize(x, min, max, step, weight) of DTrace: only hist(x, 6) has something else in the place of the weight. */
static bool check_weight(struct checker *checker, const struct expression *call, const struct row *row)
{
	const bool alias = row->alias && !strcmp(row->alias, call->name.text), linear = row->parameters == 3;
	const struct argument *weight = call->list.first;
	const uint32_t place = linear ? 4 : 1;

	if (!row->parameters || (!alias && (linear || row == &rows[JST_AGGREGATION_HIST])))
		return true;
	for (uint32_t i = 0; weight && i < place; i++)
		weight = weight->next;
	if (!weight || weight->label.text)
		return true;
	bad_parameter(checker, weight->value->at, linear ? "values have no weights" : "values have no weights, and bits go by their name", NULL);
	diagnostics_help(checker->diagnostics, linear ? "sum(x) adds them up" : "sum(x) adds values up; %s(x, bits: 6) has finer buckets", call->name.text);
	return false;
}

/* The arguments behind the value; false: something was wrong, and reported. */
static bool check_parameters(struct checker *checker, const struct expression *call, enum jst_aggregation function, struct given *given)
{
	const struct row *row = &rows[function];
	const struct argument *argument = call->list.first;
	uint32_t count = call->list.count, position = 0;
	char text[32];

	if (!check_labels(checker, &call->list))
		return false;
	for (const struct argument *each = argument ? argument->next : NULL; each; each = each->next) {
		if (!is_exemplar(each))
			continue;
		if (!take_exemplar(checker, function, given, each))
			return false;
		count--;
	}
	if (!check_weight(checker, call, row))
		return false;
	if (count < row->values || count > row->values + row->parameters) {
		diagnostics_add(checker->diagnostics, DIAGNOSTIC_AGGREGATION_ARGUMENTS, call->at, call->name.text, count_text(text, call->list.count, "argument"));
		diagnostics_help(checker->diagnostics, "expected %s", row->signature);
		return false;
	}
	if (row->values) {
		if (!check_value(checker, row, argument))
			return false;
		argument = argument->next;
	}
	for (; argument; argument = argument->next) {
		if (is_exemplar(argument))
			continue;
		check_expression(checker, argument->value);
		fold(argument->value);
		if (!take_parameter(checker, row, given, argument, position++))
			return false;
	}
	if (row->parameters == 1 && !check_bits(checker, given))
		return false;
	return row->parameters != 3 || check_range(checker, given);
}

/* ---- updates ---- */

const char *aggregation_describe(const struct aggregation *aggregation, char text[static 160])
{
	char parameters[96] = "", keys[32];

	if (rows[aggregation->function].parameters == 1)
		snprintf(parameters, sizeof(parameters), ", bits: %lld%s", (long long)aggregation->parameters[0], aggregation->parameters[1] ? ", exemplar: …" : "");
	else if (rows[aggregation->function].parameters == 3)
		snprintf(parameters, sizeof(parameters), ", %lld, %lld, %lld", (long long)aggregation->parameters[0], (long long)aggregation->parameters[1], (long long)aggregation->parameters[2]);
	snprintf(text, 160, "%s(%s%s) with %s", rows[aggregation->function].name, rows[aggregation->function].values ? "x" : "", parameters, count_text(keys, aggregation->keys, "key"));
	return text;
}

/* What the printed rows call the exemplars: the name, if it is one. */
static struct name exemplar_name(const struct expression *exemplar)
{
	if (!exemplar || exemplar->type != EXPRESSION_NAME)
		return (struct name){ 0 };
	if (exemplar->meaning == MEANING_FIELD)
		return exemplar->field;
	return exemplar->indexed ? (struct name){ 0 } : exemplar->name;
}

static void declare(struct checker *checker, struct statement *statement, enum jst_aggregation function, const int64_t parameters[3])
{
	const struct expression *target = statement->target;
	struct aggregation *aggregation = target->aggregation;
	struct aggregation now = { .function = function, .keys = target->list.count, .exemplar = exemplar_name(statement->exemplar) };
	char text[160];

	memcpy(now.parameters, parameters, sizeof(now.parameters));
	if (!aggregation->updated) {
		aggregation->updated = true;
		aggregation->at = statement->at;
		aggregation->function = function;
		aggregation->keys = now.keys;
		aggregation->columns = target->list.first;
		aggregation->exemplar = now.exemplar;
		memcpy(aggregation->parameters, parameters, sizeof(aggregation->parameters));
		return;
	}
	if (!same_name(aggregation->exemplar, now.exemplar))
		aggregation->exemplar = (struct name){ 0 };
	if (aggregation->function == function && aggregation->keys == now.keys && !memcmp(aggregation->parameters, parameters, sizeof(now.parameters)))
		return;
	diagnostics_add(checker->diagnostics, DIAGNOSTIC_AGGREGATION_MISMATCH, statement->at, target->name.text);
	diagnostics_help(checker->diagnostics, "%s", aggregation_describe(&now, text));
	diagnostics_add(checker->diagnostics, DIAGNOSTIC_FIRST_UPDATE, aggregation->at, aggregation_describe(aggregation, text));
}

/* @start[tid] = now of bpftrace, where every variable has an @; @n = count. */
static void help_value(struct checker *checker, const struct expression *target, const struct expression *value)
{
	const int function = value->type == EXPRESSION_NAME ? aggregation_find(&value->name) : -1;
	const char *name = target->name.text + 1;

	if (function >= 0)
		diagnostics_help(checker->diagnostics, "did you mean %s?", rows[function].signature);
	else if (value->meaning == MEANING_BUILTIN && value->builtin == JST_VARIABLE_NOW && target->indexed)
		diagnostics_help(checker->diagnostics, "a variable has no '@': %s[…] = now; the time of the probe '%s' is kept without being asked, as %s[…] in its siblings", *name ? name : "start", *name ? name : "start", *name ? name : "start");
	else
		diagnostics_help(checker->diagnostics, "expected a call such as count(), sum(x) or hist(x); a variable has no '@'");
}

static void check_assigned(struct checker *checker, struct statement *statement)
{
	struct expression *call = statement->value;
	struct given given = { .at = call->at };

	if (call->type != EXPRESSION_CALL) {
		check_expression(checker, call);
		diagnostics_add(checker->diagnostics, DIAGNOSTIC_AGGREGATION_VALUE, call->at, statement->target->name.text);
		help_value(checker, statement->target, call);
		return;
	}

	int function = aggregation_find(&call->name);

	if (function < 0) {
		const char *close = suggest_name(call->name.text, call->name.length, aggregation_names, aggregation_name_count);

		diagnostics_add(checker->diagnostics, DIAGNOSTIC_UNKNOWN_AGGREGATION, call->operator_at, call->name.text);
		if (close)
			diagnostics_help(checker->diagnostics, "did you mean '%s'?", close);
		else
			diagnostics_help(checker->diagnostics, "expected a call such as count(), sum(x) or hist(x)");
		check_list(checker, &call->list);
		return;
	}
	if (rows[function].values && call->list.first) {
		statement->update = call->list.first->value;
		check_expression(checker, statement->update);
	}
	if (!check_parameters(checker, call, (enum jst_aggregation)function, &given))
		return;
	statement->exemplar = given.exemplar;
	declare(checker, statement, (enum jst_aggregation)function, given.parameters);
}

void check_update(struct checker *checker, struct statement *statement)
{
	struct expression *target = statement->target;
	const int64_t none[3] = { 0 };

	if (checker->clause->is_special) {
		diagnostics_add(checker->diagnostics, DIAGNOSTIC_AGGREGATION_IN_SPECIAL, target->at, clause_name(checker->clause));
		return;
	}
	target->aggregation = check_aggregation_name(checker, target);
	check_key_count(checker, &target->list, 0);
	check_carried(checker, target->list.first);
	if (statement->type == STATEMENT_ASSIGN) {
		check_assigned(checker, statement);
	} else if (statement->type == STATEMENT_INCREMENT) {
		declare(checker, statement, JST_AGGREGATION_COUNT, none);
	} else if (statement->type == STATEMENT_COMPOUND && statement->operator == OPERATOR_ADD) {
		check_expression(checker, statement->value);
		statement->update = statement->value;
		declare(checker, statement, JST_AGGREGATION_SUM, none);
	} else {
		char text[8];

		snprintf(text, sizeof(text), statement->type == STATEMENT_DECREMENT ? "--" : "%s=", tree_operator(statement->operator));
		diagnostics_add(checker->diagnostics, DIAGNOSTIC_AGGREGATION_OPERATOR, statement->operator_at, text);
		diagnostics_help(checker->diagnostics, "it has ++ (count) and += (sum)");
	}
}

void check_aggregations_updated(struct checker *checker)
{
	enum { MOST = 64 };
	const char *names[MOST];
	size_t count = 0;

	/* Where there are other errors, the update may be among them. */
	if (checker->diagnostics->errors)
		return;
	for (const struct aggregation *aggregation = checker->first_aggregation; aggregation && count < MOST; aggregation = aggregation->next) {
		if (aggregation->updated)
			names[count++] = aggregation->name.text;
	}
	for (const struct aggregation *aggregation = checker->first_aggregation; aggregation; aggregation = aggregation->next) {
		if (aggregation->updated)
			continue;
		diagnostics_add(checker->diagnostics, DIAGNOSTIC_AGGREGATION_UPDATED, aggregation->at, aggregation->name.text);

		const char *close = suggest_name(aggregation->name.text, aggregation->name.length, names, count);

		if (close)
			diagnostics_help(checker->diagnostics, "did you mean '%s'?", close);
	}
}
