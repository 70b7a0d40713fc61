/*
 * Thread records.
 *
 * A thread takes a record at its first event and keeps it until it dies; one initial-exec TLS pointer leads there. In a child the record reads zero, so a tid of 0 sends the thread to take a new one.
 *
 * A signal handler's probe may come at any instruction. Taking a record is decided by one compare-and-swap of the pointer, so a thread has exactly one. Inside an event a second one is skipped and counted. A handler that leaves an interrupted event by siglongjmp() leaves
 * the sequence odd; the next entry sees that the frame of that event is gone: the stack has been popped beyond it.
 */
#include "thread.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "install.h"

__thread struct jst_thread *jst_thread_own __attribute__((tls_model("initial-exec")));

static struct jst_thread *take(void)
{
	struct jst_process *process = jst_process;

	/* Pairs with the release in jst_thread_reap(). */
	if (atomic_load_explicit(&process->threads_free, memory_order_acquire)) {
		const uint32_t used = atomic_load_explicit(&process->threads_used, memory_order_relaxed);

		for (uint32_t i = 0; i < used && i < JST_SLOTS; i++) {
			uint32_t state = JST_THREAD_FREE;

			if (atomic_load_explicit(&process->threads[i].state, memory_order_relaxed) == JST_THREAD_FREE &&
			    atomic_compare_exchange_strong_explicit(&process->threads[i].state, &state, JST_THREAD_TAKEN, memory_order_acquire, memory_order_relaxed)) {
				atomic_fetch_sub_explicit(&process->threads_free, 1, memory_order_relaxed);
				return &process->threads[i];
			}
		}
	}
	/* Looking first keeps the counter from running away. */
	if (atomic_load_explicit(&process->threads_used, memory_order_relaxed) >= JST_SLOTS)
		return NULL;
	const uint32_t index = atomic_fetch_add_explicit(&process->threads_used, 1, memory_order_relaxed);

	if (index >= JST_SLOTS)
		return NULL;
	atomic_store_explicit(&process->threads[index].state, JST_THREAD_TAKEN, memory_order_relaxed);
	return &process->threads[index];
}

static void give_back(struct jst_thread *thread)
{
	atomic_store_explicit(&thread->tid, 0, memory_order_relaxed);
	atomic_store_explicit(&thread->state, JST_THREAD_FREE, memory_order_release); /* pairs with the compare-and-swap in take() */
	atomic_fetch_add_explicit(&jst_process->threads_free, 1, memory_order_release);
}

/* The calling thread's tid; 0 where a record under it would be taken for a dead thread's: in a child of vfork(), which runs on its parent's memory and thread pointer, and where a filter refuses the call. */
static int32_t living_tid(void)
{
	const int32_t pid = atomic_load_explicit(&jst_process->pid, memory_order_relaxed);
	const int error = errno;
	const long tid = pid && syscall(SYS_getpid) != pid ? 0 : syscall(SYS_gettid);

	errno = error;
	return tid > 0 ? (int32_t)tid : 0;
}

static struct jst_thread *acquire(void)
{
	struct jst_thread *seen = __atomic_load_n(&jst_thread_own, __ATOMIC_RELAXED);
	const int32_t tid = living_tid();
	struct jst_thread *thread = tid ? take() : NULL;

	if (!thread)
		return NULL;
	thread->runner = (struct jst_runner){
		.slot = (uint32_t)(thread - jst_process->threads),
		.tid = tid,
		.serial = 1 + atomic_fetch_add_explicit(&jst_process->serial, 1, memory_order_relaxed),
		.frame = &thread->frame,
	};
	memset(thread->claimed, 0, sizeof(thread->claimed));
	memset(thread->hot, 0, sizeof(thread->hot));
	atomic_store_explicit(&thread->frame, UINTPTR_MAX, memory_order_relaxed);
	atomic_store_explicit(&thread->tid, thread->runner.tid, memory_order_release); /* pairs with jst_thread_reap() */
	if (__atomic_compare_exchange_n(&jst_thread_own, &seen, thread, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED)) {
		/* Pairs with jst_thread_reap(), which leaves others alone: between this record and a signal handler's it could not tell which one is in use. */
		atomic_store_explicit(&thread->state, JST_THREAD_USED, memory_order_release);
		return thread;
	}
	/* A signal handler's probe was faster; its record is this thread's. */
	give_back(thread);
	return seen;
}

static bool mine(const struct jst_thread *thread)
{
	return thread && atomic_load_explicit(&thread->tid, memory_order_relaxed);
}

bool jst_thread_inside(void)
{
	const struct jst_thread *thread = __atomic_load_n(&jst_thread_own, __ATOMIC_RELAXED);

	return jst_process && mine(thread) && (atomic_load_explicit(&thread->sequence, memory_order_relaxed) & 1);
}

/* The event that made the sequence odd was left by siglongjmp(): its frame, at outer, is no longer below ours on the stack. */
static bool abandoned(uintptr_t outer, uintptr_t frame)
{
	enum { NEAR = 64 << 10 };
	stack_t stack;

	if (outer == UINTPTR_MAX)
		return false;
	if (frame < outer && outer - frame < NEAR)
		return false;
	/* On an alternate signal stack addresses compare with nothing elsewhere. Only here, where a probe comes inside another or an event was left, the kernel is asked where we are. */
	if (syscall(SYS_sigaltstack, NULL, &stack) == 0 && !(stack.ss_flags & SS_DISABLE)) {
		const uintptr_t low = (uintptr_t)stack.ss_sp;
		const bool on = frame >= low && frame - low < stack.ss_size;
		const bool outer_on = outer >= low && outer - low < stack.ss_size;

		if (on != outer_on)
			return outer_on;
	}
	return frame >= outer;
}

