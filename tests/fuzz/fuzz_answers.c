/*
 * What a process that calls itself a target may answer to the CLI: packets that are whole, torn, too long or out of turn, lists of sites, memories that are none, descriptors of anything, a marker that changes, an end at any moment.
 *
 *     input: 1 byte, what the CLI wants; then steps: what, and what that needs
 *
 * Time is what the input says. At the end of each input the target is given up; no descriptor may be left open.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "builder.h"
#include "fuzz.h"
#include "gather.h"
#include "messages.h"
#include "overhead.h"
#include "proc.h"
#include "results.h"
#include "target.h"
#include "times.h"

enum { STEPS = 64, MEMORY = 1 << 20, TAILS_SIZE = JST_SLOTS * (int)sizeof(uint64_t), LONGEST = JST_PACKET_MAX + 4096, DESCRIPTORS = 4, RING = 4096, INNER_PID = 77, INNER_START = 4711, PAGE = 4096 };

enum step {
	STEP_HELLO, STEP_REFUSED, STEP_SITES, STEP_LIST_END, STEP_LOADED, STEP_STARTED, STEP_FLIPPED, STEP_STOPPED, STEP_BYTES, STEP_BODY, STEP_LIE, STEP_LONG, STEP_DESCRIPTOR, STEP_CLOSE, STEP_DIE, STEP_MARKER, STEP_WRITE,
	STEP_TIME, STEP_START, STEP_LEASE, STEP_FLIP, STEP_RELEASE, STEP_STOP, STEP_READ, STEP_TAKE, STEP_FORGET, STEPS_KNOWN
};

/* What a descriptor may lead to. */
enum thing { THING_MEMORY, THING_TAILS, THING_UNSEALED, THING_SHORT, THING_ZEROS, THING_PIPE, THING_FOLDER, THING_FILE, THINGS };

static struct compiled *compiled;
static struct jst_program *program;
static int dead_pidfd;
static pid_t dead;
static uint64_t dead_start;
static int lowest;
static unsigned long loaded, ended;

static struct target *target;
static struct target_plan plan;
static int peer;                /* the target's end; -1: closed */
static int attached[DESCRIPTORS], attached_count;
static unsigned char *memory;   /* of the memory that was offered last, writable … */
static size_t memory_size;      /* … and its size */
static int64_t now;

static void start_of(const char *name, uint64_t *start, pid_t pid)
{
	struct proc_stat stat;

	if (!proc_stat(pid, &stat))
		fuzz_fail("no %s", name);
	*start = stat.start_time;
}

void fuzz_begin(void)
{
	const struct compile_options options = { .file = "script" };
	const char script[] = "request:end < @[path] = count(); @h = hist(now - start[id]); printf(\"%d %s\\n\", id, path); emit >", *limit;

	compiled = compile(script, strlen(script), &options);
	program = compiled->errors ? NULL : jst_builder_finish(compiled->target, &limit);
	if (!program)
		fuzz_fail("the script does not compile");
	/* One that is gone and still has its pid. */
	dead = fork();
	if (dead == 0)
		_exit(3);
	siginfo_t information;

	waitid(P_PID, (id_t)dead, &information, WEXITED | WNOWAIT);
	dead_pidfd = (int)syscall(SYS_pidfd_open, dead, 0);
	start_of("process that is dead", &dead_start, dead);
	message_set_level(MESSAGE_QUIET);
	if (dead_pidfd < 0)
		fuzz_fail("no descriptor of a process");
}

static int free_descriptor(void)
{
	const int fd = dup(0);

	close(fd);
	return fd;
}

/* ---- what is sent ---- */

static int memory_of(size_t size, bool sealed, bool keeps)
{
	const int fd = memfd_create("jstrace:memory", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	if (fd < 0 || ftruncate(fd, (off_t)size))
		fuzz_fail("no memory");
	if (keeps) {
		if (memory)
			munmap(memory, memory_size);
		memory_size = size;
		memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	}
	if (sealed)
		fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW);
	return fd;
}

