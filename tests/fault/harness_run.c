/*
 * The harness's view of jstrace (harness.h).
 */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness.h"

enum { ARGUMENTS = 24 };

static char *read_file(const char *path)
{
	const int fd = open(path, O_RDONLY | O_CLOEXEC);
	size_t used = 0, room = 65536;
	char *text = malloc(room + 1);
	ssize_t got;

	while (fd >= 0 && text && (got = read(fd, text + used, room - used)) > 0) {
		used += (size_t)got;
		if (used == room)
			text = realloc(text, (room *= 2) + 1);
	}
	if (fd >= 0)
		close(fd);
	if (!text)
		abort();
	text[used] = 0;
	return text;
}

static bool begin(struct run *one, const struct victim *of, bool (*prepare)(void), va_list arguments)
{
	static int number;
	char path[600], pid[16];
	const char *argv[ARGUMENTS] = { path, "-v" };
	int argc = 2;

	memset(one, 0, sizeof(*one));
	number++;
	snprintf(path, sizeof(path), "%s/../../jstrace", build_folder);
	snprintf(pid, sizeof(pid), "%d", of ? (int)of->pid : 0);
	snprintf(one->out, sizeof(one->out), "%s/run%d.out", work_folder, number);
	snprintf(one->err, sizeof(one->err), "%s/run%d.err", work_folder, number);
	for (const char *argument; argc < ARGUMENTS - 1 && (argument = va_arg(arguments, const char *));)
		argv[argc++] = strcmp(argument, "PID") == 0 ? pid : argument;
	argv[argc] = NULL;
	one->pid = fork();
	if (one->pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		const int out = open(one->out, O_WRONLY | O_CREAT | O_TRUNC, 0666), err = open(one->err, O_WRONLY | O_CREAT | O_TRUNC, 0666), null = open("/dev/null", O_RDONLY);

		dup2(null, 0);
		dup2(out, 1);
		dup2(err, 2);
		close(null), close(out), close(err);
		if (prepare && !prepare())
			_exit(126);
		execv(path, (char **)argv);
		_exit(127);
	}
	return one->pid > 0 || wrong("fork: %s", strerror(errno));
}

bool run_start(struct run *one, const struct victim *of, ...)
{
	va_list arguments;

	va_start(arguments, of);
	const bool begun = begin(one, of, NULL, arguments);

	va_end(arguments);
	return begun;
}

bool run_prepared(struct run *one, const struct victim *of, bool (*prepare)(void), ...)
{
	va_list arguments;

	va_start(arguments, prepare);
	const bool begun = begin(one, of, prepare, arguments);

	va_end(arguments);
	return begun;
}

bool run_says(struct run *one, const char *text, int ms)
{
	int count = 0;
	bool found;

	do {
		char *said = read_file(one->err);

		found = strstr(said, text);
		free(said);
	} while (!found && turns(&count, ms));
	if (!found) {
		char *said = read_file(one->err);

		wrong("jstrace does not say '%s' but: %s", text, said);
		free(said);
	}
	return found;
}

bool run_attached(struct run *one)
{
	return run_says(one, "attached to process", 10000);
}

bool run_ended(const struct run *one)
{
	siginfo_t information = { 0 };

	return waitid(P_PID, (id_t)one->pid, &information, WEXITED | WNOHANG | WNOWAIT) < 0 || information.si_pid == one->pid;
}

bool run_take(struct run *one, int status)
{
	one->pid = 0;
	one->status = status;
	free(one->printed);
	free(one->said);
	one->printed = read_file(one->out);
	one->said = read_file(one->err);
	return true;
}

bool run_wait(struct run *one, int ms)
{
	int status, count = 0;
	pid_t ended;

	while ((ended = waitpid(one->pid, &status, WNOHANG)) == 0 && turns(&count, ms))
		;
	if (ended != one->pid) {
		char *said = read_file(one->err);

		wrong("jstrace does not end within %d ms; it says: %s", ms, said);
		free(said);
		return false;
	}
	return run_take(one, status);
}

bool run_end(struct run *one, int number)
{
	if (number)
		kill(one->pid, number);
	return run_wait(one, 3000);
}

bool run_code(const struct run *one, int code)
{
	return (WIFEXITED(one->status) && WEXITSTATUS(one->status) == code) || wrong("jstrace ended with status %x, not with code %d; it says: %.600s", (unsigned)one->status, code, one->said);
}

void run_fini(struct run *one)
{
	if (one->pid > 0) {
		kill(one->pid, SIGKILL);
		waitpid(one->pid, NULL, 0);
	}
	if (one->out[0])
		unlink(one->out);
	if (one->err[0])
		unlink(one->err);
	free(one->printed);
	free(one->said);
	memset(one, 0, sizeof(*one));
}

/* ---- what it printed, as JSON ---- */

int64_t run_value(const struct run *one, const char *name, int64_t key)
{
	char wanted[64], keys[32];
	const char *at = one->printed;

	snprintf(wanted, sizeof(wanted), "\"name\":\"%s\"", name);
	snprintf(keys, sizeof(keys), "\"key\":[%lld]", (long long)key);
	for (; at && *at; at = strchr(at, '\n') ? strchr(at, '\n') + 1 : NULL) {
		const size_t length = strcspn(at, "\n");
		const char *found = memmem(at, length, wanted, strlen(wanted)), *value = memmem(at, length, "\"value\":", 8);

		if (found && value && (memmem(at, length, keys, strlen(keys)) || memmem(at, length, "\"key\":[]", 8)))
			return strtoll(value + 8, NULL, 10);
	}
	return -1;
}

uint64_t run_lost(const struct run *one)
{
	const char *at = one->printed ? strstr(one->printed, "\"type\":\"end\"") : NULL;

	at = at ? strstr(at, "\"lost\":") : NULL;
	return at ? strtoull(at + 7, NULL, 10) : 0;
}

bool counted(const struct run *one, const struct victim *of, int workers, uint64_t slack)
{
	const uint64_t lost = run_lost(one);
	uint64_t counted_all = 0, seen_all = 0;

	for (int w = 0; w < workers; w++) {
		const struct oracle_worker *worker = &of->oracle->worker[w];
		const int64_t n = run_value(one, "@n", w), low = run_value(one, "@lo", w), high = run_value(one, "@hi", w);
		const uint64_t seen = atomic_load(&worker->seen);

		seen_all += seen;
		counted_all += n > 0 ? (uint64_t)n : 0;
		if (n > 0 && !lost && high - low + 1 != n)
			return wrong("of worker %d the events %lld to %lld were seen, but %lld of them were counted", w, (long long)low, (long long)high, (long long)n);
		if (n > 0 && (uint64_t)n > seen)
			return wrong("of worker %d %lld events were counted, of %llu that it fired", w, (long long)n, (unsigned long long)seen);
	}
	if (counted_all + lost > seen_all || counted_all + lost + slack * (uint64_t)workers < seen_all)
		return wrong("%llu events were counted and %llu lost, of %llu that were fired", (unsigned long long)counted_all, (unsigned long long)lost, (unsigned long long)seen_all);
	return true;
}
