/*
 * differential [COUNT [SEED]]: so many random programs run by the machine and by the reference, which must agree.
 *
 * The programs' seeds are numbered from SEED, which is drawn afresh where none is given. A failure is made smaller and printed with its seed: `differential 1 SEED` runs it again. Exits 1 if
 * there was one, or if a run of the usual length left an operator, a function, a kind of field or of statement out.
 */
#include <inttypes.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "reference.h"

#if defined(__SANITIZE_ADDRESS__)
enum { USUAL_COUNT = 3000 };
#else
enum { USUAL_COUNT = 10000 };
#endif
enum { MOST_FAILURES = 5, LONG_ENOUGH = 10000 };

struct tally {
	uint64_t programs, over_budget, out_of_room, too_large, nothing, failures;
	struct outcome outcome;
};

static void report_failure(uint64_t seed, enum verdict verdict)
{
	struct program program;
	struct outcome outcome = { 0 };
	size_t length;

	program_generate(&program, seed);
	program_shrink(&program, verdict);

	char *text = write_script(&program.script, &length);

	printf("\nFAILED: differential 1 %" PRIu64 "\nstring size %" PRIu32 ", arguments", seed, program.string_size);
	for (int i = 0; i < PROGRAM_ARGUMENTS; i++)
		printf(" '%s'", program.arguments[i]);
	printf("; the machine's value comes first\n%s", text);
	program_run(&program, &outcome, stdout);
	free(text);
	program_free(&program);
}

static void run_one(struct tally *tally, uint64_t seed)
{
	struct program program;
	enum verdict verdict;

	program_generate(&program, seed);
	verdict = program_run(&program, &tally->outcome, NULL);
	program_free(&program);
	tally->programs++;
	switch (verdict) {
	case VERDICT_SAME:
		tally->nothing += tally->outcome.nothing;
		break;
	case VERDICT_OVER_BUDGET:
		tally->over_budget++;
		break;
	case VERDICT_OUT_OF_ROOM:
		tally->out_of_room++;
		break;
	case VERDICT_TOO_LARGE:
		tally->too_large++;
		break;
	default:
		tally->failures++;
		report_failure(seed, verdict);
	}
}

/* ---- what was reached ---- */

static const char *const kinds[] = { "nil", "int", "double", "string" };

/* What was never reached, for the end, and what was least often. */
struct gaps {
	uint32_t count;
	FILE *list;
	uint64_t least;
	char rarest[80];
};

static uint64_t reached(uint64_t count, const char *what, const char *name, struct gaps *gaps)
{
	if (!count) {
		fprintf(gaps->list, "never reached: %s %s\n", what, name);
		gaps->count++;
	}
	if (count < gaps->least) {
		gaps->least = count;
		snprintf(gaps->rarest, sizeof(gaps->rarest), "%s %s", what, name);
	}
	return count;
}

static uint64_t sum(const uint64_t *counts, size_t length)
{
	uint64_t total = 0;

	for (size_t i = 0; i < length; i++)
		total += counts[i];
	return total;
}

/* Each operator with each pair of kinds. */
static void print_operators(struct gaps *gaps)
{
	printf("operators:");
	for (int i = 0; i <= OPERATOR_NEGATE; i++)
		printf(" %s %" PRIu64, tree_operator((enum operator)i), sum(coverage.unary[i], KINDS));
	for (int i = OPERATOR_LOGICAL_OR; i <= OPERATOR_MOD; i++)
		printf(" %s %" PRIu64, tree_operator((enum operator)i), sum(coverage.binary[i][0], KINDS * KINDS));
	printf(" in %" PRIu64 " ?: %" PRIu64 " ==nil %" PRIu64 " !=nil %" PRIu64 "\n", sum(coverage.in, 2), sum(coverage.conditional, 2), coverage.nil_literal[0], coverage.nil_literal[1]);
	for (int i = 0; i <= OPERATOR_MOD; i++) {
		for (int a = 0; a < KINDS; a++) {
			char name[64];

			snprintf(name, sizeof(name), "%s %s", tree_operator((enum operator)i), kinds[a]);
			if (i <= OPERATOR_NEGATE)
				reached(coverage.unary[i][a], "operator", name, gaps);
			for (int b = 0; b < KINDS && i > OPERATOR_NEGATE; b++) {
				snprintf(name, sizeof(name), "%s %s %s", kinds[a], tree_operator((enum operator)i), kinds[b]);
				/* With nil left of it && does not look at its right side. */
				if (i != OPERATOR_LOGICAL_AND || a != JST_NIL)
					reached(coverage.binary[i][a][b], "operator", name, gaps);
			}
		}
	}
	for (int i = 0; i < 2; i++) {
		reached(coverage.in[i], "operator", "in", gaps);
		reached(coverage.conditional[i], "operator", "?:", gaps);
		reached(coverage.nil_literal[i], "comparison", "with nil", gaps);
	}
}

static void print_functions(struct gaps *gaps)
{
	static const char *const names[] = {
#define VARIABLE(name, text, alias, unit, where, meaning)
#define FUNCTION(name, text, min, max, signature, unit, meaning) text,
#include "builtin.def"
#undef VARIABLE
#undef FUNCTION
	};

	printf("functions:");
	for (int i = 0; i < JST_FUNCTIONS; i++)
		printf(" %s %" PRIu64, names[i], coverage.function[i]);
	printf("\n");
	/* A stack is no value that is computed with. */
	for (int i = 0; i < JST_FUNCTIONS; i++) {
		if (i != JST_FUNCTION_STACK)
			reached(coverage.function[i], "function", names[i], gaps);
	}
}

