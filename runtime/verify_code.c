/*
 * The verifier's third part: what each register may hold at each instruction, as a set of kinds, found by running the clause on such sets to a fixed point.
 *
 * States are kept at leaders (instruction 0 and the targets of jumps) and joined there by union; in between there is one running state. Leaders are taken lowest
 * first, so code without backward jumps is passed once, and a loop about once more for each change that its end makes to its head. A state only ever grows, so this ends;
 * a bound on all steps makes sure that it ends soon.
 */
#include <string.h>

#include "verify_internal.h"
#include "vm.h"

enum {
	UNSET = 1,
	NIL = 2,
	INT = 4,
	DOUBLE = 8,
	STRING = 16,
	STACK = 32,
	NUMBER = INT | DOUBLE,
	ANYTHING = NIL | INT | DOUBLE | STRING, /* that a function may compute: a stack comes from one place only */
};

_Static_assert(STRING == NIL << JST_STRING && STACK == NIL << JST_STACK, "a kind's bit is NIL's, shifted by it");

enum { LEADER = 1, REACHED = 2, QUEUED = 4 };

struct walk {
	struct jst_verifier *verifier;
	const struct jst_clause_decl *clause;
	const struct jst_insn *code;
	uint32_t index;      /* of the clause */
	uint32_t stride;     /* bytes of a state: a byte a register, in whole words */
	uint64_t *states;    /* of all instructions, used at leaders */
	uint8_t *marks;      /* of all instructions */
	uint32_t lowest;     /* nothing before it is queued */
};

static bool refuse(const struct walk *walk, uint32_t insn, const char *reason, int64_t number)
{
	return jst_verify_refuse(walk->verifier, (int)walk->index, (int)insn, reason, number);
}

static uint64_t *state_at(const struct walk *walk, uint32_t insn)
{
	return walk->states + (size_t)insn * (walk->stride / 8);
}

static void join(struct walk *walk, uint32_t target, const uint64_t *state)
{
	const uint32_t words = walk->stride / 8;
	uint64_t *old = state_at(walk, target), grown = 0;

	if (!(walk->marks[target] & REACHED)) {
		memcpy(old, state, walk->stride);
		grown = 1;
	}
	for (uint32_t i = 0; i < words; i++) {
		grown |= state[i] & ~old[i];
		old[i] |= state[i];
	}
	walk->marks[target] |= REACHED;
	if (grown) {
		walk->marks[target] |= QUEUED;
		if (target < walk->lowest)
			walk->lowest = target;
	}
}

static bool check_written(const struct walk *walk, uint32_t i, const uint8_t *kinds, unsigned reg)
{
	return WRONG(kinds[reg] & UNSET) ? refuse(walk, i, "register # may be read before it is written", reg) : true;
}

/* As nearly every instruction reads: no stack. */
static bool check_read(const struct walk *walk, uint32_t i, const uint8_t *kinds, unsigned reg)
{
	if (WRONG(kinds[reg] & STACK))
		return refuse(walk, i, "register # may hold a stack, which is only moved, a key of an aggregation or sent", reg);
	return check_written(walk, i, kinds, reg);
}

/* All registers that the instruction reads are written on every path to it. */
static bool check_reads(const struct walk *walk, uint32_t i, const uint8_t *kinds)
{
	const struct jst_insn *insn = &walk->code[i];
	const struct jst_aggregation_decl *aggregations = jst_program_section(walk->verifier->program, JST_SECTION_AGGREGATIONS);
	unsigned carried = 0; /* how many of R[b] … R[b+c-1], from the first on, may hold stacks */

	switch (jst_opcode_info[insn->op].shape) {
	case JST_OPERANDS_AB:
		return insn->op == JST_OP_MOVE ? HOLDS(check_written(walk, i, kinds, insn->b)) : HOLDS(check_read(walk, i, kinds, insn->b));
	case JST_OPERANDS_ABC:
		return HOLDS(check_read(walk, i, kinds, insn->b)) && HOLDS(check_read(walk, i, kinds, insn->c));
	case JST_OPERANDS_R:
	case JST_OPERANDS_RJ:
	case JST_OPERANDS_AGG_W:
		return HOLDS(check_read(walk, i, kinds, insn->a));
	case JST_OPERANDS_AGG:
		if (jst_program_takes_value(walk->verifier->program, insn->imm) && WRONG(!check_read(walk, i, kinds, insn->a)))
			return false;
		carried = aggregations[insn->imm].keys; /* behind them may be an exemplar, which is none */
		break;
	case JST_OPERANDS_MAP_R:
		if (WRONG(!check_read(walk, i, kinds, insn->a)))
			return false;
		break;
	case JST_OPERANDS_MAP_A:
	case JST_OPERANDS_MAP:
	case JST_OPERANDS_CALL:
	case JST_OPERANDS_AGG_A:
	case JST_OPERANDS_AGG_Q:
		break;
	case JST_OPERANDS_RECORD:
		carried = insn->c;
		break;
	default:
		return true;
	}
	for (unsigned k = 0; k < insn->c; k++) {
		if (!(k < carried ? HOLDS(check_written(walk, i, kinds, insn->b + k)) : HOLDS(check_read(walk, i, kinds, insn->b + k))))
			return false;
	}
	return true;
}

