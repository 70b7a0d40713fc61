/*
 * What the files that print aggregations share: a table of text whose columns line up, bars, and the numbers of a state.
 *
 * One file a family of shapes (print_number.c, print_histogram.c, print_quantiles.c, print_stats.c) and one for JSON; print_results.c chooses among them by the shape in aggregation.def.
 */
#ifndef PRINT_RESULTS_H
#define PRINT_RESULTS_H

#include "output.h"
#include "results.h"

/* One aggregation being printed: the entries to show, in order, and how many there are in all. */
struct printing {
	struct output *output;
	const struct results *results;
	uint32_t index;                                /* of the aggregation */
	const struct compiled_aggregation *aggregation;
	const struct jst_aggregation_decl *decl;
	const struct results_entry *entries;
	uint32_t shown, count;
	int64_t elapsed;                               /* ns */
	bool one;                                      /* a single entry, by print(@a[k]) */
};

/* Each prints all that is shown, one key after the other; at least one is. */
void print_numbers(const struct printing *printing);
void print_histograms(const struct printing *printing);
void print_quantiles(const struct printing *printing);
void print_stats(const struct printing *printing);
/* One object a key. An aggregation without keys that was never updated is an object without a value; entries is NULL then. */
void print_json(const struct printing *printing);

/* ---- a table: cells are written row by row, then measured, padded and printed ---- */

struct text_table {
	uint32_t columns;
	FILE *stream;      /* layout_cell() */
	char *text;
	size_t size;
	size_t *end;       /* of each finished cell in text */
	uint32_t cells, room;
};

void layout_init(struct text_table *table, uint32_t columns);
void layout_fini(struct text_table *table);
/* Ends the cell that was written to table->stream. */
void layout_next(struct text_table *table);
/* The widest cell of a column, at most limit columns. */
int layout_width(const struct text_table *table, uint32_t column, int limit);
/* Whether anything was written to the cell. */
bool layout_has(const struct text_table *table, uint32_t row, uint32_t column);
/* Prints a cell padded to width, to the left or to the right; wider ones run on. */
void layout_print(const struct text_table *table, FILE *file, uint32_t row, uint32_t column, int width, bool right);

/* ---- keys ---- */

/* Key columns of all shown entries go first in a table's rows; these print them, two blanks between. A stack does not fit a column: it has an empty cell, and is printed below its row. */
void print_key_cells(struct text_table *table, const struct printing *printing, const struct results_entry *entry);
/* Finds the columns' widths (room for JST_MAX_KEYS) and which of them hold numbers alone; returns the columns that all take with the blanks between. */
int measure_keys(const struct text_table *table, const struct printing *printing, int *widths, bool *right);
void print_keys(const struct text_table *table, const struct printing *printing, uint32_t row, const int *widths, const bool *right);

/* The stacks among an entry's keys, each frame in a line, and an empty line behind them, unless it is the last entry. */
void print_stacks(const struct printing *printing, const struct results_entry *entry);

/* ---- pieces ---- */

/* A block with a row a key: the keys, then a right-aligned column under each title, whose cells print_cell writes. */
void print_columns(const struct printing *printing, const char *const *titles, uint32_t columns,
                   void (*print_cell)(FILE *file, const struct printing *printing, const struct jst_result *result, uint32_t column));

/* "@lat" and the rest of the line. */
void print_heading(const struct printing *printing);
/* "@lat[/users, 200]" */
void print_entry_name(const struct printing *printing, const struct results_entry *entry);
/* Where a table's top was cut: "… and N more". */
void print_rest(const struct printing *printing);
/* "| ####      | " with a bar of part/whole of width; something is shown for everything above zero. */
void print_bar(FILE *file, double part, double whole, int width);
/* The columns left for a bar when a line has used others: between 10 and 60. */
int bar_width(const struct output *output, int used);

int print_sum(FILE *file, const struct jst_sum *sum, enum unit unit);
double sum_double(const struct jst_sum *sum);
/* NAN where nothing was counted. */
double result_average(const struct jst_result *result);
double result_deviation(const struct jst_result *result);

/* The range of a bucket of lhist, which has buckets of them: low <= x < high. What lies outside its steps reaches to the ends of the integers. */
void linear_range(const struct jst_aggregation_decl *decl, uint32_t buckets, uint32_t bucket, int64_t *low, int64_t *high);

#endif
