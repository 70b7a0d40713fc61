/*
 * What the parts of the verifier share. Each part returns false once it has refused the program; what it needs was proven by those before it:
 *
 *     verify.c: header, checksum, sections → verify_structure.c: declarations, operands → verify_code.c: control flow, registers and kinds
 */
#ifndef JST_VERIFY_INTERNAL_H
#define JST_VERIFY_INTERNAL_H

#include "verify.h"

struct jst_verifier {
	const struct jst_program *program;
	void *scratch;        /* 8-byte aligned */
	size_t scratch_size;
	uint64_t steps;       /* that verify_code.c may still take */
	struct jst_verify_error *error;
};

/* Fills in the error; a # in reason is replaced by number. Returns false. */
bool jst_verify_refuse(const struct jst_verifier *verifier, int clause, int insn, const char *reason, int64_t number);

/* Declarations of all sections, and the operands of all instructions. */
bool jst_verify_structure(const struct jst_verifier *verifier);

/* One clause, whose structure is proven: no path runs off its end, registers are written before they are read, and have the kinds they must have. */
bool jst_verify_code(struct jst_verifier *verifier, uint32_t clause);

#endif
