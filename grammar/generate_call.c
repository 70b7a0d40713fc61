/*
 * Calls of the script's own functions, generated in place: functions do not call themselves, so this comes to an end.
 *
 *     … | parameters | the function's other locals | result | its temporaries …
 *         frame
 */
#include "generate.h"

/* What belongs to the caller while the function is being generated. */
struct caller {
	uint32_t frame, locals, result;
	struct jumps *breaks, *continues, *returns;
	const struct statement *last;
};

static struct caller enter(struct generator *generator, const struct function *function, uint32_t frame, uint32_t result, struct jumps *returns)
{
	const struct caller caller = { generator->frame, generator->locals, generator->result, generator->breaks, generator->continues, generator->returns, generator->last };

	generator->frame = frame;
	generator->locals = function->scope.local_count;
	generator->result = result;
	generator->breaks = generator->continues = NULL;
	generator->returns = returns;
	generator->last = function->body.last;
	return caller;
}

static void leave(struct generator *generator, const struct caller *caller)
{
	generator->frame = caller->frame;
	generator->locals = caller->locals;
	generator->result = caller->result;
	generator->breaks = caller->breaks;
	generator->continues = caller->continues;
	generator->returns = caller->returns;
	generator->last = caller->last;
}

/* Whether each way through ends in a `return value`. */
static bool always_returns(const struct block *body)
{
	return body->last && body->last->type == STATEMENT_RETURN && body->last->value;
}

void generate_defined(struct generator *generator, const struct expression *call, uint32_t to)
{
	const struct function *function = call->defined;
	const uint32_t locals = function->scope.local_count, parameters = function->parameters.count;
	const uint32_t frame = generate_registers(generator, locals);
	/* A local of the caller's may be an argument too, which is read after the result is written first. */
	const uint32_t result = generate_is_local(generator, to) ? generate_registers(generator, 1) : to;
	const struct argument *argument = call->list.first;
	struct jumps returns = { NO_JUMP };

	for (uint32_t i = 0; i < parameters && argument; i++, argument = argument->next)
		generate_expression(generator, argument->value, frame + i);
	for (uint32_t i = parameters; i < locals; i++)
		generate_insn(generator, JST_OP_NIL, frame + i, 0, 0, 0);
	if (!always_returns(&function->body))
		generate_insn(generator, JST_OP_NIL, result, 0, 0, 0);

	const struct caller caller = enter(generator, function, frame, result, &returns);

	generate_block(generator, &function->body);
	jumps_land(generator, &returns);
	leave(generator, &caller);
	if (result != to)
		generate_insn(generator, JST_OP_MOVE, to, result, 0, 0);
}
