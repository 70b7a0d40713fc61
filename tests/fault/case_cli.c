/*
 * What befalls jstrace while it traces a victim under load, and many of them at once.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness.h"

enum { MANY = 20 };

/* So many events more. */
static bool fired_more(uint64_t events)
{
	return fired(atomic_load(&victim.oracle->worker[0].seen) + events);
}

#define JSON "--format", "json", "--memory", "8MiB", "-p", "PID", "-e"

static bool ended_by(int number)
{
	CHECK(loaded());
	p99(&victim, WORKERS);
	CHECK(turns(&(int){ 0 }, 100) && turns(&(int){ 0 }, 100));
	const double before = p99(&victim, WORKERS);

	CHECK(run_start(&run, &victim, JSON, COUNTING, NULL) && run_attached(&run));
	CHECK(fired_more(2000));
	CHECK(run_end(&run, number) && run_code(&run, 0));
	printf("        99 %% of the requests took less than %.0f us before, %.0f us while traced\n", before / 1000, p99(&victim, WORKERS) / 1000);
	CHECK(counted(&run, &victim, WORKERS, 1));
	return whole();
}

static bool test_interrupted(void)
{
	return ended_by(SIGINT);
}

static bool test_terminated(void)
{
	return ended_by(SIGTERM);
}

static bool test_hung_up(void)
{
	return ended_by(SIGHUP);
}

/* At any moment from its first call on: before it has caught it, it dies of it; after that it ends in order. */
static bool test_interrupted_early(void)
{
	CHECK(loaded());
	for (int i = 0; i < (soak ? 1000 : 25); i++) {
		CHECK(run_start(&run, &victim, JSON, COUNTING, NULL));
		usleep((useconds_t)(i * 900 % 23000));
		CHECK(run_end(&run, SIGINT));
		CHECK((WIFSIGNALED(run.status) && WTERMSIG(run.status) == SIGINT) || run_code(&run, 0) || run_code(&run, 1));
		CHECK(nearly_as_remembered(&victim, WORKERS));
		run_fini(&run);
		why[0] = 0;
	}
	return whole();
}

/* Past the lease; when it goes on it says what happened. */
static bool test_stopped(void)
{
	int count = 0;

	CHECK(loaded());
	CHECK(run_start(&run, &victim, JSON, COUNTING, NULL) && run_attached(&run));
	CHECK(fired_more(1000));
	kill(run.pid, SIGSTOP);
	while (footprint_of(&victim).maps != victim.before.maps && turns(&count, JST_LEASE_MS + 2000))
		;
	CHECK(as_remembered(&victim, WORKERS));
	kill(run.pid, SIGCONT);
	CHECK(run_end(&run, 0) && run_code(&run, 1));
	CHECK(strstr(run.said, "closed the session: jstrace was stopped"));
	CHECK(counted(&run, &victim, WORKERS, 1));
	return whole();
}

static bool close_reader(void)
{
	int ends[2];

	return pipe(ends) == 0 && close(ends[0]) == 0 && dup2(ends[1], 1) == 1 && close(ends[1]) == 0;
}

static bool test_no_reader(void)
{
	CHECK(loaded());
	CHECK(run_prepared(&run, &victim, close_reader, "-p", "PID", "-e", "work:step { printf(\"%d\\n\", n); }", NULL));
	CHECK(run_end(&run, 0) && run_code(&run, 1));
	return whole();
}

static bool test_closed_output(void)
{
	CHECK(loaded());
	CHECK(run_start(&run, &victim, "-o", "/dev/full", "-p", "PID", "-e", COUNTING, NULL) && run_attached(&run));
	CHECK(run_end(&run, SIGINT) && run_code(&run, 1) && strstr(run.said, "cannot write the results: No space left on device"));
	run_fini(&run);
	/* Records fill it at once; it ends by itself. */
	CHECK(run_start(&run, &victim, "-o", "/dev/full", "-p", "PID", "-e", "work:step { printf(\"%d\\n\", n); }", NULL));
	CHECK(run_end(&run, 0) && run_code(&run, 1) && strstr(run.said, "cannot write the results: No space left on device"));
	return whole();
}

static bool little_file(void)
{
	const struct rlimit limit = { 8192, 8192 };

	return setrlimit(RLIMIT_FSIZE, &limit) == 0;
}

