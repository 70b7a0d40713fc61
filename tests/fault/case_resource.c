/*
 * Too little of something: of descriptors, memory, threads, or of what a session may have.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness.h"

#define TO_PID "--format", "json", "-p", "PID", "-e"

/* Either all is there, or jstrace says what was not to be had. */
static bool works_or_says(const char *text)
{
	CHECK(WIFEXITED(run.status));
	if (WEXITSTATUS(run.status) == 0)
		return counted(&run, &victim, WORKERS, 1);
	CHECK(run_code(&run, 1));
	return strstr(run.said, text) || wrong("jstrace does not say '%s' but: %s", text, run.said);
}

/* Processor time that the agent has had, in ticks. */
static long agent_ticks(void)
{
	char path[64], line[1024];
	unsigned long user = 0, system = 0;

	snprintf(path, sizeof(path), "/proc/%d/task/%d/stat", (int)victim.pid, victim.agent);
	FILE *file = fopen(path, "r");

	if (file && fgets(line, sizeof(line), file) && strrchr(line, ')'))
		sscanf(strrchr(line, ')') + 2, "%*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user, &system);
	if (file)
		fclose(file);
	return (long)(user + system);
}

/* So many descriptors for the agent: fewer than it needs, more and more. */
static bool test_descriptors(void)
{
	int worked = 0, refused = 0;

	CHECK(loaded());
	for (int most = 16; most >= 3; most--) {
		CHECK(done(&victim, "limit nofile %d", most));
		forget(&victim);
		const long before = agent_ticks();

		CHECK(run_start(&run, &victim, "--memory", "4MiB", "--duration", "20ms", TO_PID, COUNTING, NULL) && run_wait(&run, 5000));
		CHECK(works_or_says("process "));
		CHECK(nearly_as_remembered(&victim, WORKERS));
		/* It may have tried in vain, but not without a pause: half a second would be a fourth of its time. */
		CHECK((agent_ticks() - before) * 2 < sysconf(_SC_CLK_TCK));
		worked += run.status == 0;
		refused += run.status != 0;
		run_fini(&run);
	}
	printf("        %d sessions, %d refused\n", worked, refused);
	CHECK(worked > 0 && refused > 0);
	return whole();
}

static bool test_address_space(void)
{
	int worked = 0, refused = 0;

	CHECK(loaded());
	const long now = atol(look_status(victim.pid, victim.pid, "VmSize"));

	/* Once there is none, it stays so: the limit cannot be raised again by who has no privileges. */
	for (long kb = 1 << 20; kb >= 4096; kb -= kb / 3) {
		CHECK(done(&victim, "limit as %ld", (now + kb) << 10));
		forget(&victim);
		CHECK(run_start(&run, &victim, "--memory", "8MiB", "--duration", "20ms", TO_PID, COUNTING, NULL) && run_wait(&run, 5000));
		CHECK(works_or_says("process "));
		CHECK(nearly_as_remembered(&victim, WORKERS));
		worked += run.status == 0;
		refused += run.status != 0;
		run_fini(&run);
	}
	printf("        %d sessions, %d refused\n", worked, refused);
	CHECK(worked > 0 && refused > 0);
	return whole();
}

static bool test_file_size(void)
{
	CHECK(loaded());
	CHECK(done(&victim, "limit fsize 0"));
	CHECK(run_start(&run, &victim, "--memory", "8MiB", "--duration", "20ms", TO_PID, COUNTING, NULL) && run_wait(&run, 5000));
	CHECK(works_or_says("no memory for the session"));
	return whole();
}

static bool no_threads(void)
{
	const struct rlimit none = { 0, 0 };

	/* root is not counted. */
	if (is_root() && (setgid(65534) < 0 || setuid(65534) < 0))
		return false;
	return setrlimit(RLIMIT_NPROC, &none) == 0;
}

/* No thread for the agent: the program runs as if it had no library, and jstrace says that it cannot be traced. */
static bool test_no_thread(void)
{
	/* It drops its privileges with its user. */
	const enum form before = form;

	form = OF_LIBC;
	const bool started = start_prepared(&victim, NULL, no_threads);

	form = before;
	CHECK(started);
	CHECK(tell(&victim, "fire 10"));
	if (!hear(&victim))
		return skip("another user cannot run it from here");
	CHECK(strcmp(victim.line, "done") == 0);
	CHECK(run_start(&run, &victim, "--duration", "20ms", TO_PID, COUNTING, NULL) && run_wait(&run, 5000) && run_code(&run, 1));
	CHECK(strstr(run.said, "or that could not start its thread"));
	return unharmed(&victim);
}

/* ---- a memory cgroup ---- */

static char cgroup[256];

static bool write_to(const char *folder, const char *name, const char *text)
{
	char path[400];

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	const int fd = open(path, O_WRONLY | O_CLOEXEC);
	const bool good = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);

	if (fd >= 0)
		close(fd);
	return good;
}

static bool make_cgroup(const char *limit)
{
	snprintf(cgroup, sizeof(cgroup), "/sys/fs/cgroup/memory/jstrace-fault-%d", (int)getpid());
	if (mkdir(cgroup, 0755) == 0) {
		if (write_to(cgroup, "memory.limit_in_bytes", limit))
			return true;
		rmdir(cgroup);
	}
	snprintf(cgroup, sizeof(cgroup), "/sys/fs/cgroup/jstrace-fault-%d", (int)getpid());
	if (mkdir(cgroup, 0755) == 0) {
		if (write_to(cgroup, "memory.max", limit))
			return true;
		rmdir(cgroup);
	}
	return false;
}