/* + - *: nil unless both are numbers; + of strings may find no room. */
static uint8_t arithmetic(uint8_t b, uint8_t c, bool strings)
{
	uint8_t kinds = 0;

	if ((b & INT) && (c & INT))
		kinds |= INT;
	if (((b & DOUBLE) && (c & NUMBER)) || ((b & NUMBER) && (c & DOUBLE)))
		kinds |= DOUBLE;
	if (strings && (b & STRING) && (c & STRING))
		kinds |= STRING;
	if ((b | c) & ~NUMBER)
		kinds |= NIL;
	return kinds;
}

static uint8_t bitwise(uint8_t b, uint8_t c)
{
	return (uint8_t)((b & c & INT) | ((b | c) & ~INT ? NIL : 0));
}

static uint8_t variable_kinds(int32_t variable)
{
	switch ((enum jst_variable)variable) {
	case JST_VARIABLE_NOW:
	case JST_VARIABLE_TIMESTAMP:
	case JST_VARIABLE_ELAPSED:
	case JST_VARIABLE_PID:
	case JST_VARIABLE_TID:
	case JST_VARIABLE_CPU:
	case JST_VARIABLE_UID:
	case JST_VARIABLE_THREAD:
		return INT;
	case JST_VARIABLE_LINE:
		return INT | NIL;
	case JST_VARIABLE_FILE:
		return STRING | NIL;
	case JST_VARIABLE_NAME:
	case JST_VARIABLE_PROBENAME:
	case JST_VARIABLE_TITLE:
	case JST_VARIABLE_COMM:
	case JST_VARIABLE_HOSTNAME:
	case JST_VARIABLE_PREFIX:
	case JST_VARIABLES:
		break;
	}
	return STRING;
}

/* The kinds that the instruction may write to R[a], where R[b] and R[c] are of those kinds; 0 for one that writes nothing. */
static uint8_t written(const struct jst_program *program, const struct jst_insn *insn, uint8_t b, uint8_t c)
{
	const struct jst_constant *constants = jst_program_section(program, JST_SECTION_CONSTANTS);
	const struct jst_map_decl *maps = jst_program_section(program, JST_SECTION_MAPS);

	switch ((enum jst_opcode)insn->op) {
	case JST_OP_NIL:
		return NIL;
	case JST_OP_INT:
		return INT;
	case JST_OP_CONSTANT:
		return (uint8_t)(NIL << constants[insn->imm].kind);
	case JST_OP_MOVE:
		return b;
	case JST_OP_FIELD:
	case JST_OP_AGGGET:
		return ANYTHING;
	case JST_OP_AGGQUANTILE:
		return NUMBER | NIL;
	case JST_OP_CALL:
		return insn->imm == JST_FUNCTION_STACK ? STACK | NIL : ANYTHING;
	case JST_OP_VARIABLE:
		return variable_kinds(insn->imm);
	case JST_OP_ADD:
		return arithmetic(b, c, true);
	case JST_OP_SUB:
	case JST_OP_MUL:
		return arithmetic(b, c, false);
	case JST_OP_DIV:
	case JST_OP_MOD:
		return arithmetic(b, c, false) | NIL;
	case JST_OP_AND:
	case JST_OP_OR:
	case JST_OP_XOR:
	case JST_OP_SHL:
	case JST_OP_SHR:
		return bitwise(b, c);
	case JST_OP_NEG:
		return arithmetic(b, b, false);
	case JST_OP_INVERT:
		return bitwise(b, b);
	case JST_OP_NOT:
	case JST_OP_BOOL:
	case JST_OP_EQ:
	case JST_OP_NE:
	case JST_OP_LT:
	case JST_OP_LE:
	case JST_OP_ISNIL:
	case JST_OP_MATCH:
	case JST_OP_MAPHAS:
	case JST_OP_AGGCOUNT:
		return INT;
	case JST_OP_MAPGET:
		return maps[insn->imm].flags & JST_MAP_INT ? INT | NIL : ANYTHING;
	case JST_OP_JUMP:
	case JST_OP_JTRUE:
	case JST_OP_JFALSE:
	case JST_OP_MAPSET:
	case JST_OP_MAPADD:
	case JST_OP_MAPSUB:
	case JST_OP_MAPDELETE:
	case JST_OP_SPANEND:
	case JST_OP_AGGREGATE:
	case JST_OP_AGGKEYS:
	case JST_OP_RECORD:
	case JST_OP_EVENT:
	case JST_OP_SPECULATE:
	case JST_OP_COMMIT:
	case JST_OP_DISCARD:
	case JST_OP_EXIT:
	case JST_OP_RETURN:
	case JST_OPCODES:
		break;
	}
	return 0;
}

