/*
 * The victim's side of the harness (harness.h).
 */
#include "harness.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/securebits.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
	/*
	 * Of a victim's own memory, in kB, beside a page for each thread that has fired: what the library writes the first time in a program's life lies in its data (3 pages), in its record of the process (2),
	 * in the agent's stack (up to 8: reading maps, verifying) and, with the program's libc, in the main thread's stack and the heap that the commands need. 20 kB were measured for a session, 44 for the largest program of the tests.
	 */
	ANONYMOUS_ROOM = 64,
	PAGE_KB = 4,
	LISTENING_ROOM = 160, /* what the agent needs to serve: a packet of 64 KiB, and as much to look who lives */
};

char why[1024];

bool wrong(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(why, sizeof(why), format, arguments);
	va_end(arguments);
	return false;
}

bool turns(int *count, int ms)
{
	if (*count * TURN_MS >= ms)
		return false;
	++*count;
	poll(NULL, 0, TURN_MS);
	return true;
}

bool is_root(void)
{
	return geteuid() == 0;
}

static bool has_privileges(void)
{
	struct __user_cap_header_struct head = { _LINUX_CAPABILITY_VERSION_3, 0 };
	struct __user_cap_data_struct set[_LINUX_CAPABILITY_U32S_3];

	return syscall(SYS_capget, &head, set) == 0 && (set[0].permitted || set[1].permitted);
}

bool drop_privileges(void)
{
	struct __user_cap_header_struct head = { _LINUX_CAPABILITY_VERSION_3, 0 };
	const struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = { { 0, 0, 0 } };

	return !has_privileges() || (prctl(PR_SET_SECUREBITS, SECBIT_NOROOT) == 0 && syscall(SYS_capset, &head, none) == 0);
}

static bool launch(struct victim *one, const char *argument, bool (*prepare)(void))
{
	const int memory = memfd_create("oracle", MFD_CLOEXEC);
	int to[2], from[2];
	char path[600], number[16];

	memset(one, 0, sizeof(*one));
	if (memory < 0 || ftruncate(memory, sizeof(struct oracle)) < 0 || pipe2(to, O_CLOEXEC) < 0 || pipe2(from, O_CLOEXEC) < 0)
		return wrong("pipes: %s", strerror(errno));
	one->oracle = mmap(NULL, sizeof(struct oracle), PROT_READ | PROT_WRITE, MAP_SHARED, memory, 0);
	one->asked = strdup("");
	one->said = strdup("");
	snprintf(path, sizeof(path), "%s/victim", build_folder);
	one->pid = fork();
	if (one->pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (chdir(work_folder) < 0 || (form == RAW && !drop_privileges()) || (prepare && !prepare()))
			_exit(126);
		dup2(to[0], 0);
		dup2(from[1], 1);
		snprintf(number, sizeof(number), "%d", dup(memory));
		execl(path, path, number, argument, (char *)NULL);
		_exit(127);
	}
	close(memory);
	close(to[0]);
	close(from[1]);
	one->to = fdopen(to[1], "w");
	one->from = fdopen(from[0], "r");
	setvbuf(one->to, NULL, _IOLBF, 0);
	setvbuf(one->from, NULL, _IONBF, 0);
	return one->pid > 0 || wrong("fork: %s", strerror(errno));
}

bool start_prepared(struct victim *one, const char *argument, bool (*prepare)(void))
{
	return launch(one, argument, prepare);
}

bool start(struct victim *one)
{
	return launch(one, NULL, NULL);
}

static void append(char **text, const char *line)
{
	const size_t had = strlen(*text), more = strlen(line);

	*text = realloc(*text, had + more + 2);
	if (!*text)
		abort();
	memcpy(*text + had, line, more);
	strcpy(*text + had + more, "\n");
}

static bool tell_line(struct victim *one, const char *line)
{
	append(&one->asked, line);
	return fprintf(one->to, "%s\n", line) > 0 || wrong("the victim does not listen to '%s'", line);
}

bool tell(struct victim *one, const char *format, ...)
{
	char line[512];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(line, sizeof(line), format, arguments);
	va_end(arguments);
	return tell_line(one, line);
}

bool hear(struct victim *one)
{
	struct pollfd from = { .fd = fileno(one->from), .events = POLLIN };

	one->line[0] = 0;
	if (poll(&from, 1, 60000) <= 0 || !fgets(one->line, sizeof(one->line), one->from))
		return wrong("the victim does not answer");
	one->line[strcspn(one->line, "\n")] = 0;
	append(&one->said, one->line);
	return true;
}

