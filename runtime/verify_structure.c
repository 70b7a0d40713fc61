/*
 * The verifier's second part: every declaration refers to what exists and keeps its limits, and every instruction's operands are in range for the shape of
 * its opcode (opcode.def), also in code that no path reaches.
 */
#include "verify_internal.h"
#include "vm.h"

static bool refuse(const struct jst_verifier *verifier, const char *reason, int64_t number)
{
	return jst_verify_refuse(verifier, -1, -1, reason, number);
}

static uint32_t count_of(const struct jst_verifier *verifier, enum jst_section_id id)
{
	return jst_program_count(verifier->program, id);
}

/* The bytes lie within the strings, and a NUL follows them. */
static bool is_string(const struct jst_verifier *verifier, uint64_t offset, uint32_t length)
{
	const char *strings = jst_program_section(verifier->program, JST_SECTION_STRINGS);
	const uint32_t count = count_of(verifier, JST_SECTION_STRINGS);

	return HOLDS(offset < count) && HOLDS(length < count - offset) && HOLDS(strings[offset + length] == '\0');
}

static bool verify_constants(const struct jst_verifier *verifier)
{
	const struct jst_constant *constants = jst_program_section(verifier->program, JST_SECTION_CONSTANTS);

	for (uint32_t i = 0; i < count_of(verifier, JST_SECTION_CONSTANTS); i++) {
		const struct jst_constant *constant = &constants[i];

		if (WRONG(constant->kind > JST_STRING))
			return refuse(verifier, "constant # has an unknown kind", i);
		if (WRONG(constant->kind == JST_STRING && !is_string(verifier, constant->bits, constant->length)))
			return refuse(verifier, "constant # is no string of the strings section", i);
		if (WRONG(constant->kind != JST_STRING && constant->length))
			return refuse(verifier, "constant # has a length and is no string", i);
		if (WRONG(constant->kind == JST_NIL && constant->bits))
			return refuse(verifier, "constant # is nil and has a value", i);
	}
	return true;
}

static bool verify_fields(const struct jst_verifier *verifier)
{
	const struct jst_string_ref *fields = jst_program_section(verifier->program, JST_SECTION_FIELDS);

	for (uint32_t i = 0; i < count_of(verifier, JST_SECTION_FIELDS); i++) {
		if (WRONG(!is_string(verifier, fields[i].offset, fields[i].length)))
			return refuse(verifier, "field # has no name in the strings section", i);
	}
	return true;
}

static bool verify_maps(const struct jst_verifier *verifier)
{
	const struct jst_map_decl *maps = jst_program_section(verifier->program, JST_SECTION_MAPS);

	for (uint32_t i = 0; i < count_of(verifier, JST_SECTION_MAPS); i++) {
		if (WRONG(maps[i].flags & ~(uint32_t)(JST_MAP_INT | JST_MAP_SPAN)))
			return refuse(verifier, "map # has unknown flags", i);
		if (WRONG((maps[i].flags & JST_MAP_SPAN) && !(maps[i].flags & JST_MAP_INT)))
			return refuse(verifier, "map # is a span table and not declared to hold integers", i);
		if (WRONG(maps[i].keys > JST_MAX_KEYS))
			return refuse(verifier, "map # has too many keys", i);
		if (WRONG((maps[i].flags & JST_MAP_SPAN) && maps[i].keys == 0))
			return refuse(verifier, "map # is a span table without a key", i);
	}
	return true;
}

