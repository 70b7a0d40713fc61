/*
 * The victim's own SIGUSR2, in the ways in which programs take it; those of which oracle->signals counts. Beside these, tests/e2e/agent.c has the plain handler, sigwait(), signalfd() and those that are ignored or have their default.
 *
 *     usr2 siginfo     a handler with SA_SIGINFO, which believes only what came from the harness by kill()
 *     usr2 oneshot     a handler with SA_RESETHAND
 *     usr2 blocked     in all threads; usr2 open ends that
 *     interrupted N    N sleeps, each of which a signal that is not there would end early
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "victim.h"

static void on_siginfo(int number, siginfo_t *information, void *context)
{
	(void)number, (void)context;
	if (information->si_code == SI_USER && information->si_pid == getppid())
		atomic_fetch_add(&oracle->signals, 1);
	else
		atomic_fetch_add(&oracle->handled, 1); /* nobody's of ours */
}

static void on_signal(int number)
{
	(void)number;
	atomic_fetch_add(&oracle->signals, 1);
}

static void act_usr2(long number, const char *how)
{
	sigset_t set;

	(void)number;
	sigemptyset(&set);
	sigaddset(&set, SIGUSR2);
	if (strcmp(how, "siginfo") == 0)
		sigaction(SIGUSR2, &(struct sigaction){ .sa_sigaction = on_siginfo, .sa_flags = SA_SIGINFO | SA_RESTART }, NULL);
	else if (strcmp(how, "oneshot") == 0)
		sigaction(SIGUSR2, &(struct sigaction){ .sa_handler = on_signal, .sa_flags = (int)SA_RESETHAND }, NULL);
	else if (strcmp(how, "blocked") == 0) {
		signal(SIGUSR2, on_signal);
		pthread_sigmask(SIG_BLOCK, &set, NULL);
	} else if (strcmp(how, "open") == 0)
		pthread_sigmask(SIG_UNBLOCK, &set, NULL);
	say("done");
}

static void act_interrupted(long number, const char *text)
{
	(void)text;
	while (number-- > 0) {
		struct timespec time = { 0, 2000000 };

		if (nanosleep(&time, NULL) < 0) {
			say("interrupted");
			return;
		}
	}
	say("done");
}

const struct act victim_signal_acts[] = { { "usr2", act_usr2 }, { "interrupted", act_interrupted }, { NULL, NULL } };
