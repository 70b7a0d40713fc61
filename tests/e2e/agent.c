/*
 * Targets traced by the test client: the handshake, sessions and their ends, children, objects that come and go, refusals, and the program's own SIGUSR2. One line a test; the last line counts.
 *
 * All of it twice: with an agent that libc does not know of, in targets without privileges, and with one that is a thread of libc's, in privileged targets or, where there are no privileges to be had, in such as are refused the other one.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <linux/securebits.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "client.h"
#include "look.h"

struct target {
	pid_t pid;
	pid_t traced; /* the process that answers: another after "fork" */
	FILE *to, *from;
	char line[256];
};

static enum form { RAW, OF_LIBC } form; /* of the targets' agents */
static bool refuse_raw;                 /* by a filter, not by privileges */

static char folder[512];
static const char *why; /* of a failed check */
static int why_line;

#define CHECK(condition) \
	do { \
		if (!(condition)) { \
			why = #condition; \
			why_line = __LINE__; \
			return false; \
		} \
	} while (0)

static bool has_privileges(void)
{
	struct __user_cap_header_struct head = { _LINUX_CAPABILITY_VERSION_3, 0 };
	struct __user_cap_data_struct set[_LINUX_CAPABILITY_U32S_3];

	return syscall(SYS_capget, &head, set) == 0 && (set[0].permitted || set[1].permitted);
}

/* For good, and for what is exec'd too. */
static bool drop_privileges(void)
{
	struct __user_cap_header_struct head = { _LINUX_CAPABILITY_VERSION_3, 0 };
	const struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = { { 0, 0, 0 } };

	return !has_privileges() || (prctl(PR_SET_SECUREBITS, SECBIT_NOROOT) == 0 && syscall(SYS_capset, &head, none) == 0);
}

/* A thread may be made by clone3(), as libc does, whose flags no filter sees, but not by clone(). */
static bool forbid_clone(void)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_clone, 0, 3),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[0])),
		BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, CLONE_THREAD, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = { sizeof(code) / sizeof(code[0]), code };

	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

/* In the target to be: what makes its agent one of the form. */
static bool take_form(void)
{
	if (form == RAW)
		return drop_privileges();
	return !refuse_raw || (drop_privileges() && forbid_clone());
}

static bool start(struct target *target)
{
	int to[2], from[2];
	char path[600];

	if (pipe2(to, O_CLOEXEC) < 0 || pipe2(from, O_CLOEXEC) < 0)
		return false;
	snprintf(path, sizeof(path), "%s/target", folder);
	target->pid = target->traced = fork();
	if (target->pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		dup2(to[0], 0);
		dup2(from[1], 1);
		if (!take_form())
			_exit(126);
		execl(path, path, (char *)NULL);
		_exit(127);
	}
	close(to[0]);
	close(from[1]);
	target->to = fdopen(to[1], "w");
	target->from = fdopen(from[0], "r");
	setvbuf(target->to, NULL, _IOLBF, 0);
	setvbuf(target->from, NULL, _IONBF, 0);
	return target->pid > 0;
}

static bool tell(struct target *target, const char *command)
{
	return fprintf(target->to, "%s\n", command) > 0;
}

static bool hear(struct target *target)
{
	struct pollfd one = { .fd = fileno(target->from), .events = POLLIN };

	if (poll(&one, 1, 60000) <= 0 || !fgets(target->line, sizeof(target->line), target->from))
		return false;
	target->line[strcspn(target->line, "\n")] = 0;
	return true;
}

/* The answer to a command; "" if there is none. */
static const char *ask(struct target *target, const char *command)
{
	target->line[0] = 0;
	if (tell(target, command))
		hear(target);
	return target->line;
}

static bool done(struct target *target, const char *command)
{
	return strcmp(ask(target, command), "done") == 0;
}

static void end(struct target *target)
{
	if (target->traced > 0 && target->traced != target->pid)
		kill(target->traced, SIGKILL);
	if (target->pid > 0) {
		kill(target->pid, SIGKILL);
		waitpid(target->pid, NULL, 0);
	}
	if (target->to)
		fclose(target->to);
	if (target->from)
		fclose(target->from);
	memset(target, 0, sizeof(*target));
}

static uint32_t word(const struct target *target, const char *address)
{
	char path[64];
	uint32_t value = ~0U;

	snprintf(path, sizeof(path), "/proc/%d/mem", (int)target->traced);
	const int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0 || pread(fd, &value, 4, (off_t)strtoull(address, NULL, 16)) != 4)
		value = ~0U;
	close(fd);
	return value;
}

