/*
 * Printing an aggregation: which file prints it, and what all of them share. As text it is a block (a heading, rows, an empty line), or one line where there is neither key nor row; as JSON an object a key.
 */
#include "print_results.h"

#include "frames.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

static void (*const printers[])(const struct printing *) = {
	[JST_SHAPE_COUNT] = print_numbers,
	[JST_SHAPE_SUM] = print_numbers,
	[JST_SHAPE_MIN] = print_numbers,
	[JST_SHAPE_MAX] = print_numbers,
	[JST_SHAPE_AVG] = print_numbers,
	[JST_SHAPE_STATS] = print_stats,
	[JST_SHAPE_HIST] = print_histograms,
	[JST_SHAPE_LHIST] = print_histograms,
	[JST_SHAPE_QUANTILES] = print_quantiles,
	[JST_SHAPE_RATE] = print_numbers,
	[JST_SHAPE_LAST] = print_numbers,
	[JST_SHAPE_DISTINCT] = print_numbers,
};

static void print_entries(const struct printing *printing)
{
	if (printing->output->format == OUTPUT_JSON)
		print_json(printing);
	else if (!printing->count)
		fprintf(printing->output->file, "%s: no data\n", printing->aggregation->name);
	else
		printers[jst_aggregation_info[printing->aggregation->function].shape](printing);
}

void results_print(struct output *output, const struct results *results, uint32_t aggregation, int64_t top, int64_t elapsed)
{
	results_print_ordered(output, results, aggregation, ORDER_VALUE, top, elapsed);
}

void results_print_ordered(struct output *output, const struct results *results, uint32_t aggregation, enum result_order order, int64_t top, int64_t elapsed)
{
	uint32_t count;

	if (output->terminal)
		output_measure(output); /* it may have been resized since the last print */
	struct results_entry *entries = results_ordered(results, aggregation, order, &count);
	const struct printing printing = {
		.output = output, .results = results, .index = aggregation, .aggregation = &results_compiled(results)->aggregations[aggregation],
		.decl = results_decl(results, aggregation), .entries = count ? entries : NULL,
		.shown = top >= 0 && top < count && results_decl(results, aggregation)->keys ? (uint32_t)top : count, .count = count, .elapsed = elapsed,
	};

	print_entries(&printing);
	free(entries);
}

void results_print_entry(struct output *output, const struct results *results, uint32_t aggregation, const struct jst_value *keys, const struct jst_result *result, int64_t elapsed)
{
	struct results_entry entry = { .result = result };
	const struct printing printing = {
		.output = output, .results = results, .index = aggregation, .aggregation = &results_compiled(results)->aggregations[aggregation],
		.decl = results_decl(results, aggregation), .entries = &entry, .shown = 1, .count = 1, .elapsed = elapsed, .one = true,
	};

	if (output->terminal)
		output_measure(output);
	for (uint32_t key = 0; key < printing.aggregation->keys; key++)
		entry.keys[key] = keys[key];
	if (result || output->format == OUTPUT_JSON) {
		print_entries(&printing);
		return;
	}
	print_entry_name(&printing, &entry);
	fputs(": no data\n", output->file);
}

/* ---- tables ---- */

void layout_init(struct text_table *table, uint32_t columns)
{
	*table = (struct text_table){ .columns = columns };
	table->stream = open_memstream(&table->text, &table->size);
	if (!table->stream)
		abort();
}

void layout_fini(struct text_table *table)
{
	fclose(table->stream);
	free(table->text);
	free(table->end);
}

void layout_next(struct text_table *table)
{
	if (table->cells == table->room) {
		table->room = table->room ? table->room * 2 : 64;
		table->end = reallocarray(table->end, table->room, sizeof(*table->end));
		if (!table->end)
			abort();
	}
	fflush(table->stream); /* brings text and size up to date */
	table->end[table->cells++] = table->size;
}

