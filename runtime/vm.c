/*
 * The virtual machine: threaded code, one handler an opcode, over tagged registers that lie in the slot's work area and not on the program's stack, which may be a
 * small signal stack.
 *
 * The verifier has proven operands, jumps and initialisation. Kinds are looked at as values are used: integers are tried first, everything else goes to functions out of line.
 * The budget is charged the clause's length at entry, the distance at each backward jump, and an instruction for every JST_BYTES_A_STEP bytes that a string operation touches.
 */
#include <string.h>

#include "checked.h"
#include "clock.h"
#include "operators.h"
#include "quick.h"

#define likely(x) __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)

char *jst_run_scratch(struct jst_run *run, uint32_t size)
{
	if (run->used > run->room || size > run->room - run->used) {
		jst_slot_lose(run->slot, JST_LOSS_SCRATCH);
		return NULL;
	}
	char *bytes = run->scratch + run->used;

	run->used += size;
	return bytes;
}

/* Returns the bytes of a string that was kept or hashed. */
static inline uint32_t aggregate(struct jst_run *run, const struct jst_insn *insn, const struct jst_value *keys, struct jst_value value)
{
	struct jst_update *update = &run->update;
	const struct jst_aggregation_decl *decl = jst_program_aggregation(run->program, insn->imm);
	const uint32_t used = (run->used + 7) & ~7U;

	update->decl = decl;
	update->index = (uint16_t)insn->imm;
	update->scratch = run->scratch + used;
	update->room = 2 * run->room - used;
	if (unlikely(jst_aggregation_is_timed(decl)))
		update->timestamp = jst_clock_wall(&run->session->memory.header->clock, run->now);
	jst_aggregation_update(update, keys, value);
	return decl->function == JST_AGGREGATION_LAST || decl->function == JST_AGGREGATION_DISTINCT ? jst_operator_length(&value, 1) : 0;
}

/* The first exit decides. */
static __attribute__((noinline, cold)) void ask_exit(const struct jst_run *run, const struct jst_value *code)
{
	int32_t none = -1;

	/* Pairs with the CLI's relaxed load: a lone word. */
	atomic_compare_exchange_strong_explicit(&run->session->memory.header->exit_code, &none, code->kind == JST_INT ? (int32_t)(code->i & 0xff) : 0, memory_order_relaxed,
	                                        memory_order_relaxed);
}

/* ---- the machine ---- */

#define A R[insn->a]
#define B R[insn->b]
#define C R[insn->c]
#define INTS_BC (likely(((B.kind ^ JST_INT) | (C.kind ^ JST_INT)) == 0))
#define GO                                                      \
	do {                                                    \
		jst_checked_step(run, plan, insn, remaining);   \
		goto *handlers[insn->op];                       \
	} while (0)
#define NEXT            \
	do {            \
		insn++; \
		GO;     \
	} while (0)
/* A comparison of an integer field with a constant, and the jump that goes by it. */
#define TEST(operator)                                              \
	do {                                                        \
		const int64_t x = (int64_t)words[insn->b];          \
		const int64_t y = insn[1].imm;                      \
		const bool holds = x operator y;                    \
                                                                    \
		A = jst_value_int(x);                               \
		R[insn[1].a] = jst_value_int(y);                    \
		R[insn[2].a] = jst_value_int(holds);                \
		holds_as_wanted = holds == insn->c;                 \
		insn += 3;                                          \
		if (holds_as_wanted)                                \
			goto jump;                                  \
		NEXT;                                               \
	} while (0)
#define CHARGE(bytes)                                     \
	do {                                              \
		remaining -= (int64_t)((uint64_t)(bytes) / JST_BYTES_A_STEP); \
		if (unlikely(remaining < 0))              \
			goto spent;                       \
	} while (0)

/* Bytes that are more than the rest of the budget: who looks at so many is stopped. */
#define TOO_MANY (((uint64_t)remaining + 1) * JST_BYTES_A_STEP)

