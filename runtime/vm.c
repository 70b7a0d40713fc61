/*
 * The virtual machine: threaded code, one handler an opcode, over tagged registers that lie in the slot's work area and not on the program's stack, which may be a
 * small signal stack.
 *
 * The verifier has proven operands, jumps and initialisation. Kinds are looked at as values are used: integers are tried first, everything else goes to functions out of line.
 * The budget is charged the clause's length at entry, the distance at each backward jump, and an instruction for every BYTES_A_STEP bytes that a string operation touches.
 */
#include <string.h>

#include "aggregation.h"
#include "clock.h"
#include "ring.h"
#include "vm.h"

#define likely(x) __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)

enum { BYTES_A_STEP = 16 };

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

/* ---- off the straight path ---- */

static __attribute__((noinline, cold)) struct jst_value wrong_kind(const struct jst_run *run, const struct jst_value *b, const struct jst_value *c)
{
	if (b->kind != JST_NIL && c->kind != JST_NIL)
		jst_slot_lose(run->slot, JST_LOSS_ERRORS);
	return jst_value_nil();
}

static __attribute__((noinline, cold)) struct jst_value division_by_zero(const struct jst_run *run)
{
	jst_slot_lose(run->slot, JST_LOSS_ERRORS);
	return jst_value_nil();
}

/* The remainder of x / y, y not 0, exactly and with the sign of x: long division, eleven bits at a time. */
static double remainder_of(double x, double y)
{
	uint64_t a, b;

	memcpy(&a, &x, sizeof(a));
	memcpy(&b, &y, sizeof(b));
	const uint64_t sign = a & 1ULL << 63, hidden = 1ULL << 52;
	int x_exponent = (int)(a >> 52 & 0x7ff), y_exponent = (int)(b >> 52 & 0x7ff);

	if (x_exponent == 0x7ff || y != y)
		return __builtin_nan("");
	if (y_exponent == 0x7ff)
		return x;
	a &= hidden - 1;
	b &= hidden - 1;
	if (x_exponent)
		a |= hidden;
	else
		x_exponent = 1;
	if (y_exponent)
		b |= hidden;
	else
		y_exponent = 1;
	if (x_exponent < y_exponent)
		return x;
	a %= b;
	for (int left = x_exponent - y_exponent; left > 0 && a;) {
		const int step = left < 11 ? left : 11; /* a is below 2^53 */

		a = (a << step) % b;
		left -= step;
	}
	if (a) {
		/* a * 2^y_exponent, normalised as far as the exponent goes. */
		int shift = __builtin_clzll(a) - 11;

		if (shift > y_exponent - 1)
			shift = y_exponent - 1;
		a <<= shift;
		if (a & hidden)
			a = (a & (hidden - 1)) | (uint64_t)(y_exponent - shift) << 52;
	}
	a |= sign;
	memcpy(&x, &a, sizeof(x));
	return x;
}

static struct jst_value concatenate(struct jst_run *run, const struct jst_value *b, const struct jst_value *c)
{
	const uint64_t length = (uint64_t)b->length + c->length;

	/* Right of what was made last: only the new bytes are copied. The shorter string shares its bytes. */
	if (b->s + b->length == run->scratch + run->used && b->s >= run->scratch) {
		char *tail = jst_run_scratch(run, c->length);

		if (!tail)
			return jst_value_nil();
		memcpy(tail, c->s, c->length);
		return jst_value_string(b->s, (uint32_t)length);
	}
	char *bytes = jst_run_scratch(run, length > UINT32_MAX ? UINT32_MAX : (uint32_t)length);

	if (!bytes)
		return jst_value_nil();
	memcpy(bytes, b->s, b->length);
	memcpy(bytes + b->length, c->s, c->length);
	return jst_value_string(bytes, (uint32_t)length);
}

