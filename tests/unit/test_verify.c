/*
 * The verifier: a test for each of its checks, and mutations of valid programs, which it must either refuse or be right about.
 */
#include <stdio.h>
#include <sys/mman.h>
#include <time.h>

#include "machine.h"

/* ---- programs to start from ---- */

static const char long_text[] = "a text of some length that is put together and taken apart";

static void insn(struct jst_builder *builder, enum jst_opcode op, unsigned a, unsigned b, unsigned c, int32_t imm)
{
	jst_builder_insn(builder, (struct jst_insn){ (uint8_t)op, (uint8_t)a, (uint8_t)b, (uint8_t)c, imm });
}

/* Has something of everything: all opcodes, all sections, loops. */
static struct jst_program *rich_program(void)
{
	struct jst_builder *builder = jst_builder_new();
	const int32_t text = (int32_t)jst_builder_constant(builder, text_value(long_text));
	const int32_t number = (int32_t)jst_builder_constant(builder, jst_value_double(0.5));
	const int32_t glob = (int32_t)jst_builder_constant(builder, text_value("a*[t-z]?*"));
	const int32_t id = (int32_t)jst_builder_field(builder, "id", 2), path = (int32_t)jst_builder_field(builder, "path", 4);
	const int32_t any = (int32_t)jst_builder_map(builder, 0, 2), span = (int32_t)jst_builder_map(builder, JST_MAP_INT | JST_MAP_SPAN, 1);
	const int32_t counter = (int32_t)jst_builder_map(builder, JST_MAP_INT, 0);
	const int32_t hist = (int32_t)jst_builder_aggregation(builder, JST_AGGREGATION_HIST, 1, (int64_t[3]){ 4 });
	const int32_t steps = (int32_t)jst_builder_aggregation(builder, JST_AGGREGATION_LHIST, 0, (int64_t[3]){ 0, 100, 10 });
	const int32_t hits = (int32_t)jst_builder_aggregation(builder, JST_AGGREGATION_COUNT, 2, (int64_t[3]){ 0 });
	const int32_t last = (int32_t)jst_builder_aggregation(builder, JST_AGGREGATION_LAST, 0, (int64_t[3]){ 0 });
	const int32_t record = (int32_t)jst_builder_record(builder, 2), event = (int32_t)jst_builder_record(builder, 0);
	const struct jst_value keys[2] = { jst_value_int(1), text_value("k") };
	const char *limit;

	jst_builder_initial(builder, (uint32_t)any, keys, 2, text_value("initial"));
	jst_builder_initial(builder, (uint32_t)counter, NULL, 0, jst_value_int(3));

	/* Arithmetic of all kinds, in a loop. */
	jst_builder_clause(builder);
	jst_builder_pattern(builder, "request:*", 9, JST_PATTERN_GLOB);
	jst_builder_pattern(builder, "[a-r]?quest:end", 15, JST_PATTERN_GLOB);
	jst_builder_registers(builder, 12);
	insn(builder, JST_OP_INT, 0, 0, 0, 0);
	insn(builder, JST_OP_INT, 1, 0, 0, 5);
	insn(builder, JST_OP_FIELD, 2, 0, 0, id);
	insn(builder, JST_OP_CONSTANT, 3, 0, 0, number);
	insn(builder, JST_OP_CONSTANT, 4, 0, 0, text);
	insn(builder, JST_OP_LT, 5, 0, 1, 0); /* 5: the head of the loop */
	insn(builder, JST_OP_JFALSE, 5, 0, 0, 30);
	static const enum jst_opcode binary[] = { JST_OP_ADD, JST_OP_SUB, JST_OP_MUL, JST_OP_DIV, JST_OP_MOD, JST_OP_AND, JST_OP_OR,
	                                          JST_OP_XOR, JST_OP_SHL, JST_OP_SHR, JST_OP_EQ,  JST_OP_NE,  JST_OP_LE };

	for (size_t i = 0; i < sizeof(binary) / sizeof(binary[0]); i++)
		insn(builder, binary[i], 6 + (unsigned)i % 4, 2 + (unsigned)i % 3, 1 + (unsigned)i % 4, 0);
	insn(builder, JST_OP_NEG, 6, 3, 0, 0); /* 20 */
	insn(builder, JST_OP_INVERT, 7, 2, 0, 0);
	insn(builder, JST_OP_NOT, 8, 4, 0, 0);
	insn(builder, JST_OP_BOOL, 9, 2, 0, 0);
	insn(builder, JST_OP_ISNIL, 9, 2, 0, 0);
	insn(builder, JST_OP_MOVE, 9, 6, 0, 0);
	insn(builder, JST_OP_ADD, 10, 4, 4, 0);
	insn(builder, JST_OP_INT, 11, 0, 0, 1);
	insn(builder, JST_OP_ADD, 0, 0, 11, 0);
	insn(builder, JST_OP_JUMP, 0, 0, 0, 5);
	insn(builder, JST_OP_RETURN, 0, 0, 0, 0); /* 30 */

	/* Storage. */
	jst_builder_clause(builder);
	jst_builder_pattern(builder, "request:end", 11, 0);
	jst_builder_registers(builder, 8);
	insn(builder, JST_OP_FIELD, 0, 0, 0, id);
	insn(builder, JST_OP_FIELD, 1, 0, 0, path);
	insn(builder, JST_OP_VARIABLE, 2, 0, 0, JST_VARIABLE_NOW);
	insn(builder, JST_OP_MAPSET, 2, 0, 1, span);
	insn(builder, JST_OP_MAPGET, 3, 0, 1, span);
	insn(builder, JST_OP_SUB, 4, 2, 3, 0);
	insn(builder, JST_OP_AGGREGATE, 4, 1, 1, hist);
	insn(builder, JST_OP_AGGREGATE, 0, 0, 0, steps);
	insn(builder, JST_OP_AGGREGATE, 0, 0, 2, hits);
	insn(builder, JST_OP_AGGREGATE, 1, 0, 0, last);
	insn(builder, JST_OP_MAPSET, 1, 0, 2, any);
	insn(builder, JST_OP_MAPADD, 1, 0, 2, any);
	insn(builder, JST_OP_MAPGET, 5, 0, 2, any);
	insn(builder, JST_OP_MAPHAS, 6, 0, 2, any);
	insn(builder, JST_OP_INT, 6, 0, 0, 2);
	insn(builder, JST_OP_MAPADD, 6, 0, 0, counter);
	insn(builder, JST_OP_MAPSUB, 6, 0, 0, counter);
	insn(builder, JST_OP_MAPDELETE, 0, 0, 1, span);
	insn(builder, JST_OP_SPANEND, 0, 0, 1, span);
	insn(builder, JST_OP_SPECULATE, 0, 0, 0, 0);
	insn(builder, JST_OP_RECORD, 0, 0, 2, record);
	insn(builder, JST_OP_COMMIT, 0, 0, 0, 0);
	insn(builder, JST_OP_EVENT, 0, 0, 0, event);
	insn(builder, JST_OP_DISCARD, 1, 0, 0, 0);
	insn(builder, JST_OP_AGGCOUNT, 3, 0, 0, hits);
	insn(builder, JST_OP_AGGKEYS, 3, 4, 2, hits);
	insn(builder, JST_OP_AGGGET, 3, 4, 2, hits);
	insn(builder, JST_OP_AGGQUANTILE, 7, 4, 2, hist);
	insn(builder, JST_OP_RETURN, 0, 0, 0, 0);

	/* Strings, functions and all variables. */
	jst_builder_clause(builder);
	jst_builder_pattern(builder, "*", 1, JST_PATTERN_GLOB);
	jst_builder_registers(builder, 6);
	insn(builder, JST_OP_CONSTANT, 0, 0, 0, text);
	insn(builder, JST_OP_CONSTANT, 1, 0, 0, glob);
	insn(builder, JST_OP_MATCH, 2, 0, 1, 0);
	insn(builder, JST_OP_NIL, 3, 0, 0, 0);
	for (int i = 0; i < JST_VARIABLES; i++)
		insn(builder, JST_OP_VARIABLE, 2, 0, 0, i);
	insn(builder, JST_OP_CALL, 2, 0, 2, JST_FUNCTION_STRSTR);
	insn(builder, JST_OP_INT, 3, 0, 0, 3);
	insn(builder, JST_OP_CALL, 4, 1, 3, JST_FUNCTION_CAT);
	insn(builder, JST_OP_CALL, 4, 3, 1, JST_FUNCTION_SQRT);
	insn(builder, JST_OP_CALL, 5, 0, 0, JST_FUNCTION_RAND);
	insn(builder, JST_OP_CALL, 5, 4, 2, JST_FUNCTION_MAX);
	insn(builder, JST_OP_CALL, 5, 0, 0, JST_FUNCTION_STACK);
	insn(builder, JST_OP_RECORD, 0, 4, 2, record);
	insn(builder, JST_OP_CALL, 5, 1, 1, JST_FUNCTION_UPPER);
	insn(builder, JST_OP_JTRUE, 5, 0, 0, 5);
	insn(builder, JST_OP_EXIT, 3, 0, 0, 0);

