/*
 * See checked.h. Quick instructions are not looked at, but for where they lie: each has begun as a plain one, and what it does is compared with that elsewhere (tests/unit/test_plan.c, tests/fuzz).
 */
#include "checked.h"

#ifdef JST_CHECKED

#include <unistd.h>

#include "verify_internal.h"

enum { UNSET = 0xff }; /* a kind that no value has */

static __attribute__((noreturn)) void fail(const char *what)
{
	static const char begin[] = "jstrace: the virtual machine met what the verifier should have refused: ";

	if (write(2, begin, sizeof(begin) - 1) < 0 || write(2, what, strlen(what)) < 0 || write(2, "\n", 1) < 0)
		__builtin_trap();
	__builtin_trap();
}

static void check(bool holds, const char *what)
{
	if (!holds)
		fail(what);
}

void jst_checked_begin(struct jst_run *run, const struct jst_plan *plan)
{
	const struct jst_program *program = run->program;
	const struct jst_insn *code = jst_program_section(program, JST_SECTION_CODE);
	const struct jst_clause_decl *clauses = jst_program_section(program, JST_SECTION_CLAUSES);
	struct jst_checked *checked = &run->checked;

	/* Which clause a copy was made of is not known, nor, therefore, how many registers it has. */
	*checked = (struct jst_checked){ .registers = JST_MAX_REGISTERS };
	for (uint32_t i = 0; i < jst_program_count(program, JST_SECTION_CLAUSES); i++) {
		if (plan->code == code + clauses[i].first_insn) {
			checked->plain = true;
			checked->registers = clauses[i].registers;
			check(plan->insns == clauses[i].insns, "a plan of another length than its clause");
		}
	}
	for (uint32_t i = 0; i < JST_MAX_REGISTERS; i++)
		run->registers[i] = (struct jst_value){ .kind = UNSET };
}

/* The instruction before this one wrote what the verifier thinks that it may write. */
static void check_written(const struct jst_run *run)
{
	const struct jst_insn *last = run->checked.last;
	const unsigned kinds = last ? jst_verify_written(run->program, last, run->checked.b, run->checked.c) : 0;

	if (kinds)
		check(run->registers[last->a].kind <= JST_STACK && kinds >> run->registers[last->a].kind & 1, "a kind that the instruction does not write");
}

static void check_register(const struct jst_run *run, unsigned reg)
{
	check(reg < run->checked.registers, "a register that the clause does not have");
}

static void check_read(const struct jst_run *run, unsigned reg, bool stack)
{
	check_register(run, reg);
	check(run->registers[reg].kind != UNSET, "a register that was not written");
	check(run->registers[reg].kind <= (stack ? JST_STACK : JST_STRING), "a register of a kind that the instruction does not take");
}

/* Reads of R[b] … R[b+c-1], of which the first `stacks` may hold stacks. */
static void check_range(const struct jst_run *run, const struct jst_insn *insn, unsigned count, unsigned stacks)
{
	check(insn->c == count, "a number of keys or arguments that was not declared");
	for (unsigned i = 0; i < insn->c; i++)
		check_read(run, insn->b + i, i < stacks);
}

static void check_index(const struct jst_run *run, const struct jst_insn *insn, enum jst_section_id section)
{
	check((uint32_t)insn->imm < jst_program_count(run->program, section), "an index beyond its section");
}

static const struct jst_map_decl *check_map(const struct jst_run *run, const struct jst_insn *insn)
{
	check_index(run, insn, JST_SECTION_MAPS);

	const struct jst_map_decl *decl = jst_program_map(run->program, insn->imm);

	check_range(run, insn, decl->keys, 0);
	return decl;
}

static const struct jst_aggregation_decl *check_aggregation(const struct jst_run *run, const struct jst_insn *insn)
{
	check_index(run, insn, JST_SECTION_AGGREGATIONS);
	return jst_program_aggregation(run->program, insn->imm);
}

static void check_aggregate(const struct jst_run *run, const struct jst_insn *insn)
{
	const struct jst_aggregation_decl *decl = check_aggregation(run, insn);

	if (jst_program_takes_value(run->program, insn->imm))
		check_read(run, insn->a, false);
	check_range(run, insn, decl->keys + jst_aggregation_has_exemplars(decl), decl->keys);
}

