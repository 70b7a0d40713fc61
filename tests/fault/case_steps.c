/*
 * Faults at each step of the protocol, from both sides: the one who talks dies, is stopped or has a call fail as it begins its nth system call; and a client that dies after each message.
 */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness.h"
#include "step.h"

/* A session as short as can be, with results. */
#define SESSION "--format", "json", "--memory", "4MiB", "--duration", "20ms", "-p", "PID", "-e", COUNTING, NULL

/* ---- a client that dies after each message ---- */

enum last { FOUND, RUNG, CONNECTED, SAID_HELLO, GREETED, ASKED_LIST, LISTED, SAID_LOAD, HALF_PROGRAM, SAID_PROGRAM, LOADED, SAID_START, STARTED, SAID_FLIP, FLIPPED, RELEASED, LEASED, SAID_STOP, STOPPED, LASTS };

static const char *const last_name[LASTS] = {
	"found the marker", "rang", "connected", "sent HELLO", "was greeted", "asked for the list", "has the list", "sent LOAD", "sent half of the program", "sent the program", "is loaded", "sent START", "has started",
	"sent FLIP", "has flipped", "sent RELEASE", "sent LEASE", "sent STOP", "has stopped",
};

static _Alignas(8) unsigned char body[JST_PACKET_MAX];

static bool answered(struct client *one, uint32_t type)
{
	uint32_t got;

	do
		got = client_receive(one, body, NULL, 3000);
	while (got && got != type && got == JST_MESSAGE_SITE);
	return got == type;
}

/* Does the steps up to that one; false: one failed. */
static bool talk(struct client *one, pid_t pid, enum last last)
{
	struct jst_program *program = client_count_program("work:*");
	const struct jst_message_load load = { .program_size = program->size, .budget = 100000, .memory = 8 << 20, .string_size = 256, .ring_size = 65536 };
	struct jst_message_hello hello = { .abi_min = JST_ABI_MIN, .abi_max = JST_ABI_MAX, .pid = pid, .version = "test" };
	const uint32_t half = program->size / 2;

	if (!client_find(one, pid))
		return false;
	hello.start_time = one->marker->start_time;
	for (enum last step = FOUND + 1; step <= last; step++) {
		bool good = true;

		switch (step) {
		case RUNG: good = last != RUNG || (client_ring(one), true); break;
		case CONNECTED: good = client_connect(one); break;
		case SAID_HELLO: good = client_send(one, JST_MESSAGE_HELLO, &hello, sizeof(hello)); break;
		case GREETED: good = answered(one, JST_MESSAGE_HELLO); break;
		case ASKED_LIST: good = client_send(one, JST_MESSAGE_LIST, NULL, 0); break;
		case LISTED: good = answered(one, JST_MESSAGE_LIST_END); break;
		case SAID_LOAD: good = client_send(one, JST_MESSAGE_LOAD, &load, sizeof(load)); break;
		case HALF_PROGRAM: good = client_send(one, JST_MESSAGE_PROGRAM, program, half); break;
		case SAID_PROGRAM: good = client_send(one, JST_MESSAGE_PROGRAM, (const char *)program + half, program->size - half); break;
		case LOADED: good = answered(one, JST_MESSAGE_LOADED); break;
		case SAID_START: good = client_send(one, JST_MESSAGE_START, NULL, 0); break;
		case STARTED: good = answered(one, JST_MESSAGE_STARTED); break;
		case SAID_FLIP: good = client_send(one, JST_MESSAGE_FLIP, NULL, 0); break;
		case FLIPPED: good = answered(one, JST_MESSAGE_FLIPPED); break;
		case RELEASED: good = client_send(one, JST_MESSAGE_RELEASE, NULL, 0); break;
		case LEASED: good = client_send(one, JST_MESSAGE_LEASE, NULL, 0); break;
		case SAID_STOP: good = client_send(one, JST_MESSAGE_STOP, NULL, 0); break;
		case STOPPED: good = answered(one, JST_MESSAGE_STOPPED); break;
		default: break;
		}
		if (!good)
			return wrong("step '%s': %s", last_name[step], client_error);
	}
	free(program);
	return true;
}

static bool test_client_dies(void)
{
	CHECK(loaded());
	for (enum last last = FOUND; last < LASTS; last++) {
		const pid_t pid = fork();
		int status;

		if (pid == 0) {
			if (talk(&client, victim.pid, last))
				kill(getpid(), SIGKILL);
			fprintf(stderr, "%s\n", why);
			_exit(1);
		}
		CHECK(waitpid(pid, &status, 0) == pid && WIFSIGNALED(status));
		if (!nearly_as_remembered(&victim, WORKERS)) {
			snprintf(why + strlen(why), sizeof(why) - strlen(why), " (a client that died after it %s)", last_name[last]);
			return false;
		}
	}
	return whole();
}

/* ---- jstrace, or the victim, at the nth system call ---- */

static bool stop_before_exec(void)
{
	return raise(SIGSTOP) == 0;
}

