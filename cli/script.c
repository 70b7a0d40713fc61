/*
 * Reading the script. Several -e stand each on a line of its own, as in awk, so a clause may be split over them or each be whole.
 */
#include "script.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "messages.h"

enum { SCRIPT_MAX = 16 << 20 };

static void append(struct script *script, const char *text, size_t length)
{
	script->text = message_resize(script->text, script->length + length + 1, 1);
	memcpy(script->text + script->length, text, length);
	script->length += length;
	script->text[script->length] = 0;
}

static bool read_file(struct script *script, FILE *file, const char *name)
{
	char buffer[1 << 14];
	size_t got;

	append(script, "", 0);
	while ((got = fread(buffer, 1, sizeof(buffer), file)) > 0) {
		append(script, buffer, got);
		if (script->length > SCRIPT_MAX) {
			message_error("%s is too long for a script: more than 16 MiB", name);
			return false;
		}
	}
	if (ferror(file)) {
		message_error("cannot read %s: %s", name, strerror(errno));
		return false;
	}
	return true;
}

bool script_read(struct script *script, const struct options *options)
{
	*script = (struct script){ .name = options->script ? options->script : "-e" };
	for (size_t i = 0; i < options->program_count; i++) {
		if (i)
			append(script, "\n", 1);
		append(script, options->programs[i], strlen(options->programs[i]));
	}
	if (!options->script)
		return true;
	if (strcmp(options->script, "-") == 0)
		return read_file(script, stdin, "standard input");

	FILE *file = fopen(options->script, "re");

	if (!file) {
		message_error("cannot open %s: %s%s", options->script, strerror(errno), strpbrk(options->script, "<{") ? "; a program is given with -e" : "");
		return false;
	}

	bool good = read_file(script, file, options->script);

	script->identity = realpath(options->script, NULL);
	fclose(file);
	return good;
}

void script_free(struct script *script)
{
	free(script->text);
	free(script->identity);
}
