/*
 * See report.h. Names and titles come from targets; they are escaped where they are printed.
 */
#include "report.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "hash.h"
#include "messages.h"
#include "times.h"

enum { NAMES_MAX = 4096, SITES_MAX = 1 << 18, FIELDS_MAX = 64 };

static const struct {
	const char *reason, *remedy;
} loss_rows[JST_LOSSES] = {
#define LOSS(name, reason, remedy, meaning) [JST_LOSS_##name] = { reason, remedy },
#include "loss.def"
#undef LOSS
};

struct lost {
	char where[96];          /* "httpd[77]" */
	uint64_t losses[JST_LOSSES];
};

/* What is known of a field that a clause reads. */
struct sought {
	bool matched, found;     /* a probe of the clause was seen; one that has the field */
	char *fields[FIELDS_MAX]; /* what those have instead, for suggestions */
	size_t field_count;
	char *elsewhere;         /* the name of a probe that the clause does not watch and that has it; NULL: none was seen */
};

struct report {
	const struct compiled *compiled;
	bool *pattern_matched, *span_matched;
	bool *hiding_told;
	struct sought *sought;   /* one for each of compiled->reads */
	char **names;            /* different probe names seen, for suggestions and so that each is looked at once */
	size_t name_count;
	uint64_t seed;           /* of their hashes: targets choose the names, and must not choose which of them collide */
	uint16_t places[2 * NAMES_MAX]; /* open addressing: 1 + index of a name; 0: free */
	struct lost *lost;       /* one for each source that lost anything */
	size_t lost_count;
	uint64_t total[JST_LOSSES];
	uint64_t unstarted[JST_SPAN_COUNTS]; /* spans without a start, by map, as in a slot */
	bool attached;           /* any target's sites were seen */
	bool partial;            /* not all probes of all targets are known */
	bool named;              /* a target has probes whose names show as they fire: what matched is known at the end only */
};

struct report *report_new(const struct compiled *compiled)
{
	struct report *report = message_allocate(1, sizeof(*report));

	report->compiled = compiled;
	if (getrandom(&report->seed, sizeof(report->seed), GRND_NONBLOCK) < 0)
		report->seed = (uint64_t)times_now();
	report->pattern_matched = message_allocate(compiled->pattern_count, sizeof(bool));
	report->span_matched = message_allocate(compiled->span_count, sizeof(bool));
	report->hiding_told = message_allocate(compiled->hiding_count, sizeof(bool));
	report->sought = message_allocate(compiled->read_count, sizeof(*report->sought));
	return report;
}

void report_free(struct report *report)
{
	if (!report)
		return;
	for (size_t i = 0; i < report->name_count; i++)
		free(report->names[i]);
	free(report->names);
	free(report->lost);
	free(report->pattern_matched);
	free(report->span_matched);
	free(report->hiding_told);
	for (uint32_t i = 0; i < report->compiled->read_count; i++) {
		for (size_t field = 0; field < report->sought[i].field_count; field++)
			free(report->sought[i].fields[field]);
		free(report->sought[i].elsewhere);
	}
	free(report->sought);
	free(report);
}

/* A pattern that was quoted is literal, which its text does not tell any more: equal text matches in any case. */
static bool matches(const char *pattern, struct jst_string name)
{
	const size_t length = strlen(pattern);

	return (length == name.length && memcmp(pattern, name.bytes, length) == 0) || jst_pattern_match((struct jst_string){ pattern, (uint32_t)length }, true, name);
}

/* Where the name is in the table or belongs. */
static uint16_t *place_of(struct report *report, struct jst_string name)
{
	for (uint64_t i = XXH3_64bits_withSeed(name.bytes, name.length, report->seed);; i++) {
		uint16_t *place = &report->places[i % (2 * NAMES_MAX)];

		if (!*place)
			return place;
		const char *known = report->names[*place - 1];

		if (strlen(known) == name.length && memcmp(known, name.bytes, name.length) == 0)
			return place;
	}
}

