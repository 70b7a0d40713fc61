/*
 * What a name means. A name that is assigned anywhere is a variable everywhere; a builtin is never assigned; indexed but never assigned, it names a sibling
 * span; anything else is a field. trace.x and trace["x"] are always the field.
 */
#include "names.h"

#include <string.h>

#include "check.h"
#include "habit.h"

static const struct builtin {
	const char *name, *alias;
	enum unit unit;
	bool probe_only;
} builtins[] = {
#define WHERE_ANY false
#define WHERE_PROBE true
#define WHERE_NAME false
#define VARIABLE(name, text, alias, unit, where, meaning) [JST_VARIABLE_##name] = { text, alias, UNIT_##unit, WHERE_##where },
#define FUNCTION(name, text, min, max, signature, unit, meaning)
#include "builtin.def"
#undef VARIABLE
#undef FUNCTION
};

int names_builtin(const struct name *name)
{
	for (int i = 0; i < JST_VARIABLES; i++) {
		if ((builtins[i].name && !strcmp(builtins[i].name, name->text)) || (builtins[i].alias && !strcmp(builtins[i].alias, name->text)))
			return i;
	}
	return -1;
}

static bool has_dots(const struct name *name)
{
	return memchr(name->text, '.', name->length) != NULL;
}

/* ---- collecting what is assigned ---- */

static void collect_target(struct checker *checker, const struct expression *target)
{
	bool is_self = target->type == EXPRESSION_SELF;

	if (!is_self && (target->type != EXPRESSION_NAME || has_dots(&target->name) || !strcmp(target->name.text, "trace") || names_builtin(&target->name) >= 0))
		return;

	void **slot = table_slot(is_self ? &checker->selves : &checker->variables, target->name.text, target->name.length);

	if (*slot)
		return;

	struct variable *variable = arena_allocate(checker->script->arena, sizeof(*variable));

	variable->name = target->name;
	variable->is_self = is_self;
	variable->keys = target->list.count;
	variable->at = target->at;
	variable->all_int = true;
	if (checker->last_variable)
		checker->last_variable->next = variable;
	else
		checker->first_variable = variable;
	checker->last_variable = variable;
	*slot = variable;
}

static void collect_block(struct checker *checker, const struct block *block)
{
	for (const struct statement *statement = block->first; statement; statement = statement->next) {
		if (statement->type == STATEMENT_ASSIGN || statement->type == STATEMENT_COMPOUND || statement->type == STATEMENT_INCREMENT || statement->type == STATEMENT_DECREMENT)
			collect_target(checker, statement->target);
		collect_block(checker, &statement->body);
		collect_block(checker, &statement->otherwise);
	}
}

void names_collect(struct checker *checker)
{
	for (const struct clause *clause = checker->script->first; clause; clause = clause->next)
		collect_block(checker, &clause->body);
}

/* ---- uses ---- */

/* The closest variable to a name that is none, for "did you mean"; looks at the first few only. */
static const char *suggest_variable(const struct checker *checker, const struct name *name)
{
	enum { MOST = 64 };
	const char *names[MOST];
	size_t count = 0;

	for (const struct variable *variable = checker->first_variable; variable && count < MOST; variable = variable->next) {
		if (!variable->is_self)
			names[count++] = variable->name.text;
	}
	return suggest_name(name->text, name->length, names, count);
}

/* Fields have small letters as a rule, and constants capital ones. */
static bool is_capital(const struct name *name)
{
	for (const char *at = name->text; *at; at++) {
		if (*at >= 'a' && *at <= 'z')
			return false;
	}
	return true;
}

/* A field that is called nearly as a builtin or a constant is, or as other languages call something else. */
static void warn_field(struct checker *checker, const struct expression *expression, const struct name *name)
{
	const char *help = habit_variable(name->text), *constant = is_capital(name) ? definitions_suggest_constant(checker, name) : NULL;
	enum { LONG = 7 };

	if (help) {
		diagnostics_add(checker->diagnostics, DIAGNOSTIC_FOREIGN_NAME, expression->at, name->text);
		diagnostics_help(checker->diagnostics, "%s; a field of that name is written trace.%s", help, name->text);
		return;
	}
	if (constant) {
		diagnostics_add(checker->diagnostics, DIAGNOSTIC_FOREIGN_NAME, expression->at, name->text);
		diagnostics_help(checker->diagnostics, "did you mean '%s'? A field of that name is written trace.%s", constant, name->text);
		return;
	}
	/* Short names are close to many; timestamps is a word of its own. */
	for (int i = 0; i < JST_VARIABLES; i++) {
		const char *known = builtins[i].name;

		if (!known || strlen(known) < LONG || strlen(known) > name->length + 1 || !strncmp(known, name->text, strlen(known)) || suggest_distance(name->text, known) != 1)
			continue;
		diagnostics_add(checker->diagnostics, DIAGNOSTIC_FOREIGN_NAME, expression->at, name->text);
		diagnostics_help(checker->diagnostics, "did you mean '%s'? A field of that name is written trace.%s", known, name->text);
		return;
	}
}

