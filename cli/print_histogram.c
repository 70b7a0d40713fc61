/*
 * hist and lhist: a row per power of two (hist, however many buckets it keeps in one) or per step (lhist), from the lowest that is occupied to the highest. Ranges are written as the language writes them, the upper bound excluded.
 *
 *     @lat
 *       131us ..  262us | #                            |    12
 *       262us ..  524us | ##########                   |  1234
 *       524us .. 1.05ms | ############################ | 85021
 *       count 86267  min 140us  avg 812us  p50 801us  p90 1.01ms  p99 1.04ms  max 1.05ms
 *
 * Where hist keeps exemplars, the rows from the one that holds p99 on name theirs behind the count: "12  id 4711, 4712".
 */
#include "print_results.h"

#include "frames.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum row_kind { ROW_RANGE, ROW_ONE, ROW_BELOW, ROW_ABOVE };

/* A row: buckets first … last, as low <= x < high. */
struct row {
	enum row_kind kind;
	int64_t low, high;
	uint64_t count;
};

/* More empty rows than this in a run are shown as one "…". */
enum { EMPTY_RUN = 3 };

static uint32_t hist_rows(const struct printing *printing, const struct jst_result *result, struct row *rows)
{
	const unsigned bits = (unsigned)printing->decl->parameters[0];
	uint32_t count = 0;
	int last = 0;

	for (uint32_t bucket = 0; bucket < result->buckets; bucket++) {
		int64_t low, high;

		jst_histogram_range(bits, bucket, &low, &high);
		const int power = jst_histogram_power(low);
		if (!count || power != last)
			rows[count++] = (struct row){ .kind = power ? ROW_RANGE : ROW_ONE, .low = low };
		last = power;
		rows[count - 1].high = high;
		rows[count - 1].count += jst_result_bucket(result, bucket);
	}
	return count;
}

static uint32_t lhist_rows(const struct printing *printing, const struct jst_result *result, struct row *rows)
{
	const enum row_kind inside = printing->decl->parameters[2] == 1 ? ROW_ONE : ROW_RANGE;

	for (uint32_t bucket = 0; bucket < result->buckets; bucket++) {
		struct row *row = &rows[bucket];

		row->kind = bucket == 0 ? ROW_BELOW : bucket == result->buckets - 1 ? ROW_ABOVE : inside;
		row->count = jst_result_bucket(result, bucket);
		linear_range(printing->decl, result->buckets, bucket, &row->low, &row->high);
	}
	return result->buckets;
}

/* Columns of a row's cells. A label that is no range stands alone, across both bounds. */
enum { CELL_LOW, CELL_HIGH, CELL_ALONE, CELL_COUNT, CELL_EXEMPLARS, CELLS };

/* What led to the row, if it is one of the slowest: those from the value `tail` on. */
static void print_exemplars(FILE *file, const struct printing *printing, const struct jst_result *result, const struct row *row, struct jst_value tail)
{
	const int power = jst_histogram_power(row->low);
	const char *name = printing->aggregation->exemplar;
	uint32_t count;

	if (!jst_aggregation_has_exemplars(printing->decl) || tail.kind != JST_INT || power < jst_histogram_power(tail.i))
		return;
	const struct jst_exemplar *exemplars = jst_result_exemplars(result, power, &count);
	for (uint32_t i = 0; i < count; i++) {
		if (i) {
			fputs(", ", file);
		} else if (name) {
			print_text(file, name, strlen(name));
			fputc(' ', file);
		}
		print_value(file, jst_exemplar_value(&exemplars[i]), printing->aggregation->exemplar_unit);
	}
}

static void print_cells(struct text_table *table, const struct row *row, enum unit unit)
{
	const bool range = row->kind == ROW_RANGE;

	if (range)
		print_value(table->stream, jst_value_int(row->low), unit);
	layout_next(table);
	if (range)
		print_value(table->stream, jst_value_int(row->high), unit);
	layout_next(table);
	if (!range) {
		fputs(row->kind == ROW_BELOW ? "< " : row->kind == ROW_ABOVE ? ">= " : "", table->stream);
		print_value(table->stream, jst_value_int(row->kind == ROW_BELOW ? row->high : row->low), unit);
	}
	layout_next(table);
	fprintf(table->stream, "%" PRIu64, row->count);
	layout_next(table);
}

