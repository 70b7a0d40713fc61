/*
 * Attaching to agents that do as they should, and to those that lie, stall, die or refuse: each ends in its time with one clear line, and none keeps another waiting.
 */
#include "fake_target.h"

#include "builder.h"
#include "crew.h"
#include "times.h"

enum { MEMORY = 8 << 20, RING = 4096, STRINGS = 64 };

/* ---- the agent's side, in the child ---- */

static _Alignas(8) unsigned char packet[JST_PACKET_MAX];

/* The next packet's type; the child ends with its connection. */
static uint32_t hear(int socket)
{
	ssize_t got = recv(socket, packet, sizeof(packet), 0);

	return got < (ssize_t)sizeof(struct jst_message) ? 0 : ((struct jst_message *)packet)->type;
}

static void tell(int socket, uint32_t type, const void *body, uint32_t size)
{
	struct jst_message message = { type, size };
	struct iovec parts[2] = { { &message, sizeof(message) }, { (void *)(uintptr_t)body, size } };
	struct msghdr header = { .msg_iov = parts, .msg_iovlen = 2 };

	sendmsg(socket, &header, MSG_NOSIGNAL);
}

/* Which versions it speaks. */
static uint32_t abi_max = JST_ABI_MAX;

static void tell_hello(int socket)
{
	struct proc_stat stat;

	proc_stat(getpid(), &stat);
	const struct jst_message_hello hello = { .abi_min = JST_ABI_MIN, .abi_max = abi_max, .pid = getpid(), .start_time = stat.start_time, .version = "9.9.9" };

	tell(socket, JST_MESSAGE_HELLO, &hello, sizeof(hello));
}

/* An entry of a list; its size. */
static uint32_t put_site(unsigned char *bytes, const char *name)
{
	struct jst_site_entry *entry = (struct jst_site_entry *)bytes;

	entry->name_length = (uint16_t)strlen(name);
	entry->file_length = 3;
	entry->line = 7;
	entry->fields = 1;
	entry->type[0] = JST_FIELD_INT;
	entry->field_length[0] = 2;
	strcpy(entry->text, name);
	strcat(entry->text, "x.cid");
	entry->size = (uint32_t)(offsetof(struct jst_site_entry, text) + strlen(entry->text) + 7) / 8 * 8;
	return entry->size;
}

static void tell_site(int socket, const char *name)
{
	_Alignas(8) unsigned char bytes[512] = { 0 };

	tell(socket, JST_MESSAGE_SITE, bytes, put_site(bytes, name));
}

/* Two in one message. */
static void tell_sites(int socket, const char *name, const char *other)
{
	_Alignas(8) unsigned char bytes[512] = { 0 };
	const uint32_t size = put_site(bytes, name);

	tell(socket, JST_MESSAGE_SITE, bytes, size + put_site(bytes + size, other));
}

