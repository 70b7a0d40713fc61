/*
 * Code of statements.
 */
#include "generate.h"

/* ---- assignments ---- */

static void assign_local(struct generator *generator, const struct statement *statement)
{
	uint32_t reg = generate_local(generator, statement->target->local);
	struct jumps out = { NO_JUMP }, present = { NO_JUMP };

	if (statement->type == STATEMENT_ASSIGN) {
		generate_expression(generator, statement->value, reg);
		return;
	}

	uint32_t value = generate_registers(generator, 1), is_nil = generate_registers(generator, 1);

	if (statement->value)
		generate_expression(generator, statement->value, value);
	else
		generate_int(generator, value, 1);
	generate_insn(generator, JST_OP_ISNIL, is_nil, reg, 0, 0);
	jumps_add(generator, &present, JST_OP_JFALSE, is_nil);
	if (statement->operator == OPERATOR_ADD) {
		/* nil + x is x, be it a number or a string. */
		generate_insn(generator, JST_OP_MOVE, reg, value, 0, 0);
		jumps_add(generator, &out, JST_OP_JUMP, 0);
		jumps_land(generator, &present);
	} else {
		generate_int(generator, reg, 0);
		jumps_land(generator, &present);
	}
	generate_arithmetic(generator, statement->operator, reg, reg, value);
	jumps_land(generator, &out);
}

/* x op= value where no single instruction does it: read, nil as 0, compute, write. */
static void assign_compound(struct generator *generator, const struct statement *statement, uint32_t base, uint32_t keys, uint32_t map)
{
	uint32_t value = generate_operand(generator, statement->value);
	uint32_t old = generate_registers(generator, 1), is_nil = generate_registers(generator, 1);
	struct jumps present = { NO_JUMP };

	generate_insn(generator, JST_OP_MAPGET, old, base, keys, map);
	generate_insn(generator, JST_OP_ISNIL, is_nil, old, 0, 0);
	jumps_add(generator, &present, JST_OP_JFALSE, is_nil);
	generate_int(generator, old, 0);
	jumps_land(generator, &present);
	generate_arithmetic(generator, statement->operator, old, old, value);
	generate_insn(generator, JST_OP_MAPSET, old, base, keys, map);
}

static void assign_variable(struct generator *generator, const struct statement *statement)
{
	const struct expression *target = statement->target;
	uint32_t keys, base = generate_keys(generator, target, &target->list, &keys);
	uint32_t map = generate_map(generator, target);

	if (statement->type == STATEMENT_ASSIGN && statement->value->type == EXPRESSION_NIL) {
		/* Assigning nil removes; said so, a map of integers stays one. */
		generate_insn(generator, JST_OP_MAPDELETE, 0, base, keys, map);
		return;
	}
	if (statement->type == STATEMENT_COMPOUND && statement->operator != OPERATOR_ADD && statement->operator != OPERATOR_SUB) {
		assign_compound(generator, statement, base, keys, map);
		return;
	}

	uint32_t value;

	if (statement->value) {
		value = generate_operand(generator, statement->value);
	} else {
		value = generate_registers(generator, 1);
		generate_int(generator, value, 1);
	}

	enum jst_opcode op = JST_OP_MAPSET;

	if (statement->type != STATEMENT_ASSIGN)
		op = statement->operator == OPERATOR_ADD ? JST_OP_MAPADD : JST_OP_MAPSUB;
	generate_insn(generator, op, value, base, keys, map);
}

static void update_aggregation(struct generator *generator, const struct statement *statement)
{
	const struct expression *target = statement->target;
	const uint32_t keys = target->list.count;
	/* The keys, and behind them the exemplar. */
	uint32_t base = keys || statement->exemplar ? generate_registers(generator, keys + (statement->exemplar != NULL)) : 0;
	const struct argument *key = target->list.first;

	for (uint32_t i = 0; i < keys; i++, key = key->next)
		generate_expression(generator, key->value, base + i);
	if (statement->exemplar)
		generate_expression(generator, statement->exemplar, base + keys);
	/* Where the function takes no value, the register is not read. */
	uint32_t value = statement->update ? generate_operand(generator, statement->update) : 0;

	generate_insn(generator, JST_OP_AGGREGATE, value, base, keys + (statement->exemplar != NULL), target->aggregation->index);
}

static void assignment(struct generator *generator, const struct statement *statement)
{
	if (statement->target->type == EXPRESSION_AGGREGATION)
		update_aggregation(generator, statement);
	else if (statement->target->type == EXPRESSION_LOCAL)
		assign_local(generator, statement);
	else
		assign_variable(generator, statement);
}

