/*
 * Calling a function of the language: through a table made of builtin.def.
 */
#include "builtin.h"

struct jst_value jst_builtin_wrong(struct jst_run *run, const struct jst_value *arguments, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		if (arguments[i].kind == JST_NIL)
			return jst_value_nil();
	}
	jst_slot_lose(run->slot, JST_LOSS_ERRORS);
	return jst_value_nil();
}

struct jst_value jst_builtin_call(struct jst_run *run, enum jst_function function, const struct jst_value *arguments, uint32_t count, uint32_t *cost)
{
	static struct jst_value (*const bodies[JST_FUNCTIONS])(struct jst_run *, const struct jst_value *, uint32_t, uint32_t *) = {
#define VARIABLE(name, text, alias, unit, where, meaning)
#define FUNCTION(name, text, min, max, signature, unit, meaning) [JST_FUNCTION_##name] = jst_builtin_##name,
#include "builtin.def"
#undef VARIABLE
#undef FUNCTION
	};

	return bodies[function](run, arguments, count, cost);
}