/* A session of jstrace under a tracer from its first system call on. */
static bool step_run(struct step *step)
{
	int status;

	CHECK(run_prepared(&run, &victim, stop_before_exec, SESSION));
	CHECK(waitpid(run.pid, &status, WUNTRACED) == run.pid && WIFSTOPPED(status));
	step->process = step->thread = run.pid;
	if (!step_begin(step)) {
		run_end(&run, SIGKILL);
		return skip("ptrace() is not permitted");
	}
	kill(run.pid, SIGCONT);

	int count = 0;

	while (!atomic_load(&step->ended) && turns(&count, 6000))
		;
	const bool ended = atomic_load(&step->ended);

	if (!ended)
		kill(run.pid, SIGKILL);
	step_end(step);
	run_take(&run, step->status);
	return ended || wrong("jstrace does not end by itself; it says: %s", run.said);
}

/* jstrace's first calls are the linker's and the C library's: whether they fail is not our concern. It begins with this one. */
static bool past_linker;

static bool after_start(long number)
{
	/* raise_descriptor_limit() is among the first things that it does. */
	past_linker |= number == SYS_signalfd4;
	return past_linker;
}

static bool told_truth(const struct run *one)
{
	return (strstr(one->said, "jstrace: ") != NULL) || wrong("jstrace ended with status %x and said nothing", (unsigned)one->status);
}

static bool test_jstrace_killed(void)
{
	int at = 0, total = 0;

	CHECK(loaded());
	for (;; at += soak ? 1 : 3) {
		struct step step = { .at = at, .action = STEP_KILL, .counts = after_start };

		past_linker = false;
		if (!step_run(&step))
			return false;
		const bool hit = atomic_load(&step.hit);

		total += hit;
		run_fini(&run);
		if (!nearly_as_remembered(&victim, WORKERS)) {
			snprintf(why + strlen(why), sizeof(why) - strlen(why), " (jstrace was killed as it called %s, the %dth call)", step_name(step.number), at);
			return false;
		}
		if (!hit)
			break;
	}
	printf("        killed at %d calls of %d\n", total, at);
	CHECK(total > 20);
	return whole();
}

/* Those that can fail for want of something. */
static bool may_fail(long number)
{
	switch (number) {
	case SYS_openat: case SYS_read: case SYS_mmap: case SYS_mprotect: case SYS_madvise: case SYS_memfd_create: case SYS_ftruncate: case SYS_fcntl: case SYS_socket: case SYS_bind: case SYS_listen: case SYS_accept4:
	case SYS_connect: case SYS_getsockname: case SYS_getsockopt: case SYS_sendmsg: case SYS_recvmsg: case SYS_sendto: case SYS_recvfrom: case SYS_ppoll: case SYS_membarrier: case SYS_pidfd_open: case SYS_statx: case SYS_getdents64:
	case SYS_signalfd4: case SYS_rt_tgsigqueueinfo: case SYS_rt_sigtimedwait: case SYS_getresuid: case SYS_uname:
#ifdef SYS_poll
	case SYS_poll:
#endif
		return true;
	default:
		return false;
	}
}

static bool may_fail_after_start(long number)
{
	return after_start(number) && may_fail(number);
}

/* Without a barrier, from one call on, nobody knows who is inside: what the session had is kept then, as it must be (install.h). */
static bool may_fail_on(long number)
{
	return number != SYS_membarrier && may_fail(number);
}

static const int errors[] = { EMFILE, ENOMEM, EAGAIN };

/* A run in which something failed: either all is there, or it says that not. */
static bool honest(const struct run *one)
{
	/* Of one that did not answer in the end, what was counted by then. */
	if (WIFEXITED(one->status) && WEXITSTATUS(one->status) == 0)
		return counted(one, &victim, WORKERS, strstr(one->said, "did not answer as the session ended") ? UINT32_MAX : 1);
	CHECK(WIFEXITED(one->status) && WEXITSTATUS(one->status) == 1);
	return told_truth(one);
}

static bool test_jstrace_fails(void)
{
	int total = 0, refused = 0, n = 0;

	CHECK(loaded());
	for (size_t e = 0; e < sizeof(errors) / sizeof(errors[0]); e++) {
		/* Each error at each call with SOAK=1, else at each third. */
		for (int at = soak ? 0 : (int)e; !soak || at < 1000; at += soak ? 1 : 3) {
			struct step step = { .at = at, .action = n++ % 4 == 3 ? STEP_FAIL_ON : STEP_FAIL, .error = errors[e], .counts = may_fail_after_start };

			past_linker = false;
			forget(&victim);
			const bool ran = step_run(&step);

			if (skipped[0])
				return false;
			const bool hit = atomic_load(&step.hit), good = ran && honest(&run) && nearly_as_remembered(&victim, WORKERS);

			refused += run.status != 0;
			if (!good) {
				snprintf(why + strlen(why), sizeof(why) - strlen(why), " (%s of %s, call %d%s; jstrace ended with %x and said: %.300s)", strerror(errors[e]), step_name(step.number), at,
				         step.action == STEP_FAIL_ON ? " and all later ones" : "", (unsigned)run.status, run.said);
				return false;
			}
			run_fini(&run);
			if (!hit)
				break;
			total++;
		}
	}
	printf("        %d failed calls, by which %d sessions came to nothing\n", total, refused);
	CHECK(total > 20);
	return whole();
}