void jst_vm_run(struct jst_run *run, const struct jst_plan *plan, const struct jst_plan *end)
{
	static const void *const handlers[JST_QUICK_END] = {
#define OPCODE(name, text, shape, meaning) [JST_OP_##name] = &&op_##name,
#include "opcode.def"
#undef OPCODE
#define QUICK(name, sequence, meaning) [JST_QUICK_##name] = &&quick_##name,
#include "quick.def"
#undef QUICK
	};
	const struct jst_program *const program = run->program;
	struct jst_value *const R = run->registers;
	const uint64_t *const words = run->words;
	const struct jst_insn *code, *insn;
	int64_t remaining;
	bool holds_as_wanted;

start:
	insn = code = plan->code;
	remaining = (int64_t)run->session->budget - plan->insns;
	run->used = 0;
	run->speculates = 0;
	if (unlikely(remaining < 0))
		goto spent;
	jst_checked_begin(run, plan);
	GO;

op_NIL:
	A = jst_value_nil();
	NEXT;
op_INT:
	A = jst_value_int(insn->imm);
	NEXT;
op_CONSTANT:
	A = jst_program_constant(program, (uint32_t)insn->imm);
	NEXT;
op_MOVE:
	A = B;
	NEXT;
op_FIELD: {
	const struct jst_field_binding field = run->binding->field[insn->imm];

	A = jst_run_load(words, field.type, field.word, TOO_MANY);
	CHARGE(A.length);
	NEXT;
}
op_VARIABLE:
	if (likely(insn->imm == JST_VARIABLE_NOW))
		A = jst_value_int(run->now);
	else
		A = jst_builtin_variable(run, (enum jst_variable)insn->imm);
	NEXT;
op_ADD:
	if (INTS_BC)
		A = jst_value_int((int64_t)((uint64_t)B.i + (uint64_t)C.i));
	else {
		A = jst_operator_arithmetic(run, JST_OP_ADD, &B, &C);
		CHARGE(A.length);
	}
	NEXT;
op_SUB:
	if (INTS_BC)
		A = jst_value_int((int64_t)((uint64_t)B.i - (uint64_t)C.i));
	else
		A = jst_operator_arithmetic(run, JST_OP_SUB, &B, &C);
	NEXT;
op_MUL:
	if (INTS_BC)
		A = jst_value_int((int64_t)((uint64_t)B.i * (uint64_t)C.i));
	else
		A = jst_operator_arithmetic(run, JST_OP_MUL, &B, &C);
	NEXT;
op_DIV:
	/* Neither 0 nor -1. */
	if (INTS_BC && likely((uint64_t)C.i + 1 > 1))
		A = jst_value_int(B.i / C.i);
	else
		A = jst_operator_arithmetic(run, JST_OP_DIV, &B, &C);
	NEXT;
op_MOD:
	if (INTS_BC && likely((uint64_t)C.i + 1 > 1))
		A = jst_value_int(B.i % C.i);
	else
		A = jst_operator_arithmetic(run, JST_OP_MOD, &B, &C);
	NEXT;
op_AND:
	A = INTS_BC ? jst_value_int(B.i & C.i) : jst_operator_wrong_kind(run, &B, &C);
	NEXT;
op_OR:
	A = INTS_BC ? jst_value_int(B.i | C.i) : jst_operator_wrong_kind(run, &B, &C);
	NEXT;
op_XOR:
	A = INTS_BC ? jst_value_int(B.i ^ C.i) : jst_operator_wrong_kind(run, &B, &C);
	NEXT;
op_SHL:
	A = INTS_BC ? jst_value_int((int64_t)((uint64_t)B.i << (C.i & 63))) : jst_operator_wrong_kind(run, &B, &C);
	NEXT;
op_SHR:
	A = INTS_BC ? jst_value_int(B.i >> (C.i & 63)) : jst_operator_wrong_kind(run, &B, &C);
	NEXT;
op_NEG:
	if (likely(B.kind == JST_INT))
		A = jst_value_int((int64_t)-(uint64_t)B.i);
	else if (B.kind == JST_DOUBLE)
		A = jst_value_double(-B.d);
	else
		A = jst_operator_wrong_kind(run, &B, &B);
	NEXT;
op_INVERT:
	A = likely(B.kind == JST_INT) ? jst_value_int(~B.i) : jst_operator_wrong_kind(run, &B, &B);
	NEXT;
op_NOT:
	A = jst_value_int(!jst_value_true(&B));
	NEXT;
op_BOOL:
	A = jst_value_int(jst_value_true(&B));
	NEXT;
op_EQ:
	if (INTS_BC)
		A = jst_value_int(B.i == C.i);
	else {
		CHARGE(jst_operator_compare_cost(&B, &C));
		A = jst_value_int(jst_operator_compare(JST_OP_EQ, &B, &C));
	}
	NEXT;
op_NE:
	if (INTS_BC)
		A = jst_value_int(B.i != C.i);
	else {
		CHARGE(jst_operator_compare_cost(&B, &C));
		A = jst_value_int(jst_operator_compare(JST_OP_NE, &B, &C));
	}
	NEXT;
op_LT:
	if (INTS_BC)
		A = jst_value_int(B.i < C.i);
	else {
		CHARGE(jst_operator_compare_cost(&B, &C));
		A = jst_value_int(jst_operator_compare(JST_OP_LT, &B, &C));
	}
	NEXT;
op_LE:
	if (INTS_BC)
		A = jst_value_int(B.i <= C.i);
	else {
		CHARGE(jst_operator_compare_cost(&B, &C));
		A = jst_value_int(jst_operator_compare(JST_OP_LE, &B, &C));
	}
	NEXT;
op_ISNIL:
	A = jst_value_int(B.kind == JST_NIL);
	NEXT;
op_MATCH: {
	const bool match = jst_operator_match(&B, &C, &remaining);

	if (unlikely(remaining < 0))
		goto spent;
	A = jst_value_int(match);
	NEXT;
}
op_JUMP:
jump: {
	const struct jst_insn *target = code + insn->imm;

	if (target <= insn) {
		remaining -= insn - target + 1;
		if (unlikely(remaining < 0))
			goto spent;
	}
	insn = target;
	GO;
}
op_JTRUE:
	if (A.kind == JST_INT ? A.i != 0 : jst_value_true(&A))
		goto jump;
	NEXT;
op_JFALSE:
	if (A.kind == JST_INT ? A.i == 0 : !jst_value_true(&A))
		goto jump;
	NEXT;
op_MAPGET: {
	const struct jst_map_access *access = jst_quick_access(run, insn->imm);

	CHARGE(jst_operator_length(&B, insn->c));
	A = jst_map_get(access, &B);
	CHARGE(A.length);
	NEXT;
}
op_MAPSET: {
	const struct jst_map_access *access = jst_quick_access(run, insn->imm);

	CHARGE(jst_operator_length(&B, insn->c) + jst_operator_length(&A, 1));
	jst_map_set(access, &B, A);
	NEXT;
}
op_MAPADD: {
	const struct jst_map_access *access = jst_quick_access(run, insn->imm);

	CHARGE(jst_operator_length(&B, insn->c) + jst_operator_length(&A, 1));
	/* What is there already is copied with what is added. */
	if (unlikely(A.kind == JST_STRING))
		CHARGE(run->session->string_size);
	jst_map_add(access, &B, A, 1);
	NEXT;
}
op_MAPSUB: {
	const struct jst_map_access *access = jst_quick_access(run, insn->imm);

	CHARGE(jst_operator_length(&B, insn->c));
	jst_map_add(access, &B, A, -1);
	NEXT;
}
op_MAPDELETE: {
	const struct jst_map_access *access = jst_quick_access(run, insn->imm);

	CHARGE(jst_operator_length(&B, insn->c));
	jst_map_delete(access, &B);
	NEXT;
}
op_SPANEND: {
	const struct jst_map_access *access = jst_quick_access(run, insn->imm);

	CHARGE(jst_operator_length(&B, insn->c));
	jst_map_end(access, &B);
	NEXT;
}
op_MAPHAS: {
	const struct jst_map_access *access = jst_quick_access(run, insn->imm);

	CHARGE(jst_operator_length(&B, insn->c));
	A = jst_value_int(jst_map_has(access, &B));
	NEXT;
}
op_AGGREGATE:
	CHARGE(jst_operator_length(&B, insn->c));
	CHARGE(aggregate(run, insn, &B, A));
	NEXT;
op_AGGGET:
op_AGGQUANTILE:
op_AGGCOUNT:
op_AGGKEYS:
	CHARGE(jst_run_read(run, insn));
	NEXT;
op_RECORD:
	CHARGE(jst_operator_length(&B, insn->c));
	jst_run_record(run, insn, &B);
	NEXT;
op_EVENT:
	CHARGE(jst_run_record(run, insn, NULL));
	NEXT;
op_SPECULATE:
	CHARGE(jst_operator_length(&A, 1));
	jst_run_speculate(run, &A);
	NEXT;
op_COMMIT:
	CHARGE(jst_operator_length(&A, 1));
	CHARGE(jst_run_commit(run, &A));
	NEXT;
op_DISCARD:
	CHARGE(jst_operator_length(&A, 1));
	jst_run_discard(run, &A);
	NEXT;
op_EXIT:
	ask_exit(run, &A);
	goto done;
op_CALL: {
	uint32_t cost = 0;

	A = jst_builtin_call(run, (enum jst_function)insn->imm, &B, insn->c, &cost);
	CHARGE(cost);
	NEXT;
}
op_RETURN:
done:
	if (++plan < end)
		goto start;
	return;

/* ---- quick ones: plan.h ---- */

quick_INTFIELD:
	A = jst_value_int((int64_t)words[insn->b]);
	NEXT;
quick_TEXTFIELD: {
	const char *text = (const char *)(uintptr_t)words[insn->b];

	A = jst_operator_text(text, text ? strnlen(text, TOO_MANY) : 0);
	CHARGE(A.length);
	NEXT;
}
quick_TEST_EQ:
	TEST(==);
quick_TEST_NE:
	TEST(!=);
quick_TEST_LT:
	TEST(<);
quick_TEST_LE:
	TEST(<=);
quick_TEST_GT:
	TEST(>);
quick_TEST_GE:
	TEST(>=);
quick_PUT_NOW: {
	struct jst_atomic_pair *slot;
	const uint64_t key = words[insn->b];
	bool doubtful = false;

	A = jst_value_int((int64_t)key);
	R[insn[1].a] = jst_value_int(run->now);
	insn += 2;
	if (unlikely(!jst_quick_put_now(run, insn->imm, key, &slot, &doubtful)))
		goto op_MAPSET;
	if (unlikely(doubtful))
		jst_map_word_settle(jst_quick_access(run, insn->imm), jst_map_salted(key), slot);
	NEXT;
}
quick_GET: {
	const uint64_t key = words[insn->b];
	int64_t value;

	A = jst_value_int((int64_t)key);
	insn++;
	if (unlikely(!jst_quick_get(run, insn->imm, key, &value)))
		goto op_MAPGET;
	A = jst_value_int(value);
	NEXT;
}
quick_SINCE: {
	const uint64_t key = words[insn[1].b];
	int64_t value;

	A = jst_value_int(run->now);
	R[insn[1].a] = jst_value_int((int64_t)key);
	insn += 2;
	if (unlikely(!jst_quick_get(run, insn->imm, key, &value)))
		goto op_MAPGET;
	A = jst_value_int(value);
	insn++;
	A = jst_value_int((int64_t)((uint64_t)run->now - (uint64_t)value));
	NEXT;
}
quick_DELETE: {
	const uint64_t key = words[insn->b];
	bool doubtful;

	A = jst_value_int((int64_t)key);
	insn++;
	if (unlikely(!jst_quick_remove(run, insn->imm, key, &doubtful)))
		goto op_MAPDELETE;
	if (unlikely(doubtful))
		jst_map_word_delete(jst_quick_access(run, insn->imm), jst_map_salted(key));
	NEXT;
}
quick_SPANEND: {
	const uint64_t key = words[insn->b];
	bool doubtful;

	A = jst_value_int((int64_t)key);
	insn++;
	if (unlikely(!jst_quick_remove(run, insn->imm, key, &doubtful)))
		goto op_SPANEND;
	if (unlikely(doubtful))
		jst_map_word_delete(jst_quick_access(run, insn->imm), jst_map_salted(key));
	NEXT;
}
quick_ADD_VARIABLE:
	if (unlikely(A.kind != JST_INT || !jst_map_scalar_increase(jst_quick_root(run, insn->imm), A.i)))
		goto op_MAPADD;
	NEXT;
quick_COUNT:
	if (unlikely(!jst_quick_count(run, insn->imm)))
		goto op_AGGREGATE;
	NEXT;
quick_COUNT_BY: {
	const uint64_t key = words[insn->b];

	A = jst_value_int((int64_t)key);
	insn++;
	struct jst_cell *cell = jst_quick_cell(run, insn->imm, key);
	if (unlikely(!cell))
		goto op_AGGREGATE;
	jst_word_increment(&jst_quick_counter(cell)->count);
	NEXT;
}
quick_HIST:
	if (unlikely(A.kind != JST_INT || !jst_quick_hist(run, insn->imm, JST_DEFAULT_HIST_BITS, A.i)))
		goto op_AGGREGATE;
	NEXT;
quick_HIST_BITS:
	if (unlikely(A.kind != JST_INT || !jst_quick_hist(run, insn->imm, insn->b, A.i)))
		goto op_AGGREGATE;
	NEXT;

spent:
	jst_slot_lose(run->slot, JST_LOSS_BUDGET);
	goto done;
}
