/*
 * Code of expressions. && || ?: and conditions become jumps; each name becomes the load that its meaning says.
 */
#include "generate.h"

/* ---- instructions, registers, jumps ---- */

static void fail(struct generator *generator, const char *limit)
{
	if (!generator->failed)
		diagnostics_add(generator->checker->diagnostics, DIAGNOSTIC_CLAUSE_TOO_LARGE, generator->clause->at, limit);
	generator->failed = true;
}

uint32_t generate_insn(struct generator *generator, enum jst_opcode op, uint32_t a, uint32_t b, uint32_t c, int64_t imm)
{
	if (generator->insns >= JST_MAX_INSNS)
		fail(generator, "16,384 instructions");
	if (generator->failed)
		return 0;
	generator->insns++;
	generator->total++;
	return jst_builder_insn(generator->builder, (struct jst_insn){ .op = (uint8_t)op, .a = (uint8_t)a, .b = (uint8_t)b, .c = (uint8_t)c, .imm = (int32_t)imm });
}

uint32_t generate_registers(struct generator *generator, uint32_t count)
{
	uint32_t first = generator->next;

	if (count > JST_MAX_REGISTERS || first + count > JST_MAX_REGISTERS) {
		fail(generator, "128 values at a time");
		return 0;
	}
	generator->next += count;
	if (generator->next > generator->most)
		generator->most = generator->next;
	return first;
}

void jumps_add(struct generator *generator, struct jumps *jumps, enum jst_opcode op, uint32_t reg)
{
	uint32_t index = generate_insn(generator, op, reg, 0, 0, jumps->last);

	jumps->last = (int32_t)index;
}

void jumps_land_at(struct generator *generator, struct jumps *jumps, uint32_t target)
{
	while (!generator->failed && jumps->last != NO_JUMP) {
		struct jst_insn *insn = jst_builder_insn_at(generator->builder, (uint32_t)jumps->last);

		jumps->last = insn->imm;
		insn->imm = (int32_t)target;
	}
	jumps->last = NO_JUMP;
}

void jumps_land(struct generator *generator, struct jumps *jumps)
{
	jumps_land_at(generator, jumps, generator->insns);
}

/* ---- values ---- */

static void constant(struct generator *generator, uint32_t to, struct jst_value value)
{
	if (!generator->failed)
		generate_insn(generator, JST_OP_CONSTANT, to, 0, 0, jst_builder_constant(generator->builder, value));
}

void generate_int(struct generator *generator, uint32_t to, int64_t value)
{
	if (value == (int32_t)value)
		generate_insn(generator, JST_OP_INT, to, 0, 0, value);
	else
		constant(generator, to, jst_value_int(value));
}

static bool literal(struct generator *generator, const struct expression *expression, uint32_t to)
{
	struct jst_value value;

	if (!tree_literal(expression, &value))
		return false;
	if (value.kind == JST_INT)
		generate_int(generator, to, value.i);
	else
		constant(generator, to, value);
	return true;
}

uint32_t generate_local(const struct generator *generator, const struct local *local)
{
	return generator->frame + local->reg;
}

bool generate_is_local(const struct generator *generator, uint32_t reg)
{
	return reg >= generator->frame && reg - generator->frame < generator->locals;
}

uint32_t generate_operand(struct generator *generator, const struct expression *expression)
{
	if (expression->type == EXPRESSION_LOCAL)
		return generate_local(generator, expression->local);

	uint32_t to = generate_registers(generator, 1);

	generate_expression(generator, expression, to);
	return to;
}

uint32_t generate_list(struct generator *generator, const struct argument *first, uint32_t count, uint32_t hidden)
{
	if (count + hidden == 0)
		return 0;

	uint32_t base = generate_registers(generator, count + hidden);

	for (uint32_t i = 0; i < count && first; i++, first = first->next)
		generate_expression(generator, first->value, base + hidden + i);
	return base;
}

uint32_t generate_map(const struct generator *generator, const struct expression *expression)
{
	if (expression->meaning == MEANING_SPAN)
		return expression->span->table->map;
	return generator->special ? expression->variable->special_map : expression->variable->target_map;
}

uint32_t generate_keys(struct generator *generator, const struct expression *expression, const struct arguments *list, uint32_t *count)
{
	bool is_self = expression->meaning == MEANING_VARIABLE && expression->variable->is_self;
	bool by_prefix = expression->meaning == MEANING_SPAN && expression->span->table->by_prefix;
	uint32_t base = generate_list(generator, list->first, list->count, is_self || by_prefix);

	if (is_self || by_prefix)
		generate_insn(generator, JST_OP_VARIABLE, base, 0, 0, is_self ? JST_VARIABLE_THREAD : JST_VARIABLE_PREFIX);
	*count = list->count + (is_self || by_prefix);
	return base;
}