	struct jst_program *program = jst_builder_finish(builder, &limit);

	ck_assert(program != NULL);
	jst_builder_free(builder);
	return program;
}

/* A program of one clause. It has field 0, map 0 of one key, map 1 of integers without keys, aggregation 0 (sum, a key), 1 (count), 2 (hist, a key), 3 (hist with exemplars, a key), record 0 of two values. */
static struct jst_program *code_program(uint32_t registers, const struct jst_insn *code, uint32_t count)
{
	struct jst_builder *builder = jst_builder_new();
	const char *limit;

	jst_builder_field(builder, "id", 2);
	jst_builder_constant(builder, jst_value_double(1.5));
	jst_builder_map(builder, 0, 1);
	jst_builder_map(builder, JST_MAP_INT, 0);
	jst_builder_aggregation(builder, JST_AGGREGATION_SUM, 1, (int64_t[3]){ 0 });
	jst_builder_aggregation(builder, JST_AGGREGATION_COUNT, 0, (int64_t[3]){ 0 });
	jst_builder_aggregation(builder, JST_AGGREGATION_HIST, 1, (int64_t[3]){ 4 });
	jst_builder_aggregation(builder, JST_AGGREGATION_HIST, 1, (int64_t[3]){ 4, 1 });
	jst_builder_record(builder, 2);
	jst_builder_clause(builder);
	jst_builder_registers(builder, registers);
	for (uint32_t i = 0; i < count; i++)
		jst_builder_insn(builder, code[i]);
	struct jst_program *program = jst_builder_finish(builder, &limit);

	ck_assert(program != NULL);
	jst_builder_free(builder);
	return program;
}

static void sign(struct jst_program *program)
{
	program->checksum = jst_program_checksum(program, program->size);
}

static void *section(struct jst_program *program, enum jst_section_id id)
{
	return (char *)program + program->sections[id].offset;
}

/* ---- structure: a change to the rich program, and the reason to refuse it ---- */

static void expect(void (*change)(struct jst_program *program), const char *reason)
{
	struct jst_program *program = rich_program();
	struct jst_verify_error error;

	change(program);
	sign(program);
	ck_assert_msg(!machine_verify(program, &error), "accepted: %s", reason);
	ck_assert_msg(strstr(error.reason, reason) != NULL, "refused because \"%s\", not \"%s\"", error.reason, reason);
	free(program);
}

#define CHANGE(name, ...)                                \
	static void name(struct jst_program *program)    \
	{                                                \
		__VA_ARGS__;                             \
	}

START_TEST(the_rich_program_is_accepted)
{
	struct jst_program *program = rich_program();
	struct jst_verify_error error;

	ck_assert_msg(machine_verify(program, &error), "clause %d, instruction %d: %s", error.clause, error.insn, error.reason);
	free(program);
}
END_TEST

/* size bytes of the program, which is not as long as it says, or not aligned. */
static void refuse_bytes(const void *data, size_t size, const char *reason)
{
	struct jst_verify_error error;
	void *scratch = malloc(JST_VERIFY_SCRATCH);

	ck_assert(!jst_verify(data, size, scratch, JST_VERIFY_SCRATCH, &error));
	ck_assert_msg(strstr(error.reason, reason) != NULL, "refused because \"%s\", not \"%s\"", error.reason, reason);
	ck_assert_int_eq(error.clause, -1);
	ck_assert_int_eq(error.insn, -1);
	free(scratch);
}

START_TEST(the_bytes_as_a_whole)
{
	struct jst_program *program = rich_program();
	const uint32_t size = program->size;
	char *shifted = malloc(size + 1);
	void *large = calloc(1, JST_PROGRAM_MAX_SIZE + 8);

	memcpy(shifted + 1, program, size);
	refuse_bytes(shifted + 1, size, "aligned");
	refuse_bytes(program, 0, "header is cut");
	refuse_bytes(program, sizeof(struct jst_program) - 1, "header is cut");
	refuse_bytes(program, size - 8, "another size");
	memcpy(large, program, size);
	refuse_bytes(large, JST_PROGRAM_MAX_SIZE + 8, "more than a program may have");
	program->checksum++;
	refuse_bytes(program, size, "checksum");
	program->checksum--;
	program->magic++;
	refuse_bytes(program, size, "magic");
	program->magic--;
	program->version++;
	refuse_bytes(program, size, "format 3 is not known");
	free(program);
	free(shifted);
	free(large);
}
END_TEST

CHANGE(section_moved, program->sections[JST_SECTION_FIELDS].offset += 8)
CHANGE(section_before, program->sections[JST_SECTION_FIELDS].offset -= 8)
CHANGE(section_huge, program->sections[JST_SECTION_FIELDS].count = JST_MAX_FIELDS + 1)
CHANGE(section_overflows, program->sections[JST_SECTION_CODE].count = JST_PROGRAM_MAX_SIZE)
CHANGE(gap_used, program->sections[JST_SECTION_STRINGS].count -= 3) /* what was a string is now in the gap */
CHANGE(bytes_behind, program->sections[JST_SECTION_CODE].count--)
CHANGE(flags_missing, program->flags &= ~(uint32_t)JST_PROGRAM_CLOCK)
CHANGE(flags_speculates, program->flags &= ~(uint32_t)JST_PROGRAM_SPECULATES)
CHANGE(flags_more, program->flags |= 16)
CHANGE(flags_reads, program->flags &= ~(uint32_t)JST_PROGRAM_READS)

/* A program whose last section ends in a gap: an odd number of strings' bytes and nothing else. */
START_TEST(the_gap_after_the_last_section)
{
	struct jst_builder *builder = jst_builder_new();
	const char *limit;
	struct jst_verify_error error;

	jst_builder_clause(builder);
	jst_builder_insn(builder, (struct jst_insn){ .op = JST_OP_RETURN });
	struct jst_program *program = jst_builder_finish(builder, &limit);

	/* Code is in whole words, so all sections before it are emptied and the strings' bytes are the last. */
	program->size = sizeof(*program) + 8;
	program->sections[JST_SECTION_STRINGS].count = 3;
	for (int id = JST_SECTION_CONSTANTS; id < JST_SECTIONS; id++)
		program->sections[id] = (struct jst_section){ sizeof(*program) + 8, 0 };
	memset(program + 1, 0, 8);
	sign(program);
	ck_assert_msg(machine_verify(program, &error), "%s", error.reason);
	((char *)(program + 1))[5] = 1;
	sign(program);
	ck_assert(!machine_verify(program, &error));
	ck_assert_msg(strstr(error.reason, "gap") != NULL, "%s", error.reason);
	free(program);
	jst_builder_free(builder);
}
END_TEST

START_TEST(section_bounds)
{
	expect(section_moved, "does not follow");
	expect(section_before, "does not follow");
	expect(section_huge, "too many elements");
	expect(section_overflows, "ends beyond the program");
	expect(gap_used, "is not zero");
	expect(bytes_behind, "follow the last section");
	expect(flags_missing, "flags do not agree");
	expect(flags_speculates, "flags do not agree");
	expect(flags_more, "flags do not agree");
	expect(flags_reads, "flags");
}
END_TEST

#define CONSTANT ((struct jst_constant *)section(program, JST_SECTION_CONSTANTS))
#define MAP ((struct jst_map_decl *)section(program, JST_SECTION_MAPS))
#define AGGREGATION_AT ((struct jst_aggregation_decl *)section(program, JST_SECTION_AGGREGATIONS))
#define PATTERN ((struct jst_pattern_decl *)section(program, JST_SECTION_PATTERNS))
#define CLAUSE ((struct jst_clause_decl *)section(program, JST_SECTION_CLAUSES))
#define INITIAL ((struct jst_initial_decl *)section(program, JST_SECTION_INITIALS))
#define STRINGS ((char *)section(program, JST_SECTION_STRINGS))
#define CODE ((struct jst_insn *)section(program, JST_SECTION_CODE))

