/*
 * What a CLI may send to an agent: packets that are whole, torn, too long, out of turn, or carry descriptors; programs of which a byte was changed; positions of rings that are no positions. The agent's code runs on this thread, over
 * sockets, in a process that has probes, which this thread and another fire.
 *
 *     input: 1 byte, how the agent is called; then steps: what, of which connection, and what that needs
 *
 * At the end of each input all connections end. Then no probe may be on, no session left, and no descriptor open.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "fuzz.h"
#include "guarded.h"
#include "install.h"
#include "jstrace.h"
#include "serve.h"
#include "sites.h"
#include "talk.h"

enum { PEERS = 3, STEPS = 64, SCRIPTS = 64, TAILS_SIZE = JST_SLOTS * (int)sizeof(uint64_t), LONGEST = JST_PACKET_MAX + 4096, DESCRIPTORS = 4 };

enum step {
	STEP_CONNECT, STEP_HELLO, STEP_LIST, STEP_LOAD, STEP_PROGRAM, STEP_START, STEP_LEASE, STEP_FLIP, STEP_RELEASE, STEP_STOP, STEP_ANSWERS, STEP_FIRE,
	STEP_BYTES, STEP_BODY, STEP_LIE, STEP_LONG, STEP_DESCRIPTORS, STEP_TAILS, STEP_SHUTDOWN, STEP_CLOSE, STEP_CHANGE, STEP_QUICKLY, STEP_MEASURE, STEPS_KNOWN
};

/* A CLI, and the talk with it where the agent is called without a listener. */
struct peer {
	int fd;                     /* -1: not connected */
	struct jst_talk talk;
	int attach;                 /* descriptors that go with the next packet */
	unsigned script;            /* whose program is being sent */
	uint32_t sent;              /* of it, bytes */
	uint32_t at, changed;       /* a byte that is changed in it: where, and what is flipped */
	_Atomic uint64_t *tails;
};

static struct jst_program *programs[SCRIPTS];
static unsigned program_count;
static struct jst_marker marker;
static struct jst_clock session_clock;
static struct peer peers[PEERS];
static struct jst_serve *serve;
static bool serves;
static unsigned char *packet;   /* where the agent takes packets, before a page that nobody may touch */
static int lowest;              /* descriptor that was free before the input */
static unsigned long loaded, started, flipped;
static _Atomic bool others_fire;

/* ---- the process that is traced ---- */

static void fire(int id)
{
	static const char *const paths[] = { "/", "/api/users", "", NULL };
	const char *path = paths[id & 3];

	JSTRACE("request:start", "id", id, "path", path);
	JSTRACE("request:end", "id", id, "status", 200 + id % 3 * 150, "path", path, "ratio", id / 4.0, "size", (unsigned long)id * 1000, "raw", JSTRACE_BYTES("bytes", 5));
	if (id % 16 == 0) {
		const struct jstrace_field fields[] = { jstrace_int("id", id), jstrace_string("path", path) };

		jstrace_fire(id % 32 ? "request:end" : "other:name", fields, 2);
	}
}

static void *fire_on(void *nothing)
{
	for (int id = 0;; id++) {
		if (!atomic_load(&others_fire)) {
			const struct timespec pause = { 0, 200000 };

			nanosleep(&pause, NULL);
			continue;
		}
		fire(id % 64);
	}
	return nothing;
}

static int free_descriptor(void)
{
	const int fd = dup(0);

	close(fd);
	return fd;
}

void fuzz_begin(void)
{
	pthread_t thread;

	if (!jst_process || fcntl(0, F_GETFD) < 0)
		fuzz_fail("nothing can be traced here");
	for (int i = 0; fuzz_scripts[i] && program_count < SCRIPTS; i++) {
		struct jst_program *program = fuzz_compile(fuzz_scripts[i], false);

		if (program)
			programs[program_count++] = program;
	}
	marker = (struct jst_marker){ .magic = JST_MARKER_MAGIC, .abi_min = JST_ABI_MIN, .abi_max = JST_ABI_MAX, .pid = getpid(), .start_time = 4711 };
	jst_clock_init(&session_clock);
	packet = guarded_memory(JST_PACKET_MAX);
	for (int i = 0; i < PEERS; i++)
		peers[i].fd = peers[i].talk.fd = -1;
	pthread_create(&thread, NULL, fire_on, NULL);
}

/* ---- the agent ---- */