static bool test_file_limit(void)
{
	CHECK(loaded());
	CHECK(run_prepared(&run, &victim, little_file, "-p", "PID", "-e", "work:step { printf(\"%d\\n\", n); }", NULL));
	CHECK(run_end(&run, 0) && run_code(&run, 1) && strstr(run.said, "cannot write the results: File too large"));
	return whole();
}

static bool test_two(void)
{
	CHECK(loaded());
	CHECK(run_start(&run, &victim, JSON, COUNTING, NULL) && run_attached(&run));
	CHECK(run_start(&second_run, &victim, JSON, COUNTING, NULL) && run_attached(&second_run));
	CHECK(fired_more(2000));
	CHECK(run_end(&run, SIGINT) && run_code(&run, 0));
	CHECK(fired_more(1000));
	CHECK(run_end(&second_run, SIGKILL));
	/* The words stay on as long as any of them looks: the first saw a part of what was fired, without a gap. */
	CHECK(counted(&run, &victim, WORKERS, UINT32_MAX) && run_value(&run, "@n", 0) > 2000);
	return whole();
}

static bool test_twenty(void)
{
	static struct run many[MANY];
	int traced = 0, refused = 0;

	CHECK(loaded());
	for (int i = 0; i < MANY; i++)
		CHECK(run_start(&many[i], &victim, JSON, COUNTING, NULL));
	/* Until each is attached or has ended, for there is no room for it. */
	for (int i = 0; i < MANY; i++)
		for (int count = 0; !run_says(&many[i], "attached to process", 0) && !run_ended(&many[i]);)
			CHECK(turns(&count, 20000));
	why[0] = 0;
	CHECK(fired_more(1000));
	for (int i = 0; i < MANY; i++) {
		CHECK(run_end(&many[i], SIGINT));
		if (run_code(&many[i], 0)) {
			CHECK(counted(&many[i], &victim, WORKERS, UINT32_MAX) && run_value(&many[i], "@n", 0) > 0);
			traced++;
		} else {
			why[0] = 0;
			CHECK(run_code(&many[i], 1) && strstr(many[i].said, "sessions trace this process already"));
			refused++;
		}
		run_fini(&many[i]);
	}
	CHECK(traced == JST_MAX_SESSIONS && refused == MANY - JST_MAX_SESSIONS);
	return whole();
}

/* Sessions one after the other, by a client that is quick, and every tenth by jstrace. */
static bool test_cycles(void)
{
	struct jst_program *program = client_count_program("work:*");
	const int rounds = soak ? 10000 : 50;

	CHECK(loaded());
	for (int i = 0; i < rounds; i++) {
		if (i % 10 == 9) {
			CHECK(nearly_as_remembered(&victim, WORKERS));
			forget(&victim);
			CHECK(run_start(&run, &victim, "--duration", "10ms", JSON, COUNTING, NULL) && run_wait(&run, 5000) && run_code(&run, 0) && counted(&run, &victim, WORKERS, 1));
			run_fini(&run);
		} else {
			CHECK(client_attach(&client, victim.pid) && client_load(&client, program, program->size, 8 << 20) && client_ask(&client, JST_MESSAGE_START, JST_MESSAGE_STARTED, NULL));
			if (i % 3)
				CHECK(client_ask(&client, JST_MESSAGE_STOP, JST_MESSAGE_STOPPED, NULL));
			client_close(&client);
		}
		/* Memory of more than one round is in it only until the agent has heard of the end. */
		if (i % 10 == 0)
			CHECK(nearly_as_remembered(&victim, WORKERS));
	}
	free(program);
	return whole();
}

const struct fault_case cases_cli[] = {
	{ "Ctrl-C", test_interrupted, false, false },
	{ "SIGTERM", test_terminated, false, false },
	{ "SIGHUP", test_hung_up, false, false },
	{ "Ctrl-C at any moment from the start on", test_interrupted_early, false, false },
	{ "nobody reads the output", test_no_reader, false, false },
	{ "the disk is full", test_closed_output, false, false },
	{ "the output may not grow", test_file_limit, false, false },
	{ "two at once", test_two, false, false },
	{ "twenty at once", test_twenty, false, false },
	{ "sessions come and go", test_cycles, false, false },
	{ "stopped past its lease", test_stopped, false, false },
	{ NULL, NULL, false, false },
};
