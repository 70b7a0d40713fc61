/*
 * What the CLI prints of what targets say: as text nothing that a terminal would obey, as JSON an object a line.
 */
#ifndef PRINTED_H
#define PRINTED_H

#include "fuzz.h"
#include "json_check.h"

/* The texts of scripts.c have no control characters but line ends and tabs. */
static inline void printed_check(const char *text, size_t length, bool json)
{
	if (json) {
		if (json_lines(text, length) < 0)
			fuzz_fail("this is no JSON: %.2000s", text);
		return;
	}
	for (size_t i = 0; i < length; i++)
		if (((unsigned char)text[i] < ' ' && text[i] != '\n' && text[i] != '\t') || text[i] == 0x7f)
			fuzz_fail("byte %zu of what was printed is a control character, %d", i, text[i]);
}

#endif