/* Whether a descriptor of the folder leads to something with that name in it. */
static bool leads(const char *fds, const char *name)
{
	char path[400], to[256];
	DIR *entries = opendir(fds);
	struct dirent *entry;
	bool found = false;

	while (entries && !found && (entry = readdir(entries))) {
		snprintf(path, sizeof(path), "%s/%s", fds, entry->d_name);
		const ssize_t length = readlink(path, to, sizeof(to) - 1);

		to[length > 0 ? length : 0] = 0;
		found = strstr(to, name);
	}
	if (entries)
		closedir(entries);
	return found;
}

struct footprint {
	int threads, fds, agent_fds, maps;
};

static struct footprint footprint(const struct target *target, int agent)
{
	char path[64];
	struct footprint print = { .threads = look_count(target->traced, "task"), .fds = look_count(target->traced, "fd"), .maps = look_count(target->traced, "maps") };

	snprintf(path, sizeof(path), "task/%d/fd", agent);
	print.agent_fds = look_count(target->traced, path);
	return print;
}

/* Until the target's threads, descriptors and mappings are as before. */
static bool as_before(const struct target *target, int agent, struct footprint before, int timeout_ms)
{
	const int64_t deadline = client_ms() + timeout_ms;

	for (;;) {
		const struct footprint now = footprint(target, agent);

		if (memcmp(&now, &before, sizeof(now)) == 0)
			return true;
		if (client_ms() >= deadline) {
			snprintf(client_error, sizeof(client_error), "threads %d fds %d agent's %d mappings %d, before: %d %d %d %d", now.threads, now.fds, now.agent_fds, now.maps, before.threads, before.fds,
			         before.agent_fds, before.maps);
			return false;
		}
		poll(NULL, 0, 5);
	}
}

/* A session that counts what matches, running. */
static bool trace(struct client *client, pid_t pid, const char *glob)
{
	if (!client_attach(client, pid))
		return false;
	struct jst_program *program = client_count_program(glob);
	const bool loaded = client_load(client, program, program->size, 16 << 20);

	free(program);
	return loaded && client_ask(client, JST_MESSAGE_START, JST_MESSAGE_STARTED, NULL);
}

static struct target target;
static struct client client, second;

/* Whether it says of the target's threads what the form lets libc know. */
static bool is_form(const char *single)
{
	return strcmp(single, "-") == 0 || strcmp(single, form == RAW ? "1" : "0") == 0;
}

/* libc's paths for a single thread stay what they are, with and after a session too; what the agent may do is nothing, or what the program may. */
static bool test_form(void)
{
	static const char *const sets[] = { "CapInh", "CapPrm", "CapEff", "CapAmb" };

	CHECK(start(&target) && client_find(&client, target.pid));
	CHECK(is_form(ask(&target, "single")));
	for (size_t i = 0; i < sizeof(sets) / sizeof(sets[0]); i++) {
		const unsigned long long mains = strtoull(look_status(target.pid, target.pid, sets[i]), NULL, 16);

		CHECK(*look_status(target.pid, client.agent, sets[i]));
		CHECK(strtoull(look_status(target.pid, client.agent, sets[i]), NULL, 16) == (form == RAW ? 0 : mains));
	}
	CHECK(form != RAW || strcmp(look_status(target.pid, client.agent, "NoNewPrivs"), "1") == 0);
	CHECK(trace(&client, target.pid, "job:*"));
	CHECK(done(&target, "name job:a 100"));
	CHECK(client_ask(&client, JST_MESSAGE_STOP, JST_MESSAGE_STOPPED, NULL));
	CHECK(client_count(&client, false) == 100);
	client_close(&client);
	CHECK(is_form(ask(&target, "single")));
	/* A child's agent is of the same form. */
	target.traced = atoi(ask(&target, "fork"));
	CHECK(target.traced > 0 && client_find(&second, target.traced));
	CHECK(is_form(ask(&target, "single")));
	CHECK(form != RAW || strcmp(look_status(target.traced, second.agent, "NoNewPrivs"), "1") == 0);
	return true;
}

/* Neither has the agent what the program opens, nor the other way round; and what the program closes is the program's. */
static bool test_descriptors(void)
{
	char agents[64], programs[64];

	CHECK(start(&target) && trace(&client, target.pid, "job:*"));
	snprintf(agents, sizeof(agents), "/proc/%d/task/%d/fd", (int)target.pid, client.agent);
	snprintf(programs, sizeof(programs), "/proc/%d/fd", (int)target.pid);
	CHECK(leads(agents, JST_MARKER_NAME) && leads(agents, "socket:") && leads(agents, "/dev/null"));
	CHECK(!leads(agents, "pipe:"));
	CHECK(done(&target, "closeall"));
	CHECK(leads(programs, "pipe:") && look_count(target.pid, "fd") == 2 + 3);
	CHECK(done(&target, "hold 100") && look_count(target.pid, "fd") == 2 + 103);
	CHECK(leads(agents, JST_MARKER_NAME) && !leads(agents, "pipe:") && !leads(programs, JST_MARKER_NAME));
	CHECK(done(&target, "closeall"));
	CHECK(done(&target, "name job:a 100"));
	CHECK(client_ask(&client, JST_MESSAGE_STOP, JST_MESSAGE_STOPPED, NULL));
	CHECK(client_count(&client, false) == 100);
	return true;
}