CHANGE(constant_kind, CONSTANT[0].kind = 4)
CHANGE(constant_outside, CONSTANT[0].bits = 1ULL << 40)
CHANGE(constant_long, CONSTANT[0].length = UINT32_MAX)
CHANGE(constant_unterminated, CONSTANT[0].length--)
CHANGE(constant_length, CONSTANT[1].length = 1)
CHANGE(constant_nil, CONSTANT[1] = (struct jst_constant){ .kind = JST_NIL, .bits = 1 })
CHANGE(field_outside, ((struct jst_string_ref *)section(program, JST_SECTION_FIELDS))->offset = UINT32_MAX)
CHANGE(field_end, ((struct jst_string_ref *)section(program, JST_SECTION_FIELDS))->offset = program->sections[JST_SECTION_STRINGS].count)
CHANGE(map_flags, MAP[0].flags = 4)
CHANGE(map_span, MAP[1].flags = JST_MAP_SPAN)
CHANGE(map_keys, MAP[0].keys = JST_MAX_KEYS + 1)
CHANGE(map_span_keys, MAP[1].keys = 0)
CHANGE(aggregation_function, AGGREGATION_AT[0].function = JST_AGGREGATIONS)
CHANGE(aggregation_keys, AGGREGATION_AT[0].keys = JST_MAX_KEYS + 1)
CHANGE(aggregation_reserved, AGGREGATION_AT[0].reserved = 1)
CHANGE(hist_bits, AGGREGATION_AT[0].parameters[0] = JST_MAX_HIST_BITS + 1)
CHANGE(hist_negative, AGGREGATION_AT[0].parameters[0] = -1)
CHANGE(hist_parameters, AGGREGATION_AT[0].parameters[1] = 2)
CHANGE(quantiles_exemplars, AGGREGATION_AT[0].function = JST_AGGREGATION_QUANTILES; AGGREGATION_AT[0].parameters[1] = 1)
/* With exemplars the instruction has a register more than keys. */
CHANGE(hist_exemplars, AGGREGATION_AT[0].parameters[1] = 1)
CHANGE(distinct_parameters, AGGREGATION_AT[2].function = JST_AGGREGATION_DISTINCT; AGGREGATION_AT[2].parameters[0] = 1)
CHANGE(count_parameters, AGGREGATION_AT[2].parameters[0] = 1)
CHANGE(count_third_parameter, AGGREGATION_AT[2].parameters[2] = 1)
CHANGE(lhist_empty, AGGREGATION_AT[1].parameters[1] = 0)
CHANGE(lhist_step, AGGREGATION_AT[1].parameters[2] = 0)
CHANGE(lhist_many, AGGREGATION_AT[1].parameters[1] = JST_MAX_LHIST_STEPS * 10 + 1)
CHANGE(lhist_overflow, AGGREGATION_AT[1].parameters[0] = INT64_MIN; AGGREGATION_AT[1].parameters[1] = INT64_MAX; AGGREGATION_AT[1].parameters[2] = 1)
CHANGE(pattern_outside, PATTERN[0].text.length = 1 << 20)
CHANGE(pattern_empty, PATTERN[0].text = (struct jst_string_ref){ CONSTANT[0].length, 0 })
CHANGE(pattern_flags, PATTERN[0].flags = 2)
CHANGE(pattern_reserved, PATTERN[0].reserved = 1)
CHANGE(pattern_set, *strchr(STRINGS + PATTERN[1].text.offset, ']') = 'x')
CHANGE(record_values, ((struct jst_record_decl *)section(program, JST_SECTION_RECORDS))->values = JST_MAX_ARGUMENTS + 1)
CHANGE(record_reserved, ((struct jst_record_decl *)section(program, JST_SECTION_RECORDS))->reserved = 1)
CHANGE(initial_map, INITIAL[0].map = 3)
CHANGE(initial_constants, INITIAL[0].first_constant = program->sections[JST_SECTION_CONSTANTS].count - 2)
CHANGE(initial_overflow, INITIAL[0].first_constant = UINT32_MAX)
CHANGE(initial_kind, INITIAL[1].first_constant = 0)
CHANGE(clause_pattern, CLAUSE[1].first_pattern++)
CHANGE(clause_insn, CLAUSE[1].first_insn--)
CHANGE(clause_patterns, CLAUSE[2].patterns++)
CHANGE(clause_insns, CLAUSE[2].insns++)
CHANGE(clause_empty, CLAUSE[2].insns = 0)
CHANGE(clause_registers, CLAUSE[0].registers = JST_MAX_REGISTERS + 1)
CHANGE(clause_reserved, CLAUSE[0].reserved = 1)
CHANGE(clause_short, CLAUSE[2].insns--)
CHANGE(clause_without_its_pattern, CLAUSE[2].patterns--)

START_TEST(declarations)
{
	expect(constant_kind, "unknown kind");
	expect(constant_outside, "is no string");
	expect(constant_long, "is no string");
	expect(constant_unterminated, "is no string");
	expect(constant_length, "has a length");
	expect(constant_nil, "is nil and has a value");
	expect(field_outside, "field 0 has no name");
	expect(field_end, "field 0 has no name");
	expect(map_flags, "map 0 has unknown flags");
	expect(map_span, "map 1 is a span table and not");
	expect(map_keys, "map 0 has too many keys");
	expect(map_span_keys, "span table without a key");
	expect(aggregation_function, "unknown function");
	expect(aggregation_keys, "too many keys");
	expect(aggregation_reserved, "reserved");
	expect(hist_bits, "too many buckets");
	expect(hist_negative, "too many buckets");
	expect(hist_parameters, "does not take");
	expect(quantiles_exemplars, "does not take");
	expect(hist_exemplars, "what the declaration says");
	expect(distinct_parameters, "does not take");
	expect(count_parameters, "does not take");
	expect(count_third_parameter, "does not take");
	expect(lhist_empty, "no steps");
	expect(lhist_step, "no steps");
	expect(lhist_many, "too many steps");
	expect(lhist_overflow, "too many steps");
	expect(pattern_outside, "no text");
	expect(pattern_empty, "is empty");
	expect(pattern_flags, "unknown flags");
	expect(pattern_reserved, "reserved");
	expect(pattern_set, "without a ]");
	expect(record_values, "too many values");
	expect(record_reserved, "reserved");
	expect(initial_map, "has no map");
	expect(initial_constants, "has no constants");
	expect(initial_overflow, "has no constants");
	expect(initial_kind, "is no integer");
	expect(clause_pattern, "does not begin");
	expect(clause_insn, "does not begin");
	expect(clause_patterns, "patterns end beyond");
	expect(clause_insns, "code ends beyond");
	expect(clause_empty, "cannot have 0 instructions");
	expect(clause_registers, "cannot have 129 registers");
	expect(clause_reserved, "reserved");
	expect(clause_short, "of no clause");
	expect(clause_without_its_pattern, "of no clause");
}
END_TEST

/* Many globs that share one text are long all the same. */
START_TEST(globs_without_end)
{
	struct jst_builder *builder = jst_builder_new();
	static char text[JST_MAX_PATTERN];
	const char *limit;
	struct jst_verify_error error;

	memset(text, '*', sizeof(text));
	jst_builder_clause(builder);
	for (size_t bytes = 0; bytes <= JST_MAX_GLOBS; bytes += sizeof(text))
		jst_builder_pattern(builder, text, sizeof(text), bytes ? JST_PATTERN_GLOB : 0);
	jst_builder_insn(builder, (struct jst_insn){ .op = JST_OP_RETURN });
	struct jst_program *program = jst_builder_finish(builder, &limit);

	ck_assert_msg(machine_verify(program, &error), "%s", error.reason);
	PATTERN[0].flags = JST_PATTERN_GLOB;
	sign(program);
	ck_assert(!machine_verify(program, &error));
	ck_assert_msg(strstr(error.reason, "too long to match") != NULL, "%s", error.reason);
	free(program);
	jst_builder_free(builder);
}
END_TEST

START_TEST(a_long_pattern)
{
	static char text[JST_MAX_PATTERN + 2];
	struct jst_builder *builder = jst_builder_new();
	const char *limit;
	struct jst_verify_error error;

	memset(text, 'x', JST_MAX_PATTERN + 1);
	jst_builder_constant(builder, jst_value_string(text, JST_MAX_PATTERN + 1));
	jst_builder_clause(builder);
	jst_builder_pattern(builder, "x", 1, 0);
	jst_builder_insn(builder, (struct jst_insn){ .op = JST_OP_RETURN });
	struct jst_program *program = jst_builder_finish(builder, &limit);

	PATTERN[0].text = (struct jst_string_ref){ 0, JST_MAX_PATTERN + 1 };
	sign(program);
	ck_assert(!machine_verify(program, &error));
	ck_assert_msg(strstr(error.reason, "too long") != NULL, "%s", error.reason);
	free(program);
	jst_builder_free(builder);
}
END_TEST

START_TEST(a_long_clause)
{
	/* Two clauses of 16,384 and 1 instructions, of which the first claims both. */
	struct jst_builder *builder = jst_builder_new();
	const char *limit;
	struct jst_verify_error error;

	for (int clause = 0; clause < 2; clause++) {
		jst_builder_clause(builder);
		for (int i = 0; i < (clause ? 1 : JST_MAX_INSNS); i++)
			jst_builder_insn(builder, (struct jst_insn){ .op = JST_OP_RETURN });
	}
	struct jst_program *program = jst_builder_finish(builder, &limit);

	ck_assert(machine_verify(program, &error));
	CLAUSE[0].insns++;
	sign(program);
	ck_assert(!machine_verify(program, &error));
	ck_assert_str_eq(error.reason, "a clause cannot have 16385 instructions");
	ck_assert_int_eq(error.clause, 0);
	free(program);
	jst_builder_free(builder);
}
END_TEST

