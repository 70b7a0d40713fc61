/*
 * The command line: what each option sets, what is refused and with which words, durations and sizes, and the nearest word.
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "messages.h"
#include "options.h"
#include "script.h"

enum { ARGUMENTS_MAX = 16 };

static struct options options;
static char said[4096]; /* on standard error by the last parse() */

/* Parses the blank-separated words of line. */
static bool parse(const char *line)
{
	static char copy[512];
	static char *argv[ARGUMENTS_MAX + 2];
	int argc = 0;

	snprintf(copy, sizeof(copy), "%s", line);
	argv[argc++] = (char *)"jstrace";
	for (char *word = strtok(copy, " "); word && argc <= ARGUMENTS_MAX; word = strtok(NULL, " "))
		argv[argc++] = word;
	argv[argc] = NULL;

	FILE *file = tmpfile();
	int saved = dup(STDERR_FILENO);

	ck_assert(file && saved >= 0);
	fflush(stderr);
	dup2(fileno(file), STDERR_FILENO);
	bool good = options_parse(&options, argc, argv);
	fflush(stderr);
	dup2(saved, STDERR_FILENO);
	close(saved);
	rewind(file);
	said[fread(said, 1, sizeof(said) - 1, file)] = 0;
	fclose(file);
	ck_assert_msg(good == !said[0], "'%s' said: %s", line, said);
	return good;
}

static void check_refused(const char *line, const char *words)
{
	ck_assert_msg(!parse(line), "'%s' was accepted", line);
	ck_assert_msg(strstr(said, words) != NULL, "'%s' said: %s", line, said);
	ck_assert_msg(strchr(said, '\n') == said + strlen(said) - 1, "'%s' is not one line: %s", line, said);
	options_free(&options);
}

START_TEST(defaults)
{
	ck_assert(parse("-e x"));
	ck_assert_int_eq(options.action, ACTION_TRACE);
	ck_assert_uint_eq(options.program_count, 1);
	ck_assert_ptr_null(options.script);
	ck_assert_uint_eq(options.memory, 64 << 20);
	ck_assert_uint_eq(options.ring_size, 16 << 20);
	ck_assert_uint_eq(options.string_size, 1024);
	ck_assert_uint_eq(options.budget, 10000);
	ck_assert_int_eq(options.duration, 0);
	ck_assert_int_eq(options.delay, 10000000);
	ck_assert_int_eq(options.format, OUTPUT_TEXT);
	options_free(&options);
}
END_TEST

START_TEST(script_and_arguments)
{
	ck_assert(parse("-q run.jst -p 77 10ms --format=json last"));
	ck_assert_str_eq(options.script, "run.jst");
	ck_assert_uint_eq(options.argument_count, 2);
	ck_assert_str_eq(options.arguments[0], "10ms");
	ck_assert_str_eq(options.arguments[1], "last");
	ck_assert_int_eq(options.format, OUTPUT_JSON);
	ck_assert(options.quiet);
	options_free(&options);

	ck_assert(parse("run.jst -- -5 --format"));
	ck_assert_uint_eq(options.argument_count, 2);
	ck_assert_str_eq(options.arguments[0], "-5");
	ck_assert_str_eq(options.arguments[1], "--format");
	options_free(&options);

	ck_assert(parse("-e a first"));
	ck_assert_ptr_null(options.script);
	ck_assert_uint_eq(options.argument_count, 1);
	options_free(&options);
}
END_TEST

START_TEST(processes)
{
	ck_assert(parse("-e x -p 77,78 --pid=79 -p 77 -t api-* -t web"));
	ck_assert_uint_eq(options.pid_count, 3);
	ck_assert_int_eq(options.pids[0], 77);
	ck_assert_int_eq(options.pids[1], 78);
	ck_assert_int_eq(options.pids[2], 79);
	ck_assert_uint_eq(options.title_count, 2);
	ck_assert_str_eq(options.titles[1], "web");
	options_free(&options);
	check_refused("-e x -p 7a", "process ids");
	check_refused("-e x -p 0", "process ids");
	check_refused("-e x -p -1", "process ids");
	check_refused("-e x -p 1,", "process ids");
	check_refused("-e x -p ,1", "process ids");
	check_refused("-e x -p 99999999999", "process ids");
}
END_TEST