/* ---- actions ---- */

static void record(struct generator *generator, const struct statement *statement, const struct argument *first)
{
	uint32_t values = generator->checker->compiled->records[statement->record].values;
	uint32_t base = generate_list(generator, first, values, 0);

	generate_insn(generator, JST_OP_RECORD, 0, base, values, statement->record);
}

/* print(@a, n), print(open(start), n): one value, nil without n. print(@a[k]): the keys. */
static void print_rows(struct generator *generator, const struct statement *statement)
{
	uint32_t value, keys;

	if (generator->checker->compiled->records[statement->record].type == RECORD_PRINT_ENTRY) {
		value = generate_entry(generator, statement->value->list.first->value, &keys);
		generate_insn(generator, JST_OP_RECORD, 0, value, keys, statement->record);
		return;
	}
	value = generate_registers(generator, 1);
	if (statement->top)
		generate_expression(generator, statement->top, value);
	else
		generate_insn(generator, JST_OP_NIL, value, 0, 0, 0);
	generate_insn(generator, JST_OP_RECORD, 0, value, 1, statement->record);
}

static void action(struct generator *generator, const struct statement *statement)
{
	const struct arguments *list = &statement->value->list;
	uint32_t value;

	switch (statement->action) {
	case ACTION_PRINTF:
		record(generator, statement, list->first->next);
		break;
	case ACTION_PRINT:
		record(generator, statement, list->first);
		break;
	case ACTION_PRINTA:
		print_rows(generator, statement);
		break;
	case ACTION_CLEAR:
	case ACTION_ZERO:
	case ACTION_TIME:
		generate_insn(generator, JST_OP_RECORD, 0, 0, 0, statement->record);
		break;
	case ACTION_EXIT:
		value = generate_registers(generator, 1);
		if (list->first)
			generate_expression(generator, list->first->value, value);
		else
			generate_int(generator, value, 0);
		generate_insn(generator, JST_OP_EXIT, value, 0, 0, 0);
		break;
	case ACTION_SPECULATE:
		generate_insn(generator, JST_OP_SPECULATE, generate_operand(generator, list->first->value), 0, 0, 0);
		break;
	case ACTION_COMMIT:
		generate_insn(generator, JST_OP_COMMIT, generate_operand(generator, list->first->value), 0, 0, 0);
		break;
	case ACTION_DISCARD:
		generate_insn(generator, JST_OP_DISCARD, generate_operand(generator, list->first->value), 0, 0, 0);
		break;
	case ACTION_NONE:
		value = generate_registers(generator, 1);
		generate_expression(generator, statement->value, value);
		break;
	}
}

/* ---- control flow ---- */

static void branch(struct generator *generator, const struct statement *statement)
{
	struct jumps otherwise = { NO_JUMP }, out = { NO_JUMP };

	generate_jump(generator, statement->value, false, &otherwise);
	generate_block(generator, &statement->body);
	if (statement->otherwise.first)
		jumps_add(generator, &out, JST_OP_JUMP, 0);
	jumps_land(generator, &otherwise);
	generate_block(generator, &statement->otherwise);
	jumps_land(generator, &out);
}

static void loop_body(struct generator *generator, const struct statement *statement, struct jumps *breaks, struct jumps *continues)
{
	struct jumps *outer_breaks = generator->breaks, *outer_continues = generator->continues;

	generator->breaks = breaks;
	generator->continues = continues;
	generate_block(generator, &statement->body);
	generator->breaks = outer_breaks;
	generator->continues = outer_continues;
}

static void while_loop(struct generator *generator, const struct statement *statement)
{
	struct jumps out = { NO_JUMP }, again = { NO_JUMP };
	uint32_t top = generator->insns;

	generate_jump(generator, statement->value, false, &out);
	loop_body(generator, statement, &out, &again);
	jumps_add(generator, &again, JST_OP_JUMP, 0);
	jumps_land_at(generator, &again, top);
	jumps_land(generator, &out);
}

/* Counts in a register of its own: what the body does to its variable does not change the range. */
static void for_loop(struct generator *generator, const struct statement *statement)
{
	struct jumps out = { NO_JUMP }, next = { NO_JUMP }, again = { NO_JUMP };
	uint32_t counter = generate_registers(generator, 1), end = generate_registers(generator, 1), temporary = generate_registers(generator, 1);

	generate_expression(generator, statement->value, counter);
	generate_expression(generator, statement->end, end);

	uint32_t top = generator->insns;

	generate_insn(generator, JST_OP_LT, temporary, counter, end, 0);
	jumps_add(generator, &out, JST_OP_JFALSE, temporary);
	generate_insn(generator, JST_OP_MOVE, generate_local(generator, statement->target->local), counter, 0, 0);
	loop_body(generator, statement, &out, &next);
	jumps_land(generator, &next);
	generate_int(generator, temporary, 1);
	generate_insn(generator, JST_OP_ADD, counter, counter, temporary, 0);
	jumps_add(generator, &again, JST_OP_JUMP, 0);
	jumps_land_at(generator, &again, top);
	jumps_land(generator, &out);
}

