/*
 * The generator's parts. An expression is generated for what is wanted of it, so that most of what is written makes sense; now and then something else is put in its place.
 */
#ifndef GENERATOR_H
#define GENERATOR_H

#include "differential.h"
#include "random.h"

/* WANT_WORD is an integer that the compiler can prove to be one: variables that hold nothing else lie in other tables. */
enum want { WANT_INT, WANT_WORD, WANT_DOUBLE, WANT_STRING, WANT_ANY, WANTS };

/* Globals, maps and self. variables: VARIABLE_ROW(NAME, "name", what it holds mostly, keys, its keys mostly, self.?) */
#define VARIABLE_ROWS                                      \
	VARIABLE_ROW(OUT, "out", ANY, 1, INT, false)       \
	VARIABLE_ROW(GI, "gi", INT, 0, INT, false)         \
	VARIABLE_ROW(GD, "gd", DOUBLE, 0, INT, false)      \
	VARIABLE_ROW(GS, "gs", STRING, 0, INT, false)      \
	VARIABLE_ROW(GA, "ga", ANY, 0, INT, false)         \
	VARIABLE_ROW(GW, "gw", WORD, 0, INT, false)        \
	VARIABLE_ROW(MI, "mi", INT, 1, INT, false)         \
	VARIABLE_ROW(MD, "md", DOUBLE, 1, ANY, false)      \
	VARIABLE_ROW(MS, "ms", STRING, 1, STRING, false)   \
	VARIABLE_ROW(MA, "ma", ANY, 1, ANY, false)         \
	VARIABLE_ROW(MW, "mw", WORD, 1, WORD, false)       \
	VARIABLE_ROW(MX, "mx", WORD, 1, ANY, false)        \
	VARIABLE_ROW(M2, "m2", ANY, 2, ANY, false)         \
	VARIABLE_ROW(M3, "m3", INT, 3, STRING, false)      \
	VARIABLE_ROW(SELF_A, "a", ANY, 0, INT, true)       \
	VARIABLE_ROW(SELF_W, "w", WORD, 0, INT, true)      \
	VARIABLE_ROW(SELF_M, "m", INT, 1, INT, true)

enum variable_id {
#define VARIABLE_ROW(id, name, want, keys, key, self) VARIABLE_##id,
	VARIABLE_ROWS
#undef VARIABLE_ROW
	VARIABLES
};

struct variable_row {
	const char *name;
	enum want want;
	uint32_t keys;
	enum want key;
	bool is_self;
};
extern const struct variable_row variable_rows[VARIABLES];

enum { LOCALS_OF_A_KIND = 2, RESULTS = 16, MOST_FUNCTIONS = 3, MOST_PARAMETERS = 3, MOST_CONSTANTS = 3, MOST_ARGUMENTS = 2, CALLS_OF_A_CLAUSE = 6, CALLS_OF_A_FUNCTION = 2 };

/* fn name(…): what it gives, and takes. */
struct generated_function {
	const char *name;
	enum want want;
	uint32_t count;
	enum want parameters[MOST_PARAMETERS];
};

struct generator {
	struct random random;
	struct program *program;
	struct script *script;
	bool used[VARIABLES], assigned[VARIABLES];
	uint32_t results;      /* entries of out that were assigned */
	uint32_t loops;        /* around what is written */
	uint32_t counters;     /* locals that bound loops, in this clause */
	struct generated_function functions[MOST_FUNCTIONS]; /* those that may be called */
	uint32_t function_count;
	enum want constants[MOST_CONSTANTS], arguments[MOST_ARGUMENTS]; /* of which kind they are */
	uint32_t constant_count, argument_count;
	const struct generated_function *inside; /* the function that is written; NULL: a clause is */
	const char *target;    /* the local that is being assigned, so that its value is often made of it; NULL: none is */
	uint32_t calls;        /* of functions, that may still be written here: each stands for all of its code */
};

/* generator_value.c */
int64_t generator_edge_integer(struct random *random);
double generator_edge_double(struct random *random);
/* A string as a literal or field: bytes in the arena, terminated. */
struct name generator_edge_string(struct random *random, struct arena *arena, bool with_nul);
struct name generator_glob(struct random *random, struct arena *arena);
/* What the fields of an event hold. */
void generator_fields(struct random *random, struct program *program, struct jst_value fields[static PROGRAM_FIELD_COUNT]);

/* generator_definition.c: functions, constants and named arguments, before the clauses that use them. */
void generator_definitions(struct generator *generator);
extern const char *const constant_names[MOST_CONSTANTS];
extern const char *const argument_names[MOST_ARGUMENTS];

/* generator.c: statements; in a function, those that are allowed there. */
struct block generator_block(struct generator *generator, uint32_t count, int depth);

/* generator_expression.c */
struct expression *generator_value(struct generator *generator, enum want want, int depth);
struct expression *generator_literal(struct generator *generator, enum want want);
struct expression *generator_integer(struct generator *generator, int64_t value);
struct expression *generator_local(struct generator *generator, const char *name);
struct expression *generator_any_local(struct generator *generator, enum want want);
extern const char *const local_names[WANTS][LOCALS_OF_A_KIND];
/* A variable, or an entry of one with keys. */
struct expression *generator_variable(struct generator *generator, enum variable_id id, int depth);
/* What a constant may be made of. */
struct expression *generator_constant_value(struct generator *generator, enum want want, int depth);
struct expression *generator_defined_call(struct generator *generator, const struct generated_function *function, int depth);
enum variable_id generator_variable_id(struct generator *generator, enum want want);
struct expression *generator_binary(struct generator *generator, enum operator operator, struct expression *left, struct expression *right);
struct expression *generator_call(struct generator *generator, const char *name, uint32_t count, struct expression *const *arguments);

#endif