/* ---- code ---- */

static bool verify_code(uint32_t registers, const struct jst_insn *code, uint32_t count, struct jst_verify_error *error)
{
	struct jst_program *program = code_program(registers, code, count);
	const bool accepted = machine_verify(program, error);

	free(program);
	return accepted;
}

#define ACCEPT(registers, ...)                                                                                       \
	do {                                                                                                         \
		const struct jst_insn code_[] = { __VA_ARGS__ };                                                     \
		struct jst_verify_error error_;                                                                      \
		ck_assert_msg(verify_code(registers, code_, sizeof(code_) / sizeof(code_[0]), &error_), "refused: %s", error_.reason); \
	} while (0)

/* The place is the instruction at which it is refused. */
#define REFUSE(reason_, place, registers, ...)                                                                       \
	do {                                                                                                         \
		const struct jst_insn code_[] = { __VA_ARGS__ };                                                     \
		struct jst_verify_error error_;                                                                      \
		ck_assert_msg(!verify_code(registers, code_, sizeof(code_) / sizeof(code_[0]), &error_), "accepted: %s", reason_); \
		ck_assert_msg(strstr(error_.reason, reason_) != NULL, "refused because \"%s\", not \"%s\"", error_.reason, reason_); \
		ck_assert_int_eq(error_.clause, 0);                                                                  \
		ck_assert_int_eq(error_.insn, place);                                                                \
	} while (0)

#define RETURN_INSN { JST_OP_RETURN, 0, 0, 0, 0 }

START_TEST(operands)
{
	ACCEPT(0, RETURN_INSN);
	/* The builder asks for the flags of instructions whose operands must be in range, so aggregations out of range are made below. */
	REFUSE("there is no opcode 200", 0, 1, { 200, 0, 0, 0, 0 }, RETURN_INSN);
	REFUSE("is not zero", 0, 1, { JST_OP_RETURN, 1, 0, 0, 0 });
	REFUSE("is not zero", 0, 1, { JST_OP_RETURN, 0, 0, 0, 1 });
	REFUSE("is not zero", 0, 1, { JST_OP_NIL, 0, 1, 0, 0 }, RETURN_INSN);
	REFUSE("is not zero", 0, 1, { JST_OP_INT, 0, 0, 1, 0 }, RETURN_INSN);
	REFUSE("no register 1", 0, 1, { JST_OP_NIL, 1, 0, 0, 0 }, RETURN_INSN);
	REFUSE("no register 1", 1, 1, { JST_OP_NIL, 0, 0, 0, 0 }, { JST_OP_MOVE, 0, 1, 0, 0 }, RETURN_INSN);
	REFUSE("no register 1", 1, 1, { JST_OP_NIL, 0, 0, 0, 0 }, { JST_OP_ADD, 0, 0, 1, 0 }, RETURN_INSN);
	REFUSE("end at register 2", 1, 2, { JST_OP_NIL, 0, 0, 0, 0 }, { JST_OP_MAPGET, 0, 2, 1, 0 }, RETURN_INSN);
	REFUSE("no constant 1", 0, 1, { JST_OP_CONSTANT, 0, 0, 0, 1 }, RETURN_INSN);
	REFUSE("no constant -1", 0, 1, { JST_OP_CONSTANT, 0, 0, 0, -1 }, RETURN_INSN);
	REFUSE("no field 1", 0, 1, { JST_OP_FIELD, 0, 0, 0, 1 }, RETURN_INSN);
	REFUSE("no builtin variable", 0, 1, { JST_OP_VARIABLE, 0, 0, 0, JST_VARIABLES }, RETURN_INSN);
	REFUSE("no map 2", 0, 1, { JST_OP_MAPDELETE, 0, 0, 0, 2 }, RETURN_INSN);
	REFUSE("no map 2", 0, 1, { JST_OP_SPANEND, 0, 0, 0, 2 }, RETURN_INSN);
	REFUSE("no map 2", 0, 1, { JST_OP_MAPGET, 0, 0, 0, 2 }, RETURN_INSN);
	REFUSE("no map 2", 0, 1, { JST_OP_MAPSET, 0, 0, 0, 2 }, RETURN_INSN);
	REFUSE("no record 1", 0, 1, { JST_OP_RECORD, 0, 0, 0, 1 }, RETURN_INSN);
	REFUSE("no record -2", 0, 1, { JST_OP_EVENT, 0, 0, 0, -2 }, RETURN_INSN);
	REFUSE("no register 1", 0, 1, { JST_OP_SPECULATE, 1, 0, 0, 0 }, RETURN_INSN);
	REFUSE("no register 1", 0, 1, { JST_OP_COMMIT, 1, 0, 0, 0 }, RETURN_INSN);
	REFUSE("no register 1", 0, 1, { JST_OP_DISCARD, 1, 0, 0, 0 }, RETURN_INSN);
	REFUSE("is not zero", 1, 1, { JST_OP_NIL, 0, 0, 0, 0 }, { JST_OP_SPECULATE, 0, 1, 0, 0 }, RETURN_INSN);
	REFUSE("is not zero", 1, 1, { JST_OP_NIL, 0, 0, 0, 0 }, { JST_OP_COMMIT, 0, 0, 1, 0 }, RETURN_INSN);
	REFUSE("is not zero", 1, 1, { JST_OP_NIL, 0, 0, 0, 0 }, { JST_OP_DISCARD, 0, 0, 0, 1 }, RETURN_INSN);
	REFUSE("no function", 0, 1, { JST_OP_CALL, 0, 0, 0, JST_FUNCTIONS }, RETURN_INSN);
	REFUSE("leaves the clause", 0, 1, { JST_OP_JUMP, 0, 0, 0, 2 }, RETURN_INSN);
	REFUSE("leaves the clause", 0, 1, { JST_OP_JUMP, 0, 0, 0, -1 }, RETURN_INSN);
	REFUSE("leaves the clause", 1, 1, { JST_OP_NIL, 0, 0, 0, 0 }, { JST_OP_JTRUE, 0, 0, 0, 3 }, RETURN_INSN);
	REFUSE("what the declaration says", 1, 1, { JST_OP_NIL, 0, 0, 0, 0 }, { JST_OP_MAPGET, 0, 0, 0, 0 }, RETURN_INSN);
	REFUSE("what the declaration says", 1, 1, { JST_OP_NIL, 0, 0, 0, 0 }, { JST_OP_MAPDELETE, 0, 0, 1, 1 }, RETURN_INSN);
	REFUSE("what the declaration says", 1, 1, { JST_OP_NIL, 0, 0, 0, 0 }, { JST_OP_SPANEND, 0, 0, 1, 1 }, RETURN_INSN);
	REFUSE("what the declaration says", 1, 1, { JST_OP_NIL, 0, 0, 0, 0 }, { JST_OP_AGGREGATE, 0, 0, 0, 0 }, RETURN_INSN);
	REFUSE("what the declaration says", 1, 1, { JST_OP_NIL, 0, 0, 0, 0 }, { JST_OP_AGGREGATE, 0, 0, 1, 3 }, RETURN_INSN);
	REFUSE("what the declaration says", 1, 1, { JST_OP_NIL, 0, 0, 0, 0 }, { JST_OP_RECORD, 0, 0, 1, 0 }, RETURN_INSN);
	REFUSE("what the declaration says", 1, 1, { JST_OP_NIL, 0, 0, 0, 0 }, { JST_OP_CALL, 0, 0, 0, JST_FUNCTION_STRLEN }, RETURN_INSN);
	REFUSE("what the declaration says", 1, 4, { JST_OP_NIL, 0, 0, 0, 0 }, { JST_OP_CALL, 0, 0, 4, JST_FUNCTION_SUBSTR }, RETURN_INSN);
	REFUSE("what the declaration says", 1, 40, { JST_OP_NIL, 0, 0, 0, 0 }, { JST_OP_CALL, 0, 0, JST_MAX_ARGUMENTS + 1, JST_FUNCTION_CAT }, RETURN_INSN);
	REFUSE("no aggregation 4", 0, 1, { JST_OP_AGGGET, 0, 0, 0, 4 }, RETURN_INSN);
	REFUSE("no aggregation -1", 0, 1, { JST_OP_AGGQUANTILE, 0, 0, 1, -1 }, RETURN_INSN);
	REFUSE("no aggregation 4", 0, 1, { JST_OP_AGGCOUNT, 0, 0, 0, 4 }, RETURN_INSN);
	REFUSE("no aggregation 4", 0, 1, { JST_OP_AGGKEYS, 0, 0, 0, 4 }, RETURN_INSN);
	REFUSE("aggregation 0 has no quantiles", 1, 2, { JST_OP_NIL, 0, 0, 0, 0 }, { JST_OP_AGGQUANTILE, 0, 0, 2, 0 }, RETURN_INSN);
	REFUSE("what the declaration says", 1, 2, { JST_OP_NIL, 0, 0, 0, 0 }, { JST_OP_AGGGET, 0, 0, 0, 0 }, RETURN_INSN);
	REFUSE("what the declaration says", 1, 2, { JST_OP_NIL, 0, 0, 0, 0 }, { JST_OP_AGGGET, 0, 0, 1, 1 }, RETURN_INSN);
	REFUSE("what the declaration says", 1, 2, { JST_OP_NIL, 0, 0, 0, 0 }, { JST_OP_AGGQUANTILE, 0, 0, 1, 2 }, RETURN_INSN);
	REFUSE("what the declaration says", 1, 2, { JST_OP_NIL, 0, 0, 0, 0 }, { JST_OP_AGGKEYS, 0, 0, 2, 0 }, RETURN_INSN);
	REFUSE("is not zero", 0, 2, { JST_OP_AGGCOUNT, 0, 1, 0, 1 }, RETURN_INSN);
	REFUSE("no register 1", 0, 1, { JST_OP_AGGCOUNT, 1, 0, 0, 1 }, RETURN_INSN);
	REFUSE("end at register 1", 1, 1, { JST_OP_NIL, 0, 0, 0, 0 }, { JST_OP_AGGKEYS, 0, 1, 1, 0 }, RETURN_INSN);
	REFUSE("end at register 2", 1, 2, { JST_OP_NIL, 0, 0, 0, 0 }, { JST_OP_AGGQUANTILE, 0, 1, 2, 2 }, RETURN_INSN);
	/* Also where no path leads. */
	REFUSE("no register 7", 1, 1, RETURN_INSN, { JST_OP_NIL, 7, 0, 0, 0 });
}
END_TEST

