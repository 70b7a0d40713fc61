/*
 * See open.h. A key may be read twice when it ends and starts anew meanwhile: then the younger span counts. Spans that are equally old stand in the order of their tables and keys.
 */
#include "open.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cell.h"
#include "map_view.h"
#include "messages.h"
#include "print_results.h"

enum { KEY_ROOM = 1 << 20 };

struct entry {
	uint32_t table;          /* index in compiled->span_tables */
	uint32_t source;         /* tells two targets apart that had one pid, one after the other */
	int32_t pid;
	uint32_t key_size;
	size_t key;              /* offset in keys */
	int64_t start, age;      /* ns */
};

struct list {
	struct entry *entries;
	size_t count, room;
	unsigned char *keys;     /* encoded, each a multiple of 8 bytes */
	size_t keys_used, keys_room;
};

struct opens {
	const struct compiled *compiled;
	struct list kept;
	uint32_t sources;        /* how many targets were kept from */
	bool keeps;
	uint64_t *buffer;        /* KEY_ROOM bytes, for the view */
};

struct opens *opens_new(const struct compiled *compiled)
{
	struct opens *opens = message_allocate(1, sizeof(*opens));
	bool prints = false, ends = false;

	for (uint32_t i = 0; i < compiled->record_count; i++)
		prints |= compiled->records[i].type == RECORD_PRINT_OPEN;
	for (uint32_t i = 0; i < compiled->special_count; i++)
		ends |= compiled->specials[i].special == SPECIAL_END;
	opens->compiled = compiled;
	opens->keeps = prints && ends;
	opens->buffer = prints ? message_allocate(1, KEY_ROOM) : NULL;
	return opens;
}

static void list_fini(struct list *list)
{
	free(list->entries);
	free(list->keys);
}

void opens_free(struct opens *opens)
{
	if (!opens)
		return;
	list_fini(&opens->kept);
	free(opens->buffer);
	free(opens);
}

/* ---- reading ---- */

struct reading {
	struct list *list;
	struct entry entry;      /* what all entries of this table have */
	int64_t now;
};

/* A start may be recorded after now was taken; a hostile one may be anything. */
static int64_t age_of(int64_t start, int64_t now)
{
	int64_t age;

	return __builtin_sub_overflow(now, start, &age) ? (start < now ? INT64_MAX : 0) : age < 0 ? 0 : age;
}

static void add(void *context, const void *key, uint32_t key_size, int64_t start)
{
	struct reading *reading = context;
	struct list *list = reading->list;
	struct entry entry = reading->entry;

	if (list->count == list->room)
		list->entries = message_resize(list->entries, list->room = list->room ? list->room * 2 : 256, sizeof(*list->entries));
	while (list->keys_used + key_size > list->keys_room)
		list->keys = message_resize(list->keys, list->keys_room = list->keys_room ? list->keys_room * 2 : 4096, 1);
	entry.key = list->keys_used;
	entry.key_size = key_size;
	entry.start = start;
	entry.age = age_of(start, reading->now);
	memcpy(list->keys + list->keys_used, key, key_size);
	list->keys_used += key_size;
	list->entries[list->count++] = entry;
}

/* sibling NULL: all. */
static void read_target(struct opens *opens, struct list *list, struct target *target, uint32_t source, const char *sibling, int64_t now)
{
	/* Twice the memory: what changes while it is read may be read again. */
	struct jst_map_view view = { .base = target->view->base, .size = target->view->size, .allowance = 2 * target->view->size, .key = opens->buffer, .room = KEY_ROOM };

	for (uint32_t i = 0; i < opens->compiled->span_table_count; i++) {
		const struct compiled_span_table *table = &opens->compiled->span_tables[i];
		struct reading reading = { .list = list, .entry = { .table = i, .source = source, .pid = (int32_t)target->process.pid }, .now = now };

		if (!sibling || strcmp(table->sibling, sibling) == 0)
			jst_map_view_spans(&view, table->map, table->key_count + !table->prefix, add, &reading);
	}
	target->malformed |= view.malformed;
}

/* ---- order ---- */

static int compare_places(const struct entry *a, const struct entry *b, const unsigned char *keys)
{
	if (a->source != b->source)
		return a->source < b->source ? -1 : 1;
	if (a->table != b->table)
		return a->table < b->table ? -1 : 1;
	if (a->key_size != b->key_size)
		return a->key_size < b->key_size ? -1 : 1;
	return memcmp(keys + a->key, keys + b->key, a->key_size);
}

/* Entries of one key side by side, the youngest first. */
static int by_key(const void *left, const void *right, void *keys)
{
	const struct entry *a = left, *b = right;
	const int order = compare_places(a, b, keys);

	return order ? order : (a->start < b->start) - (a->start > b->start);
}