/* The last thread that libc knows of leaves: that is the end of the program, as it is without the library. */
static bool test_main_leaves(void)
{
	int status = 0;

	CHECK(start(&target) && trace(&client, target.pid, "*"));
	CHECK(tell(&target, "leave"));
	const int64_t deadline = client_ms() + 10000;
	pid_t ended;

	while ((ended = waitpid(target.pid, &status, WNOHANG)) == 0 && client_ms() < deadline)
		poll(NULL, 0, 2);
	CHECK(ended == target.pid);
	target.pid = target.traced = 0;
	CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	return true;
}

/* A program that gives up its privileges gives up the agent's too. */
static bool test_setuid(void)
{
	CHECK(start(&target) && client_find(&client, target.pid));
	CHECK(strncmp(look_status(target.pid, client.agent, "Uid"), "0\t0\t0\t0", 7) == 0);
	CHECK(done(&target, "setuid 65534"));
	CHECK(strcmp(look_status(target.pid, target.pid, "Uid"), "65534\t65534\t65534\t65534") == 0);
	CHECK(strcmp(look_status(target.pid, client.agent, "Uid"), "65534\t65534\t65534\t65534") == 0);
	CHECK(strtoull(look_status(target.pid, client.agent, "CapPrm"), NULL, 16) == 0 && strtoull(look_status(target.pid, client.agent, "CapEff"), NULL, 16) == 0);
	/* Its children need no thread of libc's any more. */
	target.traced = atoi(ask(&target, "fork"));
	CHECK(target.traced > 0 && client_find(&second, target.traced));
	CHECK(strcmp(look_status(target.traced, second.agent, "NoNewPrivs"), "1") == 0);
	return true;
}

/* Hears a list: whether work:step is in it, as it is in target.c. *sites, *messages: how many there were. */
static bool hear_list(uint32_t *sites, uint32_t *messages)
{
	static _Alignas(8) unsigned char memory[sizeof(struct jst_memory_header) + JST_PACKET_MAX];
	unsigned char *body = memory + 64;
	uint32_t type, size;
	bool found = false;

	*sites = *messages = 0;
	while ((type = client_receive(&client, body, &size, 3000)) == JST_MESSAGE_SITE) {
		++*messages;
		for (uint32_t at = 0; at < size; at += ((struct jst_site_entry *)(body + at))->size) {
			struct jst_probe probe;

			++*sites;
			CHECK(jst_site_read(memory, sizeof(memory), (64 + at) / 8, &probe));
			if (probe.name.length != 9 || memcmp(probe.name.bytes, "work:step", 9) != 0)
				continue;
			found = true;
			CHECK(probe.fields == 5 && probe.line > 0 && probe.file.length > 8);
			CHECK(probe.field[0].type == JST_FIELD_INT && probe.field[1].type == JST_FIELD_DOUBLE && probe.field[2].type == JST_FIELD_STRING && probe.field[3].type == JST_FIELD_BOOL &&
			      probe.field[4].type == JST_FIELD_BYTES);
			CHECK(probe.field[3].name.length == 3 && memcmp(probe.field[3].name.bytes, "odd", 3) == 0 && probe.field[4].word == 4);
		}
	}
	CHECK(type == JST_MESSAGE_LIST_END);
	return found;
}

static bool test_list(void)
{
	uint32_t sites, messages;

	CHECK(start(&target) && done(&target, "open") && client_attach(&client, target.pid));
	for (int i = 0; i < 2; i++) {
		CHECK(client_send(&client, JST_MESSAGE_LIST, NULL, 0) && hear_list(&sites, &messages));
		CHECK(sites > 1 && messages == 1);
	}
	client_close(&client);
	/* One site a message for a CLI that knows no better. */
	CHECK(client_find(&client, target.pid) && client_connect(&client) && client_hello(&client, client.marker->pid, client.marker->start_time, JST_ABI_MIN, JST_ABI_SEVERAL - 1));
	CHECK(client_send(&client, JST_MESSAGE_LIST, NULL, 0) && hear_list(&sites, &messages));
	CHECK(sites > 1 && messages == sites);
	return true;
}