/* + - * / % of anything. */
static __attribute__((noinline)) struct jst_value arithmetic(struct jst_run *run, enum jst_opcode op, const struct jst_value *b, const struct jst_value *c)
{
	if (b->kind == JST_INT && c->kind == JST_INT) {
		/* Only divisions come here; those by -1 wrap. */
		if (c->i == 0)
			return division_by_zero(run);
		if (c->i == -1)
			return jst_value_int(op == JST_OP_DIV ? (int64_t)-(uint64_t)b->i : 0);
		return jst_value_int(op == JST_OP_DIV ? b->i / c->i : b->i % c->i);
	}
	if (b->kind == JST_STRING && c->kind == JST_STRING && op == JST_OP_ADD)
		return concatenate(run, b, c);
	if (b->kind == JST_NIL || c->kind == JST_NIL || b->kind == JST_STRING || c->kind == JST_STRING)
		return wrong_kind(run, b, c);

	const double x = b->kind == JST_INT ? (double)b->i : b->d;
	const double y = c->kind == JST_INT ? (double)c->i : c->d;

	switch (op) {
	case JST_OP_ADD:
		return jst_value_double(x + y);
	case JST_OP_SUB:
		return jst_value_double(x - y);
	case JST_OP_MUL:
		return jst_value_double(x * y);
	case JST_OP_DIV:
		return y == 0 ? division_by_zero(run) : jst_value_double(x / y);
	default:
		return y == 0 ? division_by_zero(run) : jst_value_double(remainder_of(x, y));
	}
}

/* == != < <= of anything. */
static __attribute__((noinline)) bool compare(enum jst_opcode op, const struct jst_value *b, const struct jst_value *c)
{
	if (b->kind == JST_NIL || c->kind == JST_NIL)
		return false;
	if (op <= JST_OP_NE && b->kind == JST_STRING && c->kind == JST_STRING && b->length != c->length)
		return op == JST_OP_NE;
	const int order = jst_value_compare(b, c);

	switch (op) {
	case JST_OP_EQ:
		return order == 0;
	case JST_OP_NE:
		return order != 0;
	case JST_OP_LT:
		return order == -1;
	default:
		return order == -1 || order == 0;
	}
}

/* Bytes that a comparison may look at; a value that is no string has length 0. */
static inline uint32_t compare_cost(const struct jst_value *b, const struct jst_value *c)
{
	return b->length < c->length ? b->length : c->length;
}

/* Bytes of strings among values that are stored, used as keys or sent. */
static inline uint32_t length_of(const struct jst_value *values, uint32_t count)
{
	const uint32_t most = 1 << 16; /* no string is kept longer */
	uint32_t length = 0;

	for (uint32_t i = 0; i < count; i++)
		length += values[i].length < most ? values[i].length : most;
	return length;
}

static struct jst_value load_string(const char *bytes, uint64_t length)
{
	if (!bytes)
		return jst_value_nil();
	return jst_value_string(bytes, length > INT32_MAX ? INT32_MAX : (uint32_t)length);
}

/* A field that is not one word of integer. */
static __attribute__((noinline)) struct jst_value load_other(const uint64_t *words, unsigned type, unsigned word)
{
	double d;

	switch (type) {
	case JST_FIELD_DOUBLE:
		memcpy(&d, &words[word], sizeof(d));
		return jst_value_double(d);
	case JST_FIELD_STRING: {
		const char *bytes = (const char *)(uintptr_t)words[word];

		return load_string(bytes, bytes ? strlen(bytes) : 0);
	}
	case JST_FIELD_BYTES:
		return load_string((const char *)(uintptr_t)words[word], words[word + 1]);
	default:
		return jst_value_nil();
	}
}

static inline struct jst_value load_field(const uint64_t *words, unsigned type, unsigned word)
{
	const unsigned integers = 1U << JST_FIELD_INT | 1U << JST_FIELD_UINT | 1U << JST_FIELD_BOOL | 1U << JST_FIELD_POINTER;

	_Static_assert(JST_FIELD_TYPES <= 32, "types are bits");
	if (likely(type < 32 && (1U << type & integers)))
		return jst_value_int((int64_t)words[word]);
	return load_other(words, type, word);
}

