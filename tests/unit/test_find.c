/*
 * Finding targets, and telling why something is none.
 */
#include "fake_target.h"

#include <pthread.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#include "find.h"
#include "times.h"

static char reason[FIND_REASON];
static struct process process;

static void check_refused(pid_t pid, const char *words)
{
	enum find_result result = find_process(pid, &process, reason);
	const int64_t deadline = times_now() + 5000 * TIMES_MS;

	while (result == FIND_NOT_YET && times_now() < deadline) /* young processes get a chance */
		result = find_process(pid, &process, reason);
	ck_assert_int_eq(result, FIND_REFUSED);
	ck_assert_msg(strstr(reason, words) != NULL, "%s", reason);
	ck_assert_ptr_null(strchr(reason, '\n'));
}

START_TEST(no_process)
{
	pid_t pid = fork();

	if (pid == 0)
		_exit(0);
	siginfo_t information;

	ck_assert_int_eq(waitid(P_PID, (id_t)pid, &information, WEXITED | WNOWAIT), 0);
	check_refused(pid, "has exited"); /* a zombie */
	waitpid(pid, NULL, 0);
	check_refused(pid, "no process");
}
END_TEST

START_TEST(without_library)
{
	pid_t pid = fork();

	if (pid == 0)
		for (;;)
			pause();
	check_refused(pid, "not instrumented");
	ck_assert_ptr_nonnull(strstr(reason, "libjstrace"));
	fake_end(pid);
}
END_TEST

static void *linger(void *tid)
{
	atomic_store((_Atomic pid_t *)tid, (pid_t)syscall(SYS_gettid));
	for (;;)
		pause();
	return NULL;
}

START_TEST(thread_id)
{
	_Atomic pid_t tid = 0;
	pthread_t thread;
	char expected[32];

	ck_assert_int_eq(pthread_create(&thread, NULL, linger, (void *)&tid), 0);
	while (atomic_load(&tid) == 0)
		usleep(100);
	snprintf(expected, sizeof(expected), "use -p %d", (int)getpid());
	check_refused(tid, expected);
}
END_TEST

START_TEST(kernel_thread)
{
	struct proc_stat stat;

	/* kthreadd, where we are not in a container. */
	if (!proc_stat(2, &stat) || strcmp(stat.comm, "kthreadd") != 0 || geteuid() != 0)
		return;
	check_refused(2, "kernel thread");
}
END_TEST

START_TEST(marker_found)
{
	const struct fake fake = { .seals = FAKE_SEALS };
	pid_t pid = fake_start(&fake);
	struct proc_stat stat;

	ck_assert_int_eq(find_process(pid, &process, reason), FIND_FOUND);
	ck_assert(proc_stat(pid, &stat));
	ck_assert_int_eq(process.pid, pid);
	ck_assert_int_eq(process.agent, pid);
	ck_assert_uint_eq(process.start_time, stat.start_time);
	ck_assert_uint_eq(process.uid, getuid());
	ck_assert_uint_eq(process.gid, getgid());
	ck_assert_str_eq(process.comm, stat.comm);
	ck_assert(process_alive(&process));
	ck_assert(process_has_marker(&process));
	ck_assert(process_state(&process) != 0);

	int status;

	kill(pid, SIGKILL);
	siginfo_t information;

	ck_assert_int_eq(waitid(P_PID, (id_t)pid, &information, WEXITED | WNOWAIT), 0);
	ck_assert(!process_alive(&process));
	ck_assert(process_status(&process, &status));
	ck_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	waitpid(pid, NULL, 0);
	ck_assert(!process_alive(&process));
	ck_assert(!process_has_marker(&process));
	process_fini(&process);
}
END_TEST

static void other_version(struct jst_marker *marker)
{
	marker->abi_min = marker->abi_max = JST_ABI_MAX + 1;
}

static void disabled(struct jst_marker *marker)
{
	marker->state = JST_MARKER_DISABLED;
}

static void bad_magic(struct jst_marker *marker)
{
	marker->magic++;
}

static void bad_agent(struct jst_marker *marker)
{
	marker->agent_tid = 1; /* somebody else, who must not be signalled */
}

START_TEST(marker_refused)
{
	static const struct {
		struct fake fake;
		const char *words;
	} rows[] = {
		{ { .seals = FAKE_SEALS, .change = other_version }, "incompatible" },
		{ { .seals = FAKE_SEALS, .name = "jstrace:2" }, "incompatible" },
		{ { .seals = FAKE_SEALS, .change = disabled }, "jstrace_disable" },
		{ { .seals = FAKE_SEALS, .change = bad_magic }, "makes no sense" },
		{ { .seals = FAKE_SEALS, .change = bad_agent }, "thread is gone" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		pid_t pid = fake_start(&rows[i].fake);

		check_refused(pid, rows[i].words);
		fake_end(pid);
	}
}
END_TEST

/* That we have no descriptors left says nothing about a process, wherever the search is by then. */
START_TEST(no_descriptors)
{
	const struct fake fake = { .seals = FAKE_SEALS };
	pid_t pid = fake_start(&fake);
	struct rlimit before, limit;
	int least = dup(0);

	close(least);
	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &before), 0);
	limit = before;
	for (int more = 0; more < 4; more++) {
		limit.rlim_cur = (rlim_t)(least + more);
		ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
		ck_assert_int_eq(find_process(pid, &process, reason), FIND_REFUSED);
		ck_assert_msg(strstr(reason, strerror(EMFILE)) != NULL, "%s", reason);
	}
	setrlimit(RLIMIT_NOFILE, &before);
	fake_end(pid);
}
END_TEST