static int memory_of(size_t size, int seals)
{
	int fd = memfd_create("memory", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	if (ftruncate(fd, (off_t)size) < 0)
		_exit(3);
	fcntl(fd, F_ADD_SEALS, seals);
	return fd;
}

static void tell_loaded(int socket, uint64_t size, const int *descriptors, size_t count)
{
	struct {
		struct jst_message message;
		struct jst_message_loaded loaded;
	} body = { { JST_MESSAGE_LOADED, sizeof(struct jst_message_loaded) }, { .sites = 2, .probes = 1, .memory = size } };
	char control[CMSG_SPACE(16 * sizeof(int))] = { 0 };
	struct iovec part = { &body, sizeof(body) };
	struct msghdr header = { .msg_iov = &part, .msg_iovlen = 1 };

	if (count) {
		header.msg_control = control;
		header.msg_controllen = CMSG_SPACE(count * sizeof(int));

		struct cmsghdr *rights = CMSG_FIRSTHDR(&header);

		*rights = (struct cmsghdr){ .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS, .cmsg_len = CMSG_LEN(count * sizeof(int)) };
		memcpy(CMSG_DATA(rights), descriptors, count * sizeof(int));
	}
	sendmsg(socket, &header, MSG_NOSIGNAL);
}

static void tell_list(int socket)
{
	tell_site(socket, "request:start");
	tell_sites(socket, "request:end", "cache:get");
	tell(socket, JST_MESSAGE_LIST_END, NULL, 0);
}

/* Up to and with the last PROGRAM, or to the end of a list if nothing else is wanted. */
static bool greet_and_take(int socket)
{
	uint32_t size, type;

	if (hear(socket) != JST_MESSAGE_HELLO)
		return false;
	tell_hello(socket);
	type = hear(socket);
	if (type == JST_MESSAGE_LIST) {
		tell_list(socket);
		type = hear(socket);
	}
	if (type != JST_MESSAGE_LOAD)
		return false;
	for (size = ((struct jst_message_load *)(packet + sizeof(struct jst_message)))->program_size; size;) {
		if (hear(socket) != JST_MESSAGE_PROGRAM)
			return false;
		size -= ((struct jst_message *)packet)->size;
	}
	return true;
}

/* When a list that was asked for is told: at once, behind STOPPED, or never. */
static enum { LIST_AT_ONCE, LIST_LAST, LIST_NEVER, LIST_NONSENSE } list_told;

static void honest(int socket)
{
	const struct jst_message_stopped stopped = { 0 };
	const struct jst_message_flipped flipped = { .generation = 3 };

	if (!greet_and_take(socket))
		return;

	const struct jst_memory_options options = { .size = MEMORY, .string_size = STRINGS, .ring_size = RING };
	const int descriptors[2] = { memory_of(MEMORY, FAKE_SEALS), memory_of(JST_SLOTS * 8, FAKE_SEALS) };
	struct jst_builder *builder = jst_builder_new();
	const char *limit;
	struct jst_program *program = jst_builder_finish(builder, &limit);
	struct jst_memory memory;
	void *base = mmap(NULL, MEMORY, PROT_READ | PROT_WRITE, MAP_SHARED, descriptors[0], 0);

	if (!jst_memory_init(&memory, base, program, &options))
		_exit(3);
	memory.header->exit_code = -1;
	strcpy(memory.header->title, "fake\33[31m");
	tell_loaded(socket, MEMORY, descriptors, 2);
	for (;;) {
		switch (hear(socket)) {
		case JST_MESSAGE_START:
			tell(socket, JST_MESSAGE_STARTED, NULL, 0);
			break;
		case JST_MESSAGE_LIST:
			if (list_told == LIST_AT_ONCE)
				tell_list(socket);
			else if (list_told == LIST_NONSENSE)
				tell(socket, JST_MESSAGE_SITE, "nonsense", 8);
			else
				tell_site(socket, "request:start");
			break;
		case JST_MESSAGE_FLIP:
			tell(socket, JST_MESSAGE_FLIPPED, &flipped, sizeof(flipped));
			break;
		case JST_MESSAGE_STOP:
			tell(socket, JST_MESSAGE_STOPPED, &stopped, sizeof(stopped));
			if (list_told == LIST_LAST)
				tell_list(socket);
			break;
		case JST_MESSAGE_LEASE:
		case JST_MESSAGE_RELEASE:
			break;
		default:
			return;
		}
	}
}

/* One that lists before it loads. */
static void old(int socket)
{
	abi_max = JST_ABI_SEVERAL;
	honest(socket);
}

static void lists_last(int socket)
{
	list_told = LIST_LAST;
	honest(socket);
}

static void lists_never(int socket)
{
	list_told = LIST_NEVER;
	honest(socket);
}

static void lists_nonsense(int socket)
{
	list_told = LIST_NONSENSE;
	honest(socket);
}

static void silent(int socket)
{
	while (hear(socket))
		continue;
}

static void hangs_up(int socket)
{
	hear(socket);
}

static void dies(int socket)
{
	hear(socket);
	_exit(0);
}

static void wrong_pid(int socket)
{
	const struct jst_message_hello hello = { .abi_min = JST_ABI_MIN, .abi_max = JST_ABI_MAX, .pid = 1 };

	hear(socket);
	tell(socket, JST_MESSAGE_HELLO, &hello, sizeof(hello));
	silent(socket);
}

static void wrong_version(int socket)
{
	const struct jst_message_hello hello = { .abi_min = JST_ABI_MAX + 1, .abi_max = JST_ABI_MAX + 1, .pid = getpid(), .version = "9.9.9" };

	hear(socket);
	tell(socket, JST_MESSAGE_HELLO, &hello, sizeof(hello));
	silent(socket);
}

static void short_hello(int socket)
{
	hear(socket);
	tell(socket, JST_MESSAGE_HELLO, "hi", 2);
	silent(socket);
}

static void wrong_size(int socket)
{
	const struct jst_message message = { JST_MESSAGE_HELLO, 1000 }; /* and no body */

	hear(socket);
	send(socket, &message, sizeof(message), 0);
	silent(socket);
}

static void out_of_turn(int socket)
{
	hear(socket);
	tell(socket, JST_MESSAGE_STOPPED, NULL, 0);
	silent(socket);
}

static void refuses(int socket)
{
	struct jst_message_refused refused = { .refusal = JST_REFUSAL_SESSIONS };

	memset(refused.reason, 'x', sizeof(refused.reason)); /* without a NUL */
	memcpy(refused.reason, "no room", 7);
	hear(socket);
	tell(socket, JST_MESSAGE_REFUSED, &refused, sizeof(refused));
	silent(socket);
}

static void bad_site(int socket)
{
	struct jst_site_entry entry = { .size = 64, .name_length = 60000 };

	abi_max = JST_ABI_SEVERAL;
	hear(socket);
	tell_hello(socket);
	hear(socket);
	tell(socket, JST_MESSAGE_SITE, &entry, sizeof(entry));
	silent(socket);
}

/* Two sites in one message, and behind them something else. */
static void bad_second_site(int socket)
{
	_Alignas(8) unsigned char body[256] = { 0 };
	const uint32_t first = put_site(body, "request:start"), second = put_site(body + first, "request:end");

	abi_max = JST_ABI_SEVERAL;
	hear(socket);
	tell_hello(socket);
	hear(socket);
	tell(socket, JST_MESSAGE_SITE, body, first + second + 8);
	silent(socket);
}

/* Lists without end. */
static void floods(int socket)
{
	abi_max = JST_ABI_SEVERAL;
	hear(socket);
	tell_hello(socket);
	hear(socket);
	for (;;) {
		struct pollfd writable = { .fd = socket, .events = POLLOUT };

		if (poll(&writable, 1, 10000) <= 0 || (writable.revents & POLLHUP))
			return;
		tell_site(socket, "request:end");
	}
}

static void with_memory(int socket, uint64_t told, uint64_t size, int seals, size_t count)
{
	if (!greet_and_take(socket))
		return;

	int descriptors[16];

	for (size_t i = 0; i < 16; i++)
		descriptors[i] = i == 1 ? memory_of(JST_SLOTS * 8, FAKE_SEALS) : memory_of(size, seals);
	tell_loaded(socket, told, descriptors, count);
	for (size_t i = 0; i < 16; i++)
		close(descriptors[i]);
	silent(socket);
}

static void unsealed(int socket) { with_memory(socket, MEMORY, MEMORY, F_SEAL_GROW, 2); }
static void too_large(int socket) { with_memory(socket, 2 * MEMORY, 2 * MEMORY, FAKE_SEALS, 2); }
static void too_small(int socket) { with_memory(socket, 8, 8, FAKE_SEALS, 2); }
static void other_size(int socket) { with_memory(socket, MEMORY, MEMORY / 2, FAKE_SEALS, 2); }
static void one_descriptor(int socket) { with_memory(socket, MEMORY, MEMORY, FAKE_SEALS, 1); }
static void no_descriptors(int socket) { with_memory(socket, MEMORY, MEMORY, FAKE_SEALS, 0); }
static void many_descriptors(int socket) { with_memory(socket, MEMORY, MEMORY, FAKE_SEALS, 16); }

static void not_memory(int socket)
{
	int pipes[2];

	if (!greet_and_take(socket) || pipe(pipes) < 0)
		return;
	tell_loaded(socket, MEMORY, pipes, 2);
	silent(socket);
}

/* ---- our side ---- */

static struct crew crew;
static struct options options;
static struct jst_program *program;
enum { SILENT = 40 }; /* more than are attached abreast */
static pid_t pids[SILENT + 1];

static int open_descriptors(void)
{
	int count = 0;

	for (int fd = 0; fd < 1024; fd++)
		count += fcntl(fd, F_GETFD) >= 0;
	return count;
}

static void begin(const struct fake *fakes, size_t count, bool list_only)
{
	const char *limit;
	struct jst_builder *builder = jst_builder_new();
	struct output output = { .file = stdout };

	/* More than fits one packet, so that the upload comes in pieces. */
	for (int i = 0; i < 20000; i++)
		jst_builder_constant(builder, jst_value_int(i));
	program = jst_builder_finish(builder, &limit);
	jst_builder_free(builder);
	ck_assert_ptr_nonnull(program);
	for (size_t i = 0; i < count; i++)
		pids[i] = fake_start(&fakes[i]);
	options = (struct options){ .pids = pids, .pid_count = count };
	crew_init(&crew, &options, &(struct target_plan){ .program = list_only ? NULL : program, .memory = MEMORY, .budget = 1000, .string_size = STRINGS, .ring_size = RING }, &output);
	crew_find(&crew);
}

static void end(void)
{
	crew_fini(&crew);
	for (size_t i = 0; i < options.pid_count; i++) {
		kill(pids[i], SIGKILL);
		waitpid(pids[i], NULL, 0);
	}
	free(program);
}

static struct target *target_at(size_t index)
{
	struct target *target = crew.targets;

	while (target && target->process.pid != pids[index])
		target = target->next;
	ck_assert_ptr_nonnull(target);
	return target;
}

/* Lets the crew work until the target is in the state. */
static bool reach(size_t index, enum target_state state, int64_t ms)
{
	const int64_t deadline = times_now() + ms * TIMES_MS;

	while (target_at(index)->state != state && times_now() < deadline)
		crew_wait(&crew, deadline);
	return target_at(index)->state == state;
}

static void expect_sites(const struct target *target)
{
	jst_ref site = 1;
	struct jst_probe probe;

	ck_assert_uint_eq(target->site_count, 3);
	ck_assert(target_site(target, &site, &probe) && probe.name.length == strlen("request:start"));
	ck_assert(target_site(target, &site, &probe) && probe.name.length == strlen("request:end"));
	ck_assert(target_site(target, &site, &probe) && probe.name.length == strlen("cache:get"));
	ck_assert_uint_eq(probe.line, 7);
	ck_assert(!target_site(target, &site, &probe));
}

/* Lets the crew work until it is so, or five seconds have passed. */
#define REACH(condition) do { \
	const int64_t deadline = times_now() + 5000 * TIMES_MS; \
	while (!(condition) && times_now() < deadline) \
		crew_wait(&crew, deadline); \
	ck_assert(condition); \
} while (0)