#ifdef JST_CHECKED
unsigned jst_verify_written(const struct jst_program *program, const struct jst_insn *insn, uint32_t b, uint32_t c)
{
	return written(program, insn, (uint8_t)(NIL << b), (uint8_t)(NIL << c)) / NIL;
}
#endif

/* A map declared to hold integers is given nothing else. */
static bool check_store(const struct walk *walk, uint32_t i, const uint8_t *kinds)
{
	const struct jst_insn *insn = &walk->code[i];
	const struct jst_map_decl *maps = jst_program_section(walk->verifier->program, JST_SECTION_MAPS);

	const bool wrong = jst_opcode_info[insn->op].shape == JST_OPERANDS_MAP_R && maps[insn->imm].flags & JST_MAP_INT && kinds[insn->a] != INT;

	return HOLDS(!wrong) || refuse(walk, i, "what is stored into map # may be no integer, as it is declared to hold", insn->imm);
}

/* Runs from a leader to the next leader, jump or end. */
static bool walk_block(struct walk *walk, uint32_t i)
{
	uint64_t state[JST_MAX_REGISTERS / 8] = { 0 };
	uint8_t *kinds = (uint8_t *)state;
	const uint64_t join_steps = walk->stride / 8 + 1;

	memcpy(state, state_at(walk, i), walk->stride);
	for (;;) {
		const struct jst_insn *insn = &walk->code[i];
		const enum jst_shape_id shape = jst_opcode_info[insn->op].shape;

		if (WRONG(walk->verifier->steps <= 2 * join_steps + 1))
			return refuse(walk, i, "the program is too tangled to verify", 0);
		walk->verifier->steps--;
		if (!check_reads(walk, i, kinds) || !check_store(walk, i, kinds))
			return false;
		const uint8_t kind = written(walk->verifier->program, insn, kinds[insn->b % JST_MAX_REGISTERS], kinds[insn->c % JST_MAX_REGISTERS]);

		if (kind)
			kinds[insn->a] = kind;
		if (shape == JST_OPERANDS_AGG_W)
			memset(kinds + insn->b, ANYTHING, insn->c);
		if (shape == JST_OPERANDS_J || shape == JST_OPERANDS_RJ) {
			walk->verifier->steps -= join_steps;
			join(walk, (uint32_t)insn->imm, state);
		}
		if (insn->op == JST_OP_JUMP || insn->op == JST_OP_RETURN || insn->op == JST_OP_EXIT)
			return true;
		i++;
		if (WRONG(i == walk->clause->insns))
			return refuse(walk, i - 1, "the code runs off the clause's end", 0);
		if (walk->marks[i] & LEADER) {
			walk->verifier->steps -= join_steps;
			join(walk, i, state);
			return true;
		}
	}
}

bool jst_verify_code(struct jst_verifier *verifier, uint32_t clause_index)
{
	const struct jst_program *program = verifier->program;
	const struct jst_clause_decl *clause = (const struct jst_clause_decl *)jst_program_section(program, JST_SECTION_CLAUSES) + clause_index;
	struct walk walk = {
		.verifier = verifier,
		.clause = clause,
		.code = (const struct jst_insn *)jst_program_section(program, JST_SECTION_CODE) + clause->first_insn,
		.index = clause_index,
		.stride = (clause->registers + 7) & ~7U,
		.states = verifier->scratch,
	};
	const size_t state_bytes = (size_t)walk.stride * clause->insns;
	uint64_t entry[JST_MAX_REGISTERS / 8];

	if (WRONG(verifier->scratch_size < state_bytes + clause->insns))
		return jst_verify_refuse(verifier, (int)clause_index, -1, "there is not enough scratch to verify a clause of # instructions", clause->insns);
	walk.marks = (uint8_t *)verifier->scratch + state_bytes;
	memset(walk.marks, 0, clause->insns);
	for (uint32_t i = 0; i < clause->insns; i++) {
		const enum jst_shape_id shape = jst_opcode_info[walk.code[i].op].shape;

		if (shape == JST_OPERANDS_J || shape == JST_OPERANDS_RJ)
			walk.marks[walk.code[i].imm] |= LEADER;
	}
	walk.marks[0] |= LEADER;
	memset(entry, UNSET, sizeof(entry));
	join(&walk, 0, entry);
	while (walk.lowest < clause->insns) {
		const uint32_t i = walk.lowest++;

		/* A look at a mark is a step too; that they are spent is noticed in walk_block(). */
		verifier->steps -= verifier->steps > 0;
		if (!(walk.marks[i] & QUEUED))
			continue;
		walk.marks[i] &= (uint8_t)~QUEUED;
		if (!walk_block(&walk, i))
			return false;
	}
	return true;
}
