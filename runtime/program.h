/*
 * The program: what the compiler makes of a script, the wire carries and the target verifies and runs.
 *
 * One block of bytes, all little-endian, without pointers: every reference is an index or an offset into a section.
 *
 *     +--------+---------+-----------+--------+------+--------------+----------+---------+---------+----------+------+
 *     | header | strings | constants | fields | maps | aggregations | patterns | clauses | records | initials | code |
 *     +--------+---------+-----------+--------+------+--------------+----------+---------+---------+----------+------+
 *
 * The header has offset and count of each section; sections lie in that order, each aligned to 8 bytes (the gaps are zero), without overlap.
 * A program is immutable once built. Nothing may be read from one that came from elsewhere before jst_verify() accepted it (verify.h).
 */
#ifndef JST_PROGRAM_H
#define JST_PROGRAM_H

#include <stddef.h>
#include <stdint.h>

#include "value.h"

enum {
	JST_PROGRAM_MAGIC = 0x5053544a, /* "JTSP" */
	JST_PROGRAM_VERSION = 2,
	JST_PROGRAM_MAX_SIZE = 1 << 20,
	JST_MAX_REGISTERS = 128,
	JST_MAX_KEYS = 8,         /* of a map or aggregation; a self. variable counts its hidden key */
	JST_MAX_ARGUMENTS = 32,   /* of a function or record */
	JST_MAX_CLAUSES = 1024,
	JST_MAX_MAPS = 256,
	JST_MAX_AGGREGATIONS = 256,
	JST_MAX_FIELDS = 256,
	JST_MAX_RECORDS = 1024,
	JST_MAX_PATTERNS = 4096,
	JST_MAX_PATTERN = 1024,   /* bytes of a pattern */
	JST_MAX_GLOBS = 64 << 10, /* bytes of all globs: a name that was never seen is matched with each of them by the thread that fires it, at a cost of as many steps as the name has characters times this */
	JST_MAX_INSNS = 16384, /* of one clause */
	JST_MAX_LHIST_STEPS = 4096,
	JST_MAX_HIST_BITS = 8,
	JST_DEFAULT_HIST_BITS = 4, /* aggregation.def says the number to people */
};

enum jst_opcode {
#define OPCODE(name, text, shape, meaning) JST_OP_##name,
#include "opcode.def"
#undef OPCODE
	JST_OPCODES
};

enum jst_variable {
#define VARIABLE(name, text, alias, unit, where, meaning) JST_VARIABLE_##name,
#define FUNCTION(name, text, min, max, signature, unit, meaning)
#include "builtin.def"
#undef VARIABLE
#undef FUNCTION
	JST_VARIABLES
};

enum jst_function {
#define VARIABLE(name, text, alias, unit, where, meaning)
#define FUNCTION(name, text, min, max, signature, unit, meaning) JST_FUNCTION_##name,
#include "builtin.def"
#undef VARIABLE
#undef FUNCTION
	JST_FUNCTIONS
};

enum jst_aggregation {
#define AGGREGATION(name, text, alias, values, parameters, shape, signature, meaning) JST_AGGREGATION_##name,
#include "aggregation.def"
#undef AGGREGATION
	JST_AGGREGATIONS
};

/* One instruction. Jump targets are indices of instructions counted from the clause's first. */
struct jst_insn {
	uint8_t op; /* enum jst_opcode */
	uint8_t a, b, c;
	int32_t imm;
};

/* A section: byte offset from the start of the program, and the number of elements (of bytes for strings). */
struct jst_section {
	uint32_t offset;
	uint32_t count;
};

enum jst_section_id {
	JST_SECTION_STRINGS,      /* bytes; each string is followed by a NUL that its length leaves out */
	JST_SECTION_CONSTANTS,    /* struct jst_constant */
	JST_SECTION_FIELDS,       /* struct jst_string_ref: the name as written, dots included */
	JST_SECTION_MAPS,         /* struct jst_map_decl */
	JST_SECTION_AGGREGATIONS, /* struct jst_aggregation_decl */
	JST_SECTION_PATTERNS,     /* struct jst_pattern_decl */
	JST_SECTION_CLAUSES,      /* struct jst_clause_decl */
	JST_SECTION_RECORDS,      /* struct jst_record_decl */
	JST_SECTION_INITIALS,     /* struct jst_initial_decl */
	JST_SECTION_CODE,         /* struct jst_insn */
	JST_SECTIONS
};

struct jst_program {
	uint32_t magic;
	uint32_t version;
	uint32_t size;  /* of the whole program, bytes */
	uint32_t flags; /* JST_PROGRAM_… */
	uint64_t checksum; /* XXH3-64 of the whole program with this field zero */
	struct jst_section sections[JST_SECTIONS];
};

enum {
	JST_PROGRAM_RECORDS = 1, /* has RECORD, EVENT, COMMIT or EXIT: somebody must look often */
	JST_PROGRAM_CLOCK = 2,   /* reads now, timestamp or elapsed, or has records, last() or exemplars */
	JST_PROGRAM_SPECULATES = 4, /* has SPECULATE, COMMIT or DISCARD: the session's memory has a table for what is held */
	JST_PROGRAM_READS = 8,   /* reads aggregations: a program of the CLI's own, which targets refuse */
};