static inline const struct jst_map_access *map_access(struct jst_run *run, int32_t index)
{
	run->map.decl = (const struct jst_map_decl *)jst_program_section(run->program, JST_SECTION_MAPS) + index;
	run->map.index = (uint32_t)index;
	return &run->map;
}

/* Returns the bytes of a string that was kept or hashed. */
static inline uint32_t aggregate(struct jst_run *run, const struct jst_insn *insn, const struct jst_value *keys, struct jst_value value)
{
	const struct jst_aggregation_decl *decls = jst_program_section(run->program, JST_SECTION_AGGREGATIONS);
	const uint32_t used = (run->used + 7) & ~7U;
	struct jst_update update = {
		.memory = &run->session->memory,
		.slot = run->slot,
		.bank = run->bank,
		.decl = &decls[insn->imm],
		.index = (uint16_t)insn->imm,
		.tid = run->runner->tid,
		.scratch = run->scratch + used,
		.room = 2 * run->room - used,
	};

	if (unlikely(jst_aggregation_is_timed(update.decl)))
		update.timestamp = jst_clock_wall(&run->session->memory.header->clock, run->now);
	jst_aggregation_update(&update, keys, value);
	return update.decl->function == JST_AGGREGATION_LAST || update.decl->function == JST_AGGREGATION_DISTINCT ? length_of(&value, 1) : 0;
}

/* Returns the bytes of strings that were looked at to be sent. */
static __attribute__((noinline)) uint64_t record(struct jst_run *run, const struct jst_insn *insn, const struct jst_value *values)
{
	const struct jst_record header = {
		.index = (uint32_t)insn->imm,
		.now = run->now,
		.timestamp = jst_clock_wall(&run->session->memory.header->clock, run->now),
		.tid = run->runner->tid,
		.site = run->binding->site,
	};
	const struct jst_host *host = run->session->host;
	uint32_t count = insn->c;
	uint64_t length = 0;

	if (host)
		host->drain(host->context);
	if (insn->op == JST_OP_EVENT) {
		/* Past the clause's registers there is room for the fields of one event. */
		struct jst_value *fields = run->registers + JST_MAX_REGISTERS;
		const struct jst_probe *probe = &run->binding->probe;

		count = probe->fields < JST_MAX_SITE_FIELDS ? probe->fields : JST_MAX_SITE_FIELDS;
		for (uint32_t i = 0; i < count; i++) {
			fields[i] = load_field(run->words, probe->field[i].type, probe->field[i].word);
			length += fields[i].length;
		}
		values = fields;
	}
	if (unlikely(run->speculates)) {
		if (!jst_speculation_key_is_nil(&run->speculation))
			jst_speculation_hold(&run->session->memory, run->slot, &run->speculation, &header, values, count);
		return length;
	}
	jst_ring_write(&run->session->memory, run->slot, run->session->tails, header, values, count);
	return length;
}

/* The first exit decides. */
static __attribute__((noinline, cold)) void ask_exit(const struct jst_run *run, const struct jst_value *code)
{
	int32_t none = -1;

	/* Pairs with the CLI's relaxed load: a lone word. */
	atomic_compare_exchange_strong_explicit(&run->session->memory.header->exit_code, &none, code->kind == JST_INT ? (int32_t)(code->i & 0xff) : 0, memory_order_relaxed,
	                                        memory_order_relaxed);
}

static __attribute__((noinline)) bool matches(const struct jst_value *text, const struct jst_value *glob, int64_t *remaining)
{
	if (text->kind != JST_STRING || glob->kind != JST_STRING)
		return false;
	uint64_t steps = *remaining > 0 ? (uint64_t)*remaining * BYTES_A_STEP : 0;
	const uint64_t before = steps;
	const bool match = jst_glob_match_within((struct jst_string){ glob->s, glob->length }, (struct jst_string){ text->s, text->length }, &steps);

	*remaining -= (int64_t)((before - steps) / BYTES_A_STEP) + (steps == 0);
	return match;
}