static bool verify_aggregation(const struct jst_verifier *verifier, const struct jst_aggregation_decl *decl, uint32_t i)
{
	const int64_t *parameters = decl->parameters;

	if (WRONG(decl->function >= JST_AGGREGATIONS))
		return refuse(verifier, "aggregation # has an unknown function", i);
	if (WRONG(decl->keys > JST_MAX_KEYS))
		return refuse(verifier, "aggregation # has too many keys", i);
	if (WRONG(decl->reserved))
		return refuse(verifier, "aggregation # has reserved bits set", i);
	if (decl->function == JST_AGGREGATION_LHIST) {
		const int64_t low = parameters[0], high = parameters[1], step = parameters[2];

		if (WRONG(low >= high) || WRONG(step <= 0))
			return refuse(verifier, "aggregation # has no steps", i);
		if (WRONG(((uint64_t)high - (uint64_t)low - 1) / (uint64_t)step + 1 > JST_MAX_LHIST_STEPS))
			return refuse(verifier, "aggregation # has too many steps", i);
		return true;
	}
	if (decl->function == JST_AGGREGATION_HIST || decl->function == JST_AGGREGATION_QUANTILES) {
		if (WRONG(parameters[0] < 0) || WRONG(parameters[0] > JST_MAX_HIST_BITS))
			return refuse(verifier, "aggregation # has too many buckets", i);
	} else if (WRONG(parameters[0])) {
		return refuse(verifier, "aggregation # has parameters that its function does not take", i);
	}
	if (WRONG(parameters[1] && !(decl->function == JST_AGGREGATION_HIST && parameters[1] == 1)) || WRONG(parameters[2]))
		return refuse(verifier, "aggregation # has parameters that its function does not take", i);
	return true;
}

/* Every [ of a glob begins a set that ends. */
static bool glob_is_whole(const char *at, const char *end)
{
	for (; at < end; at++) {
		if (*at != '[')
			continue;
		at++;
		if (at < end && *at == '!')
			at++;
		if (at < end)
			at++; /* the first member may be a ] */
		while (at < end && *at != ']')
			at++;
		if (at == end)
			return false;
	}
	return true;
}

static bool verify_patterns(const struct jst_verifier *verifier)
{
	const struct jst_pattern_decl *patterns = jst_program_section(verifier->program, JST_SECTION_PATTERNS);
	uint32_t globs = 0; /* at most JST_MAX_PATTERNS times JST_MAX_PATTERN */

	for (uint32_t i = 0; i < count_of(verifier, JST_SECTION_PATTERNS); i++) {
		if (WRONG(!is_string(verifier, patterns[i].text.offset, patterns[i].text.length)))
			return refuse(verifier, "pattern # has no text in the strings section", i);
		if (WRONG(patterns[i].text.length == 0) || WRONG(patterns[i].text.length > JST_MAX_PATTERN))
			return refuse(verifier, "pattern # is empty or too long", i);
		if (WRONG(patterns[i].flags & ~(uint32_t)JST_PATTERN_GLOB))
			return refuse(verifier, "pattern # has unknown flags", i);
		if (WRONG(patterns[i].reserved))
			return refuse(verifier, "pattern # has reserved bits set", i);
		const struct jst_string text = jst_program_string(verifier->program, patterns[i].text);

		if (WRONG((patterns[i].flags & JST_PATTERN_GLOB) && !glob_is_whole(text.bytes, text.bytes + text.length)))
			return refuse(verifier, "pattern # has a [ without a ]", i);
		globs += patterns[i].flags & JST_PATTERN_GLOB ? text.length : 0;
		if (WRONG(globs > JST_MAX_GLOBS))
			return refuse(verifier, "the globs up to pattern # take too long to match", i);
	}
	return true;
}

static bool verify_records(const struct jst_verifier *verifier)
{
	const struct jst_record_decl *records = jst_program_section(verifier->program, JST_SECTION_RECORDS);

	for (uint32_t i = 0; i < count_of(verifier, JST_SECTION_RECORDS); i++) {
		if (WRONG(records[i].values > JST_MAX_ARGUMENTS))
			return refuse(verifier, "record # has too many values", i);
		if (WRONG(records[i].reserved))
			return refuse(verifier, "record # has reserved bits set", i);
	}
	return true;
}