static const char *cell_text(const struct text_table *table, uint32_t cell, size_t *length)
{
	const size_t start = cell ? table->end[cell - 1] : 0;

	*length = table->end[cell] - start;
	return table->text + start;
}

int layout_width(const struct text_table *table, uint32_t column, int limit)
{
	int width = 0;

	for (uint32_t cell = column; cell < table->cells; cell += table->columns) {
		size_t length;
		const char *text = cell_text(table, cell, &length);
		const int columns = text_columns(text, length);

		if (columns > width)
			width = columns;
		if (width >= limit)
			return limit;
	}
	return width;
}

bool layout_has(const struct text_table *table, uint32_t row, uint32_t column)
{
	size_t length;

	cell_text(table, row * table->columns + column, &length);
	return length != 0;
}

void layout_print(const struct text_table *table, FILE *file, uint32_t row, uint32_t column, int width, bool right)
{
	size_t length;
	const char *text = cell_text(table, row * table->columns + column, &length);
	const int pad = width - text_columns(text, length);

	if (right && pad > 0)
		fprintf(file, "%*s", pad, "");
	fwrite(text, 1, length, file);
	if (!right && pad > 0)
		fprintf(file, "%*s", pad, "");
}

/* ---- keys ---- */

void print_key_cells(struct text_table *table, const struct printing *printing, const struct results_entry *entry)
{
	for (uint32_t key = 0; key < printing->aggregation->keys; key++) {
		if (entry->keys[key].kind != JST_STACK)
			print_value(table->stream, entry->keys[key], printing->aggregation->key_unit[key]);
		layout_next(table);
	}
}

int measure_keys(const struct text_table *table, const struct printing *printing, int *widths, bool *right)
{
	const uint32_t keys = printing->aggregation->keys;
	int all = 0;

	for (uint32_t key = 0; key < keys; key++) {
		/* One very long key should not push everything off the line. */
		widths[key] = layout_width(table, key, printing->output->width / 2 / (int)keys);
		right[key] = true;
		for (uint32_t i = 0; i < printing->shown; i++)
			right[key] &= printing->entries[i].keys[key].kind != JST_STRING;
		all += widths[key] + (all && widths[key] ? 2 : 0);
	}
	return all;
}

void print_keys(const struct text_table *table, const struct printing *printing, uint32_t row, const int *widths, const bool *right)
{
	bool begun = false;

	for (uint32_t key = 0; key < printing->aggregation->keys; key++) {
		/* Stacks alone, or texts without a character. */
		if (!widths[key])
			continue;
		if (begun)
			fputs("  ", printing->output->file);
		begun = true;
		layout_print(table, printing->output->file, row, key, widths[key], right[key]);
	}
}

void print_stacks(const struct printing *printing, const struct results_entry *entry)
{
	FILE *file = printing->output->file;
	bool any = false;

	for (uint32_t key = 0; key < printing->aggregation->keys; key++) {
		if (entry->keys[key].kind != JST_STACK)
			continue;
		frames_print(file, entry->keys[key], STACK_INDENT, true);
		fputc('\n', file);
		any = true;
	}
	if (any && entry + 1 != printing->entries + printing->shown)
		fputc('\n', file);
}

/* ---- pieces ---- */

