/*
 * Making plans: which instructions of a clause become quick ones at a probe.
 */
#include "plan.h"

#include <string.h>

#include "aggregation_state.h"
#include "map_inline.h"

enum {
	COPIES_MAX = 1024,    /* instructions of all of a binding's clauses that are copied */
};

struct maker {
	const struct jst_program *program;
	const struct jst_probe *probe;
	const struct jst_field_binding *fields;
	struct jst_insn *code;
	uint32_t insns;
};

static const struct jst_map_decl *map_of(const struct maker *maker, const struct jst_insn *insn)
{
	return jst_program_map(maker->program, insn->imm);
}

static const struct jst_aggregation_decl *aggregation_of(const struct maker *maker, const struct jst_insn *insn)
{
	return jst_program_aggregation(maker->program, insn->imm);
}

/* Whether the clause goes on with these opcodes at `at`. */
static bool follows(const struct maker *maker, uint32_t at, const uint8_t *ops, uint32_t count)
{
	if (maker->insns - at < count)
		return false;
	for (uint32_t i = 0; i < count; i++)
		if (maker->code[at + i].op != ops[i])
			return false;
	return true;
}

#define FOLLOWS(...) follows(maker, at, (const uint8_t[]){ __VA_ARGS__ }, sizeof((const uint8_t[]){ __VA_ARGS__ }))

/* Whether insn's key is the register that holds one integer, of a map with a table of words. */
static bool keyed(const struct maker *maker, const struct jst_insn *insn, uint8_t key)
{
	return insn->c == 1 && insn->b == key && jst_map_has_words(map_of(maker, insn));
}

static bool is_now(const struct jst_insn *insn)
{
	return insn->op == JST_OP_VARIABLE && insn->imm == JST_VARIABLE_NOW;
}

static uint8_t test_of(const struct maker *maker, uint32_t at)
{
	const struct jst_insn *insn = &maker->code[at];
	const struct jst_insn *compare = &insn[2], *jump = &insn[3];

	if (maker->insns - at < 4 || insn[1].op != JST_OP_INT || insn[1].a == insn->a || (jump->op != JST_OP_JTRUE && jump->op != JST_OP_JFALSE) || jump->a != compare->a)
		return 0;
	const bool straight = compare->b == insn->a && compare->c == insn[1].a, turned = compare->c == insn->a && compare->b == insn[1].a;

	if (!straight && !turned)
		return 0;
	switch (compare->op) {
	case JST_OP_EQ:
		return JST_QUICK_TEST_EQ;
	case JST_OP_NE:
		return JST_QUICK_TEST_NE;
	case JST_OP_LT:
		return straight ? JST_QUICK_TEST_LT : JST_QUICK_TEST_GT;
	case JST_OP_LE:
		return straight ? JST_QUICK_TEST_LE : JST_QUICK_TEST_GE;
	default:
		return 0;
	}
}

/* What may begin with an integer field. */
static void quicken_field(const struct maker *maker, uint32_t at)
{
	struct jst_insn *insn = &maker->code[at];
	const uint8_t key = insn->a, test = test_of(maker, at);

	if (test) {
		insn->op = test;
		insn->c = insn[3].op == JST_OP_JTRUE;
	} else if (FOLLOWS(JST_QUICK_INTFIELD, JST_OP_VARIABLE, JST_OP_MAPSET)) {
		if (is_now(&insn[1]) && insn[1].a != key && insn[2].a == insn[1].a && keyed(maker, &insn[2], key))
			insn->op = JST_QUICK_PUT_NOW;
	} else if (FOLLOWS(JST_QUICK_INTFIELD, JST_OP_MAPGET)) {
		if (keyed(maker, &insn[1], key))
			insn->op = JST_QUICK_GET;
	} else if (FOLLOWS(JST_QUICK_INTFIELD, JST_OP_MAPDELETE)) {
		if (keyed(maker, &insn[1], key))
			insn->op = JST_QUICK_DELETE;
	} else if (FOLLOWS(JST_QUICK_INTFIELD, JST_OP_SPANEND)) {
		if (keyed(maker, &insn[1], key))
			insn->op = JST_QUICK_SPANEND;
	} else if (FOLLOWS(JST_QUICK_INTFIELD, JST_OP_AGGREGATE)) {
		const enum jst_shape shape = jst_aggregation_info[aggregation_of(maker, &insn[1])->function].shape;

		if (insn[1].c == 1 && insn[1].b == key && (shape == JST_SHAPE_COUNT || shape == JST_SHAPE_RATE))
			insn->op = JST_QUICK_COUNT_BY;
	}
}

