/*
 * Records on their way to the reader: a line of text each (printf: whatever its format says), or one JSON object a line.
 *
 *     2026-01-31T12:00:00.123456Z request:end pid=77 id=1 status=200 path="/x"
 *     {"type":"emit","name":"request:end","timestamp":…,"pid":77,"title":"api","hostname":"web1","fields":{"id":1,"status":200,"path":"/x"}}
 */
#include "record.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cell.h"
#include "frames.h"

/* Room for a site's description, whose texts are as long as they can be. */
struct site_copy {
	unsigned char before[8];
	_Alignas(8) unsigned char entry[sizeof(struct jst_site_entry) + JST_MAX_PROBE_NAME + UINT16_MAX + JST_MAX_SITE_FIELDS * JST_MAX_FIELD_NAME + 8];
};

bool record_decode(const struct compiled *compiled, const void *buffer, size_t size, struct record *record)
{
	struct jst_record *header = &record->header;

	if (size < sizeof(*header))
		return false;
	memcpy(header, buffer, sizeof(*header));
	if (header->size != size || header->index >= compiled->record_count || header->values > JST_MAX_ARGUMENTS)
		return false;
	record->compiled = &compiled->records[header->index];
	record->count = header->values;
	/* An event has as many values as its probe has fields; that is known where it is printed. */
	if (record->compiled->type != RECORD_EVENT && record->count != record->compiled->values)
		return false;
	return jst_key_decode((const char *)buffer + sizeof(*header), (uint32_t)(size - sizeof(*header)), record->values, record->count);
}

static enum unit unit_of(const struct record *record, uint32_t value)
{
	return record->compiled->units && value < record->compiled->values ? record->compiled->units[value] : UNIT_NONE;
}

/* The text of a printf, print or time. escape: for a terminal; JSON escapes by its own rules. */
static void print_message(FILE *file, const struct record *record, bool escape)
{
	const struct compiled_record *compiled = record->compiled;

	if (compiled->type == RECORD_PRINTF) {
		format_print(file, compiled->pieces, compiled->piece_count, record->values, compiled->units, record->count, escape);
		return;
	}
	if (compiled->type == RECORD_TIME) {
		const time_t seconds = (time_t)(record->header.timestamp / 1000000000);
		struct tm tm;
		char text[1024];

		if (compiled->text && localtime_r(&seconds, &tm))
			fwrite(text, 1, strftime(text, sizeof(text), compiled->text, &tm), file);
		return;
	}
	for (uint32_t i = 0; i < record->count; i++) {
		const struct jst_value value = record->values[i];

		if (value.kind == JST_STACK) {
			frames_print(file, value, STACK_INDENT, i == 0);
			continue;
		}
		/* The lines of a stack are ended by what follows. */
		if (i)
			fputc(record->values[i - 1].kind == JST_STACK ? '\n' : ' ', file);
		if (value.kind == JST_STRING && !escape)
			fwrite(value.s, 1, value.length, file);
		else
			print_value(file, value, unit_of(record, i));
	}
}

static void print_message_json(FILE *file, const struct record *record)
{
	char *text;
	size_t length;
	FILE *stream = open_memstream(&text, &length);

	if (!stream)
		abort();
	print_message(stream, record, false);
	fclose(stream);
	fputs("{\"type\":\"print\",\"text\":", file);
	print_json_string(file, text, length);
	free(text);
	if (record->compiled->type == RECORD_PRINT) {
		fputs(",\"values\":[", file);
		for (uint32_t i = 0; i < record->count; i++) {
			if (i)
				fputc(',', file);
			print_json_value(file, record->values[i]);
		}
		fputc(']', file);
	}
	fputs("}\n", file);
}

/* The name of a value of an emit or event: the script's, or the probe's field; values without one (a description that could not be read) are numbered. */
static struct jst_string name_of(const struct record *record, const struct jst_probe *probe, uint32_t value, char *room, size_t size)
{
	if (record->compiled->type == RECORD_EMIT && record->compiled->names && record->compiled->names[value])
		return (struct jst_string){ record->compiled->names[value], (uint32_t)strlen(record->compiled->names[value]) };
	if (record->compiled->type == RECORD_EVENT && value < probe->fields)
		return probe->field[value].name;
	return (struct jst_string){ room, (uint32_t)snprintf(room, size, "field%" PRIu32, value) };
}

