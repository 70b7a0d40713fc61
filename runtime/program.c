/*
 * What the builder and the verifier must agree on about programs: the sizes of elements, what a section may hold, the flags that
 * follow from the code, and the checksum.
 */
#include "aggregation.h"
#include "hash.h"
#include "program.h"

const struct jst_section_info jst_section_info[JST_SECTIONS] = {
	[JST_SECTION_STRINGS] = { 1, JST_PROGRAM_MAX_SIZE, "strings" },
	[JST_SECTION_CONSTANTS] = { sizeof(struct jst_constant), JST_PROGRAM_MAX_SIZE, "constants" },
	[JST_SECTION_FIELDS] = { sizeof(struct jst_string_ref), JST_MAX_FIELDS, "fields" },
	[JST_SECTION_MAPS] = { sizeof(struct jst_map_decl), JST_MAX_MAPS, "maps" },
	[JST_SECTION_AGGREGATIONS] = { sizeof(struct jst_aggregation_decl), JST_MAX_AGGREGATIONS, "aggregations" },
	[JST_SECTION_PATTERNS] = { sizeof(struct jst_pattern_decl), JST_MAX_PATTERNS, "patterns" },
	[JST_SECTION_CLAUSES] = { sizeof(struct jst_clause_decl), JST_MAX_CLAUSES, "clauses" },
	[JST_SECTION_RECORDS] = { sizeof(struct jst_record_decl), JST_MAX_RECORDS, "records" },
	[JST_SECTION_INITIALS] = { sizeof(struct jst_initial_decl), JST_PROGRAM_MAX_SIZE, "initials" },
	[JST_SECTION_CODE] = { sizeof(struct jst_insn), JST_PROGRAM_MAX_SIZE, "code" },
};

uint64_t jst_program_checksum(const struct jst_program *program, size_t size)
{
	static const uint64_t zero;
	const char *bytes = (const char *)program;
	const size_t before = offsetof(struct jst_program, checksum);
	const size_t after = before + sizeof(program->checksum);
	XXH3_state_t state;

	XXH3_64bits_reset(&state);
	XXH3_64bits_update(&state, bytes, before);
	XXH3_64bits_update(&state, &zero, sizeof(zero));
	XXH3_64bits_update(&state, bytes + after, size - after);
	return XXH3_64bits_digest(&state);
}

uint32_t jst_program_insn_flags(const struct jst_program *program, const struct jst_insn *insn)
{
	const struct jst_aggregation_decl *aggregations = jst_program_section(program, JST_SECTION_AGGREGATIONS);

	switch (insn->op) {
	case JST_OP_VARIABLE:
		return insn->imm == JST_VARIABLE_NOW || insn->imm == JST_VARIABLE_TIMESTAMP || insn->imm == JST_VARIABLE_ELAPSED ? JST_PROGRAM_CLOCK : 0;
	case JST_OP_AGGREGATE:
		return jst_aggregation_is_timed(&aggregations[insn->imm]) ? JST_PROGRAM_CLOCK : 0;
	case JST_OP_RECORD:
	case JST_OP_EVENT:
		return JST_PROGRAM_RECORDS | JST_PROGRAM_CLOCK;
	case JST_OP_EXIT:
		return JST_PROGRAM_RECORDS;
	case JST_OP_SPECULATE:
	case JST_OP_DISCARD:
		return JST_PROGRAM_SPECULATES;
	case JST_OP_COMMIT:
		return JST_PROGRAM_SPECULATES | JST_PROGRAM_RECORDS;
	case JST_OP_AGGGET:
	case JST_OP_AGGQUANTILE:
	case JST_OP_AGGCOUNT:
	case JST_OP_AGGKEYS:
		return JST_PROGRAM_READS;
	default:
		return 0;
	}
}

bool jst_program_takes_value(const struct jst_program *program, int32_t aggregation)
{
	static const bool takes[JST_AGGREGATIONS] = {
#define AGGREGATION(name, text, alias, values, parameters, shape, signature, meaning) [JST_AGGREGATION_##name] = values,
#include "aggregation.def"
#undef AGGREGATION
	};
	const struct jst_aggregation_decl *aggregations = jst_program_section(program, JST_SECTION_AGGREGATIONS);

	return takes[aggregations[aggregation].function];
}

bool jst_program_has_quantiles(const struct jst_program *program, int32_t aggregation)
{
	const struct jst_aggregation_decl *aggregations = jst_program_section(program, JST_SECTION_AGGREGATIONS);
	const enum jst_shape shape = jst_aggregation_info[aggregations[aggregation].function].shape;

	return shape == JST_SHAPE_HIST || shape == JST_SHAPE_LHIST || shape == JST_SHAPE_QUANTILES;
}
