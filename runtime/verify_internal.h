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

/*
 * WRONG(condition) and HOLDS(condition) are the condition, and mark it as a check: something that a program must not do, or must. A build with JST_VERIFY_SKIP, which is one for tests (tests/fuzz/mutate-verifier.sh), has a list of all checks and can leave one of
 * them out, as if it had been forgotten.
 */
#ifdef JST_VERIFY_SKIP
struct jst_verify_check {
	const char *file, *condition;
	long line;
};
extern const struct jst_verify_check *jst_verify_skipped; /* NULL: none */
#define WRONG(condition) \
	({ static const struct jst_verify_check check_here __attribute__((section("jst_verify_checks"), used, aligned(8))) = { __FILE__, #condition, __LINE__ }; jst_verify_skipped != &check_here && (condition); })
#else
#define WRONG(condition) (condition)
#endif
#define HOLDS(condition) (!WRONG(!(condition)))

/* Fills in the error; a # in reason is replaced by number. Returns false. */
bool jst_verify_refuse(const struct jst_verifier *verifier, int clause, int insn, const char *reason, int64_t number);

/* Declarations of all sections, and the operands of all instructions. */
bool jst_verify_structure(const struct jst_verifier *verifier);

/* One clause, whose structure is proven: no path runs off its end, registers are written before they are read, and have the kinds they must have. */
bool jst_verify_code(struct jst_verifier *verifier, uint32_t clause);

#ifdef JST_CHECKED
/* The kinds, as bits 1 << kind, that the verifier believes the instruction to write to R[a] where R[b] and R[c] are of these kinds. For checked.c. */
unsigned jst_verify_written(const struct jst_program *program, const struct jst_insn *insn, uint32_t b, uint32_t c);
#endif

#endif
