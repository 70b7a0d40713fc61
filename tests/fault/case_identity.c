/*
 * Who it is: processes that are not what they seem, markers that lie, other users, other namespaces, other versions.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "harness.h"

#define TO_PID "--format", "json", "--memory", "8MiB", "-p", "PID", "-e"

/* ---- impostors: processes without the library that have a marker ---- */

enum lie { MAGIC, ABI_OLD, ABI_NEW, ABI_MIXED, PID, TID_NEGATIVE, TID_FOREIGN, START_TIME, FILTERS, DOORBELL, NAME_OPEN, NAME_FOREIGN, NAME_NOBODY, STATE, ODD, ALL_ONES, ALL_ZERO, SHORT, UNSEALED, LIES };

static const char *const lie_name[LIES] = {
	"magic", "an older version", "a newer version", "versions that make no sense", "pid", "a tid below 0", "another process's tid", "start time", "filters", "the doorbell's value", "a name without an end",
	"the name of another's socket", "the name of a socket that is not there", "state", "a name that always changes", "ones", "zeroes", "a short file", "no seals",
};

static struct victim impostor[LIES];

static uint64_t start_time(void)
{
	char text[1024] = "";
	const int fd = open("/proc/self/stat", O_RDONLY | O_CLOEXEC);
	uint64_t time = 0;

	if (read(fd, text, sizeof(text) - 1) > 0)
		sscanf(strrchr(text, ')') + 2, "%*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %*d %*d %llu", (unsigned long long *)&time);
	close(fd);
	return time;
}

/* In the impostor: a marker as the library makes it, but for one lie. SIGUSR2 would be its death. */
static void pose(enum lie lie, const char *foreign)
{
	const int fd = memfd_create(JST_MARKER_NAME, MFD_CLOEXEC | MFD_ALLOW_SEALING);
	const size_t size = lie == SHORT ? 16 : 4096;

	if (fd < 0 || ftruncate(fd, (off_t)size) < 0)
		_exit(1);
	struct jst_marker *marker = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	if (lie != UNSEALED)
		fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL | 0x10);
	prctl(PR_SET_NAME, JST_AGENT_COMM, 0, 0, 0);
	if (lie != SHORT) {
		*marker = (struct jst_marker){ .magic = JST_MARKER_MAGIC, .abi_min = JST_ABI_MIN, .abi_max = JST_ABI_MAX, .pid = getpid(), .agent_tid = getpid(), .start_time = start_time(), .listening = 2, .state = JST_MARKER_READY };
		strcpy(marker->socket_name, "jstrace-nobody");
	}
	switch (lie) {
	case MAGIC: marker->magic ^= 1; break;
	case ABI_OLD: marker->abi_min = marker->abi_max = 1; break;
	case ABI_NEW: marker->abi_min = JST_ABI_MAX + 1, marker->abi_max = JST_ABI_MAX + 9; break;
	case ABI_MIXED: marker->abi_min = ~0U, marker->abi_max = 0; break;
	case PID: marker->pid = 1; break;
	case TID_NEGATIVE: marker->agent_tid = -getpid(); break;
	case TID_FOREIGN: marker->agent_tid = getppid(); break;
	case START_TIME: marker->start_time ^= 0xff; break;
	case FILTERS: marker->filters = -1; break;
	case DOORBELL: marker->doorbell = ~0U; break;
	case NAME_OPEN: memset(marker->socket_name, 'x', sizeof(marker->socket_name)); break;
	case NAME_FOREIGN: snprintf(marker->socket_name, sizeof(marker->socket_name), "%s", foreign); break;
	case STATE: marker->state = 77; break;
	case ODD: marker->listening = 3; break;
	case ALL_ONES: memset(marker, 0xff, sizeof(*marker)); break;
	case ALL_ZERO: memset(marker, 0, sizeof(*marker)); break;
	default: break;
	}
}

