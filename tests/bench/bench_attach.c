/*
 * How long the CLI takes to trace processes and to let go of them:
 *
 *     bench_attach PROCESSES CLI ARGUMENT…
 *
 * Starts PROCESSES of this very program as targets, then the CLI with "-p PID,…" added, waits until the probe bench:first is on in all of them, sends SIGINT, and waits for the CLI's end. Prints
 *
 *     FIRST OFF EXIT CPU       ms: start to the first event of the last process; SIGINT to the last probe off; SIGINT to the CLI's end; CPU time of the CLI
 *
 * Each target fires one event when it finds its probe on. One alone waits spinning, many look from time to time. Without arguments the program ends at once: that is how long it takes to start.
 * Linked with any number of sites (see many_sites.sh), it is also the program that has many.
 */
#include "jstrace.h"

#include <errno.h>
#include <signal.h>
#include <spawn.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { SHARED_FD = 9, DEADLINE_S = 60 };

extern char **environ;

/* What the targets tell; all of them have it mapped. */
struct shared {
	_Atomic unsigned ready, on, off;
	_Atomic int64_t last_on, last_off; /* of the clock, ns */
	long pause_ns;                     /* between two looks; 0: spin */
};

static int64_t now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static void rest(long ns)
{
	if (ns)
		nanosleep(&(struct timespec){.tv_nsec = ns}, NULL);
}

static void store_later(_Atomic int64_t *at, int64_t time)
{
	int64_t old = atomic_load(at);
	while (old < time && !atomic_compare_exchange_weak(at, &old, time))
		;
}

/* A target: ends with its parent. */
__attribute__((noreturn)) static void be_target(struct shared *shared)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	atomic_fetch_add(&shared->ready, 1);
	while (!JSTRACE_ENABLED("bench:first"))
		rest(shared->pause_ns);
	JSTRACE("bench:first", "pid", getpid());
	store_later(&shared->last_on, now());
	atomic_fetch_add(&shared->on, 1);
	while (JSTRACE_ENABLED("bench:first"))
		rest(shared->pause_ns);
	store_later(&shared->last_off, now());
	atomic_fetch_add(&shared->off, 1);
	for (;;)
		pause();
}

static void fail(const char *what)
{
	fprintf(stderr, "bench_attach: %s: %s\n", what, errno ? strerror(errno) : "the CLI gave up, or took a minute");
	exit(1);
}

/* cli: if it ends meanwhile it was in vain; 0: none yet. */
static void wait_until(_Atomic unsigned *counter, unsigned all, pid_t cli, const char *what)
{
	const int64_t limit = now() + DEADLINE_S * 1000000000LL;
	errno = 0;
	while (atomic_load(counter) < all) {
		if (now() > limit || (cli && waitpid(cli, NULL, WNOHANG) == cli))
			fail(what);
		rest(100000);
	}
}

/* "PID,PID,…", for free(). */
static char *start_targets(char *self, unsigned processes)
{
	char *list = malloc(processes * 12 + 1), *end = list;
	for (unsigned i = 0; list && i < processes; i++) {
		pid_t pid;
		if ((errno = posix_spawn(&pid, "/proc/self/exe", NULL, NULL, (char *[]){self, "target", NULL}, environ)))
			fail("a target does not start");
		end += sprintf(end, "%s%d", i ? "," : "", pid);
	}
	return list;
}

int main(int count, char **arguments)
{
	if (count == 1)
		return 0;
	if (count == 2) {
		struct shared *shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED, SHARED_FD, 0);
		if (shared == MAP_FAILED)
			return 1;
		be_target(shared);
	}
	const unsigned processes = (unsigned)strtoul(arguments[1], NULL, 10);
	const int memory = memfd_create("bench", 0);
	if (!processes || memory < 0 || ftruncate(memory, sizeof(struct shared)) || dup2(memory, SHARED_FD) < 0)
		fail("preparing");
	struct shared *shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED, SHARED_FD, 0);
	if (shared == MAP_FAILED)
		fail("preparing");
	shared->pause_ns = processes == 1 ? 0 : processes < 50 ? 1000000 : processes * 200000L;
	char *list = start_targets(arguments[0], processes);
	wait_until(&shared->ready, processes, 0, "targets are not ready");

	/* -p in front of the CLI's other arguments. */
	char **cli = calloc((size_t)count + 3, sizeof(*cli));
	if (!list || !cli)
		fail("preparing");
	cli[0] = arguments[2];
	cli[1] = "-p";
	cli[2] = list;
	memcpy(cli + 3, arguments + 3, (size_t)(count - 3) * sizeof(*cli));
	pid_t pid;
	const int64_t begin = now();
	if ((errno = posix_spawn(&pid, cli[0], NULL, NULL, cli, environ)))
		fail(cli[0]);
	wait_until(&shared->on, processes, pid, "not all targets are traced");
	rest(20000000); /* a session that lives */
	const int64_t interrupt = now();
	kill(pid, SIGINT);
	int status;
	struct rusage usage;
	if (wait4(pid, &status, 0, &usage) != pid || status)
		fail("the CLI did not end well");
	const int64_t end = now();
	wait_until(&shared->off, processes, 0, "not all targets were let go");
	const double cpu = (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1e3 + (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e3;
	printf("%.3f %.3f %.3f %.3f\n", (double)(atomic_load(&shared->last_on) - begin) / 1e6, (double)(atomic_load(&shared->last_off) - interrupt) / 1e6, (double)(end - interrupt) / 1e6, cpu);
	free(list);
	free(cli);
	return 0;
}