static void go_whole_way(void (*serve)(int socket), bool lists_first)
{
	const struct fake fake = { .seals = FAKE_SEALS, .serve = serve };

	begin(&fake, 1, false);
	ck_assert(reach(0, TARGET_LOADED, 5000));

	struct target *target = target_at(0);

	if (lists_first)
		expect_sites(target);
	ck_assert_uint_eq(target->matched_sites, 2);
	ck_assert_str_eq(target->title, "fake\33[31m"); /* escaped where it is printed */
	target_start(target, times_now());
	ck_assert(reach(0, TARGET_RUNNING, 5000));
	ck_assert(target_has_memory(target));
	ck_assert_int_eq(target_exit_code(target), -1);
	REACH(!target->listing);
	expect_sites(target);
	target_forget_sites(target);
	ck_assert(!target_site(target, &(jst_ref){ 1 }, &(struct jst_probe){ .line = 0 }));
	target_lease(target);
	target_flip(target);
	ck_assert(target->flipping);
	REACH(target->flipped);
	ck_assert(!target->flipping);
	target_release(target);
	target_stop(target, times_now());
	ck_assert(reach(0, TARGET_ENDED, 5000));
	ck_assert_int_eq(target->end, TARGET_STOPPED);
	end();
}

START_TEST(whole_way)
{
	go_whole_way(honest, false);
}
END_TEST

