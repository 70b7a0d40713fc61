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

void jst_event_run_unusual(struct jst_installed *installed, struct jst_thread *thread, const struct jst_binding *binding, const uint64_t *words)
{
	const bool claims = thread->claimed[installed->index] != installed->serial;
	const unsigned floating = keep_floating();

	if (claims)
		jst_event_claim(installed, thread);
	struct jst_run *run = jst_run_of(&installed->run, thread->runner.slot);

	if (claims)
		run_with_care(run, binding, words);
	else
		jst_run_binding(run, binding, words);
	restore_floating(floating);
}
