/*
 * quantiles: a table with a row a key.
 *
 *     @q
 *                  p50     p90     p99   p99.9     max   count
 *       /users  1.02ms  1.31ms  4.10ms  9.83ms  12.1ms   86267
 */
#include <inttypes.h>

#include "print_results.h"

static void print_cell(FILE *file, const struct printing *printing, const struct jst_result *result, uint32_t column)
{
	static const double quantiles[] = { 0.5, 0.9, 0.99, 0.999 };
	const enum unit unit = printing->aggregation->unit;

	if (column < 4)
		print_value(file, jst_result_quantile(result, printing->decl, quantiles[column]), unit);
	else if (column == 4)
		print_value(file, result->max, unit);
	else
		fprintf(file, "%" PRIu64, result->count);
}

void print_quantiles(const struct printing *printing)
{
	static const char *const titles[] = { "p50", "p90", "p99", "p99.9", "max", "count" };

	print_columns(printing, titles, sizeof(titles) / sizeof(titles[0]), print_cell);
}
