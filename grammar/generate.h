/*
 * Code generation, one clause at a time, into a builder (runtime/builder.h).
 *
 *     registers: | locals $x … | hidden state of loops, temporaries, lists of keys and arguments … |
 *                0             clause->local_count                                        next
 *
 * A call of the script's own function is generated in place, with its parameters and locals in a frame of their own among the temporaries.
 *
 * Temporaries are a stack: a function that takes some puts `next` back when it is done. An expression is generated into a register that its user chose;
 * until its last instruction it writes only to that register, where it is no local, and above `next`.
 */
#ifndef GENERATE_H
#define GENERATE_H

#include "builder.h"
#include "check.h"

enum { NO_JUMP = -1 };

/* Jumps still without a target, linked through their imm; NO_JUMP: none. */
struct jumps {
	int32_t last;
};

struct generator {
	struct checker *checker;
	struct jst_builder *builder;
	bool special;           /* the CLI's program */
	const struct clause *clause;
	uint32_t index;         /* of the clause in its program */
	uint32_t frame, locals; /* registers frame … frame+locals-1: of the clause, or of the function that is being called */
	uint32_t next, most;    /* first free register, and the most that were ever taken */
	uint32_t insns;         /* of the clause */
	size_t total;           /* of all clauses */
	uint32_t patterns;      /* of the program, those of sibling spans included */
	bool failed;            /* a limit was passed, which was reported: nothing more is generated */
	struct jumps *breaks, *continues; /* of the innermost loop */
	struct jumps *returns;  /* of the function that is being called; NULL: in the clause itself */
	uint32_t result;        /* where its value goes */
	const struct statement *last; /* its last one */
};

/* generate.c: what follows comes from the place. */
void generate_mark(struct generator *generator, struct location at);

/* generate_expression.c */
uint32_t generate_insn(struct generator *generator, enum jst_opcode op, uint32_t a, uint32_t b, uint32_t c, int64_t imm);
/* count registers in a row. */
uint32_t generate_registers(struct generator *generator, uint32_t count);
void generate_expression(struct generator *generator, const struct expression *expression, uint32_t to);
uint32_t generate_local(const struct generator *generator, const struct local *local);
/* Whether the register is a local's of the frame at hand. */
bool generate_is_local(const struct generator *generator, uint32_t reg);
/* The register that holds the expression's value: a local's own, or a new temporary. */
uint32_t generate_operand(struct generator *generator, const struct expression *expression);
/* The values of a list in a row of new registers; returns the first, 0 if there are none. hidden registers come before them. */
uint32_t generate_list(struct generator *generator, const struct argument *first, uint32_t count, uint32_t hidden);
/* The keys of a variable or span, hidden ones included; *count: how many. */
uint32_t generate_keys(struct generator *generator, const struct expression *expression, const struct arguments *list, uint32_t *count);
uint32_t generate_map(const struct generator *generator, const struct expression *expression);
/* Jumps that are taken when the expression's truth is `when`. */
void generate_jump(struct generator *generator, const struct expression *expression, bool when, struct jumps *jumps);
void generate_int(struct generator *generator, uint32_t to, int64_t value);
/* a op= b for a register: nil reads as 0, or for += as what is added. */
void generate_arithmetic(struct generator *generator, enum operator operator, uint32_t to, uint32_t left, uint32_t right);

void jumps_add(struct generator *generator, struct jumps *jumps, enum jst_opcode op, uint32_t reg);
/* All jumps go to the next instruction. */
void jumps_land(struct generator *generator, struct jumps *jumps);
void jumps_land_at(struct generator *generator, struct jumps *jumps, uint32_t target);

/* generate_call.c: a call of the script's own function. */
void generate_defined(struct generator *generator, const struct expression *call, uint32_t to);

/* generate_read.c: what is read of aggregations. */
/* @a[k] or a loop's $v as a number; quantile(@a[k], q). */
void generate_read(struct generator *generator, const struct expression *entry, uint32_t to);
void generate_quantile(struct generator *generator, const struct expression *call, uint32_t to);
/* The keys of an entry in a row of registers; returns the first. */
uint32_t generate_entry(struct generator *generator, const struct expression *entry, uint32_t *count);

/* generate_statement.c */
void generate_block(struct generator *generator, const struct block *block);

#endif
