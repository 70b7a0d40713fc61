/*
 * See summary.h.
 */
#include "summary.h"

#include <stdlib.h>
#include <string.h>

#include "aggregation.h"
#include "messages.h"
#include "report.h"

/* A line that is put together piece by piece. */
struct text {
	FILE *stream;
	char *text;
	size_t length;
	bool any;    /* an item was written */
};

static void begin(struct text *text)
{
	*text = (struct text){ .stream = NULL };
	text->stream = open_memstream(&text->text, &text->length);
	if (!text->stream)
		abort();
}

static void item(struct text *text, const char *name)
{
	fprintf(text->stream, "%s%s", text->any ? ", " : "", name);
	text->any = true;
}

/* Tells the line, if it has any item. */
static void end(struct text *text, const char *what)
{
	fclose(text->stream);
	if (text->any)
		message_note("%s%s", what, text->text);
	free(text->text);
}

static bool repeats(char *const *names, uint32_t index)
{
	for (uint32_t i = 0; i < index; i++)
		if (strcmp(names[i], names[index]) == 0)
			return true;
	return false;
}

static void tell_names(const char *what, char *const *names, uint32_t count)
{
	struct text text;

	begin(&text);
	for (uint32_t i = 0; i < count; i++)
		if (!repeats(names, i))
			item(&text, names[i]);
	end(&text, what);
}

static void tell_aggregations(const struct compiled *compiled)
{
	static const char *const units[] = { "", " of durations", " of sizes", " of times (monotonic clock)", " of times (wall clock)" };

	for (uint32_t i = 0; i < compiled->aggregation_count; i++) {
		const struct compiled_aggregation *aggregation = &compiled->aggregations[i];
		char keys[32] = "";

		if (aggregation->keys)
			snprintf(keys, sizeof(keys), ", by %u key%s", aggregation->keys, aggregation->keys == 1 ? "" : "s");
		message_note("aggregates %s: %s%s%s", aggregation->name, jst_aggregation_info[aggregation->function].name, units[aggregation->unit], keys);
	}
}

static void tell_records(const struct compiled *compiled)
{
	static const char *const kinds[] = { [RECORD_PRINTF] = "printf", [RECORD_PRINT] = "print", [RECORD_EMIT] = "emit", [RECORD_EVENT] = "whole events" };
	enum { KINDS = sizeof(kinds) / sizeof(kinds[0]) };
	bool has[KINDS] = { false };
	struct text text;

	if (!compiled->prints)
		return;
	for (uint32_t i = 0; i < compiled->record_count; i++)
		if ((size_t)compiled->records[i].type < KINDS)
			has[compiled->records[i].type] = true;
	begin(&text);
	for (size_t i = 0; i < KINDS; i++)
		if (has[i] && kinds[i])
			item(&text, kinds[i]);
	end(&text, "sends records: ");
}

static void tell_specials(const struct compiled *compiled)
{
	static const char *const names[] = { "BEGIN", "END", NULL, "process:attach", "process:exit" };
	struct text text;

	begin(&text);
	for (uint32_t i = 0; i < compiled->special_count; i++) {
		const struct compiled_special *special = &compiled->specials[i];

		if (special->special == SPECIAL_TICK) {
			item(&text, "every ");
			print_duration(text.stream, (double)special->period);
		} else {
			item(&text, names[special->special]);
		}
	}
	end(&text, "runs in jstrace itself: ");
}

static void tell_limits(const struct options *options)
{
	struct text text;

	begin(&text);
	item(&text, "");
	fprintf(text.stream, "%u instructions a clause (--budget), ", options->budget);
	print_size(text.stream, (double)options->memory);
	fputs(" of memory a process (--memory), strings of ", text.stream);
	print_size(text.stream, (double)options->string_size);
	fputs(" (--string-size), rings of up to ", text.stream);
	print_size(text.stream, (double)options->ring_size);
	fputs(" a thread (--ring-size)", text.stream);
	end(&text, "at most ");
}

void summary_tell(const struct compiled *compiled, const struct options *options)
{
	struct report *report = report_new(compiled);

	tell_names("watches ", compiled->patterns, compiled->pattern_count);
	tell_names("reads the fields ", compiled->fields, compiled->field_count);
	report_spans(report);
	tell_names("keeps in each process: ", compiled->target_names.maps, compiled->target_names.map_count);
	tell_aggregations(compiled);
	tell_records(compiled);
	tell_specials(compiled);
	if (compiled->target_clauses)
		tell_limits(options);
	else
		message_note("attaches to no process");
	report_free(report);
}
