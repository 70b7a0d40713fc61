/*
 * The estimate of distinct from its registers, by Otmar Ertl, "New cardinality estimation algorithms for HyperLogLog sketches", 2017, section 4 (the improved raw estimator): from a handful of
 * values to 2^64 by one formula, without tables of measured bias and without a switch to another estimator for small numbers.
 */
#include <math.h>
#include <string.h>

#include "aggregation_state.h"
#include "result_merge.h"

enum { REGISTERS = 1 << JST_DISTINCT_BITS };

void jst_result_merge_registers(struct jst_result *result, uint32_t row, const uint64_t *words)
{
	unsigned char *own = (unsigned char *)jst_result_row(result, row);
	unsigned char other[JST_DISTINCT_ROW];

	memcpy(other, words, sizeof(other));
	for (unsigned i = 0; i < JST_DISTINCT_ROW; i++) {
		const unsigned char rank = other[i] < JST_DISTINCT_RANKS ? other[i] : JST_DISTINCT_RANKS;
		if (rank > own[i])
			own[i] = rank;
	}
}

/* x + the sum of x^(2^k) * 2^(k-1) for k = 1, 2 …: what the registers that are still zero tell. Infinite where all are. */
static double sigma(double x)
{
	double sum = x, before, weight = 1;

	if (x >= 1)
		return INFINITY;
	do {
		x *= x;
		before = sum;
		sum += x * weight;
		weight += weight;
	} while (sum != before);
	return sum;
}

/* (1 - x - the sum of (1 - x^(2^-k))^2 * 2^-k for k = 1, 2 …) / 3: the same for the registers that are at their greatest rank. */
static double tau(double x)
{
	double sum = 1 - x, before, weight = 1;

	if (x <= 0 || x >= 1)
		return 0;
	do {
		x = sqrt(x);
		before = sum;
		weight *= 0.5;
		sum -= (1 - x) * (1 - x) * weight;
	} while (sum != before);
	return sum / 3;
}

int64_t jst_result_distinct(const struct jst_result *result)
{
	const double registers = REGISTERS;
	const unsigned char *ranks = (const unsigned char *)result->bucket;
	uint32_t count[JST_DISTINCT_RANKS + 1] = { 0 };

	if (!result->rows)
		return 0;
	count[0] = REGISTERS - result->rows * JST_DISTINCT_ROW;
	for (uint32_t i = 0; i < result->rows * JST_DISTINCT_ROW; i++)
		count[ranks[i]]++;

	double z = registers * tau(1 - count[JST_DISTINCT_RANKS] / registers);
	for (unsigned rank = JST_DISTINCT_RANKS - 1; rank >= 1; rank--)
		z = 0.5 * (z + count[rank]);
	z += registers * sigma(count[0] / registers);

	const double estimate = registers * registers / (2 * M_LN2 * z);
	return estimate < 0x1p63 ? (int64_t)(estimate + 0.5) : INT64_MAX;
}