/* An aggregation without keys. */
static void quicken_aggregate(const struct maker *maker, struct jst_insn *insn)
{
	const struct jst_aggregation_decl *decl = aggregation_of(maker, insn);
	const enum jst_shape shape = jst_aggregation_info[decl->function].shape;

	if (decl->keys || insn->imm >= JST_PLAIN_CELLS || jst_aggregation_has_exemplars(decl))
		return;
	if (shape == JST_SHAPE_COUNT || shape == JST_SHAPE_RATE)
		insn->op = JST_QUICK_COUNT;
	if (shape == JST_SHAPE_HIST || shape == JST_SHAPE_QUANTILES) {
		insn->b = (uint8_t)jst_histogram_bits(decl);
		insn->op = insn->b == JST_DEFAULT_HIST_BITS ? JST_QUICK_HIST : JST_QUICK_HIST_BITS;
	}
}

static void quicken(const struct maker *maker)
{
	/* Fields first: sequences are told by them. */
	for (uint32_t at = 0; at < maker->insns; at++) {
		struct jst_insn *insn = &maker->code[at];
		const struct jst_field_binding *field = &maker->fields[insn->imm];

		if (insn->op != JST_OP_FIELD)
			continue;
		if (jst_field_is_integer(field->type))
			insn->op = JST_QUICK_INTFIELD;
		else if (field->type == JST_FIELD_STRING)
			insn->op = JST_QUICK_TEXTFIELD;
		else if (field->type == JST_FIELD_ABSENT)
			insn->op = JST_OP_NIL;
		insn->b = field->word;
	}
	/* From the end, so that what follows is still what the compiler wrote. */
	for (uint32_t at = maker->insns; at-- > 0;) {
		struct jst_insn *insn = &maker->code[at];

		if (insn->op == JST_QUICK_INTFIELD)
			quicken_field(maker, at);
		else if (insn->op == JST_OP_AGGREGATE)
			quicken_aggregate(maker, insn);
		else if (insn->op == JST_OP_MAPADD && !map_of(maker, insn)->keys)
			insn->op = JST_QUICK_ADD_VARIABLE;
	}
	/* And what begins with something else. */
	for (uint32_t at = 0; at < maker->insns; at++) {
		struct jst_insn *insn = &maker->code[at];

		if (is_now(insn) && FOLLOWS(JST_OP_VARIABLE, JST_QUICK_GET, JST_OP_MAPGET, JST_OP_SUB) && insn[1].a != insn->a && insn[2].a != insn->a && insn[3].b == insn->a && insn[3].c == insn[2].a)
			insn->op = JST_QUICK_SINCE;
	}
}

/* The range of integers for which a comparison with a constant holds. */
static struct jst_guard range_of(uint8_t test, int64_t constant)
{
	const uint64_t least = (uint64_t)INT64_MIN, value = (uint64_t)constant;

