/*
 * Frames of stacks, as they are shown. Each that is seen has a number, and stacks in the CLI are numbers of frames where in a target they were addresses; so stacks that look the same are equal, from whichever
 * process they came and at whichever address it lies.
 *
 * One table for the life of the command, as numbers are kept in keys of results. Single-threaded. What is in it came from targets and the files they have mapped: it is escaped where it is printed.
 */
#ifndef FRAMES_H
#define FRAMES_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "value.h"

enum { FRAME_NAMES = 16, FRAME_TEXT = 1024 };

/* A function, and the place in it: innermost first, those that the compiler put into the last one before it. */
struct frame_name {
	const char *function;
	const char *file;      /* NULL: not known, and neither is the line */
	int line;
};

struct frame {
	const char *module;    /* path of the file; NULL: no file is mapped there */
	uint64_t offset;       /* where there are no names: the address as written in the module's file, or there the offset where that cannot be read; without a module the address in the target */
	uint32_t names;
	struct frame_name name[FRAME_NAMES];
};

/* The number of the frame, which is copied; never 0. */
uint64_t frames_add(const struct frame *frame);

/* Where the number of what lies at an offset of a file (by a number of its own) can be remembered; 0 there if it is new. Good until the next call of any of these two. */
uint64_t *frames_at(uint64_t module, uint64_t offset);

/* A stack as text: each frame a line, indented, with a line break before each but, where fresh, the first. */
void frames_print(FILE *file, struct jst_value stack, int indent, bool fresh);

/*
 * A stack as JSON: an array of objects, innermost first.
 *
 *     {"function":"handle","file":"/src/server.c","line":120,"module":"/usr/bin/server"}
 *     {"function":null,"file":null,"line":null,"module":"/lib/libc.so.6","offset":160074}    no name is known; without a module: "address"
 *     {"cut":true}                                                                          at the end: there are, or may be, further frames
 */
void frames_print_json(FILE *file, struct jst_value stack);

/*
 * What clauses of the CLI see of a stack, since they compute with texts: its frames in one line, outermost first, as the tools that draw flame graphs read them.
 *
 *     main server.c:120;handle server.c:42
 *
 * The text belongs to the table; nil where that is full.
 */
struct jst_value frames_text(struct jst_value stack);

/* Puts the stack in the place of each text among the values that frames_text() gave for one. False: there was none. */
bool frames_restore(struct jst_value *values, uint32_t count);

/* An order of stacks by what is shown: < 0, 0, > 0. */
int frames_compare(struct jst_value a, struct jst_value b);

#endif