static bool verify_initials(const struct jst_verifier *verifier)
{
	const struct jst_initial_decl *initials = jst_program_section(verifier->program, JST_SECTION_INITIALS);
	const struct jst_constant *constants = jst_program_section(verifier->program, JST_SECTION_CONSTANTS);
	const struct jst_map_decl *maps = jst_program_section(verifier->program, JST_SECTION_MAPS);

	for (uint32_t i = 0; i < count_of(verifier, JST_SECTION_INITIALS); i++) {
		if (WRONG(initials[i].map >= count_of(verifier, JST_SECTION_MAPS)))
			return refuse(verifier, "initial value # has no map", i);
		const struct jst_map_decl *map = &maps[initials[i].map];
		const uint64_t value = (uint64_t)initials[i].first_constant + map->keys;

		if (WRONG(value >= count_of(verifier, JST_SECTION_CONSTANTS)))
			return refuse(verifier, "initial value # has no constants", i);
		if (WRONG((map->flags & JST_MAP_INT) && constants[value].kind != JST_INT))
			return refuse(verifier, "initial value # is no integer, as its map holds", i);
	}
	return true;
}

static bool verify_clauses(const struct jst_verifier *verifier)
{
	const struct jst_clause_decl *clauses = jst_program_section(verifier->program, JST_SECTION_CLAUSES);
	const uint32_t count = count_of(verifier, JST_SECTION_CLAUSES);
	uint64_t patterns = 0, insns = 0;

	for (uint32_t i = 0; i < count; i++) {
		if (WRONG(clauses[i].first_pattern != patterns) || WRONG(clauses[i].first_insn != insns))
			return jst_verify_refuse(verifier, (int)i, -1, "the clause does not begin where the one before ends", 0);
		patterns += clauses[i].patterns;
		insns += clauses[i].insns;
		if (WRONG(patterns > count_of(verifier, JST_SECTION_PATTERNS)))
			return jst_verify_refuse(verifier, (int)i, -1, "the clause's patterns end beyond their section", 0);
		if (WRONG(insns > count_of(verifier, JST_SECTION_CODE)))
			return jst_verify_refuse(verifier, (int)i, -1, "the clause's code ends beyond its section", 0);
		if (WRONG(clauses[i].insns == 0) || WRONG(clauses[i].insns > JST_MAX_INSNS))
			return jst_verify_refuse(verifier, (int)i, -1, "a clause cannot have # instructions", clauses[i].insns);
		if (WRONG(clauses[i].registers > JST_MAX_REGISTERS))
			return jst_verify_refuse(verifier, (int)i, -1, "a clause cannot have # registers", clauses[i].registers);
		if (WRONG(clauses[i].reserved))
			return jst_verify_refuse(verifier, (int)i, -1, "reserved bits are set", 0);
	}
	if (WRONG(patterns != count_of(verifier, JST_SECTION_PATTERNS)) || WRONG(insns != count_of(verifier, JST_SECTION_CODE)))
		return refuse(verifier, "there are patterns or code of no clause", 0);
	return true;
}

/* Operands as they are used by a shape. */
enum {
	USES_A = 1,
	USES_B = 2,
	USES_C = 4,
	USES_RANGE = 8, /* R[b] … R[b+c-1] */
	USES_IMM = 16,
};

static const uint8_t shape_uses[] = {
	[JST_OPERANDS_A] = USES_A,
	[JST_OPERANDS_AI] = USES_A | USES_IMM,
	[JST_OPERANDS_AB] = USES_A | USES_B,
	[JST_OPERANDS_ABC] = USES_A | USES_B | USES_C,
	[JST_OPERANDS_AK] = USES_A | USES_IMM,
	[JST_OPERANDS_AF] = USES_A | USES_IMM,
	[JST_OPERANDS_AV] = USES_A | USES_IMM,
	[JST_OPERANDS_J] = USES_IMM,
	[JST_OPERANDS_RJ] = USES_A | USES_IMM,
	[JST_OPERANDS_R] = USES_A,
	[JST_OPERANDS_MAP_A] = USES_A | USES_RANGE | USES_IMM,
	[JST_OPERANDS_MAP_R] = USES_A | USES_RANGE | USES_IMM,
	[JST_OPERANDS_MAP] = USES_RANGE | USES_IMM,
	[JST_OPERANDS_AGG] = USES_A | USES_RANGE | USES_IMM,
	[JST_OPERANDS_RECORD] = USES_RANGE | USES_IMM,
	[JST_OPERANDS_CALL] = USES_A | USES_RANGE | USES_IMM,
	[JST_OPERANDS_AGG_A] = USES_A | USES_RANGE | USES_IMM,
	[JST_OPERANDS_AGG_Q] = USES_A | USES_RANGE | USES_IMM,
	[JST_OPERANDS_AGG_N] = USES_A | USES_IMM,
	[JST_OPERANDS_AGG_W] = USES_A | USES_RANGE | USES_IMM,
	[JST_OPERANDS_NONE] = 0,
};