static void check_call(const struct jst_run *run, const struct jst_insn *insn)
{
	check((uint32_t)insn->imm < JST_FUNCTIONS, "a function that there is not");
	check(insn->c <= JST_MAX_ARGUMENTS, "more arguments than a function may have");
	check_range(run, insn, insn->c, 0);
	check_register(run, insn->a);
}

static void check_operands(const struct jst_run *run, const struct jst_plan *plan, const struct jst_insn *insn)
{
	switch (jst_opcode_info[insn->op].shape) {
	case JST_OPERANDS_A:
	case JST_OPERANDS_AI:
		check_register(run, insn->a);
		break;
	case JST_OPERANDS_AB:
		check_read(run, insn->b, insn->op == JST_OP_MOVE);
		check_register(run, insn->a);
		break;
	case JST_OPERANDS_ABC:
		check_read(run, insn->b, false);
		check_read(run, insn->c, false);
		check_register(run, insn->a);
		break;
	case JST_OPERANDS_AK:
		check_index(run, insn, JST_SECTION_CONSTANTS);
		check_register(run, insn->a);
		break;
	case JST_OPERANDS_AF:
		check_index(run, insn, JST_SECTION_FIELDS);
		check_register(run, insn->a);
		break;
	case JST_OPERANDS_AV:
		check((uint32_t)insn->imm < JST_VARIABLES, "a variable that there is not");
		check_register(run, insn->a);
		break;
	case JST_OPERANDS_RJ:
		check_read(run, insn->a, false);
		check((uint32_t)insn->imm < plan->insns, "a jump out of the clause");
		break;
	case JST_OPERANDS_J:
		check((uint32_t)insn->imm < plan->insns, "a jump out of the clause");
		break;
	case JST_OPERANDS_R:
		check_read(run, insn->a, false);
		break;
	case JST_OPERANDS_MAP_A:
		check_map(run, insn);
		check_register(run, insn->a);
		break;
	case JST_OPERANDS_MAP_R:
		check_read(run, insn->a, false);
		check(!(check_map(run, insn)->flags & JST_MAP_INT) || run->registers[insn->a].kind == JST_INT, "something else stored into a map of integers");
		break;
	case JST_OPERANDS_MAP:
		check_map(run, insn);
		break;
	case JST_OPERANDS_AGG:
		check_aggregate(run, insn);
		break;
	case JST_OPERANDS_RECORD:
		check_index(run, insn, JST_SECTION_RECORDS);
		check_range(run, insn, ((const struct jst_record_decl *)jst_program_section(run->program, JST_SECTION_RECORDS))[insn->imm].values, insn->c);
		break;
	case JST_OPERANDS_CALL:
		check_call(run, insn);
		break;
	case JST_OPERANDS_AGG_A:
		check_range(run, insn, check_aggregation(run, insn)->keys, 0);
		check_register(run, insn->a);
		break;
	case JST_OPERANDS_AGG_Q:
		check_range(run, insn, check_aggregation(run, insn)->keys + 1U, 0);
		check(jst_program_has_quantiles(run->program, insn->imm), "quantiles of an aggregation that has none");
		check_register(run, insn->a);
		break;
	case JST_OPERANDS_AGG_N:
		check_aggregation(run, insn);
		check_register(run, insn->a);
		break;
	case JST_OPERANDS_AGG_W:
		check_read(run, insn->a, false);
		check(insn->c == check_aggregation(run, insn)->keys, "a number of keys that was not declared");
		check(insn->b + insn->c <= run->checked.registers, "a register that the clause does not have");
		break;
	case JST_OPERANDS_NONE:
		break;
	}
}

void jst_checked_step(struct jst_run *run, const struct jst_plan *plan, const struct jst_insn *insn, int64_t remaining)
{
	struct jst_checked *checked = &run->checked;

	check(insn >= plan->code && insn < plan->code + plan->insns, "an instruction outside of the clause");
	check(remaining >= 0 && remaining <= (int64_t)run->session->budget, "a budget that was spent");
	check_written(run);
	checked->last = NULL;
	check(insn->op < (checked->plain ? (unsigned)JST_OPCODES : (unsigned)JST_QUICK_END), "an opcode that there is not");
	if (insn->op >= JST_OPCODES)
		return;
	check_operands(run, plan, insn);
	checked->last = insn;
	checked->b = run->registers[insn->b % JST_MAX_REGISTERS].kind & 7;
	checked->c = run->registers[insn->c % JST_MAX_REGISTERS].kind & 7;
}

#endif