	switch (test) {
	case JST_QUICK_TEST_LT: /* below the least integer there is none; a constant of 32 bits is greater */
		return (struct jst_guard){ .low = least, .span = value - 1 - least };
	case JST_QUICK_TEST_LE:
		return (struct jst_guard){ .low = least, .span = value - least };
	case JST_QUICK_TEST_GT:
		return (struct jst_guard){ .low = value + 1, .span = (uint64_t)INT64_MAX - value - 1 };
	case JST_QUICK_TEST_GE:
		return (struct jst_guard){ .low = value, .span = (uint64_t)INT64_MAX - value };
	default:
		return (struct jst_guard){ .low = value, .span = 0, .inverted = test == JST_QUICK_TEST_NE };
	}
}

/* Whether the clause begins with a test of an integer that leads to its end; in *length, of how many instructions. */
static bool guard_of(const struct maker *maker, struct jst_guard *guard, uint32_t *length)
{
	const struct jst_insn *code = maker->code;
	const uint8_t op = code->op;

	if (maker->insns >= 2 && op == JST_QUICK_INTFIELD && code[1].op == JST_OP_JFALSE && code[1].a == code->a && code[code[1].imm].op == JST_OP_RETURN) {
		*guard = (struct jst_guard){ .inverted = true };
		*length = 2;
	} else if (op >= JST_QUICK_TEST_EQ && op <= JST_QUICK_TEST_GE && code[code[3].imm].op == JST_OP_RETURN) {
		*guard = range_of(op, code[1].imm);
		guard->inverted ^= code[3].op == JST_OP_JTRUE;
		*length = 4;
	} else {
		return false;
	}
	guard->word = code->b;
	return true;
}

/* Whether the clause, from `at` on, is nothing but an update of an aggregation by at most one key, with at most one integer. */
static bool find_update(const struct maker *maker, uint32_t at, struct jst_plan *plan)
{
	const struct jst_insn *insn = &maker->code[at], *key = NULL;

	if (FOLLOWS(JST_QUICK_TEXTFIELD) || FOLLOWS(JST_QUICK_INTFIELD, JST_QUICK_INTFIELD))
		key = insn++, at++;
	const struct jst_insn *value = FOLLOWS(JST_QUICK_INTFIELD) ? insn++ : NULL;

	at += value != NULL;
	if (!FOLLOWS(JST_OP_AGGREGATE, JST_OP_RETURN) || insn->c != (key ? 1 : 0) || (key && insn->b != key->a) || (value && (insn->a != value->a || (key && key->a == value->a))))
		return false;
	const struct jst_aggregation_decl *decl = aggregation_of(maker, insn);
	const enum jst_shape shape = jst_aggregation_info[decl->function].shape;

	if (jst_aggregation_has_exemplars(decl) || (!key && insn->imm >= JST_PLAIN_CELLS))
		return false;
	if (shape == JST_SHAPE_COUNT || shape == JST_SHAPE_RATE)
		plan->step = JST_STEP_COUNT;
	else if (!value)
		return false;
	else if (shape == JST_SHAPE_SUM || shape == JST_SHAPE_AVG)
		plan->step = JST_STEP_TOTAL;
	else if (shape == JST_SHAPE_MIN || shape == JST_SHAPE_MAX)
		plan->step = shape == JST_SHAPE_MIN ? JST_STEP_MIN : JST_STEP_MAX;
	else if (shape == JST_SHAPE_HIST || shape == JST_SHAPE_QUANTILES)
		plan->step = JST_STEP_HIST;
	else
		return false;
	plan->by = !key ? JST_BY_NOTHING : key->op == JST_QUICK_TEXTFIELD ? JST_BY_TEXT : JST_BY_INTEGER;
	plan->word = key ? key->b : 0;
	plan->value = value ? value->b : plan->word;
	plan->bits = plan->step == JST_STEP_HIST ? (uint8_t)jst_histogram_bits(decl) : 0;
	plan->aggregation = insn->imm;
	return true;
}

