/*
 * The agent: a thread of its own that sleeps on the marker's doorbell, without a time-out, until a CLI rings.
 *
 * It blocks every signal but libc's internal ones (with those blocked, setresuid() would wait for ever), has a descriptor table of its own, so that the program may close and reuse all it likes, and touches no
 * signal's disposition. A SIGUSR2 in its own pending set is the CLI's; one that is pending for the process is the program's and is left alone.
 *
 * It is a thread that libc knows nothing of (raw_thread.h) where it can be, else one of libc's. So everything that it reaches makes its system calls by itself (raw.h), and uses of libc what raw_thread.h says.
 *
 * fork(): the child handler only starts a thread; that does the rest in the child. A child made otherwise has no agent, and its probes find no session (process.h).
 */
#include "agent.h"

#include <errno.h>
#include <linux/capability.h>
#include <pthread.h>
#include <sched.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include "install.h"
#include "jstrace.h"
#include "marker.h"
#include "raw.h"
#include "raw_thread.h"
#include "sample.h"
#include "serve.h"
#include "sites.h"
#include "thread.h"

#ifndef SYS_close_range
#define SYS_close_range 436
#endif
#ifndef CLOSE_RANGE_UNSHARE
#define CLOSE_RANGE_UNSHARE 2U
#endif

#if defined(__SANITIZE_THREAD__)
#define FORKED_CHILD_MAY_START_THREADS 0
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define FORKED_CHILD_MAY_START_THREADS 0
#endif
#endif
#ifndef FORKED_CHILD_MAY_START_THREADS
#define FORKED_CHILD_MAY_START_THREADS 1
#endif

enum {
	STACK_SIZE = 256 << 10, /* of a thread of libc's: addresses; what is not used is never touched */
	PAGE = 64 << 10,        /* the largest there is */
	LOOK_MS = 100,          /* how often the pending set is looked at while sessions are served */
	NEWBORN_NS = 2000000,   /* what a child has time for until it is taken for one that stays */
};

/* None of these is written in a child that an untraced parent forked. */
static uint64_t blocked;        /* the agent's signal mask */
static size_t local_size;       /* bytes that libc takes from each thread's stack for thread-local storage */
static bool raw;                /* the agent is not a thread of libc's; in a child, at first: its parent's was not */
static _Atomic bool given_up;   /* there is none, nor will there be: it could not be started, or what it needs was not to be had */
static _Atomic bool stop;       /* jstrace_disable() */
static __thread bool fork_inside __attribute__((tls_model("initial-exec")));

/* A table that nobody else can reach. False: not to be had, and the program runs untraced. */
static bool own_descriptors(void)
{
	/* Nothing is copied: all of it is to be closed. */
	if (jst_raw_call(SYS_close_range, 0, (long)~0U, CLOSE_RANGE_UNSHARE, 0, 0, 0) < 0) {
		struct rlimit64 limit = { 0, 0 };

		if (jst_raw_call(SYS_unshare, CLONE_FILES, 0, 0, 0, 0, 0) < 0)
			return false;
		jst_raw_call(SYS_prlimit64, 0, RLIMIT_NOFILE, 0, (long)&limit, 0, 0);
		for (int fd = 0; fd < (limit.rlim_cur && limit.rlim_cur < 65536 ? (int)limit.rlim_cur : 65536); fd++)
			jst_raw_close(fd);
	}
	/* Whatever writes to 0, 1 or 2 must not write into a socket of ours. */
	for (int fd = 0; fd < 3; fd++)
		if (jst_raw_open("/dev/null", O_RDWR | O_CLOEXEC) != fd && jst_raw_memfd("jstrace:null", MFD_CLOEXEC) != fd)
			return false;
	return true;
}

