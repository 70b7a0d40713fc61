/*
 * What a program does to itself while it is traced: it gives away descriptors and rights, holds locks, is stopped in the middle, and hands strings over that are none.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness.h"

#define JSON "--format", "json", "--memory", "8MiB", "-p", "PID", "-e"

/* A session of those who were loaded, ended in order. */
static bool session(void)
{
	forget(&victim);
	CHECK(run_start(&run, &victim, JSON, COUNTING, NULL) && run_attached(&run));
	CHECK(fired(500));
	CHECK(run_end(&run, SIGINT) && run_code(&run, 0) && counted(&run, &victim, WORKERS, 1));
	run_fini(&run);
	return true;
}

/* It runs on, and comes to its end. */
static bool rests(void)
{
	CHECK(done(&victim, "rest"));
	return unharmed(&victim);
}

/* ---- descriptors ---- */

/* Whatever the agent writes or closes, it is not what the program has under these numbers. */
static bool test_descriptors(void)
{
	CHECK(loaded());
	CHECK(run_start(&run, &victim, JSON, COUNTING, NULL) && run_attached(&run));
	CHECK(fired(500));
	CHECK(done(&victim, "take"));
	CHECK(fired(1000));
	CHECK(run_end(&run, SIGINT) && run_code(&run, 0) && counted(&run, &victim, WORKERS, 1));
	run_fini(&run);
	CHECK(done(&victim, "verify"));
	victim.before.fds = footprint_of(&victim).fds;
	CHECK(session());
	CHECK(as_remembered(&victim, WORKERS));
	CHECK(done(&victim, "verify"));
	return rests();
}

/* ---- rights ---- */

static bool goes_without(const char *command)
{
	CHECK(loaded());
	CHECK(session());
	CHECK(run_start(&run, &victim, JSON, COUNTING, NULL) && run_attached(&run));
	forget(&victim);
	CHECK(done(&victim, "%s", command));
	CHECK(fired(500));
	CHECK(run_end(&run, SIGINT) && run_code(&run, 0));
	run_fini(&run);
	/* And anew, by those who may. */
	CHECK(nearly_as_remembered(&victim, WORKERS));
	CHECK(session());
	CHECK(as_remembered(&victim, WORKERS));
	return rests();
}

static bool test_chroot(void)
{
	char command[600], path[560];

	snprintf(path, sizeof(path), "%s/root", work_folder);
	mkdir(path, 0755);
	snprintf(command, sizeof(command), "chroot %s", path);
	/* Only who has privileges may, and a program that has them has an agent of libc's. */
	const enum form before = form;

	form = OF_LIBC;
	const bool good = goes_without(command);

	form = before;
	rmdir(path);
	return good;
}

static bool test_uid(void)
{
	const enum form before = form;

	form = OF_LIBC;
	const bool good = goes_without("uid 65534");

	form = before;
	return good;
}

/* A filter that kills, after load: left alone, with a word; or traced. */
static bool confined(const char *how, bool refused)
{
	CHECK(loaded());
	CHECK(session());
	/* The filter would meet it in the middle of something otherwise. */
	CHECK(as_remembered(&victim, WORKERS) && agent_sleeps(&victim));
	if (strcmp(ask(&victim, "confine %s", how), "done") != 0)
		return skip("no filter can be set here");
	forget(&victim);
	CHECK(run_start(&run, &victim, "--duration", "100ms", JSON, COUNTING, NULL) && run_end(&run, 0));
	if (refused)
		CHECK(run_code(&run, 1) && strstr(run.said, "has put itself under a seccomp filter"));
	else
		CHECK(run_code(&run, 0) && counted(&run, &victim, WORKERS, 1));
	/* Its first event, of a thread that has been confined. */
	CHECK(done(&victim, "fire 10"));
	/* By exit(), too, it would be killed then. */
	return strcmp(how, "strict") == 0 || unharmed(&victim);
}

static bool test_confined_sockets(void)
{
	return confined("sockets", true);
}

static bool test_confined_files(void)
{
	return confined("files", true);
}

static bool test_confined_alone(void)
{
	return confined("own", true);
}

/* read(), write() and exit() are all that one of its threads may do. */
static bool test_confined_strictly(void)
{
	return confined("strict", true);
}

/* ---- locks ---- */

static bool lock_malloc(void)
{
	char path[600];

	snprintf(path, sizeof(path), "%s/locked.so", build_folder);
	return setenv("LD_PRELOAD", path, 1) == 0;
}

static bool test_malloc(void)
{
	char path[600];

	snprintf(path, sizeof(path), "%s/locked.so", build_folder);
	if (access(path, R_OK) < 0)
		return skip("only where libc lets others take the place of malloc()");
	CHECK(start_prepared(&victim, NULL, lock_malloc));
	CHECK(done(&victim, "load %d", WORKERS) && remember(&victim));
	CHECK(run_start(&run, &victim, "--format", "json", "-p", "PID", "-e", "malloc:* { @m = count(); } malloc:take { @size[str(size)] = sum(size); printf(\"%d\", size); } extra:* { @extra = count(); }", NULL) && run_attached(&run));
	CHECK(done(&victim, "churn 20") && done(&victim, "threads 64"));
	const uint64_t extra = atomic_load(&victim.oracle->extra);

	CHECK(run_end(&run, SIGINT) && run_code(&run, 0));
	if (run_value(&run, "@m", 0) <= 20 || (uint64_t)run_value(&run, "@extra", 0) != extra)
		return wrong("%lld allocations, %lld of %llu others: %s", (long long)run_value(&run, "@m", 0), (long long)run_value(&run, "@extra", 0), (unsigned long long)extra, run.said);
	return rests();
}