/* Notes that the clause reads the field, so that somebody who sees the probes can tell whether they have it. */
static void note_read(struct checker *checker, const struct expression *expression, const struct name *name)
{
	struct compiled *compiled = checker->compiled;

	for (uint32_t i = checker->first_read; i < compiled->read_count; i++) {
		if (strcmp(compiled->reads[i].field, name->text) != 0)
			continue;
		compiled->reads[i].tested |= checker->tests;
		return;
	}
	/* More fields than a program may have: it will be refused. */
	if (compiled->read_count - checker->first_read >= JST_MAX_FIELDS)
		return;
	compiled->reads = heap_grow(compiled->reads, compiled->read_count, sizeof(*compiled->reads));
	compiled->reads[compiled->read_count++] = (struct compiled_read){
		.field = heap_copy(name->text, name->length),
		.first_pattern = checker->first_pattern,
		.patterns = compiled->pattern_count - checker->first_pattern,
		.tested = checker->tests,
		.source = expression->at.source,
		.line = expression->at.line,
		.column = expression->at.column,
	};
}

static void field(struct checker *checker, struct expression *expression, struct name name)
{
	const struct clause *clause = checker->clause;

	expression->meaning = MEANING_FIELD;
	expression->field = name;
	if (clause->has_fields && (!strcmp(name.text, "pid") || !strcmp(name.text, "title") || !strcmp(name.text, "reason")))
		return;
	if (clause->is_special) {
		diagnostics_add(checker->diagnostics, DIAGNOSTIC_NO_FIELDS, expression->at, name.text, clause_name(clause));

		const char *variable = suggest_variable(checker, &name), *close = variable ? variable : definitions_suggest_constant(checker, &name);

		if (close)
			diagnostics_help(checker->diagnostics, "did you mean '%s'?", close);
		else if (clause->has_fields)
			diagnostics_help(checker->diagnostics, "it has pid, title and reason");
		else
			diagnostics_help(checker->diagnostics, "and no variable of that name is assigned");
		return;
	}

	note_read(checker, expression, &name);

	void **slot = table_slot(&checker->fields, name.text, name.length);
	struct compiled *compiled = checker->compiled;

	if (*slot)
		return;
	*slot = compiled;
	if (name.text == expression->name.text)
		warn_field(checker, expression, &name);
	compiled->fields = heap_grow(compiled->fields, compiled->field_count, sizeof(*compiled->fields));
	compiled->fields[compiled->field_count++] = heap_copy(name.text, name.length);
}

/* Notes that in the target the name is no field. */
static void hides(struct checker *checker, const struct name *name)
{
	void **slot = table_slot(&checker->hiding, name->text, name->length);
	struct compiled *compiled = checker->compiled;

	if (*slot)
		return;
	*slot = compiled;
	compiled->hiding = heap_grow(compiled->hiding, compiled->hiding_count, sizeof(*compiled->hiding));
	compiled->hiding[compiled->hiding_count++] = heap_copy(name->text, name->length);
}

static void builtin(struct checker *checker, struct expression *expression, int index)
{
	struct name name = { builtins[index].name, strlen(builtins[index].name) };

	if (checker->clause->has_fields && (index == JST_VARIABLE_PID || index == JST_VARIABLE_TITLE)) {
		field(checker, expression, name);
		return;
	}
	expression->meaning = MEANING_BUILTIN;
	expression->builtin = (enum jst_variable)index;
	expression->unit = builtins[index].unit;
	expression->int_valued = index == JST_VARIABLE_NOW || index == JST_VARIABLE_TIMESTAMP || index == JST_VARIABLE_ELAPSED || index == JST_VARIABLE_PID ||
				 index == JST_VARIABLE_TID || index == JST_VARIABLE_CPU || index == JST_VARIABLE_UID;
	if (builtins[index].probe_only && checker->clause->is_special)
		diagnostics_add(checker->diagnostics, DIAGNOSTIC_PROBE_VARIABLE, expression->at, expression->name.text);
	if (!checker->clause->is_special)
		hides(checker, &expression->name);
}