void print_columns(const struct printing *printing, const char *const *titles, uint32_t columns,
                   void (*print_cell)(FILE *file, const struct printing *printing, const struct jst_result *result, uint32_t column))
{
	const uint32_t keys = printing->aggregation->keys;
	FILE *file = printing->output->file;
	struct text_table table;
	int widths[JST_MAX_KEYS], column_widths[JST_MAX_ARGUMENTS];
	bool right[JST_MAX_KEYS];

	/* The first row holds the titles; the keys have none. */
	layout_init(&table, keys + columns);
	for (uint32_t key = 0; key < keys; key++)
		layout_next(&table);
	for (uint32_t column = 0; column < columns; column++) {
		fputs(titles[column], table.stream);
		layout_next(&table);
	}
	for (uint32_t i = 0; i < printing->shown; i++) {
		print_key_cells(&table, printing, &printing->entries[i]);
		for (uint32_t column = 0; column < columns; column++) {
			print_cell(table.stream, printing, printing->entries[i].result, column);
			layout_next(&table);
		}
	}
	measure_keys(&table, printing, widths, right);
	for (uint32_t column = 0; column < columns; column++)
		column_widths[column] = layout_width(&table, keys + column, printing->output->width);
	print_heading(printing);
	for (uint32_t row = 0; row <= printing->shown; row++) {
		if (keys)
			fputs("  ", file);
		print_keys(&table, printing, row, widths, right);
		for (uint32_t column = 0; column < columns; column++) {
			fputs("  ", file);
			layout_print(&table, file, row, keys + column, column_widths[column], true);
		}
		fputc('\n', file);
		if (row)
			print_stacks(printing, &printing->entries[row - 1]);
	}
	layout_fini(&table);
	print_rest(printing);
	fputc('\n', file);
}

void print_heading(const struct printing *printing)
{
	fprintf(printing->output->file, "%s\n", printing->aggregation->name);
}

void print_entry_name(const struct printing *printing, const struct results_entry *entry)
{
	FILE *file = printing->output->file;

	fputs(printing->aggregation->name, file);
	for (uint32_t key = 0; key < printing->aggregation->keys; key++) {
		fputs(key ? ", " : "[", file);
		if (entry->keys[key].kind == JST_STACK)
			fputs("stack", file);
		else
			print_value(file, entry->keys[key], printing->aggregation->key_unit[key]);
	}
	if (printing->aggregation->keys)
		fputc(']', file);
}

void print_rest(const struct printing *printing)
{
	if (printing->shown < printing->count)
		fprintf(printing->output->file, "  … and %" PRIu32 " more\n", printing->count - printing->shown);
}

void print_bar(FILE *file, double part, double whole, int width)
{
	int length = 0;

	if (part > 0 && whole > 0) {
		const double share = part / whole * width;
		length = share >= width ? width : share > 1 ? (int)(share + 0.5) : 1;
	}
	fputs("| ", file);
	for (int i = 0; i < width; i++)
		fputc(i < length ? '#' : ' ', file);
	fputs(" | ", file);
}

int bar_width(const struct output *output, int used)
{
	const int left = output->width - used;

	return left < 10 ? 10 : left > 60 ? 60 : left;
}

int print_sum(FILE *file, const struct jst_sum *sum, enum unit unit)
{
	if (unit == UNIT_DURATION || unit == UNIT_SIZE)
		return print_measure(file, sum_double(sum), unit);
	return sum->has_doubles ? print_double(file, sum_double(sum)) : print_integer(file, sum->integers);
}

double sum_double(const struct jst_sum *sum)
{
	return sum->has_doubles ? (double)sum->integers + sum->doubles : (double)sum->integers;
}

double result_average(const struct jst_result *result)
{
	return result->count ? sum_double(&result->sum) / (double)result->count : NAN;
}

double result_deviation(const struct jst_result *result)
{
	/* Rounding may leave less than nothing; an infinity among the values leaves NaN, which stays. */
	return result->count ? sqrt((result->squares < 0 ? 0 : result->squares) / (double)result->count) : NAN;
}

void linear_range(const struct jst_aggregation_decl *decl, uint32_t buckets, uint32_t bucket, int64_t *low, int64_t *high)
{
	const int64_t min = decl->parameters[0], max = decl->parameters[1], step = decl->parameters[2];

	*low = INT64_MIN;
	*high = min;
	if (bucket == 0)
		return;
	*low = max;
	*high = INT64_MAX;
	if (bucket >= buckets - 1)
		return;
	*low = (int64_t)((uint64_t)min + (uint64_t)step * (bucket - 1));
	/* The last step may be cut short by max. */
	if (__builtin_add_overflow(*low, step, high) || *high > max)
		*high = max;
}