const char *ask(struct victim *one, const char *format, ...)
{
	char line[512];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(line, sizeof(line), format, arguments);
	va_end(arguments);
	one->line[0] = 0;
	if (tell_line(one, line))
		hear(one);
	return one->line;
}

bool done(struct victim *one, const char *format, ...)
{
	char line[512];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(line, sizeof(line), format, arguments);
	va_end(arguments);
	one->line[0] = 0;
	if (!tell_line(one, line) || !hear(one))
		return false;
	return strcmp(one->line, "done") == 0 || wrong("'%s' was answered: %s", line, one->line);
}

/* ---- what it has ---- */

struct footprint footprint_of(const struct victim *one)
{
	static const char *const sets[] = { "SigIgn", "SigCgt", "SigBlk" };
	struct footprint print;
	char agents[32];
	size_t used = 0;

	memset(&print, 0, sizeof(print));
	snprintf(agents, sizeof(agents), "task/%d/fd", one->agent);
	print.threads = look_count(one->pid, "task");
	print.fds = look_count(one->pid, "fd");
	print.agent_fds = look_count(one->pid, agents);
	print.maps = look_count(one->pid, "maps");
	print.anonymous = atol(look_status(one->pid, one->pid, "RssAnon")) + atol(look_status(one->pid, one->pid, "RssShmem"));
	for (int i = 0; i < 3; i++)
		used += (size_t)snprintf(print.signals + used, sizeof(print.signals) - used, "%s ", look_status(one->pid, one->pid, sets[i]));
	return print;
}

/* By its name, since in another pid namespace its number is not what the marker says. */
static bool find_agent(struct victim *one)
{
	char path[64];
	int count = 0;

	do {
		snprintf(path, sizeof(path), "/proc/%d/task", (int)one->pid);
		DIR *folder = opendir(path);

		one->agent = 0;
		for (struct dirent *entry; folder && !one->agent && (entry = readdir(folder));)
			if (atoi(entry->d_name) > 0 && strcmp(look_status(one->pid, atoi(entry->d_name), "Name"), JST_AGENT_COMM) == 0)
				one->agent = atoi(entry->d_name);
		if (folder)
			closedir(folder);
	} while (!one->agent && turns(&count, 5000));
	return one->agent || wrong("process %d has no agent", (int)one->pid);
}

bool agent_sleeps(const struct victim *one)
{
	char path[64], line[128];
	int count = 0;

	snprintf(path, sizeof(path), "/proc/%d/task/%d/syscall", (int)one->pid, one->agent);
	do {
		FILE *file = fopen(path, "r");

		line[0] = 0;
		if (file) {
			if (!fgets(line, sizeof(line), file))
				line[0] = 0;
			fclose(file);
		}
		if (line[0] >= '0' && line[0] <= '9' && atol(line) == SYS_futex)
			return true;
	} while (turns(&count, 5000));
	return wrong("the agent does not go to sleep: %s", line);
}

bool remember(struct victim *one)
{
	int count = 0;

	if (!find_agent(one) || !agent_sleeps(one))
		return false;
	/* Until it stays as it is: threads that begin map something, and the agent may be busy with its own beginning. */
	one->before = footprint_of(one);
	for (int still = 0; still < 3 && turns(&count, 2000);) {
		const struct footprint now = footprint_of(one);

		still = memcmp(&now, &one->before, sizeof(now)) == 0 ? still + 1 : 0;
		one->before = now;
	}
	return true;
}

static bool compare(struct victim *one, int slots, int listening, int ms)
{
	const struct footprint before = one->before;
	struct footprint now;
	int count = 0;

	do {
		now = footprint_of(one);
		if (now.threads == before.threads && now.fds == before.fds && now.agent_fds >= before.agent_fds && now.agent_fds <= before.agent_fds + listening && now.maps >= before.maps &&
		    now.maps <= before.maps + listening && strcmp(now.signals, before.signals) == 0 && now.anonymous <= before.anonymous + ANONYMOUS_ROOM + slots * PAGE_KB + listening * LISTENING_ROOM)
			return true;
	} while (turns(&count, ms));
	return wrong("%d ms after the session: threads %d, descriptors %d, the agent's %d, mappings %d, own memory %ld kB, signals %s; before: %d, %d, %d, %d, %ld kB, %s", ms, now.threads, now.fds, now.agent_fds, now.maps,
	             now.anonymous, now.signals, before.threads, before.fds, before.agent_fds, before.maps, before.anonymous, before.signals);
}