static bool test_count(void)
{
	CHECK(start(&target));
	CHECK(trace(&client, target.pid, "work:*"));
	CHECK(client.sites == 1 && client.probes == 1);
	CHECK(done(&target, "fire 4 100000"));
	CHECK(client_ask(&client, JST_MESSAGE_STOP, JST_MESSAGE_STOPPED, NULL));
	CHECK(done(&target, "fire 4 1000"));
	CHECK(client_count(&client, false) == 400000);
	for (unsigned i = 0; i < JST_LOSSES; i++)
		CHECK(client_loss(&client, i) == 0);
	return true;
}

/* Each event counts in exactly one interval, however often intervals end. */
static bool test_flip(void)
{
	static _Alignas(8) unsigned char body[JST_PACKET_MAX];
	uint64_t sum = 0;
	int flips = 0;
	struct pollfd one;

	CHECK(start(&target));
	CHECK(trace(&client, target.pid, "work:step"));
	CHECK(tell(&target, "fire 3 2000000"));
	one = (struct pollfd){ .fd = fileno(target.from), .events = POLLIN };
	do {
		CHECK(client_ask(&client, JST_MESSAGE_FLIP, JST_MESSAGE_FLIPPED, body));
		sum += client_count(&client, true);
		/* Now and then without a release between two flips, or three. */
		if (++flips % 7 && flips % 11 > 1)
			CHECK(client_send(&client, JST_MESSAGE_RELEASE, NULL, 0));
	} while (poll(&one, 1, 0) == 0);
	CHECK(hear(&target));
	CHECK(client_ask(&client, JST_MESSAGE_STOP, JST_MESSAGE_STOPPED, body));
	sum += client_count(&client, false);
	snprintf(client_error, sizeof(client_error), "%llu events in %d intervals", (unsigned long long)sum, flips);
	for (unsigned i = 0; i < JST_LOSSES; i++)
		CHECK(client_loss(&client, i) == 0);
	for (unsigned i = 0; i < JST_LOSSES; i++)
		CHECK(client_loss(&client, i) == 0);
	CHECK(flips > 5 && sum == 6000000);
	return true;
}

static bool test_client_killed(void)
{
	struct footprint before;
	char address[64];
	int ready[2];
	char byte;

	CHECK(start(&target) && client_find(&client, target.pid));
	snprintf(address, sizeof(address), "%s", ask(&target, "word"));
	CHECK(done(&target, "fire 2 10"));
	before = footprint(&target, client.agent);
	CHECK(pipe2(ready, O_CLOEXEC) == 0);

	const pid_t pid = fork();

	if (pid == 0) {
		struct client other;
		const bool traced = trace(&other, target.pid, "*");

		if (write(ready[1], traced ? "1" : "0", 1) == 1)
			pause();
		_exit(0);
	}
	const bool traced = read(ready[0], &byte, 1) == 1 && byte == '1';

	close(ready[0]);
	close(ready[1]);
	const uint32_t on = word(&target, address);
	const bool fired = done(&target, "fire 2 100000");

	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);

	const int64_t deadline = client_ms() + 1000;

	while (word(&target, address) && client_ms() < deadline)
		poll(NULL, 0, 2);
	CHECK(traced && fired && on == 0x10000);
	CHECK(word(&target, address) == 0);
	CHECK(as_before(&target, client.agent, before, 3000));
	CHECK(done(&target, "fire 2 10"));
	return true;
}

static bool test_lease(void)
{
	static _Alignas(8) unsigned char body[JST_PACKET_MAX];
	char address[64];
	const int64_t begun = client_ms();

	CHECK(start(&target));
	snprintf(address, sizeof(address), "%s", ask(&target, "word"));
	CHECK(trace(&client, target.pid, "*"));
	CHECK(word(&target, address) == 0x10000);
	/* Says nothing more, and keeps the connection. */
	CHECK(client_receive(&client, body, NULL, JST_LEASE_MS + 3000) == 0);
	CHECK(client_ms() - begun >= JST_LEASE_MS && client_ms() - begun < JST_LEASE_MS + 2000);
	CHECK(word(&target, address) == 0);
	return true;
}