static int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000LL + now.tv_nsec / 1000000;
}

/* The agent does what can be done now. */
static void turn(struct peer *peer)
{
	if (serves) {
		for (int i = 0; i < 3 && serve; i++)
			jst_serve_step(&serve, 0);
		return;
	}
	struct pollfd poll_of = { .fd = peer->talk.fd, .events = POLLIN | POLLOUT };

	while (peer->talk.fd >= 0 && poll(&poll_of, 1, 0) > 0) {
		bool goes_on = true;

		if (peer->talk.listing && poll_of.revents & POLLOUT)
			goes_on = jst_talk_list(&peer->talk, packet);
		if (goes_on && poll_of.revents & ~POLLOUT)
			goes_on = jst_talk_receive(&peer->talk, packet, now_ms());
		else if (goes_on)
			break;
		if (!goes_on)
			jst_talk_end(&peer->talk);
	}
}

static void connect_peer(struct peer *peer)
{
	if (peer->fd >= 0)
		return;
	*peer = (struct peer){ .fd = -1, .talk = { .fd = -1 } };
	if (!serves) {
		int pair[2];

		if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair))
			fuzz_fail("no sockets");
		peer->fd = pair[0];
		jst_talk_begin(&peer->talk, pair[1], &marker, &session_clock, now_ms());
		return;
	}
	struct sockaddr_un address = { .sun_family = AF_UNIX };

	jst_serve_listen(&serve, &marker, &session_clock);
	if (!serve)
		return;
	memcpy(address.sun_path + 1, marker.socket_name, sizeof(marker.socket_name));
	peer->fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (connect(peer->fd, (const struct sockaddr *)&address, (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + strlen(marker.socket_name)))) {
		close(peer->fd);
		peer->fd = -1;
	}
	turn(peer);
}

static void close_peer(struct peer *peer)
{
	if (peer->fd >= 0)
		close(peer->fd);
	peer->fd = -1;
	if (peer->tails)
		munmap((void *)peer->tails, TAILS_SIZE);
	peer->tails = NULL;
	turn(peer);
}

/* ---- what a CLI sends ---- */

static void send_bytes(struct peer *peer, const void *bytes, size_t size)
{
	struct iovec part = { (void *)(uintptr_t)bytes, size };
	_Alignas(struct cmsghdr) char control[CMSG_SPACE(DESCRIPTORS * sizeof(int))];
	struct msghdr message = { .msg_iov = &part, .msg_iovlen = 1 };

	if (peer->attach) {
		memset(control, 0, sizeof(control));
		message.msg_control = control;
		message.msg_controllen = CMSG_SPACE((size_t)peer->attach * sizeof(int));
		struct cmsghdr *attached = CMSG_FIRSTHDR(&message);
		int *fds = (int *)(void *)CMSG_DATA(attached);

		attached->cmsg_level = SOL_SOCKET;
		attached->cmsg_type = SCM_RIGHTS;
		attached->cmsg_len = CMSG_LEN((size_t)peer->attach * sizeof(int));
		for (int i = 0; i < peer->attach; i++)
			fds[i] = i % 2 ? peer->fd : 0;
		peer->attach = 0;
	}
	if (peer->fd >= 0 && sendmsg(peer->fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL) < 0 && errno == EMSGSIZE && size < JST_PACKET_MAX)
		fuzz_fail("a packet of %zu bytes was too long", size);
	turn(peer);
}

static void send_message(struct peer *peer, uint32_t type, const void *body, size_t size, uint32_t told)
{
	static unsigned char buffer[LONGEST];
	const struct jst_message head = { type, told };

	memcpy(buffer, &head, sizeof(head));
	if (size)
		memcpy(buffer + sizeof(head), body, size);
	send_bytes(peer, buffer, sizeof(head) + size);
}

static void send_plain(struct peer *peer, enum jst_message_type type, const void *body, uint32_t size)
{
	send_message(peer, type, body, size, size);
}

static void send_hello(struct peer *peer, uint32_t odd)
{
	const struct jst_message_hello hello = { .abi_min = JST_ABI_MIN, .abi_max = JST_ABI_MAX - odd % 4, .pid = odd & 64 ? 1 : marker.pid, .start_time = odd & 128 ? 1 : marker.start_time };

	send_plain(peer, JST_MESSAGE_HELLO, &hello, sizeof(hello));
}

