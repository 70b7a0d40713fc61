/*
 * Definitions: functions that call those before them, constants made of literals and of each other, and arguments with names.
 */
#include "generator.h"

#include <string.h>

const char *const constant_names[] = { "C0", "C1", "C2" };
const char *const argument_names[] = { "limit", "share" };

static const struct location nowhere;

static struct name named(const char *text)
{
	return (struct name){ text, strlen(text) };
}

static void add_argument(struct generator *generator)
{
	static const enum want wants[] = { WANT_INT, WANT_DOUBLE, WANT_STRING };
	const uint32_t index = generator->argument_count;
	const enum want want = RANDOM_OF(&generator->random, wants);

	tree_parameter(generator->script, nowhere, named(argument_names[index]), generator_literal(generator, want));
	generator->arguments[index] = want;
	generator->argument_count++;
}

static void add_constant(struct generator *generator)
{
	static const enum want wants[] = { WANT_INT, WANT_INT, WANT_DOUBLE, WANT_STRING };
	const uint32_t index = generator->constant_count;
	const enum want want = RANDOM_OF(&generator->random, wants);

	tree_constant(generator->script, nowhere, named(constant_names[index]), generator_constant_value(generator, want, 3));
	generator->constants[index] = want;
	generator->constant_count++;
}

/* Its parameters go by the names of locals, so that its body, and what calls it, use the same. */
static void add_function(struct generator *generator)
{
	static const char *const names[] = { "f", "g", "h" };
	static const enum want wants[] = { WANT_INT, WANT_INT, WANT_DOUBLE, WANT_STRING, WANT_ANY };
	struct generated_function *function = &generator->functions[generator->function_count];
	struct script *script = generator->script;
	uint32_t taken[WANTS] = { 0 };
	struct arguments parameters = { 0 };

	*function = (struct generated_function){ .name = names[generator->function_count], .want = RANDOM_OF(&generator->random, wants) };
	for (uint32_t left = random_below(&generator->random, MOST_PARAMETERS + 1); left; left--) {
		const enum want want = RANDOM_OF(&generator->random, wants);

		if (taken[want] == LOCALS_OF_A_KIND)
			continue;
		parameters = tree_argument(script, parameters, (struct name){ 0 }, nowhere, generator_local(generator, local_names[want][taken[want]++]));
		function->parameters[function->count++] = want;
	}
	generator->inside = function;
	generator->calls = CALLS_OF_A_FUNCTION;
	generator->counters = 0;

	struct block body = generator_block(generator, random_below(&generator->random, 4), 2);

	/* Without a return at its end it gives nil. */
	if (random_percent(&generator->random, 85))
		body = tree_append(body, tree_statement(script, STATEMENT_RETURN, nowhere, NULL, generator_value(generator, function->want, 3)));
	tree_function(script, nowhere, named(function->name), parameters, body);
	generator->inside = NULL;
	generator->function_count++;
}

void generator_definitions(struct generator *generator)
{
	struct random *random = &generator->random;

	if (random_percent(random, 40)) {
		for (uint32_t left = random_below(random, MOST_ARGUMENTS + 1); left; left--)
			add_argument(generator);
		for (uint32_t left = random_below(random, MOST_CONSTANTS + 1); left; left--)
			add_constant(generator);
	}
	if (random_percent(random, 50)) {
		for (uint32_t left = 1 + random_below(random, MOST_FUNCTIONS); left; left--)
			add_function(generator);
	}
}