static void name(struct generator *generator, const struct expression *expression, uint32_t to)
{
	uint32_t keys, base;

	switch (expression->meaning) {
	case MEANING_FIELD:
		if (!generator->failed)
			generate_insn(generator, JST_OP_FIELD, to, 0, 0, jst_builder_field(generator->builder, expression->field.text, expression->field.length));
		break;
	case MEANING_BUILTIN:
		generate_insn(generator, JST_OP_VARIABLE, to, 0, 0, expression->builtin);
		break;
	case MEANING_CONSTANT:
		generate_expression(generator, expression->constant->value, to);
		break;
	default:
		base = generate_keys(generator, expression, &expression->list, &keys);
		generate_insn(generator, JST_OP_MAPGET, to, base, keys, generate_map(generator, expression));
	}
}

/* ---- operators ---- */

static enum jst_opcode opcode(enum operator operator)
{
	static const enum jst_opcode opcodes[] = {
		[OPERATOR_OR] = JST_OP_OR,   [OPERATOR_XOR] = JST_OP_XOR, [OPERATOR_AND] = JST_OP_AND, [OPERATOR_EQ] = JST_OP_EQ,   [OPERATOR_NE] = JST_OP_NE,
		[OPERATOR_LT] = JST_OP_LT,   [OPERATOR_LE] = JST_OP_LE,   [OPERATOR_GT] = JST_OP_LT,   [OPERATOR_GE] = JST_OP_LE,   [OPERATOR_MATCH] = JST_OP_MATCH,
		[OPERATOR_SHL] = JST_OP_SHL, [OPERATOR_SHR] = JST_OP_SHR, [OPERATOR_ADD] = JST_OP_ADD, [OPERATOR_SUB] = JST_OP_SUB, [OPERATOR_MUL] = JST_OP_MUL,
		[OPERATOR_DIV] = JST_OP_DIV, [OPERATOR_MOD] = JST_OP_MOD,
	};

	return opcodes[operator];
}

void generate_arithmetic(struct generator *generator, enum operator operator, uint32_t to, uint32_t left, uint32_t right)
{
	bool swap = operator == OPERATOR_GT || operator == OPERATOR_GE;

	generate_insn(generator, opcode(operator), to, swap ? right : left, swap ? left : right, 0);
}

/* The left operand may use the result's register, unless that is a local, which the right one may still read. */
static uint32_t left_operand(struct generator *generator, const struct expression *expression, uint32_t to)
{
	if (generate_is_local(generator, to) || expression->type == EXPRESSION_LOCAL)
		return generate_operand(generator, expression);
	generate_expression(generator, expression, to);
	return to;
}

static bool is_nil(const struct expression *expression)
{
	return expression->type == EXPRESSION_NIL;
}

/* x == nil and x != nil, the only comparisons with nil that are true. */
static void compare_nil(struct generator *generator, const struct expression *expression, uint32_t to)
{
	const struct expression *other = is_nil(expression->right) ? expression->left : expression->right;
	uint32_t operand = left_operand(generator, other, to);

	generate_insn(generator, JST_OP_ISNIL, to, operand, 0, 0);
	if (expression->operator == OPERATOR_NE)
		generate_insn(generator, JST_OP_NOT, to, to, 0, 0);
}

/* s !~ g: as every comparison, false where either is nil. */
static void no_match(struct generator *generator, const struct expression *expression, uint32_t to)
{
	uint32_t result = generate_registers(generator, 1);
	uint32_t left = generate_operand(generator, expression->left);
	uint32_t right = generate_operand(generator, expression->right);
	struct jumps out = { NO_JUMP };

	generate_insn(generator, JST_OP_ISNIL, result, left, 0, 0);
	jumps_add(generator, &out, JST_OP_JTRUE, result);
	if (expression->right->type != EXPRESSION_STRING) {
		generate_insn(generator, JST_OP_ISNIL, result, right, 0, 0);
		jumps_add(generator, &out, JST_OP_JTRUE, result);
	}
	generate_insn(generator, JST_OP_MATCH, result, left, right, 0);
	jumps_land(generator, &out);
	generate_insn(generator, JST_OP_NOT, to, result, 0, 0);
}

/* && and ||: 1 or 0. The result's register is written before the right operand is read, so it must be no local. */
static void logical(struct generator *generator, const struct expression *expression, uint32_t to)
{
	uint32_t result = generate_is_local(generator, to) ? generate_registers(generator, 1) : to;
	struct jumps out = { NO_JUMP };

	generate_expression(generator, expression->left, result);
	generate_insn(generator, JST_OP_BOOL, result, result, 0, 0);
	jumps_add(generator, &out, expression->operator == OPERATOR_LOGICAL_AND ? JST_OP_JFALSE : JST_OP_JTRUE, result);
	generate_expression(generator, expression->right, result);
	generate_insn(generator, JST_OP_BOOL, result, result, 0, 0);
	jumps_land(generator, &out);
	if (result != to)
		generate_insn(generator, JST_OP_MOVE, to, result, 0, 0);
}