static bool enter_cgroup(void)
{
	return write_to(cgroup, "cgroup.procs", "0");
}

static bool in_cgroup(void)
{
	CHECK(start_prepared(&victim, NULL, enter_cgroup));
	CHECK(done(&victim, "load %d", WORKERS) && remember(&victim));
	/* Each event has a key of its own. */
	CHECK(run_start(&run, &victim, "--memory", "256MiB", TO_PID, COUNTING " work:step { @many[w, n] = count(); }", NULL) && run_attached(&run));
	CHECK(done(&victim, "fire 200000"));
	CHECK(run_end(&run, SIGINT) && run_code(&run, 0));
	CHECK(strstr(run.said, "updates dropped"));
	CHECK(as_remembered(&victim, WORKERS));
	CHECK(done(&victim, "rest"));
	return unharmed(&victim);
}

static bool test_cgroup(void)
{
	if (!make_cgroup("25165824"))
		return skip("no memory cgroup can be made here");
	const bool good = in_cgroup();
	int count = 0;

	end(&victim);
	while (rmdir(cgroup) < 0 && turns(&count, 5000))
		;
	return good;
}

/* ---- what a session may have ---- */

/* What the one worker fired is what arrived and what is said to be lost. */
static bool adds_up(const char *got, const char *reason)
{
	const uint64_t all = atomic_load(&victim.oracle->worker[0].seen), lost = run_lost(&run);
	const int64_t value = run_value(&run, got, 0);
	uint64_t arrived = value > 0 ? (uint64_t)value : 0;

	if (!got[0])
		for (const char *at = run.printed; (at = strstr(at, "\"type\":\"print\"")); at++)
			arrived++;
	if (arrived + lost != all)
		return wrong("%llu arrived and %llu were lost, of %llu; jstrace said: %s", (unsigned long long)arrived, (unsigned long long)lost, (unsigned long long)all, run.said);
	return (lost > 0 && strstr(run.said, reason)) || wrong("nothing was lost, although there was too little room, or not told as '%s': %s", reason, run.said);
}

static bool fires(const char *option, const char *value, const char *script, const char *events)
{
	CHECK(start(&victim) && remember(&victim));
	CHECK(run_start(&run, &victim, option, value, TO_PID, script, NULL) && run_attached(&run));
	CHECK(done(&victim, "fire %s", events));
	CHECK(run_end(&run, SIGINT) && run_code(&run, 0));
	return true;
}

static bool test_ring(void)
{
	CHECK(fires("--ring-size", "4KiB", "work:step { printf(\"%d\", n); }", "100000"));
	CHECK(adds_up("", "records dropped"));
	CHECK(as_remembered(&victim, 1));
	return unharmed(&victim);
}

/* Keys that find no room: what was counted under those that did. */
#define ADD_UP " END { $sum = 0; for ($n, $v : @many) { $sum += $v; } printf(\"sum %d\", $sum); clear(@many); }"

static bool keys_add_up(void)
{
	const char *sum = strstr(run.printed, "\"text\":\"sum ");
	const uint64_t arrived = sum ? strtoull(sum + 12, NULL, 10) : 0, lost = run_lost(&run), all = atomic_load(&victim.oracle->worker[0].seen);

	if (arrived + lost != all || !lost || !strstr(run.said, "updates dropped"))
		return wrong("%llu arrived and %llu were lost, of %llu; jstrace said: %s", (unsigned long long)arrived, (unsigned long long)lost, (unsigned long long)all, run.said);
	CHECK(as_remembered(&victim, 1));
	return unharmed(&victim);
}

static bool test_keys(void)
{
	CHECK(fires("--memory", "6MiB", "work:step { @many[n] = count(); }" ADD_UP, "300000"));
	return keys_add_up();
}

static bool test_strings(void)
{
	CHECK(fires("--memory", "6MiB", "work:step { @many[cat(text, str(n), \"a key that takes some room, for there shall be no room left in the end\")] = count(); }" ADD_UP,
	            "100000"));
	return keys_add_up();
}

/* A map: each entry that found room is found again. */
static bool test_map(void)
{
	CHECK(fires("--memory", "6MiB", "work:step { m[n] = 1; if (m[n] == 1) { @there = count(); } }", "400000"));
	CHECK(adds_up("@there", "map entries dropped"));
	CHECK(as_remembered(&victim, 1));
	return unharmed(&victim);
}

static bool test_budget(void)
{
	CHECK(fires("--budget", "1000", "work:step { $i = 0; while ($i < n) { $i += 1; } @through = count(); }", "5000"));
	CHECK(run_value(&run, "@through", 0) > 10 && adds_up("@through", "clauses over budget"));
	CHECK(as_remembered(&victim, 1));
	return unharmed(&victim);
}

const struct fault_case cases_resource[] = {
	{ "descriptors", test_descriptors, false, false },
	{ "address space", test_address_space, false, false },
	{ "files may not grow", test_file_size, false, false },
	{ "no thread for the agent", test_no_thread, false, false },
	{ "a memory cgroup", test_cgroup, true, false },
	{ "a ring is full", test_ring, false, false },
	{ "no room for keys", test_keys, false, false },
	{ "no room for strings", test_strings, false, false },
	{ "a map is full", test_map, false, false },
	{ "over budget", test_budget, false, false },
	{ NULL, NULL, false, false },
};
