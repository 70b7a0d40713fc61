/*
 * Parsing the command line with getopt_long, from the rows of option.def.
 *
 * getopt's own messages are not used: ours name the nearest option.
 */
#include "options.h"

#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "messages.h"

enum option_id {
#define GROUP(heading)
#define OPTION(name, letter, text, argument, meaning) OPTION_##name,
#include "option.def"
#undef GROUP
#undef OPTION
	OPTIONS,
	LONG_BASE = 256, /* what getopt returns is this + the option's id */
};

struct row {
	const char *heading; /* of a group; else NULL */
	enum option_id id;
	int letter;
	const char *text, *argument, *meaning;
};

static const struct row rows[] = {
#define GROUP(heading) { heading, OPTIONS, 0, NULL, NULL, NULL },
#define OPTION(name, letter, text, argument, meaning) { NULL, OPTION_##name, letter, text, argument, meaning },
#include "option.def"
#undef GROUP
#undef OPTION
};
enum { ROWS = sizeof(rows) / sizeof(*rows) };
enum { DELAY_LEAST = 100000, DELAY_MOST = 1000000000 }; /* ns */

/* A number with a unit out of a table. */
struct scale {
	const char *text;
	double factor;
};

static bool scaled(const char *text, const struct scale *scales, size_t count, double plain, double most, double *result)
{
	char *end;

	if ((*text < '0' || *text > '9') && *text != '.')
		return false;

	double number = strtod(text, &end);
	double factor = plain;

	if (*text == '0' && (text[1] == 'x' || text[1] == 'X'))
		return false;
	if (*end) {
		size_t i = 0;

		while (i < count && strcmp(scales[i].text, end) != 0)
			i++;
		if (i == count)
			return false;
		factor = scales[i].factor;
	}
	*result = number * factor;
	return *result >= 0 && *result <= most;
}

bool options_duration(const char *text, int64_t *ns)
{
	static const struct scale scales[] = { { "ns", 1 }, { "us", 1e3 }, { "ms", 1e6 }, { "s", 1e9 }, { "m", 60e9 }, { "h", 3600e9 }, { "d", 86400e9 } };
	double value;

	if (!scaled(text, scales, sizeof(scales) / sizeof(*scales), 1e9, 9e18, &value))
		return false;
	*ns = (int64_t)value;
	return *ns > 0;
}

bool options_size(const char *text, uint64_t *bytes)
{
	static const struct scale scales[] = {
		{ "B", 1 }, { "k", 1024 }, { "K", 1024 }, { "M", 1 << 20 }, { "G", 1 << 30 }, { "KiB", 1024 }, { "MiB", 1 << 20 }, { "GiB", 1 << 30 }, { "kB", 1e3 }, { "KB", 1e3 }, { "MB", 1e6 }, { "GB", 1e9 },
	};
	double value;

	if (!scaled(text, scales, sizeof(scales) / sizeof(*scales), 1, 1e18, &value))
		return false;
	*bytes = (uint64_t)value;
	return true;
}

static bool parse_pids(struct options *options, const char *text)
{
	for (const char *at = text;; at++) {
		char *end;

		errno = 0;
		long pid = strtol(at, &end, 10);

		if (end == at || (*end && *end != ',') || pid <= 0 || pid > INT32_MAX || errno || *at == ' ' || *at == '+') {
			message_error("-p takes process ids separated by commas, not '%s'", text);
			return false;
		}

		bool known = false;

		for (size_t i = 0; i < options->pid_count; i++)
			known |= options->pids[i] == (pid_t)pid;
		if (!known) {
			options->pids = message_resize(options->pids, options->pid_count + 1, sizeof(*options->pids));
			options->pids[options->pid_count++] = (pid_t)pid;
		}
		if (!*end)
			return true;
		at = end;
	}
}

static void append(const char ***list, size_t *count, const char *text)
{
	*list = message_resize(*list, *count + 1, sizeof(**list));
	(*list)[(*count)++] = text;
}

static const struct row *row_of(enum option_id id)
{
	size_t at = 0;

	while (rows[at].heading || rows[at].id != id)
		at++;
	return &rows[at];
}

static void note(struct options *options, enum option_id id, const char *argument)
{
	char *text = NULL;

	if (asprintf(&text, "--%s%s%s", row_of(id)->text, argument ? "=" : "", argument ? argument : "") < 0)
		abort();
	options->given = message_resize(options->given, options->given_count + 1, sizeof(*options->given));
	options->given[options->given_count++] = text;
}

