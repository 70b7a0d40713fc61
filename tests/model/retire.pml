/*
 * Retire: how a session is taken away from threads that lock nothing (libjstrace/install.c, quiesce.c, thread.h). The agent installs a session and stops it; a thread has events, a signal's handler has one in the middle of anything that the thread does, and may
 * leave by siglongjmp() whatever it interrupted; the thread may end at any time between events.
 *
 * Properties: what a session had is freed only when nothing is done to it any more: no load, and no store on its way out of a store buffer. And a thread that is in no event can always begin one: an odd sequence without its frame would count as nested for ever, and as inside.
 *
 * Not told: events that a handler on a stack which nobody told of takes for abandoned while they are not (thread.c, abandoned()). The enable words and jst_process->watched are hints; here an event begins at any time.
 *
 * Each step stands for what is quoted behind "C:"; tests/model/run looks whether that still stands there. What must be refuted:
 *     BROKEN_NO_MEMBARRIER      the agent does without its barrier
 *     BROKEN_LATE_NULL          the pointer is cleared behind the barrier
 *     BROKEN_LOAD_FIRST         the pointer is loaded before the sequence is odd, as a compiler might without its barrier
 *     BROKEN_LEAVE_RELAXED      the sequence becomes even by a relaxed store (weaker machines than x86-64)
 *     BROKEN_ABANDONED_RELAXED  so does the next odd one after an event that was left (likewise)
 *     BROKEN_STRAGGLERS         what a thread that did not leave in time may use is freed
 *     BROKEN_SAME_SEQUENCE      the agent looks once more, and takes what is odd for outside
 *     BROKEN_FRAME_ONCE         the frame is not stored again behind the sequence
 *     BROKEN_FRAME_LATE         the frame is not stored before the sequence
 *     BROKEN_LEAVE_FRAME        the frame goes before the sequence is even
 * and, of the code as it is,
 *     GAP_TWO_SIGNALS           a signal with an event between the first store of the frame and that of the sequence, and a second one, which jumps, right behind that: the sequence stays odd, without its frame
 */
#define SESSIONS 1
#define EVENTS 2
#ifdef BROKEN_FRAME_LATE
#define SIGNALS 1
#else
#define SIGNALS 2
#endif

#define PROCESSORS 2
#define THREAD 0
#define AGENT 1
#define DEPTH 3
#define SESSION 0  /* jst_process->sessions[index]; 0: NULL */
#define USED 1     /* the record is below threads_used */
#define SEQUENCE 2
#define DATA 2     /* + session: its memory */
#define CELLS (DATA + SESSIONS + 1)
#define on_arrival(at) assert(at <= DATA || !freed[at - DATA])

bool freed[SESSIONS + 1];

#include "memory.pml"

/* Frames: the thread's is 1, its handler's 2, which is deeper. */
#define NO_FRAME 255
byte frame = NO_FRAME; /* only the thread itself looks */
bool recorded, interrupted, jumped, ended;
#define dead (ended && buffer[THREAD].count == 0) /* a thread that ends passes barriers */
byte events = EVENTS, signals = SIGNALS;

inline use(session)
{
	assert(!freed[session]);
	store(THREAD, DATA + session, 1, RELAXED)
}

