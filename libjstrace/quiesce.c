/*
 * Seeing every thread outside (quiesce.h).
 *
 * Where the kernel refuses membarrier (an old seccomp filter), x86-64 has another way to make each running thread pass a barrier: taking write permission from a page that was written interrupts every processor
 * that runs a thread of this process, to flush its TLB. Elsewhere sessions are refused.
 */
#include "quiesce.h"

#if defined(__x86_64__)
#include <cpuid.h>
#endif
#include <linux/membarrier.h>

#include "raw.h"
#include "thread.h"

static long membarrier(int command)
{
	return jst_raw_call(SYS_membarrier, command, 0, 0, 0, 0, 0);
}

bool jst_quiesce_register(void)
{
	return membarrier(MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED) == 0;
}

static bool interrupt_all(void)
{
#if defined(__x86_64__)
	unsigned eax, ebx = 0, ecx, edx;

	/* INVLPGB: a processor that flushes the others' TLBs without interrupting them. */
	if (__get_cpuid(0x80000008, &eax, &ebx, &ecx, &edx) && (ebx & 1 << 3))
		return false;
	volatile char *page = jst_raw_memory(4096);

	if (!page)
		return false;
	*page = 1;
	const bool done = jst_raw_protect((void *)page, 4096, PROT_READ) == 0;

	jst_raw_unmap((void *)page, 4096);
	return done;
#else
	return false;
#endif
}

bool jst_quiesce_barrier(void)
{
	if (membarrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED) == 0)
		return true;
	/* Not registered: loaded late, or the library's constructor was not heard. */
	if (jst_quiesce_register() && membarrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED) == 0)
		return true;
	return interrupt_all();
}

/* Whether a thread that was inside with that sequence has been outside since. */
static bool left_since(uint32_t index, uint64_t sequence)
{
	const struct jst_thread *thread = &jst_process->threads[index];
	const int32_t tid = atomic_load_explicit(&thread->tid, memory_order_relaxed);

	/* Pairs with the release in jst_thread_leave(). */
	return atomic_load_explicit(&thread->sequence, memory_order_acquire) != sequence || !tid || !jst_thread_alive(tid);
}

uint32_t jst_quiesce_wait(int timeout_ms, void (*outside)(void *context, uint32_t index), void *context)
{
	/* Of our own waiting, not of the clock: a process that is stopped meanwhile, all of it, is to have the rest of its time when it goes on. */
	int64_t patience = timeout_ms * 1000000LL;
	uint32_t used = atomic_load_explicit(&jst_process->threads_used, memory_order_acquire);
	uint32_t late = 0;

	if (used > JST_SLOTS)
		used = JST_SLOTS;
	/* One thread after the other: while we wait for one, the rest go on, and a change seen late is as good as one seen early. */
	for (uint32_t i = 0; i < used; i++) {
		const uint64_t sequence = atomic_load_explicit(&jst_process->threads[i].sequence, memory_order_acquire); /* pairs with jst_thread_leave() */
		bool left = !(sequence & 1);
		int64_t pause = 20000;

		while (!left && !(left = left_since(i, sequence)) && patience > 0) {
			jst_raw_sleep(pause);
			patience -= pause;
			if (pause < 1000000)
				pause *= 2;
		}
		if (left && outside)
			outside(context, i);
		late += !left;
	}
	return late;
}