/* What imm refers to exists. Returns the reason to refuse, or NULL. */
static const char *imm_refusal(const struct jst_verifier *verifier, const struct jst_clause_decl *clause, enum jst_shape_id shape, int32_t imm)
{
	const uint32_t index = (uint32_t)imm; /* a negative one is too large */

	switch (shape) {
	case JST_OPERANDS_AK:
		return HOLDS(index < count_of(verifier, JST_SECTION_CONSTANTS)) ? NULL : "there is no constant #";
	case JST_OPERANDS_AF:
		return HOLDS(index < count_of(verifier, JST_SECTION_FIELDS)) ? NULL : "there is no field #";
	case JST_OPERANDS_AV:
		return HOLDS(index < JST_VARIABLES) ? NULL : "there is no builtin variable #";
	case JST_OPERANDS_J:
	case JST_OPERANDS_RJ:
		return HOLDS(index < clause->insns) ? NULL : "the jump to # leaves the clause";
	case JST_OPERANDS_MAP_A:
	case JST_OPERANDS_MAP_R:
	case JST_OPERANDS_MAP:
		return HOLDS(index < count_of(verifier, JST_SECTION_MAPS)) ? NULL : "there is no map #";
	case JST_OPERANDS_AGG_Q:
		if (WRONG(index >= count_of(verifier, JST_SECTION_AGGREGATIONS)))
			return "there is no aggregation #";
		return HOLDS(jst_program_has_quantiles(verifier->program, imm)) ? NULL : "aggregation # has no quantiles";
	case JST_OPERANDS_AGG:
	case JST_OPERANDS_AGG_A:
	case JST_OPERANDS_AGG_N:
	case JST_OPERANDS_AGG_W:
		return HOLDS(index < count_of(verifier, JST_SECTION_AGGREGATIONS)) ? NULL : "there is no aggregation #";
	case JST_OPERANDS_RECORD:
		return HOLDS(index < count_of(verifier, JST_SECTION_RECORDS)) ? NULL : "there is no record #";
	case JST_OPERANDS_CALL:
		return HOLDS(index < JST_FUNCTIONS) ? NULL : "there is no function #";
	default:
		return NULL;
	}
}

/* The number of registers in the range is what imm's declaration says. */
static bool count_agrees(const struct jst_verifier *verifier, const struct jst_insn *insn)
{
	static const struct {
		int min, max;
	} arguments[JST_FUNCTIONS] = {
#define VARIABLE(name, text, alias, unit, where, meaning)
#define FUNCTION(name, text, least, most, signature, unit, meaning) [JST_FUNCTION_##name] = { least, most },
#include "builtin.def"
#undef VARIABLE
#undef FUNCTION
	};
	const struct jst_map_decl *maps = jst_program_section(verifier->program, JST_SECTION_MAPS);
	const struct jst_aggregation_decl *aggregations = jst_program_section(verifier->program, JST_SECTION_AGGREGATIONS);
	const struct jst_record_decl *records = jst_program_section(verifier->program, JST_SECTION_RECORDS);

	switch (jst_opcode_info[insn->op].shape) {
	case JST_OPERANDS_MAP_A:
	case JST_OPERANDS_MAP_R:
	case JST_OPERANDS_MAP:
		return HOLDS(insn->c == maps[insn->imm].keys);
	case JST_OPERANDS_AGG:
		return HOLDS(insn->c == aggregations[insn->imm].keys + jst_aggregation_has_exemplars(&aggregations[insn->imm]));
	case JST_OPERANDS_AGG_A:
	case JST_OPERANDS_AGG_W:
		return HOLDS(insn->c == aggregations[insn->imm].keys);
	case JST_OPERANDS_AGG_Q:
		return HOLDS(insn->c == aggregations[insn->imm].keys + 1);
	case JST_OPERANDS_RECORD:
		return HOLDS(insn->c == records[insn->imm].values);
	case JST_OPERANDS_CALL: {
		const int max = arguments[insn->imm].max;

		return HOLDS(insn->c >= arguments[insn->imm].min) && HOLDS(insn->c <= (max < 0 ? JST_MAX_ARGUMENTS : max));
	}
	default:
		return true;
	}
}

