/*
 * Aggregations as JSON: an object a line, one a key. Sums are written in full (up to 39 digits), which JSON allows and careful readers take as big integers.
 *
 *     {"type":"aggregation","name":"@lat","function":"hist","key":[],"unit":"ns","count":3,"sum":42,"min":1,"max":40,"p50":1,"p90":40,"p99":40,"p999":40,"buckets":[[1,2,2],[40,42,1]]}
 */
#include <inttypes.h>
#include <math.h>

#include "print_results.h"

/* One object being written. result is NULL for an aggregation that was never updated. */
struct object {
	const struct printing *printing;
	const struct jst_result *result;
	FILE *file;
};

static void print_member(const struct object *object, const char *name, struct jst_value value)
{
	fprintf(object->file, ",\"%s\":", name);
	print_json_value(object->file, value);
}

static void print_count(const struct object *object, const char *name)
{
	fprintf(object->file, ",\"%s\":%" PRIu64, name, object->result ? object->result->count : 0);
}

static void print_total(const struct object *object, const char *name)
{
	if (!object->result) {
		print_member(object, name, jst_value_nil());
	} else if (object->result->sum.has_doubles) {
		print_member(object, name, jst_value_double(sum_double(&object->result->sum)));
	} else {
		fprintf(object->file, ",\"%s\":", name);
		print_integer(object->file, object->result->sum.integers);
	}
}

static void print_extremes(const struct object *object)
{
	print_member(object, "min", object->result ? object->result->min : jst_value_nil());
	print_member(object, "max", object->result ? object->result->max : jst_value_nil());
}

/* An element a power of two: its range, then its exemplars, the latest first. */
static void print_exemplars(const struct object *object)
{
	const struct jst_result *result = object->result;

	fputs(",\"exemplars\":[", object->file);
	for (uint32_t i = 0; result && i < result->exemplars; i++) {
		const struct jst_exemplar *exemplar = &result->exemplar[i];
		int64_t low, high;

		if (i && exemplar->power == exemplar[-1].power) {
			fputc(',', object->file);
		} else {
			jst_histogram_power_range(exemplar->power, &low, &high);
			fprintf(object->file, "%s[%" PRId64 ",%" PRId64 ",[", i ? "]]," : "", low, high);
		}
		print_json_value(object->file, jst_exemplar_value(exemplar));
	}
	fputs(result && result->exemplars ? "]]]" : "]", object->file);
}

static void print_distribution(const struct object *object)
{
	static const struct {
		const char *name;
		double q;
	} quantiles[] = { { "p50", 0.5 }, { "p90", 0.9 }, { "p99", 0.99 }, { "p999", 0.999 } };
	const char *separator = "";
	const struct jst_aggregation_decl *decl = object->printing->decl;
	const bool linear = jst_aggregation_info[decl->function].shape == JST_SHAPE_LHIST;

	print_count(object, "count");
	print_total(object, "sum");
	print_extremes(object);
	for (size_t i = 0; i < sizeof(quantiles) / sizeof(quantiles[0]); i++)
		print_member(object, quantiles[i].name, object->result ? jst_result_quantile(object->result, decl, quantiles[i].q) : jst_value_nil());
	fputs(",\"buckets\":[", object->file);
	for (uint32_t at = 0; object->result && at < object->result->rows * JST_RESULT_ROW; at++) {
		int64_t low, high;

		if (!object->result->bucket[at])
			continue;
		const uint32_t bucket = jst_result_bucket_at(object->result, at);
		if (linear)
			linear_range(decl, object->result->buckets, bucket, &low, &high);
		else
			jst_histogram_range((unsigned)decl->parameters[0], bucket, &low, &high);
		fprintf(object->file, "%s[%" PRId64 ",%" PRId64 ",%" PRIu64 "]", separator, low, high, object->result->bucket[at]);
		separator = ",";
	}
	fputc(']', object->file);
	if (jst_aggregation_has_exemplars(decl))
		print_exemplars(object);
}

static void print_statistics(const struct object *object)
{
	print_count(object, "count");
	print_total(object, "sum");
	print_member(object, "avg", object->result ? jst_value_double(result_average(object->result)) : jst_value_nil());
	print_extremes(object);
	print_member(object, "stddev", object->result ? jst_value_double(result_deviation(object->result)) : jst_value_nil());
}

static void print_object(const struct printing *printing, const struct results_entry *entry)
{
	static const char *const units[] = { [UNIT_DURATION] = "\"ns\"", [UNIT_SIZE] = "\"bytes\"" };
	const struct compiled_aggregation *aggregation = printing->aggregation;
	const struct jst_aggregation_info *info = &jst_aggregation_info[aggregation->function];
	const struct object object = { .printing = printing, .result = entry ? entry->result : NULL, .file = printing->output->file };
	const char *unit = aggregation->unit == UNIT_DURATION || aggregation->unit == UNIT_SIZE ? units[aggregation->unit] : "null";

	fprintf(object.file, "{\"type\":\"aggregation\",\"name\":\"%s\",\"function\":\"%s\",\"key\":[", aggregation->name, info->name);
	for (uint32_t key = 0; entry && key < aggregation->keys; key++) {
		if (key)
			fputc(',', object.file);
		print_json_value(object.file, entry->keys[key]);
	}
	fprintf(object.file, "],\"unit\":%s", unit);
	if (info->shape == JST_SHAPE_HIST || info->shape == JST_SHAPE_LHIST || info->shape == JST_SHAPE_QUANTILES)
		print_distribution(&object);
	else if (info->shape == JST_SHAPE_STATS)
		print_statistics(&object);
	else if (info->shape == JST_SHAPE_SUM)
		print_total(&object, "value");
	else if (info->shape == JST_SHAPE_COUNT)
		print_count(&object, "value");
	else
		print_member(&object, "value", results_value(printing->results, printing->index, object.result, printing->elapsed));
	fputs("}\n", object.file);
}

void print_json(const struct printing *printing)
{
	if (!printing->entries) {
		if (!printing->aggregation->keys)
			print_object(printing, NULL);
		return;
	}
	for (uint32_t i = 0; i < printing->shown; i++)
		print_object(printing, &printing->entries[i]);
}
