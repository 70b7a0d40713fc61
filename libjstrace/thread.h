/*
 * Thread records: entering and leaving an event, and taking back the records of threads that are gone.
 */
#ifndef JST_THREAD_H
#define JST_THREAD_H

#include "process.h"

/* This thread's record, NULL before its first event. A child of fork() has its parent's, which reads zero: a tid of 0 sends the thread to take a new one. */
extern __thread struct jst_thread *jst_thread_own __attribute__((tls_model("initial-exec"), visibility("hidden")));

/* Makes the sequence odd, from an even one. Context: probe. */
static inline __attribute__((always_inline)) void jst_thread_go_inside(struct jst_thread *thread, uintptr_t frame, uint64_t sequence)
{
	/* The frame before the sequence, so that a signal handler's siglongjmp() never leaves an odd one without it; and behind, since an event of such a handler, still outside here, has taken it away. */
	atomic_store_explicit(&thread->frame, frame, memory_order_relaxed);
	atomic_signal_fence(memory_order_seq_cst);
	/* Odd, and another than before. Pairs with membarrier and the acquire in quiesce.c; the barrier keeps the loads of the event behind it. */
	atomic_store_explicit(&thread->sequence, sequence + 1, memory_order_relaxed);
	atomic_signal_fence(memory_order_seq_cst);
	atomic_store_explicit(&thread->frame, frame, memory_order_relaxed);
}

/* What jst_thread_enter() does on a thread that has a record and is not in an event; NULL: it is not such a one. *before: the sequence until then. Context: probe. */
static inline struct jst_thread *jst_thread_enter_straight(uintptr_t frame, uint64_t *before)
{
	struct jst_thread *thread = __atomic_load_n(&jst_thread_own, __ATOMIC_RELAXED);

	if (__builtin_expect(!thread || !atomic_load_explicit(&thread->tid, memory_order_relaxed), 0))
		return NULL;
	const uint64_t sequence = *before = atomic_load_explicit(&thread->sequence, memory_order_relaxed);

	if (__builtin_expect(sequence & 1, 0))
		return NULL;
	jst_thread_go_inside(thread, frame, sequence);
	return thread;
}

/*
 * Begins an event on this thread; the sequence is odd then. frame: an address in the caller's frame, to tell an event inside another from one that siglongjmp() left; the word there is the address of the struct jst_frame that the probe's call left, for stack(). watchers: bits of the sessions that would
 * run, for counting. NULL: not now, and it was counted (nested, or no record left). Context: probe.
 */
struct jst_thread *jst_thread_enter(uintptr_t frame, uint32_t watchers);

/* Ends the event. Context: probe, the thread that entered. */
static inline void jst_thread_leave(struct jst_thread *thread)
{
	const uint64_t sequence = atomic_load_explicit(&thread->sequence, memory_order_relaxed);

	/* Even, also where an event inside this one, in a signal handler on a stack that nobody told of, took it for abandoned and made it so: one more would be odd, and the thread inside for ever. Pairs with the acquire in quiesce.c: what the event did has
	 * been done before the agent frees. */
	atomic_store_explicit(&thread->sequence, (sequence | 1) + 1, memory_order_release);
	atomic_signal_fence(memory_order_seq_cst);
	/* Last: a signal handler's siglongjmp() between the two stores must not leave an odd sequence without its frame, which would count as inside for ever. */
	atomic_store_explicit(&thread->frame, UINTPTR_MAX, memory_order_relaxed);
}

/*
 * The same for a short event, which knows what jst_thread_enter_straight() had before: the next one's sequence does not wait until this one's has been stored and loaded once more. Where an event inside this one took it for abandoned the sequence goes back by that event's two, to a value that it has had
 * only for an instant, outside; who waits for another than he saw inside (quiesce.c) may wait for one event more. Context: likewise.
 */
static inline void jst_thread_leave_straight(struct jst_thread *thread, uint64_t before)
{
	atomic_store_explicit(&thread->sequence, before + 2, memory_order_release);
	atomic_signal_fence(memory_order_seq_cst);
	atomic_store_explicit(&thread->frame, UINTPTR_MAX, memory_order_relaxed);
}

/* True while this thread is inside an event: for the fork handler. Context: any. */
bool jst_thread_inside(void);

/* Frees the records whose thread is gone. One caller. scratch: JST_REAP_SCRATCH bytes. Context: agent. */
enum { JST_REAP_SCRATCH = 2 * JST_SLOTS * (int)sizeof(uint16_t) };
void jst_thread_reap(void *scratch);

/* Whether a thread of this process with that tid exists. Context: agent. */
bool jst_thread_alive(int32_t tid);

#endif