/* A target may have a great many sites, of few names or of many. */
static void see(struct report *report, struct jst_string name)
{
	const struct compiled *compiled = report->compiled;

	name.length = (uint32_t)strnlen(name.bytes, name.length); /* an honest name holds no NUL */
	uint16_t *place = place_of(report, name);

	if (*place)
		return;
	for (uint32_t i = 0; i < compiled->pattern_count; i++)
		if (!report->pattern_matched[i])
			report->pattern_matched[i] = matches(compiled->patterns[i], name);
	for (uint32_t i = 0; i < compiled->span_count; i++)
		if (!report->span_matched[i])
			report->span_matched[i] = matches(compiled->spans[i].pattern, name);
	if (report->name_count >= NAMES_MAX)
		return;
	report->names = message_resize(report->names, report->name_count + 1, sizeof(*report->names));
	report->names[report->name_count++] = message_copy(name.bytes, name.length);
	*place = (uint16_t)report->name_count;
}

static bool is_field(const struct jst_probe *probe, const char *name)
{
	for (uint32_t i = 0; i < probe->fields; i++)
		if (strlen(name) == probe->field[i].name.length && memcmp(name, probe->field[i].name.bytes, probe->field[i].name.length) == 0)
			return true;
	return false;
}

static bool is_watched(const struct compiled *compiled, struct jst_string name)
{
	for (uint32_t i = 0; i < compiled->pattern_count; i++)
		if (matches(compiled->patterns[i], name))
			return true;
	return false;
}

/* Whether the script also reads the field, so that its author knows of both. */
static bool is_read(const struct compiled *compiled, const char *name)
{
	for (uint32_t i = 0; i < compiled->field_count; i++)
		if (strcmp(compiled->fields[i], name) == 0)
			return true;
	return false;
}

/* Names of the script behind which a field of a probe that it watches lies hidden: once each. */
static void tell_hidden(struct report *report, const struct jst_probe *probe)
{
	const struct compiled *compiled = report->compiled;

	for (uint32_t i = 0; i < compiled->hiding_count; i++) {
		const char *name = compiled->hiding[i];

		if (report->hiding_told[i] || !is_field(probe, name) || is_read(compiled, name) || !is_watched(compiled, probe->name))
			continue;
		report->hiding_told[i] = true;
		message_warning("%s in this script is not the field %s of %.*s: write trace.%s for that", name, name, (int)probe->name.length, probe->name.bytes, name);
	}
}

static void keep_fields(struct sought *sought, const struct jst_probe *probe)
{
	for (uint32_t i = 0; i < probe->fields && sought->field_count < FIELDS_MAX; i++) {
		const struct jst_string name = probe->field[i].name;
		bool known = false;

		for (size_t field = 0; field < sought->field_count; field++)
			known |= strlen(sought->fields[field]) == name.length && memcmp(sought->fields[field], name.bytes, name.length) == 0;
		if (!known)
			sought->fields[sought->field_count++] = message_copy(name.bytes, name.length);
	}
}

/* Which of the fields that the script reads the probe has. */
static void seek_fields(struct report *report, const struct jst_probe *probe)
{
	const struct compiled *compiled = report->compiled;

	for (uint32_t i = 0; i < compiled->read_count; i++) {
		const struct compiled_read *read = &compiled->reads[i];
		struct sought *sought = &report->sought[i];
		bool watched = false;

		if (sought->found)
			continue;
		const bool has = is_field(probe, read->field);

		for (uint32_t pattern = 0; !watched && pattern < read->patterns; pattern++)
			watched = matches(compiled->patterns[read->first_pattern + pattern], probe->name);
		sought->matched |= watched;
		sought->found = watched && has;
		if (watched && !has)
			keep_fields(sought, probe);
		else if (has && !watched && !sought->elsewhere)
			sought->elsewhere = message_copy(probe->name.bytes, probe->name.length);
	}
}

void report_partial(struct report *report, const struct target *target)
{
	/* Where no site at all matches, as it told first, the list is not needed to know. */
	report->partial |= target->listing && target->matched_sites;
}