bool stop_all(const struct victim *one)
{
	char path[64];
	int count = 0;
	bool all;

	kill(one->pid, SIGSTOP);
	snprintf(path, sizeof(path), "/proc/%d/task", (int)one->pid);
	do {
		DIR *folder = opendir(path);

		all = folder;
		for (struct dirent *entry; folder && (entry = readdir(folder));)
			if (atoi(entry->d_name) > 0)
				all &= look_status(one->pid, atoi(entry->d_name), "State")[0] == 'T';
		if (folder)
			closedir(folder);
	} while (!all && turns(&count, 10000));
	return all || wrong("the victim does not stop");
}

void forget(struct victim *one)
{
	for (int w = 0; w < ORACLE_WORKERS; w++)
		atomic_store(&one->oracle->worker[w].seen, 0);
	atomic_store(&one->oracle->extra, 0);
}

double p99(struct victim *one, int workers)
{
	uint64_t sum[ORACLE_LATENCIES] = { 0 }, all = 0, so_far = 0;

	for (int w = 0; w < workers; w++)
		for (int i = 0; i < ORACLE_LATENCIES; i++)
			sum[i] += atomic_exchange(&one->oracle->worker[w].latency[i], 0);
	for (int i = 0; i < ORACLE_LATENCIES; i++)
		all += sum[i];
	for (int i = 0; i < ORACLE_LATENCIES; i++)
		if ((so_far += sum[i]) * 100 >= all * 99)
			return (double)(UINT64_C(2) << i);
	return 0;
}

bool nearly_as_remembered(struct victim *one, int slots)
{
	return compare(one, slots, 1, 1000);
}

bool as_remembered(struct victim *one, int slots)
{
	return nearly_as_remembered(one, slots) && compare(one, slots, 0, JST_LISTEN_MS + 1000);
}

/* ---- its end ---- */

int status_of(struct victim *one)
{
	int status = -1, count = 0;
	pid_t ended = 0;

	while (one->pid > 0 && (ended = waitpid(one->pid, &status, WNOHANG)) == 0 && turns(&count, 30000))
		;
	if (ended != one->pid)
		return -1;
	one->pid = 0;
	return status;
}

void end(struct victim *one)
{
	if (one->pid > 0) {
		kill(one->pid, SIGKILL);
		kill(one->pid, SIGCONT);
		waitpid(one->pid, NULL, 0);
	}
	if (one->to)
		fclose(one->to);
	if (one->from)
		fclose(one->from);
	if (one->oracle)
		munmap(one->oracle, sizeof(*one->oracle));
	free(one->asked);
	free(one->said);
	memset(one, 0, sizeof(*one));
}

/* Closes its input and takes what it still says. */
static int finish(struct victim *one)
{
	struct pollfd from = { .fd = fileno(one->from), .events = POLLIN };

	fclose(one->to);
	one->to = NULL;
	while (poll(&from, 1, 30000) > 0 && fgets(one->line, sizeof(one->line), one->from)) {
		one->line[strcspn(one->line, "\n")] = 0;
		append(&one->said, one->line);
	}
	return status_of(one);
}

bool unharmed_end(struct victim *one)
{
	const int status = finish(one);
	struct victim other;
	char *line, *left;
	bool same;

	if (!launch(&other, NULL, NULL))
		return false;
	/* Where the agent of the one had begun, so has that of the other. */
	if (one->agent && (!find_agent(&other) || !agent_sleeps(&other))) {
		end(&other);
		return false;
	}
	left = strdup(one->asked);
	for (char *text = left; (line = strsep(&text, "\n")) && *line;) {
		if (!tell_line(&other, line))
			break;
		/* What it was told last may be its end. */
		if (text && *text && !hear(&other))
			break;
	}
	free(left);
	const int expected = finish(&other);

	same = strcmp(one->said, other.said) == 0 && status == expected;
	if (!same)
		wrong("asked:\n%s-- it said:\n%s-- and ended with status %x; untraced:\n%s-- and %x", one->asked, one->said, (unsigned)status, other.said, (unsigned)expected);
	end(&other);
	return same;
}

bool unharmed(struct victim *one)
{
	return tell(one, "quit") && unharmed_end(one);
}

/* ---- what most cases begin and end with ---- */

bool loaded(void)
{
	CHECK(start(&victim));
	CHECK(done(&victim, "load %d", WORKERS));
	CHECK(remember(&victim));
	return true;
}

bool fired(uint64_t events)
{
	int count = 0;

	while (atomic_load(&victim.oracle->worker[0].seen) < events)
		if (!turns(&count, 20000))
			return wrong("the workers do not get on");
	return true;
}

bool whole(void)
{
	CHECK(as_remembered(&victim, WORKERS));
	CHECK(done(&victim, "rest"));
	return unharmed(&victim);
}