struct jst_string_ref {
	uint32_t offset; /* in the strings section */
	uint32_t length;
};

struct jst_constant {
	uint32_t kind;   /* enum jst_kind */
	uint32_t length; /* of a string, else 0 */
	uint64_t bits;   /* the integer, the double's bits, or a string's offset in the strings section */
};

/* A map, a variable (no keys) or a span table. */
struct jst_map_decl {
	uint32_t flags; /* JST_MAP_… */
	uint32_t keys;  /* 0 to JST_MAX_KEYS */
};

enum {
	JST_MAP_INT = 1,  /* every value stored is an integer, which the verifier proves: allows the one-word table */
	JST_MAP_SPAN = 2, /* a full table evicts its oldest entry; an entry with a nil key is not stored. Implies JST_MAP_INT */
};

struct jst_aggregation_decl {
	uint16_t function; /* enum jst_aggregation */
	uint16_t keys;
	uint32_t reserved; /* 0 */
	int64_t parameters[3]; /* hist: bits, and 1 if it keeps exemplars; quantiles: bits; lhist: min, max, step; the rest 0 */
};

/* Whether AGGREGATE has one register more behind the keys: the exemplar. Context: any. */
static inline bool jst_aggregation_has_exemplars(const struct jst_aggregation_decl *decl)
{
	return decl->function == JST_AGGREGATION_HIST && decl->parameters[1];
}

/* Whether an update keeps the time of its event. Context: any. */
static inline bool jst_aggregation_is_timed(const struct jst_aggregation_decl *decl)
{
	return decl->function == JST_AGGREGATION_LAST || jst_aggregation_has_exemplars(decl);
}

struct jst_pattern_decl {
	struct jst_string_ref text;
	uint32_t flags; /* JST_PATTERN_… */
	uint32_t reserved;
};

enum {
	JST_PATTERN_GLOB = 1, /* text is a glob (* ? [a-z]); without it, text is compared as it is */
};

struct jst_clause_decl {
	uint32_t first_pattern, patterns; /* no patterns: a clause of the CLI, which is run by its index */
	uint32_t first_insn, insns;
	uint32_t registers; /* R[0] … R[registers-1] may be used */
	uint32_t reserved;
};

struct jst_record_decl {
	uint32_t values; /* how many RECORD or EVENT must carry */
	uint32_t reserved;
};

/* Before the program runs, map [keys] = value. Constants first_constant … hold the keys and then the value. */
struct jst_initial_decl {
	uint32_t map;
	uint32_t first_constant;
};

/* Reading a verified program. Each returns the first element of its section. Context: any. */
static inline const void *jst_program_section(const struct jst_program *program, enum jst_section_id id)
{
	return (const char *)program + program->sections[id].offset;
}

static inline uint32_t jst_program_count(const struct jst_program *program, enum jst_section_id id)
{
	return program->sections[id].count;
}

static inline struct jst_string jst_program_string(const struct jst_program *program, struct jst_string_ref ref)
{
	const char *strings = jst_program_section(program, JST_SECTION_STRINGS);

	return (struct jst_string){ strings + ref.offset, ref.length };
}

static inline struct jst_value jst_program_constant(const struct jst_program *program, uint32_t index)
{
	const struct jst_constant *constant = (const struct jst_constant *)jst_program_section(program, JST_SECTION_CONSTANTS) + index;
	struct jst_value value = { .i = (int64_t)constant->bits, .kind = constant->kind, .length = constant->length };

	if (constant->kind == JST_STRING)
		value.s = (const char *)jst_program_section(program, JST_SECTION_STRINGS) + constant->bits;
	return value;
}

/* A map's and an aggregation's declaration, by an index that is in range. Context: any. */
static inline const struct jst_map_decl *jst_program_map(const struct jst_program *program, int32_t map)
{
	return (const struct jst_map_decl *)jst_program_section(program, JST_SECTION_MAPS) + map;
}

static inline const struct jst_aggregation_decl *jst_program_aggregation(const struct jst_program *program, int32_t aggregation)
{
	return (const struct jst_aggregation_decl *)jst_program_section(program, JST_SECTION_AGGREGATIONS) + aggregation;
}

/* Whether the aggregation, whose index and function are in range, is given a value by AGGREGATE; otherwise that leaves R[a] alone. Context: any. */
bool jst_program_takes_value(const struct jst_program *program, int32_t aggregation);

/* Whether the aggregation, whose index and function are in range, has quantiles. Context: any. */
bool jst_program_has_quantiles(const struct jst_program *program, int32_t aggregation);

/* What a section holds: bytes of an element, how many of them a program may have, and its name for messages. */
struct jst_section_info {
	uint32_t size;
	uint32_t max;
	const char *name;
};
extern const struct jst_section_info jst_section_info[JST_SECTIONS];

/* The checksum that the header must carry. size bytes are read, at least those of the header. Context: any. */
uint64_t jst_program_checksum(const struct jst_program *program, size_t size);

/* The JST_PROGRAM_… flags that a program with this instruction has; its operands are in range. A program's flags are those of all its instructions. Context: any. */
uint32_t jst_program_insn_flags(const struct jst_program *program, const struct jst_insn *insn);

#endif