static bool verify_insn(const struct jst_verifier *verifier, uint32_t c, const struct jst_clause_decl *clause, uint32_t i, const struct jst_insn *insn)
{
	if (WRONG(insn->op >= JST_OPCODES))
		return jst_verify_refuse(verifier, (int)c, (int)i, "there is no opcode #", insn->op);

	const enum jst_shape_id shape = jst_opcode_info[insn->op].shape;
	const unsigned uses = shape_uses[shape];

	if (WRONG(!(uses & USES_A) && insn->a) || WRONG((!(uses & (USES_B | USES_RANGE)) && insn->b)) || WRONG((!(uses & (USES_C | USES_RANGE)) && insn->c)) || WRONG(!(uses & USES_IMM) && insn->imm))
		return jst_verify_refuse(verifier, (int)c, (int)i, "an operand that the instruction does not have is not zero", 0);
	const char *reason = imm_refusal(verifier, clause, shape, insn->imm);

	if (reason)
		return jst_verify_refuse(verifier, (int)c, (int)i, reason, insn->imm);
	/* An aggregation that takes no value leaves a alone. */
	if (WRONG(uses & USES_A) && insn->a >= clause->registers && !(shape == JST_OPERANDS_AGG && insn->a == 0 && !jst_program_takes_value(verifier->program, insn->imm)))
		return jst_verify_refuse(verifier, (int)c, (int)i, "the clause has no register #", insn->a);
	if (WRONG((uses & USES_B) && insn->b >= clause->registers))
		return jst_verify_refuse(verifier, (int)c, (int)i, "the clause has no register #", insn->b);
	if (WRONG((uses & USES_C) && insn->c >= clause->registers))
		return jst_verify_refuse(verifier, (int)c, (int)i, "the clause has no register #", insn->c);
	if (WRONG((uses & USES_RANGE) && (uint32_t)insn->b + insn->c > clause->registers))
		return jst_verify_refuse(verifier, (int)c, (int)i, "the operands end at register #, which the clause does not have", insn->b + insn->c - 1);
	if (!count_agrees(verifier, insn))
		return jst_verify_refuse(verifier, (int)c, (int)i, "# keys or arguments are not what the declaration says", insn->c);
	return true;
}

static bool verify_operands(const struct jst_verifier *verifier)
{
	const struct jst_clause_decl *clauses = jst_program_section(verifier->program, JST_SECTION_CLAUSES);
	const struct jst_insn *code = jst_program_section(verifier->program, JST_SECTION_CODE);

	for (uint32_t c = 0; c < count_of(verifier, JST_SECTION_CLAUSES); c++) {
		for (uint32_t i = 0; i < clauses[c].insns; i++) {
			if (!verify_insn(verifier, c, &clauses[c], i, &code[clauses[c].first_insn + i]))
				return false;
		}
	}
	return true;
}

bool jst_verify_structure(const struct jst_verifier *verifier)
{
	const struct jst_aggregation_decl *aggregations = jst_program_section(verifier->program, JST_SECTION_AGGREGATIONS);

	if (!verify_constants(verifier) || !verify_fields(verifier) || !verify_maps(verifier))
		return false;
	for (uint32_t i = 0; i < count_of(verifier, JST_SECTION_AGGREGATIONS); i++) {
		if (!verify_aggregation(verifier, &aggregations[i], i))
			return false;
	}
	return verify_patterns(verifier) && verify_records(verifier) && verify_initials(verifier) && verify_clauses(verifier) && verify_operands(verifier);
}
