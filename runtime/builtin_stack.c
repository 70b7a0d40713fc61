/*
 * stack(): the addresses lie in the run's scratch, the mark of further frames behind them.
 */
#include "builtin.h"
#include "stack.h"

/* Frames that fit what a key may hold, with the mark. */
static uint32_t most_frames(const struct jst_run *run)
{
	const uint32_t fit = run->session->string_size / 8 - 1;

	return fit < JST_STACK_FRAMES ? fit : JST_STACK_FRAMES;
}

/* The frame that the probe's call left, or NULL: there is none. What says where is not this event's any more if one in a signal handler took this one for abandoned; its own is a little way up our stack. */
static const struct jst_frame *innermost_of(const struct jst_runner *runner)
{
	enum { NEAR = 64 << 10 };
	const uintptr_t here = (uintptr_t)__builtin_frame_address(0);
	const uintptr_t entry = runner->frame ? atomic_load_explicit(runner->frame, memory_order_relaxed) : UINTPTR_MAX;

	/* The probe's own frame begins with the address of that of its caller. */
	return entry > here && entry - here < NEAR ? *(const struct jst_frame *const *)entry : NULL;
}

struct jst_value jst_builtin_STACK(struct jst_run *run, const struct jst_value *arguments, uint32_t count, uint32_t *cost)
{
	uint32_t most = most_frames(run);
	bool limited = false, more = true;

	if (count && arguments[0].kind == JST_INT && arguments[0].i < most) {
		most = arguments[0].i < 1 ? 1 : (uint32_t)arguments[0].i;
		limited = true;
	}
	run->used = (run->used + 7) & ~7U;
	uint64_t *addresses = (uint64_t *)(void *)jst_run_scratch(run, (most + 1) * 8);

	if (!addresses)
		return jst_value_nil();
	const struct jst_frame *innermost = innermost_of(run->runner);
	uint32_t frames = 0;

	if (innermost)
		frames = jst_stack_walk(run->session->stack_map, innermost, addresses, most, &more);
	/* What the script did not ask for is not missing. */
	if (more && !(limited && frames == most))
		addresses[frames++] = 0;
	run->used -= (most + 1 - frames) * 8;
	*cost += frames * 16;
	return jst_value_stack(addresses, frames * 8);
}