/* ---- the machine ---- */

#define A R[insn->a]
#define B R[insn->b]
#define C R[insn->c]
#define INTS_BC (likely(((B.kind ^ JST_INT) | (C.kind ^ JST_INT)) == 0))
#define NEXT              \
	do {              \
		insn++;   \
		goto *handlers[insn->op]; \
	} while (0)
#define CHARGE(bytes)                                     \
	do {                                              \
		remaining -= (int64_t)(bytes) / BYTES_A_STEP; \
		if (unlikely(remaining < 0))              \
			goto spent;                       \
	} while (0)

void jst_vm_run(struct jst_run *run, const struct jst_clause_decl *clause)
{
	static const void *const handlers[JST_OPCODES] = {
#define OPCODE(name, text, shape, meaning) [JST_OP_##name] = &&op_##name,
#include "opcode.def"
#undef OPCODE
	};
	const struct jst_program *const program = run->program;
	struct jst_value *const R = run->registers;
	const struct jst_insn *const code = (const struct jst_insn *)jst_program_section(program, JST_SECTION_CODE) + clause->first_insn;
	const struct jst_insn *insn = code;
	int64_t remaining = (int64_t)run->session->budget - clause->insns;

	run->used = 0;
	run->speculates = false;
	if (unlikely(remaining < 0))
		goto spent;
	goto *handlers[insn->op];

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
	const struct jst_field_binding field = run->fields[insn->imm];

	A = load_field(run->words, field.type, field.word);
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
		A = arithmetic(run, JST_OP_ADD, &B, &C);
		CHARGE(A.length);
	}
	NEXT;
op_SUB:
	if (INTS_BC)
		A = jst_value_int((int64_t)((uint64_t)B.i - (uint64_t)C.i));
	else
		A = arithmetic(run, JST_OP_SUB, &B, &C);
	NEXT;
op_MUL:
	if (INTS_BC)
		A = jst_value_int((int64_t)((uint64_t)B.i * (uint64_t)C.i));
	else
		A = arithmetic(run, JST_OP_MUL, &B, &C);
	NEXT;
op_DIV:
	/* Neither 0 nor -1. */
	if (INTS_BC && likely((uint64_t)C.i + 1 > 1))
		A = jst_value_int(B.i / C.i);
	else
		A = arithmetic(run, JST_OP_DIV, &B, &C);
	NEXT;
op_MOD:
	if (INTS_BC && likely((uint64_t)C.i + 1 > 1))
		A = jst_value_int(B.i % C.i);
	else
		A = arithmetic(run, JST_OP_MOD, &B, &C);
	NEXT;
op_AND:
	A = INTS_BC ? jst_value_int(B.i & C.i) : wrong_kind(run, &B, &C);
	NEXT;
op_OR:
	A = INTS_BC ? jst_value_int(B.i | C.i) : wrong_kind(run, &B, &C);
	NEXT;
op_XOR:
	A = INTS_BC ? jst_value_int(B.i ^ C.i) : wrong_kind(run, &B, &C);
	NEXT;
op_SHL:
	A = INTS_BC ? jst_value_int((int64_t)((uint64_t)B.i << (C.i & 63))) : wrong_kind(run, &B, &C);
	NEXT;
op_SHR:
	A = INTS_BC ? jst_value_int(B.i >> (C.i & 63)) : wrong_kind(run, &B, &C);
	NEXT;
op_NEG:
	if (likely(B.kind == JST_INT))
		A = jst_value_int((int64_t)-(uint64_t)B.i);
	else if (B.kind == JST_DOUBLE)
		A = jst_value_double(-B.d);
	else
		A = wrong_kind(run, &B, &B);
	NEXT;
op_INVERT:
	A = likely(B.kind == JST_INT) ? jst_value_int(~B.i) : wrong_kind(run, &B, &B);
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
		CHARGE(compare_cost(&B, &C));
		A = jst_value_int(compare(JST_OP_EQ, &B, &C));
	}
	NEXT;
