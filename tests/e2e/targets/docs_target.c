/*
 * What the examples of the documentation are run on: a make-believe server that answers the same twenty requests each time it reads a line from the FIFO named as its argument.
 *
 *     request:start {id, method, path}   cache:get {id, key, hit}   db:query {id, table, rows, cost}   request:end {id, status, bytes, path, user}
 *
 * Ids are 1 to 20. Every fifth misses the cache and asks the database. 13 is aborted (request:abort {id, path}) and 17 never ends. 7 and 14 take more than 10 ms, the others much less.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <time.h>

#include <jstrace.h>

enum { REQUESTS = 20, ABORTED = 13, STUCK = 17 };

static void sleep_ms(long ms)
{
	nanosleep(&(struct timespec){ .tv_nsec = ms * 1000000 }, NULL);
}

static const char *path_of(int id)
{
	static const char *const paths[] = { "/", "/users", "/orders", "/users/17" };

	return paths[id % 4];
}

static int status_of(int id)
{
	return id % 10 == 4 ? 404 : id % 10 == 9 ? 500 : 200;
}

static void look_up(int id)
{
	const bool hit = id % 5 != 0;

	JSTRACE("cache:get", "id", id, "key", path_of(id), "hit", hit);
	if (!hit)
		JSTRACE("db:query", "id", id, "table", id % 2 ? "users" : "orders", "rows", id / 5, "cost", id * 0.25);
}

static void serve(int id)
{
	static const char *const users[] = { "ann", "bob", "eve" };

	JSTRACE("request:start", "id", id, "method", id % 6 ? "GET" : "POST", "path", path_of(id));
	look_up(id);
	if (id % 7 == 0)
		sleep_ms(id + 5);
	if (id == ABORTED)
		JSTRACE("request:abort", "id", id, "path", path_of(id));
	else if (id != STUCK)
		JSTRACE("request:end", "id", id, "status", status_of(id), "bytes", (uint64_t)id * 100, "path", path_of(id), "user", users[id % 3]);
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
		for (int id = 1; id <= REQUESTS; id++)
			serve(id);
		printf("done %s", line);
		fflush(stdout);
	}
	return 0;
}