/* A pipe whose end tells that the child has posed. */
static bool start_impostor(enum lie lie, const char *foreign)
{
	int ready[2];
	char byte;

	if (pipe2(ready, O_CLOEXEC) < 0)
		return false;
	memset(&impostor[lie], 0, sizeof(impostor[lie]));
	impostor[lie].pid = fork();
	if (impostor[lie].pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		/* Where the marker says that the agent is this very thread, it asks for the signal itself; where it says otherwise none may come. */
		const bool asks = lie >= FILTERS && lie <= NAME_NOBODY;

		signal(SIGUSR2, asks || lie == STATE || lie == ODD ? SIG_IGN : SIG_DFL);
		pose(lie, foreign);
		if (write(ready[1], "", 1) != 1)
			_exit(1);
		for (;;)
			pause();
	}
	const bool posed = read(ready[0], &byte, 1) == 1;

	close(ready[0]);
	close(ready[1]);
	return posed;
}

/* Another's socket, which would hear what is meant for the agent. */
static int listen_as(const char *name)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	const int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	strcpy(address.sun_path + 1, name);
	if (bind(fd, (struct sockaddr *)&address, (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + strlen(name))) < 0 || listen(fd, 4) < 0)
		return -1;
	return fd;
}

static bool test_markers(void)
{
	static struct run runs[LIES];
	char foreign[32];
	bool good = true;

	snprintf(foreign, sizeof(foreign), "fault-%d", (int)getpid());
	const int listener = listen_as(foreign);

	CHECK(listener >= 0);
	/* Side by side, since jstrace takes its time for some of them. */
	for (enum lie lie = 0; lie < LIES; lie++) {
		CHECK(start_impostor(lie, foreign));
		CHECK(run_start(&runs[lie], &impostor[lie], TO_PID, COUNTING, NULL));
	}
	for (enum lie lie = 0; lie < LIES; lie++) {
		struct run *one = &runs[lie];
		const bool ended = run_end(one, 0) && run_code(one, 1) && strstr(one->said, "jstrace: ");
		int status;
		const bool lives = waitpid(impostor[lie].pid, &status, WNOHANG) == 0;

		if (lives) {
			kill(impostor[lie].pid, SIGKILL);
			waitpid(impostor[lie].pid, NULL, 0);
		}
		if (!ended || !lives || (lie == NAME_FOREIGN && !strstr(one->said, "belongs to process"))) {
			snprintf(why + strlen(why), sizeof(why) - strlen(why), " (a marker that lies about %s; it %s; jstrace said: %.300s)", lie_name[lie], lives ? "lives" : "was killed", one->said ? one->said : "");
			good = false;
		}
		run_fini(one);
	}
	if (!good) {
		close(listener);
		return false;
	}
	/* Who was connected to there got nothing. */
	const int got = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	char byte;
	const bool silent = got < 0 || recv(got, &byte, 1, MSG_DONTWAIT) <= 0;

	if (got >= 0)
		close(got);
	close(listener);
	CHECK(silent);
	return true;
}

/* ---- pids ---- */

static bool be_nobody(void)
{
	return setgid(65534) == 0 && setuid(65534) == 0;
}

/* Of another user: nothing is done to it, and it is said whose it is. */
static bool test_other_user(void)
{
	CHECK(start(&victim) && done(&victim, "load %d", WORKERS) && remember(&victim));
	CHECK(run_prepared(&run, &victim, be_nobody, TO_PID, COUNTING, NULL) && run_end(&run, 0) && run_code(&run, 1));
	CHECK(strstr(run.said, "no permission to trace process"));
	CHECK(as_remembered(&victim, WORKERS));
	CHECK(done(&victim, "rest"));
	return unharmed(&victim);
}

/* What the kernel counts the start of processes in: ticks of 10 ms since it began. */
static uint64_t ticks(void)
{
	struct timespec now;

	clock_gettime(CLOCK_BOOTTIME, &now);
	return (uint64_t)now.tv_sec * 100 + (uint64_t)now.tv_nsec / 10000000;
}

