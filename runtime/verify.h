/*
 * The verifier: proves that a program can harm nobody before anything of it runs. Reads without changing.
 *
 * It proves: structure (sections in bounds, aligned, in order; checksum; reserved bits zero; limits), operands in range for their shape, jumps inside the
 * clause, the last reachable instruction of each clause returns (no path runs off the end), registers written before they are read on every path, their possible kinds
 * (a store into a JST_MAP_INT map must be an integer), key counts equal to the declaration, patterns well formed, the program's flags agreeing with its code. One pass over each clause to a fixed point; linear in practice and bounded.
 */
#ifndef JST_VERIFY_H
#define JST_VERIFY_H

#include <stdbool.h>
#include <stddef.h>

#include "program.h"

struct jst_verify_error {
	int clause;        /* -1: not in a clause */
	int insn;          /* index in the clause, or -1 */
	char reason[160];  /* one line without a newline */
};

/* True if the size bytes at data are a program that may run. Otherwise *error says where and why. Allocates nothing beyond its stack
 * (at most 64 KiB) and scratch, which is scratch_size bytes of the caller's (JST_VERIFY_SCRATCH suffices for every program). data is 8-byte aligned. Context: agent, any. */
enum { JST_VERIFY_SCRATCH = 4 << 20 };
bool jst_verify(const void *data, size_t size, void *scratch, size_t scratch_size, struct jst_verify_error *error);

#endif
