/*
 * Reading /proc. Its files have no size: they are read until they end.
 */
#include "proc.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "messages.h"
#include "wire.h"

char *proc_read(size_t *length, const char *format, ...)
{
	char path[128];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(path, sizeof(path), format, arguments);
	va_end(arguments);

	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return NULL;

	size_t room = 4096, used = 0;
	char *text = message_allocate(room, 1);

	for (;;) {
		ssize_t got = read(fd, text + used, room - used - 1);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0) {
			int error = errno;

			free(text);
			close(fd);
			errno = error;
			return NULL;
		}
		if (got == 0)
			break;
		used += (size_t)got;
		if (room - used < 2048)
			text = message_resize(text, room *= 2, 1);
	}
	close(fd);
	text[used] = 0;
	if (length)
		*length = used;
	return text;
}

bool proc_stat(pid_t pid, struct proc_stat *stat)
{
	char *text = proc_read(NULL, "/proc/%d/stat", (int)pid);

	if (!text)
		return false;
	*stat = (struct proc_stat){ 0 };

	/* The name stands in parentheses and may hold any character, so its end is the last one. */
	char *open = strchr(text, '('), *close = strrchr(text, ')');

	if (!open || !close || close[1] != ' ') {
		free(text);
		errno = ESRCH;
		return false;
	}
	snprintf(stat->comm, sizeof(stat->comm), "%.*s", (int)(close - open - 1), open + 1);
	stat->state = close[2];

	char *save = NULL;
	int field = 3;

	for (char *word = strtok_r(close + 2, " \n", &save); word; word = strtok_r(NULL, " \n", &save), field++) {
		if (field == 22)
			stat->start_time = strtoull(word, NULL, 10);
		else if (field == 28)
			stat->start_stack = strtoull(word, NULL, 10);
		else if (field == 52)
			stat->exit_code = (int)strtol(word, NULL, 10);
	}
	free(text);
	return true;
}

char *proc_status(pid_t pid, pid_t tid)
{
	return tid ? proc_read(NULL, "/proc/%d/task/%d/status", (int)pid, (int)tid) : proc_read(NULL, "/proc/%d/status", (int)pid);
}

long proc_status_value(const char *text, const char *key, bool last)
{
	size_t length = strlen(key);
	long number = -1;

	for (const char *line = text; line; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (strncmp(line, key, length) != 0 || line[length] != ':')
			continue;
		char *end;

		for (const char *at = line + length + 1; *at != '\n' && *at; at = end) {
			long value = strtol(at, &end, 10);

			if (end == at)
				break;
			number = value;
			if (!last)
				break;
			while (*end == '\t' || *end == ' ')
				end++;
		}
		break;
	}
	return number;
}

long proc_status_number(pid_t pid, pid_t tid, const char *key, bool last)
{
	char *text = proc_status(pid, tid);
	const long number = proc_status_value(text, key, last);

	free(text);
	return number;
}

bool proc_marker(pid_t pid, struct proc_marker *marker, bool *kernel)
{
	static const char name[] = "/memfd:" JST_MARKER_NAME " (deleted)";
	const char *colon = strrchr(name, ':');
	const int family = (int)(colon - name) + 1; /* "/memfd:jstrace:" without the version */
	size_t length;
	char *text = proc_read(&length, "/proc/%d/maps", (int)pid);

	*marker = (struct proc_marker){ 0 };
	if (!text)
		return false;
	*kernel = length == 0;

	char *at = text;

	/* Most processes have many mappings and no marker: look for the name first and for its line then. */
	while (!marker->found && (at = memmem(at, length - (size_t)(at - text), name, (size_t)family))) {
		char *line = at, *end = strchr(at, '\n');
		uint64_t inode;
		unsigned major, minor;

		while (line > text && line[-1] != '\n')
			line--;
		if (end)
			*end = 0;
		/* The name must begin the path: one further inside is a file's that somebody called so. */
		int path = 0;

		if (sscanf(line, "%*x-%*x %*s %*x %x:%x %lu %n", &major, &minor, &inode, &path) == 3 && line + path == at) {
			if (strcmp(at, name) == 0)
				*marker = (struct proc_marker){ .found = true, .major = major, .minor = minor, .inode = inode };
			else
				marker->other = true;
		}
		if (!end)
			break;
		at = end + 1;
	}
	free(text);
	return true;
}
