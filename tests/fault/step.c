/*
 * See step.h.
 */
#include "step.h"

#include <elf.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

/* As in linux/ptrace.h, which does not go together with sys/ptrace.h. */
struct syscall_info {
	uint8_t op, pad[3];
	uint32_t arch;
	uint64_t instruction_pointer, stack_pointer;
	uint64_t nr, args[6];
};
enum { GET_SYSCALL_INFO = 0x420e, INFO_ENTRY = 1, INFO_EXIT = 2 };

static bool registers(pid_t thread, int request, struct user_regs_struct *all)
{
	struct iovec part = { all, sizeof(*all) };

	return ptrace((enum __ptrace_request)request, thread, (void *)(uintptr_t)NT_PRSTATUS, &part) == 0;
}

/* At the entry: the call is not made. */
static void skip_call(pid_t thread)
{
#if defined(__x86_64__)
	struct user_regs_struct all;

	if (registers(thread, PTRACE_GETREGSET, &all)) {
		all.orig_rax = (unsigned long long)-1;
		registers(thread, PTRACE_SETREGSET, &all);
	}
#elif defined(__aarch64__)
	int none = -1;
	struct iovec part = { &none, sizeof(none) };

	ptrace(PTRACE_SETREGSET, thread, (void *)0x404 /* NT_ARM_SYSTEM_CALL */, &part);
#endif
}

/* At the exit. */
static void set_result(pid_t thread, long result)
{
	struct user_regs_struct all;

	if (!registers(thread, PTRACE_GETREGSET, &all))
		return;
#if defined(__x86_64__)
	all.rax = (unsigned long long)result;
#elif defined(__aarch64__)
	all.regs[0] = (unsigned long long)result;
#endif
	registers(thread, PTRACE_SETREGSET, &all);
}

/* Whether the call that begins is to fail. */
static bool enters(struct step *step, long number)
{
	if (step->counts && !step->counts(number))
		return false;
	const int n = atomic_fetch_add(&step->seen, 1);

	if (n != step->at)
		return step->action == STEP_FAIL_ON && n > step->at;
	step->number = number;
	atomic_store(&step->hit, true);
	if (step->action == STEP_KILL)
		kill(step->process, SIGKILL);
	if (step->action == STEP_STOP)
		kill(step->process, SIGSTOP);
	return step->action == STEP_FAIL || step->action == STEP_FAIL_ON;
}

static void *trace(void *argument)
{
	struct step *step = argument;
	bool failing = false;
	int status;

	if (ptrace(PTRACE_SEIZE, step->thread, NULL, (void *)PTRACE_O_TRACESYSGOOD) < 0 || ptrace(PTRACE_INTERRUPT, step->thread, NULL, NULL) < 0) {
		atomic_store(&step->failed, true);
		return NULL;
	}
	atomic_store(&step->seized, true);
	for (;;) {
		const pid_t got = waitpid(step->thread, &status, __WALL);

		if (got < 0 && errno == EINTR) {
			/* It may be in a call that takes its time. */
			if (atomic_load(&step->enough))
				ptrace(PTRACE_INTERRUPT, step->thread, NULL, NULL);
			continue;
		}
		if (got < 0 || WIFEXITED(status) || WIFSIGNALED(status)) {
			step->status = status;
			atomic_store(&step->ended, true);
			return NULL;
		}
		const int number = WSTOPSIG(status), event = status >> 16;
		long deliver = 0;

		if (number == (SIGTRAP | 0x80)) {
			struct syscall_info info;

			memset(&info, 0, sizeof(info));
			ptrace((enum __ptrace_request)GET_SYSCALL_INFO, step->thread, (void *)sizeof(info), &info);
			if (info.op == INFO_ENTRY && (failing = enters(step, (long)info.nr)))
				skip_call(step->thread);
			else if (info.op == INFO_EXIT && failing) {
				set_result(step->thread, -step->error);
				failing = false;
			}
		} else if (event == PTRACE_EVENT_STOP && number != SIGTRAP) {
			/* The process is stopped; this thread stays so until it goes on. */
			if (atomic_load(&step->enough)) {
				ptrace(PTRACE_DETACH, step->thread, NULL, NULL);
				return NULL;
			}
			ptrace((enum __ptrace_request)PTRACE_LISTEN, step->thread, NULL, NULL);
			continue;
		} else if (event != PTRACE_EVENT_STOP) {
			deliver = number;
		}
		if (atomic_load(&step->enough) && !failing) {
			ptrace(PTRACE_DETACH, step->thread, NULL, (void *)deliver);
			return NULL;
		}
		ptrace(PTRACE_SYSCALL, step->thread, NULL, (void *)deliver);
	}
}

static void nothing(int number)
{
	(void)number;
}

bool step_begin(struct step *step)
{
	/* Without SA_RESTART: it ends a wait. */
	sigaction(SIGUSR1, &(struct sigaction){ .sa_handler = nothing }, NULL);
	if (pthread_create(&step->tracer, NULL, trace, step) != 0)
		return false;
	while (!atomic_load(&step->seized) && !atomic_load(&step->failed))
		poll(NULL, 0, 1);
	if (!atomic_load(&step->failed))
		return true;
	pthread_join(step->tracer, NULL);
	return false;
}

void step_end(struct step *step)
{
	atomic_store(&step->enough, true);
	/* Again and again: the tracer may be just about to wait. */
	while (pthread_tryjoin_np(step->tracer, NULL) != 0) {
		pthread_kill(step->tracer, SIGUSR1);
		poll(NULL, 0, 1);
	}
}

const char *step_name(long number)
{
	static char other[32];

	switch (number) {
#define NAME(call) case SYS_##call: return #call
		NAME(openat); NAME(read); NAME(write); NAME(close); NAME(mmap); NAME(munmap); NAME(mprotect); NAME(madvise); NAME(memfd_create); NAME(ftruncate); NAME(fcntl);
		NAME(socket); NAME(bind); NAME(listen); NAME(accept4); NAME(connect); NAME(getsockname); NAME(getsockopt); NAME(sendmsg); NAME(recvmsg); NAME(sendto); NAME(recvfrom); NAME(ppoll);
		NAME(futex); NAME(rt_sigtimedwait); NAME(rt_tgsigqueueinfo); NAME(rt_sigprocmask); NAME(membarrier); NAME(clock_gettime); NAME(clock_nanosleep); NAME(nanosleep); NAME(getpid); NAME(gettid);
		NAME(pidfd_open); NAME(statx); NAME(fstatfs); NAME(getdents64); NAME(signalfd4); NAME(getresuid); NAME(geteuid); NAME(uname); NAME(sched_getaffinity);
#ifdef SYS_poll
		NAME(poll);
#endif
#undef NAME
	}
	snprintf(other, sizeof(other), "call %ld", number);
	return other;
}