START_TEST(whole_way_of_old_one)
{
	go_whole_way(old, true);
}
END_TEST

/* A session that is stopped waits for the rest of the list, whose beginning may be forgotten by then … */
START_TEST(list_behind_stopped)
{
	const struct fake fake = { .seals = FAKE_SEALS, .serve = lists_last };

	begin(&fake, 1, false);
	ck_assert(reach(0, TARGET_LOADED, 5000));

	struct target *target = target_at(0);

	target_start(target, times_now());
	REACH(target->site_count == 1);
	ck_assert(crew_attaching(&crew));
	target_forget_sites(target);
	target_stop(target, times_now());
	ck_assert(reach(0, TARGET_ENDED, 5000));
	ck_assert(!target->listing);
	ck_assert_uint_eq(target->site_count, 4);
	end();
}
END_TEST

/* … but not for ever, nor does anything else. */
START_TEST(list_that_does_not_end)
{
	const struct fake fake = { .seals = FAKE_SEALS, .serve = lists_never };

	begin(&fake, 1, false);
	ck_assert(reach(0, TARGET_LOADED, 5000));

	struct target *target = target_at(0);

	target_start(target, times_now());
	ck_assert(reach(0, TARGET_RUNNING, 5000));
	while (crew.now < target->list_deadline)
		crew_wait(&crew, target->list_deadline);
	ck_assert(target->listing && !crew_attaching(&crew));
	target_flip(target);
	REACH(target->flipped);
	target_stop(target, times_now());
	ck_assert(reach(0, TARGET_ENDED, 8000));
	ck_assert(target->listing && target->stop_told);
	ck_assert_int_eq(target->end, TARGET_STOPPED);
	end();
}
END_TEST