static bool test_two_sessions(void)
{
	static struct client more[JST_MAX_SESSIONS];
	struct jst_program *program = client_count_program("work:*");
	char address[64];
	int i;

	CHECK(start(&target));
	snprintf(address, sizeof(address), "%s", ask(&target, "word"));
	CHECK(trace(&client, target.pid, "work:*"));
	CHECK(done(&target, "fire 2 1000"));
	CHECK(trace(&second, target.pid, "other:*"));
	CHECK(second.sites == 0);
	client_close(&second);
	CHECK(trace(&second, target.pid, "*step"));
	CHECK(done(&target, "fire 2 1000"));
	CHECK(client_ask(&client, JST_MESSAGE_STOP, JST_MESSAGE_STOPPED, NULL));
	CHECK(done(&target, "fire 2 1000"));
	CHECK(client_ask(&second, JST_MESSAGE_STOP, JST_MESSAGE_STOPPED, NULL));
	CHECK(client_count(&client, false) == 4000 && client_count(&second, false) == 4000);
	CHECK(word(&target, address) == 0);

	for (i = 0; i < JST_MAX_SESSIONS; i++)
		if (!client_attach(&more[i], target.pid) || !client_load(&more[i], program, program->size, 16 << 20))
			break;
	const bool all = i == JST_MAX_SESSIONS;
	struct client last;
	const bool one_more = client_attach(&last, target.pid) && client_load(&last, program, program->size, 16 << 20);

	free(program);
	CHECK(all && !one_more && last.refusal == JST_REFUSAL_SESSIONS);
	client_close(&last);
	while (i-- > 0)
		client_close(&more[i]);
	return true;
}

static bool test_fork(void)
{
	char address[64];

	CHECK(start(&target));
	snprintf(address, sizeof(address), "%s", ask(&target, "word"));
	CHECK(trace(&client, target.pid, "work:*"));
	CHECK(done(&target, "fire 2 1000"));
	target.traced = atoi(ask(&target, "fork"));
	CHECK(target.traced > 0 && target.traced != target.pid);
	/* The child has a marker, its own words are off, the parent's are on. */
	CHECK(client_find(&second, target.traced));
	CHECK(second.marker->pid == target.traced);
	CHECK(word(&target, address) == 0);
	const struct target parent = { .traced = target.pid };

	CHECK(word(&parent, address) == 0x10000);
	CHECK(done(&target, "fire 2 1000"));
	CHECK(trace(&second, target.traced, "work:*"));
	CHECK(done(&target, "fire 2 500"));
	CHECK(client_ask(&second, JST_MESSAGE_STOP, JST_MESSAGE_STOPPED, NULL));
	CHECK(client_ask(&client, JST_MESSAGE_STOP, JST_MESSAGE_STOPPED, NULL));
	CHECK(client_count(&client, false) == 2000 && client_count(&second, false) == 1000);
	return true;
}

static bool test_objects(void)
{
	CHECK(start(&target));
	CHECK(trace(&client, target.pid, "plugin:*"));
	CHECK(client.sites == 0);
	const struct jst_memory_header *header = (const struct jst_memory_header *)client.memory;
	uint64_t used = 0;

	for (int i = 0; i < 100; i++) {
		CHECK(done(&target, "open") && done(&target, "hit 10"));
		if (i == 10)
			used = atomic_load(&header->heap_used);
		CHECK(done(&target, "close"));
	}
	CHECK(atomic_load(&header->heap_used) == used);
	/* Opened already when the session comes. */
	CHECK(done(&target, "open"));
	CHECK(trace(&second, target.pid, "plugin:hit"));
	CHECK(second.sites == 1);
	CHECK(done(&target, "hit 7") && done(&target, "close") && done(&target, "open") && done(&target, "hit 7"));
	CHECK(client_ask(&second, JST_MESSAGE_STOP, JST_MESSAGE_STOPPED, NULL));
	CHECK(done(&target, "hit 7") && done(&target, "close"));
	CHECK(client_ask(&client, JST_MESSAGE_STOP, JST_MESSAGE_STOPPED, NULL));
	CHECK(client_count(&client, false) == 1021 && client_count(&second, false) == 14);
	return true;
}

static bool test_dynamic_names(void)
{
	char command[64];

	CHECK(start(&target));
	CHECK(done(&target, "name job:a 1000"));
	CHECK(trace(&client, target.pid, "job:*"));
	CHECK(strcmp(ask(&target, "enabled"), "0 0") == 0);
	CHECK(done(&target, "name job:a 1000") && done(&target, "name other 1000"));
	/* More names than the table has places. */
	for (int i = 0; i < 6000; i++) {
		snprintf(command, sizeof(command), "name job:%d 2", i);
		CHECK(done(&target, command));
	}
	CHECK(client_ask(&client, JST_MESSAGE_STOP, JST_MESSAGE_STOPPED, NULL));
	CHECK(done(&target, "name job:a 1000"));
	CHECK(client_count(&client, false) == 13000);
	CHECK(trace(&second, target.pid, "work:*"));
	CHECK(strcmp(ask(&target, "enabled"), "1 1") == 0);
	return true;
}