static void not_ready(struct jst_marker *marker)
{
	marker->state = JST_MARKER_ABSENT;
}

static void other_pid(struct jst_marker *marker)
{
	marker->pid++;
}

static void other_start(struct jst_marker *marker)
{
	marker->start_time++;
}

/* A marker that is not this process's, or not whole: it may become so, and nothing is done with it before. */
START_TEST(marker_not_yet)
{
	static const struct fake rows[] = {
		{ .seals = FAKE_SEALS, .change = not_ready },
		{ .seals = FAKE_SEALS, .change = other_pid },
		{ .seals = FAKE_SEALS, .change = other_start },
		{ .seals = F_SEAL_GROW }, /* could be cut short under our eyes */
		{ .seals = FAKE_SEALS, .no_descriptor = true },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		pid_t pid = fake_start(&rows[i]);

		ck_assert_int_eq(find_process(pid, &process, reason), FIND_NOT_YET);
		ck_assert_ptr_nonnull(strstr(reason, "not ready"));
		ck_assert_ptr_null(process.marker);
		ck_assert_int_eq(process.pidfd, -1);
		fake_end(pid);
	}
}
END_TEST

/* A file that is merely called like a marker is none. */
START_TEST(file_named_like_marker)
{
	const char path[] = "/tmp/memfd:jstrace:1";
	int fd = open(path, O_RDWR | O_CREAT, 0600);
	pid_t pid = fork();

	ck_assert_int_ge(fd, 0);
	if (pid == 0) {
		if (ftruncate(fd, 4096) < 0 || mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0) == MAP_FAILED)
			_exit(3);
		unlink(path);
		for (;;)
			pause();
	}
	close(fd);
	check_refused(pid, "not instrumented");
	fake_end(pid);
	unlink(path);
}
END_TEST

static struct visited {
	pid_t pid[64];
	int count;
} visited;

static void visit(void *context, pid_t pid)
{
	struct visited *list = context;

	if (list->count < 64)
		list->pid[list->count++] = pid;
}

static int times_visited(pid_t pid)
{
	int times = 0;

	for (int i = 0; i < visited.count; i++)
		times += visited.pid[i] == pid;
	return times;
}

START_TEST(scanning)
{
	const struct fake fake = { .seals = FAKE_SEALS };
	struct finder *finder = finder_new();
	pid_t first = fake_start(&fake), second;

	visited.count = 0;
	finder_scan(finder, visit, &visited);
	ck_assert_int_eq(times_visited(first), 1);
	ck_assert_int_eq(times_visited(getpid()), 0);

	second = fake_start(&fake);
	finder_scan(finder, visit, &visited);
	ck_assert_int_eq(times_visited(first), 1);
	ck_assert_int_eq(times_visited(second), 1);

	finder_retry(finder, second);
	finder_scan(finder, visit, &visited);
	ck_assert_int_eq(times_visited(second), 2);

	fake_end(first);
	fake_end(second);
	finder_scan(finder, visit, &visited);
	ck_assert_int_eq(times_visited(first), 1);
	ck_assert_int_eq(times_visited(second), 2);
	finder_free(finder);
}
END_TEST

START_TEST(titles)
{
	static const struct {
		const char *glob;
		bool matches;
	} rows[] = { { "node", true }, { "api*", true }, { "/usr/bin/api-server --port 7", true }, { "api-server", true }, { "*port*", true }, { "server", false }, { "API*", false }, { "no", false } };

	struct process named = { .comm = "node", .title = "/usr/bin/api-server --port 7" };

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		ck_assert_msg(process_matches(&named, &rows[i].glob, 1) == rows[i].matches, "%s", rows[i].glob);
}
END_TEST

START_TEST(stat_of_odd_names)
{
	struct proc_stat stat;
	pid_t pid = fork();

	if (pid == 0) {
		prctl(PR_SET_NAME, ") S 1 (\n x");
		for (;;)
			pause();
	}
	const int64_t deadline = times_now() + 5000 * TIMES_MS;

	do
		ck_assert(proc_stat(pid, &stat));
	while (strcmp(stat.comm, ") S 1 (\n x") != 0 && times_now() < deadline);
	ck_assert_str_eq(stat.comm, ") S 1 (\n x");
	ck_assert(stat.state == 'S' || stat.state == 'R');
	ck_assert_uint_gt(stat.start_time, 0);
	ck_assert_int_eq(proc_status_number(pid, 0, "Tgid", false), pid);
	ck_assert_int_eq(proc_status_number(pid, 0, "NSpid", true), pid);
	ck_assert_int_eq(proc_status_number(pid, 0, "Nonsense", false), -1);
	fake_end(pid);
	ck_assert_int_eq(proc_status_number(pid, 0, "Tgid", false), -1);
}
END_TEST

int main(void)
{
	fake_need_pidfd();

	Suite *suite = suite_create("find");
	TCase *tests = tcase_create("find");

	tcase_set_timeout(tests, 30);
	tcase_add_test(tests, no_process);
	tcase_add_test(tests, without_library);
	tcase_add_test(tests, thread_id);
	tcase_add_test(tests, kernel_thread);
	tcase_add_test(tests, marker_found);
	tcase_add_test(tests, marker_refused);
	tcase_add_test(tests, no_descriptors);
	tcase_add_test(tests, marker_not_yet);
	tcase_add_test(tests, file_named_like_marker);
	tcase_add_test(tests, scanning);
	tcase_add_test(tests, titles);
	tcase_add_test(tests, stat_of_odd_names);
	suite_add_tcase(suite, tests);

	SRunner *runner = srunner_create(suite);

	srunner_run_all(runner, CK_ENV);

	int failed = srunner_ntests_failed(runner);

	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