/* The pid was somebody's that was found and has ended since: who has it now is not signalled, nor traced. */
static bool test_recycled(void)
{
	char number[24];
	bool again = false;

	for (int i = 0; i < 50 && !again; i++) {
		CHECK(start(&victim) && client_find(&client, victim.pid));
		const pid_t pid = victim.pid;

		end(&victim);
		/* Of two that began in the same tick nobody could tell one from the other. */
		while (ticks() <= client.marker->start_time + 1)
			poll(NULL, 0, 1);
		snprintf(number, sizeof(number), "%d", (int)pid - 1);
		const int fd = open("/proc/sys/kernel/ns_last_pid", O_WRONLY | O_CLOEXEC);

		if (fd < 0 || write(fd, number, strlen(number)) < 0) {
			if (fd >= 0)
				close(fd);
			return skip("pids cannot be chosen here");
		}
		close(fd);
		CHECK(start(&victim));
		again = victim.pid == pid;
		if (!again) {
			end(&victim);
			client_close(&client);
		}
	}
	if (!again)
		return skip("no pid could be had again: others start processes, too");
	CHECK(done(&victim, "load %d", WORKERS) && remember(&victim));
	const uint64_t other_time = client.marker->start_time;

	for (int i = 0; i < 20; i++)
		client_ring(&client);
	/* Whoever connects all the same is told that it is another. */
	CHECK(client_find(&second_client, victim.pid) && client_connect(&second_client));
	const bool greeted = client_hello(&second_client, victim.pid, other_time, JST_ABI_MIN, JST_ABI_MAX);
	const uint32_t refusal = second_client.refusal;

	client_close(&second_client);
	CHECK(other_time == 0 || !greeted || refusal == JST_REFUSAL_IDENTITY);
	CHECK(as_remembered(&victim, WORKERS));
	CHECK(done(&victim, "rest"));
	return unharmed(&victim);
}

/* ---- the library twice in one process ---- */

static bool preload_second(void)
{
	char path[600];

	snprintf(path, sizeof(path), "%s/second.so", build_folder);
	return setenv("LD_PRELOAD", path, 1) == 0;
}

static bool test_twice(void)
{
	int count = 0;

	CHECK(start_prepared(&victim, NULL, preload_second));
	CHECK(done(&victim, "load %d", WORKERS));
	CHECK(remember(&victim));
	/* Both have their agents. */
	while (look_count(victim.pid, "task") < 2 + 1 + WORKERS + 2)
		CHECK(turns(&count, 5000));
	victim.before = footprint_of(&victim);
	CHECK(run_start(&run, &victim, "--duration", "200ms", TO_PID, COUNTING " second:step { @second = count(); }", NULL) && run_end(&run, 0));
	/* Either of them may answer; what it knows of is counted right. */
	CHECK((run_code(&run, 0) && (run_value(&run, "@n", 0) < 0 || counted(&run, &victim, WORKERS, 1))) || (run_code(&run, 1) && strstr(run.said, "jstrace: ")));
	CHECK(as_remembered(&victim, WORKERS));
	CHECK(done(&victim, "rest"));
	return unharmed(&victim);
}

/* ---- more rights than the caller ---- */

static bool copy_file(const char *from, const char *to, mode_t mode)
{
	char bytes[65536];
	ssize_t got;
	const int in = open(from, O_RDONLY | O_CLOEXEC), out = open(to, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0755);

	while ((got = read(in, bytes, sizeof(bytes))) > 0)
		if (write(out, bytes, (size_t)got) != got)
			break;
	const bool good = got == 0 && fchown(out, 65534, 65534) == 0 && fchmod(out, mode) == 0;

	close(in);
	close(out);
	return good;
}

static bool test_setuid(void)
{
	char from[600], to[600], folder[512];
	const enum form before = form;
	struct stat stat;

	snprintf(from, sizeof(from), "%s/victim", build_folder);
	snprintf(to, sizeof(to), "%s/victim", work_folder);
	CHECK(copy_file(from, to, 04755) && lstat(to, &stat) == 0 && stat.st_mode & S_ISUID);
	/* It is run from there, as root, which it then is not. */
	memcpy(folder, build_folder, sizeof(folder));
	memcpy(build_folder, work_folder, sizeof(folder));
	form = OF_LIBC;
	const bool started = start(&victim) && done(&victim, "fire 10");

	form = before;
	memcpy(build_folder, folder, sizeof(folder));
	unlink(to);
	CHECK(started);
	if (atol(look_status(victim.pid, victim.pid, "Uid") + 2) != 65534)
		return skip("setuid has no effect where the tests run");
	CHECK(run_start(&run, &victim, TO_PID, COUNTING, NULL) && run_end(&run, 0) && run_code(&run, 1));
	CHECK(strstr(run.said, "was started with more rights than its caller"));
	CHECK(tell(&victim, "quit"));
	return WEXITSTATUS(status_of(&victim)) == 7 || wrong("it did not end with 7");
}

/* ---- namespaces ---- */

