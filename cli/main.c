/*
 * jstrace, the command: from the arguments to one of its actions and an exit code. The only place that calls exit (by returning).
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "compile.h"
#include "library.h"
#include "list.h"
#include "messages.h"
#include "node.h"
#include "options.h"
#include "output.h"
#include "replace.h"
#include "script.h"
#include "script_help.h"
#include "summary.h"
#include "trace.h"

enum { FINE = 0, FAILED = 1, WRONG = 2 };

static int close_output(struct output *output, int code)
{
	const bool had_failed = output->failed;

	if (output_close(output))
		return code;
	/* What failed before was already said. */
	if (!had_failed && output->error != EPIPE)
		message_error("cannot write the results: %s", strerror(output->error));
	return code ? code : FAILED;
}

static bool open_output(struct output *output, const struct options *options)
{
	if (output_open(output, options->output, options->format))
		return true;
	message_error("cannot open %s: %s", options->output ? options->output : "standard output", strerror(errno));
	return false;
}

/* What was printed without an output of its own is through. */
static int finish_stdout(void)
{
	if (fflush(stdout) == 0 && !ferror(stdout))
		return FINE;
	message_error("cannot write to standard output: %s", strerror(errno));
	return FAILED;
}

/* The diagnostics, as far as they are wanted: errors always, the rest without -q. */
static void report(const struct compiled *compiled, const struct options *options)
{
	if (compiled->errors || !options->quiet)
		compiled_report(compiled, stderr);
}

static int dump(const struct script *script, const struct compiled *compiled, const struct compile_options *how, const struct options *options)
{
	struct output output;
	bool good = false;

	if (!open_output(&output, options))
		return FAILED;
	switch (options->dump) {
	case DUMP_TOKENS:
		good = dump_tokens(script->text, script->length, output.file);
		break;
	case DUMP_TREE:
		good = dump_tree(script->text, script->length, how, output.file);
		break;
	case DUMP_BYTECODE:
		good = !compiled->errors && dump_bytecode(compiled, output.file);
		break;
	}
	return close_output(&output, good ? FINE : WRONG);
}

/* What was formatted is written only when it is there in full: onto a file, which may be the script's own, as a whole. */
static int write_formatted(const char *text, size_t length, const struct options *options)
{
	struct output output;

	switch (options->output ? replace_file(options->output, text, length) : REPLACE_IMPOSSIBLE) {
	case REPLACE_DONE:
		return FINE;
	case REPLACE_FAILED:
		message_error("cannot write %s: %s", options->output, strerror(errno));
		return FAILED;
	case REPLACE_IMPOSSIBLE:
		break;
	}
	if (!open_output(&output, options))
		return FAILED;
	fwrite(text, 1, length, output.file);
	return close_output(&output, FINE);
}

static int format(const struct script *script, const struct compile_options *how, const struct options *options)
{
	char *text = NULL;
	size_t length = 0;
	FILE *file = open_memstream(&text, &length);
	struct compiled *compiled = file ? fmt_script(script->text, script->length, how, file) : NULL;
	int code = WRONG;

	if (!file || fclose(file) != 0) {
		message_error("cannot format the script: %s", strerror(errno));
		code = FAILED;
	} else if (compiled->errors) {
		compiled_report(compiled, stderr);
	} else {
		code = write_formatted(text, length, options);
	}
	compiled_free(compiled);
	free(text);
	return code;
}

/* Everything that a run would need is made, and nothing is done. */
static int check(const struct compiled *compiled, const struct options *options)
{
	const char *limit = NULL;
	struct jst_program *target = jst_builder_finish(compiled->target, &limit);
	struct jst_program *local = target ? jst_builder_finish(compiled->local, &limit) : NULL;
	const bool fits = target && local;

	if (!fits)
		message_error("the script is too large: more than %s", limit);
	else if (options->verbose)
		summary_tell(compiled, options);
	free(target);
	free(local);
	return fits ? FINE : WRONG;
}

static int trace(struct compiled *compiled, const struct options *options)
{
	struct output output;

	if (!compiled->target_clauses && !compiled->local_clauses) {
		message_error("the script has no clause, so there is nothing to do; such as: request:end { @ = count(); }");
		return WRONG;
	}
	if (!open_output(&output, options))
		return FAILED;
	return close_output(&output, trace_run(options, compiled, &output));
}