/* The agent's calls. A session of an ordinary jstrace meanwhile; it ends by itself. */
static bool step_agent(struct step *step)
{
	step->process = victim.pid;
	step->thread = victim.agent;
	if (!step_begin(step))
		return skip("ptrace() is not permitted");
	const bool ran = run_start(&run, &victim, SESSION) && run_wait(&run, 6000);

	step_end(step);
	return ran;
}

static bool test_agent_fails(void)
{
	int total = 0, refused = 0, n = 0;

	CHECK(loaded());
	for (size_t e = 0; e < sizeof(errors) / sizeof(errors[0]); e++) {
		for (int at = soak ? 0 : (int)e; !soak || at < 1000; at += soak ? 1 : 3) {
			const bool on = n++ % 4 == 3;
			struct step step = { .at = at, .action = on ? STEP_FAIL_ON : STEP_FAIL, .error = errors[e], .counts = on ? may_fail_on : may_fail };

			forget(&victim);
			const bool ran = step_agent(&step), hit = atomic_load(&step.hit), good = ran && honest(&run) && nearly_as_remembered(&victim, WORKERS);

			if (skipped[0])
				return false;
			refused += run.status != 0;
			if (!good) {
				snprintf(why + strlen(why), sizeof(why) - strlen(why), " (%s of the agent's %s, call %d%s; jstrace ended with %x and said: %.300s)", strerror(errors[e]), step_name(step.number), at,
				         step.action == STEP_FAIL_ON ? " and all later ones" : "", (unsigned)run.status, run.said ? run.said : "");
				return false;
			}
			run_fini(&run);
			if (!hit)
				break;
			total++;
		}
	}
	printf("        %d failed calls, by which %d sessions came to nothing\n", total, refused);
	CHECK(total > 20);
	/* And now one of which nothing fails. */
	forget(&victim);
	CHECK(run_start(&run, &victim, SESSION) && run_wait(&run, 6000) && run_code(&run, 0) && counted(&run, &victim, WORKERS, 1));
	return whole();
}

static bool test_victim_killed(void)
{
	int at = 0, total = 0;

	for (;; at += soak ? 1 : 12) {
		struct step step = { .at = at, .action = STEP_KILL };

		CHECK(loaded());
		const bool ran = step_agent(&step);

		if (skipped[0])
			return false;
		CHECK(ran);
		const bool hit = atomic_load(&step.hit);

		if (!hit)
			break;
		total++;
		/* Some calls come only after all is over. */
		const bool over = run.status == 0;

		if (over ? !counted(&run, &victim, WORKERS, 1) : !run_code(&run, 1) || !told_truth(&run) || (strstr(run.printed, "\"@n\"") && !counted(&run, &victim, WORKERS, 1))) {
			snprintf(why + strlen(why), sizeof(why) - strlen(why), " (killed as the agent called %s, call %d; jstrace said: %.300s)", step_name(step.number), at, run.said);
			return false;
		}
		CHECK(status_of(&victim) == SIGKILL);
		run_fini(&run);
		end(&victim);
	}
	printf("        killed at %d calls of %d\n", total, at);
	CHECK(total > 5);
	return true;
}

/* Stopped at a step, for longer than jstrace waits; then it goes on. */
static bool test_victim_stopped(void)
{
	int at = 0, total = 0;

	CHECK(loaded());
	for (;; at += soak ? 4 : 40) {
		struct step step = { .at = at, .action = STEP_STOP };

		forget(&victim);
		const bool ran = step_agent(&step), hit = atomic_load(&step.hit);

		kill(victim.pid, SIGCONT);
		if (skipped[0])
			return false;
		CHECK(ran);
		/* What was counted until then is complete, and where it could not be attached that is told. */
		const bool good = (WIFEXITED(run.status) && WEXITSTATUS(run.status) == 0 ? counted(&run, &victim, WORKERS, 1) : run_code(&run, 1) && strstr(run.said, "stopped")) && nearly_as_remembered(&victim, WORKERS);

		if (!good) {
			snprintf(why + strlen(why), sizeof(why) - strlen(why), " (stopped as the agent called %s, call %d; jstrace ended with %x and said: %.300s)", step_name(step.number), at, (unsigned)run.status, run.said);
			return false;
		}
		run_fini(&run);
		if (!hit)
			break;
		total++;
	}
	printf("        stopped at %d calls of %d\n", total, at);
	CHECK(total > 1);
	return whole();
}

const struct fault_case cases_steps[] = {
	{ "a client dies after each message", test_client_dies, false, false },
	{ "kill -9 of jstrace at its system calls", test_jstrace_killed, false, false },
	{ "kill -9 of the target at the agent's system calls", test_victim_killed, false, false },
	{ "SIGSTOP of the target at the agent's system calls", test_victim_stopped, false, false },
	{ "system calls of the agent fail", test_agent_fails, false, false },
	{ "system calls of jstrace fail", test_jstrace_fails, false, false },
	{ NULL, NULL, false, false },
};
