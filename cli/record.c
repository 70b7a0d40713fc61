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
#include "line.h"

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
static void put_message(struct line *line, const struct record *record, bool escape)
{
	const struct compiled_record *compiled = record->compiled;

	if (compiled->type == RECORD_PRINTF) {
		format_line(line, compiled->pieces, compiled->piece_count, record->values, compiled->units, record->count, escape);
		return;
	}
	if (compiled->type == RECORD_TIME) {
		const time_t seconds = (time_t)(record->header.timestamp / 1000000000);
		struct tm tm;
		char text[1024];

		if (compiled->text && localtime_r(&seconds, &tm))
			line_bytes(line, text, strftime(text, sizeof(text), compiled->text, &tm));
		return;
	}
	for (uint32_t i = 0; i < record->count; i++) {
		const struct jst_value value = record->values[i];

		if (value.kind == JST_STACK) {
			line_end(line);
			frames_print(line->file, value, STACK_INDENT, i == 0);
			continue;
		}
		/* The lines of a stack are ended by what follows. */
		if (i)
			line_char(line, record->values[i - 1].kind == JST_STACK ? '\n' : ' ');
		if (value.kind == JST_STRING && !escape)
			line_bytes(line, value.s, value.length);
		else
			line_value(line, value, unit_of(record, i));
	}
}

static void put_message_json(struct line *line, const struct record *record)
{
	char *text;
	size_t length;
	FILE *stream = open_memstream(&text, &length);
	struct line message;

	if (!stream)
		abort();
	line_begin(&message, stream);
	put_message(&message, record, false);
	line_end(&message);
	fclose(stream);
	line_string(line, "{\"type\":\"print\",\"text\":");
	line_json_string(line, text, length);
	free(text);
	if (record->compiled->type == RECORD_PRINT) {
		line_string(line, ",\"values\":[");
		for (uint32_t i = 0; i < record->count; i++) {
			if (i)
				line_char(line, ',');
			line_json_value(line, record->values[i]);
		}
		line_char(line, ']');
	}
	line_string(line, "}\n");
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

static void put_event(struct line *line, const struct record *record, const struct record_source *source, const struct jst_probe *probe)
{
	char room[24];

	line_timestamp(line, record->header.timestamp);
	line_char(line, ' ');
	if (probe->name.length)
		line_text(line, probe->name.bytes, probe->name.length);
	else
		line_char(line, '?');
	line_string(line, " pid=");
	line_integer(line, source->pid);
	for (uint32_t i = 0; i < record->count; i++) {
		const struct jst_string name = name_of(record, probe, i, room, sizeof(room));
		const struct jst_value value = record->values[i];

		if (value.kind == JST_STACK)
			continue;
		line_char(line, ' ');
		line_text(line, name.bytes, name.length);
		line_char(line, '=');
		if (value.kind == JST_STRING)
			line_quoted(line, value.s, value.length);
		else
			line_value(line, value, unit_of(record, i));
	}
	/* Stacks last, below the line, each under its name. */
	for (uint32_t i = 0; i < record->count; i++) {
		if (record->values[i].kind != JST_STACK)
			continue;

		const struct jst_string name = name_of(record, probe, i, room, sizeof(room));

		line_char(line, '\n');
		line_fill(line, ' ', STACK_INDENT / 2);
		line_text(line, name.bytes, name.length);
		line_char(line, ':');
		line_end(line);
		frames_print(line->file, record->values[i], STACK_INDENT, false);
	}
	line_char(line, '\n');
}

static void put_json_text(struct line *line, const char *text)
{
	if (text)
		line_json_string(line, text, strlen(text));
	else
		line_string(line, "null");
}

static void put_event_json(struct line *line, const struct record *record, const struct record_source *source, const struct jst_probe *probe)
{
	char room[24];

	line_string(line, "{\"type\":\"emit\",\"name\":");
	if (probe->name.length)
		line_json_string(line, probe->name.bytes, probe->name.length);
	else
		line_string(line, "null");
	line_string(line, ",\"timestamp\":");
	line_integer(line, record->header.timestamp);
	line_string(line, ",\"pid\":");
	line_integer(line, source->pid);
	line_string(line, ",\"title\":");
	put_json_text(line, source->title);
	line_string(line, ",\"hostname\":");
	put_json_text(line, source->hostname);
	line_string(line, ",\"fields\":{");
	for (uint32_t i = 0; i < record->count; i++) {
		const struct jst_string name = name_of(record, probe, i, room, sizeof(room));

		if (i)
			line_char(line, ',');
		line_json_string(line, name.bytes, name.length);
		line_char(line, ':');
		line_json_value(line, record->values[i]);
	}
	line_string(line, "}}\n");
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

static void put_record(struct line *line, bool json, const struct record *record, const struct record_source *source)
{
	struct jst_probe probe;
	struct site_copy copy;

	switch (record->compiled->type) {
	case RECORD_PRINTF:
	case RECORD_PRINT:
	case RECORD_TIME:
		if (json) {
			put_message_json(line, record);
			return;
		}
		put_message(line, record, true);
		if (record->compiled->type == RECORD_PRINT)
			line_char(line, '\n');
		return;
	case RECORD_EMIT:
	case RECORD_EVENT:
		/* Without a description the event goes out without its names. */
		if (!read_site(source, record->header.site, &copy, &probe))
			probe = (struct jst_probe){ .fields = 0 };
		if (json)
			put_event_json(line, record, source, &probe);
		else
			put_event(line, record, source, &probe);
		return;
	default:
		return;
	}
}

void record_print(struct output *output, const struct record *record, const struct record_source *source)
{
	struct line line;

	line_begin(&line, output->file);
	put_record(&line, output->format == OUTPUT_JSON, record, source);
	line_end(&line);
}