/* Sizes near their limits, or anything. A budget that is too large for a test is cut. */
static void send_load(struct peer *peer, struct fuzz_input *input)
{
	struct jst_message_load load = { .budget = 10000, .memory = 8 << 20, .string_size = 64, .ring_size = 4096 };
	const unsigned odd = (unsigned)fuzz_number(input, 1);

	peer->script = (unsigned)fuzz_number(input, 1) % program_count;
	load.program_size = programs[peer->script]->size;
	peer->sent = 0;
	if (odd & 1)
		load.memory = fuzz_number(input, 5);
	if (odd & 2)
		load.string_size = (uint32_t)fuzz_number(input, 3);
	if (odd & 4)
		load.ring_size = 1U << fuzz_number(input, 1) % 32;
	if (odd & 8)
		load.budget = (uint32_t)fuzz_number(input, 2);
	if (odd & 16)
		load.program_size = (uint32_t)fuzz_number(input, 3);
	if (odd & 32)
		load.ring_size = (uint32_t)fuzz_number(input, 4);
	send_plain(peer, JST_MESSAGE_LOAD, &load, sizeof(load));
}

/* Some of the program, or all that is left. */
static void send_program(struct peer *peer, uint32_t most)
{
	const struct jst_program *program = programs[peer->script];
	unsigned char *copy = malloc(program->size);

	if (!copy)
		abort();
	memcpy(copy, program, program->size);
	if (peer->changed) {
		copy[peer->at % program->size] ^= (unsigned char)peer->changed;
		if (peer->changed & 0x100)
			fuzz_seal(copy, program->size);
	}
	if (!most || most > program->size - peer->sent)
		most = program->size - peer->sent;
	send_plain(peer, JST_MESSAGE_PROGRAM, copy + peer->sent, most);
	peer->sent = peer->sent + most < program->size ? peer->sent + most : 0;
	free(copy);
}

/* ---- what it gets ---- */