CHANGE(aggregation_index, CODE[CLAUSE[1].first_insn + 6].imm = 4)
CHANGE(aggregation_negative, CODE[CLAUSE[1].first_insn + 6].imm = -1)

START_TEST(aggregations_out_of_range)
{
	expect(aggregation_index, "no aggregation 4");
	expect(aggregation_negative, "no aggregation -1");
}
END_TEST

START_TEST(control_flow)
{
	REFUSE("runs off", 0, 1, { JST_OP_NIL, 0, 0, 0, 0 });
	REFUSE("runs off", 1, 1, { JST_OP_NIL, 0, 0, 0, 0 }, { JST_OP_JFALSE, 0, 0, 0, 0 });
	REFUSE("runs off", 2, 1, { JST_OP_JUMP, 0, 0, 0, 2 }, RETURN_INSN, { JST_OP_NIL, 0, 0, 0, 0 });
	/* Code that no path reaches may end as it likes; a loop without an end is the budget's. */
	ACCEPT(1, RETURN_INSN, { JST_OP_NIL, 0, 0, 0, 0 });
	ACCEPT(1, { JST_OP_JUMP, 0, 0, 0, 0 });
	ACCEPT(1, { JST_OP_INT, 0, 0, 0, 3 }, { JST_OP_EXIT, 0, 0, 0, 0 });
}
END_TEST

START_TEST(registers_are_written_before_they_are_read)
{
	REFUSE("register 1 may be read", 0, 2, { JST_OP_MOVE, 0, 1, 0, 0 }, RETURN_INSN);
	REFUSE("register 1 may be read", 1, 2, { JST_OP_NIL, 0, 0, 0, 0 }, { JST_OP_ADD, 0, 0, 1, 0 }, RETURN_INSN);
	REFUSE("register 1 may be read", 1, 2, { JST_OP_NIL, 0, 0, 0, 0 }, { JST_OP_ADD, 0, 1, 0, 0 }, RETURN_INSN);
	REFUSE("register 0 may be read", 0, 2, { JST_OP_JTRUE, 0, 0, 0, 0 }, RETURN_INSN);
	REFUSE("register 0 may be read", 0, 2, { JST_OP_EXIT, 0, 0, 0, 0 });
	REFUSE("register 0 may be read", 0, 2, { JST_OP_SPECULATE, 0, 0, 0, 0 }, RETURN_INSN);
	REFUSE("register 1 may be read", 1, 2, { JST_OP_NIL, 0, 0, 0, 0 }, { JST_OP_COMMIT, 1, 0, 0, 0 }, RETURN_INSN);
	REFUSE("register 1 may be read", 1, 2, { JST_OP_NIL, 0, 0, 0, 0 }, { JST_OP_DISCARD, 1, 0, 0, 0 }, RETURN_INSN);
	/* They write nothing. */
	REFUSE("register 1 may be read", 2, 2, { JST_OP_NIL, 0, 0, 0, 0 }, { JST_OP_SPECULATE, 0, 0, 0, 0 }, { JST_OP_MOVE, 0, 1, 0, 0 }, RETURN_INSN);
	REFUSE("runs off", 1, 1, { JST_OP_NIL, 0, 0, 0, 0 }, { JST_OP_COMMIT, 0, 0, 0, 0 });
	REFUSE("register 1 may be read", 1, 2, { JST_OP_NIL, 0, 0, 0, 0 }, { JST_OP_MAPGET, 0, 1, 1, 0 }, RETURN_INSN);
	REFUSE("register 1 may be read", 1, 2, { JST_OP_NIL, 0, 0, 0, 0 }, { JST_OP_MAPSET, 0, 1, 1, 0 }, RETURN_INSN);
	REFUSE("register 1 may be read", 1, 2, { JST_OP_NIL, 0, 0, 0, 0 }, { JST_OP_MAPSET, 1, 0, 1, 0 }, RETURN_INSN);
	REFUSE("register 1 may be read", 1, 2, { JST_OP_NIL, 0, 0, 0, 0 }, { JST_OP_MAPDELETE, 0, 1, 1, 0 }, RETURN_INSN);
	REFUSE("register 1 may be read", 1, 2, { JST_OP_NIL, 0, 0, 0, 0 }, { JST_OP_SPANEND, 0, 1, 1, 0 }, RETURN_INSN);
	REFUSE("register 1 may be read", 1, 2, { JST_OP_NIL, 0, 0, 0, 0 }, { JST_OP_AGGREGATE, 1, 0, 1, 0 }, RETURN_INSN);
	REFUSE("register 1 may be read", 1, 2, { JST_OP_NIL, 0, 0, 0, 0 }, { JST_OP_AGGREGATE, 0, 1, 1, 0 }, RETURN_INSN);
	REFUSE("register 1 may be read", 1, 2, { JST_OP_NIL, 0, 0, 0, 0 }, { JST_OP_RECORD, 0, 0, 2, 0 }, RETURN_INSN);
	REFUSE("register 1 may be read", 1, 2, { JST_OP_NIL, 0, 0, 0, 0 }, { JST_OP_CALL, 0, 0, 2, JST_FUNCTION_MIN }, RETURN_INSN);
	REFUSE("register 1 may be read", 1, 2, { JST_OP_NIL, 0, 0, 0, 0 }, { JST_OP_AGGGET, 0, 1, 1, 0 }, RETURN_INSN);
	REFUSE("register 1 may be read", 1, 2, { JST_OP_NIL, 0, 0, 0, 0 }, { JST_OP_AGGQUANTILE, 0, 0, 2, 2 }, RETURN_INSN);
	REFUSE("register 0 may be read", 0, 2, { JST_OP_AGGKEYS, 0, 1, 1, 0 }, RETURN_INSN);
	REFUSE("register 1 may be read", 2, 3, { JST_OP_INT, 0, 0, 0, 0 }, { JST_OP_AGGKEYS, 0, 1, 0, 1 }, { JST_OP_MOVE, 0, 1, 0, 0 }, RETURN_INSN);
	ACCEPT(2, { JST_OP_AGGCOUNT, 0, 0, 0, 0 }, { JST_OP_AGGKEYS, 0, 1, 1, 0 }, { JST_OP_AGGGET, 0, 1, 1, 0 }, RETURN_INSN);
	/* On one of two paths only. */
	REFUSE("register 1 may be read", 3, 2, { JST_OP_FIELD, 0, 0, 0, 0 }, { JST_OP_JTRUE, 0, 0, 0, 3 }, { JST_OP_NIL, 1, 0, 0, 0 }, { JST_OP_MOVE, 0, 1, 0, 0 }, RETURN_INSN);
	ACCEPT(2, { JST_OP_FIELD, 0, 0, 0, 0 }, { JST_OP_NIL, 1, 0, 0, 0 }, { JST_OP_JTRUE, 0, 0, 0, 4 }, { JST_OP_INT, 1, 0, 0, 1 }, { JST_OP_MOVE, 0, 1, 0, 0 }, RETURN_INSN);
	/* An exemplar is read behind the keys. */
	ACCEPT(2, { JST_OP_NIL, 0, 0, 0, 0 }, { JST_OP_NIL, 1, 0, 0, 0 }, { JST_OP_AGGREGATE, 0, 0, 2, 3 }, RETURN_INSN);
	REFUSE("register 1 may be read", 1, 2, { JST_OP_NIL, 0, 0, 0, 0 }, { JST_OP_AGGREGATE, 0, 0, 2, 3 }, RETURN_INSN);
	/* An aggregation without a value reads none, and needs no register for it. */
	ACCEPT(0, { JST_OP_AGGREGATE, 0, 0, 0, 1 }, RETURN_INSN);
	REFUSE("no register 1", 0, 0, { JST_OP_AGGREGATE, 1, 0, 0, 1 }, RETURN_INSN);
	REFUSE("no register 0", 0, 0, { JST_OP_AGGREGATE, 0, 0, 1, 0 }, RETURN_INSN);
}
END_TEST

