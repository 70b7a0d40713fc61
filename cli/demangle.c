/*
 * By libiberty, in which the demanglers of gcc and binutils are kept. Of its interfaces the one with a callback: it allocates nothing, so it can be left in the middle, and must be,
 * since a few hundred bytes of symbol can stand for terabytes of name.
 */
#include "demangle.h"

#include <setjmp.h>
#include <stdbool.h>
#include <string.h>

#include <libiberty/demangle.h>

enum { SYMBOL_MOST = 4096 };

struct writer {
	char *text;
	size_t used, room;
	jmp_buf full;
};

static void take(const char *part, size_t length, void *context)
{
	struct writer *writer = context;
	const size_t left = writer->room - 1 - writer->used;
	const size_t taken = length < left ? length : left;

	memcpy(writer->text + writer->used, part, taken);
	writer->used += taken;
	if (taken < length)
		longjmp(writer->full, 1);
}

static bool demangled(const char *symbol, struct writer *writer)
{
	const int options = DMGL_ANSI; /* without parameters: long as they are, they tell less than the line that stands beside */

	if (setjmp(writer->full))
		return true;
	/* A Rust name of the old kind is a C++ one with a hash at its end. */
	if (rust_demangle_callback(symbol, options, take, writer))
		return true;
	writer->used = 0;
	return symbol[0] == '_' && symbol[1] == 'Z' && cplus_demangle_v3_callback(symbol, options, take, writer);
}

void demangle(const char *symbol, char *text, size_t room)
{
	struct writer writer = { .text = text, .room = room };
	const size_t length = strlen(symbol);

	if (length > SYMBOL_MOST || !demangled(symbol, &writer)) {
		writer.used = length < room - 1 ? length : room - 1;
		memcpy(text, symbol, writer.used);
	}
	text[writer.used] = 0;
}
