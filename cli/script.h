/*
 * The text of the script: from -e, a file or standard input.
 */
#ifndef SCRIPT_H
#define SCRIPT_H

#include <stddef.h>

#include "options.h"

struct script {
	char *text;         /* owned; a NUL follows it */
	size_t length;
	const char *name;   /* as diagnostics call it: "-e", the path, "-" */
	char *identity;     /* its absolute path, owned; NULL: it is no file */
};

/* False: it cannot be read, a message was written. */
bool script_read(struct script *script, const struct options *options);
void script_free(struct script *script);

#endif