/* R[0] = what the instruction makes, R[1] an integer, R[2] a field; then it is stored into the map of integers. */
static bool is_integer(struct jst_insn insn)
{
	const struct jst_insn code[] = {
		{ JST_OP_INT, 1, 0, 0, 1 }, { JST_OP_FIELD, 2, 0, 0, 0 }, { JST_OP_CONSTANT, 3, 0, 0, 0 }, insn, { JST_OP_MAPSET, 0, 0, 0, 1 }, RETURN_INSN,
	};
	struct jst_verify_error error;
	const bool accepted = verify_code(4, code, sizeof(code) / sizeof(code[0]), &error);

	if (!accepted)
		ck_assert_msg(strstr(error.reason, "may be no integer") != NULL, "%s", error.reason);
	return accepted;
}

START_TEST(kinds_of_results)
{
	static const enum jst_opcode sure[] = { JST_OP_EQ, JST_OP_NE, JST_OP_LT, JST_OP_LE, JST_OP_MATCH };
	static const enum jst_opcode closed[] = { JST_OP_ADD, JST_OP_SUB, JST_OP_MUL, JST_OP_AND, JST_OP_OR, JST_OP_XOR, JST_OP_SHL, JST_OP_SHR };

	for (size_t i = 0; i < sizeof(sure) / sizeof(sure[0]); i++)
		ck_assert(is_integer((struct jst_insn){ (uint8_t)sure[i], 0, 2, 2, 0 }));
	for (size_t i = 0; i < sizeof(closed) / sizeof(closed[0]); i++) {
		ck_assert(is_integer((struct jst_insn){ (uint8_t)closed[i], 0, 1, 1, 0 }));
		ck_assert(!is_integer((struct jst_insn){ (uint8_t)closed[i], 0, 1, 2, 0 }));
		ck_assert(!is_integer((struct jst_insn){ (uint8_t)closed[i], 0, 2, 1, 0 }));
		ck_assert(!is_integer((struct jst_insn){ (uint8_t)closed[i], 0, 3, 1, 0 }));
	}
	ck_assert(is_integer((struct jst_insn){ JST_OP_NOT, 0, 2, 0, 0 }));
	ck_assert(is_integer((struct jst_insn){ JST_OP_BOOL, 0, 2, 0, 0 }));
	ck_assert(is_integer((struct jst_insn){ JST_OP_ISNIL, 0, 2, 0, 0 }));
	ck_assert(is_integer((struct jst_insn){ JST_OP_NEG, 0, 1, 0, 0 }));
	ck_assert(!is_integer((struct jst_insn){ JST_OP_NEG, 0, 3, 0, 0 }));
	ck_assert(is_integer((struct jst_insn){ JST_OP_INVERT, 0, 1, 0, 0 }));
	ck_assert(!is_integer((struct jst_insn){ JST_OP_INVERT, 0, 2, 0, 0 }));
	ck_assert(is_integer((struct jst_insn){ JST_OP_AGGCOUNT, 0, 0, 0, 0 }));
	ck_assert(!is_integer((struct jst_insn){ JST_OP_AGGGET, 0, 0, 0, 1 }));
	ck_assert(!is_integer((struct jst_insn){ JST_OP_AGGQUANTILE, 0, 1, 2, 2 }));
	ck_assert(!is_integer((struct jst_insn){ JST_OP_AGGKEYS, 1, 0, 1, 0 }));
	ck_assert(is_integer((struct jst_insn){ JST_OP_MOVE, 0, 1, 0, 0 }));
	ck_assert(!is_integer((struct jst_insn){ JST_OP_MOVE, 0, 2, 0, 0 }));
	ck_assert(is_integer((struct jst_insn){ JST_OP_INT, 0, 0, 0, 9 }));
	ck_assert(!is_integer((struct jst_insn){ JST_OP_NIL, 0, 0, 0, 0 }));
	ck_assert(!is_integer((struct jst_insn){ JST_OP_CONSTANT, 0, 0, 0, 0 }));
	ck_assert(!is_integer((struct jst_insn){ JST_OP_FIELD, 0, 0, 0, 0 }));
	ck_assert(!is_integer((struct jst_insn){ JST_OP_DIV, 0, 1, 1, 0 }));
	ck_assert(!is_integer((struct jst_insn){ JST_OP_MOD, 0, 1, 1, 0 }));
	ck_assert(is_integer((struct jst_insn){ JST_OP_MAPHAS, 0, 1, 1, 0 }));
	ck_assert(!is_integer((struct jst_insn){ JST_OP_MAPGET, 0, 1, 1, 0 }));
	ck_assert(!is_integer((struct jst_insn){ JST_OP_MAPGET, 0, 0, 0, 1 }));
	ck_assert(!is_integer((struct jst_insn){ JST_OP_CALL, 0, 1, 1, JST_FUNCTION_STRLEN }));
	for (int variable = 0; variable < JST_VARIABLES; variable++) {
		const bool integer = variable == JST_VARIABLE_NOW || variable == JST_VARIABLE_TIMESTAMP || variable == JST_VARIABLE_ELAPSED || variable == JST_VARIABLE_PID ||
		                     variable == JST_VARIABLE_TID || variable == JST_VARIABLE_CPU || variable == JST_VARIABLE_UID || variable == JST_VARIABLE_THREAD;

		ck_assert_int_eq(is_integer((struct jst_insn){ JST_OP_VARIABLE, 0, 0, 0, variable }), integer);
	}
}
END_TEST

