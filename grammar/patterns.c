/*
 * Probe patterns: which of them are special probes, that run in the CLI, and how long the period of a tick is.
 */
#include <string.h>

#include "check.h"

enum { MILLISECOND = 1000000, SECOND = 1000000000 };

static const struct period {
	const char *unit;
	int64_t ns;   /* 0: hz */
} periods[] = { { "us", 1000 }, { "ms", MILLISECOND }, { "s", SECOND }, { "m", 60 * (int64_t)SECOND }, { "h", 3600 * (int64_t)SECOND }, { "hz", 0 } };

static bool is_number(const char *text, size_t length)
{
	for (size_t i = 0; i < length; i++) {
		if (text[i] < '0' || text[i] > '9')
			return false;
	}
	return length > 0;
}

/* A number of a unit in ns, 0 if that is no period or a mad one: less than a millisecond, or more than a year. */
static int64_t period_of(const char *number, size_t number_length, const char *unit, size_t unit_length)
{
	int64_t count = 0, period;

	if (number_length > 12)
		return 0;
	for (size_t i = 0; i < number_length; i++)
		count = count * 10 + (number[i] - '0');
	for (size_t i = 0; i < sizeof(periods) / sizeof(*periods); i++) {
		if (strlen(periods[i].unit) != unit_length || memcmp(periods[i].unit, unit, unit_length) != 0)
			continue;
		if (!periods[i].ns)
			period = count ? SECOND / count : 0;
		else if (__builtin_mul_overflow(count, periods[i].ns, &period))
			return 0;
		return period >= MILLISECOND && period <= 8760 * 3600 * (int64_t)SECOND ? period : 0;
	}
	return 0;
}

static void bad_tick(struct checker *checker, const struct pattern *pattern)
{
	diagnostics_add(checker->diagnostics, DIAGNOSTIC_BAD_TICK, pattern->at, pattern->text.text);
	diagnostics_help(checker->diagnostics, "a period is a number and ms, s, m, h or hz, at least 1ms: tick-500ms");
}

/* tick-1s, and bpftrace's interval:s:1. */
static bool find_tick(struct checker *checker, struct pattern *pattern)
{
	const char *text = pattern->text.text;
	const char *number, *unit;
	size_t number_length, unit_length;

	if (!strncmp(text, "tick-", 5) && is_number(text + 5, 1)) {
		number = text + 5;
		number_length = strspn(number, "0123456789");
		unit = number + number_length;
		unit_length = strlen(unit);
	} else if (!strncmp(text, "interval:", 9) && strchr(text + 9, ':') && is_number(strchr(text + 9, ':') + 1, strlen(strchr(text + 9, ':') + 1))) {
		unit = text + 9;
		unit_length = (size_t)(strchr(unit, ':') - unit);
		number = unit + unit_length + 1;
		number_length = strlen(number);
	} else {
		return false;
	}
	pattern->special = SPECIAL_TICK;
	pattern->period = period_of(number, number_length, unit, unit_length);
	if (!pattern->period)
		bad_tick(checker, pattern);
	return true;
}

static bool find_special(struct checker *checker, struct pattern *pattern)
{
	static const struct {
		const char *text;
		enum special special;
	} rows[] = { { "BEGIN", SPECIAL_BEGIN }, { "END", SPECIAL_END }, { "process:attach", SPECIAL_PROCESS_ATTACH }, { "process:exit", SPECIAL_PROCESS_EXIT } };

	if (pattern->quoted)
		return false;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		if (!strcmp(pattern->text.text, rows[i].text)) {
			pattern->special = rows[i].special;
			return true;
		}
	}
	return find_tick(checker, pattern);
}

/* process:* is both process probes. */
static void split_process(struct checker *checker, struct clause *clause, struct pattern *pattern)
{
	if (pattern->quoted || strcmp(pattern->text.text, "process:*") != 0)
		return;

	struct pattern *other = tree_pattern(checker->script, pattern->at, (struct name){ "process:exit", 12 }, false);

	pattern->text = (struct name){ "process:attach", 14 };
	pattern->glob = false;
	other->next = pattern->next;
	pattern->next = other;
	if (clause->last == pattern)
		clause->last = other;
}

/* Probes of other tracers: nothing is wrong with the pattern, but it will hardly match. */
static void warn_foreign(struct checker *checker, const struct pattern *pattern)
{
	static const char *const kinds[] = { "kprobe:", "kretprobe:", "uprobe:", "uretprobe:", "tracepoint:", "rawtracepoint:", "usdt:", "profile:hz:", "hardware:", "software:", "kfunc:", "fentry:", "fexit:",
					     "syscall::", "fbt::", "pid$target:", "profile-", "dtrace:::" };
	const char *text = pattern->text.text;

	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds) && !pattern->quoted; i++) {
		if (strncmp(text, kinds[i], strlen(kinds[i])) != 0)
			continue;
		diagnostics_add(checker->diagnostics, DIAGNOSTIC_FOREIGN_PATTERN, pattern->at, text);
		if (!strncmp(text, "usdt:", 5))
			diagnostics_help(checker->diagnostics, "write provider:name alone");
		else if (!strncmp(text, "profile", 7))
			diagnostics_help(checker->diagnostics, "tick-10hz, tick-100ms and the like fire periodically, in jstrace itself");
		else if (!strncmp(text, "dtrace", 6))
			diagnostics_help(checker->diagnostics, "write BEGIN or END");
		else
			diagnostics_help(checker->diagnostics, "jstrace sees the probes that a program carries, and none of the kernel: jstrace -l lists them");
		return;
	}
}

const char *clause_name(const struct clause *clause)
{
	return clause->first->text.text;
}

void check_patterns(struct checker *checker, struct clause *clause)
{
	const struct pattern *special = NULL, *real = NULL;

	clause->begin_only = clause->has_fields = true;
	for (struct pattern *pattern = clause->first; pattern; pattern = pattern->next) {
		split_process(checker, clause, pattern);
		pattern->is_special = find_special(checker, pattern);
		if (pattern->is_special && !special)
			special = pattern;
		if (!pattern->is_special && !real)
			real = pattern;
		warn_foreign(checker, pattern);
		if (!pattern->text.length) {
			diagnostics_add(checker->diagnostics, DIAGNOSTIC_EMPTY_PATTERN, pattern->at);
			diagnostics_help(checker->diagnostics, "all probes are *");
		}
		if (!pattern->is_special || pattern->special != SPECIAL_BEGIN)
			clause->begin_only = false;
		if (!pattern->is_special || (pattern->special != SPECIAL_PROCESS_ATTACH && pattern->special != SPECIAL_PROCESS_EXIT))
			clause->has_fields = false;
	}
	if (special && real) {
		diagnostics_add(checker->diagnostics, DIAGNOSTIC_MIXED_CLAUSE, real->at, special->text.text, real->text.text);
		diagnostics_help(checker->diagnostics, "write two clauses");
	}
	clause->is_special = special && !real;
}