START_TEST(list_of_nonsense)
{
	const struct fake fake = { .seals = FAKE_SEALS, .serve = lists_nonsense };

	begin(&fake, 1, false);
	ck_assert(reach(0, TARGET_LOADED, 5000));
	target_start(target_at(0), times_now());
	ck_assert(reach(0, TARGET_ENDED, 5000));
	ck_assert_int_eq(target_at(0)->end, TARGET_CLOSED);
	end();
}
END_TEST

START_TEST(list_only)
{
	const struct fake fake = { .seals = FAKE_SEALS, .serve = honest };

	begin(&fake, 1, true);
	ck_assert(reach(0, TARGET_ENDED, 5000));
	ck_assert_uint_eq(target_at(0)->site_count, 3);
	ck_assert_ptr_null(target_at(0)->view);
	end();
}
END_TEST

/* Each of these fails, in its time, with words that tell, and leaves nothing open. */
static const struct {
	void (*serve)(int socket);
	const char *words;
} bad[] = {
	{ NULL, "did not wake up" },
	{ silent, "did not greet" },
	{ hangs_up, "broke the connection" },
	{ dies, "exited" },
	{ wrong_pid, "not the one that was found" },
	{ wrong_version, "jstrace 9.9.9, which is incompatible" },
	{ short_hello, "does not understand" },
	{ wrong_size, "broke the connection" },
	{ out_of_turn, "does not understand" },
	{ refuses, "refused: no roomxxx" },
	{ bad_site, "does not understand" },
	{ bad_second_site, "does not understand" },
	{ floods, "did not list" },
	{ unsealed, "cannot be trusted" },
	{ too_large, "cannot be trusted" },
	{ too_small, "cannot be trusted" },
	{ other_size, "cannot be trusted" },
	{ one_descriptor, "cannot be trusted" },
	{ no_descriptors, "cannot be trusted" },
	{ many_descriptors, "broke the connection" },
	{ not_memory, "cannot be trusted" },
};