void report_sites(struct report *report, struct target *target)
{
	struct jst_probe site;
	jst_ref next = 1;

	report->attached = true;
	while (target_site(target, &next, &site)) {
		see(report, site.name);
		tell_hidden(report, &site);
		if (!target->by_name)
			seek_fields(report, &site);
	}
	target_forget_sites(target);
	report->named |= target->by_name;
	if (!target_has_memory(target) || target->state != TARGET_ENDED)
		return;

	const struct jst_memory_header *header = (const struct jst_memory_header *)target->view->base;
	/* Pairs with the agent's release store of a new entry. The list may be a ring if the target wants it so: a bounded walk. */
	jst_ref ref = atomic_load_explicit(&header->sites, memory_order_acquire);

	for (uint32_t i = 0; ref && i < SITES_MAX; i++) {
		struct jst_probe probe;

		if (!jst_site_read(target->view->base, target->view->size, ref, &probe))
			return;

		/* The names lie in the target's memory: copied before they are looked at more than once. */
		char name[JST_MAX_PROBE_NAME + 1];
		const uint32_t length = probe.name.length < JST_MAX_PROBE_NAME ? probe.name.length : JST_MAX_PROBE_NAME;

		memcpy(name, probe.name.bytes, length);
		see(report, (struct jst_string){ name, length });
		/* What fields its events had is known now. */
		if (target->by_name)
			seek_fields(report, &probe);
		ref = ((const volatile struct jst_site_entry *)(target->view->base + (uint64_t)ref * 8))->next;
	}
}

static void add_losses(struct report *report, const char *title, long pid, const uint64_t losses[JST_LOSSES])
{
	bool any = false;

	for (int i = 0; i < JST_LOSSES; i++) {
		report->total[i] += losses[i];
		any |= losses[i] != 0;
	}
	if (!any)
		return;
	report->lost = message_resize(report->lost, report->lost_count + 1, sizeof(*report->lost));

	struct lost *lost = &report->lost[report->lost_count++];

	snprintf(lost->where, sizeof(lost->where), pid ? "%s[%ld]" : "%s", title, pid);
	memcpy(lost->losses, losses, sizeof(lost->losses));
}

void report_losses(struct report *report, struct target *target)
{
	losses_read(target->view);
	target->malformed |= target->view->malformed;
	for (int i = 0; i < JST_SPAN_COUNTS; i++)
		report->unstarted[i] += target->view->unstarted[i];
	add_losses(report, target->process.comm, (long)target->process.pid, target->view->losses);
}

bool report_lost(const struct report *report)
{
	for (int i = 0; i < JST_LOSSES; i++)
		if (i != JST_LOSS_UNSTARTED && report->total[i])
			return true;
	return false;
}

void report_local_losses(struct report *report, const uint64_t losses[JST_LOSSES])
{
	add_losses(report, "jstrace", 0, losses);
}

/* What was meant by a field that no probe has: one that is there, or a builtin variable. */
static const char *suggest_field(const struct sought *sought, const char *field)
{
	static const char *const builtins[] = {
#define VARIABLE(name, text, alias, unit, where, meaning) text,
#define FUNCTION(name, text, min, max, signature, unit, meaning)
#include "builtin.def"
#undef VARIABLE
#undef FUNCTION
	};
	enum { BUILTINS = sizeof(builtins) / sizeof(builtins[0]) };
	const char *names[FIELDS_MAX + BUILTINS];
	size_t count = 0;

	for (size_t i = 0; i < sought->field_count; i++)
		names[count++] = sought->fields[i];
	for (size_t i = 0; i < BUILTINS; i++)
		if (builtins[i])
			names[count++] = builtins[i];
	return message_nearest(field, names, count);
}