static void keep_tails(struct peer *peer, int fd)
{
	void *tails = mmap(NULL, TAILS_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	if (tails == MAP_FAILED)
		return;
	if (peer->tails)
		munmap((void *)peer->tails, TAILS_SIZE);
	peer->tails = tails;
}

/* One descriptor of what LOADED brings: the results may not be written by us, nor the size of either changed. */
static void check_descriptor(struct peer *peer, int fd, bool memory)
{
	if (ftruncate(fd, 4096) == 0)
		fuzz_fail("the session's %s can be cut", memory ? "memory" : "tails");
	if (!memory) {
		keep_tails(peer, fd);
		return;
	}
	void *results = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	if (results != MAP_FAILED)
		fuzz_fail("the session's memory can be written by the CLI");
}

static void check_answer(struct peer *peer, const unsigned char *answer, size_t size, const int *fds, int count)
{
	struct jst_message head;

	if (size < sizeof(head))
		fuzz_fail("an answer of %zu bytes", size);
	memcpy(&head, answer, sizeof(head));
	if (head.size != size - sizeof(head))
		fuzz_fail("an answer of type %u tells a size of %u, not %zu", head.type, head.size, size - sizeof(head));
	if (count && (count != 2 || head.type != JST_MESSAGE_LOADED))
		fuzz_fail("an answer of type %u has %d descriptors", head.type, count);
	for (int i = 0; i < count; i++) {
		check_descriptor(peer, fds[i], i == 0);
		close(fds[i]);
	}
	loaded += head.type == JST_MESSAGE_LOADED;
	started += head.type == JST_MESSAGE_STARTED;
	flipped += head.type == JST_MESSAGE_FLIPPED;
	if (head.type == JST_MESSAGE_REFUSED && (head.size != sizeof(struct jst_message_refused) || !memchr(answer + sizeof(head) + 4, '\0', 252) || !answer[sizeof(head) + 4]))
		fuzz_fail("a refusal without a reason");
}

static void take_answers(struct peer *peer)
{
	static _Alignas(8) unsigned char answer[LONGEST];

	turn(peer);
	for (int i = 0; i < 100 && peer->fd >= 0; i++) {
		_Alignas(struct cmsghdr) char control[CMSG_SPACE(DESCRIPTORS * sizeof(int))];
		struct iovec part = { answer, sizeof(answer) };
		struct msghdr message = { .msg_iov = &part, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof(control) };
		const ssize_t size = recvmsg(peer->fd, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
		const struct cmsghdr *attached = size >= 0 ? CMSG_FIRSTHDR(&message) : NULL;
		int fds[DESCRIPTORS];
		const int count = attached ? (int)((attached->cmsg_len - CMSG_LEN(0)) / sizeof(int)) : 0;

		if (size <= 0)
			return;
		if (count)
			memcpy(fds, CMSG_DATA(attached), (size_t)count * sizeof(int));
		check_answer(peer, answer, (size_t)size, fds, count);
		turn(peer); /* a list goes on as there is room */
	}
}

/* ---- steps ---- */

static void take_step(struct fuzz_input *input)
{
	static unsigned char bytes[LONGEST];
	const unsigned what = (unsigned)fuzz_number(input, 1);
	struct peer *peer = &peers[what / STEPS_KNOWN % PEERS];
	size_t size;

	if (peer->fd < 0)
		connect_peer(peer);
	switch ((enum step)(what % STEPS_KNOWN)) {
	case STEP_CONNECT:
		close_peer(peer);
		connect_peer(peer);
		break;
	case STEP_HELLO:
		send_hello(peer, (uint32_t)fuzz_number(input, 1));
		break;
	case STEP_LIST:
		send_plain(peer, JST_MESSAGE_LIST, NULL, 0);
		break;
	case STEP_LOAD:
		send_load(peer, input);
		break;
	case STEP_PROGRAM:
		send_program(peer, (uint32_t)fuzz_number(input, 2));
		break;
	case STEP_START:
	case STEP_LEASE:
	case STEP_FLIP:
	case STEP_RELEASE:
	case STEP_STOP: {
		static const enum jst_message_type types[] = { JST_MESSAGE_START, JST_MESSAGE_LEASE, JST_MESSAGE_FLIP, JST_MESSAGE_RELEASE, JST_MESSAGE_STOP };

		send_plain(peer, types[what % STEPS_KNOWN - STEP_START], NULL, 0);
		break;
	}
	case STEP_ANSWERS:
		take_answers(peer);
		break;
	case STEP_FIRE:
		for (unsigned i = 0, count = (unsigned)fuzz_number(input, 1); i < count; i++)
			fire((int)i);
		break;
	case STEP_BYTES: {
		const uint8_t *from = fuzz_bytes(input, (size = fuzz_number(input, 1), &size));

		send_bytes(peer, from, size);
		break;
	}
	case STEP_BODY:
	case STEP_LIE: {
		const uint32_t type = (uint32_t)fuzz_number(input, 1);
		const uint32_t lie = what % STEPS_KNOWN == STEP_LIE ? (uint32_t)fuzz_number(input, 4) : 0;
		const uint8_t *from = fuzz_bytes(input, (size = fuzz_number(input, 1), &size));

		send_message(peer, type, from, size, (uint32_t)size + lie);
		break;
	}
	case STEP_LONG:
		size = JST_PACKET_MAX - 16 + fuzz_number(input, 1);
		memset(bytes, 0, sizeof(bytes));
		send_message(peer, JST_MESSAGE_PROGRAM, bytes, size, (uint32_t)size);
		break;
	case STEP_DESCRIPTORS:
		peer->attach = 1 + (int)(fuzz_number(input, 1) % DESCRIPTORS);
		break;
	case STEP_TAILS:
		for (int i = 0; i < 8 && peer->tails; i++)
			atomic_store(&peer->tails[fuzz_number(input, 1) % 4], fuzz_number(input, 8));
		break;
	case STEP_SHUTDOWN:
		if (peer->fd >= 0)
			shutdown(peer->fd, fuzz_number(input, 1) & 1 ? SHUT_WR : SHUT_RD);
		turn(peer);
		break;
	case STEP_CLOSE:
		close_peer(peer);
		break;
	case STEP_CHANGE:
		peer->at = (uint32_t)fuzz_number(input, 2);
		peer->changed = (uint32_t)fuzz_number(input, 2);
		break;
	case STEP_QUICKLY: /* all up to a session that runs */
		send_hello(peer, 0);
		send_load(peer, input);
		send_program(peer, 0);
		take_answers(peer);
		send_plain(peer, JST_MESSAGE_START, NULL, 0);
		break;
	case STEP_MEASURE:
		send_plain(peer, JST_MESSAGE_MEASURE, NULL, 0);
		break;
	case STEPS_KNOWN:
		break;
	}
}

/* ---- afterwards ---- */

static void check_site(const struct jst_site_record *record)
{
	if (jst_site_sound(record) && jst_site_watchers(record))
		fuzz_fail("%s is still on", jst_site_name(record).bytes);
}

static void check_rest(void)
{
	struct jst_site_cursor cursor = { 0 };
	struct jst_site_span span;

	if (serve)
		fuzz_fail("it still serves");
	for (int i = 0; i < JST_MAX_SESSIONS; i++)
		if (atomic_load(&jst_process->sessions[i]) || jst_process->prepared[i])
			fuzz_fail("session %d is left", i);
	if (atomic_load(&jst_process->watched))
		fuzz_fail("something is still watched");
	jst_sites_lock();
	while (jst_sites_walk(&cursor, 64, &span))
		for (uint32_t i = 0; i < span.count; i++)
			check_site(&span.first[i]);
	jst_sites_unlock();
	if (free_descriptor() != lowest)
		fuzz_fail("a descriptor was left open");
}

void fuzz_one(const uint8_t *bytes, size_t size)
{
	struct fuzz_input input = { bytes, size };
	const unsigned how = (unsigned)fuzz_number(&input, 1);

	lowest = free_descriptor();
	serves = how & 1;
	atomic_store(&others_fire, how & 2);
	for (int i = 0; i < STEPS && input.left; i++)
		take_step(&input);
	for (int i = 0; i < PEERS; i++) {
		take_answers(&peers[i]);
		close_peer(&peers[i]);
		jst_talk_end(&peers[i].talk);
	}
	jst_serve_end(&serve);
	atomic_store(&others_fire, false);
	check_rest();
}

/* A whole talk for each script, in each of the four ways; two sessions at once; and refusals. */
void fuzz_seeds(fuzz_take *take, void *context)
{
	enum { OTHER = STEPS_KNOWN };

	for (unsigned i = 0; i < program_count; i++) {
		const uint8_t steps[] = { (uint8_t)(i % 4), STEP_HELLO, 0, STEP_LIST, STEP_ANSWERS, STEP_LOAD, 0, (uint8_t)i, STEP_PROGRAM, 100, 0, STEP_PROGRAM, 0, 0, STEP_ANSWERS, STEP_START, STEP_FIRE, 100, STEP_TAILS,
			0, 1, 2, 3, 4, 5, 6, 7, 8, 1, 255, 255, 255, 255, 255, 255, 255, 255, STEP_FIRE, 50, STEP_FLIP, STEP_FIRE, 20, STEP_RELEASE, STEP_LEASE, STEP_FLIP, STEP_ANSWERS, STEP_LIST, STEP_STOP, STEP_ANSWERS };
		const uint8_t two[] = { (uint8_t)(i % 4), STEP_MEASURE, STEP_CONNECT, STEP_HELLO, 0, STEP_MEASURE, STEP_QUICKLY, 0, (uint8_t)i, OTHER + STEP_QUICKLY, 0, (uint8_t)(i + 1), STEP_FIRE, 100, OTHER + STEP_FLIP, STEP_CLOSE, STEP_FIRE, 100, OTHER + STEP_ANSWERS, OTHER + STEP_STOP };
		const uint8_t refused[] = { (uint8_t)(i % 4), STEP_DESCRIPTORS, 3, STEP_HELLO, (uint8_t)(i % 2), STEP_CHANGE, (uint8_t)(i * 37), 0, (uint8_t)(1 << i % 8), (uint8_t)(i % 2), STEP_LOAD, (uint8_t)(1 << i % 8), (uint8_t)i, 255, 255, 255, 255, 255, STEP_PROGRAM, 0, 0,
			STEP_ANSWERS, STEP_START, STEP_LONG, (uint8_t)i, STEP_LIE, JST_MESSAGE_LEASE, 1, 0, 0, 0, 4, 1, 2, 3, 4, STEP_BYTES, 4, 1, 2, 3, 4, STEP_SHUTDOWN, (uint8_t)i };
		char name[32];

		snprintf(name, sizeof(name), "talk-%u", i);
		take(context, name, steps, sizeof(steps));
		snprintf(name, sizeof(name), "two-%u", i);
		take(context, name, two, sizeof(two));
		snprintf(name, sizeof(name), "refused-%u", i);
		take(context, name, refused, sizeof(refused));
	}
}

void fuzz_end(void)
{
	printf("talk: %lu programs loaded, %lu sessions started, %lu flips\n", loaded, started, flipped);
}
