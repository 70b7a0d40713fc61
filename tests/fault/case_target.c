/*
 * What befalls the program while it is traced: its ends, its successors and its children.
 */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness.h"

#define JSON "--format", "json", "--memory", "8MiB", "-p", "PID", "-e"
/* The workers' events, and those that are nobody's. */
#define BOTH COUNTING " extra:* { @extra = count(); }"

static bool traced(const char *script)
{
	CHECK(loaded());
	CHECK(run_start(&run, &victim, JSON, script, NULL) && run_attached(&run));
	return true;
}

static void remove_core(void)
{
	char path[600];

	snprintf(path, sizeof(path), "%s/core", work_folder);
	unlink(path);
}

/* The victim ends by what it is told; jstrace ends by itself, with that code, says that, and has seen all up to the end. */
static bool ends(const char *command, int code, const char *text)
{
	CHECK(traced(COUNTING));
	CHECK(fired(1000));
	CHECK(tell(&victim, "%s", command));
	const bool ended = run_end(&run, 0);
	const bool same = ended && unharmed_end(&victim);

	remove_core(); /* that of the untraced one is in its place by now; whether there was one is in the status */
	CHECK(ended && same && run_code(&run, code));
	if (!strstr(run.said, text))
		return wrong("jstrace does not say '%s' but: %s", text, run.said);
	return counted(&run, &victim, WORKERS, 1);
}

static bool test_exit(void)
{
	return ends("exit 3", 0, "exited with code 3");
}

static bool test_exit_at_once(void)
{
	return ends("_exit 5", 0, "exited with code 5");
}

static bool test_killed(void)
{
	return ends("kill 9", 1, "was killed by SIGKILL");
}

static bool test_fault(void)
{
	return ends("segv", 1, "was killed by SIGSEGV");
}

static bool test_handled_fault(void)
{
	return ends("handled", 0, "exited with code 33");
}

static bool test_abort(void)
{
	return ends("abort", 1, "was killed by SIGABRT");
}

static bool test_exec(void)
{
	return ends("exec", 0, "became another program (exec)");
}

static bool test_exec_other(void)
{
	return ends("execother", 0, "became another program (exec)");
}

/* exec() so many microseconds after somebody has begun to attach: whoever is there then must not die of a signal that was not for it. */
static bool test_exec_races(void)
{
	const int rounds = soak ? 100000 : 100;
	struct jst_program *program = client_count_program("work:*");
	int attached = 0;

	for (int i = 0; i < rounds; i++) {
		const long delay = (long)((uint64_t)i * 2654435761u % 300001); /* ns, all over the range */

		CHECK(start(&victim));
		CHECK(client_find(&client, victim.pid));
		CHECK(tell(&victim, "race %ld", delay));
		/* Half of them is spinning by now, half has not read it yet. */
		if (i & 2)
			usleep(300);
		client_patience_ms = 3;
		if (i % 2) {
			/* Rung all the time. */
			atomic_store(&victim.oracle->go, 1);
			for (int k = 0; k < 20; k++) {
				client_ring(&client);
				usleep(20);
			}
		} else {
			/* Whoever is quick enough attaches, and loads as far as it gets. */
			if (i & 4)
				atomic_store(&victim.oracle->go, 1);
			const bool connected = client_connect(&client);

			atomic_store(&victim.oracle->go, 1);
			if (connected && client_hello(&client, client.marker->pid, client.marker->start_time, JST_ABI_MIN, JST_ABI_MAX))
				attached += client_load(&client, program, program->size, 4 << 20) && client_ask(&client, JST_MESSAGE_START, JST_MESSAGE_STARTED, NULL);
		}
		client_patience_ms = JST_WAKE_TIMEOUT_MS;
		fclose(victim.to);
		victim.to = NULL;
		const int status = status_of(&victim);

		client_close(&client);
		if (!WIFEXITED(status) || WEXITSTATUS(status) != 42)
			return wrong("the program that was exec'd ended with status %x, not with code 42, %ld ns after the race began", (unsigned)status, delay);
		end(&victim);
		client_error[0] = 0;
	}
	free(program);
	printf("        %d races, %d of them with a session\n", rounds, attached);
	return true;
}

/* The same with jstrace itself, which begins some milliseconds earlier. */
static bool test_exec_races_jstrace(void)
{
	for (int i = 0; i < (soak ? 2000 : 10); i++) {
		CHECK(start(&victim));
		CHECK(remember(&victim));
		CHECK(run_start(&run, &victim, "--duration", "20ms", JSON, COUNTING, NULL));
		usleep((useconds_t)(i * 3100 % 14000));
		CHECK(tell(&victim, "race 0"));
		atomic_store(&victim.oracle->go, 1);
		CHECK(run_wait(&run, 5000));
		CHECK(WIFEXITED(run.status) && (WEXITSTATUS(run.status) == 0 || strstr(run.said, "jstrace: ")));
		fclose(victim.to);
		victim.to = NULL;
		const int status = status_of(&victim);

		if (!WIFEXITED(status) || WEXITSTATUS(status) != 42)
			return wrong("the program that was exec'd ended with status %x; jstrace said: %s", (unsigned)status, run.said);
		run_fini(&run);
		end(&victim);
	}
	return true;
}