/* Inside: the sessions cannot go while the sequence is odd. */
static void count_nested(const struct jst_thread *thread, uint32_t watchers)
{
	for (; watchers; watchers &= watchers - 1) {
		const unsigned i = (unsigned)__builtin_ctz(watchers);
		struct jst_installed *installed = atomic_load_explicit(&jst_process->sessions[i], memory_order_acquire);

		if (installed && thread->claimed[i] == installed->serial)
			/* The handler may have interrupted its own kind. */
			atomic_fetch_add_explicit(&installed->run.memory.slots[thread->runner.slot].losses[JST_LOSS_NESTED], 1, memory_order_relaxed);
		else if (installed)
			atomic_fetch_add_explicit(&installed->run.memory.header->losses[JST_LOSS_NESTED], 1, memory_order_relaxed);
	}
}

/* What an event that was left in its middle may have done to the slots: they are whole again for the next one, and the event counts as torn. */
static void count_torn(struct jst_thread *thread)
{
	memset(thread->hot, 0, sizeof(thread->hot));
	for (unsigned i = 0; i < JST_MAX_SESSIONS; i++) {
		struct jst_installed *installed = atomic_load_explicit(&jst_process->sessions[i], memory_order_acquire);

		if (!installed || thread->claimed[i] != installed->serial)
			continue;
		/* The next event in this session takes care: event.h. */
		thread->claimed[i] = 0;
		struct jst_slot *slot = &installed->run.memory.slots[thread->runner.slot];
		const uint32_t inside = atomic_load_explicit(&slot->inside, memory_order_relaxed);

		if (!(inside & 1))
			continue;
		atomic_store_explicit(&slot->inside, inside + 1, memory_order_release); /* pairs with the CLI's acquire after our death, and with that in runtime/speculation.c */
		jst_slot_lose(slot, JST_LOSS_TORN);
	}
}

struct jst_thread *jst_thread_enter(uintptr_t frame, uint32_t watchers)
{
	uint64_t sequence;
	struct jst_thread *thread = jst_thread_enter_straight(frame, &sequence);

	if (__builtin_expect(thread != NULL, 1))
		return thread;
	thread = __atomic_load_n(&jst_thread_own, __ATOMIC_RELAXED);
	if (!mine(thread)) {
		if (!acquire()) {
			atomic_fetch_add_explicit(&jst_process->threads_refused, 1, memory_order_relaxed);
			return NULL;
		}
		return jst_thread_enter(frame, watchers);
	}
	sequence = atomic_load_explicit(&thread->sequence, memory_order_relaxed);
	/* A handler's event came in between, and has tidied up after the one that was left. */
	if (!(sequence & 1))
		return jst_thread_enter(frame, watchers);
	if (!abandoned(atomic_load_explicit(&thread->frame, memory_order_relaxed), frame)) {
		count_nested(thread, watchers);
		return NULL;
	}
	/* As in jst_thread_enter_straight(), from the odd sequence that the event which was left has left behind to the next one. */
	atomic_store_explicit(&thread->frame, frame, memory_order_relaxed);
	atomic_signal_fence(memory_order_seq_cst);
	atomic_store_explicit(&thread->sequence, sequence + 2, memory_order_relaxed);
	atomic_signal_fence(memory_order_seq_cst);
	atomic_store_explicit(&thread->frame, frame, memory_order_relaxed);
	count_torn(thread);
	return thread;
}

bool jst_thread_alive(int32_t tid)
{
	return syscall(SYS_tgkill, getpid(), tid, 0) == 0;
}

/* The newest of several records with one tid is the living thread's: a thread has one record only, and serials rise. */
static bool superseded(const struct jst_process *process, uint16_t *bucket, uint32_t index)
{
	const struct jst_thread *thread = &process->threads[index];
	uint32_t at = ((uint32_t)thread->runner.tid * 2654435761U) % (2 * JST_SLOTS);

	for (; bucket[at]; at = (at + 1) % (2 * JST_SLOTS)) {
		const struct jst_thread *other = &process->threads[bucket[at] - 1];

		if (other->runner.tid == thread->runner.tid) {
			if (other->runner.serial > thread->runner.serial)
				return true;
			bucket[at] = (uint16_t)(index + 1);
			return false;
		}
	}
	bucket[at] = (uint16_t)(index + 1);
	return false;
}

void jst_thread_reap(void *scratch)
{
	struct jst_process *process = jst_process;
	uint32_t used = atomic_load_explicit(&process->threads_used, memory_order_acquire);

	if (used > JST_SLOTS)
		used = JST_SLOTS;
	memset(scratch, 0, JST_REAP_SCRATCH);
	/* Twice: first the newest record of each tid is found, then all others and those without a thread go. */
	for (int round = 0; round < 2; round++) {
		for (uint32_t i = 0; i < used; i++) {
			struct jst_thread *thread = &process->threads[i];
			const bool taken = atomic_load_explicit(&thread->state, memory_order_acquire) == JST_THREAD_USED; /* pairs with acquire() */
			const int32_t tid = atomic_load_explicit(&thread->tid, memory_order_acquire);

			if (!taken || !tid || (!superseded(process, scratch, i) && (round == 0 || jst_thread_alive(tid))) || round == 0)
				continue;
			const uint64_t sequence = atomic_load_explicit(&thread->sequence, memory_order_relaxed);

			atomic_store_explicit(&thread->sequence, sequence + (sequence & 1), memory_order_relaxed);
			give_back(thread);
		}
	}
}