static int thing(enum thing what)
{
	int pair[2];

	switch (what) {
	case THING_MEMORY:
		return memory_of(MEMORY, true, true);
	case THING_TAILS:
		return memory_of(TAILS_SIZE, true, false);
	case THING_UNSEALED:
		return memory_of(MEMORY, false, false);
	case THING_SHORT:
		return memory_of(PAGE, true, true);
	case THING_ZEROS:
		return open("/dev/zero", O_RDWR | O_CLOEXEC);
	case THING_PIPE:
		if (pipe2(pair, O_CLOEXEC))
			return -1;
		close(pair[1]);
		return pair[0];
	case THING_FOLDER:
		return open("/", O_RDONLY | O_CLOEXEC);
	default:
		return open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	}
}

static void attach(enum thing what)
{
	const int fd = attached_count < DESCRIPTORS ? thing(what) : -1;

	if (fd >= 0)
		attached[attached_count++] = fd;
}

/* The CLI does what can be done now. */
static void turn(void)
{
	target_step(target, &plan, now, true, target->process.pid == dead);
}

static void send_bytes(const void *bytes, size_t size)
{
	struct iovec part = { (void *)(uintptr_t)bytes, size };
	_Alignas(struct cmsghdr) char control[CMSG_SPACE(DESCRIPTORS * sizeof(int))] = { 0 };
	struct msghdr message = { .msg_iov = &part, .msg_iovlen = 1 };

	if (attached_count) {
		message.msg_control = control;
		message.msg_controllen = CMSG_SPACE((size_t)attached_count * sizeof(int));
		struct cmsghdr *head = CMSG_FIRSTHDR(&message);

		head->cmsg_level = SOL_SOCKET;
		head->cmsg_type = SCM_RIGHTS;
		head->cmsg_len = CMSG_LEN((size_t)attached_count * sizeof(int));
		memcpy(CMSG_DATA(head), attached, (size_t)attached_count * sizeof(int));
	}
	if (peer >= 0)
		(void)!sendmsg(peer, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
	while (attached_count)
		close(attached[--attached_count]);
	turn();
}

static void send_message(uint32_t type, const void *body, size_t size, uint32_t told)
{
	static unsigned char buffer[LONGEST];
	const struct jst_message head = { type, told };

	memcpy(buffer, &head, sizeof(head));
	if (size)
		memcpy(buffer + sizeof(head), body, size);
	send_bytes(buffer, sizeof(head) + size);
}

static void send_plain(enum jst_message_type type, const void *body, uint32_t size)
{
	send_message(type, body, size, size);
}

static void send_hello(unsigned odd)
{
	struct jst_message_hello hello = { .abi_min = JST_ABI_MIN, .abi_max = odd & 32 ? JST_ABI_SEVERAL : JST_ABI_MAX, .pid = odd & 1 ? 1 : INNER_PID, .start_time = odd & 2 ? 1 : INNER_START };

	if (odd & 4)
		hello.abi_min = 99;
	memset(hello.version, 'v', odd & 8 ? sizeof(hello.version) : 3);
	send_plain(JST_MESSAGE_HELLO, &hello, odd & 16 ? 20 : sizeof(hello));
}

/* So many entries, each with a word that may be wrong. */
static void send_sites(struct fuzz_input *input)
{
	_Alignas(8) unsigned char body[4096] = { 0 };
	const unsigned count = 1 + (unsigned)fuzz_number(input, 1) % 8;
	uint32_t at = 0;

	for (unsigned i = 0; i < count; i++) {
		struct jst_site_entry *entry = (struct jst_site_entry *)(void *)(body + at);
		const unsigned where = (unsigned)fuzz_number(input, 1), what = (unsigned)fuzz_number(input, 2);

		entry->name_length = 11;
		entry->file_length = 3;
		entry->fields = 1;
		entry->type[0] = 1;
		entry->field_length[0] = 2;
		memcpy(entry->text, "request:enda.cid", 16);
		entry->size = (uint32_t)((offsetof(struct jst_site_entry, text) + 16 + 7) & ~7U);
		const uint32_t next = at + entry->size;

		if (where < entry->size)
			body[at + where] = (unsigned char)what;
		at = next;
	}
	send_plain(JST_MESSAGE_SITE, body, at - (uint32_t)fuzz_number(input, 1) % 9);
}

static void send_loaded(struct fuzz_input *input)
{
	struct jst_message_loaded body = { .sites = 1, .probes = 1, .memory = MEMORY };
	const unsigned odd = (unsigned)fuzz_number(input, 1);

	attach(odd & 1 ? (enum thing)(fuzz_number(input, 1) % THINGS) : THING_MEMORY);
	attach(odd & 2 ? (enum thing)(fuzz_number(input, 1) % THINGS) : THING_TAILS);
	if (odd & 4)
		body.memory = fuzz_number(input, 3);
	if (odd & 8)
		attached_count = attached_count ? (close(attached[attached_count - 1]), attached_count - 1) : 0;
	body.flags = odd >> 4;
	body.refused = odd & 16;
	send_plain(JST_MESSAGE_LOADED, &body, odd & 32 ? 5 : sizeof(body));
}

/* ---- what the CLI does ---- */

static void read_memory(void)
{
	if (!target_has_memory(target))
		return;
	char *text;
	size_t length;
	struct output output = { .file = open_memstream(&text, &length), .width = 80, .pipe = -1 };
	struct results *results = results_new(compiled);
	struct gather *gather = gather_new(compiled, RING);
	uint32_t filled;

	results_read(results, target->view, target->flipped ? READER_TAKE_CLOSED : READER_TAKE_REST);
	gather_pass(gather, target, &output, &filled);
	results_print(&output, results, 0, -1, 1);
	target_exit_code(target);
	if (plan.measures)
		overhead_watch(target, OVERHEAD_ALL / 100, now);
	gather_free(gather);
	results_free(results);
	fclose(output.file);
	free(text);
}

/* What the CLI sent is as a target needs it. */
static void take_requests(void)
{
	static _Alignas(8) unsigned char request[LONGEST];

	while (peer >= 0) {
		const ssize_t size = recv(peer, request, sizeof(request), MSG_DONTWAIT);
		struct jst_message head;

		if (size <= 0)
			break;
		if (size < (ssize_t)sizeof(head) || size > JST_PACKET_MAX)
			fuzz_fail("the CLI sent a packet of %zd bytes", size);
		memcpy(&head, request, sizeof(head));
		if (head.size != (size_t)size - sizeof(head))
			fuzz_fail("the CLI sent a message of %zd bytes that tells %u", size, head.size);
	}
	turn();
}

static void die(void)
{
	close(target->process.pidfd);
	target->process.pidfd = dup(dead_pidfd);
	target->process.pid = dead;
	target->process.start_time = dead_start;
}

static void take_step(struct fuzz_input *input)
{
	static unsigned char bytes[LONGEST];
	const unsigned what = (unsigned)fuzz_number(input, 1);
	struct jst_marker *marker = (struct jst_marker *)(uintptr_t)target->process.marker;
	size_t size;

	switch ((enum step)(what % STEPS_KNOWN)) {
	case STEP_HELLO:
		send_hello((unsigned)fuzz_number(input, 1));
		break;
	case STEP_REFUSED: {
		const uint8_t *from = fuzz_bytes(input, (size = fuzz_number(input, 1), &size));

		send_plain(JST_MESSAGE_REFUSED, from, (uint32_t)size);
		break;
	}
	case STEP_SITES:
		send_sites(input);
		break;
	case STEP_LIST_END:
		send_plain(JST_MESSAGE_LIST_END, NULL, 0);
		break;
	case STEP_LOADED:
		send_loaded(input);
		break;
	case STEP_STARTED:
		send_plain(JST_MESSAGE_STARTED, NULL, 0);
		break;
	case STEP_FLIPPED:
		send_plain(JST_MESSAGE_FLIPPED, "\3\0\0\0\0\0\0", 8);
		break;
	case STEP_STOPPED:
		send_plain(JST_MESSAGE_STOPPED, "\0\0\0\0\0\0\0", 8);
		break;
	case STEP_BYTES: {
		const uint8_t *from = fuzz_bytes(input, (size = fuzz_number(input, 1), &size));

		send_bytes(from, size);
		break;
	}
	case STEP_BODY:
	case STEP_LIE: {
		const uint32_t type = (uint32_t)fuzz_number(input, 1);
		const uint32_t lie = what % STEPS_KNOWN == STEP_LIE ? (uint32_t)fuzz_number(input, 4) : 0;
		const uint8_t *from = fuzz_bytes(input, (size = fuzz_number(input, 2) % 4096, &size));

		send_message(type, from, size, (uint32_t)size + lie);
		break;
	}
	case STEP_LONG:
		size = JST_PACKET_MAX - 16 + fuzz_number(input, 1);
		send_message(JST_MESSAGE_SITE, bytes, size, (uint32_t)size);
		break;
	case STEP_DESCRIPTOR:
		attach((enum thing)(fuzz_number(input, 1) % THINGS));
		break;
	case STEP_CLOSE:
		if (peer >= 0)
			close(peer);
		peer = -1;
		turn();
		break;
	case STEP_DIE:
		die();
		turn();
		break;
	case STEP_MARKER: {
		const uint8_t *from = fuzz_bytes(input, (size = fuzz_number(input, 1) % (sizeof(marker->socket_name) + 1), &size));

		atomic_store(&marker->listening, (uint32_t)fuzz_number(input, 1));
		if (size)
			memcpy(marker->socket_name, from, size);
		turn();
		break;
	}
	case STEP_WRITE: /* into the memory that was offered */
		if (memory) {
			const uint32_t where = (uint32_t)fuzz_number(input, 3) % (uint32_t)(memory_size / 8) * 8;
			const uint64_t number = fuzz_number(input, 8);

			memcpy(memory + where, &number, 8);
		}
		break;
	case STEP_TIME:
		now += (int64_t)fuzz_number(input, 2) * TIMES_MS;
		target_step(target, &plan, now, false, false);
		break;
	case STEP_START:
		target_start(target, now);
		break;
	case STEP_LEASE:
		target_lease(target);
		break;
	case STEP_FLIP:
		target_flip(target);
		break;
	case STEP_RELEASE:
		target_release(target);
		break;
	case STEP_STOP:
		target_stop(target, now);
		break;
	case STEP_READ:
		read_memory();
		break;
	case STEP_TAKE:
		take_requests();
		break;
	case STEP_FORGET:
		target_forget_sites(target);
		break;
	case STEPS_KNOWN:
		break;
	}
}

/* ---- one input ---- */

static void open_target(unsigned how)
{
	struct process process = { .pid = getpid(), .pidfd = (int)syscall(SYS_pidfd_open, getpid(), 0), .agent = -1, .inner_pid = INNER_PID, .inner_start_time = INNER_START, .comm = "target" };
	int pair[2];

	start_of("process of our own", &process.start_time, getpid());
	process.marker = mmap(NULL, sizeof(*process.marker), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (process.pidfd < 0 || process.marker == MAP_FAILED || socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair))
		fuzz_fail("no target");
	now = 1000 * TIMES_MS;
	plan = (struct target_plan){ .program = how & 1 ? NULL : program, .memory = how & 2 ? MEMORY / 2 : MEMORY, .budget = 10000, .string_size = 64, .ring_size = RING, .stacks = how & 4, .measures = how & 16 };
	target = target_new(&process, how & 8);
	target_admit(target, now);
	/* As attach_wake() leaves it. */
	target->client.fd = pair[0];
	target->state = TARGET_GREETING;
	target->deadline = now + JST_HELLO_TIMEOUT_MS * TIMES_MS;
	peer = pair[1];
}

static void look_at_sites(void)
{
	struct jst_probe probe;
	uint64_t bytes = 0;

	for (jst_ref ref = 1; target->sites && target_site(target, &ref, &probe);)
		bytes += fuzz_hash((const uint8_t *)probe.name.bytes, probe.name.length) & 1;
	if (bytes > target->site_count)
		fuzz_fail("there are more sites than were counted");
}

void fuzz_one(const uint8_t *bytes, size_t size)
{
	struct fuzz_input input = { bytes, size };

	lowest = free_descriptor();
	open_target((unsigned)fuzz_number(&input, 1));
	for (int i = 0; i < STEPS && input.left; i++)
		take_step(&input);
	read_memory();
	look_at_sites();
	loaded += target->view != NULL;
	ended += target->state == TARGET_ENDED;
	if (!memchr(target->reason, '\0', sizeof(target->reason)) || (target->state == TARGET_FAILED && !target->reason[0]))
		fuzz_fail("a target has failed without a reason");
	target_due(target);
	target_free(target);
	if (peer >= 0)
		close(peer);
	while (attached_count)
		close(attached[--attached_count]);
	if (memory)
		munmap(memory, memory_size);
	memory = NULL;
	if (free_descriptor() != lowest)
		fuzz_fail("a descriptor was left open");
}

void fuzz_seeds(fuzz_take *take, void *context)
{
	for (unsigned i = 0; i < 16; i++) {
		const uint8_t whole[] = { (uint8_t)i, STEP_HELLO, 32, STEP_SITES, 2, 255, 0, 0, 255, 0, 0, 0, 0, 0, 0, STEP_LIST_END, STEP_TAKE, STEP_LOADED, 0, STEP_START, STEP_STARTED, STEP_WRITE, offsetof(struct jst_memory_header, generation) / 8, 0, 0, 3, 0, 0, 0, 9, 0, 0, 0,
			STEP_READ, STEP_LEASE, STEP_FLIP, STEP_FLIPPED, STEP_READ, STEP_RELEASE, STEP_TAKE, STEP_STOP, STEP_STOPPED };
		const uint8_t odd[] = { (uint8_t)(i & 2), STEP_HELLO, 32, STEP_SITES, 1, (uint8_t)(i * 2), 255, 255, (uint8_t)i, STEP_LIST_END, STEP_DESCRIPTOR, (uint8_t)i, STEP_LOADED, (uint8_t)(i << 2 | 3), (uint8_t)i, (uint8_t)(i / 2), STEP_TIME, (uint8_t)(i * 16), 1, STEP_CLOSE, STEP_TIME, 1, 0 };
		const uint8_t aside[] = { (uint8_t)(i & 16), STEP_HELLO, 0, STEP_TAKE, STEP_LOADED, 0, STEP_START, STEP_SITES, 2, 255, 0, 0, 255, 0, 0, 0, 0, 0, 0, STEP_STARTED, STEP_SITES, 1, (uint8_t)(i * 4), 255, 255, 0, STEP_READ, STEP_LIST_END, STEP_STOP, STEP_STOPPED };
		const uint8_t dying[] = { 0, STEP_HELLO, (uint8_t)(i < 8 ? 0 : 1 << i % 8), STEP_LOADED, 0, STEP_START, STEP_STARTED, STEP_LIST_END, STEP_MARKER, 3, 'a', 'b', 'c', 2, i & 1 ? STEP_DIE : STEP_CLOSE, STEP_TIME, 255, 2, STEP_READ };
		const uint8_t small[] = { 16, STEP_HELLO, 0, STEP_LOADED, 5, (uint8_t)(i % 2 ? THING_SHORT : THING_MEMORY), 0, (uint8_t)(i % 2 ? 16 : 0), (uint8_t)(i % 2 ? 0 : 16), STEP_START, STEP_STARTED, STEP_WRITE, offsetof(struct jst_memory_header, generation) / 8, 0, 0, 3, 0, 0, 0, 255, 255, 255, 255, STEP_READ, STEP_TIME, 255, 1, STEP_READ };
		char name[32];

		snprintf(name, sizeof(name), "small-%u", i);
		take(context, name, small, sizeof(small));
		snprintf(name, sizeof(name), "whole-%u", i);
		take(context, name, whole, sizeof(whole));
		snprintf(name, sizeof(name), "odd-%u", i);
		take(context, name, odd, sizeof(odd));
		snprintf(name, sizeof(name), "aside-%u", i);
		take(context, name, aside, sizeof(aside));
		snprintf(name, sizeof(name), "dying-%u", i);
		take(context, name, dying, sizeof(dying));
	}
}

void fuzz_end(void)
{
	printf("answers: %lu memories mapped, %lu targets ended\n", loaded, ended);
}
