/*
 * Diagnostics: what the compiler has to say about a script. Each stage appends and goes on; compile() hands them over, in the order of their places.
 *
 * Up to 20 errors and 20 warnings are kept, with their notes; all errors are counted. Owns its messages. Single-threaded.
 */
#ifndef DIAGNOSTICS_H
#define DIAGNOSTICS_H

#include "compile.h"
#include "location.h"

enum diagnostic_id {
#define DIAGNOSTIC(name, tag, severity, message) DIAGNOSTIC_##name,
#include "diagnostic.def"
#undef DIAGNOSTIC
	DIAGNOSTICS
};

struct diagnostics {
	struct diagnostic *items;
	uint32_t count;
	uint32_t errors, warnings;
	bool dropped; /* the last one added was beyond the limit, or in doubt: its help and notes go too */
	/* Parts of the script could not be read; definitions among them. What may follow from that alone is not added. */
	bool incomplete, undefined;
};

/* Appends a diagnostic about the place; the arguments are those of its message in diagnostic.def. Context: any. */
void diagnostics_add(struct diagnostics *diagnostics, enum diagnostic_id id, struct location at, ...);

/* What would be right, for the diagnostic added last; printf's format. Context: any. */
void diagnostics_help(struct diagnostics *diagnostics, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Sorts by place; notes stay behind what they belong to. Context: any. */
void diagnostics_sort(struct diagnostics *diagnostics);

/* Frees the messages. Context: any. */
void diagnostics_fini(struct diagnostics *diagnostics);

/* suggest.c: how many slips lie between two names. Context: any. */
size_t suggest_distance(const char *a, const char *b);

/* suggest.c: the closest of count names to what was written, close enough to be a slip; NULL: none is. Context: any. */
const char *suggest_name(const char *written, size_t length, const char *const *names, size_t count);

#endif