static void binary(struct generator *generator, const struct expression *expression, uint32_t to)
{
	enum operator operator = expression->operator;

	if (operator == OPERATOR_LOGICAL_AND || operator == OPERATOR_LOGICAL_OR) {
		logical(generator, expression, to);
	} else if (operator == OPERATOR_NO_MATCH) {
		no_match(generator, expression, to);
	} else if ((operator == OPERATOR_EQ || operator == OPERATOR_NE) && (is_nil(expression->left) || is_nil(expression->right))) {
		compare_nil(generator, expression, to);
	} else {
		uint32_t left = left_operand(generator, expression->left, to);
		uint32_t right = generate_operand(generator, expression->right);

		generate_arithmetic(generator, operator, to, left, right);
	}
}

static void unary(struct generator *generator, const struct expression *expression, uint32_t to)
{
	static const enum jst_opcode opcodes[] = { [OPERATOR_NOT] = JST_OP_NOT, [OPERATOR_INVERT] = JST_OP_INVERT, [OPERATOR_NEGATE] = JST_OP_NEG };
	uint32_t operand = left_operand(generator, expression->left, to);

	generate_insn(generator, opcodes[expression->operator], to, operand, 0, 0);
}

static void conditional(struct generator *generator, const struct expression *expression, uint32_t to)
{
	struct jumps otherwise = { NO_JUMP }, out = { NO_JUMP };

	generate_jump(generator, expression->condition, false, &otherwise);
	generate_expression(generator, expression->left, to);
	jumps_add(generator, &out, JST_OP_JUMP, 0);
	jumps_land(generator, &otherwise);
	generate_expression(generator, expression->right, to);
	jumps_land(generator, &out);
}

void generate_expression(struct generator *generator, const struct expression *expression, uint32_t to)
{
	uint32_t saved = generator->next, base;

	if (generator->failed || literal(generator, expression, to))
		return;
	switch (expression->type) {
	case EXPRESSION_NAME:
	case EXPRESSION_SELF:
		name(generator, expression, to);
		break;
	case EXPRESSION_LOCAL:
		if (generate_local(generator, expression->local) != to)
			generate_insn(generator, JST_OP_MOVE, to, generate_local(generator, expression->local), 0, 0);
		break;
	case EXPRESSION_AGGREGATION:
		generate_read(generator, expression, to);
		break;
	case EXPRESSION_CALL:
		if (expression->meaning == MEANING_DEFINED) {
			generate_defined(generator, expression, to);
			break;
		}
		if (expression->meaning == MEANING_QUANTILE) {
			generate_quantile(generator, expression, to);
			break;
		}
		base = generate_list(generator, expression->list.first, expression->list.count, 0);
		generate_insn(generator, JST_OP_CALL, to, base, expression->list.count, expression->function);
		break;
	case EXPRESSION_UNARY:
		unary(generator, expression, to);
		break;
	case EXPRESSION_BINARY:
		binary(generator, expression, to);
		break;
	case EXPRESSION_IN: {
		uint32_t keys;

		base = generate_keys(generator, expression->right, &expression->list, &keys);
		generate_insn(generator, JST_OP_MAPHAS, to, base, keys, generate_map(generator, expression->right));
		break;
	}
	case EXPRESSION_CONDITIONAL:
		conditional(generator, expression, to);
		break;
	default:
		generate_insn(generator, JST_OP_NIL, to, 0, 0, 0);
	}
	generator->next = saved;
}

/* ---- conditions ---- */

void generate_jump(struct generator *generator, const struct expression *expression, bool when, struct jumps *jumps)
{
	uint32_t saved = generator->next;

	if (expression->type == EXPRESSION_UNARY && expression->operator == OPERATOR_NOT) {
		generate_jump(generator, expression->left, !when, jumps);
	} else if (expression->type == EXPRESSION_BINARY && (expression->operator == OPERATOR_LOGICAL_AND || expression->operator == OPERATOR_LOGICAL_OR)) {
		/* The left side decides alone when it is false for &&, true for ||. */
		bool decides = expression->operator == OPERATOR_LOGICAL_OR;
		struct jumps past = { NO_JUMP };

		generate_jump(generator, expression->left, decides, decides == when ? jumps : &past);
		generate_jump(generator, expression->right, when, jumps);
		jumps_land(generator, &past);
	} else {
		uint32_t operand = generate_operand(generator, expression);

		jumps_add(generator, jumps, when ? JST_OP_JTRUE : JST_OP_JFALSE, operand);
	}
	generator->next = saved;
}