/* Notes where the variable is used, and checks that it is used with as many keys as it was first assigned with. */
static void use(struct checker *checker, struct expression *expression, struct variable *variable, uint32_t keys, bool changes)
{
	const struct clause *clause = checker->clause;
	char text[32];

	expression->meaning = MEANING_VARIABLE;
	expression->variable = variable;
	if (clause->is_special) {
		if (variable->is_self) {
			diagnostics_add(checker->diagnostics, DIAGNOSTIC_SELF_IN_SPECIAL, expression->at, clause_name(clause), variable->name.text);
			diagnostics_help(checker->diagnostics, "write %s, a variable of jstrace's own", variable->name.text);
		}
		if (!variable->used_in_special)
			variable->special_at = expression->at;
		variable->used_in_special = true;
		if (changes && clause->begin_only)
			variable->changed_in_begin = true;
		else if (changes)
			variable->changed_in_special = true;
	} else {
		if (!variable->used_in_target)
			variable->target_at = expression->at;
		variable->used_in_target = true;
		if (changes)
			variable->changed_in_target = true;
		if (!variable->is_self)
			hides(checker, &variable->name);
	}
	if (keys == variable->keys)
		return;
	diagnostics_add(checker->diagnostics, DIAGNOSTIC_KEY_COUNT, expression->at, variable->name.text, count_text(text, keys, "key"));
	diagnostics_add(checker->diagnostics, DIAGNOSTIC_FIRST_USE, variable->at, count_text(text, variable->keys, "key"));
}

/* trace.x, or trace["x"]: the field, in *name. */
static bool is_trace(const struct expression *expression, struct name *name)
{
	if (expression->name.length > 6 && !memcmp(expression->name.text, "trace.", 6) && !expression->indexed) {
		*name = (struct name){ expression->name.text + 6, expression->name.length - 6 };
		return true;
	}
	if (strcmp(expression->name.text, "trace") != 0 || !expression->indexed || expression->list.count != 1)
		return false;

	const struct expression *key = expression->list.first->value;

	*name = key->name;
	return key->type == EXPRESSION_STRING && key->name.length > 0 && !memchr(key->name.text, '\0', key->name.length);
}

void names_resolve(struct checker *checker, struct expression *expression)
{
	bool is_self = expression->type == EXPRESSION_SELF;
	struct variable *variable = table_find(is_self ? &checker->selves : &checker->variables, expression->name.text, expression->name.length);
	const struct name written = expression->name;
	struct name name;

	if (!is_self && !expression->indexed && definitions_constant(checker, expression)) {
		if (checker->clause && !checker->function && !checker->clause->is_special)
			hides(checker, &written);
		return;
	}
	if (definitions_refuse(checker, expression->at, is_self ? "self" : expression->name.text)) {
		const char *close = is_self || expression->indexed ? NULL : definitions_suggest_constant(checker, &expression->name);

		if (close)
			diagnostics_help(checker->diagnostics, "did you mean '%s'?", close);
		return;
	}
	if (!is_self && is_trace(expression, &name)) {
		field(checker, expression, name);
		return;
	}
	check_key_count(checker, &expression->list, is_self);
	check_list(checker, &expression->list);
	if (variable) {
		use(checker, expression, variable, expression->list.count, false);
		return;
	}
	if (is_self) {
		diagnostics_add(checker->diagnostics, DIAGNOSTIC_NEVER_ASSIGNED, expression->at, arena_copy(checker->script->arena, expression->name.text - 5, expression->name.length + 5));
		return;
	}

	int index = names_builtin(&expression->name);

	if (expression->indexed && index >= 0) {
		diagnostics_add(checker->diagnostics, DIAGNOSTIC_BUILTIN_INDEXED, expression->at, expression->name.text);
		return;
	}
	if (expression->indexed && (has_dots(&expression->name) || !strcmp(expression->name.text, "trace"))) {
		diagnostics_add(checker->diagnostics, DIAGNOSTIC_FIELD_INDEXED, expression->at, expression->name.text);
		diagnostics_help(checker->diagnostics, "a field with an odd name is written trace[\"name\"]");
		return;
	}
	if (expression->indexed)
		span_note(checker, expression);
	else if (index >= 0)
		builtin(checker, expression, index);
	else
		field(checker, expression, expression->name);
}

static void not_assignable(struct checker *checker, const struct expression *expression)
{
	diagnostics_add(checker->diagnostics, DIAGNOSTIC_NOT_ASSIGNABLE, expression->at);
	if (expression->type == EXPRESSION_ARGUMENT || expression->type == EXPRESSION_ARGUMENTS || expression->type == EXPRESSION_LOCAL)
		diagnostics_help(checker->diagnostics, "the arguments of the script do not change");
	else
		diagnostics_help(checker->diagnostics, "expected a variable, an entry of a map, a $ variable or an aggregation");
}

static void local_target(struct checker *checker, struct expression *expression)
{
	check_expression(checker, expression);
	expression->local->assigned = true;
}