/* Something that the victim does while it is traced, as it did before, and goes on. slots: how many threads of its own fire meanwhile. */
static bool goes_on(const char *command, int slots)
{
	CHECK(start(&victim));
	/* What it needs of libc for that, such as stacks that are kept for the next threads, it has had once then. */
	CHECK(done(&victim, "load %d", WORKERS) && done(&victim, "%s", command) && done(&victim, "rest"));
	CHECK(remember(&victim));
	CHECK(done(&victim, "load %d", WORKERS));
	CHECK(run_start(&run, &victim, JSON, BOTH, NULL) && run_attached(&run));
	CHECK(fired(200));
	CHECK(done(&victim, "%s", command));
	CHECK(done(&victim, "rest"));
	const uint64_t extra = atomic_load(&victim.oracle->extra);

	CHECK(run_end(&run, SIGINT) && run_code(&run, 0));
	const int64_t value = run_value(&run, "@extra", 0);
	const uint64_t got = value < 0 ? 0 : (uint64_t)value, lost = run_lost(&run);

	/* More than 8,192 threads a second find no slot, nor does the child of a vfork(); that is told, and nothing else may be lost. */
	if (got + lost != extra || (lost && !strstr(run.said, "events without slot: ")))
		return wrong("%llu events beside the workers' were counted and %llu lost, of %llu; jstrace said: %s", (unsigned long long)got, (unsigned long long)lost, (unsigned long long)extra, run.said);
	CHECK(lost || counted(&run, &victim, WORKERS, 0));
	CHECK(as_remembered(&victim, WORKERS + slots));
	return unharmed(&victim);
}

static bool test_forks(void)
{
	return goes_on(soak ? "forks 2000" : "forks 60", 0);
}

static bool test_vforks(void)
{
	return goes_on(soak ? "vforks 2000" : "vforks 60", 0);
}

static bool test_clones(void)
{
	return goes_on(soak ? "clones 2000" : "clones 60", 0);
}

static bool test_churn(void)
{
	return goes_on(soak ? "churn 10000" : "churn 200", 0);
}

static bool test_threads(void)
{
	return goes_on(soak ? "threads 32000" : "threads 640", 300); /* records of 8,192 threads are 256 pages */
}

static bool test_living(void)
{
	return goes_on("living 1000", 1000);
}

static bool test_cancelled(void)
{
	return goes_on("cancel 100", 100);
}

static bool test_left(void)
{
	return goes_on("leave 100", 100);
}

static bool test_jumps(void)
{
	return goes_on("jump 1000", 0);
}

static bool test_throws(void)
{
	return goes_on("throw 1000", 0);
}

/* Into another process, which is traced then. */
static bool test_daemon(void)
{
	int count = 0;

	CHECK(start(&victim));
	CHECK(remember(&victim));
	CHECK(tell(&victim, "daemon"));
	while (!atomic_load(&victim.oracle->extra))
		CHECK(turns(&count, 10000));
	const pid_t daemon = (pid_t)atomic_load(&victim.oracle->extra);

	CHECK(status_of(&victim) == 0);
	victim.pid = daemon;
	atomic_store(&victim.oracle->extra, 0);
	CHECK(hear(&victim) && strcmp(victim.line, "done") == 0);
	CHECK(done(&victim, "load %d", WORKERS));
	CHECK(remember(&victim));
	CHECK(run_start(&run, &victim, JSON, COUNTING, NULL) && run_attached(&run));
	CHECK(fired(500));
	CHECK(run_end(&run, SIGINT) && run_code(&run, 0) && counted(&run, &victim, WORKERS, 1));
	CHECK(as_remembered(&victim, WORKERS));
	CHECK(done(&victim, "rest"));
	CHECK(strcmp(ask(&victim, "quit"), "harm 0") == 0);
	const int status = status_of(&victim);

	return (WIFEXITED(status) && WEXITSTATUS(status) == 7) || wrong("the daemon ended with status %x", (unsigned)status);
}

const struct fault_case cases_target[] = {
	{ "exit", test_exit, false, false },
	{ "_exit", test_exit_at_once, false, false },
	{ "SIGKILL", test_killed, false, false },
	{ "SIGSEGV", test_fault, false, false },
	{ "SIGSEGV with a handler", test_handled_fault, false, false },
	{ "abort", test_abort, false, false },
	{ "exec of itself", test_exec, false, false },
	{ "exec of another program", test_exec_other, false, false },
	{ "exec while it is woken", test_exec_races, false, false },
	{ "exec while jstrace attaches", test_exec_races_jstrace, false, false },
	{ "fork and exec again and again", test_forks, false, false },
	{ "vfork again and again", test_vforks, false, false },
	{ "children of raw clone", test_clones, false, false },
	{ "a daemon", test_daemon, false, false },
	{ "dlopen and dlclose in mid-session", test_churn, false, false },
	{ "threads come and go", test_threads, false, false },
	{ "a thousand threads", test_living, false, true },
	{ "pthread_cancel in an argument", test_cancelled, false, false },
	{ "pthread_exit in an argument", test_left, false, false },
	{ "longjmp out of an argument", test_jumps, false, false },
	{ "an exception out of an argument", test_throws, false, false },
	{ NULL, NULL, false, false },
};
