/*
 * The differential test: random programs, run by the virtual machine as it is and by a reference that walks the tree and knows nothing of bytecode.
 *
 *     generate.c → a tree → write.c → text → the compiler, the verifier and the machine (run.c) → variables, losses
 *                                       └──→ the tree as parsed and checked → reference.c        → variables, errors      the same?
 *
 * A program is a pure function of its seed: its tree, the script's arguments, the fields of its events and the longest string. What a failure is reduced to
 * (shrink.c) is the same program with a smaller tree. Single-threaded.
 */
#ifndef DIFFERENTIAL_H
#define DIFFERENTIAL_H

#include "check.h"
#include "memory.h"
#include "probe.h"
#include "tree.h"

/* The fields of the probe that fires. Names that no row has are missing fields. */
#define PROGRAM_FIELDS                       \
	FIELD(INT, "i", INT)                 \
	FIELD(UINT, "u", UINT)               \
	FIELD(BOOL, "b", BOOL)               \
	FIELD(DOUBLE, "d", DOUBLE)           \
	FIELD(STRING, "s", STRING)           \
	FIELD(BYTES, "y", BYTES)             \
	FIELD(POINTER, "p", POINTER)         \
	FIELD(DOTTED, "req.url", STRING)     \
	FIELD(ODD, "content-length", INT)

enum program_field {
#define FIELD(name, text, type) PROGRAM_FIELD_##name,
	PROGRAM_FIELDS
#undef FIELD
	PROGRAM_FIELD_COUNT
};

struct field_row {
	const char *name;
	enum jst_field_type type;
};
extern const struct field_row field_rows[PROGRAM_FIELD_COUNT];

enum {
	PROGRAM_EVENTS = 3,    /* a program sees so many, with other fields each */
	PROGRAM_ARGUMENTS = 3, /* of the script */
	PROBE_LINE = 42,
	PROBE_TID = 4711,
};
#define PROBE_NAME "request:end"
#define PROBE_FILE "server.c"

struct program {
	uint64_t seed;
	struct arena arena;                  /* holds all that follows */
	struct diagnostics diagnostics;      /* of building the tree: stays empty */
	struct script script;                /* the tree that is meant */
	uint32_t string_size;
	const char *arguments[PROGRAM_ARGUMENTS];
	struct jst_value fields[PROGRAM_EVENTS][PROGRAM_FIELD_COUNT];
};

/* generate.c: the program of that seed. To be given back. */
void program_generate(struct program *program, uint64_t seed);
void program_free(struct program *program);

/* write.c: the tree as source text, on the heap, *length bytes; with no more parentheses than are needed, but for some. */
char *write_script(const struct script *script, size_t *length);
/* Whether the parser made the tree that was meant. Before the check, which changes it. */
bool same_tree(const struct script *a, const struct script *b);

/* run.c */
enum verdict {
	VERDICT_SAME,
	VERDICT_OVER_BUDGET, /* loops for long: left out */
	VERDICT_OUT_OF_ROOM, /* its strings do not fit the scratch area: left out */
	VERDICT_TOO_LARGE,   /* more code or registers than a clause may have: left out */
	VERDICT_REFUSED,     /* from here on failures: the compiler or the verifier refused it */
	VERDICT_MISREAD,     /* the parser made another tree of it */
	VERDICT_DIFFERENT,   /* machine and reference disagree */
};

/* What came of the programs that ran. */
struct outcome {
	uint64_t results[JST_STRING + 1]; /* values that were stored as results, by kind */
	bool nothing;                     /* of the last program: not one result was more than nil after any event */
	uint64_t errors;
};

/* Compiles and runs the program both ways. What is wrong goes to report, which may be NULL. */
enum verdict program_run(const struct program *program, struct outcome *outcome, FILE *report);

/* shrink.c: makes the program's tree smaller as long as the verdict stays. */
void program_shrink(struct program *program, enum verdict verdict);

/* "nil", "42", "0x1p-3 (0.125)", "\"text\"": for reports. */
void print_value(FILE *out, const struct jst_value *value);

#endif