START_TEST(limits)
{
	ck_assert(parse("-e x --memory 1MiB --ring-size 5000 --string-size 64 --budget 1 --duration 1.5"));
	ck_assert_uint_eq(options.memory, 1 << 20);
	ck_assert_uint_eq(options.ring_size, 8192); /* the next power of two */
	ck_assert_uint_eq(options.string_size, 64);
	ck_assert_uint_eq(options.budget, 1);
	ck_assert_int_eq(options.duration, 1500000000);
	options_free(&options);
	check_refused("-e x --memory 1", "--memory");
	check_refused("-e x --memory 33GiB", "--memory");
	check_refused("-e x --memory lots", "lots");
	check_refused("-e x --ring-size 1GiB", "--ring-size");
	check_refused("-e x --string-size 63", "--string-size");
	check_refused("-e x --string-size 65537", "--string-size");
	check_refused("-e x --budget 0", "--budget");
	check_refused("-e x --budget -1", "--budget");
	check_refused("-e x --budget 4294967296", "--budget");
	check_refused("-e x --duration 0", "--duration");
	check_refused("-e x --delay 10us", "from 100us to 1s");
	check_refused("-e x --delay 2s", "from 100us to 1s");
	check_refused("-e x --duration soon", "soon");
}
END_TEST

START_TEST(slips)
{
	check_refused("--formt json -e x", "did you mean '--format'?");
	check_refused("--durration=5 -e x", "did you mean '--duration'?");
	check_refused("--xyzzyx -e x", "unknown");
	check_refused("-x", "unknown option '-x'");
	check_refused("-e", "needs an argument");
	check_refused("--quiet=yes -e x", "takes no argument");
	check_refused("--format yaml -e x", "text or json");
	check_refused("--format jsn -e x", "did you mean 'json'?");
	check_refused("--dump=tre -e x", "did you mean 'tree'?");
	check_refused("", "no script");
	check_refused("-l -e x", "-l lists");
	check_refused("-q -v -e x", "exclude");
	check_refused("-l -n", "-l and -n exclude each other");
	check_refused("-n -l", "-n and -l exclude each other");
	check_refused("-d tree --fmt x.jst", "-d and --fmt exclude each other");
	check_refused("--fmt x.jst y.jst", "leave out 'y.jst'");
	check_refused("--fmt -e x y", "leave out 'y'");
	check_refused("--fmt", "no script");
}
END_TEST

START_TEST(actions)
{
	ck_assert(parse("-l request:* conn:*"));
	ck_assert_int_eq(options.action, ACTION_LIST);
	ck_assert_uint_eq(options.argument_count, 2);
	options_free(&options);
	ck_assert(parse("-l"));
	ck_assert_uint_eq(options.argument_count, 0);
	options_free(&options);
	ck_assert(parse("-d bytecode -e x"));
	ck_assert_int_eq(options.action, ACTION_DUMP);
	ck_assert_int_eq(options.dump, DUMP_BYTECODE);
	options_free(&options);
	ck_assert(parse("-n x.jst"));
	ck_assert_int_eq(options.action, ACTION_CHECK);
	options_free(&options);
	ck_assert(parse("-n -n x.jst"));
	options_free(&options);
	ck_assert(parse("--fmt x.jst -o x.jst"));
	ck_assert_int_eq(options.action, ACTION_FMT);
	ck_assert_str_eq(options.script, "x.jst");
	ck_assert_str_eq(options.output, "x.jst");
	options_free(&options);
	ck_assert(parse("--help"));
	ck_assert_int_eq(options.action, ACTION_HELP);
	options_free(&options);
	ck_assert(parse("-V"));
	ck_assert_int_eq(options.action, ACTION_VERSION);
	options_free(&options);
}
END_TEST