static bool test_nested(void)
{
	CHECK(start(&target));
	CHECK(trace(&client, target.pid, "work:*"));
	const long handled = atol(ask(&target, "nested 3000000"));

	CHECK(client_ask(&client, JST_MESSAGE_STOP, JST_MESSAGE_STOPPED, NULL));
	const uint64_t count = client_count(&client, false), skipped = client_loss(&client, JST_LOSS_NESTED);

	snprintf(client_error, sizeof(client_error), "%ld handler calls, %llu counted, %llu nested", handled, (unsigned long long)count, (unsigned long long)skipped);
	CHECK(handled > 0 && count + skipped == 3000000 + (uint64_t)handled && client_loss(&client, JST_LOSS_TORN) == 0);
	return true;
}

static bool refused(uint32_t refusal)
{
	const bool right = client.refusal == refusal && client.refused[0] && !strchr(client.refused, '\n');

	client_close(&client);
	return right;
}

static bool test_refusals(void)
{
	static _Alignas(8) unsigned char body[JST_PACKET_MAX];
	struct jst_program *program = client_count_program("*");
	struct footprint before;

	CHECK(start(&target) && client_find(&client, target.pid));
	/* It has begun to run, and maps nothing more of its own. */
	CHECK(*ask(&target, "word"));
	before = footprint(&target, client.agent);
	const struct jst_marker marker = *client.marker;
	const int agent = client.agent;

	CHECK(client_connect(&client) && !client_hello(&client, marker.pid + 1, marker.start_time, JST_ABI_MIN, JST_ABI_MAX) && refused(JST_REFUSAL_IDENTITY));
	CHECK(client_find(&client, target.pid) && client_connect(&client) && !client_hello(&client, marker.pid, marker.start_time + 1, JST_ABI_MIN, JST_ABI_MAX) && refused(JST_REFUSAL_IDENTITY));
	CHECK(client_find(&client, target.pid) && client_connect(&client) && !client_hello(&client, marker.pid, marker.start_time, JST_ABI_MAX + 1, JST_ABI_MAX + 2) && refused(JST_REFUSAL_VERSION));
	/* Before a HELLO, and a packet of another size than it says. */
	CHECK(client_find(&client, target.pid) && client_connect(&client) && client_send(&client, JST_MESSAGE_START, NULL, 0) && client_receive(&client, body, NULL, 3000) == JST_MESSAGE_REFUSED &&
	      refused(JST_REFUSAL_PROTOCOL));
	CHECK(client_attach(&client, target.pid) && client_send(&client, JST_MESSAGE_LOAD, body, 3) && client_receive(&client, body, NULL, 3000) == JST_MESSAGE_REFUSED && refused(JST_REFUSAL_PROTOCOL));
	/* Too little memory; a program that is not one; one that lost a bit. */
	CHECK(client_attach(&client, target.pid) && !client_load(&client, program, program->size, 4096) && refused(JST_REFUSAL_MEMORY));
	memset(body, 0x55, 4096);
	CHECK(client_attach(&client, target.pid) && !client_load(&client, body, 4096, 16 << 20) && refused(JST_REFUSAL_PROGRAM));
	((unsigned char *)program)[program->size - 3] ^= 4;
	CHECK(client_attach(&client, target.pid) && !client_load(&client, program, program->size, 16 << 20) && refused(JST_REFUSAL_PROGRAM));
	free(program);
	/* One that is sound, but reads what only the CLI has. */
	program = client_reading_program("*");
	CHECK(client_attach(&client, target.pid) && !client_load(&client, program, program->size, 16 << 20) && strstr(client.refused, "reads aggregations") && refused(JST_REFUSAL_PROGRAM));
	free(program);
	/* Silence after connecting: the agent hangs up. */
	CHECK(client_find(&client, target.pid) && client_connect(&client) && client_receive(&client, body, NULL, 3000) == 0);
	client_close(&client);
	CHECK(as_before(&target, agent, before, 5000));
	return true;
}

/* Somebody else. The marker is opened as root, as it is not to be had otherwise; the connection is made as nobody. */
static bool test_credentials(void)
{
	static _Alignas(8) unsigned char body[JST_PACKET_MAX];
	int status = 0;

	CHECK(start(&target) && client_find(&client, target.pid));
	/* Rings, so that somebody listens, and leaves. */
	CHECK(client_connect(&client));
	const pid_t pid = fork();

	if (pid == 0) {
		close(client.fd);
		if (seteuid(65534) < 0 || !client_connect(&client))
			_exit(1);
		_exit(client_receive(&client, body, NULL, 3000) == JST_MESSAGE_REFUSED && client.refusal == JST_REFUSAL_CREDENTIALS ? 0 : 2);
	}
	waitpid(pid, &status, 0);
	CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	return true;
}