START_TEST(misbehaving)
{
	const struct fake fake = { .seals = FAKE_SEALS, .serve = bad[_i].serve };

	begin(&fake, 1, false);
	const int before = open_descriptors() - 2; /* without the target's pidfd and a connection that may stand already */
	const int64_t started = times_now();

	ck_assert_msg(reach(0, TARGET_FAILED, 15000), "%s: state %d", bad[_i].words, target_at(0)->state);
	ck_assert_msg(times_now() - started < 8000 * TIMES_MS, "%s took too long", bad[_i].words);
	ck_assert_msg(strstr(target_at(0)->reason, bad[_i].words) != NULL, "%s", target_at(0)->reason);
	crew_remove(&crew, crew.targets);
	ck_assert_int_le(open_descriptors(), before + 1);
	end();
}
END_TEST

START_TEST(stopped_process)
{
	const struct fake fake = { .seals = FAKE_SEALS, .serve = honest };

	begin(&fake, 1, false);
	kill(pids[0], SIGSTOP);
	ck_assert(reach(0, TARGET_FAILED, 8000));
	ck_assert_ptr_nonnull(strstr(target_at(0)->reason, "kill -CONT"));
	kill(pids[0], SIGCONT);
	end();
}
END_TEST

START_TEST(slow_ones_delay_nobody)
{
	const struct fake fakes[] = {
		{ .seals = FAKE_SEALS },
		{ .seals = FAKE_SEALS, .serve = silent },
		{ .seals = FAKE_SEALS, .serve = honest },
		{ .seals = FAKE_SEALS, .serve = floods },
	};

	begin(fakes, 4, false);
	const int64_t started = times_now();

	ck_assert(reach(2, TARGET_LOADED, 900)); /* before any of the others has run into its time-out */
	ck_assert(times_now() - started < 900 * TIMES_MS);
	end();
}
END_TEST

/* Nor do more of them than are attached at a time; each has all of its own time, from its turn on. */
START_TEST(many_slow_ones_delay_nobody_for_long)
{
	struct fake fakes[SILENT + 1];
	unsigned admitted = 0;

	for (size_t i = 0; i <= SILENT; i++)
		fakes[i] = (struct fake){ .seals = FAKE_SEALS, .serve = i == SILENT ? honest : NULL };
	begin(fakes, SILENT + 1, false);
	for (const struct target *target = crew.targets; target; target = target->next)
		ck_assert_int_eq(target->deadline, TIMES_NEVER);
	crew_wait(&crew, times_now());
	for (const struct target *target = crew.targets; target; target = target->next)
		admitted += target->admitted != 0;
	ck_assert_uint_gt(admitted, 0);
	ck_assert_uint_lt(admitted, SILENT);
	ck_assert_int_eq(target_at(SILENT)->admitted, 0);
	ck_assert(reach(SILENT, TARGET_LOADED, 15000));
	ck_assert_int_gt(target_at(SILENT)->admitted, target_at(0)->admitted);
	for (size_t i = 0; i < SILENT; i++) {
		ck_assert(reach(i, TARGET_FAILED, 15000));
		ck_assert_ptr_nonnull(strstr(target_at(i)->reason, "did not wake up"));
	}
	end();
}
END_TEST

static struct target *running(const struct fake *fake)
{
	begin(fake, 1, false);
	ck_assert(reach(0, TARGET_LOADED, 5000));
	target_start(target_at(0), times_now());
	ck_assert(reach(0, TARGET_RUNNING, 5000));
	return target_at(0);
}

START_TEST(killed_while_running)
{
	const struct fake fake = { .seals = FAKE_SEALS, .serve = honest };
	struct target *target = running(&fake);

	kill(pids[0], SIGKILL);
	ck_assert(reach(0, TARGET_ENDED, 5000));
	ck_assert_int_eq(target->end, TARGET_KILLED);
	ck_assert_str_eq(target->reason, "killed by SIGKILL");
	ck_assert(target_has_memory(target)); /* the results survive */
	end();
}
END_TEST

START_TEST(stopped_while_running)
{
	const struct fake fake = { .seals = FAKE_SEALS, .serve = honest };
	struct target *target = running(&fake);

	kill(pids[0], SIGSTOP);
	target_stop(target, times_now());
	ck_assert(reach(0, TARGET_ENDED, 5000)); /* it does not answer: the session ends all the same */
	ck_assert_int_eq(target->end, TARGET_STOPPED);
	kill(pids[0], SIGCONT);
	end();
}
END_TEST

