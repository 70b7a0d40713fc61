/*
 * Habits: what people write who come from DTrace, bpftrace, awk, C, Python or JavaScript, and what is right here.
 *
 * Where the grammar stops, a few tokens tell which habit it was. Each is a function or a row of a table in habit.c; some of them also move the lexer to where it can go on. Single-threaded.
 */
#ifndef HABIT_H
#define HABIT_H

#include "lexer.h"

/* What could stand where the grammar stopped, as far as habits need to know. */
struct expectation {
	bool block;       /* only a '{' */
	bool parenthesis; /* a '(' */
	bool semicolon;
	bool value;
};

/* What is to blame, and what would be right. */
struct habit {
	struct word blame;
	char help[200]; /* "": nobody knows */
	bool told;      /* it belongs to the mistake before it: nothing more is to be said */
};

/* A syntax error at lexer->current: false if it is no habit. Context: any. */
bool habit_find(struct lexer *lexer, const struct expectation *expected, struct habit *habit);

/* What a function or an aggregation that does not exist is called here, as advice; NULL: nobody knows. Context: any. */
const char *habit_function(const char *name);

/* The same of a name that is read as a field. Context: any. */
const char *habit_variable(const char *name);

#endif