START_TEST(stacks_are_only_carried)
{
	const char *reason = "may hold a stack";

#define STACK(reg) { JST_OP_CALL, reg, 0, 0, JST_FUNCTION_STACK }
#define OTHER(reg) { JST_OP_INT, reg, 0, 0, 1 }
#define RETURN { JST_OP_RETURN, 0, 0, 0, 0 }
	/* Moved, a key of an aggregation, sent; and forgotten. */
	ACCEPT(3, STACK(0), { JST_OP_MOVE, 1, 0, 0, 0 }, OTHER(2), { JST_OP_AGGREGATE, 2, 1, 1, 0 }, { JST_OP_RECORD, 0, 0, 2, 0 }, RETURN);
	ACCEPT(2, STACK(0), OTHER(0), { JST_OP_NEG, 1, 0, 0, 0 }, RETURN);
	ACCEPT(1, STACK(0), { JST_OP_AGGREGATE, 0, 0, 0, 1 }, RETURN); /* a count does not look at the value */
	ACCEPT(2, OTHER(0), { JST_OP_CALL, 1, 0, 1, JST_FUNCTION_STACK }, RETURN);
	/* The value of an aggregation, also by way of another register. */
	REFUSE(reason, 2, 2, STACK(0), OTHER(1), { JST_OP_AGGREGATE, 0, 1, 1, 0 }, RETURN);
	REFUSE(reason, 3, 3, STACK(0), { JST_OP_MOVE, 2, 0, 0, 0 }, OTHER(1), { JST_OP_AGGREGATE, 2, 1, 1, 0 }, RETURN);
	/* Operators, of one operand and of two, and conditions. */
	for (enum jst_opcode op = JST_OP_NEG; op <= JST_OP_BOOL; op++)
		REFUSE(reason, 1, 2, STACK(0), { (uint8_t)op, 1, 0, 0, 0 }, RETURN);
	REFUSE(reason, 1, 2, STACK(0), { JST_OP_ISNIL, 1, 0, 0, 0 }, RETURN);
	for (int op = JST_OP_ADD; op <= JST_OP_MATCH; op++) {
		if (op >= JST_OP_NEG && op <= JST_OP_BOOL)
			continue;
		if (op == JST_OP_ISNIL)
			continue;
		REFUSE(reason, 2, 2, STACK(0), OTHER(1), { (uint8_t)op, 1, 0, 1, 0 }, RETURN);
		REFUSE(reason, 2, 2, STACK(0), OTHER(1), { (uint8_t)op, 1, 1, 0, 0 }, RETURN);
	}
	REFUSE(reason, 1, 1, STACK(0), { JST_OP_JTRUE, 0, 0, 0, 2 }, RETURN);
	REFUSE(reason, 1, 1, STACK(0), { JST_OP_JFALSE, 0, 0, 0, 2 }, RETURN);
	REFUSE(reason, 1, 1, STACK(0), { JST_OP_EXIT, 0, 0, 0, 0 }, RETURN);
	/* Maps, as key and as value, and functions. */
	REFUSE(reason, 1, 2, STACK(0), { JST_OP_MAPGET, 1, 0, 1, 0 }, RETURN);
	REFUSE(reason, 1, 2, STACK(0), { JST_OP_MAPHAS, 1, 0, 1, 0 }, RETURN);
	REFUSE(reason, 1, 2, STACK(0), { JST_OP_MAPDELETE, 0, 0, 1, 0 }, RETURN);
	REFUSE(reason, 2, 2, STACK(0), OTHER(1), { JST_OP_MAPSET, 1, 0, 1, 0 }, RETURN);
	REFUSE(reason, 2, 2, STACK(0), OTHER(1), { JST_OP_MAPSET, 0, 1, 1, 0 }, RETURN);
	REFUSE(reason, 2, 2, STACK(0), OTHER(1), { JST_OP_MAPADD, 0, 1, 1, 0 }, RETURN);
	REFUSE(reason, 2, 2, STACK(0), OTHER(1), { JST_OP_MAPSUB, 0, 1, 1, 0 }, RETURN);
	REFUSE(reason, 1, 2, STACK(0), { JST_OP_CALL, 1, 0, 1, JST_FUNCTION_HASH }, RETURN);
	REFUSE(reason, 1, 2, STACK(0), { JST_OP_CALL, 1, 0, 1, JST_FUNCTION_STACK }, RETURN);
	/* As an exemplar, behind the keys. */
	REFUSE(reason, 2, 2, OTHER(0), STACK(1), { JST_OP_AGGREGATE, 0, 0, 2, 3 }, RETURN);
	/* On one of two paths. */
	REFUSE(reason, 4, 2, OTHER(0), OTHER(1), { JST_OP_JTRUE, 1, 0, 0, 4 }, STACK(0), { JST_OP_NEG, 1, 0, 0, 0 }, RETURN);
#undef STACK
#undef OTHER
#undef RETURN
}
END_TEST

START_TEST(maps_of_integers_get_integers)
{
	REFUSE("may be no integer", 1, 1, { JST_OP_FIELD, 0, 0, 0, 0 }, { JST_OP_MAPSET, 0, 0, 0, 1 }, RETURN_INSN);
	REFUSE("may be no integer", 1, 1, { JST_OP_FIELD, 0, 0, 0, 0 }, { JST_OP_MAPADD, 0, 0, 0, 1 }, RETURN_INSN);
	REFUSE("may be no integer", 1, 1, { JST_OP_FIELD, 0, 0, 0, 0 }, { JST_OP_MAPSUB, 0, 0, 0, 1 }, RETURN_INSN);
	/* An integer at first, no longer so when the loop comes round. */
	REFUSE("may be no integer", 1, 2, { JST_OP_INT, 0, 0, 0, 1 }, { JST_OP_MAPSET, 0, 0, 0, 1 }, { JST_OP_FIELD, 1, 0, 0, 0 }, { JST_OP_MOVE, 0, 1, 0, 0 },
	       { JST_OP_JTRUE, 1, 0, 0, 1 }, RETURN_INSN);
	/* A field is stored into a map of anything. */
	ACCEPT(1, { JST_OP_FIELD, 0, 0, 0, 0 }, { JST_OP_MAPSET, 0, 0, 1, 0 }, RETURN_INSN);
}
END_TEST

START_TEST(too_little_scratch)
{
	struct jst_program *program = rich_program();
	struct jst_verify_error error;
	char scratch[64];

	ck_assert(!jst_verify(program, program->size, scratch, sizeof(scratch), &error));
	ck_assert_msg(strstr(error.reason, "not enough scratch") != NULL, "%s", error.reason);
	ck_assert(!jst_verify(program, program->size, NULL, 0, &error));
	ck_assert_msg(strstr(error.reason, "not enough scratch") != NULL, "%s", error.reason);
	free(program);
}
END_TEST

/*
 * Clauses of the largest size in a loop that carries a register's kind one register further each time round, and in which every instruction is a jump's target:
 * a hundred passes over sixteen thousand joins, and that seven times over.
 */
START_TEST(tangled_code_is_given_up_soon)
{
	struct jst_builder *builder = jst_builder_new();
	const char *limit;
	struct jst_verify_error error;
	struct timespec start, end;

	jst_builder_field(builder, "f", 1);
	for (int clause = 0; clause < 7; clause++) {
		jst_builder_clause(builder);
		jst_builder_registers(builder, JST_MAX_REGISTERS);
		for (int i = 0; i < JST_MAX_REGISTERS; i++)
			jst_builder_insn(builder, (struct jst_insn){ JST_OP_INT, (uint8_t)i, 0, 0, 1 });
		for (int i = JST_MAX_REGISTERS - 1; i > 0; i--)
			jst_builder_insn(builder, (struct jst_insn){ JST_OP_MOVE, (uint8_t)i, (uint8_t)(i - 1), 0, 0 });
		jst_builder_insn(builder, (struct jst_insn){ JST_OP_FIELD, 0, 0, 0, 0 });
		for (int i = 2 * JST_MAX_REGISTERS; i < JST_MAX_INSNS - 2; i++)
			jst_builder_insn(builder, (struct jst_insn){ JST_OP_JTRUE, 0, 0, 0, i + 1 });
		jst_builder_insn(builder, (struct jst_insn){ JST_OP_JTRUE, 0, 0, 0, JST_MAX_REGISTERS });
		jst_builder_insn(builder, (struct jst_insn){ .op = JST_OP_RETURN });
	}
	struct jst_program *program = jst_builder_finish(builder, &limit);

	ck_assert(program != NULL);
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &start);
	ck_assert(!machine_verify(program, &error));
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &end);
	ck_assert_msg(strstr(error.reason, "too tangled") != NULL, "%s", error.reason);
	/* Some tens of milliseconds, but for sanitizers and valgrind. */
	ck_assert_int_lt(end.tv_sec - start.tv_sec, 30);
	free(program);
	jst_builder_free(builder);
}
END_TEST

/* As large as a program may be, with an ordinary loop around each clause: far from the bound. */
START_TEST(a_large_program_is_verified)
{
	struct jst_builder *builder = jst_builder_new();
	const char *limit;
	struct jst_verify_error error;

	for (int clause = 0; clause < 7; clause++) {
		jst_builder_clause(builder);
		jst_builder_registers(builder, JST_MAX_REGISTERS);
		jst_builder_insn(builder, (struct jst_insn){ JST_OP_INT, 0, 0, 0, 1 });
		for (int i = 1; i < JST_MAX_INSNS - 2; i++) {
			if (i % 8)
				jst_builder_insn(builder, (struct jst_insn){ JST_OP_ADD, (uint8_t)(i % 8), 0, (uint8_t)(i % 8 - 1), 0 });
			else
				jst_builder_insn(builder, (struct jst_insn){ JST_OP_JTRUE, 0, 0, 0, i % 16 ? i + 2 : i > 64 ? i - 15 : i + 1 });
		}
		jst_builder_insn(builder, (struct jst_insn){ JST_OP_JTRUE, 0, 0, 0, 1 });
		jst_builder_insn(builder, (struct jst_insn){ .op = JST_OP_RETURN });
	}
	struct jst_program *program = jst_builder_finish(builder, &limit);

	ck_assert(program != NULL);
	ck_assert_msg(machine_verify(program, &error), "clause %d, instruction %d: %s", error.clause, error.insn, error.reason);
	free(program);
	jst_builder_free(builder);
}
END_TEST

/* ---- mutations ---- */

static uint64_t random_state = 0x9e3779b97f4a7c15ULL;

static uint32_t pick(uint32_t below)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return (uint32_t)(random_state >> 20) % below;
}

enum { ARENA = 16 << 20 };