static int by_age(const void *left, const void *right, void *keys)
{
	const struct entry *a = left, *b = right;

	return a->age != b->age ? (a->age < b->age) - (a->age > b->age) : compare_places(a, b, keys);
}

/* Only the youngest of each key, from position `from` on. */
static void drop_doubles(struct list *list, size_t from)
{
	size_t kept = from;

	if (list->count - from < 2)
		return;
	qsort_r(list->entries + from, list->count - from, sizeof(*list->entries), by_key, list->keys);
	for (size_t i = from; i < list->count; i++)
		if (kept == from || compare_places(&list->entries[kept - 1], &list->entries[i], list->keys) != 0)
			list->entries[kept++] = list->entries[i];
	list->count = kept;
}

void opens_keep(struct opens *opens, struct target *target, int64_t now)
{
	const size_t from = opens->kept.count;

	if (!opens->keeps || !target_has_memory(target))
		return;
	read_target(opens, &opens->kept, target, opens->sources++, NULL, now);
	drop_doubles(&opens->kept, from);
}

static void read_targets(struct opens *opens, struct list *list, const struct opens_print *what)
{
	uint32_t source = 0;

	for (struct target *target = what->targets; target; target = target->next, source++)
		if (target_has_memory(target))
			read_target(opens, list, target, source, what->sibling, what->now);
	drop_doubles(list, 0);
}

/* Those of the sibling, in a list of its own that borrows the keys. */
static void pick_kept(const struct opens *opens, struct list *list, const char *sibling)
{
	list->entries = message_allocate(opens->kept.count + 1, sizeof(*list->entries));
	list->keys = opens->kept.keys;
	for (size_t i = 0; i < opens->kept.count; i++)
		if (strcmp(opens->compiled->span_tables[opens->kept.entries[i].table].sibling, sibling) == 0)
			list->entries[list->count++] = opens->kept.entries[i];
}

/* ---- printing ---- */

struct printing_open {
	const struct compiled *compiled;
	const struct opens_print *what;
	struct output *output;
	const struct list *list;
	size_t shown;
	uint32_t keys;           /* the most that a table has */
	bool probes;             /* there are several prefixes */
};

/* The keys of an entry as the script has them, at values, and apart from them the prefix. Keys were decoded before. */
static struct jst_string decode(const struct printing_open *printing, const struct entry *entry, struct jst_value values[JST_MAX_KEYS + 1], const struct jst_value **first)
{
	const struct compiled_span_table *table = &printing->compiled->span_tables[entry->table];

	*first = values;
	jst_key_decode(printing->list->keys + entry->key, entry->key_size, values, table->key_count + !table->prefix);
	if (table->prefix)
		return (struct jst_string){ table->prefix, (uint32_t)strlen(table->prefix) };
	*first = values + 1;
	return values[0].kind == JST_STRING ? (struct jst_string){ values[0].s, values[0].length } : (struct jst_string){ "", 0 };
}

/* "request:start" */
static char *probe_name(struct jst_string prefix, const char *sibling, size_t *length)
{
	char *text = message_allocate(prefix.length + strlen(sibling) + 2, 1);

	memcpy(text, prefix.bytes, prefix.length);
	strcpy(text + prefix.length, prefix.length ? ":" : "");
	*length = prefix.length + (prefix.length ? 1 : 0) + strlen(sibling);
	memcpy(text + *length - strlen(sibling), sibling, strlen(sibling));
	return text;
}

static void print_object(const struct printing_open *printing, const struct entry *entry)
{
	const struct compiled_span_table *table = &printing->compiled->span_tables[entry->table];
	FILE *file = printing->output->file;
	struct jst_value values[JST_MAX_KEYS + 1];
	const struct jst_value *keys;
	size_t length;
	char *probe = probe_name(decode(printing, entry, values, &keys), table->sibling, &length);

	fprintf(file, "{\"type\":\"open\",\"name\":\"%s\",\"probe\":", table->sibling);
	print_json_string(file, probe, length);
	free(probe);
	fputs(",\"key\":[", file);
	for (uint32_t i = 0; i < table->key_count; i++) {
		if (i)
			fputc(',', file);
		print_json_value(file, keys[i]);
	}
	fprintf(file, "],\"age\":%" PRId64 ",\"pid\":%" PRId32 "}\n", entry->age, entry->pid);
}

