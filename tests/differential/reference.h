/*
 * The reference: what a checked tree does, by the words of the language's specification and by nothing else. Slow and obvious on purpose: it walks the tree, keeps
 * variables in lists and copies every string. It shares no code with the machine but the type of a value.
 */
#ifndef REFERENCE_H
#define REFERENCE_H

#include "differential.h"

struct entry {
	struct entry *next;
	struct jst_value keys[JST_MAX_KEYS];
	struct jst_value value;
};

/* What a variable holds; one without keys has one entry at most. */
struct holding {
	struct holding *next;
	const struct variable *variable;
	struct entry *entries;
};

struct reference_local {
	struct reference_local *next;
	const struct local *local;
	struct jst_value value;
};

struct reference {
	const struct program *program;
	const struct jst_value *fields;   /* of the event */
	struct arena *arena;              /* for all it makes; the caller's */
	const struct script *checked;     /* for names that were never checked: constants and named arguments in constants */
	struct holding *holdings;
	struct reference_local *locals;   /* of the clause run or, in a function, of the call */
	uint32_t calls, loops;            /* of functions, and loops in the innermost, that it is in */
	struct jst_value returned;        /* by the return that is being obeyed */
	uint64_t errors, cuts;
	uint64_t steps;                   /* of the clause run */
	bool over;                        /* more steps than any program that is meant to end takes */
};

/* reference.c: one event through all clauses of the script. */
void reference_event(struct reference *reference, const struct script *script, const struct jst_value *fields);
/* A call of a function of the script. */
struct jst_value reference_defined(struct reference *reference, const struct expression *call);
const struct entry *reference_entries(const struct reference *reference, const struct variable *variable);

/* reference_expression.c */
/* Counts an expression or statement; false: the clause run goes on for too long and is given up. */
bool reference_step(struct reference *reference);
struct jst_value reference_evaluate(struct reference *reference, const struct expression *expression);
struct jst_value *reference_local(struct reference *reference, const struct local *local);
/* The entry of those keys, NULL: there is none. keys are cut as they are used. */
struct entry *reference_find(struct reference *reference, const struct expression *target, struct jst_value keys[static JST_MAX_KEYS]);
struct holding *reference_holding(struct reference *reference, const struct variable *variable);

/* reference_value.c: operators, on values alone. */
struct jst_value reference_unary(struct reference *reference, enum operator operator, struct jst_value a);
struct jst_value reference_arithmetic(struct reference *reference, enum operator operator, struct jst_value a, struct jst_value b);
bool reference_compare(enum operator operator, struct jst_value a, struct jst_value b);
bool reference_match(struct jst_value text, struct jst_value glob);
bool reference_truth(struct jst_value value);
bool reference_same_key(struct jst_value a, struct jst_value b);
/* Equal to the last bit, but that one NaN, and one zero, is as good as another: the language does not tell them apart. */
bool reference_identical(struct jst_value a, struct jst_value b);
/* nil, and an error of the clause. */
struct jst_value reference_error(struct reference *reference);
struct jst_value reference_string(struct reference *reference, const char *bytes, size_t length);
/* Cut at the longest string that is stored; counted. */
struct jst_value reference_cut(struct reference *reference, struct jst_value value);

/* reference_function.c */
struct jst_value reference_call(struct reference *reference, enum jst_function function, const struct jst_value *arguments, uint32_t count);

/* What was reached, by the kinds of its operands; filled in by the reference. */
enum { KINDS = JST_STRING + 1 };
struct coverage {
	uint64_t unary[OPERATOR_MOD + 1][KINDS];
	uint64_t binary[OPERATOR_MOD + 1][KINDS][KINDS];
	uint64_t in[2];                     /* by what it gave */
	uint64_t conditional[2];
	uint64_t nil_literal[2];            /* == and != with the literal nil */
	uint64_t function[JST_FUNCTIONS];
	uint64_t field[PROGRAM_FIELD_COUNT], missing;
	uint64_t variable[JST_VARIABLES];
	uint64_t statement[STATEMENT_RETURN + 1];
	uint64_t compound[OPERATOR_MOD + 1][2]; /* on locals, on variables */
	uint64_t key[KINDS];                /* kinds of keys of maps */
	/* Functions of the script: calls, those in functions, left by a return in a loop, left without a value. */
	uint64_t calls, nested, from_loop, without_value;
	uint64_t constants, folded;         /* read; compared with what the compiler made of them */
	uint64_t evaluated;                 /* expressions in all */
};
extern struct coverage coverage;

#endif
