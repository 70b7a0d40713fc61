/*
 * Listing probes. In text, equal sites of several processes of one program are one line; in JSON each site of each process is an object.
 */
#include "list.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "crew.h"
#include "messages.h"
#include "times.h"

/* Of a program with a great many sites there are as many: what is not always looked at is read where it is needed. */
struct row {
	const struct target *target;
	struct jst_string name;
	jst_ref site;       /* among the target's */
	uint32_t processes;
};

struct rows {
	struct row *row;
	size_t count, room;
};

static const char *const type_names[JST_FIELD_TYPES] = {
	[JST_FIELD_ABSENT] = "nothing",
	[JST_FIELD_INT] = "int",
	[JST_FIELD_UINT] = "uint",
	[JST_FIELD_BOOL] = "bool",
	[JST_FIELD_DOUBLE] = "double",
	[JST_FIELD_STRING] = "string",
	[JST_FIELD_BYTES] = "bytes",
	[JST_FIELD_POINTER] = "pointer",
};

static const char *type_name(const struct jst_field *field)
{
	return field->type < JST_FIELD_TYPES ? type_names[field->type] : "unknown";
}

static bool wanted(const struct options *options, const struct jst_probe *probe)
{
	for (size_t i = 0; i < options->argument_count; i++)
		if (jst_pattern_match((struct jst_string){ options->arguments[i], (uint32_t)strlen(options->arguments[i]) }, true, probe->name))
			return true;
	return options->argument_count == 0;
}

static struct jst_probe probe_of(const struct row *row)
{
	struct jst_probe probe = { .fields = 0 };
	jst_ref site = row->site;

	target_site(row->target, &site, &probe);
	return probe;
}

/* "id int, path string", escaped; the columns that it takes. */
static int print_fields(FILE *file, const struct jst_probe *probe)
{
	int columns = 0;

	for (uint32_t i = 0; i < probe->fields; i++) {
		columns += fprintf(file, "%s", i ? ", " : "");
		columns += print_text(file, probe->field[i].name.bytes, probe->field[i].name.length);
		columns += fprintf(file, " %s", type_name(&probe->field[i]));
	}
	return columns;
}

static int fields_columns(const struct jst_probe *probe)
{
	int columns = 0;

	for (uint32_t i = 0; i < probe->fields; i++)
		columns += (i ? 2 : 0) + text_columns(probe->field[i].name.bytes, probe->field[i].name.length) + 1 + (int)strlen(type_name(&probe->field[i]));
	return columns;
}

/* "httpd.c:120", or nothing; likewise. */
static int print_place(FILE *file, const struct jst_probe *probe)
{
	int columns = print_text(file, probe->file.bytes, probe->file.length);

	if (probe->file.length && probe->line)
		columns += fprintf(file, ":%u", probe->line);
	return columns;
}

static int place_columns(const struct jst_probe *probe)
{
	int columns = text_columns(probe->file.bytes, probe->file.length);

	if (probe->file.length && probe->line)
		columns += snprintf(NULL, 0, ":%u", probe->line);
	return columns;
}

static int compare_strings(struct jst_string a, struct jst_string b)
{
	int order = memcmp(a.bytes, b.bytes, a.length < b.length ? a.length : b.length);

	return order ? order : (a.length > b.length) - (a.length < b.length);
}

static int compare_fields(const struct jst_probe *a, const struct jst_probe *b)
{
	for (uint32_t i = 0; i < a->fields && i < b->fields; i++) {
		int order = compare_strings(a->field[i].name, b->field[i].name);

		if (!order)
			order = strcmp(type_name(&a->field[i]), type_name(&b->field[i]));
		if (order)
			return order;
	}
	return (a->fields > b->fields) - (a->fields < b->fields);
}

/* By what stands in the program. */
static int compare_sites(const struct row *x, const struct row *y)
{
	const struct jst_probe a = probe_of(x), b = probe_of(y);
	int order = compare_strings(a.file, b.file);

	if (!order)
		order = (a.line > b.line) - (a.line < b.line);
	return order ? order : compare_fields(&a, &b);
}

static int compare_rows(const void *a, const void *b)
{
	const struct row *x = a, *y = b;
	int order = compare_strings(x->name, y->name);

	if (!order)
		order = compare_sites(x, y);
	if (!order)
		order = strcmp(x->target->process.comm, y->target->process.comm);
	if (!order)
		order = (x->target->process.pid > y->target->process.pid) - (x->target->process.pid < y->target->process.pid);
	return order;
}

static bool same_row(const struct row *x, const struct row *y)
{
	return compare_strings(x->name, y->name) == 0 && compare_sites(x, y) == 0 && strcmp(x->target->process.comm, y->target->process.comm) == 0;
}

static void collect(struct rows *rows, const struct options *options, const struct target *target)
{
	struct jst_probe probe;

	for (jst_ref next = 1, site = next; target_site(target, &next, &probe); site = next) {
		if (!wanted(options, &probe))
			continue;
		if (rows->count == rows->room)
			rows->row = message_resize(rows->row, rows->room = rows->room ? rows->room * 2 : 64, sizeof(*rows->row));
		rows->row[rows->count++] = (struct row){ .target = target, .name = probe.name, .site = site, .processes = 1 };
	}
}

