/*
 * hist and lhist: a row per power of two (hist, however many buckets it keeps in one) or per step (lhist), from the lowest that is occupied to the highest. Ranges are written as the language writes them, the upper bound excluded.
 *
 *     @lat
 *       131us ..  262us | #                            |    12
 *       262us ..  524us | ##########                   |  1234
 *       524us .. 1.05ms | ############################ | 85021
 *       count 86267  min 140us  avg 812us  p50 801us  p90 1.01ms  p99 1.04ms  max 1.05ms
 */
#include "print_results.h"

#include <inttypes.h>
#include <stdlib.h>

enum row_kind { ROW_RANGE, ROW_ONE, ROW_BELOW, ROW_ABOVE };

/* A row: buckets first … last, as low <= x < high. */
struct row {
	enum row_kind kind;
	int64_t low, high;
	uint64_t count;
};

/* More empty rows than this in a run are shown as one "…". */
enum { EMPTY_RUN = 3, POWERS = 64 };

/* The row of hist that holds values from low on: 0 for zero, 1 + exponent for positives, the mirror for negatives. */
static int power_of(int64_t low)
{
	/* -2^63 has no mirror: it is in the row of the values next to it. */
	const uint64_t size = low < 0 ? -(uint64_t)low - (low == INT64_MIN) : (uint64_t)low;
	const int power = size ? POWERS - __builtin_clzll(size) : 0;

	return low < 0 ? -power : power;
}

static uint32_t hist_rows(const struct printing *printing, const struct jst_result *result, struct row *rows)
{
	const unsigned bits = (unsigned)printing->decl->parameters[0];
	uint32_t count = 0;
	int last = 0;

	for (uint32_t bucket = 0; bucket < result->buckets; bucket++) {
		int64_t low, high;

		jst_histogram_range(bits, bucket, &low, &high);
		const int power = power_of(low);
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
enum { CELL_LOW, CELL_HIGH, CELL_ALONE, CELL_COUNT, CELLS };

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

static void print_rows(const struct printing *printing, const struct row *rows, uint32_t first, uint32_t last)
{
	FILE *file = printing->output->file;
	struct text_table table;
	uint64_t greatest = 0;

	layout_init(&table, CELLS);
	for (uint32_t i = first; i <= last; i++) {
		print_cells(&table, &rows[i], printing->aggregation->unit);
		if (rows[i].count > greatest)
			greatest = rows[i].count;
	}
	const int low = layout_width(&table, CELL_LOW, 40), high = layout_width(&table, CELL_HIGH, 40), alone = layout_width(&table, CELL_ALONE, 40);
	const int range = low ? low + 4 + high : 0, label = range > alone ? range : alone, count = layout_width(&table, CELL_COUNT, 40);
	const int bar = bar_width(printing->output, 2 + label + 6 + count);
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
		fputc('\n', file);
	}
	layout_fini(&table);
}

static void print_histogram(const struct printing *printing, const struct jst_result *result)
{
	struct row *rows = calloc(2 * POWERS + 1 + (size_t)result->buckets, sizeof(*rows));

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
		print_rows(printing, rows, first, end - 1);
	print_summary(printing, result);
	free(rows);
}

void print_histograms(const struct printing *printing)
{
	FILE *file = printing->output->file;

	for (uint32_t i = 0; i < printing->shown; i++) {
		print_entry_name(printing, &printing->entries[i]);
		fputc('\n', file);
		print_histogram(printing, printing->entries[i].result);
		fputc('\n', file);
	}
	if (printing->shown < printing->count) {
		print_heading(printing);
		print_rest(printing);
		fputc('\n', file);
	}
}
