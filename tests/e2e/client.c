/*
 * A small CLI for tests.
 */
#include "client.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/futex.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "aggregation.h"

char client_error[320];
int client_patience_ms = JST_WAKE_TIMEOUT_MS;

#define fail(...) (snprintf(client_error, sizeof(client_error), __VA_ARGS__), false)

int64_t client_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000LL + now.tv_nsec / 1000000;
}

static void pause_ms(int ms)
{
	poll(NULL, 0, ms);
}

/* The descriptor of the marker in the agent's table, opened; -1: none yet. */
static int open_marker(pid_t pid, int tid)
{
	char path[96], target[96];
	int fd = -1;

	snprintf(path, sizeof(path), "/proc/%d/task/%d/fd", (int)pid, tid);
	DIR *folder = opendir(path);

	for (struct dirent *entry; folder && fd < 0 && (entry = readdir(folder));) {
		snprintf(path, sizeof(path), "/proc/%d/task/%d/fd/%.16s", (int)pid, tid, entry->d_name);
		const ssize_t length = readlink(path, target, sizeof(target) - 1);

		if (length > 0 && (target[length] = 0, strncmp(target, "/memfd:" JST_MARKER_NAME, strlen("/memfd:" JST_MARKER_NAME)) == 0))
			fd = open(path, O_RDONLY | O_CLOEXEC);
	}
	if (folder)
		closedir(folder);
	return fd;
}

static bool find_once(struct client *client)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/task", (int)client->pid);
	DIR *folder = opendir(path);

	for (struct dirent *entry; folder && !client->marker && (entry = readdir(folder));) {
		const int tid = atoi(entry->d_name);
		const int fd = tid ? open_marker(client->pid, tid) : -1;

		if (fd < 0)
			continue;
		/* The agent may have made it a moment ago, and not given it a size yet. */
		const struct jst_marker *marker = lseek(fd, 0, SEEK_END) >= 4096 ? mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0) : MAP_FAILED;

		close(fd);
		if (marker == MAP_FAILED)
			continue;
		if (atomic_load_explicit(&marker->state, memory_order_acquire) == JST_MARKER_READY && marker->agent_tid == tid) {
			client->marker = marker;
			client->agent = tid;
		} else {
			munmap((void *)marker, 4096);
		}
	}
	if (folder)
		closedir(folder);
	return client->marker != NULL;
}

bool client_find(struct client *client, pid_t pid)
{
	const int64_t deadline = client_ms() + 2000;

	memset(client, 0, sizeof(*client));
	client->pid = pid;
	client->fd = client->memory_fd = client->tails_fd = -1;
	while (!find_once(client)) {
		if (client_ms() >= deadline)
			return fail("no marker in process %d", (int)pid);
		pause_ms(2);
	}
	return true;
}