/* Goes from rank to rank. The keys lie in registers of the loop's own, where they stand for its value; the names are given copies. */
static void for_each(struct generator *generator, const struct statement *statement)
{
	struct loop *loop = statement->loop;
	struct jumps out = { NO_JUMP }, next = { NO_JUMP }, again = { NO_JUMP };
	uint32_t rank = generate_registers(generator, 1), count = generate_registers(generator, 1), temporary = generate_registers(generator, 1);
	const struct argument *name = statement->list.first;

	loop->registers = generate_registers(generator, loop->keys);
	generate_int(generator, rank, 0);
	generate_insn(generator, JST_OP_AGGCOUNT, count, 0, 0, loop->aggregation->index);

	uint32_t top = generator->insns;

	generate_insn(generator, JST_OP_LT, temporary, rank, count, 0);
	jumps_add(generator, &out, JST_OP_JFALSE, temporary);
	generate_insn(generator, JST_OP_AGGKEYS, rank, loop->registers, loop->keys, loop->aggregation->index);
	for (uint32_t i = 0; i < loop->keys; i++, name = name->next)
		generate_insn(generator, JST_OP_MOVE, generate_local(generator, name->value->local), loop->registers + i, 0, 0);
	loop_body(generator, statement, &out, &next);
	jumps_land(generator, &next);
	generate_int(generator, temporary, 1);
	generate_insn(generator, JST_OP_ADD, rank, rank, temporary, 0);
	jumps_add(generator, &again, JST_OP_JUMP, 0);
	jumps_land_at(generator, &again, top);
	jumps_land(generator, &out);
}

static void delete_entry(struct generator *generator, const struct expression *target)
{
	uint32_t keys, base = generate_keys(generator, target, &target->list, &keys);

	generate_insn(generator, JST_OP_MAPDELETE, 0, base, keys, generate_map(generator, target));
}

/* Out of the function that is being called, or out of the clause. The function's last statement falls through to its end. */
static void leave(struct generator *generator, const struct statement *statement)
{
	if (!generator->returns) {
		generate_insn(generator, JST_OP_RETURN, 0, 0, 0, 0);
		return;
	}
	if (statement->value)
		generate_expression(generator, statement->value, generator->result);
	else
		generate_insn(generator, JST_OP_NIL, generator->result, 0, 0, 0);
	if (statement != generator->last)
		jumps_add(generator, generator->returns, JST_OP_JUMP, 0);
}

static void generate_statement(struct generator *generator, const struct statement *statement)
{
	switch (statement->type) {
	case STATEMENT_CALL:
		action(generator, statement);
		break;
	case STATEMENT_ASSIGN:
	case STATEMENT_COMPOUND:
	case STATEMENT_INCREMENT:
	case STATEMENT_DECREMENT:
		assignment(generator, statement);
		break;
	case STATEMENT_DELETE:
		delete_entry(generator, statement->target);
		break;
	case STATEMENT_EMIT:
		if (statement->list.count)
			record(generator, statement, statement->list.first);
		else
			generate_insn(generator, JST_OP_EVENT, 0, 0, 0, statement->record);
		break;
	case STATEMENT_IF:
		branch(generator, statement);
		break;
	case STATEMENT_WHILE:
		while_loop(generator, statement);
		break;
	case STATEMENT_FOR:
		for_loop(generator, statement);
		break;
	case STATEMENT_FOR_EACH:
		for_each(generator, statement);
		break;
	case STATEMENT_BREAK:
		jumps_add(generator, generator->breaks, JST_OP_JUMP, 0);
		break;
	case STATEMENT_CONTINUE:
		jumps_add(generator, generator->continues, JST_OP_JUMP, 0);
		break;
	case STATEMENT_RETURN:
		leave(generator, statement);
		break;
	}
}

void generate_block(struct generator *generator, const struct block *block)
{
	for (const struct statement *statement = block->first; statement && !generator->failed; statement = statement->next) {
		uint32_t saved = generator->next;

		generate_mark(generator, statement->at);
		generate_statement(generator, statement);
		generator->next = saved;
	}
}