/* Sessions come and go, each with its own SIGUSR2, while the program's own arrive: every one of these has its effect, and no other has. */
static bool own_signals(const char *mode, int signals)
{
	char command[32];

	CHECK(start(&target) && client_find(&client, target.pid));
	client_close(&client);
	snprintf(command, sizeof(command), "mode %s", mode);
	CHECK(done(&target, command));
	for (int i = 0; i < signals; i++) {
		if (i % 10 == 0) {
			client_close(&client);
			CHECK(i % 20 ? trace(&client, target.pid, "*") : client_attach(&client, target.pid));
		}
		CHECK(kill(target.pid, SIGUSR2) == 0);
		/* Those of one kind that are pending at once are one. */
		const int64_t deadline = client_ms() + 5000;

		while (strcmp(mode, "ign") != 0 && atoi(ask(&target, "got")) != i + 1 && client_ms() < deadline)
			poll(NULL, 0, 1);
	}
	const int got = atoi(ask(&target, "got"));

	client_close(&client);
	snprintf(client_error, sizeof(client_error), "%d of %d arrived", got, signals);
	CHECK(got == (strcmp(mode, "ign") == 0 ? 0 : signals));
	return true;
}

static bool test_signal_handler(void)
{
	return own_signals("handler", 200);
}

static bool test_signal_sigwait(void)
{
	return own_signals("sigwait", 200);
}

static bool test_signal_signalfd(void)
{
	return own_signals("signalfd", 200);
}

static bool test_signal_ignored(void)
{
	return own_signals("ign", 200);
}

static bool test_signal_default(void)
{
	int status = 0;

	CHECK(start(&target) && trace(&client, target.pid, "*"));
	CHECK(done(&target, "fire 1 10"));
	CHECK(kill(target.pid, SIGUSR2) == 0);
	CHECK(waitpid(target.pid, &status, 0) == target.pid);
	target.pid = target.traced = 0;
	CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGUSR2);
	return true;
}

static bool test_target_killed(void)
{
	static _Alignas(8) unsigned char body[JST_PACKET_MAX];

	CHECK(start(&target) && trace(&client, target.pid, "work:*"));
	CHECK(done(&target, "fire 3 5000"));
	kill(target.pid, SIGKILL);
	CHECK(client_receive(&client, body, NULL, 3000) == 0);
	CHECK(client_count(&client, false) == 15000);
	return true;
}

static bool test_disable(void)
{
	char address[64];

	CHECK(start(&target) && trace(&client, target.pid, "*"));
	snprintf(address, sizeof(address), "%s", ask(&target, "word"));
	CHECK(word(&target, address) == 0x10000);
	CHECK(done(&target, "disable"));
	CHECK(word(&target, address) == 0 && atomic_load(&client.marker->state) == JST_MARKER_DISABLED);
	/* A thread of libc's goes when libc lets it; the other one is gone by then, and its stack too. */
	CHECK(form != RAW || look_count(target.pid, "task") == 3);
	const int64_t deadline = client_ms() + 2000;

	while (look_count(target.pid, "task") != 3 && client_ms() < deadline)
		poll(NULL, 0, 2);
	CHECK(look_count(target.pid, "task") == 3); /* . and .. and the main thread */
	CHECK(done(&target, "fire 2 10"));
	return true;
}

/* The agent sleeps: no context switch of its own while nobody rings. */
static bool test_idle(void)
{
	char path[64], line[256], state = 0;
	long first = -1;

	CHECK(start(&target) && client_find(&client, target.pid));
	snprintf(path, sizeof(path), "/proc/%d/task/%d/status", (int)target.pid, client.agent);
	for (int i = 0; i < 20; i++) {
		FILE *file = fopen(path, "r");
		long switches = -1;

		while (file && fgets(line, sizeof(line), file))
			if (sscanf(line, "State: %c", &state) != 1)
				sscanf(line, "voluntary_ctxt_switches: %ld", &switches);
		if (file)
			fclose(file);
		if (first < 0 && state == 'S')
			first = switches;
		CHECK(first < 0 || switches == first);
		poll(NULL, 0, 50);
	}
	CHECK(first >= 0);
	return true;
}

/* Where the kernel refuses the one form, there is the other. */
static bool test_clone_refused(void)
{
	const bool before = refuse_raw;

	refuse_raw = true;
	const bool started = start(&target) && client_find(&client, target.pid);

	refuse_raw = before;
	CHECK(started);
	CHECK(is_form(ask(&target, "single")));
	CHECK(trace(&client, target.pid, "work:*") && done(&target, "fire 2 1000"));
	CHECK(client_ask(&client, JST_MESSAGE_STOP, JST_MESSAGE_STOPPED, NULL));
	CHECK(client_count(&client, false) == 2000);
	return true;
}

static void *nothing(void *argument)
{
	return argument;
}

