/*
 * What linking a tracer's library costs a program that has one thread and one probe, which nobody watches. Built with jstrace, with LTTng-UST (WITH_LTTNG) and with neither (JSTRACE_DISABLE).
 *
 *     bench_idle              ends at once: how long it takes to start
 *     bench_idle memory       RSS THREADS: kB, and how many threads there are
 *     bench_idle wait MS      WAKEUPS: how often threads other than the first were switched to while that one slept
 *     bench_idle cost         MALLOC GETC FORK: ns of CPU time for malloc and free; for getc; µs of it for fork, _exit and waiting for the child, both of parent and child
 */
#ifdef WITH_LTTNG
#define LTTNG_UST_TRACEPOINT_DEFINE
#define LTTNG_UST_TRACEPOINT_CREATE_PROBES
#include "bench_lttng.h"
#define PROBE(id) lttng_ust_tracepoint(bench, off, id, 200)
#else
#include "jstrace.h"
#define PROBE(id) JSTRACE("bench:off", "id", id)
#endif

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static double clock_ns(clockid_t clock)
{
	struct timespec t;
	clock_gettime(clock, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

/* The number after a word in a file of /proc; summed over its lines. */
static long number_in(const char *path, const char *word)
{
	char line[256];
	long sum = 0;
	FILE *file = fopen(path, "r");
	while (file && fgets(line, sizeof(line), file)) {
		if (!strncmp(line, word, strlen(word)))
			sum += strtol(line + strlen(word), NULL, 10);
	}
	if (file)
		fclose(file);
	return sum;
}

/* How often threads but the first were switched to. */
static long switches(unsigned *threads)
{
	long sum = 0;
	DIR *folder = opendir("/proc/self/task");
	*threads = 0;
	for (struct dirent *entry; folder && (entry = readdir(folder));) {
		char path[300];
		const long tid = strtol(entry->d_name, NULL, 10);
		if (tid <= 0)
			continue;
		++*threads;
		snprintf(path, sizeof(path), "/proc/self/task/%ld/status", tid);
		if (tid != getpid())
			sum += number_in(path, "voluntary_ctxt_switches:");
	}
	if (folder)
		closedir(folder);
	return sum;
}

static void memory(void)
{
	unsigned threads;
	switches(&threads);
	printf("%ld %u\n", number_in("/proc/self/smaps_rollup", "Rss:"), threads);
}

static void wait_idle(long ms)
{
	unsigned threads;
	const struct timespec settle = {.tv_nsec = 300000000}, time = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};
	nanosleep(&settle, NULL);
	const long before = switches(&threads);
	nanosleep(&time, NULL);
	printf("%ld\n", switches(&threads) - before);
}

static double malloc_ns(void)
{
	enum { TIMES = 2000000 };
	const double begin = clock_ns(CLOCK_THREAD_CPUTIME_ID);
	for (unsigned i = 0; i < TIMES; i++) {
		void *p = malloc(2048); /* more than the cache of a thread holds, which is the same with threads and without */
		__asm__ volatile("" : "+r"(p)::"memory");
		free(p);
	}
	return (clock_ns(CLOCK_THREAD_CPUTIME_ID) - begin) / TIMES;
}

static double getc_ns(void)
{
	enum { TIMES = 4000000 };
	FILE *file = fopen("/dev/zero", "r");
	unsigned sum = 0;
	if (!file)
		return 0;
	const double begin = clock_ns(CLOCK_THREAD_CPUTIME_ID);
	for (unsigned i = 0; i < TIMES; i++)
		sum += (unsigned)getc(file);
	const double ns = (clock_ns(CLOCK_THREAD_CPUTIME_ID) - begin) / TIMES;
	__asm__ volatile("" ::"r"(sum));
	fclose(file);
	return ns;
}

static double cpu_us(int who)
{
	struct rusage usage;
	getrusage(who, &usage);
	return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1e6 + (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
}

static double fork_us(void)
{
	enum { TIMES = 300 };
	const double begin = cpu_us(RUSAGE_SELF) + cpu_us(RUSAGE_CHILDREN);
	for (unsigned i = 0; i < TIMES; i++) {
		const pid_t child = fork();
		if (!child)
			_exit(0);
		if (child < 0 || waitpid(child, NULL, 0) != child)
			return 0;
	}
	return (cpu_us(RUSAGE_SELF) + cpu_us(RUSAGE_CHILDREN) - begin) / TIMES;
}

int main(int count, char **arguments)
{
	const uint64_t id = (uint64_t)count;
	PROBE(id);
	(void)id;
	if (count == 2 && !strcmp(arguments[1], "memory")) {
		memory();
	} else if (count == 3 && !strcmp(arguments[1], "wait")) {
		wait_idle(strtol(arguments[2], NULL, 10));
	} else if (count == 2 && !strcmp(arguments[1], "cost")) {
		const double m = malloc_ns(), g = getc_ns();
		printf("%.4f %.4f %.4f\n", m, g, fork_us());
	}
	return 0;
}