/* For good, in this thread alone. A thread of libc's keeps what it has: where a process gives up privileges, libc has every thread do the same, and ends a process of which one cannot. */
static void drop_privileges(void)
{
	struct __user_cap_header_struct head = { _LINUX_CAPABILITY_VERSION_3, 0 };
	struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = { { 0, 0, 0 } };

	jst_raw_call(SYS_capset, (long)&head, (long)none, 0, 0, 0, 0);
	jst_raw_call(SYS_prctl, PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0, 0);
}

/* Takes the CLI's signal, if there is one. */
static bool rung(void)
{
	const struct timespec now = { 0, 0 };
	const uint64_t set = UINT64_C(1) << (SIGUSR2 - 1);
	uint64_t pending = 0;
	siginfo_t info;

	/* A call tells in no time whether there is one, but not whether it is the thread's or the process's. */
	if (jst_raw_call(SYS_rt_sigpending, (long)&pending, sizeof(pending), 0, 0, 0, 0) == 0 && !(pending & set))
		return false;
	if (!jst_sample_pending(SIGUSR2))
		return false;
	/* Takes from the thread's own set before the process's. */
	return jst_raw_call(SYS_rt_sigtimedwait, (long)&set, (long)&info, (long)&now, sizeof(set), 0, 0) == SIGUSR2 && info.si_code == SI_QUEUE && info.si_value.sival_int == JST_WAKE_MAGIC;
}

static void loop(struct jst_marker *own)
{
	struct jst_serve *serve = NULL;
	struct jst_clock clock;
	int64_t look_due = 0; /* ms */
	bool clocked = false;

	while (!atomic_load_explicit(&stop, memory_order_acquire)) { /* pairs with jstrace_disable() */
		/* Not after each message, since a look takes as long as that does. */
		if (!serve || jst_serve_now() >= look_due) {
			if (rung()) {
				jst_serve_listen(&serve, own, &clock);
				/* It takes some dozens of calls, and more of our code in memory, which a program that nobody traces need not pay for; and the CLI is on its way meanwhile. */
				if (!clocked)
					jst_clock_init(&clock);
				clocked = true;
			}
			look_due = serve ? jst_serve_now() + LOOK_MS : 0;
		}
		if (serve)
			jst_serve_step(&serve, LOOK_MS);
		else
			jst_raw_wait(&own->doorbell, 0, -1); /* returns at once, or early, whenever it likes: the pending set decides */
	}
	jst_serve_end(&serve);
	atomic_store_explicit(&own->state, JST_MARKER_DISABLED, memory_order_release);
}

static void agent(void)
{
	struct jst_agent *self = &jst_process->agent;
	int64_t newborn = NEWBORN_NS;

	__asm__("" : "+r"(newborn)); /* not a constant, to be read from a page that the child has not touched yet */
	/* Most children end at once, or exec, and should not have paid for more than a thread. Not so one whose probes may be on, for its parent's sessions. */
	if (self->forked && !jst_install_inherits())
		jst_raw_sleep(newborn);
	atomic_store_explicit(&jst_process->pid, jst_raw_pid(), memory_order_relaxed); /* in a child it was wiped */
	jst_raw_call(SYS_prctl, PR_SET_NAME, (long)JST_AGENT_COMM, 0, 0, 0, 0);
	if (raw)
		drop_privileges();
	if (self->forked) {
		jst_install_inherited(!self->forked_inside);
		jst_sites_lock();
		jst_sites_off();
		jst_sites_unlock();
	}
	/* Before anything is opened: until then the table is the program's. */
	struct jst_marker *own = own_descriptors() ? jst_marker_make() : NULL;

	if (own) {
		atomic_store_explicit(&self->marker, own, memory_order_release); /* pairs with jstrace_disable() */
		loop(own);
	}
	atomic_store_explicit(&given_up, true, memory_order_relaxed);
	atomic_store_explicit(&self->state, JST_AGENT_ENDED, memory_order_release); /* pairs with jstrace_disable() */
}

static void *agent_of_libc(void *argument)
{
	agent();
	return argument;
}