/* range: least and most in words. */
static bool parse_size(const char *option, const char *text, uint64_t least, uint64_t most, const char *range, uint64_t *bytes)
{
	if (options_size(text, bytes) && *bytes >= least && *bytes <= most)
		return true;
	message_error("--%s takes a size from %s, not '%s'", option, range, text);
	return false;
}

/* One of count words; -1 with a message. */
static int parse_word(const char *option, const char *text, const char *const *words, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (strcmp(text, words[i]) == 0)
			return (int)i;

	const char *near = message_nearest(text, words, count);
	char all[64] = "";

	for (size_t i = 0; i < count; i++) {
		size_t used = strlen(all);

		snprintf(all + used, sizeof(all) - used, "%s%s", !i ? "" : i + 1 == count ? " or " : ", ", words[i]);
	}
	message_error("--%s takes %s, not '%s'%s%s%s", option, all, text, near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
	return -1;
}

static bool parse_budget(struct options *options, const char *text)
{
	char *end;

	errno = 0;
	unsigned long long number = strtoull(text, &end, 10);

	if (end == text || *end || errno || *text == '-' || number < 1 || number > UINT32_MAX) {
		message_error("--budget takes a number of instructions from 1 to %u, not '%s'", UINT32_MAX, text);
		return false;
	}
	options->budget = (uint32_t)number;
	return true;
}

static bool parse_overhead(struct options *options, const char *text)
{
	char *end;
	const double percent = strtod(text, &end);

	end += *end == '%';
	if (end == text || *end || !(percent >= 0.001 && percent <= 100)) {
		message_error("--max-overhead takes a share of CPU time from 0.001%% to 100%%, such as 1%%, not '%s'", text);
		return false;
	}
	options->max_overhead = (uint32_t)(percent * 10000 + 0.5);
	return true;
}

static bool parse_named(struct options *options, const char *text)
{
	const char *equals = strchr(text, '=');

	if (!equals || equals == text) {
		message_error("--arg takes a name and a value, such as limit=5ms, not '%s'", text);
		return false;
	}
	options->named = message_resize(options->named, options->named_count + 1, sizeof(*options->named));
	options->named[options->named_count++] = (struct compile_argument){ text, equals + 1, (size_t)(equals - text) };
	return true;
}

/* What to do instead of tracing: one thing. */
static bool set_action(struct options *options, enum options_action action)
{
	static const char *const names[] = { [ACTION_CHECK] = "-n", [ACTION_DUMP] = "-d", [ACTION_FMT] = "--fmt", [ACTION_LIST] = "-l" };

	if (options->action != ACTION_TRACE && options->action != action) {
		message_error("%s and %s exclude each other", names[options->action], names[action]);
		return false;
	}
	options->action = action;
	return true;
}

static bool take(struct options *options, enum option_id id, const char *argument)
{
	static const char *const dumps[] = { "tokens", "tree", "bytecode" };
	static const char *const formats[] = { "text", "json" };
	uint64_t bytes;
	int word;

	switch (id) {
	case OPTION_PROGRAM:
		append(&options->programs, &options->program_count, argument);
		return true;
	case OPTION_ARG:
		return parse_named(options, argument);
	case OPTION_CHECK:
		return set_action(options, ACTION_CHECK);
	case OPTION_DUMP:
		word = parse_word("dump", argument, dumps, 3);
		options->dump = (enum options_dump)word;
		return word >= 0 && set_action(options, ACTION_DUMP);
	case OPTION_FMT:
		return set_action(options, ACTION_FMT);
	case OPTION_LIST:
		return set_action(options, ACTION_LIST);
	case OPTION_PID:
		return parse_pids(options, argument);
	case OPTION_TITLE:
		append(&options->titles, &options->title_count, argument);
		return true;
	case OPTION_DURATION:
		if (options_duration(argument, &options->duration))
			return true;
		message_error("--duration takes a time such as 5s, 500ms or 2m, not '%s'", argument);
		return false;
	case OPTION_DELAY:
		if (options_duration(argument, &options->delay) && options->delay >= DELAY_LEAST && options->delay <= DELAY_MOST)
			return true;
		message_error("--delay takes a time from 100us to 1s, not '%s'", argument);
		return false;
	case OPTION_OUTPUT:
		options->output = argument;
		return true;
	case OPTION_FORMAT:
		word = parse_word("format", argument, formats, 2);
		options->format = word == 1 ? OUTPUT_JSON : OUTPUT_TEXT;
		return word >= 0;
	case OPTION_QUIET:
		options->quiet = true;
		return true;
	case OPTION_VERBOSE:
		options->verbose = true;
		return true;
	case OPTION_STRICT:
		options->strict = true;
		return true;
	case OPTION_MAX_OVERHEAD:
		return parse_overhead(options, argument);
	case OPTION_MEMORY:
		return parse_size("memory", argument, 64 << 10, 32ULL << 30, "64KiB to 32GiB", &options->memory);
	case OPTION_RING_SIZE:
		if (!parse_size("ring-size", argument, 4 << 10, 64 << 20, "4KiB to 64MiB", &bytes))
			return false;
		options->ring_size = 4 << 10;
		while (options->ring_size < bytes)
			options->ring_size *= 2;
		return true;
	case OPTION_STRING_SIZE:
		if (!parse_size("string-size", argument, 64, 64 << 10, "64B to 64KiB", &bytes))
			return false;
		options->string_size = (uint32_t)bytes;
		return true;
	case OPTION_BUDGET:
		return parse_budget(options, argument);
	case OPTION_HELP:
		options->action = ACTION_HELP;
		return true;
	case OPTION_VERSION:
		options->action = ACTION_VERSION;
		return true;
	default:
		return false;
	}
}

/* What getopt could not make sense of. code: '?' or ':'. */
static void complain(int code, const char *word)
{
	const char *names[ROWS];
	size_t count = 0;

	if (code == ':') {
		message_error("option %s needs an argument; see jstrace --help", word);
		return;
	}
	if (optopt && optopt < LONG_BASE) {
		message_error("unknown option '-%c'; see jstrace --help", optopt);
		return;
	}

	char name[64];
	const char *equals = strchr(word, '=');

	snprintf(name, sizeof(name), "%.*s", equals ? (int)(equals - word - 2) : (int)sizeof(name) - 1, word + 2);
	for (size_t i = 0; i < ROWS; i++)
		if (!rows[i].heading)
			names[count++] = rows[i].text;

	const char *near = message_nearest(name, names, count);

	if (optopt > LONG_BASE)
		message_error("option --%.*s takes no argument", equals ? (int)(equals - word - 2) : (int)strlen(name), name);
	else if (near)
		message_error("unknown option '--%s'; did you mean '--%s'?", name, near);
	else
		message_error("unknown or ambiguous option '--%s'; see jstrace --help", name);
}

/* What the options say together. argv: those that are no options. */
static bool combine(struct options *options, int argc, char **argv)
{
	const bool needs_script = options->action != ACTION_LIST && options->action != ACTION_HELP && options->action != ACTION_VERSION;

	if ((needs_script || (options->action == ACTION_HELP && argc)) && !options->program_count) {
		if (!argc) {
			message_error("no script: give -e PROGRAM or the name of a script; see jstrace --help");
			return false;
		}
		options->script = *argv++;
		argc--;
	}
	options->arguments = (const char *const *)argv;
	options->argument_count = (size_t)argc;
	if (options->action == ACTION_LIST && options->program_count) {
		message_error("-l lists probes and runs nothing: leave out -e, or -l");
		return false;
	}
	if (options->action == ACTION_FMT && argc) {
		message_error("--fmt prints one script: leave out '%s'", *argv);
		return false;
	}
	if (options->quiet && options->verbose) {
		message_error("-q and -v exclude each other");
		return false;
	}
	return true;
}

bool options_parse(struct options *options, int argc, char **argv)
{
	struct option table[ROWS + 1] = { 0 };
	char letters[2 * ROWS + 2] = ":";
	size_t entry = 0, letter = 1;

	*options = (struct options){ .memory = 64 << 20, .ring_size = 16 << 20, .string_size = 1024, .budget = 10000, .delay = 10 * 1000000 };
	for (size_t i = 0; i < ROWS; i++) {
		if (rows[i].heading)
			continue;
		table[entry++] = (struct option){ rows[i].text, rows[i].argument ? required_argument : no_argument, NULL, LONG_BASE + 1 + (int)rows[i].id };
		if (rows[i].letter) {
			letters[letter++] = (char)rows[i].letter;
			if (rows[i].argument)
				letters[letter++] = ':';
		}
	}
	letters[letter] = 0;
	opterr = 0;
	optind = 0; /* glibc: start anew, also in a second parse */
	for (;;) {
		optopt = 0;

		int code = getopt_long(argc, argv, letters, table, NULL);

		if (code == -1)
			break;
		if ((code == '?' || code == ':') && options->action == ACTION_HELP)
			continue;
		if (code == '?' || code == ':') {
			complain(code, argv[optind - 1]);
			return false;
		}

		enum option_id id = OPTIONS;

		if (code > LONG_BASE)
			id = (enum option_id)(code - LONG_BASE - 1);
		else
			for (size_t i = 0; i < ROWS; i++)
				if (rows[i].letter == code)
					id = rows[i].id;
		/* Help is given whatever else is said; only the script that it is asked for is looked for behind it. */
		if (options->action == ACTION_HELP && id != OPTION_PROGRAM)
			continue;
		if (!take(options, id, optarg))
			return false;
		note(options, id, row_of(id)->argument ? optarg : NULL);
		if (options->action == ACTION_VERSION)
			return true;
	}
	return combine(options, argc - optind, argv + optind);
}

void options_free(struct options *options)
{
	for (size_t i = 0; i < options->given_count; i++)
		free(options->given[i]);
	free(options->given);
	free(options->programs);
	free(options->pids);
	free(options->titles);
	free(options->named);
}

static int columns_of(const char *text)
{
	int columns = 0;

	for (; *text; text++)
		columns += (*text & 0xc0) != 0x80; /* characters, not bytes */
	return columns;
}

void options_help(FILE *out)
{
	enum { COLUMN = 25 };

	fputs("jstrace traces running programs by the probes they carry, and aggregates inside them.\n\n"
	      "Usage: jstrace [OPTION]... -e PROGRAM [ARGUMENT]...\n"
	      "       jstrace [OPTION]... SCRIPT [ARGUMENT]...     a SCRIPT of - is standard input\n"
	      "       jstrace [OPTION]... SCRIPT.js [ARGUMENT]...  a script in JavaScript (.js .cjs .mjs), run by Node.js\n"
	      "       jstrace [OPTION]... -l [PATTERN]...\n"
	      "       jstrace --help SCRIPT\n"
	      "       jstrace --fmt SCRIPT [-o SCRIPT]\n\n"
	      "The arguments are $1, $2 ... of the script; those with names are given by --arg. Options may stand anywhere; after -- there are only arguments.\n", out);
	for (size_t i = 0; i < ROWS; i++) {
		const struct row *row = &rows[i];

		if (row->heading) {
			fprintf(out, "\n%s\n", row->heading);
			continue;
		}

		char letter[8] = "    ";

		if (row->letter)
			snprintf(letter, sizeof(letter), "-%c, ", row->letter);
		fprintf(out, "  %s--%s%s%s", letter, row->text, row->argument ? "=" : "", row->argument ? row->argument : "");
		int used = 8 + columns_of(row->text) + (row->argument ? 1 + columns_of(row->argument) : 0);

		fprintf(out, "%*s%s\n", used < COLUMN + 2 ? COLUMN + 2 - used : 1, "", row->meaning);
	}
	fputs("\nExamples\n"
	      "  jstrace -l                                     what there is to trace\n"
	      "  jstrace -e 'request:end < @lat = hist(now - start[id]) >' -p 77\n"
	      "                                                 latency of the requests of process 77\n"
	      "  jstrace -t 'api-*' -e 'request:end < @[status] = count() >' --duration 10s\n"
	      "                                                 status codes of all these processes in 10 s\n"
	      "  jstrace slow.jst -p 77 10ms                    a script, with 10ms as its $1\n"
	      "  jstrace durations.js -t 'api-*'                a script whose functions are called with each event\n\n"
	      "Ctrl-C ends the session and prints the results; a second one ends at once.\n\n"
	      "Exit codes\n"
	      "  0  all went well; a script's exit(n) gives n\n"
	      "  1  something failed: no process to trace, one named with -p could not be attached or was killed, the last\n"
	      "     one traced was killed, one was let go by --max-overhead, or the output could not be written\n"
	      "  2  the command line or the script is wrong\n"
	      "  3  with --strict: nothing failed, but something was lost\n", out);
}
