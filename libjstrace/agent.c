/*
 * The agent: a thread of its own that sleeps on the marker's doorbell, without a time-out, until a CLI rings.
 *
 * It blocks every signal but libc's internal ones (with those blocked, setresuid() would wait for ever), has a descriptor table of its own, so that the program may close and reuse all it likes, and touches no
 * signal's disposition. A SIGUSR2 in its own pending set is the CLI's; one that is pending for the process is the program's and is left alone.
 *
 * fork(): the child handler only starts a thread; that does the rest in the child. A child made otherwise has no agent, and its probes find no session (process.h).
 */
#include "agent.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <link.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "install.h"
#include "jstrace.h"
#include "marker.h"
#include "raw.h"
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
	STACK_SIZE = 256 << 10, /* of addresses; what is not used is never touched */
	PAGE = 64 << 10,        /* the largest there is */
	LOOK_MS = 100,          /* how often the pending set is looked at while sessions are served */
};

enum agent_state { AGENT_NONE, AGENT_RUNNING, AGENT_ENDED };

static _Atomic int state;       /* enum agent_state */
static _Atomic bool stop;       /* jstrace_disable() */
static struct jst_marker *_Atomic marker;
static size_t local_size;       /* bytes that libc takes from each thread's stack for thread-local storage */
static bool child;              /* this process was forked from one with an agent … */
static bool child_inside;       /* … by a thread in the middle of an event */
static __thread bool fork_inside __attribute__((tls_model("initial-exec")));

/* A table that nobody else can reach. False: not to be had, and the program runs untraced. */
static bool own_descriptors(void)
{
	if (syscall(SYS_close_range, 0U, ~0U, CLOSE_RANGE_UNSHARE) < 0) {
		const long most = sysconf(_SC_OPEN_MAX);

		if (unshare(CLONE_FILES) < 0)
			return false;
		for (int fd = 0; fd < (most > 0 && most < 65536 ? most : 65536); fd++)
			jst_raw_close(fd);
	}
	/* Whatever writes to 0, 1 or 2 must not write into a socket of ours. */
	for (int fd = 0; fd < 3; fd++)
		if (jst_raw_open("/dev/null", O_RDWR | O_CLOEXEC) != fd && jst_raw_memfd("jstrace:null", MFD_CLOEXEC) != fd)
			return false;
	return true;
}

/* Takes the CLI's signal, if there is one. */
static bool rung(void)
{
	const struct timespec now = { 0, 0 };
	siginfo_t info;
	sigset_t set;

	if (!jst_sample_pending(SIGUSR2))
		return false;
	sigemptyset(&set);
	sigaddset(&set, SIGUSR2);
	/* Takes from the thread's own set before the process's. */
	return sigtimedwait(&set, &info, &now) == SIGUSR2 && info.si_code == SI_QUEUE && info.si_value.sival_int == JST_WAKE_MAGIC;
}

static void sleep_on_doorbell(struct jst_marker *own)
{
	/* Returns at once, or early, whenever it likes: the pending set decides. */
	syscall(SYS_futex, &own->doorbell, FUTEX_WAIT, 0, NULL, NULL, 0);
}

static void loop(struct jst_marker *own, struct jst_clock *clock)
{
	struct jst_serve *serve = NULL;

	while (!atomic_load_explicit(&stop, memory_order_acquire)) { /* pairs with jstrace_disable() */
		if (rung())
			jst_serve_listen(&serve, own, clock);
		if (serve)
			jst_serve_step(&serve, LOOK_MS);
		else
			sleep_on_doorbell(own);
	}
	jst_serve_end(&serve);
	atomic_store_explicit(&own->state, JST_MARKER_DISABLED, memory_order_release);
}