/* STARTED and STOP cross: an exit() in the very first event, or a quick Ctrl-C. */
START_TEST(stopped_while_starting)
{
	const struct fake fake = { .seals = FAKE_SEALS, .serve = honest };

	begin(&fake, 1, false);
	ck_assert(reach(0, TARGET_LOADED, 5000));
	target_start(target_at(0), times_now());
	target_stop(target_at(0), times_now());
	ck_assert_int_eq(target_at(0)->state, TARGET_STOPPING);
	ck_assert(reach(0, TARGET_ENDED, 5000));
	ck_assert_msg(target_at(0)->end == TARGET_STOPPED, "%s", target_at(0)->reason);
	end();
}
END_TEST

static void garbage_after_start(int socket)
{
	const int descriptors[2] = { memory_of(MEMORY, FAKE_SEALS), memory_of(JST_SLOTS * 8, FAKE_SEALS) };

	if (!greet_and_take(socket))
		return;
	tell_loaded(socket, MEMORY, descriptors, 2);
	hear(socket);
	tell(socket, JST_MESSAGE_STARTED, NULL, 0);
	tell(socket, 12345, "garbage", 7);
	silent(socket);
}

START_TEST(garbage_while_running)
{
	const struct fake fake = { .seals = FAKE_SEALS, .serve = garbage_after_start };

	begin(&fake, 1, false);
	ck_assert(reach(0, TARGET_LOADED, 5000));
	target_start(target_at(0), times_now());
	ck_assert(reach(0, TARGET_ENDED, 5000));
	ck_assert_int_eq(target_at(0)->end, TARGET_CLOSED);
	ck_assert_str_eq(target_at(0)->reason, "closed the session");
	end();
}
END_TEST

/* A session that we let run out ends by our own doing, and that is said. */
START_TEST(lease_lapses)
{
	const struct fake fake = { .seals = FAKE_SEALS, .serve = garbage_after_start };

	begin(&fake, 1, false);
	ck_assert(reach(0, TARGET_LOADED, 5000));
	target_start(target_at(0), times_now());
	crew.lease_due -= JST_LEASE_MS * TIMES_MS;
	ck_assert(reach(0, TARGET_ENDED, 5000));
	ck_assert_int_eq(target_at(0)->end, TARGET_CLOSED);
	ck_assert_ptr_nonnull(strstr(target_at(0)->reason, "closed the session: jstrace was stopped"));
	end();
}
END_TEST

START_TEST(signal_interrupts)
{
	const struct fake fake = { .seals = FAKE_SEALS };

	begin(&fake, 1, false);
	ck_assert(!crew.interrupted);
	kill(getpid(), SIGTERM);
	crew_wait(&crew, times_now() + 5000 * TIMES_MS);
	ck_assert(crew.interrupted);
	end();
}
END_TEST

int main(void)
{
	fake_need_pidfd();

	Suite *suite = suite_create("attach");
	TCase *tests = tcase_create("attach");

	tcase_set_timeout(tests, 40);
	tcase_add_test(tests, whole_way);
	tcase_add_test(tests, whole_way_of_old_one);
	tcase_add_test(tests, list_behind_stopped);
	tcase_add_test(tests, list_that_does_not_end);
	tcase_add_test(tests, list_of_nonsense);
	tcase_add_test(tests, list_only);
	tcase_add_loop_test(tests, misbehaving, 0, sizeof(bad) / sizeof(*bad));
	tcase_add_test(tests, stopped_process);
	tcase_add_test(tests, slow_ones_delay_nobody);
	tcase_add_test(tests, many_slow_ones_delay_nobody_for_long);
	tcase_add_test(tests, lease_lapses);
	tcase_add_test(tests, killed_while_running);
	tcase_add_test(tests, stopped_while_running);
	tcase_add_test(tests, stopped_while_starting);
	tcase_add_test(tests, garbage_while_running);
	tcase_add_test(tests, signal_interrupts);
	suite_add_tcase(suite, tests);

	SRunner *runner = srunner_create(suite);

	srunner_run_all(runner, CK_ENV);

	int failed = srunner_ntests_failed(runner);

	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
