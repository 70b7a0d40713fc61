/*
 * Scanning /proc for instrumented processes, again and again, cheaply.
 *
 * Reading the maps of a large process is not free, so a process that has no marker is looked at in the first scans after it appeared or called exec (another stack address
 * tells), when a library may still be on its way in, and then only now and then, for a dlopen later in its life.
 */
#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "find.h"
#include "messages.h"
#include "proc.h"

enum { EAGER_LOOKS = 3, SELDOM = 16 };

struct seen {
	pid_t pid;
	bool visited, here;
	unsigned looks;      /* scans since it was new */
	uint64_t start_time, start_stack;
};

struct finder {
	struct seen *seen;   /* sorted by pid */
	size_t count, room;
};

struct finder *finder_new(void)
{
	return message_allocate(1, sizeof(struct finder));
}

void finder_free(struct finder *finder)
{
	if (finder)
		free(finder->seen);
	free(finder);
}

static int by_pid(const void *a, const void *b)
{
	pid_t x = ((const struct seen *)a)->pid, y = ((const struct seen *)b)->pid;

	return (x > y) - (x < y);
}

static struct seen *seen_find(struct finder *finder, pid_t pid, size_t sorted)
{
	struct seen key = { .pid = pid };

	return sorted ? bsearch(&key, finder->seen, sorted, sizeof(*finder->seen), by_pid) : NULL;
}

static struct seen *seen_add(struct finder *finder, pid_t pid)
{
	if (finder->count == finder->room)
		finder->seen = message_resize(finder->seen, finder->room = finder->room ? finder->room * 2 : 256, sizeof(*finder->seen));
	finder->seen[finder->count] = (struct seen){ .pid = pid };
	return &finder->seen[finder->count++];
}

static bool ours(pid_t pid)
{
	return geteuid() == 0 || proc_status_number(pid, 0, "Uid", false) == (long)getuid();
}

/* Whether the process is to be visited now. */
static bool look_at(struct seen *seen)
{
	struct proc_stat stat;
	struct proc_marker marker;
	bool kernel;

	if (!proc_stat(seen->pid, &stat))
		return false;
	if (stat.start_time != seen->start_time || stat.start_stack != seen->start_stack)
		*seen = (struct seen){ .pid = seen->pid, .here = true, .start_time = stat.start_time, .start_stack = stat.start_stack };
	if (seen->visited || (seen->looks++ >= EAGER_LOOKS && seen->looks % SELDOM != 0))
		return false;
	if (!ours(seen->pid) || !proc_marker(seen->pid, &marker, &kernel) || !marker.found)
		return false;
	seen->visited = true;
	return true;
}

void finder_scan(struct finder *finder, void (*visit)(void *context, pid_t pid), void *context)
{
	DIR *directory = opendir("/proc");
	const size_t sorted = finder->count;
	pid_t *found = NULL;
	size_t count = 0, kept = 0;

	if (!directory)
		return;
	for (struct dirent *entry; (entry = readdir(directory));) {
		pid_t pid = (pid_t)atoi(entry->d_name);

		if (pid <= 0 || pid == getpid())
			continue;

		struct seen *seen = seen_find(finder, pid, sorted);

		if (!seen)
			seen = seen_add(finder, pid);
		seen->here = true;
		if (look_at(seen)) {
			found = message_resize(found, count + 1, sizeof(*found));
			found[count++] = pid;
		}
	}
	closedir(directory);
	for (size_t i = 0; i < finder->count; i++) {
		if (finder->seen[i].here) {
			finder->seen[kept] = finder->seen[i];
			finder->seen[kept++].here = false;
		}
	}
	finder->count = kept;
	if (kept)
		qsort(finder->seen, kept, sizeof(*finder->seen), by_pid);
	for (size_t i = 0; i < count; i++)
		visit(context, found[i]);
	free(found);
}

void finder_retry(struct finder *finder, pid_t pid)
{
	struct seen *seen = seen_find(finder, pid, finder->count);

	if (seen)
		*seen = (struct seen){ .pid = pid, .start_time = seen->start_time, .start_stack = seen->start_stack };
}

void finder_later(struct finder *finder, pid_t pid)
{
	struct seen *seen = seen_find(finder, pid, finder->count);

	if (seen)
		seen->visited = false;
}
