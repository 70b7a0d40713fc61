/*
 * The program's own SIGUSR2, while sessions come and go: each has the effect that it would have had, and no other. tests/e2e/agent.c has the plain handler, sigwait(), signalfd(), ignored and default.
 */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness.h"

static bool attach(void)
{
	struct jst_program *program = client_count_program("*");
	const bool good = client_attach(&client, victim.pid) && client_load(&client, program, program->size, 4 << 20) && client_ask(&client, JST_MESSAGE_START, JST_MESSAGE_STARTED, NULL);

	free(program);
	return good || wrong("%s", client_error);
}

static bool arrived(uint64_t count)
{
	int turn = 0;

	while (atomic_load(&victim.oracle->signals) < count)
		if (!turns(&turn, 5000))
			return wrong("%llu of %llu signals arrived", (unsigned long long)atomic_load(&victim.oracle->signals), (unsigned long long)count);
	return true;
}

/* A handler that looks who sent: nobody but us did. */
static bool test_siginfo(void)
{
	const int signals = soak ? 20000 : 100;

	CHECK(start(&victim));
	CHECK(done(&victim, "load 1") && done(&victim, "usr2 siginfo") && remember(&victim));
	for (int i = 0; i < signals; i++) {
		if (i % 5 == 0) {
			client_close(&client);
			CHECK(attach());
		}
		CHECK(kill(victim.pid, SIGUSR2) == 0 && arrived((uint64_t)i + 1));
	}
	client_close(&client);
	CHECK(as_remembered(&victim, 1));
	CHECK(atomic_load(&victim.oracle->signals) == (uint64_t)signals && atomic_load(&victim.oracle->handled) == 0);
	CHECK(done(&victim, "rest"));
	return unharmed(&victim);
}

/* Until there is one, a session's own signals have no effect; from then on it gets what is its. */
static bool test_later(void)
{
	CHECK(start(&victim));
	CHECK(done(&victim, "load 1"));
	for (int i = 0; i < 8; i++) {
		CHECK(attach());
		client_close(&client);
	}
	CHECK(attach());
	CHECK(done(&victim, "usr2 siginfo"));
	client_ring(&client);
	CHECK(kill(victim.pid, SIGUSR2) == 0 && arrived(1));
	client_close(&client);
	CHECK(attach());
	client_close(&client);
	CHECK(done(&victim, "rest"));
	CHECK(atomic_load(&victim.oracle->signals) == 1 && atomic_load(&victim.oracle->handled) == 0);
	return unharmed(&victim);
}

/* The first is handled, the second is its end. Sessions between them are neither. */
static bool test_oneshot(void)
{
	CHECK(start(&victim));
	CHECK(done(&victim, "load 1") && done(&victim, "usr2 oneshot"));
	for (int i = 0; i < 8; i++) {
		CHECK(attach());
		client_close(&client);
	}
	CHECK(atomic_load(&victim.oracle->signals) == 0);
	CHECK(done(&victim, "kill %d", SIGUSR2) && arrived(1));
	for (int i = 0; i < 8; i++) {
		CHECK(attach());
		client_close(&client);
	}
	CHECK(attach());
	CHECK(done(&victim, "fire 10"));
	CHECK(tell(&victim, "kill %d", SIGUSR2));
	return unharmed_end(&victim);
}

/* Pending for the process, for as long as all its threads block it. */
static bool test_blocked(void)
{
	CHECK(start(&victim));
	CHECK(done(&victim, "usr2 blocked") && done(&victim, "load 1") && remember(&victim));
	for (int i = 0; i < 8; i++) {
		CHECK(attach());
		if (i == 4)
			CHECK(kill(victim.pid, SIGUSR2) == 0);
		client_close(&client);
	}
	CHECK(attach());
	CHECK(atomic_load(&victim.oracle->signals) == 0);
	CHECK(strtoull(look_status(victim.pid, victim.pid, "ShdPnd"), NULL, 16) == 1 << (SIGUSR2 - 1));
	CHECK(done(&victim, "usr2 open") && arrived(1));
	client_close(&client);
	CHECK(done(&victim, "rest"));
	CHECK(atomic_load(&victim.oracle->signals) == 1);
	return unharmed(&victim);
}

/* No system call of the program ends early. */
static bool test_interrupted(void)
{
	CHECK(start(&victim));
	CHECK(done(&victim, "load 1") && remember(&victim));
	CHECK(tell(&victim, "interrupted 500"));
	for (int i = 0; i < 15; i++) {
		CHECK(attach());
		client_ring(&client);
		client_close(&client);
	}
	CHECK(hear(&victim) && strcmp(victim.line, "done") == 0);
	CHECK(as_remembered(&victim, 1));
	CHECK(done(&victim, "rest"));
	return unharmed(&victim);
}

const struct fault_case cases_signal[] = {
	{ "a handler that looks who sent", test_siginfo, false, false },
	{ "a handler that is installed later", test_later, false, false },
	{ "a handler for one signal", test_oneshot, false, false },
	{ "blocked in all threads", test_blocked, false, false },
	{ "system calls are not interrupted", test_interrupted, false, false },
	{ NULL, NULL, false, false },
};