/* Whether a filter can be set here under which libc still makes threads: an older one makes them by clone() too. */
static bool can_refuse(void)
{
	const pid_t pid = fork();
	int status = 0;

	if (pid == 0) {
		pthread_t thread;

		_exit(drop_privileges() && forbid_clone() && pthread_create(&thread, NULL, nothing, NULL) == 0 ? 0 : 1);
	}
	return waitpid(pid, &status, 0) == pid && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

enum { IN_RAW = 1 << RAW, IN_OF_LIBC = 1 << OF_LIBC, IN_BOTH = IN_RAW | IN_OF_LIBC };

static const struct test {
	const char *name;
	bool (*run)(void);
	int forms;
	bool root, refusing;
} tests[] = {
	{ "list", test_list, IN_BOTH, false, false },
	{ "idle", test_idle, IN_BOTH, false, false },
	{ "form", test_form, IN_BOTH, false, false },
	{ "clone refused", test_clone_refused, IN_OF_LIBC, false, true },
	{ "descriptors", test_descriptors, IN_BOTH, false, false },
	{ "count", test_count, IN_BOTH, false, false },
	{ "flip", test_flip, IN_BOTH, false, false },
	{ "client killed", test_client_killed, IN_BOTH, false, false },
	{ "target killed", test_target_killed, IN_BOTH, false, false },
	{ "two sessions", test_two_sessions, IN_BOTH, false, false },
	{ "fork", test_fork, IN_BOTH, false, false },
	{ "objects", test_objects, IN_BOTH, false, false },
	{ "dynamic names", test_dynamic_names, IN_BOTH, false, false },
	{ "nested", test_nested, IN_BOTH, false, false },
	{ "refusals", test_refusals, IN_BOTH, false, false },
	{ "credentials", test_credentials, IN_BOTH, true, false },
	{ "setuid", test_setuid, IN_OF_LIBC, true, false },
	{ "main leaves", test_main_leaves, IN_RAW, false, false },
	{ "SIGUSR2 handler", test_signal_handler, IN_BOTH, false, false },
	{ "SIGUSR2 sigwait", test_signal_sigwait, IN_BOTH, false, false },
	{ "SIGUSR2 signalfd", test_signal_signalfd, IN_BOTH, false, false },
	{ "SIGUSR2 ignored", test_signal_ignored, IN_BOTH, false, false },
	{ "SIGUSR2 default", test_signal_default, IN_BOTH, false, false },
	{ "disable", test_disable, IN_BOTH, false, false },
	{ "lease", test_lease, IN_BOTH, false, false },
};

static const char *const form_name[] = { [RAW] = "raw", [OF_LIBC] = "libc's" };

/* NULL, or why the test cannot be made here. */
static const char *against(const struct test *test)
{
	static int refusing = -1;

	if (test->root && !has_privileges())
		return "not root";
	if (!test->refusing && !refuse_raw)
		return NULL;
	if (refusing < 0)
		refusing = can_refuse();
	return refusing ? NULL : "no filter can be set, or libc makes its threads by clone() too";
}

int main(int argc, char **argv)
{
	int passed = 0, failed = 0, skipped = 0;

	snprintf(folder, sizeof(folder), "%.*s/targets", (int)(strrchr(argv[0], '/') - argv[0]), argv[0]);
	client.fd = client.memory_fd = client.tails_fd = -1;
	second = client;
	signal(SIGPIPE, SIG_IGN);
	setvbuf(stdout, NULL, _IOLBF, 0);
	for (size_t i = 0; i < 2 * sizeof(tests) / sizeof(tests[0]); i++) {
		const struct test *test = &tests[i % (sizeof(tests) / sizeof(tests[0]))];

		form = i < sizeof(tests) / sizeof(tests[0]) ? RAW : OF_LIBC;
		refuse_raw = form == OF_LIBC && !has_privileges();
		if (!(test->forms >> form & 1) || (argc > 1 && !strstr(test->name, argv[1])))
			continue;
		if (against(test)) {
			printf("skipped %s, %s agent: %s\n", test->name, form_name[form], against(test));
			skipped++;
			continue;
		}
		client_error[0] = 0;
		const int64_t begun = client_ms();

		if (test->run()) {
			printf("ok      %s, %s agent (%lld ms)\n", test->name, form_name[form], (long long)(client_ms() - begun));
			passed++;
		} else {
			printf("FAILED  %s, %s agent: line %d: %s [%s]\n", test->name, form_name[form], why_line, why, client_error);
			failed++;
		}
		client_close(&client);
		client_close(&second);
		end(&target);
	}
	printf("%d passed, %d failed, %d skipped\n", passed, failed, skipped);
	return failed != 0;
}
