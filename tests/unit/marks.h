/*
 * Before everything in a unit test: Check's header, with cheaper assertions.
 *
 * Each one that holds sends a message to the runner, so that it can say after which line a test crashed. In a loop of a million that is most of the test, and minutes under valgrind. Here a line sends one when it is not the one that did last, and a process no more than MARKS of them.
 */
#ifndef JST_TESTS_MARKS_H
#define JST_TESTS_MARKS_H

#include <check.h>

enum { MARKS = 2000 };

static inline void mark_line(const char *file, int line)
{
	static __thread int last, count;

	if (line == last || count >= MARKS)
		return;
	last = line;
	count++;
	_mark_point(file, line);
}
#define _mark_point(file, line) mark_line(file, line)

#endif