/* The shortcut of a clause whose instructions from `at` on are all that it does. */
static void find_shortcut(const struct maker *maker, uint32_t at, struct jst_plan *plan)
{
	const struct jst_insn *insn = &maker->code[at];

	plan->word = insn->b;
	if (FOLLOWS(JST_QUICK_PUT_NOW, JST_OP_VARIABLE, JST_OP_MAPSET, JST_OP_RETURN)) {
		plan->shortcut = JST_SHORTCUT_PUT_NOW;
		plan->map = insn[2].imm;
	} else if (FOLLOWS(JST_QUICK_SINCE, JST_QUICK_GET, JST_OP_MAPGET, JST_OP_SUB, JST_QUICK_HIST, JST_OP_RETURN) && insn[4].a == insn[3].a) {
		plan->shortcut = JST_SHORTCUT_SINCE_HIST;
		plan->word = insn[1].b;
		plan->map = insn[2].imm;
		plan->aggregation = insn[4].imm;
	} else if (FOLLOWS(JST_QUICK_SPANEND, JST_OP_SPANEND, JST_OP_RETURN)) {
		plan->shortcut = JST_SHORTCUT_SPANEND;
		plan->map = insn[1].imm;
	} else if (FOLLOWS(JST_QUICK_COUNT, JST_OP_RETURN)) {
		plan->shortcut = JST_SHORTCUT_COUNT;
		plan->aggregation = insn->imm;
	} else if (FOLLOWS(JST_QUICK_COUNT_BY, JST_OP_AGGREGATE, JST_OP_RETURN)) {
		plan->shortcut = JST_SHORTCUT_COUNT_BY;
		plan->aggregation = insn[1].imm;
	} else if (FOLLOWS(JST_QUICK_INTFIELD, JST_QUICK_HIST, JST_OP_RETURN) && insn[1].a == insn->a) {
		plan->shortcut = JST_SHORTCUT_HIST;
		plan->aggregation = insn[1].imm;
	} else if (find_update(maker, at, plan)) {
		plan->shortcut = JST_SHORTCUT_UPDATE;
	}
}

static bool has_doubles(const struct jst_probe *probe)
{
	for (uint32_t i = 0; i < probe->fields; i++)
		if (probe->field[i].type == JST_FIELD_DOUBLE)
			return true;
	return false;
}

/* Whether the instruction may be the first to yield a double, or computes with some of its own. */
static bool makes_doubles(const struct maker *maker, const struct jst_insn *insn)
{
	const struct jst_constant *constants = jst_program_section(maker->program, JST_SECTION_CONSTANTS);

	switch (insn->op) {
	case JST_OP_CONSTANT:
		return constants[insn->imm].kind == JST_DOUBLE;
	case JST_OP_FIELD:
		return maker->fields[insn->imm].type == JST_FIELD_DOUBLE;
	case JST_OP_EVENT: /* its record has integers for doubles that are whole */
		return has_doubles(maker->probe);
	case JST_OP_MAPGET:
	case JST_OP_MAPADD:
	case JST_OP_MAPSUB:
		return !(map_of(maker, insn)->flags & JST_MAP_INT);
	case JST_OP_AGGREGATE:
		return jst_aggregation_info[aggregation_of(maker, insn)->function].shape == JST_SHAPE_STATS;
	case JST_OP_CALL:
	case JST_OP_AGGGET:
	case JST_OP_AGGQUANTILE:
	case JST_OP_AGGKEYS:
		return true;
	default:
		return false;
	}
}

static uint32_t flags_of(const struct maker *maker)
{
	uint32_t flags = 0;

	for (uint32_t i = 0; i < maker->insns; i++) {
		const struct jst_insn *insn = &maker->code[i];

		if (jst_program_insn_flags(maker->program, insn) & JST_PROGRAM_CLOCK)
			flags |= JST_BINDING_CLOCK;
		if (makes_doubles(maker, insn))
			flags |= JST_BINDING_DOUBLES;
	}
	return flags;
}

