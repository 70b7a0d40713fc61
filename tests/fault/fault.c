/*
 * Runs the cases of a group, or those whose names contain what is given:   fault GROUP [PART OF A NAME]
 *
 * One line a case; the last line counts. SOAK=1: the long forms. FORM=libc: victims whose agent is a thread of libc's, which needs root.
 */
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "harness.h"

enum form form;
bool soak;
struct victim victim;
struct run run, second_run;
struct client client, second_client;
char work_folder[512], build_folder[512], skipped[256];

static const struct {
	const char *name;
	const struct fault_case *cases;
} groups[] = {
	{ "steps", cases_steps }, { "cli", cases_cli }, { "target", cases_target }, { "more", cases_more }, { "signal", cases_signal }, { "resource", cases_resource }, { "identity", cases_identity },
};

bool skip(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(skipped, sizeof(skipped), format, arguments);
	va_end(arguments);
	return false;
}

static const char *against(const struct fault_case *one)
{
	if (one->root && !is_root())
		return "not root";
	if (one->soak && !soak)
		return "only with SOAK=1";
	return NULL;
}

/* Nobody may leave one there; the victims' working folder is ours. */
static bool no_core(void)
{
	char path[600];

	for (const char *const *name = (const char *const[]){ "core", "vgcore", NULL }; *name; name++) {
		snprintf(path, sizeof(path), "%s/%s", work_folder, *name);
		if (access(path, F_OK) == 0) {
			unlink(path);
			return wrong("there is a core file");
		}
	}
	return true;
}

static bool run_case(const struct fault_case *one)
{
	const bool good = one->run();

	return skipped[0] ? true : good && no_core();
}

static void clean(void)
{
	client_close(&client);
	client_close(&second_client);
	run_fini(&run);
	run_fini(&second_run);
	end(&victim);
}

int main(int argc, char **argv)
{
	const struct fault_case *cases = NULL;
	int passed = 0, failed = 0, left_out = 0;

	for (size_t i = 0; argc > 1 && i < sizeof(groups) / sizeof(groups[0]); i++)
		if (strcmp(groups[i].name, argv[1]) == 0)
			cases = groups[i].cases;
	if (!cases)
		return 2;
	setvbuf(stdout, NULL, _IOLBF, 0);
	soak = getenv("SOAK") && strcmp(getenv("SOAK"), "1") == 0;
	form = getenv("FORM") && strcmp(getenv("FORM"), "libc") == 0 ? OF_LIBC : RAW;
	snprintf(build_folder, sizeof(build_folder), "%.*s", (int)(strrchr(argv[0], '/') ? strrchr(argv[0], '/') - argv[0] : 0), argv[0]);
	if (build_folder[0] != '/') {
		char *here = getcwd(NULL, 0);

		snprintf(build_folder, sizeof(build_folder), "%s/%.*s", here, (int)(strrchr(argv[0], '/') - argv[0]), argv[0]);
		free(here);
	}
	snprintf(work_folder, sizeof(work_folder), "%s/jstrace-fault.XXXXXX", getenv("TMPDIR") ? getenv("TMPDIR") : "/tmp");
	if (!mkdtemp(work_folder) || chmod(work_folder, 0777) < 0) {
		perror(work_folder);
		return 1;
	}
	/* One that dies by a fault would leave a core. */
	struct rlimit core = { 0, 0 };

	getrlimit(RLIMIT_CORE, &core);
	core.rlim_cur = core.rlim_max;
	setrlimit(RLIMIT_CORE, &core);
	signal(SIGPIPE, SIG_IGN);
	/* A daemon becomes our child. */
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	client.fd = client.memory_fd = client.tails_fd = -1;
	second_client = client;
	for (const struct fault_case *one = cases; one->name; one++) {
		if (argc > 2 && !strstr(one->name, argv[2]))
			continue;
		const char *reason = against(one);

		why[0] = skipped[0] = client_error[0] = 0;
		const int64_t begun = client_ms();
		const bool good = reason || run_case(one);

		if (reason || skipped[0]) {
			printf("skipped %s: %s\n", one->name, reason ? reason : skipped);
			left_out++;
		} else {
			printf("%s %s (%lld ms)%s%s\n", good ? "ok     " : "FAILED ", one->name, (long long)(client_ms() - begun), good ? "" : ": ", good ? "" : why);
			passed += good;
			failed += !good;
		}
		if (!good && client_error[0])
			printf("        [%s]\n", client_error);
		clean();
	}
	rmdir(work_folder);
	printf("%d passed, %d failed, %d skipped\n", passed, failed, left_out);
	return failed != 0;
}