bool names_resolve_target(struct checker *checker, struct expression *expression, bool remove)
{
	bool is_self = expression->type == EXPRESSION_SELF;

	if (expression->type == EXPRESSION_LOCAL && !table_find(&checker->locals, expression->name.text, expression->name.length) &&
	    table_find(&checker->parameters, expression->name.text, expression->name.length)) {
		not_assignable(checker, expression);
		return false;
	}
	if (expression->type == EXPRESSION_LOCAL && check_loop_value(checker, expression)) {
		diagnostics_add(checker->diagnostics, DIAGNOSTIC_LOOP_VALUE, expression->at, expression->name.text);
		return false;
	}
	if (expression->type == EXPRESSION_LOCAL && !remove) {
		local_target(checker, expression);
		return true;
	}
	if (expression->type == EXPRESSION_LOCAL) {
		diagnostics_add(checker->diagnostics, DIAGNOSTIC_LOCAL_DELETED, expression->at, expression->name.text);
		diagnostics_help(checker->diagnostics, "it ends with its clause; $%s = nil empties it before", expression->name.text);
		return false;
	}
	if ((!is_self && expression->type != EXPRESSION_NAME) || !strcmp(expression->name.text, "trace")) {
		not_assignable(checker, expression);
		return false;
	}
	if (!is_self && has_dots(&expression->name)) {
		diagnostics_add(checker->diagnostics, DIAGNOSTIC_DOTTED_VARIABLE, expression->at, expression->name.text);
		return false;
	}
	if (!is_self && table_find(&checker->constants, expression->name.text, expression->name.length)) {
		diagnostics_add(checker->diagnostics, DIAGNOSTIC_CONSTANT_ASSIGNED, expression->at, expression->name.text);
		return false;
	}
	if (!is_self && names_builtin(&expression->name) >= 0) {
		diagnostics_add(checker->diagnostics, DIAGNOSTIC_BUILTIN_ASSIGNED, expression->at, expression->name.text);
		return false;
	}
	check_key_count(checker, &expression->list, is_self);
	check_list(checker, &expression->list);

	struct variable *variable = table_find(is_self ? &checker->selves : &checker->variables, expression->name.text, expression->name.length);

	if (!variable) {
		const char *close = suggest_variable(checker, &expression->name);

		diagnostics_add(checker->diagnostics, DIAGNOSTIC_NEVER_ASSIGNED, expression->at, expression->name.text);
		if (close)
			diagnostics_help(checker->diagnostics, "did you mean '%s'?", close);
		return false;
	}
	use(checker, expression, variable, expression->list.count, true);
	return true;
}

void names_resolve_map(struct checker *checker, struct expression *expression, uint32_t keys)
{
	bool is_self = expression->type == EXPRESSION_SELF;

	if (definitions_refuse(checker, expression->at, expression->name.text ? expression->name.text : "in"))
		return;
	if ((!is_self && expression->type != EXPRESSION_NAME) || expression->indexed || has_dots(&expression->name) || names_builtin(&expression->name) >= 0) {
		diagnostics_add(checker->diagnostics, DIAGNOSTIC_NOT_A_MAP, expression->at);
		if (expression->type == EXPRESSION_AGGREGATION && checker->clause->is_special)
			diagnostics_help(checker->diagnostics, "a key of an aggregation is tested by %s[…] != nil", expression->name.text);
		return;
	}

	struct variable *variable = table_find(is_self ? &checker->selves : &checker->variables, expression->name.text, expression->name.length);

	if (!variable) {
		diagnostics_add(checker->diagnostics, DIAGNOSTIC_NEVER_ASSIGNED, expression->at, expression->name.text);

		const char *close = suggest_variable(checker, &expression->name);

		if (close)
			diagnostics_help(checker->diagnostics, "did you mean '%s'?", close);
		else
			diagnostics_help(checker->diagnostics, "a sibling span is tested by %s[…] != nil", expression->name.text);
		return;
	}
	use(checker, expression, variable, keys, false);
}

void names_check_sharing(struct checker *checker)
{
	for (const struct variable *variable = checker->first_variable; variable; variable = variable->next) {
		if (variable->is_self || !variable->used_in_target || !variable->used_in_special)
			continue;
		if (!variable->changed_in_target && !variable->changed_in_special)
			continue;
		diagnostics_add(checker->diagnostics, DIAGNOSTIC_SHARED_VARIABLE, variable->target_at, variable->name.text);
		diagnostics_help(checker->diagnostics, "count in an aggregation (@%s); a variable assigned in BEGIN alone reaches the targets", variable->name.text);
		diagnostics_add(checker->diagnostics, DIAGNOSTIC_OTHER_USE, variable->special_at);
	}
}