void client_ring(const struct client *client)
{
	siginfo_t info = { 0 };

	info.si_signo = SIGUSR2;
	info.si_code = SI_QUEUE;
	info.si_pid = getpid();
	info.si_uid = getuid();
	info.si_value.sival_int = JST_WAKE_MAGIC;
	syscall(SYS_rt_tgsigqueueinfo, client->pid, client->agent, SIGUSR2, &info);
	syscall(SYS_futex, &client->marker->doorbell, FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
}

bool client_connect(struct client *client)
{
	const uint32_t before = atomic_load_explicit(&client->marker->listening, memory_order_acquire);
	const int64_t deadline = client_ms() + client_patience_ms;
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	uint32_t seen;

	for (;;) {
		client_ring(client);
		const int64_t again = client_ms() + JST_WAKE_AGAIN_MS;

		do {
			seen = atomic_load_explicit(&client->marker->listening, memory_order_acquire);
			if (seen != before && !(seen & 1)) {
				memcpy(address.sun_path + 1, client->marker->socket_name, sizeof(client->marker->socket_name));
				atomic_thread_fence(memory_order_acquire);
				if (seen == atomic_load_explicit(&client->marker->listening, memory_order_relaxed) && address.sun_path[1])
					goto named;
			}
			pause_ms(1);
		} while (client_ms() < again);
		if (client_ms() >= deadline)
			return fail("the agent does not answer");
	}
named:
	client->fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	if (connect(client->fd, (struct sockaddr *)&address, (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + strlen(address.sun_path + 1))) < 0)
		return fail("connect: %s", strerror(errno));

	struct ucred peer;
	socklen_t size = sizeof(peer);

	if (getsockopt(client->fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) < 0 || peer.pid != client->pid)
		return fail("the peer is process %d", (int)peer.pid);
	return true;
}

bool client_send(struct client *client, uint32_t type, const void *body, uint32_t size)
{
	struct jst_message head = { type, size };
	struct iovec part[2] = { { &head, sizeof(head) }, { (void *)body, size } };
	struct msghdr message = { .msg_iov = part, .msg_iovlen = 2 };

	if (sendmsg(client->fd, &message, MSG_NOSIGNAL) < 0)
		return fail("send: %s", strerror(errno));
	return true;
}

uint32_t client_receive(struct client *client, void *body, uint32_t *size, int timeout_ms)
{
	struct jst_message head = { 0, 0 };
	struct iovec part[2] = { { &head, sizeof(head) }, { body, JST_PACKET_MAX } };
	_Alignas(struct cmsghdr) char control[CMSG_SPACE(2 * sizeof(int))];
	struct msghdr message = { .msg_iov = part, .msg_iovlen = 2, .msg_control = control, .msg_controllen = sizeof(control) };
	struct pollfd poll_one = { .fd = client->fd, .events = POLLIN };

	if (poll(&poll_one, 1, timeout_ms) <= 0)
		return fail("no answer in %d ms", timeout_ms);
	const ssize_t got = recvmsg(client->fd, &message, MSG_CMSG_CLOEXEC);

	if (got < (ssize_t)sizeof(head) || head.size != (size_t)got - sizeof(head))
		return fail("end of the connection");
	for (struct cmsghdr *attached = CMSG_FIRSTHDR(&message); attached; attached = CMSG_NXTHDR(&message, attached)) {
		int fds[2];

		if (attached->cmsg_len != CMSG_LEN(sizeof(fds)))
			continue;
		memcpy(fds, CMSG_DATA(attached), sizeof(fds));
		client->memory_fd = fds[0];
		client->tails_fd = fds[1];
	}
	if (size)
		*size = head.size;
	if (head.type == JST_MESSAGE_REFUSED) {
		const struct jst_message_refused *refused = body;

		client->refusal = refused->refusal;
		snprintf(client->refused, sizeof(client->refused), "%s", refused->reason);
		snprintf(client_error, sizeof(client_error), "refused: %s", client->refused);
	}
	return head.type;
}

bool client_ask(struct client *client, uint32_t type, uint32_t expected, void *body)
{
	static _Alignas(8) unsigned char room[JST_PACKET_MAX];
	uint32_t got;

	if (!client_send(client, type, NULL, 0))
		return false;
	got = client_receive(client, body ? body : room, NULL, 5000);
	if (got == expected)
		return true;
	return got == JST_MESSAGE_REFUSED || !got ? false : fail("message %u instead of %u", got, expected);
}

bool client_hello(struct client *client, int32_t pid, uint64_t start_time, uint32_t abi_min, uint32_t abi_max)
{
	static _Alignas(8) unsigned char body[JST_PACKET_MAX];
	const struct jst_message_hello hello = { .abi_min = abi_min, .abi_max = abi_max, .pid = pid, .start_time = start_time, .version = "test" };

	return client_send(client, JST_MESSAGE_HELLO, &hello, sizeof(hello)) && client_receive(client, body, NULL, 3000) == JST_MESSAGE_HELLO;
}

bool client_attach(struct client *client, pid_t pid)
{
	return client_find(client, pid) && client_connect(client) && client_hello(client, client->marker->pid, client->marker->start_time, JST_ABI_MIN, JST_ABI_MAX);
}

bool client_load(struct client *client, const void *program, uint32_t size, uint64_t memory)
{
	static _Alignas(8) unsigned char body[JST_PACKET_MAX];
	const struct jst_message_load load = { .program_size = size, .budget = 100000, .memory = memory, .string_size = 256, .ring_size = 65536 };

	if (!client_send(client, JST_MESSAGE_LOAD, &load, sizeof(load)))
		return false;
	for (uint32_t at = 0; at < size; at += 1000)
		if (!client_send(client, JST_MESSAGE_PROGRAM, (const char *)program + at, size - at < 1000 ? size - at : 1000))
			return false;
	if (client_receive(client, body, NULL, 5000) != JST_MESSAGE_LOADED)
		return false;
	const struct jst_message_loaded *loaded = (const struct jst_message_loaded *)body;

	client->sites = loaded->sites;
	client->probes = loaded->probes;
	client->memory_size = loaded->memory;
	const int seals = fcntl(client->memory_fd, F_GET_SEALS);

	if ((seals & (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL | 0x10)) != (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL | 0x10))
		return fail("the memory's seals are %x", seals);
	client->memory = mmap(NULL, loaded->memory, PROT_READ, MAP_SHARED, client->memory_fd, 0);
	return client->memory != MAP_FAILED || fail("mmap: %s", strerror(errno));
}

static struct jst_program *count_program(const char *glob, bool reads)
{
	struct jst_builder *builder = jst_builder_new();
	const int64_t parameters[3] = { 0 };
	const char *limit;

	jst_builder_aggregation(builder, JST_AGGREGATION_COUNT, 0, parameters);
	jst_builder_clause(builder);
	jst_builder_pattern(builder, glob, strlen(glob), JST_PATTERN_GLOB);
	jst_builder_insn(builder, (struct jst_insn){ .op = JST_OP_AGGREGATE });
	if (reads)
		jst_builder_insn(builder, (struct jst_insn){ .op = JST_OP_AGGGET });
	jst_builder_insn(builder, (struct jst_insn){ .op = JST_OP_RETURN });
	jst_builder_registers(builder, 1);
	struct jst_program *program = jst_builder_finish(builder, &limit);

	jst_builder_free(builder);
	return program;
}

struct jst_program *client_count_program(const char *glob)
{
	return count_program(glob, false);
}

struct jst_program *client_reading_program(const char *glob)
{
	return count_program(glob, true);
}

static uint64_t count_bank(const struct client *client, const struct jst_bank *bank)
{
	const struct jst_aggregation_decl decl = { .function = JST_AGGREGATION_COUNT };
	struct jst_result result;
	jst_ref ref = atomic_load_explicit(&bank->first_chunk, memory_order_acquire);

	jst_result_init(&result, &decl);
	while (ref && (uint64_t)ref * 8 + sizeof(struct jst_chunk) <= client->memory_size) {
		const struct jst_chunk *chunk = (const struct jst_chunk *)(client->memory + (uint64_t)ref * 8);
		const uint32_t used = atomic_load_explicit(&chunk->used, memory_order_acquire);

		for (uint32_t at = sizeof(*chunk); at < used;) {
			const struct jst_cell *cell = (const struct jst_cell *)((const unsigned char *)chunk + at);

			if (!cell->size)
				break;
			if (cell->type == JST_CELL_STATE)
				jst_result_add_state(&result, &decl, (const char *)(cell + 1) + cell->key_size, cell->size - (uint32_t)sizeof(*cell) - cell->key_size, &(struct jst_source){ "", 0 });
			at += cell->size;
		}
		ref = atomic_load_explicit(&chunk->next, memory_order_acquire);
	}
	const uint64_t count = result.count;

	jst_result_fini(&result);
	return count;
}

uint64_t client_count(struct client *client, bool closed)
{
	const struct jst_memory_header *header = (const struct jst_memory_header *)client->memory;
	const struct jst_slot *slots = (const struct jst_slot *)(client->memory + header->slots_offset);
	uint64_t count = 0;

	for (unsigned i = 0; i < JST_SLOTS; i++) {
		for (unsigned b = 0; b < JST_BANKS; b++) {
			const struct jst_bank *bank = &slots[i].banks[b];
			const uint32_t generation = atomic_load_explicit(&bank->generation, memory_order_acquire);

			if (!generation || generation == client->copied[i][b] || (closed && atomic_load_explicit(&bank->state, memory_order_acquire) != JST_BANK_CLOSED))
				continue;
			count += count_bank(client, bank);
			client->copied[i][b] = generation;
		}
	}
	return count;
}

uint64_t client_loss(const struct client *client, enum jst_loss loss)
{
	const struct jst_memory_header *header = (const struct jst_memory_header *)client->memory;
	const struct jst_slot *slots = (const struct jst_slot *)(client->memory + header->slots_offset);
	uint64_t count = atomic_load(&header->losses[loss]);

	for (unsigned i = 0; i < JST_SLOTS; i++)
		count += atomic_load(&slots[i].losses[loss]);
	return count;
}

void client_close(struct client *client)
{
	if (client->marker)
		munmap((void *)client->marker, 4096);
	if (client->memory)
		munmap((void *)client->memory, client->memory_size);
	if (client->fd >= 0)
		close(client->fd);
	if (client->memory_fd >= 0)
		close(client->memory_fd);
	if (client->tails_fd >= 0)
		close(client->tails_fd);
	memset(client, 0, sizeof(*client));
	client->fd = client->memory_fd = client->tails_fd = -1;
}
