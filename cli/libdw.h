/*
 * libdw, loaded when the first stack is to have names: it brings four libraries more, and linking those took half of the time from jstrace's start to its main().
 *
 * Each of its functions that are called is a pointer of the same name and type here. Where the library is not installed, stacks have no names, which is said once. Single-threaded.
 */
#ifndef LIBDW_H
#define LIBDW_H

#include <dwarf.h>
#include <elfutils/libdwfl.h>
#include <stdbool.h>

struct libdw {
#define FUNCTION(name) __typeof__(name) *name;
#include "libdw.def"
#undef FUNCTION
};

/* Good once libdw_load() has said so. */
extern struct libdw libdw;

/* Loads it, the first time; false, always: it cannot be had. */
bool libdw_load(void);

#endif