static void print_statements(struct gaps *gaps)
{
	static const char *const names[] = { [STATEMENT_CALL] = "call", [STATEMENT_ASSIGN] = "=", [STATEMENT_COMPOUND] = "compound", [STATEMENT_INCREMENT] = "++", [STATEMENT_DECREMENT] = "--",
		[STATEMENT_DELETE] = "delete", [STATEMENT_IF] = "if", [STATEMENT_WHILE] = "while", [STATEMENT_FOR] = "for", [STATEMENT_BREAK] = "break", [STATEMENT_CONTINUE] = "continue", [STATEMENT_RETURN] = "return" };

	printf("statements:");
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (names[i])
			printf(" %s %" PRIu64, names[i], reached(coverage.statement[i], "statement", names[i], gaps));
	}
	for (int i = OPERATOR_OR; i <= OPERATOR_MOD; i++) {
		if (i >= OPERATOR_EQ && i <= OPERATOR_NO_MATCH)
			continue;
		if (i != OPERATOR_XOR + 1)
			printf(" %s= %" PRIu64, tree_operator((enum operator)i), sum(coverage.compound[i], 2));
		reached(coverage.compound[i][0], "on a local:", tree_operator((enum operator)i), gaps);
		reached(coverage.compound[i][1], "on a variable:", tree_operator((enum operator)i), gaps);
	}
	printf("\n");
}

static void print_names(struct gaps *gaps)
{
	printf("fields:");
	for (int i = 0; i < PROGRAM_FIELD_COUNT; i++)
		printf(" %s %" PRIu64, field_rows[i].name, reached(coverage.field[i], "field", field_rows[i].name, gaps));
	printf(" missing %" PRIu64 "; keys:", reached(coverage.missing, "field", "that is missing", gaps));
	for (int i = 0; i < KINDS; i++)
		printf(" %s %" PRIu64, kinds[i], reached(coverage.key[i], "key of kind", kinds[i], gaps));
	printf("\n");
}

static void print_definitions(struct gaps *gaps)
{
	const struct {
		const char *name;
		uint64_t count;
	} rows[] = { { "calls", coverage.calls }, { "in functions", coverage.nested }, { "left by a return in a loop", coverage.from_loop }, { "left without a value", coverage.without_value }, { "constants folded", coverage.folded }, { "read unfolded", coverage.constants } };

	printf("functions of the script:");
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		printf("%s %s %" PRIu64, i ? "," : "", rows[i].name, reached(rows[i].count, "definitions:", rows[i].name, gaps));
	printf("\n");
}

static double share(uint64_t part, uint64_t whole)
{
	return whole ? 100.0 * (double)part / (double)whole : 0;
}

static bool print_tally(const struct tally *tally)
{
	enum { MOST_TRIVIAL = 3, MOST_LEFT_OUT = 3 }; /* percent */
	const uint64_t results = sum(tally->outcome.results, KINDS), left = tally->over_budget + tally->out_of_room + tally->too_large;
	const bool dull = share(tally->nothing, tally->programs) > MOST_TRIVIAL, skipped = share(left, tally->programs) > MOST_LEFT_OUT;
	char *list;
	size_t length;
	struct gaps gaps = { .list = open_memstream(&list, &length), .least = UINT64_MAX };

	printf("%" PRIu64 " programs, %" PRIu64 " expressions; %" PRIu64 " over the budget (%.2f %%), %" PRIu64 " out of room (%.2f %%), %" PRIu64 " too large (%.2f %%), %" PRIu64 " without a result (%.2f %%); %" PRIu64 " errors of clauses\n", tally->programs,
	       coverage.evaluated, tally->over_budget, share(tally->over_budget, tally->programs), tally->out_of_room, share(tally->out_of_room, tally->programs), tally->too_large, share(tally->too_large, tally->programs), tally->nothing,
	       share(tally->nothing, tally->programs), tally->outcome.errors);
	printf("results: int %.1f %%, double %.1f %%, string %.1f %%\n", share(tally->outcome.results[JST_INT], results), share(tally->outcome.results[JST_DOUBLE], results), share(tally->outcome.results[JST_STRING], results));
	print_operators(&gaps);
	print_functions(&gaps);
	print_statements(&gaps);
	print_names(&gaps);
	print_definitions(&gaps);
	printf("rarest: %s, %" PRIu64 "\n", gaps.rarest, gaps.least);
	fclose(gaps.list);
	if (tally->programs >= LONG_ENOUGH) {
		fputs(list, stdout);
		if (dull || skipped)
			printf("too many programs %s\n", dull ? "without a result" : "were left out");
	}
	free(list);
	return tally->programs < LONG_ENOUGH || (!gaps.count && !dull && !skipped);
}

static uint64_t fresh_seed(void)
{
	uint32_t seed = 0;

	if (getrandom(&seed, sizeof(seed), 0) != sizeof(seed))
		abort();
	return (uint64_t)seed << 24;
}

int main(int argc, char **argv)
{
	const uint64_t count = argc > 1 ? strtoull(argv[1], NULL, 0) : USUAL_COUNT, seed = argc > 2 ? strtoull(argv[2], NULL, 0) : fresh_seed();
	struct tally tally = { 0 };

	/* Giving memory back after each program would take as long as the programs. */
	mallopt(M_TRIM_THRESHOLD, 64 << 20);
	printf("differential %" PRIu64 " %" PRIu64 "\n", count, seed);
	fflush(stdout);
	for (uint64_t i = 0; i < count && tally.failures < MOST_FAILURES; i++)
		run_one(&tally, seed + i);

	const bool enough = print_tally(&tally);

	printf("%" PRIu64 " failed\n", tally.failures);
	return tally.failures || !enough;
}