static void *agent(void *argument)
{
	struct jst_clock clock;

	(void)argument;
	atomic_store_explicit(&jst_process->pid, getpid(), memory_order_relaxed); /* in a child it was wiped */
	prctl(PR_SET_NAME, JST_AGENT_COMM);
	if (child) {
		jst_install_inherited(!child_inside);
		jst_sites_lock();
		jst_sites_off();
		jst_sites_unlock();
	}
	jst_clock_init(&clock);

	struct jst_marker *own = own_descriptors() ? jst_marker_make() : NULL;

	if (own) {
		atomic_store_explicit(&marker, own, memory_order_release); /* pairs with jstrace_disable() */
		loop(own, &clock);
	}
	atomic_store_explicit(&state, AGENT_ENDED, memory_order_release);
	return NULL;
}

/* All signals but those that libc keeps for itself, below SIGRTMIN. The kernel's call, since libc's own would leave some out. */
static void block_signals(uint64_t *old)
{
	uint64_t mask = ~UINT64_C(0);

	for (int signal = 32; signal < SIGRTMIN; signal++)
		mask &= ~(UINT64_C(1) << (signal - 1));
	syscall(SYS_rt_sigprocmask, SIG_BLOCK, &mask, old, sizeof(mask));
}

static int add_thread_local(struct dl_phdr_info *object, size_t size, void *sum)
{
	(void)size;
	for (int i = 0; i < object->dlpi_phnum; i++)
		if (object->dlpi_phdr[i].p_type == PT_TLS)
			*(size_t *)sum += object->dlpi_phdr[i].p_memsz + object->dlpi_phdr[i].p_align;
	return 0;
}

static void start(void)
{
	pthread_attr_t attributes;
	pthread_t thread;
	uint64_t old;
	int error = EAGAIN;

	atomic_store_explicit(&state, AGENT_RUNNING, memory_order_relaxed);
	block_signals(&old);
	/* libc refuses a stack that its own needs exceed, and is content with one of which they leave next to nothing: what is known of them comes on top, and for what is not there is a second try. */
	for (size_t size = STACK_SIZE; error && size <= 16 * STACK_SIZE; size *= 4) {
		if (pthread_attr_init(&attributes))
			break;
		pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
		pthread_attr_setstacksize(&attributes, (size + local_size + PAGE - 1) & ~(size_t)(PAGE - 1));
		error = pthread_create(&thread, &attributes, agent, NULL);
		pthread_attr_destroy(&attributes);
	}
	syscall(SYS_rt_sigprocmask, SIG_SETMASK, &old, NULL, sizeof(old));
	if (error)
		atomic_store_explicit(&state, AGENT_NONE, memory_order_relaxed);
}

static void before_fork(void)
{
	fork_inside = jst_thread_inside();
}

static void in_child(void)
{
	const int parents = atomic_load_explicit(&state, memory_order_relaxed);

	atomic_store_explicit(&marker, NULL, memory_order_relaxed); /* was not mapped into the child */
	atomic_store_explicit(&state, AGENT_NONE, memory_order_relaxed);
	if (parents != AGENT_RUNNING || atomic_load_explicit(&jst_process_inert, memory_order_relaxed) || !FORKED_CHILD_MAY_START_THREADS)
		return;
	child = true;
	child_inside = fork_inside;
	start();
}

void jst_agent_load(void)
{
	pthread_atfork(before_fork, NULL, in_child);
	/* Looked up here, for it takes the loader's lock, which another thread may hold as this one forks. It does not grow: what is loaded later has its own. */
	dl_iterate_phdr(add_thread_local, &local_size);
	start();
}

void jstrace_disable(void)
{
	struct timespec pause = { 0, 1000000 };

	if (!jst_process || atomic_exchange_explicit(&jst_process_inert, true, memory_order_relaxed))
		return;
	const int error = errno;

	atomic_store_explicit(&stop, true, memory_order_release); /* pairs with loop() */
	/* Rung again and again: the agent may have looked just before. */
	for (int i = 0; i < 5000 && atomic_load_explicit(&state, memory_order_acquire) == AGENT_RUNNING; i++) {
		struct jst_marker *own = atomic_load_explicit(&marker, memory_order_acquire);

		if (own)
			syscall(SYS_futex, &own->doorbell, FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
		nanosleep(&pause, NULL);
	}
	errno = error;
}
