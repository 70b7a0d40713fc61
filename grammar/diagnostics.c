/*
 * Collecting diagnostics, and showing them: place, message, the source line, and carets under what is meant.
 *
 *     -e:1:24: error: unknown aggregation 'histo'
 *       request:end < @lat = histo(now - start[id]) >
 *                            ^~~~~ did you mean 'hist'?
 */
#include "diagnostics.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "arena.h"

enum { LIMIT = 20, LINE_LIMIT = 4096, MESSAGE_LIMIT = 600 };

static const struct row {
	const char *tag;
	enum severity severity;
	const char *message;
} rows[] = {
#define DIAGNOSTIC(name, tag, severity, message) [DIAGNOSTIC_##name] = { tag, SEVERITY_##severity, message },
#include "diagnostic.def"
#undef DIAGNOSTIC
};

/* Messages quote what was written, which may be anything: bytes that a terminal would act on are shown as '?', and what is longer is cut. */
static char *format_message(const char *format, va_list arguments)
{
	char text[MESSAGE_LIMIT];

	vsnprintf(text, sizeof(text), format, arguments);
	for (char *at = text; *at; at++) {
		if ((unsigned char)*at < ' ' || *at == 0x7f)
			*at = '?';
	}
	return heap_copy(text, strlen(text));
}

/* What a clause that could not be read may be the reason of: it may assign the variable. */
static const bool doubtful[DIAGNOSTICS] = {
	[DIAGNOSTIC_NO_FIELDS] = true, [DIAGNOSTIC_NEVER_ASSIGNED] = true, [DIAGNOSTIC_KEY_COUNT] = true, [DIAGNOSTIC_AGGREGATION_UPDATED] = true,
	[DIAGNOSTIC_SPAN_IN_SPECIAL] = true, [DIAGNOSTIC_SPAN_GLOB] = true, [DIAGNOSTIC_SPAN_KEY] = true,
};

/* And a definition: the name may be its. */
static const bool doubtful_undefined[DIAGNOSTICS] = {
	[DIAGNOSTIC_UNKNOWN_FUNCTION] = true, [DIAGNOSTIC_CONSTANT_VALUE] = true, [DIAGNOSTIC_AGGREGATION_PARAMETER] = true, [DIAGNOSTIC_LOCAL_UNASSIGNED] = true,
};

void diagnostics_add(struct diagnostics *diagnostics, enum diagnostic_id id, struct location at, ...)
{
	const struct row *row = &rows[id];

	if ((diagnostics->incomplete && doubtful[id]) || (diagnostics->undefined && doubtful_undefined[id]))
		diagnostics->dropped = true;
	else if (row->severity != SEVERITY_NOTE)
		diagnostics->dropped = (row->severity == SEVERITY_ERROR ? diagnostics->errors++ : diagnostics->warnings++) >= LIMIT;
	if (diagnostics->dropped)
		return;

	va_list arguments;

	va_start(arguments, at);
	diagnostics->items = heap_grow(diagnostics->items, diagnostics->count, sizeof(*diagnostics->items));
	diagnostics->items[diagnostics->count++] = (struct diagnostic){
		.severity = row->severity,
		.tag = row->tag,
		.source = at.source,
		.line = at.line,
		.column = at.column,
		.end_line = at.end_line,
		.end_column = at.end_column,
		.message = format_message(row->message, arguments),
	};
	va_end(arguments);
}

void diagnostics_help(struct diagnostics *diagnostics, const char *format, ...)
{
	if (diagnostics->dropped || !diagnostics->count)
		return;

	struct diagnostic *last = &diagnostics->items[diagnostics->count - 1];
	va_list arguments;

	va_start(arguments, format);
	free(last->help);
	last->help = format_message(format, arguments);
	va_end(arguments);
}

static bool place_before(const struct diagnostic *a, const struct diagnostic *b)
{
	if (a->source != b->source)
		return a->source < b->source;
	return a->line != b->line ? a->line < b->line : a->column < b->column;
}

/* Insertion sort of groups (one that is no note, and its notes): there are few, and their order is nearly right. */
void diagnostics_sort(struct diagnostics *diagnostics)
{
	struct diagnostic *items = diagnostics->items;

	for (uint32_t start = 0, next; start < diagnostics->count; start = next) {
		for (next = start + 1; next < diagnostics->count && items[next].severity == SEVERITY_NOTE; next++)
			;

		uint32_t to = start;

		while (to > 0) {
			uint32_t previous = to - 1;

			while (previous > 0 && items[previous].severity == SEVERITY_NOTE)
				previous--;
			if (!place_before(&items[start], &items[previous]))
				break;
			to = previous;
		}
		for (uint32_t i = 0; to != start && i < next - start; i++) {
			struct diagnostic moved = items[start + i];

			memmove(&items[to + i + 1], &items[to + i], (start - to) * sizeof(*items));
			items[to + i] = moved;
		}
	}
}

void diagnostics_fini(struct diagnostics *diagnostics)
{
	for (uint32_t i = 0; i < diagnostics->count; i++) {
		free(diagnostics->items[i].message);
		free(diagnostics->items[i].help);
	}
	free(diagnostics->items);
	*diagnostics = (struct diagnostics){ 0 };
}

/* The source line and the carets. A byte is a column; only the first byte of a UTF-8 sequence takes one on the terminal. */
static void report_line(const struct compiled *compiled, const struct diagnostic *diagnostic, FILE *out)
{
	size_t length;
	const char *line = compiled_line(&compiled->sources[diagnostic->source], diagnostic->line, &length);

	if (!line)
		return;

	size_t from = (size_t)diagnostic->column - 1;
	size_t to = diagnostic->end_line > diagnostic->line ? length : (size_t)diagnostic->end_column - 1;

	if (length > LINE_LIMIT)
		length = LINE_LIMIT;
	if (length && line[length - 1] == '\r')
		length--;
	if (to > length)
		to = length;
	fputs("  ", out);
	for (size_t i = 0; i < length; i++) {
		unsigned char byte = (unsigned char)line[i];

		fputc((byte < ' ' && byte != '\t') || byte == 0x7f ? '?' : byte, out);
	}
	if (from > length) {
		if (diagnostic->help)
			fprintf(out, "\n  %s", diagnostic->help);
		fputc('\n', out);
		return;
	}
	fputs("\n  ", out);
	for (size_t i = 0; i < from; i++) {
		unsigned char byte = (unsigned char)line[i];

		if ((byte & 0xc0) != 0x80)
			fputc(byte == '\t' ? '\t' : ' ', out);
	}
	fputc('^', out);
	for (size_t i = from + 1; i < to; i++) {
		if (((unsigned char)line[i] & 0xc0) != 0x80)
			fputc('~', out);
	}
	if (diagnostic->help)
		fprintf(out, " %s", diagnostic->help);
	fputc('\n', out);
}

void compiled_report(const struct compiled *compiled, FILE *out)
{
	static const char *const words[] = { [SEVERITY_ERROR] = "error", [SEVERITY_WARNING] = "warning", [SEVERITY_NOTE] = "note" };

	for (uint32_t i = 0; i < compiled->diagnostic_count; i++) {
		const struct diagnostic *diagnostic = &compiled->diagnostics[i];

		fprintf(out, "%s:%d:%d: %s: %s\n", compiled->sources[diagnostic->source].name, diagnostic->line, diagnostic->column, words[diagnostic->severity], diagnostic->message);
		report_line(compiled, diagnostic, out);
	}
	if (compiled->errors > LIMIT)
		fprintf(out, "%s: %u more errors\n", compiled->sources[0].name, compiled->errors - LIMIT);
}