op_NE:
	if (INTS_BC)
		A = jst_value_int(B.i != C.i);
	else {
		CHARGE(compare_cost(&B, &C));
		A = jst_value_int(compare(JST_OP_NE, &B, &C));
	}
	NEXT;
op_LT:
	if (INTS_BC)
		A = jst_value_int(B.i < C.i);
	else {
		CHARGE(compare_cost(&B, &C));
		A = jst_value_int(compare(JST_OP_LT, &B, &C));
	}
	NEXT;
op_LE:
	if (INTS_BC)
		A = jst_value_int(B.i <= C.i);
	else {
		CHARGE(compare_cost(&B, &C));
		A = jst_value_int(compare(JST_OP_LE, &B, &C));
	}
	NEXT;
op_ISNIL:
	A = jst_value_int(B.kind == JST_NIL);
	NEXT;
op_MATCH: {
	const bool match = matches(&B, &C, &remaining);

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
	goto *handlers[insn->op];
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
	const struct jst_map_access *access = map_access(run, insn->imm);

	CHARGE(length_of(&B, insn->c));
	A = jst_map_get(access, &B);
	CHARGE(A.length);
	NEXT;
}
op_MAPSET: {
	const struct jst_map_access *access = map_access(run, insn->imm);

	CHARGE(length_of(&B, insn->c) + length_of(&A, 1));
	jst_map_set(access, &B, A);
	NEXT;
}
op_MAPADD: {
	const struct jst_map_access *access = map_access(run, insn->imm);

	CHARGE(length_of(&B, insn->c) + length_of(&A, 1));
	/* What is there already is copied with what is added. */
	if (unlikely(A.kind == JST_STRING))
		CHARGE(run->session->string_size);
	jst_map_add(access, &B, A, 1);
	NEXT;
}
op_MAPSUB: {
	const struct jst_map_access *access = map_access(run, insn->imm);

	CHARGE(length_of(&B, insn->c));
	jst_map_add(access, &B, A, -1);
	NEXT;
}
op_MAPDELETE: {
	const struct jst_map_access *access = map_access(run, insn->imm);

	CHARGE(length_of(&B, insn->c));
	jst_map_delete(access, &B);
	NEXT;
}
op_SPANEND: {
	const struct jst_map_access *access = map_access(run, insn->imm);

	CHARGE(length_of(&B, insn->c));
	jst_map_end(access, &B);
	NEXT;
}
op_MAPHAS: {
	const struct jst_map_access *access = map_access(run, insn->imm);

	CHARGE(length_of(&B, insn->c));
	A = jst_value_int(jst_map_has(access, &B));
	NEXT;
}
op_AGGREGATE:
	CHARGE(length_of(&B, insn->c));
	CHARGE(aggregate(run, insn, &B, A));
	NEXT;
op_AGGGET:
op_AGGQUANTILE:
op_AGGCOUNT:
op_AGGKEYS:
	CHARGE(jst_run_read(run, insn));
	NEXT;
op_RECORD:
	CHARGE(length_of(&B, insn->c));
	record(run, insn, &B);
	NEXT;
op_EVENT:
	CHARGE(record(run, insn, NULL));
	NEXT;
op_SPECULATE:
	CHARGE(length_of(&A, 1));
	jst_run_speculate(run, &A);
	NEXT;
op_COMMIT:
	CHARGE(length_of(&A, 1));
	CHARGE(jst_run_commit(run, &A));
	NEXT;
op_DISCARD:
	CHARGE(length_of(&A, 1));
	jst_run_discard(run, &A);
	NEXT;
op_EXIT:
	ask_exit(run, &A);
	return;
op_CALL: {
	uint32_t cost = 0;

	A = jst_builtin_call(run, (enum jst_function)insn->imm, &B, insn->c, &cost);
	CHARGE(cost);
	NEXT;
}
op_RETURN:
	return;

spent:
	jst_slot_lose(run->slot, JST_LOSS_BUDGET);
}