static bool start_of_libc(void)
{
	pthread_attr_t attributes;
	pthread_t thread;
	int error = EAGAIN;

	/* libc refuses a stack that its own needs exceed, and is content with one of which they leave next to nothing: what is known of them comes on top, and for what is not there is a second try. */
	for (size_t size = STACK_SIZE; error && size <= 16 * STACK_SIZE; size *= 4) {
		if (pthread_attr_init(&attributes))
			break;
		pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
		pthread_attr_setstacksize(&attributes, (size + local_size + PAGE - 1) & ~(size_t)(PAGE - 1));
		error = pthread_create(&thread, &attributes, agent_of_libc, NULL);
		pthread_attr_destroy(&attributes);
	}
	return !error;
}

static void start(bool forked)
{
	struct jst_agent *self = &jst_process->agent;
	uint64_t old;

	atomic_store_explicit(&self->state, JST_AGENT_RUNNING, memory_order_relaxed); /* before there is another thread */
	self->forked = forked;
	self->forked_inside = forked && fork_inside;
	jst_raw_mask(SIG_BLOCK, &blocked, &old);
	/* What was possible in a parent is so in its child, which has not exec'd. */
	if (!raw)
		raw = jst_raw_thread_possible();
	if (raw && !jst_raw_thread_start(agent))
		raw = false;
	if (!raw && !start_of_libc()) {
		atomic_store_explicit(&self->state, JST_AGENT_NONE, memory_order_relaxed);
		atomic_store_explicit(&given_up, true, memory_order_relaxed);
	}
	jst_raw_mask(SIG_SETMASK, &old, NULL);
}

static void before_fork(void)
{
	const bool inside = jst_thread_inside();

	/* A page that is not written need not be copied. */
	if (fork_inside != inside)
		fork_inside = inside;
}

static void in_child(void)
{
	if (!atomic_load_explicit(&given_up, memory_order_relaxed) && !atomic_load_explicit(&jst_process_inert, memory_order_relaxed) && FORKED_CHILD_MAY_START_THREADS)
		start(true);
}

/* All signals but those that libc keeps for itself, below SIGRTMIN. */
static uint64_t all_but_libcs(void)
{
	uint64_t mask = ~UINT64_C(0);

	for (int signal = 32; signal < SIGRTMIN; signal++)
		mask &= ~(UINT64_C(1) << (signal - 1));
	return mask;
}

/* What pthread_atfork() of glibc calls; that lies in the program itself, in a page at its end that nothing else would have touched. */
extern int __register_atfork(void (*before)(void), void (*in_parent)(void), void (*in_child)(void), void *object) __attribute__((weak));
extern void *__dso_handle __attribute__((visibility("hidden")));

void jst_agent_load(void)
{
	blocked = all_but_libcs();
	if (__register_atfork)
		__register_atfork(before_fork, NULL, in_child, &__dso_handle);
	else
		pthread_atfork(before_fork, NULL, in_child);
	/* It does not grow: what is loaded later has its own. */
	local_size = jst_raw_thread_load();
	start(false);
}

void jstrace_disable(void)
{
	if (!jst_process || atomic_exchange_explicit(&jst_process_inert, true, memory_order_relaxed))
		return;
	struct jst_agent *agent_of = &jst_process->agent;

	atomic_store_explicit(&stop, true, memory_order_release); /* pairs with loop() */
	/* Rung again and again: the agent may have looked just before. */
	for (int i = 0; i < 5000 && atomic_load_explicit(&agent_of->state, memory_order_acquire) == JST_AGENT_RUNNING; i++) { /* pairs with agent() */
		struct jst_marker *own = atomic_load_explicit(&agent_of->marker, memory_order_acquire); /* likewise */

		if (own)
			jst_raw_wake(&own->doorbell);
		jst_raw_sleep(1000000);
	}
	if (raw && atomic_load_explicit(&agent_of->state, memory_order_acquire) == JST_AGENT_ENDED)
		jst_raw_thread_join(1000);
}
