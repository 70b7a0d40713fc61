/*
 * How long a command takes from its start to its end: bench_command ROUNDS COMMAND ARGUMENT…. Prints a line a round, "WALL CPU", in ms. A command that fails ends it.
 */
#include <errno.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>

extern char **environ;

static double now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

int main(int count, char **arguments)
{
	if (count < 3)
		return 2;
	for (long round = strtol(arguments[1], NULL, 10); round > 0; round--) {
		pid_t pid;
		const double begin = now();
		const int error = posix_spawnp(&pid, arguments[2], NULL, NULL, arguments + 2, environ);
		struct rusage usage;
		int status = 1;
		if (error || wait4(pid, &status, 0, &usage) != pid || status) {
			fprintf(stderr, "bench_command: %s: %s\n", arguments[2], error ? strerror(error) : "it failed");
			return 1;
		}
		const double wall = now() - begin;
		printf("%.4f %.4f\n", wall, (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1e3 + (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e3);
	}
	return 0;
}