static void report_missing_fields(const struct report *report, const char *when)
{
	for (uint32_t i = 0; i < report->compiled->read_count; i++) {
		const struct compiled_read *read = &report->compiled->reads[i];
		const struct sought *sought = &report->sought[i];
		const char *dot = strrchr(read->field, '.');

		if (read->tested || !sought->matched || sought->found)
			continue;

		const char *near = suggest_field(sought, read->field);
		char help[JST_MAX_FIELD_NAME + JST_MAX_PROBE_NAME + 64] = "";

		if (sought->elsewhere)
			snprintf(help, sizeof(help), "; the probe %s has it", sought->elsewhere);
		else if (near)
			snprintf(help, sizeof(help), "; did you mean %s?", near);
		else if (dot && strcmp(dot, ".length") == 0)
			snprintf(help, sizeof(help), "; strlen(%.*s) is the length of a string", (int)(dot - read->field), read->field);
		message_warning("%s:%d:%d: no probe of that clause has the field %s%s%s", report->compiled->sources[read->source].name, read->line, read->column, read->field, when, help);
	}
}

static void say_unmatched(const struct report *report, const char *when)
{
	for (uint32_t i = 0; i < report->compiled->pattern_count; i++) {
		const char *pattern = report->compiled->patterns[i];

		if (report->pattern_matched[i])
			continue;

		const char *near = message_nearest(pattern, (const char *const *)report->names, report->name_count);

		message_warning("no probe matches %s in any traced process%s%s%s%s", pattern, when, near ? "; did you mean " : "; jstrace -l lists what there is", near ? near : "", near ? "?" : "");
	}
	report_missing_fields(report, when);
}

void report_unmatched(struct report *report)
{
	if (report->attached && !report->named && !report->partial)
		say_unmatched(report, " so far");
}

/* What was meant by a sibling span whose probe is none: a probe that is there, or a variable of the script. */
static void suggest_sibling(const struct report *report, const struct compiled_span *span, char *text, size_t size)
{
	const char *probe = message_nearest(span->pattern, (const char *const *)report->names, report->name_count);
	const char *variable = message_nearest(span->sibling, (const char *const *)report->compiled->hiding, report->compiled->hiding_count);

	*text = '\0';
	if (variable)
		snprintf(text, size, "; did you mean %s[...]?", variable);
	else if (probe)
		snprintf(text, size, "; did you mean %s?", probe);
}

void report_spans(const struct report *report)
{
	for (uint32_t i = 0; i < report->compiled->span_count; i++) {
		const struct compiled_span *span = &report->compiled->spans[i];

		message_note("%s:%d:%d: %s[...] is the time of the last %s with that key, read in clauses on %s", report->compiled->sources[span->source].name, span->line, span->column, span->sibling, span->pattern, span->reader);
	}
}

void report_process(struct output *output, const char *event, const struct target *target, const char *reason)
{
	if (output->format != OUTPUT_JSON)
		return;
	fprintf(output->file, "{\"type\":\"process\",\"event\":\"%s\",\"pid\":%d,\"title\":", event, (int)target->process.pid);
	print_json_string(output->file, target->title, strlen(target->title));
	fputs(",\"reason\":", output->file);
	if (reason)
		print_json_string(output->file, reason, strlen(reason));
	else
		fputs("null", output->file);
	fputs("}\n", output->file);
}

static void print_losses(const struct report *report, struct output *output)
{
	for (size_t i = 0; i < report->lost_count; i++) {
		for (int loss = 0; loss < JST_LOSSES; loss++) {
			if (!report->lost[i].losses[loss])
				continue;
			fputs("{\"type\":\"loss\",\"reason\":", output->file);
			print_json_string(output->file, loss_rows[loss].reason, strlen(loss_rows[loss].reason));
			fprintf(output->file, ",\"count\":%llu,\"where\":", (unsigned long long)report->lost[i].losses[loss]);
			print_json_string(output->file, report->lost[i].where, strlen(report->lost[i].where));
			fputs("}\n", output->file);
		}
	}
}

/* A list in words: "a, b", each once. */
struct words {
	char text[512];
	size_t used;
};

