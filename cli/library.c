/*
 * Finding and reading what scripts import.
 */
#include "library.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "messages.h"

/* The folder of a path, with its slash, and behind it the name; "" is the present one. False: it is too long. */
static bool beside(char path[PATH_MAX], const char *of, const char *name)
{
	const char *slash = strrchr(of, '/');

	return snprintf(path, PATH_MAX, "%.*s%s", slash ? (int)(slash - of + 1) : 0, of, name) < PATH_MAX;
}

static bool is_folder(const char *path)
{
	struct stat status;

	return stat(path, &status) == 0 && S_ISDIR(status.st_mode);
}

/* A folder is no script; the search goes on behind it. */
static bool exists(const char *path)
{
	struct stat status;

	return stat(path, &status) == 0 && !S_ISDIR(status.st_mode);
}

bool library_find_own(char path[PATH_MAX], const char *folder, const char *name)
{
	static const char *const places[] = { "../share/jstrace/", "" };
	char self[PATH_MAX];
	const ssize_t length = readlink("/proc/self/exe", self, sizeof(self) - 1);

	if (length <= 0)
		return false;
	self[length] = '\0';
	for (size_t i = 0; i < sizeof(places) / sizeof(*places); i++) {
		char from_here[64 + NAME_MAX];

		if (snprintf(from_here, sizeof(from_here), "%s%s/%s", places[i], folder, name) < (int)sizeof(from_here) && beside(path, self, from_here) && exists(path))
			return true;
	}
	return false;
}

static bool in_library(char path[PATH_MAX], const char *name)
{
	const char *folder = getenv("JSTRACE_LIBRARY");

	if (folder && *folder)
		return snprintf(path, PATH_MAX, "%s/%s", folder, name) < PATH_MAX && exists(path);
	return library_find_own(path, "library", name);
}

static bool find(char path[PATH_MAX], const char *name, const char *from)
{
	if (*name == '/')
		return strlen(name) < PATH_MAX && exists(strcpy(path, name));
	return (beside(path, from, name) && exists(path)) || in_library(path, name);
}

/* One byte more than a script may have is read, so that the compiler sees that it is too large. */
static bool read_text(FILE *file, struct compiled_source *source)
{
	const size_t room = LARGEST_SCRIPT + 2;

	source->text = message_resize(NULL, room, 1);
	source->length = fread(source->text, 1, room - 1, file);
	source->text[source->length] = '\0';
	return !ferror(file);
}

bool library_import(void *context, const char *name, const char *from, struct compiled_source *source, const char **problem)
{
	char path[PATH_MAX], identity[PATH_MAX];
	FILE *file;

	(void)context;
	if (!find(path, name, from)) {
		*problem = beside(path, *name == '/' ? "" : from, name) && is_folder(path) ? "it is a folder" : "there is no such file";
		return false;
	}
	file = fopen(path, "re");
	if (!file || !realpath(path, identity)) {
		*problem = strerror(errno);
		if (file)
			fclose(file);
		return false;
	}
	if (!read_text(file, source)) {
		*problem = strerror(errno);
		free(source->text);
		fclose(file);
		return false;
	}
	fclose(file);
	source->name = message_copy(path, strlen(path));
	source->identity = message_copy(identity, strlen(identity));
	return true;
}
