/* Steps through a watched probe, and unwinds from each instruction of the library: "stepped N, lost M". */
#include <execinfo.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <ucontext.h>
#include <unistd.h>

#include <jstrace.h>

enum { TRAP_FLAG = 0x100, FRAMES = 64, SIZE = 4096 };

static volatile long steps, lost, outside;

__attribute__((noinline, aligned(SIZE))) static void site(int id)
{
	JSTRACE("work:step", "id", id);
}

/* Behind site(), whose own instructions are left out: it steps over its red zone without saying so. */
__attribute__((noinline, aligned(SIZE))) static void run(void)
{
	__asm__ volatile("leaq -128(%%rsp), %%rsp; pushfq; orq $0x100, (%%rsp); popfq; leaq 128(%%rsp), %%rsp" ::: "memory", "cc");
	site(7);
	outside = 1;
	__asm__ volatile("nop" ::: "memory");
}

static int within(const void *pc, void (*function)(void))
{
	return (const char *)pc >= (const char *)function && (const char *)pc < (const char *)function + SIZE;
}

static void on_trap(int signal_number, siginfo_t *info, void *context)
{
	ucontext_t *user = context;
	const void *pc = (const void *)user->uc_mcontext.gregs[REG_RIP];
	void *frames[FRAMES];
	int found = 0;

	(void)signal_number, (void)info;
	if (outside) {
		user->uc_mcontext.gregs[REG_EFL] &= ~(long long)TRAP_FLAG;
		return;
	}
	if (within(pc, (void (*)(void))site) || within(pc, run))
		return;
	for (int i = 0, count = backtrace(frames, FRAMES); i < count; i++)
		found |= within(frames[i], run);
	steps++;
	lost += !found;
}

int main(void)
{
	const struct sigaction action = { .sa_sigaction = on_trap, .sa_flags = SA_SIGINFO };
	void *frames[FRAMES];

	backtrace(frames, FRAMES); /* loads the unwinder */
	while (!JSTRACE_ENABLED("work:step"))
		usleep(1000);
	/* Until the session's clock and the thread's place are known, and the short way is. */
	for (int i = 0; i < 100; i++)
		site(i);
	if (sigaction(SIGTRAP, &action, NULL) != 0)
		return 1;
	run();
	printf("stepped %ld, lost %ld\n", steps, lost);
	return lost || steps < 20;
}
