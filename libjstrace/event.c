/*
 * The events that take more than running their clauses.
 */
#include "event.h"

#include <string.h>
#include <sys/prctl.h>

#if defined(__SSE2__)
#include <xmmintrin.h>
#endif

/* A script computes with doubles where the program may have asked for SIGFPE, or be about to look at its exception flags: nothing is raised here, and the flags stay as they were. */
static unsigned keep_floating(void)
{
#if defined(__SSE2__)
	const unsigned control = _mm_getcsr();

	if (__builtin_expect((control & _MM_MASK_MASK) != _MM_MASK_MASK, 0))
		_mm_setcsr(control | _MM_MASK_MASK);
	return control;
#else
	return 0; /* arm64: no processor that we know of traps */
#endif
}

static void restore_floating(unsigned control)
{
#if defined(__SSE2__)
	if (__builtin_expect(_mm_getcsr() != control, 0))
		_mm_setcsr(control);
#else
	(void)control;
#endif
}

void jst_event_claim(struct jst_installed *installed, struct jst_thread *thread)
{
	jst_session_claim(&installed->run, &thread->runner);
	if (installed->uses_comm)
		prctl(PR_GET_NAME, installed->run.memory.slots[thread->runner.slot].comm);
	thread->claimed[installed->index] = installed->serial;
}

/*
 * The first event after one that was left in its middle, or taken for such a one. Should that go on some time (a signal handler's probe on a stack of which nothing could be told), it finds the thread's run as it left it, but for what it may not rely on any more.
 */
static void run_with_care(struct jst_run *run, const struct jst_binding *binding, const uint64_t *words)
{
	unsigned char before[JST_RUN_EVENT];

	memcpy(before, run, sizeof(before));
	jst_run_binding(run, binding, words);
	memcpy(run, before, sizeof(before));
	run->clock.index = JST_CLOCK_NONE;
	run->generation = 0;
}

/* Counts the event, and times one of 32, in no order, so that events which take turns are timed alike. What an event costs on its way in and out is not in it. */
static void run_measured(struct jst_run *run, const struct jst_binding *binding, const uint64_t *words)
{
	struct jst_cost *cost = &run->slot->cost;
	const uint64_t events = atomic_load_explicit(&cost->events, memory_order_relaxed) + 1;

	atomic_store_explicit(&cost->events, events, memory_order_relaxed);
	if (events * 0x9e3779b97f4a7c15ULL >> 59) {
		jst_run_binding(run, binding, words);
		return;
	}
	const struct jst_clock_page *clock = &run->session->memory.header->clock;
	const int64_t first = jst_clock_now(&run->clock, clock), before = jst_clock_now(&run->clock, clock);

	jst_run_binding(run, binding, words);
	/* Less what reading the clock takes. */
	const int64_t took = jst_clock_now(&run->clock, clock) - before - (before - first);

	atomic_store_explicit(&cost->ns, atomic_load_explicit(&cost->ns, memory_order_relaxed) + (uint64_t)(took < 0 ? 0 : took < JST_COST_MOST ? took : JST_COST_MOST), memory_order_relaxed);
	atomic_store_explicit(&cost->timed, atomic_load_explicit(&cost->timed, memory_order_relaxed) + 1, memory_order_relaxed);
}

void jst_event_run_unusual(struct jst_installed *installed, struct jst_thread *thread, const struct jst_binding *binding, const uint64_t *words)
{
	const bool claims = thread->claimed[installed->index] != installed->serial;
	const unsigned floating = keep_floating();

	if (claims)
		jst_event_claim(installed, thread);
	struct jst_run *run = jst_run_of(&installed->run, thread->runner.slot);

	if (claims)
		run_with_care(run, binding, words);
	else if (binding->flags & JST_BINDING_MEASURED)
		run_measured(run, binding, words);
	else
		jst_run_binding(run, binding, words);
	restore_floating(floating);
}