/* Joins equal rows; a site that an inline function or template made several times in one process is one line as well. */
static void join(struct rows *rows)
{
	size_t kept = 0;

	for (size_t i = 0; i < rows->count; i++) {
		struct row *last = kept ? &rows->row[kept - 1] : NULL;
		const struct target *target = rows->row[i].target;

		if (last && same_row(last, &rows->row[i])) {
			if (target != last->target)
				last->processes++;
			last->target = target; /* rows of one process stand together */
			last->site = rows->row[i].site;
			last->name = rows->row[i].name;
		} else {
			rows->row[kept++] = rows->row[i];
		}
	}
	rows->count = kept;
}

static int larger(int a, int b)
{
	return a > b ? a : b;
}

static void pad(FILE *file, int used, int width)
{
	fprintf(file, "%*s", used < width ? width - used + 2 : 2, "");
}

static void print_table(struct output *output, const struct rows *rows)
{
	FILE *file = output->file;
	int name = (int)strlen("PROBE"), fields = (int)strlen("FIELDS"), place = (int)strlen("PLACE");

	for (size_t i = 0; i < rows->count; i++) {
		const struct jst_probe probe = probe_of(&rows->row[i]);

		name = larger(name, text_columns(probe.name.bytes, probe.name.length));
		fields = larger(fields, fields_columns(&probe));
		place = larger(place, place_columns(&probe));
	}
	fields = fields > 60 ? 60 : fields; /* one long list of fields does not push all others away */
	fprintf(file, "%-*s  %-*s  %-*s  PROCESS\n", name, "PROBE", fields, "FIELDS", place, "PLACE");
	for (size_t i = 0; i < rows->count; i++) {
		const struct row *row = &rows->row[i];
		const struct jst_probe probe = probe_of(row);

		pad(file, print_text(file, probe.name.bytes, probe.name.length), name);
		pad(file, print_fields(file, &probe), fields);
		pad(file, print_place(file, &probe), place);
		print_text(file, row->target->process.comm, strlen(row->target->process.comm));
		if (row->processes > 1)
			fprintf(file, " (%u processes)\n", row->processes);
		else
			fprintf(file, "[%d]\n", (int)row->target->process.pid);
	}
}

static void print_objects(struct output *output, const struct rows *rows)
{
	FILE *file = output->file;

	for (size_t i = 0; i < rows->count; i++) {
		const struct row *row = &rows->row[i];
		const struct jst_probe probe = probe_of(row);

		fputs("{\"type\":\"probe\",\"name\":", file);
		print_json_string(file, probe.name.bytes, probe.name.length);
		fputs(",\"fields\":[", file);
		for (uint32_t f = 0; f < probe.fields; f++) {
			fputs(f ? ",{\"name\":" : "{\"name\":", file);
			print_json_string(file, probe.field[f].name.bytes, probe.field[f].name.length);
			fprintf(file, ",\"type\":\"%s\"}", type_name(&probe.field[f]));
		}
		fputs("],\"file\":", file);
		if (probe.file.length)
			print_json_string(file, probe.file.bytes, probe.file.length);
		else
			fputs("null", file);
		if (probe.line)
			fprintf(file, ",\"line\":%u", probe.line);
		else
			fputs(",\"line\":null", file);
		fprintf(file, ",\"pid\":%d,\"title\":", (int)row->target->process.pid);
		print_json_string(file, row->target->process.comm, strlen(row->target->process.comm));
		fputs("}\n", file);
	}
}

static bool busy(const struct crew *crew)
{
	for (const struct target *target = crew->targets; target; target = target->next)
		if (target->state != TARGET_ENDED && target->state != TARGET_FAILED)
			return true;
	return crew->pending_count > 0;
}

/* Asks all targets; false if anything that was named did not answer. asked: how many answered. */
static bool ask(struct crew *crew, size_t *asked)
{
	bool good = true;

	crew_find(crew);
	while (busy(crew) && !crew->interrupted) {
		crew_wait(crew, crew->pending_count ? crew->scan_due : TIMES_NEVER);
		if (crew->pending_count)
			crew_find(crew);
	}
	for (const struct target *target = crew->targets; target; target = target->next) {
		if (target->state == TARGET_ENDED) {
			++*asked;
		} else if (target->named) {
			message_error("%s", target->reason[0] ? target->reason : "interrupted");
			good = false;
		} else if (target->reason[0]) {
			message_warning("%s", target->reason);
		}
	}
	return good && !crew->failed;
}

int list_run(const struct options *options, struct output *output)
{
	struct crew crew;
	struct rows rows = { 0 };
	size_t asked = 0;

	crew_init(&crew, options, &(struct target_plan){ 0 }, output);

	bool good = ask(&crew, &asked);

	for (const struct target *target = crew.targets; target; target = target->next)
		if (target->state == TARGET_ENDED)
			collect(&rows, options, target);
	if (rows.count)
		qsort(rows.row, rows.count, sizeof(*rows.row), compare_rows);
	if (!asked && good) {
		if (options->title_count)
			message_error("no instrumented process matches %s", options->titles[0]);
		else
			message_error("no instrumented process found%s; a program needs JSTRACE() probes and libjstrace to be traced", geteuid() ? " among yours" : "");
		good = false;
	} else if (asked && !rows.count) {
		if (options->argument_count)
			message_error("no probe matches %s%s", options->arguments[0], options->argument_count > 1 ? " or the others" : "");
		else
			message_error("no probes");
		good = false;
	}
	if (output->format == OUTPUT_JSON) {
		print_objects(output, &rows);
	} else if (rows.count) {
		join(&rows);
		print_table(output, &rows);
	}
	free(rows.row);
	crew_fini(&crew);
	if (!output_flush(output)) {
		if (output->error != EPIPE)
			message_error("cannot write the list: %s", strerror(output->error));
		return 1;
	}
	return good ? 0 : 1;
}
