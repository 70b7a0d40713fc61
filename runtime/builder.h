/*
 * Building a program (program.h) piece by piece. Used by the compiler and, for initial values, by the CLI; never in a target.
 *
 * A builder owns all it is given (it copies strings). Not thread-safe. Every add function returns the index of the new element, and
 * those for strings, constants and fields the index of an equal one that exists already. Running out of memory aborts the CLI with a message, as everywhere in the CLI.
 */
#ifndef JST_BUILDER_H
#define JST_BUILDER_H

#include "program.h"

struct jst_builder;

struct jst_builder *jst_builder_new(void);
void jst_builder_free(struct jst_builder *builder);

uint32_t jst_builder_constant(struct jst_builder *builder, struct jst_value value);
uint32_t jst_builder_field(struct jst_builder *builder, const char *name, size_t length);
uint32_t jst_builder_map(struct jst_builder *builder, uint32_t flags, uint32_t keys);
uint32_t jst_builder_aggregation(struct jst_builder *builder, enum jst_aggregation function, uint32_t keys, const int64_t parameters[3]);
uint32_t jst_builder_record(struct jst_builder *builder, uint32_t values);

/* Opens the next clause; patterns and instructions go to the clause opened last. */
uint32_t jst_builder_clause(struct jst_builder *builder);
void jst_builder_pattern(struct jst_builder *builder, const char *text, size_t length, uint32_t flags);
/* Returns the index of the instruction in its clause. */
uint32_t jst_builder_insn(struct jst_builder *builder, struct jst_insn insn);
/* The instruction, to patch a jump. Good until the next insn is added. */
struct jst_insn *jst_builder_insn_at(struct jst_builder *builder, uint32_t index);
void jst_builder_registers(struct jst_builder *builder, uint32_t registers);

/* map [keys] = value before the program runs; count keys. */
void jst_builder_initial(struct jst_builder *builder, uint32_t map, const struct jst_value *keys, uint32_t count, struct jst_value value);

/* Takes back all initials added so far. */
void jst_builder_clear_initials(struct jst_builder *builder);

/* The finished program, checksummed, to be freed with free(); its size is in its header. NULL with *limit set to the name of the limit (a static
 * string such as "1 MiB of program" or "128 registers") when the script is larger than a program may be. May be called again after more was added. */
struct jst_program *jst_builder_finish(const struct jst_builder *builder, const char **limit);

#endif