static void print_summary(const struct printing *printing, const struct jst_result *result)
{
	static const struct {
		const char *name;
		double q;
	} quantiles[] = { { "p50", 0.5 }, { "p90", 0.9 }, { "p99", 0.99 } };
	const enum unit unit = printing->aggregation->unit;
	FILE *file = printing->output->file;

	fprintf(file, "  count %" PRIu64, result->count);
	if (result->count) {
		fputs("  min ", file);
		print_value(file, result->min, unit);
		fputs("  avg ", file);
		print_measure(file, result_average(result), unit);
		for (size_t i = 0; i < sizeof(quantiles) / sizeof(quantiles[0]); i++) {
			fprintf(file, "  %s ", quantiles[i].name);
			print_value(file, jst_result_quantile(result, printing->decl, quantiles[i].q), unit);
		}
		fputs("  max ", file);
		print_value(file, result->max, unit);
	}
	fputc('\n', file);
}

static uint32_t empty_run(const struct row *rows, uint32_t from, uint32_t last)
{
	uint32_t run = 0;

	while (from + run < last && !rows[from + run].count)
		run++;
	return run;
}

static void print_rows(const struct printing *printing, const struct jst_result *result, const struct row *rows, uint32_t first, uint32_t last)
{
	const struct jst_value tail = jst_result_quantile(result, printing->decl, 0.99);
	FILE *file = printing->output->file;
	struct text_table table;
	uint64_t greatest = 0;

	layout_init(&table, CELLS);
	for (uint32_t i = first; i <= last; i++) {
		print_cells(&table, &rows[i], printing->aggregation->unit);
		print_exemplars(table.stream, printing, result, &rows[i], tail);
		layout_next(&table);
		if (rows[i].count > greatest)
			greatest = rows[i].count;
	}
	const int low = layout_width(&table, CELL_LOW, 40), high = layout_width(&table, CELL_HIGH, 40), alone = layout_width(&table, CELL_ALONE, 40);
	const int range = low ? low + 4 + high : 0, label = range > alone ? range : alone, count = layout_width(&table, CELL_COUNT, 40);
	const int exemplars = layout_width(&table, CELL_EXEMPLARS, printing->output->width / 2);
	const int bar = bar_width(printing->output, 2 + label + 6 + count + (exemplars ? 2 + exemplars : 0));
	for (uint32_t i = first; i <= last; i++) {
		const uint32_t run = empty_run(rows, i, last);

		if (run > EMPTY_RUN) {
			fprintf(file, "  %*s…\n", label - 1, "");
			i += run - 1;
			continue;
		}
		fputs("  ", file);
		if (rows[i].kind == ROW_RANGE) {
			layout_print(&table, file, i - first, CELL_LOW, low + label - range, true);
			fputs(" .. ", file);
			layout_print(&table, file, i - first, CELL_HIGH, high, true);
		} else {
			layout_print(&table, file, i - first, CELL_ALONE, label, true);
		}
		fputc(' ', file);
		print_bar(file, (double)rows[i].count, (double)greatest, bar);
		layout_print(&table, file, i - first, CELL_COUNT, count, true);
		if (layout_has(&table, i - first, CELL_EXEMPLARS)) {
			fputs("  ", file);
			layout_print(&table, file, i - first, CELL_EXEMPLARS, 0, false);
		}
		fputc('\n', file);
	}
	layout_fini(&table);
}

static void print_histogram(const struct printing *printing, const struct jst_result *result)
{
	struct row *rows = calloc(JST_POWERS + (size_t)result->buckets, sizeof(*rows));

	if (!rows)
		abort();
	const bool linear = jst_aggregation_info[printing->aggregation->function].shape == JST_SHAPE_LHIST;
	const uint32_t count = linear ? lhist_rows(printing, result, rows) : hist_rows(printing, result, rows);
	uint32_t first = 0, end = count;

	while (first < end && !rows[first].count)
		first++;
	while (end > first && !rows[end - 1].count)
		end--;
	if (first < end)
		print_rows(printing, result, rows, first, end - 1);
	print_summary(printing, result);
	free(rows);
}

void print_histograms(const struct printing *printing)
{
	FILE *file = printing->output->file;

	for (uint32_t i = 0; i < printing->shown; i++) {
		const struct results_entry *entry = &printing->entries[i];

		print_entry_name(printing, entry);
		for (uint32_t key = 0; key < printing->aggregation->keys; key++)
			if (entry->keys[key].kind == JST_STACK)
				frames_print(file, entry->keys[key], STACK_INDENT, false);
		fputc('\n', file);
		print_histogram(printing, entry->result);
		fputc('\n', file);
	}
	if (printing->shown < printing->count) {
		print_heading(printing);
		print_rest(printing);
		fputc('\n', file);
	}
}
