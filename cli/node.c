/*
 * See node.h. The host is called as
 *
 *     node host.js MODE PROGRAM COUNT OPTION… SCRIPT ARGUMENT…
 *
 * where MODE is run, check or help, PROGRAM this executable, and COUNT the number of options that it is to be called with.
 */
#include "node.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "library.h"
#include "messages.h"

enum { FAILED = 1, WRONG = 2, FIXED_ARGUMENTS = 8 };

bool node_hosts(const struct options *options)
{
	static const char *const endings[] = { ".js", ".cjs", ".mjs" };
	const char *dot = options->script ? strrchr(options->script, '.') : NULL;

	for (size_t i = 0; dot && i < sizeof(endings) / sizeof(*endings); i++)
		if (strcmp(dot, endings[i]) == 0)
			return true;
	return false;
}

static bool is_option(const char *given, const char *name)
{
	const size_t length = strlen(name);

	return strncmp(given + 2, name, length) == 0 && (given[2 + length] == '=' || !given[2 + length]);
}

/* Why an option makes no sense for such a script; NULL: it does. */
static const char *reason_against(const char *given)
{
	static const struct {
		const char *option, *reason;
	} reasons[] = {
		{ "dump", "-d is for scripts in jstrace's own language" },
		{ "fmt", "--fmt is for scripts in jstrace's own language" },
		{ "arg", "--arg is for scripts in jstrace's own language; one in JavaScript finds its arguments in process.argv" },
		{ "format", "--format is for scripts in jstrace's own language; one in JavaScript prints as it likes" },
		{ "output", "-o is for scripts in jstrace's own language; one in JavaScript writes where it likes" },
	};

	for (size_t i = 0; i < sizeof(reasons) / sizeof(*reasons); i++)
		if (is_option(given, reasons[i].option))
			return reasons[i].reason;
	return NULL;
}

static const char *mode_of(const struct options *options)
{
	return options->action == ACTION_HELP ? "help" : options->action == ACTION_CHECK ? "check" : "run";
}

int node_run(const struct options *options)
{
	const char *node = getenv("JSTRACE_NODE");
	const char **argv = message_allocate(FIXED_ARGUMENTS + options->given_count + options->argument_count, sizeof(*argv));
	char host[PATH_MAX], program[PATH_MAX], number[24];
	const ssize_t length = readlink("/proc/self/exe", program, sizeof(program) - 1);
	size_t count = 0, passed = 0;
	int code = FAILED;

	if (!node || !*node)
		node = "node";
	argv[count++] = node;
	argv[count++] = host;
	argv[count++] = mode_of(options);
	argv[count++] = program;
	argv[count++] = number;
	for (size_t i = 0; i < options->given_count; i++) {
		const char *given = options->given[i], *reason = reason_against(given);

		if (reason && options->action != ACTION_HELP) {
			message_error("%s", reason);
			code = WRONG;
			goto out;
		}
		if (!is_option(given, "check")) {
			argv[count++] = given;
			passed++;
		}
	}
	snprintf(number, sizeof(number), "%zu", passed);
	argv[count++] = options->script;
	for (size_t i = 0; i < options->argument_count; i++)
		argv[count++] = options->arguments[i];
	if (length <= 0 || !library_find_own(host, "node", "host.js")) {
		message_error("what runs scripts in JavaScript, node/host.js, is not where it was installed");
		goto out;
	}
	program[length] = '\0';
	fflush(NULL);
	signal(SIGPIPE, SIG_DFL);
	execvp(node, (char *const *)argv);
	if (errno == ENOENT)
		message_error("%s is a script in JavaScript, which needs Node.js: there is no '%s' %s", options->script, node, strchr(node, '/') ? "(JSTRACE_NODE)" : "in PATH; JSTRACE_NODE may name one");
	else
		message_error("cannot run %s: %s", node, strerror(errno));
out:
	free(argv);
	return code;
}