static void add_word(struct words *words, const char *word)
{
	const size_t length = strlen(word), separator = words->used ? 2 : 0;

	for (const char *at = words->text; words->used && (at = strstr(at, word)); at++)
		if ((at == words->text || at[-1] == ' ') && (at[length] == ',' || !at[length]))
			return;
	if (length + separator >= sizeof(words->text) - words->used)
		return;
	memcpy(words->text + words->used, ", ", separator);
	memcpy(words->text + words->used + separator, word, length + 1);
	words->used += separator + length;
}

/* The spans whose ends without a start are counted together: nearly always those of one table. */
static void say_unstarted(const struct report *report, uint32_t number)
{
	const struct compiled *compiled = report->compiled;
	struct words readers = { .used = 0 }, siblings = { .used = 0 }, keys = { .used = 0 };
	uint32_t tables = 0;
	bool matched = false;

	for (uint32_t i = 0; i < compiled->span_count; i++) {
		if (compiled->spans[i].map % JST_SPAN_COUNTS != number)
			continue;
		add_word(&readers, compiled->spans[i].reader);
		add_word(&siblings, compiled->spans[i].pattern);
		matched |= report->span_matched[i];
	}
	for (uint32_t i = 0; i < compiled->span_table_count; i++) {
		const struct compiled_span_table *table = &compiled->span_tables[i];

		if (table->map % JST_SPAN_COUNTS != number)
			continue;
		tables++;
		for (uint32_t key = 0; key < table->key_count; key++)
			add_word(&keys, table->keys[key]);
	}
	if (!readers.used)
		return; /* a target may count what it likes: the script has no such span */
	if (!matched && message_get_level() > MESSAGE_QUIET)
		return; /* that there is no such probe was said */
	message_error("%s: %llu had no %s with the same %s (it fired before jstrace attached, or not at all)", readers.text, (unsigned long long)report->unstarted[number], siblings.text,
	              tables == 1 ? keys.text : "key");
}

/* One line for all others; nothing is lost silently, so also with -q. */
static void say_losses(const struct report *report)
{
	char line[1024];
	size_t used = 0;

	for (int i = 0; i < JST_LOSSES; i++) {
		if (!report->total[i] || i == JST_LOSS_UNSTARTED || used >= sizeof(line))
			continue;
		used += (size_t)snprintf(line + used, sizeof(line) - used, "%s%s: %llu", used ? ", " : "", loss_rows[i].reason, (unsigned long long)report->total[i]);
		if (loss_rows[i].remedy && used < sizeof(line))
			used += (size_t)snprintf(line + used, sizeof(line) - used, " (%s%s)", loss_rows[i].remedy[0] == '-' ? "see " : "", loss_rows[i].remedy);
	}
	if (used)
		message_error("not everything was seen: %s", line);
}

void report_end(struct report *report, struct output *output, uint32_t processes, int64_t elapsed, int exit_code)
{
	uint64_t lost = 0;

	if (report->named && !report->partial)
		say_unmatched(report, "");
	for (uint32_t i = 0; i < report->compiled->span_count; i++) {
		const struct compiled_span *span = &report->compiled->spans[i];

		char help[JST_MAX_PROBE_NAME + 32];

		if (!report->attached || report->partial || report->span_matched[i])
			continue;
		suggest_sibling(report, span, help, sizeof(help));
		message_warning("%s:%d:%d: no probe matches %s, so %s[...] was always nil%s", report->compiled->sources[span->source].name, span->line, span->column, span->pattern, span->sibling, help);
	}
	for (uint32_t i = 0; i < JST_SPAN_COUNTS; i++)
		if (report->unstarted[i])
			say_unstarted(report, i);
	say_losses(report);
	for (int i = 0; i < JST_LOSSES; i++)
		lost += report->total[i];
	if (output->format != OUTPUT_JSON)
		return;
	print_losses(report, output);
	fprintf(output->file, "{\"type\":\"end\",\"processes\":%u,\"elapsed\":%lld,\"lost\":%llu,\"exit\":%d}\n", processes, (long long)elapsed, (unsigned long long)lost, exit_code);
}
