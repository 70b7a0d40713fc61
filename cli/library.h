/*
 * The library: where what a script imports is looked for.
 *
 *     import "lib.jst";       beside the file that imports it, else in the folders of the library
 *
 * The folders of the library are $JSTRACE_LIBRARY, or else what was installed with jstrace (share/jstrace/library beside its bin) or lies beside it where it was built.
 */
#ifndef LIBRARY_H
#define LIBRARY_H

#include <limits.h>
#include <stdbool.h>

#include "compile.h"

/* Finds and reads a text that another imports; as compile_options.import. context is not used. */
bool library_import(void *context, const char *name, const char *from, struct compiled_source *source, const char **problem);

/* A file of a folder that came with jstrace: under share where that is installed, beside the program where it was built. False: there is none. */
bool library_find_own(char path[PATH_MAX], const char *folder, const char *name);

#endif
