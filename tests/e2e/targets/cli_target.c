/*
 * A target for tests of the CLI that does exactly as it is told: commands, one a line, from the FIFO named as its argument, each answered on standard output once it is done.
 *
 *     fire N        N times work:start {id} and work:end {id, status, path}, status 200 and every tenth 500
 *     threads T N   the same by T threads at once, N times each
 *     begin ID      work:start {id}
 *     finish ID     work:end {id, status, path}
 *     storm N       N times work:start, each with an id of its own
 *     job Q ID      job:start {queue, id}
 *     done Q ID     job:end {queue, id}
 *     text          odd:text {text}, whose text holds what terminals must not get
 *     exit N        ends with that code
 *     exec          becomes another program
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <jstrace.h>

static _Atomic long next_id;

static void fire(long count)
{
	for (long i = 0; i < count; i++) {
		long id = next_id++;

		JSTRACE("work:start", "id", id);
		JSTRACE("work:end", "id", id, "status", id % 10 == 9 ? 500 : 200, "path", id % 2 ? "/odd" : "/even");
	}
}

static void start_only(long count)
{
	for (long i = 0; i < count; i++)
		JSTRACE("work:start", "id", 1000000 + i);
}

static void *fire_in_thread(void *count)
{
	fire(*(long *)count);
	return NULL;
}

static void fire_in_threads(int threads, long count)
{
	pthread_t thread[64];

	for (int i = 0; i < threads && i < 64; i++)
		if (pthread_create(&thread[i], NULL, fire_in_thread, &count) != 0)
			exit(3);
	for (int i = 0; i < threads && i < 64; i++)
		pthread_join(thread[i], NULL);
}

int main(int argc, char **argv)
{
	char line[256];
	FILE *commands = argc == 2 ? fopen(argv[1], "r+") : NULL; /* r+: it does not end when a writer goes */

	if (!commands)
		return 2;
	puts("ready");
	fflush(stdout);
	while (fgets(line, sizeof(line), commands)) {
		long a = 0, b = 0;
		char queue[64];

		if (sscanf(line, "fire %ld", &a) == 1)
			fire(a);
		else if (sscanf(line, "threads %ld %ld", &a, &b) == 2)
			fire_in_threads((int)a, b);
		else if (sscanf(line, "begin %ld", &a) == 1)
			JSTRACE("work:start", "id", a);
		else if (sscanf(line, "finish %ld", &a) == 1)
			JSTRACE("work:end", "id", a, "status", 200, "path", "/begun");
		else if (sscanf(line, "storm %ld", &a) == 1)
			start_only(a);
		else if (sscanf(line, "job %63s %ld", queue, &a) == 2)
			JSTRACE("job:start", "queue", queue, "id", a);
		else if (sscanf(line, "done %63s %ld", queue, &a) == 2)
			JSTRACE("job:end", "queue", queue, "id", a);
		else if (strcmp(line, "text\n") == 0)
			JSTRACE("odd:text", "text", "a\33[31mb\nc\xff\"\\");
		else if (sscanf(line, "exit %ld", &a) == 1)
			exit((int)a);
		else if (strcmp(line, "exec\n") == 0)
			execlp("sleep", "sleep", "60", (char *)NULL);
		printf("done %s", line);
		fflush(stdout);
	}
	return 0;
}