/* ---- stopped in the middle ---- */

/* Nearly all of a worker's time is spent inside. */
#define LONG "work:step { @n[w] = count(); $i = 0; while ($i < 20000) { $i += 1; } @after[w] = count(); }"

static bool test_stopped_inside(void)
{
	CHECK(loaded());
	CHECK(run_start(&run, &victim, "--budget", "100000000", JSON, LONG, NULL) && run_attached(&run));
	CHECK(fired(3));
	CHECK(stop_all(&victim));
	CHECK(run_end(&run, SIGINT) && run_code(&run, 0));
	CHECK(strstr(run.said, "is stopped and did not answer as the session ended"));
	CHECK(run_value(&run, "@n", 0) > 0);
	kill(victim.pid, SIGCONT);
	CHECK(as_remembered(&victim, WORKERS));
	return rests();
}

/* Not all of it at once: what is told to end the session may be half way through then, and is to go on where it was. */
static bool test_stopping(void)
{
	CHECK(loaded());
	for (int i = 0; i < (soak ? 50 : 2); i++) {
		CHECK(run_start(&run, &victim, "--budget", "100000000", JSON, LONG, NULL) && run_attached(&run));
		kill(victim.pid, SIGSTOP);
		CHECK(run_end(&run, SIGINT) && run_code(&run, 0));
		kill(victim.pid, SIGCONT);
		CHECK(nearly_as_remembered(&victim, WORKERS));
		run_fini(&run);
	}
	return rests();
}

/* A thread of the victim that is neither its first nor its agent. */
static pid_t worker_of(const struct victim *one)
{
	for (pid_t tid = one->pid + 1; tid < one->pid + 50; tid++)
		if (tid != one->agent && atoi(look_status(one->pid, tid, "Tgid")) == one->pid)
			return tid;
	return 0;
}

/* One thread alone, inside the program, while that is taken away: what it uses is kept, and it goes on as if nothing were. */
static bool test_thread_stopped(void)
{
	CHECK(loaded());
	CHECK(run_start(&run, &victim, "--budget", "100000000", JSON, LONG, NULL) && run_attached(&run));
	CHECK(fired(3));
	const pid_t worker = worker_of(&victim);
	int status;

	CHECK(worker > 0);
	if (ptrace(PTRACE_SEIZE, worker, NULL, NULL) < 0 || ptrace(PTRACE_INTERRUPT, worker, NULL, NULL) < 0)
		return skip("ptrace() is not permitted");
	CHECK(waitpid(worker, &status, __WALL) == worker);
	const bool ended = run_end(&run, SIGINT) && run_code(&run, 0);

	ptrace(PTRACE_DETACH, worker, NULL, NULL);
	CHECK(ended);
	CHECK(run_value(&run, "@n", 0) >= 0);
	/* Its memory stays; everything else is as before. */
	int count = 0;
	struct footprint now;

	do
		now = footprint_of(&victim);
	while ((now.fds != victim.before.fds || now.agent_fds != victim.before.agent_fds || now.maps > victim.before.maps + 8) && turns(&count, 3000));
	CHECK(now.threads == victim.before.threads && now.fds == victim.before.fds && now.agent_fds == victim.before.agent_fds && now.maps <= victim.before.maps + 8);
	run_fini(&run);
	CHECK(session());
	return rests();
}

/* ---- strings ---- */

static bool test_strings(void)
{
	static const char *const kinds[] = { "null", "empty", "long", "invalid", "escapes", "edge", "bytes" };

	CHECK(loaded());
	CHECK(run_start(&run, &victim, "--memory", "32MiB", "-p", "PID", "-e", "extra:text { @extra = count(); @n[text] = count(); printf(\"%s|%d\\n\", text, n); print(text); emit(text); }", NULL) && run_attached(&run));
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		CHECK(done(&victim, "text %s", kinds[i]));
	CHECK(run_end(&run, SIGINT) && run_code(&run, 0));
	char expected[32];

	snprintf(expected, sizeof(expected), "@extra: %d\n", (int)(sizeof(kinds) / sizeof(kinds[0])));
	CHECK(strstr(run.printed, expected));
	/* The long one was cut, or was more than a clause may look at; nothing that a terminal obeys came through. */
	if (!strstr(run.said, "strings cut") && !strstr(run.said, "clauses over budget"))
		return wrong("no string was cut: %s%.600s", run.said, run.printed);
	for (const char *at = run.printed; *at; at++)
		if (((unsigned char)*at < ' ' && *at != '\n') || *at == 0x7f)
			return wrong("byte %02x reached the output", (unsigned char)*at);
	CHECK(strstr(run.printed, "\\x1b]0;title") || strstr(run.printed, "\\e]0;title"));
	return rests();
}

const struct fault_case cases_more[] = {
	{ "descriptors closed and used again", test_descriptors, false, false },
	{ "chroot", test_chroot, true, false },
	{ "setresuid", test_uid, true, false },
	{ "a filter against sockets", test_confined_sockets, false, false },
	{ "a filter against files", test_confined_files, false, false },
	{ "a filter of one thread", test_confined_alone, false, false },
	{ "strict seccomp of one thread", test_confined_strictly, false, false },
	{ "probes inside malloc and dlopen", test_malloc, false, false },
	{ "stopped inside the program", test_stopped_inside, false, false },
	{ "stopped as the session ends", test_stopping, false, false },
	{ "a thread is stopped inside the program", test_thread_stopped, false, false },
	{ "strings", test_strings, false, false },
	{ NULL, NULL, false, false },
};
