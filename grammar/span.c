/*
 * Sibling spans: start[id] in a clause on request:end, where start is assigned nowhere, is the time at which request:start last fired with that id.
 *
 * Spans that share prefix, sibling and key share a table. Where a prefix is a glob (*:end), or the patterns of one clause have different prefixes, the concrete prefix is a
 * hidden first key of the table; then all spans of that sibling and key share it, so that request:abort uses up what *:end would have read.
 */
#include <string.h>

#include "check.h"

size_t span_prefix(const struct pattern *pattern)
{
	size_t at = pattern->text.length;

	while (at > 0 && pattern->text.text[at - 1] != ':')
		at--;
	return at;
}

static bool has_glob(const struct pattern *pattern, size_t from, size_t to)
{
	for (size_t i = from; i < to && pattern->glob; i++) {
		if (strchr("*?[]", pattern->text.text[i]))
			return true;
	}
	return false;
}

struct name span_sibling_pattern(struct arena *arena, const struct pattern *pattern, const struct name *sibling)
{
	size_t prefix = span_prefix(pattern);
	char *text = arena_allocate(arena, prefix + sibling->length + 1);

	memcpy(text, pattern->text.text, prefix);
	memcpy(text + prefix, sibling->text, sibling->length);
	return (struct name){ text, prefix + sibling->length };
}

static void check_keys(struct checker *checker, const struct expression *expression)
{
	for (const struct argument *key = expression->list.first; key; key = key->next) {
		const struct expression *value = key->value;

		if (value->meaning == MEANING_FIELD || (value->meaning == MEANING_BUILTIN && value->builtin == JST_VARIABLE_TID))
			continue;
		diagnostics_add(checker->diagnostics, DIAGNOSTIC_SPAN_KEY, value->at, expression->name.text);
		diagnostics_help(checker->diagnostics, "'%s' is never assigned in this script, so it means the sibling probe", expression->name.text);
	}
}

void span_note(struct checker *checker, struct expression *expression)
{
	struct clause *clause = checker->clause;

	if (clause->is_special) {
		diagnostics_add(checker->diagnostics, DIAGNOSTIC_SPAN_IN_SPECIAL, expression->at, expression->name.text, clause_name(clause));
		return;
	}
	for (const struct pattern *pattern = clause->first; pattern; pattern = pattern->next) {
		if (!has_glob(pattern, span_prefix(pattern), pattern->text.length))
			continue;
		diagnostics_add(checker->diagnostics, DIAGNOSTIC_SPAN_GLOB, expression->at, expression->name.text, pattern->text.text);
		diagnostics_help(checker->diagnostics, "'%s' is never assigned in this script, so it means the sibling probe", expression->name.text);
		return;
	}
	check_keys(checker, expression);

	struct span *span = arena_allocate(checker->script->arena, sizeof(*span));

	span->clause = clause;
	span->sibling = expression->name;
	span->keys = expression->list;
	span->at = expression->at;
	if (checker->last_span)
		checker->last_span->next = span;
	else
		checker->first_span = span;
	checker->last_span = span;
	expression->meaning = MEANING_SPAN;
	expression->span = span;
}

/* ---- sharing tables ---- */

/* The one literal prefix of all patterns of the clause, its length in *length; NULL: there is none. */
static const char *literal_prefix(const struct clause *clause, size_t *length)
{
	*length = span_prefix(clause->first);
	for (const struct pattern *pattern = clause->first; pattern; pattern = pattern->next) {
		size_t end = span_prefix(pattern);

		if (has_glob(pattern, 0, end) || end != *length || memcmp(pattern->text.text, clause->first->text.text, end) != 0)
			return NULL;
	}
	return clause->first->text.text;
}

/* Names the sibling and the key, and behind them the prefix: what spans of one table have in common. Parts are separated by NUL, which is in no name. */
static struct name identity(struct arena *arena, const struct span *span, const char *prefix, size_t prefix_length)
{
	size_t length = span->sibling.length + 1 + prefix_length;

	for (const struct argument *key = span->keys.first; key; key = key->next)
		length += key->value->field.length + 2;

	char *text = arena_allocate(arena, length + 1), *at = text;

	at = (char *)memcpy(at, span->sibling.text, span->sibling.length) + span->sibling.length + 1;
	for (const struct argument *key = span->keys.first; key; key = key->next) {
		const struct name *field = &key->value->field;

		*at++ = key->value->meaning == MEANING_FIELD ? 'f' : 't';
		if (field->length)
			memcpy(at, field->text, field->length);
		at += field->length + 1;
	}
	if (prefix_length)
		memcpy(at, prefix, prefix_length);
	return (struct name){ text, length };
}

static struct span_table *new_table(struct checker *checker, bool by_prefix)
{
	struct span_table *table = arena_allocate(checker->script->arena, sizeof(*table));

	table->by_prefix = by_prefix;
	if (checker->last_table)
		checker->last_table->next = table;
	else
		checker->tables = table;
	checker->last_table = table;
	return table;
}

void span_join(struct checker *checker)
{
	struct arena *arena = checker->script->arena;
	struct table mixed = { .arena = arena }, tables = { .arena = arena };
	size_t length;

	/* First which siblings need the prefix as a key: one clause that does decides for all. */
	for (struct span *span = checker->first_span; span; span = span->next) {
		if (literal_prefix(span->clause, &length))
			continue;

		struct name name = identity(arena, span, NULL, 0);

		*table_slot(&mixed, name.text, name.length) = span;
	}
	for (struct span *span = checker->first_span; span; span = span->next) {
		struct name name = identity(arena, span, NULL, 0);
		bool by_prefix = table_find(&mixed, name.text, name.length) != NULL;

		if (by_prefix) {
			check_key_count(checker, &span->keys, 1);
		} else {
			const char *prefix = literal_prefix(span->clause, &length);

			name = identity(arena, span, prefix, length);
		}

		void **slot = table_slot(&tables, name.text, name.length);

		if (!*slot)
			*slot = new_table(checker, by_prefix);
		span->table = *slot;
		if (span->table->last)
			span->table->last->next_in_table = span;
		else
			span->table->spans = span;
		span->table->last = span;
	}
	table_fini(&mixed);
	table_fini(&tables);
}
