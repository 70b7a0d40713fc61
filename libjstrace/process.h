/*
 * What the library knows of its process: one anonymous mapping that reads zero in every child, however that was made (MADV_WIPEONFORK). So a child has no sessions, no locks
 * held and no thread records, without anything having to run in it.
 *
 * Made by the first who needs it, at load; never freed. Where it cannot be made, the program runs untraced: jst_process is NULL.
 */
#ifndef JST_PROCESS_H
#define JST_PROCESS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "session.h"
#include "wire.h"

struct jst_installed;
struct jst_marker;

enum { JST_MAX_SITES = 1 << 20 }; /* ids of sites; 0 is nobody's. A session has a place for each, untouched until it is used */

/*
 * A thread's place, permanent once it has one: its own memory rather than TLS, so that the agent can look at it at any time.
 *
 * sequence: odd while the thread is inside an event. Entry: store odd; compiler barrier; load what the event needs. Exit: release-store even. The agent stores a new value (a NULL session, the next
 * generation), calls membarrier, and acquire-loads the sequence: even, or another than before, is a thread that no longer uses the old value (see quiesce.h).
 */
struct jst_site_record;
struct jst_run;

/* What a thread knows of a site without looking again, as long as the epoch is that: the only session that watches, in which it has its slot, and what that does there. The owner's; written inside an event. */
struct jst_hot {
	const struct jst_site_record *record; /* NULL: nothing is known; while the rest is written, too */
	struct jst_run *run;
	const struct jst_binding *binding;
	uint32_t epoch;
};
enum { JST_HOT = 4 };

struct jst_thread {
	_Alignas(128) _Atomic uint64_t sequence;  /* written by the owner; after the owner's death by the agent */
	_Atomic uintptr_t frame;                  /* address of the event's stack frame while inside; UINTPTR_MAX outside */
	struct jst_runner runner;                 /* slot (= index of this record), tid, serial; written while it is acquired */
	_Atomic int32_t tid;                      /* 0: nobody's; release-stored after runner */
	_Atomic uint32_t state;                   /* enum jst_thread_state */
	uint32_t claimed[JST_MAX_SESSIONS];       /* owner: serial of the session whose slot it claimed, by the session's index */
	struct jst_hot hot[JST_HOT];              /* leaf.h */
};

enum jst_thread_state { JST_THREAD_FREE = 0, JST_THREAD_USED = 1, JST_THREAD_TAKEN = 2 /* and its owner not decided yet */ };

enum jst_agent_state { JST_AGENT_NONE, JST_AGENT_RUNNING, JST_AGENT_ENDED };

/* What agent.c and raw_thread.c know of the agent. A child has it anew; and what it writes to start its own is all in one page, for each page that a child writes costs it a fault. */
struct jst_agent {
	_Atomic uint32_t state;                   /* enum jst_agent_state */
	_Atomic uint32_t living;                  /* tid of a thread that libc does not know of; cleared by the kernel, which wakes who waits, as it is gone */
	uintptr_t starter;                        /* thread pointer of the thread that started it */
	struct jst_marker *_Atomic marker;        /* NULL: not made yet */
	bool forked, forked_inside;               /* this process is a child of one with an agent; by a thread in the middle of an event */
};

/* Not a session's bit. */
#define JST_WATCHED_HERE (UINT32_C(1) << 31)

struct jst_process {
	/* Read at every event: rarely written, by the agent, with the registry's lock held. */
	_Atomic(struct jst_installed *) sessions[JST_MAX_SESSIONS];
	_Atomic int32_t pid;                      /* set at load and by the agent; 0: not known yet */
	_Atomic uint32_t watched;                 /* bit i: sessions[i] is running; what jstrace_fire() looks at. JST_WATCHED_HERE: the program itself watches (named.h) */
	_Atomic uint32_t epoch;                   /* changes with the sessions and with the sites they watch; a futex */

	struct jst_agent agent;

	_Alignas(64) _Atomic uint32_t lock;       /* of the registry: lock.h */
	_Atomic bool named;                       /* there may be named probes: named.h */
	_Atomic uint32_t named_lock;              /* of the pool in named.c; taken before the registry's */
	struct jst_installed *prepared[JST_MAX_SESSIONS]; /* with the lock: sessions that have bindings, running or not yet */
	_Atomic uint32_t threads_used;            /* records 0 … threads_used-1 have been used */
	_Atomic uint32_t threads_free;            /* how many of them are free again */
	_Atomic uint64_t serial;                  /* of the newest thread */
	_Atomic uint64_t threads_refused;         /* events of threads for which there was no record, not yet put into sessions' losses */

	_Atomic(_Atomic uint64_t *) guards;       /* leaf.h: one for each id of a site; made for the first, with the lock, and kept. NULL: none, also in a child */

	struct jst_stack_map stack_map;           /* untouched until a program calls stack() */

	struct jst_thread threads[JST_SLOTS];
};

_Static_assert(sizeof(struct jst_thread) == 256, "a record is whole cache lines");

extern struct jst_process *jst_process;

/* Makes the mapping if there is none yet; false: the program runs untraced. Called by constructors only, before other threads can. Context: load. */
bool jst_process_make(void);

/* The library was told to end, or never began: AT_SECURE, no memory. Context: any. */
extern _Atomic bool jst_process_inert;

/* exit() has begun: destructors run because the process ends, not because objects are unloaded. */
extern _Atomic bool jst_process_exiting;

#endif