static void print_event(FILE *file, const struct record *record, const struct record_source *source, const struct jst_probe *probe)
{
	char room[24];

	print_timestamp(file, record->header.timestamp);
	fputc(' ', file);
	if (probe->name.length)
		print_text(file, probe->name.bytes, probe->name.length);
	else
		fputc('?', file);
	fprintf(file, " pid=%" PRId32, source->pid);
	for (uint32_t i = 0; i < record->count; i++) {
		const struct jst_string name = name_of(record, probe, i, room, sizeof(room));
		const struct jst_value value = record->values[i];

		if (value.kind == JST_STACK)
			continue;
		fputc(' ', file);
		print_text(file, name.bytes, name.length);
		fputc('=', file);
		if (value.kind == JST_STRING)
			print_quoted(file, value.s, value.length);
		else
			print_value(file, value, unit_of(record, i));
	}
	/* Stacks last, below the line, each under its name. */
	for (uint32_t i = 0; i < record->count; i++) {
		if (record->values[i].kind != JST_STACK)
			continue;

		const struct jst_string name = name_of(record, probe, i, room, sizeof(room));

		fprintf(file, "\n%*s", STACK_INDENT / 2, "");
		print_text(file, name.bytes, name.length);
		fputc(':', file);
		frames_print(file, record->values[i], STACK_INDENT, false);
	}
	fputc('\n', file);
}

static void print_json_text(FILE *file, const char *text)
{
	if (text)
		print_json_string(file, text, strlen(text));
	else
		fputs("null", file);
}

static void print_event_json(FILE *file, const struct record *record, const struct record_source *source, const struct jst_probe *probe)
{
	char room[24];

	fputs("{\"type\":\"emit\",\"name\":", file);
	if (probe->name.length)
		print_json_string(file, probe->name.bytes, probe->name.length);
	else
		fputs("null", file);
	fprintf(file, ",\"timestamp\":%" PRId64 ",\"pid\":%" PRId32 ",\"title\":", record->header.timestamp, source->pid);
	print_json_text(file, source->title);
	fputs(",\"hostname\":", file);
	print_json_text(file, source->hostname);
	fputs(",\"fields\":{", file);
	for (uint32_t i = 0; i < record->count; i++) {
		const struct jst_string name = name_of(record, probe, i, room, sizeof(room));

		if (i)
			fputc(',', file);
		print_json_string(file, name.bytes, name.length);
		fputc(':', file);
		print_json_value(file, record->values[i]);
	}
	fputs("}}\n", file);
}

/*
 * Reads the description of a record's site out of a copy, as if that lay in a memory of its own, eight bytes behind the start: the target may change its own while names are being
 * escaped, so that what was seen to be harmless is not what is written.
 */
static bool read_site(const struct record_source *source, jst_ref ref, struct site_copy *copy, struct jst_probe *probe)
{
	const uint64_t at = (uint64_t)ref * 8;

	if (!source->base || !ref || at >= source->size || source->size - at < sizeof(struct jst_site_entry))
		return false;
	const uint32_t size = ((const volatile struct jst_site_entry *)(source->base + at))->size;
	if (size > source->size - at || size > sizeof(copy->entry))
		return false;
	memcpy(copy->entry, source->base + at, size);
	return jst_site_read((const unsigned char *)copy, sizeof(copy->before) + size, 1, probe);
}

void record_print(struct output *output, const struct record *record, const struct record_source *source)
{
	const bool json = output->format == OUTPUT_JSON;
	struct jst_probe probe = { .fields = 0 };
	struct site_copy copy;

	switch (record->compiled->type) {
	case RECORD_PRINTF:
	case RECORD_PRINT:
	case RECORD_TIME:
		if (json) {
			print_message_json(output->file, record);
			return;
		}
		print_message(output->file, record, true);
		if (record->compiled->type == RECORD_PRINT)
			fputc('\n', output->file);
		return;
	case RECORD_EMIT:
	case RECORD_EVENT:
		/* Without a description the event goes out without its names. */
		if (!read_site(source, record->header.site, &copy, &probe))
			probe = (struct jst_probe){ .fields = 0 };
		if (json)
			print_event_json(output->file, record, source, &probe);
		else
			print_event(output->file, record, source, &probe);
		return;
	default:
		return;
	}
}
