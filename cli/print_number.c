/*
 * count, sum, min, max, avg, rate, distinct and last: one value a key, with bars that compare them.
 *
 *     @status
 *       404 | ############################ | 85
 *       201 | #########################    | 75
 */
#include <math.h>

#include "print_results.h"

static int print_number(FILE *file, const struct printing *printing, const struct jst_result *result)
{
	const enum unit unit = printing->aggregation->unit;
	const enum jst_shape shape = jst_aggregation_info[printing->aggregation->function].shape;
	const struct jst_value value = results_value(printing->results, printing->index, result, printing->elapsed);

	if (shape == JST_SHAPE_SUM)
		return print_sum(file, &result->sum, unit);
	if (shape == JST_SHAPE_RATE && value.kind == JST_DOUBLE)
		return print_measure(file, value.d, UNIT_NONE) + fprintf(file, "/s");
	if (shape == JST_SHAPE_AVG && value.kind == JST_DOUBLE)
		return print_measure(file, value.d, unit);
	if (shape == JST_SHAPE_COUNT || shape == JST_SHAPE_DISTINCT)
		return print_value(file, value, UNIT_NONE);
	return print_value(file, value, unit);
}

/* What a bar's length stands for; nothing for text and nil. */
static double magnitude(const struct printing *printing, const struct jst_result *result)
{
	const struct jst_value value = results_value(printing->results, printing->index, result, printing->elapsed);

	if (value.kind == JST_INT)
		return (double)value.i;
	return value.kind == JST_DOUBLE && isfinite(value.d) ? value.d : 0;
}

static bool barred(const struct printing *printing)
{
	const enum unit unit = printing->aggregation->unit;

	/* The lengths of times since the boot, or since 1970, would all be the same. */
	if (unit == UNIT_TIME_MONOTONIC || unit == UNIT_TIME_WALL)
		return false;
	if (jst_aggregation_info[printing->aggregation->function].shape != JST_SHAPE_LAST)
		return true;
	for (uint32_t i = 0; i < printing->shown; i++)
		if (printing->entries[i].result->last.kind == JST_STRING)
			return false;
	return true;
}

static void print_rows(const struct printing *printing)
{
	const uint32_t keys = printing->aggregation->keys;
	FILE *file = printing->output->file;
	struct text_table table;
	int widths[JST_MAX_KEYS];
	bool right[JST_MAX_KEYS];
	double greatest = 0;

	layout_init(&table, keys + 1);
	for (uint32_t i = 0; i < printing->shown; i++) {
		const struct results_entry *entry = &printing->entries[i];

		print_key_cells(&table, printing, entry);
		print_number(table.stream, printing, entry->result);
		layout_next(&table);
		const double own = magnitude(printing, entry->result);

		if (own > greatest)
			greatest = own;
	}
	const bool bars = barred(printing);
	const int key_width = measure_keys(&table, printing, widths, right), value_width = layout_width(&table, keys, printing->output->width / 2);
	const int bar = bar_width(printing->output, 2 + key_width + 6 + value_width);
	for (uint32_t i = 0; i < printing->shown; i++) {
		fputs("  ", file);
		print_keys(&table, printing, i, widths, right);
		if (key_width)
			fputc(' ', file);
		if (bars)
			print_bar(file, magnitude(printing, printing->entries[i].result), greatest, bar);
		else
			fputs("| ", file);
		layout_print(&table, file, i, keys, bars ? value_width : 0, true);
		fputc('\n', file);
		print_stacks(printing, &printing->entries[i]);
	}
	layout_fini(&table);
}

void print_numbers(const struct printing *printing)
{
	FILE *file = printing->output->file;

	if (!printing->aggregation->keys || printing->one) {
		print_entry_name(printing, &printing->entries[0]);
		fputs(": ", file);
		print_number(file, printing, printing->entries[0].result);
		fputc('\n', file);
		print_stacks(printing, &printing->entries[0]);
		return;
	}
	print_heading(printing);
	print_rows(printing);
	print_rest(printing);
	fputc('\n', file);
}