/* What the keys at a place are called: "key" where the tables do not agree. */
static const char *key_title(const struct printing_open *printing, uint32_t key)
{
	const char *title = NULL;

	for (uint32_t i = 0; i < printing->compiled->span_table_count; i++) {
		const struct compiled_span_table *table = &printing->compiled->span_tables[i];

		if (strcmp(table->sibling, printing->what->sibling) != 0 || key >= table->key_count)
			continue;
		if (title && strcmp(title, table->keys[key]) != 0)
			return "key";
		title = table->keys[key];
	}
	return title ? title : "";
}

static void print_cells(const struct printing_open *printing, struct text_table *table, const struct entry *entry, bool *right)
{
	const struct compiled_span_table *from = &printing->compiled->span_tables[entry->table];
	struct jst_value values[JST_MAX_KEYS + 1];
	const struct jst_value *keys;
	const struct jst_string prefix = decode(printing, entry, values, &keys);

	if (printing->probes) {
		size_t length;
		char *probe = probe_name(prefix, from->sibling, &length);

		print_text(table->stream, probe, length);
		free(probe);
		layout_next(table);
	}
	if (printing->what->pids) {
		fprintf(table->stream, "%" PRId32, entry->pid);
		layout_next(table);
	}
	for (uint32_t i = 0; i < printing->keys; i++) {
		if (i < from->key_count) {
			print_value(table->stream, keys[i], UNIT_NONE);
			right[i] &= keys[i].kind != JST_STRING;
		}
		layout_next(table);
	}
	print_duration(table->stream, (double)entry->age);
	layout_next(table);
}

static void print_titles(const struct printing_open *printing, struct text_table *table)
{
	if (printing->probes) {
		fputs("probe", table->stream);
		layout_next(table);
	}
	if (printing->what->pids) {
		fputs("pid", table->stream);
		layout_next(table);
	}
	for (uint32_t i = 0; i < printing->keys; i++) {
		fputs(key_title(printing, i), table->stream);
		layout_next(table);
	}
	fputs("age", table->stream);
	layout_next(table);
}

static void print_table(const struct printing_open *printing)
{
	const uint32_t before = (uint32_t)printing->probes + printing->what->pids, columns = before + printing->keys + 1;
	FILE *file = printing->output->file;
	struct text_table table;
	int widths[JST_MAX_KEYS + 3];
	bool right[JST_MAX_KEYS + 3];

	memset(right, true, sizeof(right));
	right[0] = !printing->probes;
	layout_init(&table, columns);
	print_titles(printing, &table);
	for (size_t i = 0; i < printing->shown; i++)
		print_cells(printing, &table, &printing->list->entries[i], right + before);
	for (uint32_t column = 0; column < columns; column++)
		widths[column] = layout_width(&table, column, printing->output->width / 2);
	fprintf(file, "open(%s)\n", printing->what->sibling);
	for (uint32_t row = 0; row <= printing->shown; row++) {
		for (uint32_t column = 0; column < columns; column++) {
			fputs("  ", file);
			layout_print(&table, file, row, column, widths[column], right[column]);
		}
		fputc('\n', file);
	}
	layout_fini(&table);
	if (printing->shown < printing->list->count)
		fprintf(file, "  … and %zu more\n", printing->list->count - printing->shown);
	fputc('\n', file);
}

static void print_list(const struct printing_open *printing)
{
	if (printing->output->format == OUTPUT_JSON) {
		for (size_t i = 0; i < printing->shown; i++)
			print_object(printing, &printing->list->entries[i]);
		return;
	}
	if (!printing->list->count) {
		fprintf(printing->output->file, "open(%s): none\n", printing->what->sibling);
		return;
	}
	if (printing->output->terminal)
		output_measure(printing->output); /* it may have been resized since the last print */
	print_table(printing);
}

void opens_print(struct opens *opens, struct output *output, const struct opens_print *what)
{
	struct list list = { .count = 0 };
	struct printing_open printing = { .compiled = opens->compiled, .what = what, .output = output, .list = &list };
	uint32_t tables = 0;

	for (uint32_t i = 0; i < opens->compiled->span_table_count; i++) {
		const struct compiled_span_table *table = &opens->compiled->span_tables[i];

		if (strcmp(table->sibling, what->sibling) != 0)
			continue;
		printing.probes |= !table->prefix || tables++;
		if (table->key_count > printing.keys)
			printing.keys = table->key_count;
	}
	if (what->kept)
		pick_kept(opens, &list, what->sibling);
	else
		read_targets(opens, &list, what);
	if (list.count > 1)
		qsort_r(list.entries, list.count, sizeof(*list.entries), by_age, list.keys);
	printing.shown = what->top >= 0 && (uint64_t)what->top < list.count ? (size_t)what->top : list.count;
	print_list(&printing);
	if (what->kept)
		list.keys = NULL; /* borrowed */
	list_fini(&list);
}
