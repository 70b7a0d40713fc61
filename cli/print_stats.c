/*
 * stats: a table with a row a key.
 *
 *     @s
 *               count    sum     avg    min     max  stddev
 *       /users  86267  1m10s  1.02ms  140us  12.1ms   211us
 */
#include <inttypes.h>
#include <math.h>

#include "print_results.h"

static void print_known(FILE *file, double value, enum unit unit)
{
	if (isnan(value))
		fputs("nil", file);
	else
		print_measure(file, value, unit);
}

static void print_cell(FILE *file, const struct printing *printing, const struct jst_result *result, uint32_t column)
{
	const enum unit unit = printing->aggregation->unit;

	switch (column) {
	case 0:
		fprintf(file, "%" PRIu64, result->count);
		break;
	case 1:
		print_sum(file, &result->sum, unit);
		break;
	case 2:
		print_known(file, result_average(result), unit);
		break;
	case 3:
		print_value(file, result->min, unit);
		break;
	case 4:
		print_value(file, result->max, unit);
		break;
	default:
		print_known(file, result_deviation(result), unit);
		break;
	}
}

void print_stats(const struct printing *printing)
{
	static const char *const titles[] = { "count", "sum", "avg", "min", "max", "stddev" };

	print_columns(printing, titles, sizeof(titles) / sizeof(titles[0]), print_cell);
}