/* An event, in the frame of that depth. sequence and session are the caller's. */
inline event(depth)
{
	/* C: libjstrace/thread.c: const uint32_t index = atomic_fetch_add_explicit(&process->threads_used, 1, memory_order_relaxed); */
	if
	:: atomic { !recorded -> store(THREAD, USED, 1, RELAXED); recorded = true }
	:: recorded
	fi;
#ifdef BROKEN_LOAD_FIRST
	load(THREAD, SESSION, session);
#endif
	/* C: libjstrace/thread.h: const uint64_t sequence = atomic_load_explicit(&thread->sequence, memory_order_relaxed); */
	load(THREAD, SEQUENCE, sequence);
	if
	/* Nested: the thread is inside an event that this one interrupts. */
	/* C: libjstrace/thread.c: if (!abandoned(atomic_load_explicit(&thread->frame, memory_order_relaxed), frame)) { */
	:: (sequence & 1) && (frame == NO_FRAME || depth > frame) ->
		assert(depth == 2);
		/* C: libjstrace/thread.c: struct jst_installed *installed = atomic_load_explicit(&jst_process->sessions[i], memory_order_acquire); */
		load(THREAD, SESSION, session);
		if
		:: session > 0 -> use(session)
		:: else
		fi
	:: else ->
#ifndef BROKEN_FRAME_LATE
		/* C: libjstrace/thread.h: atomic_store_explicit(&thread->frame, frame, memory_order_relaxed); */
		frame = depth;
#endif
		/* Two instructions side by side, and here one step: GAP_TWO_SIGNALS. */
		atomic {
			if
			:: sequence & 1 ->
				/* From the odd sequence of an event that was left. A release, since what that event stored may be on its way yet; x86-64 keeps its stores in order anyway. */
				/* C: libjstrace/thread.c: atomic_store_explicit(&thread->sequence, sequence + 2, memory_order_ */
#ifdef BROKEN_ABANDONED_RELAXED
				store(THREAD, SEQUENCE, sequence + 2, RELAXED)
#else
				store(THREAD, SEQUENCE, sequence + 2, RELEASE)
#endif
			:: else ->
				/* C: libjstrace/thread.h: atomic_store_explicit(&thread->sequence, sequence + 1, memory_order_relaxed); */
				store(THREAD, SEQUENCE, sequence + 1, RELAXED)
			fi;
#if !defined(GAP_TWO_SIGNALS) && !defined(BROKEN_FRAME_LATE) && !defined(BROKEN_FRAME_ONCE)
			frame = depth
#endif
		};
#if defined(GAP_TWO_SIGNALS) || defined(BROKEN_FRAME_LATE)
		frame = depth;
#endif
#ifndef BROKEN_LOAD_FIRST
		/* C: libjstrace/event.h: return atomic_load_explicit(&jst_process->sessions[i], memory_order_acquire); */
		load(THREAD, SESSION, session);
#endif
		if
		:: session > 0 -> use(session)
		:: else
		fi;
#ifdef BROKEN_LEAVE_FRAME
		frame = NO_FRAME;
#endif
		load(THREAD, SEQUENCE, sequence);
#ifdef BROKEN_LEAVE_RELAXED
		store(THREAD, SEQUENCE, (sequence | 1) + 1, RELAXED);
#else
		/* C: libjstrace/thread.h: atomic_store_explicit(&thread->sequence, (sequence | 1) + 1, memory_order_release); */
		store(THREAD, SEQUENCE, (sequence | 1) + 1, RELEASE);
#endif
		/* C: libjstrace/thread.h: atomic_store_explicit(&thread->frame, UINTPTR_MAX, memory_order_relaxed); */
		frame = NO_FRAME
	fi;
	d_step { sequence = 0; session = 0 }
}

proctype thread() provided (!interrupted)
{
	byte sequence, session;
again:
	{
		do
		:: atomic { events > 0 -> events-- }; event(1)
		:: ended = true; goto out
		od
	} unless { atomic { jumped -> jumped = false; sequence = 0; session = 0; goto again } };
out:
	skip
}

/* A handler, wherever the thread is; it has an event or none, and returns or jumps. */
proctype handler()
{
	byte sequence, session;

	do
	:: atomic { signals > 0 && !ended -> signals--; interrupted = true };
		if
		:: event(2)
		:: skip
		fi;
		if
		:: interrupted = false
		:: d_step { jumped = true; interrupted = false }
		fi
	:: break
	od
}

proctype agent()
{
	byte session = 1, used, first, now;
	bool late;

	do
	:: session <= SESSIONS ->
		/* C: libjstrace/install.c: atomic_store_explicit(&jst_process->sessions[installed->index], installed, memory_order_release); */
		store(AGENT, SESSION, session, RELEASE);
#ifndef BROKEN_LATE_NULL
		/* C: libjstrace/install.c: atomic_store_explicit(&jst_process->sessions[index], NULL, memory_order_relaxed); */
		store(AGENT, SESSION, 0, RELAXED);
#endif
#ifndef BROKEN_NO_MEMBARRIER
		/* C: libjstrace/install.c: if (jst_quiesce_barrier()) */
		/* C: libjstrace/quiesce.c: if (membarrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED) == 0) */
		barrier(AGENT);
		barrier(THREAD);
#endif
#ifdef BROKEN_LATE_NULL
		store(AGENT, SESSION, 0, RELAXED);
#endif
		late = false;
		/* C: libjstrace/quiesce.c: uint32_t used = atomic_load_explicit(&jst_process->threads_used, memory_order_acquire); */
		load(AGENT, USED, used);
		if
		:: used ->
			/* C: libjstrace/quiesce.c: const uint64_t sequence = atomic_load_explicit(&jst_process->threads[i].sequence, memory_order_acquire); */
			load(AGENT, SEQUENCE, first);
			/* C: libjstrace/quiesce.c: bool left = !(sequence & 1); */
			if
			:: !(first & 1)
			:: else ->
				/* C: libjstrace/quiesce.c: return atomic_load_explicit(&thread->sequence, memory_order_acquire) != sequence || !tid || !jst_thread_alive(tid); */
				atomic {
					load(AGENT, SEQUENCE, now);
					if
					:: now != first || dead
#ifndef BROKEN_SAME_SEQUENCE
					:: late = true /* the time was over; until then it looks again */
#else
					:: else
#endif
					fi
				};
			fi
		:: else
		fi;
		/* C: libjstrace/install.c: unmap(installed); */
#ifdef BROKEN_STRAGGLERS
		late = false;
#endif
		freed[session] = !late;
		session++
	:: else -> break
	od
}

init
{
	atomic {
		run drain(THREAD);
		run drain(AGENT);
		run thread();
		run handler();
		run agent()
	}
}