static bool traced_elsewhere(void)
{
	CHECK(done(&victim, "load %d", WORKERS) && remember(&victim));
	CHECK(run_start(&run, &victim, "--duration", "100ms", TO_PID, COUNTING, NULL) && run_end(&run, 0) && run_code(&run, 0));
	CHECK(counted(&run, &victim, WORKERS, 1) && run_value(&run, "@n", 0) > 0);
	CHECK(as_remembered(&victim, WORKERS));
	CHECK(done(&victim, "rest"));
	return true;
}

static bool unshare_mounts(void)
{
	return unshare(CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWUTS | CLONE_NEWIPC) == 0;
}

static bool test_namespaces(void)
{
	const enum form before = form;

	form = OF_LIBC; /* its privileges are needed to get there */
	const bool started = start_prepared(&victim, NULL, unshare_mounts);

	form = before;
	CHECK(started);
	CHECK(traced_elsewhere());
	return unharmed(&victim);
}

/* The child is the victim: the first process of its namespace. */
static bool unshare_pids(void)
{
	if (unshare(CLONE_NEWPID | CLONE_NEWNET) < 0)
		return false;
	const pid_t child = fork();

	if (child > 0)
		_exit(0);
	return child == 0;
}

static bool test_pid_namespace(void)
{
	const enum form before = form;
	char path[64], text[64] = "";

	form = OF_LIBC;
	const bool started = start_prepared(&victim, NULL, unshare_pids);

	form = before;
	CHECK(started);
	CHECK(done(&victim, "fire 1")); /* it is there, and by now a child of ours */
	CHECK(status_of(&victim) == 0);
	snprintf(path, sizeof(path), "/proc/self/task/%d/children", (int)getpid());
	const int fd = open(path, O_RDONLY | O_CLOEXEC);
	const ssize_t got = read(fd, text, sizeof(text) - 1);

	close(fd);
	if (got <= 0)
		return skip("children cannot be listed here");
	for (char *word = strtok(text, " "); word; word = strtok(NULL, " "))
		victim.pid = (pid_t)atoi(word);
	CHECK(traced_elsewhere());
	CHECK(strcmp(ask(&victim, "quit"), "harm 0") == 0);
	return WEXITSTATUS(status_of(&victim)) == 7 || wrong("it did not end with 7");
}

/* ---- versions ---- */

/* Clients of other versions are told so, and an older one that is known still is served. */
static bool test_versions(void)
{
	static const struct {
		uint32_t min, max;
		bool fits;
	} versions[] = { { 1, 1, false }, { 0, 0, false }, { JST_ABI_MAX + 1, ~0U, false }, { ~0U, 0, false }, { 1, JST_ABI_MIN, true }, { JST_ABI_MAX, JST_ABI_MAX + 5, true } };

	CHECK(start(&victim) && done(&victim, "load %d", WORKERS) && remember(&victim));
	for (size_t i = 0; i < sizeof(versions) / sizeof(versions[0]); i++) {
		struct jst_program *program = client_count_program("work:*");

		CHECK(client_find(&client, victim.pid) && client_connect(&client));
		const bool fits = client_hello(&client, victim.pid, client.marker->start_time, versions[i].min, versions[i].max);

		if (fits != versions[i].fits)
			return wrong("versions %u to %u: %s", versions[i].min, versions[i].max, fits ? "served" : client_error);
		CHECK(fits ? client_load(&client, program, program->size, 8 << 20) && client_ask(&client, JST_MESSAGE_START, JST_MESSAGE_STARTED, NULL) : client.refusal == JST_REFUSAL_VERSION);
		free(program);
		client_close(&client);
	}
	CHECK(as_remembered(&victim, WORKERS));
	CHECK(done(&victim, "rest"));
	return unharmed(&victim);
}

const struct fault_case cases_identity[] = {
	{ "markers that lie", test_markers, false, false },
	{ "another user's process", test_other_user, true, false },
	{ "a pid that is used again", test_recycled, true, false },
	{ "the library twice", test_twice, false, false },
	{ "a setuid program", test_setuid, true, false },
	{ "other mount and network namespaces", test_namespaces, true, false },
	{ "another pid namespace", test_pid_namespace, true, false },
	{ "other versions", test_versions, false, false },
	{ NULL, NULL, false, false },
};