START_TEST(durations)
{
	static const struct {
		const char *text;
		int64_t ns;
	} good[] = { { "1", 1000000000 }, { "5s", 5000000000 }, { "500ms", 500000000 }, { "2m", 120000000000 }, { "1h", 3600000000000 }, { "0.5", 500000000 }, { "1.5ms", 1500000 }, { "3us", 3000 }, { "7ns", 7 } };
	static const char *const bad[] = { "", "s", "-1", "+1", " 1", "1 s", "1x", "0", "0s", "1e30h", "0x10", "nan", "inf" };
	int64_t ns;

	for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++) {
		ck_assert_msg(options_duration(good[i].text, &ns), "%s", good[i].text);
		ck_assert_int_eq(ns, good[i].ns);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		ck_assert_msg(!options_duration(bad[i], &ns), "'%s' was accepted", bad[i]);
}
END_TEST

START_TEST(sizes)
{
	static const struct {
		const char *text;
		uint64_t bytes;
	} good[] = { { "4096", 4096 }, { "4k", 4096 }, { "4K", 4096 }, { "4KiB", 4096 }, { "4kB", 4000 }, { "1.5M", 1572864 }, { "2MB", 2000000 }, { "1GiB", 1 << 30 }, { "64B", 64 } };
	static const char *const bad[] = { "", "k", "-1", "1kib", "1T", "4 k", "0x10" };
	uint64_t bytes;

	for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++) {
		ck_assert_msg(options_size(good[i].text, &bytes), "%s", good[i].text);
		ck_assert_uint_eq(bytes, good[i].bytes);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		ck_assert_msg(!options_size(bad[i], &bytes), "'%s' was accepted", bad[i]);
}
END_TEST

START_TEST(nearest)
{
	static const char *const words[] = { "request:start", "request:end", "conn:open" };

	ck_assert_str_eq(message_nearest("request:ends", words, 3), "request:end");
	ck_assert_str_eq(message_nearest("reqeust:end", words, 3), "request:end"); /* swapped letters are one slip */
	ck_assert_str_eq(message_nearest("con:open", words, 3), "conn:open");
	ck_assert_ptr_null(message_nearest("garbage:collect", words, 3));
	ck_assert_ptr_null(message_nearest("x", words, 0));
	/* Words beyond what is compared are near to nothing, and harm nothing. */
	char *text = malloc(100001);

	memset(text, 'x', 100000);
	text[100000] = 0;
	ck_assert_ptr_null(message_nearest(text, words, 3));
	free(text);
}
END_TEST

START_TEST(programs_are_joined)
{
	struct script script;

	ck_assert(parse("-e one -e two"));
	ck_assert(script_read(&script, &options));
	ck_assert_str_eq(script.text, "one\ntwo");
	ck_assert_uint_eq(script.length, 7);
	ck_assert_str_eq(script.name, "-e");
	script_free(&script);
	options_free(&options);
}
END_TEST

START_TEST(help_names_all)
{
	char *text = NULL;
	size_t size;
	FILE *file = open_memstream(&text, &size);

	options_help(file);
	fclose(file);
#define GROUP(heading) ck_assert_ptr_nonnull(strstr(text, "\n" heading "\n"));
#define OPTION(name, letter, long_name, argument, meaning) ck_assert_ptr_nonnull(strstr(text, "--" long_name)); ck_assert_ptr_nonnull(strstr(text, meaning));
#include "option.def"
#undef GROUP
#undef OPTION
	ck_assert_ptr_nonnull(strstr(text, "Exit codes"));
	free(text);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("options");
	TCase *tests = tcase_create("options");

	tcase_add_test(tests, defaults);
	tcase_add_test(tests, script_and_arguments);
	tcase_add_test(tests, processes);
	tcase_add_test(tests, limits);
	tcase_add_test(tests, slips);
	tcase_add_test(tests, actions);
	tcase_add_test(tests, durations);
	tcase_add_test(tests, sizes);
	tcase_add_test(tests, nearest);
	tcase_add_test(tests, programs_are_joined);
	tcase_add_test(tests, help_names_all);
	suite_add_tcase(suite, tests);

	SRunner *runner = srunner_create(suite);

	srunner_run_all(runner, CK_ENV);

	int failed = srunner_ntests_failed(runner);

	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