/* False: something was given by a name that the script does not declare; that was said. */
static bool check_named(const struct compiled *compiled, const struct options *options)
{
	const char **names = message_allocate(compiled->parameter_count + 1, sizeof(*names));
	bool good = true;

	for (uint32_t i = 0; i < compiled->parameter_count; i++)
		names[i] = compiled->parameters[i].name;
	for (size_t i = 0; i < options->named_count && good; i++) {
		char *name = message_copy(options->named[i].name, options->named[i].name_length);

		good = false;
		for (uint32_t k = 0; k < compiled->parameter_count; k++)
			good |= strcmp(names[k], name) == 0;
		if (!good) {
			const char *near = message_nearest(name, names, compiled->parameter_count);

			message_error("the script declares no argument '%s'%s%s%s", name, near ? "; did you mean '" : ": arg NAME = default;", near ? near : "", near ? "'?" : "");
		}
		free(name);
	}
	free(names);
	return good;
}

/* False: an argument by place that nothing in the script reads; that was said. */
static bool check_placed(const struct compiled *compiled, const struct options *options)
{
	if (options->argument_count <= compiled->arguments_read)
		return true;

	const char *extra = options->arguments[compiled->arguments_read], *help = "";
	const size_t length = strlen(extra);

	if (length > 4 && strcmp(extra + length - 4, ".jst") == 0)
		help = "; one script is run, which may import others";
	else if (strspn(extra, "0123456789,") == length)
		help = "; a process is named by -p";
	message_error("the script reads no argument $%u, so '%s' would have no effect%s", compiled->arguments_read + 1, extra, help);
	return false;
}

/* False: the output would take the place of a script, which only --fmt may do; that was said. */
static bool spares_scripts(const struct compiled *compiled, const struct options *options)
{
	char *path = options->output ? realpath(options->output, NULL) : NULL;
	bool good = true;

	for (uint32_t i = 0; path && i < compiled->source_count && good; i++)
		good = strcmp(compiled->sources[i].identity, path) != 0;
	if (!good)
		message_error("-o %s would overwrite the script", options->output);
	free(path);
	return good;
}

static int run(const struct script *script, struct compiled *compiled, const struct compile_options *how, const struct options *options)
{
	if (options->action != ACTION_CHECK && !spares_scripts(compiled, options))
		return WRONG;
	if (options->action == ACTION_DUMP)
		return dump(script, compiled, how, options);
	if (compiled->errors || !check_placed(compiled, options))
		return WRONG;
	return options->action == ACTION_CHECK ? check(compiled, options) : trace(compiled, options);
}

static int with_script(const struct options *options)
{
	struct script script;

	if (!script_read(&script, options)) {
		script_free(&script);
		return WRONG;
	}

	const struct compile_options how = {
		.file = script.name,
		.identity = script.identity,
		.arguments = options->arguments,
		.argument_count = (uint32_t)options->argument_count,
		.named = options->named,
		.named_count = (uint32_t)options->named_count,
		.import = library_import,
	};
	int code = WRONG;

	if (options->action == ACTION_FMT) {
		code = format(&script, &how, options);
		script_free(&script);
		return code;
	}

	struct compiled *compiled = compile(script.text, script.length, &how);

	if (options->action == ACTION_HELP) {
		script_help(compiled, stdout);
		code = finish_stdout();
	} else {
		report(compiled, options);
		if (check_named(compiled, options))
			code = run(&script, compiled, &how, options);
	}
	compiled_free(compiled);
	script_free(&script);
	return code;
}

static int with_list(const struct options *options)
{
	struct output output;

	if (!open_output(&output, options))
		return FAILED;
	return close_output(&output, list_run(options, &output));
}

/*
 * Where standard input, output or error are closed, the next files to be opened would take their places, and messages would be written into a target's socket. What stands in for them
 * fails to read, or to write, as what is closed does.
 */
static bool fill_standard_descriptors(void)
{
	for (int fd = 0; fd <= 2; fd++)
		if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", fd ? O_RDONLY : O_WRONLY) != fd)
			return false;
	return true;
}

/* Each target takes a pidfd and a socket: as many as may be. */
static void raise_descriptor_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return;
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
}

int main(int argc, char **argv)
{
	struct options options;
	int code = WRONG;

	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN); /* a file that may not grow is told as a disk that is full is */
	if (!fill_standard_descriptors())
		return FAILED;
	if (options_parse(&options, argc, argv)) {
		message_set_level(options.quiet ? MESSAGE_QUIET : options.verbose ? MESSAGE_VERBOSE : MESSAGE_NORMAL);
		if (node_hosts(&options)) {
			code = node_run(&options);
			options_free(&options);
			return code;
		}
		raise_descriptor_limit();
		switch (options.action) {
		case ACTION_HELP:
			if (options.script || options.program_count) {
				code = with_script(&options);
				break;
			}
			options_help(stdout);
			code = finish_stdout();
			break;
		case ACTION_VERSION:
			printf("jstrace %s\n", JSTRACE_VERSION);
			code = finish_stdout();
			break;
		case ACTION_LIST:
			code = with_list(&options);
			break;
		default:
			code = with_script(&options);
			break;
		}
	}
	options_free(&options);
	return code;
}