/* Whether a clause is copied, of whose binding's clauses that many instructions were. */
static bool is_copied(const struct jst_clause_decl *clause, uint32_t copied)
{
	return clause->insns <= JST_PLAN_COPY && copied + clause->insns <= COPIES_MAX;
}

size_t jst_plan_size(const struct jst_program *program, const uint16_t *clause, uint32_t clauses)
{
	const struct jst_clause_decl *decls = jst_program_section(program, JST_SECTION_CLAUSES);
	uint32_t copied = 0;

	for (uint32_t i = 0; i < clauses; i++)
		copied += is_copied(&decls[clause[i]], copied) ? decls[clause[i]].insns : 0;
	return clauses * sizeof(struct jst_plan) + copied * sizeof(struct jst_insn);
}

size_t jst_plan_most(const struct jst_program *program)
{
	const uint32_t insns = jst_program_count(program, JST_SECTION_CODE);

	return jst_program_count(program, JST_SECTION_CLAUSES) * sizeof(struct jst_plan) + (insns < COPIES_MAX ? insns : COPIES_MAX) * sizeof(struct jst_insn);
}

/* to: where copies go, NULL: nowhere. */
static void make(const struct jst_program *program, struct jst_binding *binding, const uint16_t *clause, uint32_t clauses, struct jst_plan *plan, struct jst_insn *to)
{
	const struct jst_clause_decl *decls = jst_program_section(program, JST_SECTION_CLAUSES);
	const struct jst_insn *code = jst_program_section(program, JST_SECTION_CODE);
	uint32_t copied = 0, guarded = 0, flags = 0;

	for (uint32_t i = 0; i < clauses; i++) {
		const struct jst_clause_decl *decl = &decls[clause[i]];
		struct maker maker = { .program = program, .probe = &binding->probe, .fields = binding->field, .code = (struct jst_insn *)&code[decl->first_insn], .insns = decl->insns };

		flags |= flags_of(&maker);
		plan[i] = (struct jst_plan){ .code = maker.code, .insns = decl->insns };
		if (!to || !is_copied(decl, copied))
			continue;
		maker.code = memcpy(to + copied, maker.code, decl->insns * sizeof(*to));
		copied += decl->insns;
		quicken(&maker);
		plan[i].code = maker.code;
		uint32_t length = 0;
		plan[i].guarded = guard_of(&maker, &plan[i].guard, &length);
		guarded += plan[i].guarded;
		find_shortcut(&maker, length, &plan[i]);
	}
	binding->clauses = clauses;
	binding->plan = plan;
	if (clauses && guarded == clauses)
		flags |= JST_BINDING_GUARDED;
	if (clauses == 1 && (plan->shortcut == JST_SHORTCUT_COUNT || plan->shortcut == JST_SHORTCUT_COUNT_BY))
		flags |= JST_BINDING_LEAF;
	if (clauses == 1 && !guarded && plan->shortcut == JST_SHORTCUT_PUT_NOW)
		flags |= JST_BINDING_STARTS;
	if (clauses == 2 && !guarded && plan[0].shortcut == JST_SHORTCUT_SINCE_HIST && plan[1].shortcut == JST_SHORTCUT_SPANEND && plan[0].word == plan[1].word && plan[0].map == plan[1].map)
		flags |= JST_BINDING_ENDS;
	if (clauses == 1 && plan->shortcut == JST_SHORTCUT_UPDATE)
		flags |= JST_BINDING_UPDATES;
	binding->flags = flags;
}

void jst_plan_make(const struct jst_program *program, struct jst_binding *binding, const uint16_t *clause, uint32_t clauses, void *room)
{
	struct jst_plan *plan = room;

	make(program, binding, clause, clauses, plan, (struct jst_insn *)(plan + clauses));
}

void jst_plan_make_plain(const struct jst_program *program, struct jst_binding *binding, const uint16_t *clause, uint32_t clauses, struct jst_plan *room)
{
	make(program, binding, clause, clauses, room, NULL);
}
