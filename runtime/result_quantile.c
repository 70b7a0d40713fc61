/*
 * Quantiles of histograms: the midpoint of the bucket of rank ceil(q * n), within what was seen.
 */
#include "aggregation_state.h"
#include "vm.h"

/* ceil(q * n), at least 1 and at most n. A product that is a whole number but for rounding (0.07 * 100 is 7.000000000000001) counts as that number. */
static uint64_t rank_of(double q, uint64_t n)
{
	const double exact = q * (double)n;
	const double product = exact - exact * 1e-14;

	if (!(product > 1))
		return 1;
	if (product >= (double)n)
		return n;
	const uint64_t whole = (uint64_t)product;
	const uint64_t rank = (double)whole < product ? whole + 1 : whole;
	return rank > n ? n : rank;
}

/* Between low and high (left out); mirrored where buckets of negatives are mirrors of positive ones. */
static int64_t midpoint(int64_t low, int64_t high, bool mirrored)
{
	if (mirrored && high <= 0)
		return (int64_t)-((-(__int128)high + 1 - (__int128)low + 1) / 2);
	return (int64_t)(((__int128)low + high) / 2);
}

/* What x may be in a step of lhist; in the two at the ends it is bounded by what was seen. */
static void linear_range(const struct jst_result *result, const struct jst_aggregation_decl *decl, uint32_t bucket, int64_t *low, int64_t *high)
{
	const __int128 min = decl->parameters[0], max = decl->parameters[1], step = decl->parameters[2];
	const int64_t seen_min = result->min.kind == JST_INT ? result->min.i : (int64_t)min;
	const int64_t seen_max = result->max.kind == JST_INT ? result->max.i : (int64_t)max;

	if (bucket == 0) {
		*low = seen_min;
		*high = (int64_t)min;
	} else if (bucket + 1 == result->buckets) {
		*low = (int64_t)max;
		*high = seen_max;
	} else {
		const __int128 end = min + bucket * step;
		*low = (int64_t)(min + (bucket - 1) * step);
		*high = (int64_t)(end > max ? max : end);
	}
}

struct jst_value jst_result_quantile(const struct jst_result *result, const struct jst_aggregation_decl *decl, double q)
{
	uint64_t total = 0, below = 0;
	uint32_t at = 0;
	int64_t low, high;

	/* The buckets themselves are counted, so that a count that does not fit them leads nowhere wrong. */
	const uint32_t kept = result->rows * JST_RESULT_ROW;
	for (uint32_t i = 0; i < kept; i++)
		total += result->bucket[i];
	if (!result->buckets || !total || q != q)
		return jst_value_nil();
	const uint64_t rank = rank_of(q, total);
	while (at + 1 < kept && below + result->bucket[at] < rank)
		below += result->bucket[at++];

	const uint32_t bucket = jst_result_bucket_at(result, at);
	const bool linear = jst_aggregation_info[decl->function].shape == JST_SHAPE_LHIST;
	if (linear)
		linear_range(result, decl, bucket, &low, &high);
	else
		jst_histogram_range(jst_histogram_bits(decl), bucket, &low, &high);
	struct jst_value value = jst_value_int(midpoint(low, high, !linear));
	if (result->min.kind != JST_NIL && jst_value_compare(&value, &result->min) < 0)
		value = result->min;
	if (result->max.kind != JST_NIL && jst_value_compare(&value, &result->max) > 0)
		value = result->max;
	return value;
}