/* Runs an accepted program a few times in an arena that is given back, hence zero, before each. */
static void run_accepted(const struct jst_program *program, unsigned char *arena)
{
	static const char path[] = "/api/users/17";
	static struct jst_field_binding fields[JST_MAX_FIELDS];
	static uint16_t clauses[JST_MAX_CLAUSES];
	const struct jst_memory_options options = { .size = 8 << 20, .string_size = 64, .ring_size = 4096 };
	const struct jst_runner runner = { .slot = 0, .tid = 1, .serial = 1 };
	struct jst_binding binding = {
		.probe = { .name = machine_string("request:end"), .fields = 2,
		           .field = { { machine_string("id"), JST_FIELD_INT, 0 }, { machine_string("path"), JST_FIELD_STRING, 1 } } },
	};
	const uint64_t words[JST_MAX_SITE_WORDS] = { 7, (uint64_t)(uintptr_t)path };
	struct jst_session session = { .program = program, .budget = 2000, .string_size = 64, .work_size = jst_session_work_size(64), .work = arena + (8 << 20) };

	ck_assert_int_eq(madvise(arena, ARENA, MADV_DONTNEED), 0);
	if (!jst_memory_init(&session.memory, arena, program, &options))
		return;
	jst_session_initialise(&session);
	binding.prefix = jst_probe_prefix(binding.probe.name);
	binding.probename = jst_probe_last(binding.probe.name);
	const uint32_t matching = jst_probe_clauses(program, binding.probe.name, clauses);
	jst_probe_bind_fields(program, &binding.probe, fields);
	binding.field = fields;
	struct jst_plan *plans = malloc(jst_plan_size(program, clauses, matching) + 1);

	jst_plan_make(program, &binding, clauses, matching, plans);
	jst_session_claim(&session, &runner);
	for (int i = 0; i < 3; i++)
		jst_session_event(&session, &runner, &binding, words);
	for (uint32_t i = 0; i < jst_program_count(program, JST_SECTION_CLAUSES); i++)
		jst_session_clause(&session, &runner, &binding, words, i);
	free(plans);
}

/* One byte, or one field of a header, declaration or instruction, is something else. sections: as they were at first. */
static void mutate(struct jst_program *program, const struct jst_section *sections)
{
	unsigned char *bytes = (unsigned char *)program;
	const enum jst_section_id id = (enum jst_section_id)pick(JST_SECTIONS);
	const struct jst_section at = sections[id];
	const uint32_t size = at.count * jst_section_info[id].size;
	static const uint32_t interesting[] = { 0, 1, 2, 3, 7, 8, 9, 127, 128, 129, 255, 256, 0x7fffffff, 0x80000000, 0xffffffff };
	uint32_t word;

	switch (pick(4)) {
	case 0: /* any byte behind the checksum */
		bytes[offsetof(struct jst_program, sections) + pick(program->size - (uint32_t)offsetof(struct jst_program, sections))] = (unsigned char)pick(256);
		break;
	case 1: /* a word of a section: something near, or something interesting */
		if (size < 4)
			break;
		memcpy(&word, bytes + at.offset + pick(size / 4) * 4, 4);
		word = pick(2) ? word + pick(5) - 2 : interesting[pick(sizeof(interesting) / sizeof(interesting[0]))];
		memcpy(bytes + at.offset + pick(size / 4) * 4, &word, 4);
		break;
	default: { /* an operand of an instruction */
		struct jst_insn *code = (struct jst_insn *)(void *)(bytes + sections[JST_SECTION_CODE].offset);
		struct jst_insn *one = &code[pick(sections[JST_SECTION_CODE].count)];

		switch (pick(6)) {
		case 0:
			one->op = (uint8_t)pick(JST_OPCODES);
			break;
		case 1:
			one->a = (uint8_t)pick(14);
			break;
		case 2:
			one->b = (uint8_t)pick(14);
			break;
		case 3:
			one->c = (uint8_t)pick(14);
			break;
		case 4:
			one->imm = (int32_t)pick(40);
			break;
		default: /* another instruction of the same kind of operands */
			*one = code[pick(sections[JST_SECTION_CODE].count)];
		}
	}
	}
}

START_TEST(mutations)
{
	struct jst_program *whole = rich_program();
	unsigned char *arena = mmap(NULL, ARENA, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	void *scratch = malloc(JST_VERIFY_SCRATCH);
	const int rounds = machine_under_valgrind() ? 2000 : 40000;
	int accepted = 0;

	ck_assert_ptr_ne(arena, MAP_FAILED);
	for (int i = 0; i < rounds; i++) {
		/* Exactly as large as the program, so that reading past it is noticed. */
		struct jst_program *program = malloc(whole->size);
		struct jst_verify_error error;

		memcpy(program, whole, whole->size);
		for (uint32_t n = 1 + pick(3); n > 0; n--)
			mutate(program, whole->sections);
		/* The flags are made to fit where that can be told, so that what is behind them is reached. */
		program->flags = JST_PROGRAM_CLOCK | JST_PROGRAM_RECORDS | JST_PROGRAM_SPECULATES | JST_PROGRAM_READS;
		program->checksum = jst_program_checksum(program, whole->size);
		if (jst_verify(program, whole->size, scratch, JST_VERIFY_SCRATCH, &error)) {
			accepted++;
			run_accepted(program, arena);
		} else {
			ck_assert_uint_gt(strlen(error.reason), 0);
			ck_assert_uint_lt(strlen(error.reason), sizeof(error.reason));
		}
		free(program);
	}
	printf("mutations: %d of %d accepted and run (%.0f %%)\n", accepted, rounds, 100.0 * accepted / rounds);
	/* A mutation that is never accepted tests nothing behind the verifier, one that always is changes nothing. */
	ck_assert_int_gt(accepted, rounds / 20);
	ck_assert_int_lt(accepted, rounds * 19 / 20);
	munmap(arena, ARENA);
	free(scratch);
	free(whole);
}
END_TEST

START_TEST(random_bytes)
{
	void *scratch = malloc(JST_VERIFY_SCRATCH);
	int accepted = 0;

	for (int i = 0; i < 20000; i++) {
		const uint32_t size = pick(64) < 60 ? (uint32_t)sizeof(struct jst_program) + pick(400) / 8 * 8 : pick(sizeof(struct jst_program));
		unsigned char *bytes = malloc(size ? size : 1);
		struct jst_verify_error error;

		for (uint32_t at = 0; at < size; at++)
			bytes[at] = (unsigned char)(pick(2) ? 0 : pick(256));
		if (size >= sizeof(struct jst_program)) {
			struct jst_program *program = (struct jst_program *)(void *)bytes;
			uint32_t end = sizeof(*program);

			program->magic = JST_PROGRAM_MAGIC;
			program->version = JST_PROGRAM_VERSION;
			program->size = size;
			program->flags = 0;
			/* Sections as they must be, of random sizes, more often than not. */
			for (int id = 0; id < JST_SECTIONS && pick(20); id++) {
				program->sections[id].offset = (end + 7) & ~7U;
				program->sections[id].count = pick(4);
				end = program->sections[id].offset + program->sections[id].count * jst_section_info[id].size;
			}
			program->checksum = jst_program_checksum(program, size);
		}
		accepted += jst_verify(bytes, size, scratch, JST_VERIFY_SCRATCH, &error);
		free(bytes);
	}
	ck_assert_int_lt(accepted, 200); /* but for empty ones */
	free(scratch);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("verify");
	TCase *structure = tcase_create("structure");
	TCase *code = tcase_create("code");
	TCase *fuzz = tcase_create("fuzz");

	tcase_add_test(structure, the_rich_program_is_accepted);
	tcase_add_test(structure, the_bytes_as_a_whole);
	tcase_add_test(structure, the_gap_after_the_last_section);
	tcase_add_test(structure, section_bounds);
	tcase_add_test(structure, declarations);
	tcase_add_test(structure, a_long_pattern);
	tcase_add_test(structure, globs_without_end);
	tcase_add_test(structure, a_long_clause);
	tcase_add_test(code, operands);
	tcase_add_test(code, aggregations_out_of_range);
	tcase_add_test(code, control_flow);
	tcase_add_test(code, registers_are_written_before_they_are_read);
	tcase_add_test(code, kinds_of_results);
	tcase_add_test(code, maps_of_integers_get_integers);
	tcase_add_test(code, stacks_are_only_carried);
	tcase_add_test(code, too_little_scratch);
	tcase_add_test(code, tangled_code_is_given_up_soon);
	tcase_add_test(code, a_large_program_is_verified);
	tcase_add_test(fuzz, mutations);
	tcase_add_test(fuzz, random_bytes);
	tcase_set_timeout(structure, 120);
	tcase_set_timeout(code, 120);
	tcase_set_timeout(fuzz, 300);
	suite_add_tcase(suite, structure);
	suite_add_tcase(suite, code);
	suite_add_tcase(suite, fuzz);
	SRunner *runner = srunner_create(suite);

	srunner_run_all(runner, CK_ENV);
	const int failed = srunner_ntests_failed(runner);

	srunner_free(runner);
	return failed != 0;
}
