/*
 * Warnings about units that do not go together. A plain number goes with everything.
 */
#include <string.h>

#include "aggregation.h"
#include "check.h"

static const char *const names[] = {
	[UNIT_NONE] = "a plain number", [UNIT_DURATION] = "a duration", [UNIT_SIZE] = "a size", [UNIT_TIME_MONOTONIC] = "a time of the monotonic clock", [UNIT_TIME_WALL] = "a time of the wall clock",
};

static const struct {
	const char *name;
	enum jst_shape shape;
} rows[] = {
#define AGGREGATION(name, text, alias, values, parameters, shape, signature, meaning) [JST_AGGREGATION_##name] = { text, JST_SHAPE_##shape },
#include "aggregation.def"
#undef AGGREGATION
};

static bool is_point(enum unit unit)
{
	return unit == UNIT_TIME_MONOTONIC || unit == UNIT_TIME_WALL;
}

/* Whether the operator makes sense of the two, neither of which is plain. */
static bool goes(enum operator operator, enum unit left, enum unit right)
{
	switch (operator) {
	case OPERATOR_ADD:
		if (is_point(left) || is_point(right))
			return left == UNIT_DURATION || right == UNIT_DURATION;
		return left == right;
	case OPERATOR_SUB:
		return left == right || (is_point(left) && right == UNIT_DURATION);
	case OPERATOR_EQ:
	case OPERATOR_NE:
	case OPERATOR_LT:
	case OPERATOR_LE:
	case OPERATOR_GT:
	case OPERATOR_GE:
		return left == right;
	default:
		return true;
	}
}

static void warn(struct checker *checker, const char *what, enum unit left, enum unit right, struct location at)
{
	struct diagnostics *diagnostics = checker->diagnostics;

	diagnostics_add(diagnostics, DIAGNOSTIC_UNIT_MISMATCH, at, what, names[left], names[right]);
	if (is_point(left) && is_point(right) && left != right)
		diagnostics_help(diagnostics, "now and the times of sibling probes are of the monotonic clock, timestamp is of the wall clock");
	else if (is_point(left) && is_point(right))
		diagnostics_help(diagnostics, "the difference of two times is a duration");
	else if (left + right == UNIT_DURATION + UNIT_SIZE)
		diagnostics_help(diagnostics, "divide by 1ms, or by 1KiB, for a plain number");
	else if (left == UNIT_DURATION || right == UNIT_DURATION)
		diagnostics_help(diagnostics, "now - start[id] is a duration, now alone is none");
}

void unit_warn_operator(struct checker *checker, enum operator operator, enum unit left, enum unit right, struct location at)
{
	if (left != UNIT_NONE && right != UNIT_NONE && !goes(operator, left, right))
		warn(checker, tree_operator(operator), left, right, at);
}

void unit_warn_mixture(struct checker *checker, const char *what, enum unit left, enum unit right, struct location at)
{
	if (left != UNIT_NONE && right != UNIT_NONE && left != right)
		warn(checker, what, left, right, at);
}

void unit_warn_update(struct checker *checker, enum jst_aggregation function, enum unit unit, struct location at)
{
	switch (rows[function].shape) {
	case JST_SHAPE_SUM:
	case JST_SHAPE_AVG:
	case JST_SHAPE_STATS:
	case JST_SHAPE_HIST:
	case JST_SHAPE_LHIST:
	case JST_SHAPE_QUANTILES:
		break;
	default:
		return;
	}
	if (!is_point(unit))
		return;
	diagnostics_add(checker->diagnostics, DIAGNOSTIC_UNIT_AGGREGATED, at, rows[function].name, names[unit]);
	diagnostics_help(checker->diagnostics, "a difference such as now - start[id] is a duration; min, max and last take times as they are");
}

void unit_warn_assignment(struct checker *checker, const char *sigil, const char *name, struct unit_origin *origin, enum unit unit, struct location at)
{
	char text[128];

	if (!origin->conflict || origin->told || unit == UNIT_NONE || unit == origin->unit)
		return;
	origin->told = true;
	snprintf(text, sizeof(text), "%s%s", sigil, name);
	diagnostics_add(checker->diagnostics, DIAGNOSTIC_TWO_UNITS, at, text, names[unit]);
	diagnostics_add(checker->diagnostics, DIAGNOSTIC_FIRST_UNIT, origin->at, names[origin->unit]);
}
