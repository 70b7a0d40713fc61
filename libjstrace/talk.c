/*
 * The talk with one CLI. Nothing that it sends is believed: sizes are compared with what came, phases are kept, the program is verified on the agent's own copy.
 */
#include "talk.h"

#include <stdarg.h>
#include <string.h>
#include <sys/prctl.h>

#include "flip.h"
#include "jstrace.h"
#include "raw.h"
#include "sample.h"
#include "sites.h"
#include "text.h"

enum {
	FILE_MAX = 1024, /* of a file's name in a list: bytes */
	ENTRY_MAX = sizeof(struct jst_site_entry) + JST_MAX_PROBE_NAME + FILE_MAX + JST_MAX_SITE_FIELDS * JST_MAX_FIELD_NAME + 8,
	LIST_BODY = 32 << 10, /* of a message of several sites: two are under way while a third is made */
};

_Static_assert(LIST_BODY >= ENTRY_MAX && LIST_BODY <= JST_PACKET_MAX - (int)sizeof(struct jst_message), "an entry fits a message, and that a packet");

/* 1: sent; 0: the peer must read first; -1: it is gone. */
static int send_packet(const struct jst_talk *talk, enum jst_message_type type, const void *body, size_t size, const int *fds, unsigned fd_count)
{
	struct jst_message head = { type, (uint32_t)size };
	struct iovec part[2] = { { &head, sizeof(head) }, { (void *)body, size } };
	_Alignas(struct cmsghdr) char control[CMSG_SPACE(2 * sizeof(int))];
	struct msghdr message = { .msg_iov = part, .msg_iovlen = size ? 2 : 1 };
	ssize_t sent;

	if (fd_count) {
		memset(control, 0, sizeof(control));
		message.msg_control = control;
		message.msg_controllen = CMSG_SPACE(fd_count * sizeof(int));
		struct cmsghdr *attached = CMSG_FIRSTHDR(&message);

		attached->cmsg_level = SOL_SOCKET;
		attached->cmsg_type = SCM_RIGHTS;
		attached->cmsg_len = CMSG_LEN(fd_count * sizeof(int));
		memcpy(CMSG_DATA(attached), fds, fd_count * sizeof(int));
	}
	do
		sent = jst_raw_send(talk->fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
	while (sent == -EINTR);
	if (sent >= 0)
		return 1;
	return sent == -EAGAIN || sent == -ENOBUFS ? 0 : -1;
}

/* An answer that must go out now: a CLI that lets its socket fill up does not read its answers, and is given up. */
static bool answer(const struct jst_talk *talk, enum jst_message_type type, const void *body, size_t size)
{
	return send_packet(talk, type, body, size, NULL, 0) == 1;
}

/* Whether a list may go on: no more than a quarter of what the socket takes is unread, so that there is always room for an answer. */
static bool may_list(const struct jst_talk *talk)
{
	struct pollfd writable = { .fd = talk->fd, .events = POLLOUT };

	return jst_raw_poll(&writable, 1, 0) != 0;
}

/* The last word. */
__attribute__((format(printf, 3, 4))) static bool refuse(const struct jst_talk *talk, enum jst_refusal refusal, const char *format, ...)
{
	struct jst_message_refused body = { .refusal = refusal };
	va_list arguments;

	va_start(arguments, format);
	jst_text_vprint(body.reason, sizeof(body.reason), format, arguments);
	va_end(arguments);
	answer(talk, JST_MESSAGE_REFUSED, &body, sizeof(body));
	return false;
}

/*
 * As for ptrace(): who is the process in every respect. One that has put its privileges aside for a while, and can take them up again, is no longer its user's alone; nor is one that does not let itself be looked at (PR_SET_DUMPABLE).
 * In a user namespace all users that it does not know have one id, which the process may have, too.
 */
static bool may_trace(uid_t uid)
{
	enum { UNKNOWN_USER = 65534 }; /* /proc/sys/kernel/overflowuid, which nobody changes */
	uint32_t real, effective, saved;

	if (jst_raw_call(SYS_getresuid, (long)&real, (long)&effective, (long)&saved, 0, 0, 0) != 0 || uid != real || uid != effective || uid != saved)
		return false;
	if (jst_raw_call(SYS_prctl, PR_GET_DUMPABLE, 0, 0, 0, 0, 0) != 1)
		return false;
	return uid != UNKNOWN_USER || jst_sample_every_user();
}

void jst_talk_begin(struct jst_talk *talk, int fd, const struct jst_marker *marker, struct jst_clock *clock, int64_t now)
{
	struct ucred peer;

	*talk = (struct jst_talk){ .fd = fd, .phase = JST_TALK_GREETING, .deadline = now + JST_HELLO_TIMEOUT_MS, .marker = marker, .clock = clock };
	if (jst_raw_peer(fd, &peer) == 0 && (peer.uid == 0 || may_trace(peer.uid)))
		return;
	refuse(talk, JST_REFUSAL_CREDENTIALS, "only the user that the process runs as, and root, may trace it");
	jst_talk_end(talk);
}

void jst_talk_end(struct jst_talk *talk)
{
	if (talk->fd < 0)
		return;
	if (talk->installed)
		jst_install_stop(talk->installed);
	if (talk->program)
		jst_raw_unmap(talk->program, JST_PROGRAM_MAX_SIZE);
	jst_raw_close(talk->fd);
	talk->installed = NULL;
	talk->program = NULL;
	talk->listing = false;
	talk->fd = -1;
}

static bool greet(struct jst_talk *talk, const struct jst_message_hello *hello)
{
	struct jst_message_hello reply = { .abi_min = JST_ABI_MIN, .abi_max = JST_ABI_MAX, .pid = talk->marker->pid, .start_time = talk->marker->start_time };

	if (hello->abi_min > JST_ABI_MAX || hello->abi_max < JST_ABI_MIN)
		return refuse(talk, JST_REFUSAL_VERSION, "the process has jstrace %s, which speaks versions %d to %d; this jstrace speaks %u to %u", JSTRACE_VERSION, JST_ABI_MIN, JST_ABI_MAX, hello->abi_min, hello->abi_max);
	if (hello->pid != talk->marker->pid || hello->start_time != talk->marker->start_time)
		return refuse(talk, JST_REFUSAL_IDENTITY, "this is another process than the one that was looked for (pid %d)", (int)talk->marker->pid);
	jst_text_print(reply.version, sizeof(reply.version), "%s", JSTRACE_VERSION);
	talk->several = hello->abi_max >= JST_ABI_SEVERAL;
	talk->wishes.growth = hello->abi_max >= JST_ABI_GROWTH;
	talk->phase = JST_TALK_READY;
	return answer(talk, JST_MESSAGE_HELLO, &reply, sizeof(reply));
}

/* One sound site as the runtime writes it; its size, which is less than ENTRY_MAX. */
static uint32_t describe_site(const struct jst_site_record *record, struct jst_site_entry *entry)
{
	struct jst_probe probe;
	uint32_t at = 0;

	jst_site_describe(record, &probe);
	const uint32_t file_length = probe.file.length < FILE_MAX ? probe.file.length : FILE_MAX;

	memset(entry, 0, sizeof(*entry));
	entry->name_length = (uint16_t)probe.name.length;
	entry->file_length = (uint16_t)file_length;
	entry->line = probe.line;
	entry->fields = probe.fields;
	memcpy(entry->text, probe.name.bytes, probe.name.length);
	at += probe.name.length;
	memcpy(entry->text + at, probe.file.bytes, file_length);
	at += file_length;
	for (uint32_t i = 0; i < probe.fields; i++) {
		entry->type[i] = probe.field[i].type;
		entry->field_length[i] = (uint8_t)probe.field[i].name.length;
		memcpy(entry->text + at, probe.field[i].name.bytes, probe.field[i].name.length);
		at += probe.field[i].name.length;
	}
	entry->size = (uint32_t)((offsetof(struct jst_site_entry, text) + at + 7) & ~7U);
	memset(entry->text + at, 0, entry->size - offsetof(struct jst_site_entry, text) - at);
	return entry->size;
}

/* Puts sites into the body of a message, from the cursor on; its size, 0: there are no more. With the lock. */
static uint32_t list_some(struct jst_site_cursor *cursor, unsigned char *body, bool several)
{
	struct jst_site_span span;
	uint32_t size = 0;

	while ((!size || several) && size <= LIST_BODY - ENTRY_MAX && jst_sites_walk(cursor, 1, &span)) {
		const struct jst_site_record *record = span.first;

		if (jst_site_sound(record) && record->kind != JST_SITE_GUARD)
			size += describe_site(record, (struct jst_site_entry *)(body + size));
	}
	return size;
}

bool jst_talk_list(struct jst_talk *talk, unsigned char *buffer)
{
	while (talk->listing && may_list(talk)) {
		struct jst_site_cursor next = talk->list;

		jst_sites_lock();
		const uint32_t size = list_some(&next, buffer, talk->several);

		jst_sites_unlock();
		const int sent = size ? send_packet(talk, JST_MESSAGE_SITE, buffer, size, NULL, 0) : send_packet(talk, JST_MESSAGE_LIST_END, NULL, 0, NULL, 0);

		if (sent < 0)
			return false;
		/* Again when the peer has read some; what was not sent is looked up anew. */
		if (sent == 0)
			return true;
		talk->list = next;
		talk->listing = size > 0;
	}
	return true;
}

static bool load(struct jst_talk *talk, const struct jst_message_load *body)
{
	if (body->program_size < sizeof(struct jst_program) || body->program_size > JST_PROGRAM_MAX_SIZE)
		return refuse(talk, JST_REFUSAL_PROTOCOL, "a program has %zu bytes to 1 MiB, not %u", sizeof(struct jst_program), body->program_size);
	unsigned char *program = jst_raw_memory(JST_PROGRAM_MAX_SIZE);

	if (!program)
		return refuse(talk, JST_REFUSAL_MEMORY, "no memory for the program");
	talk->program = program;
	talk->received = 0;
	talk->load = *body;
	talk->phase = JST_TALK_UPLOADING;
	return true;
}

static uint32_t refused_sites(void)
{
	jst_sites_lock();
	const uint32_t refused = jst_sites_refused();

	jst_sites_unlock();
	return refused;
}

static bool install(struct jst_talk *talk)
{
	struct jst_refused refused;
	unsigned char *program = talk->program;

	talk->program = NULL;
	talk->installed = jst_install_prepare(&talk->load, &talk->wishes, program, &refused);
	if (!talk->installed)
		return refuse(talk, refused.refusal, "%s", refused.reason);

	struct jst_installed *installed = talk->installed;
	const struct jst_message_loaded body = { .sites = installed->sites, .probes = installed->probes, .memory = installed->run.memory.header->size,
		                                   .flags = atomic_load_explicit(&jst_process->named, memory_order_relaxed) ? JST_LOADED_NAMED : 0,
		                                   .refused = refused_sites() };
	const int fds[2] = { installed->memory_fd, installed->tails_fd };
	const bool sent = send_packet(talk, JST_MESSAGE_LOADED, &body, sizeof(body), fds, 2) == 1;

	jst_raw_close(installed->memory_fd);
	jst_raw_close(installed->tails_fd);
	installed->memory_fd = installed->tails_fd = -1;
	talk->phase = JST_TALK_LOADED;
	return sent;
}

static bool upload(struct jst_talk *talk, const void *bytes, uint32_t size)
{
	if (!size || size > talk->load.program_size - talk->received)
		return refuse(talk, JST_REFUSAL_PROTOCOL, "the program is longer than was said");
	memcpy(talk->program + talk->received, bytes, size);
	talk->received += size;
	return talk->received < talk->load.program_size || install(talk);
}

static bool start(struct jst_talk *talk)
{
	if (!jst_install_start(talk->installed, talk->clock))
		return refuse(talk, JST_REFUSAL_PRIVILEGED, "the process may not use membarrier(), without which probes cannot be turned off safely");
	talk->phase = JST_TALK_RUNNING;
	const bool sent = answer(talk, JST_MESSAGE_STARTED, NULL, 0);

	jst_install_populate(talk->installed);
	return sent;
}

static bool flip(struct jst_talk *talk)
{
	struct jst_message_flipped body = { .stragglers = jst_flip(talk->installed) };

	body.generation = atomic_load_explicit(&talk->installed->run.memory.header->generation, memory_order_relaxed);
	return answer(talk, JST_MESSAGE_FLIPPED, &body, sizeof(body));
}

static bool stop(struct jst_talk *talk)
{
	const struct jst_message_stopped body = { .stragglers = jst_install_stop(talk->installed) };

	talk->installed = NULL;
	talk->phase = JST_TALK_DONE;
	return answer(talk, JST_MESSAGE_STOPPED, &body, sizeof(body));
}

/* What may come when, and how large it is. UINT32_MAX: any size. */
static bool expected(const struct jst_talk *talk, uint32_t type, uint32_t size)
{
	static const struct {
		uint32_t size;
		unsigned phases; /* bits */
	} message[] = {
		[JST_MESSAGE_HELLO] = { sizeof(struct jst_message_hello), 1 << JST_TALK_GREETING },
		[JST_MESSAGE_LIST] = { 0, 1 << JST_TALK_READY | 1 << JST_TALK_LOADED | 1 << JST_TALK_RUNNING | 1 << JST_TALK_DONE },
		[JST_MESSAGE_LOAD] = { sizeof(struct jst_message_load), 1 << JST_TALK_READY },
		[JST_MESSAGE_MEASURE] = { 0, 1 << JST_TALK_READY },
		[JST_MESSAGE_PROGRAM] = { UINT32_MAX, 1 << JST_TALK_UPLOADING },
		[JST_MESSAGE_START] = { 0, 1 << JST_TALK_LOADED },
		[JST_MESSAGE_LEASE] = { 0, 1 << JST_TALK_READY | 1 << JST_TALK_LOADED | 1 << JST_TALK_RUNNING | 1 << JST_TALK_DONE },
		[JST_MESSAGE_FLIP] = { 0, 1 << JST_TALK_RUNNING },
		[JST_MESSAGE_RELEASE] = { 0, 1 << JST_TALK_RUNNING },
		[JST_MESSAGE_STOP] = { 0, 1 << JST_TALK_LOADED | 1 << JST_TALK_RUNNING },
	};

	return type < sizeof(message) / sizeof(message[0]) && (message[type].phases >> talk->phase & 1) && (message[type].size == UINT32_MAX || message[type].size == size);
}

static bool act(struct jst_talk *talk, uint32_t type, const void *body, uint32_t size, unsigned char *buffer)
{
	switch (type) {
	case JST_MESSAGE_HELLO:
		return greet(talk, body);
	case JST_MESSAGE_LIST:
		if (!talk->listing)
			talk->list = (struct jst_site_cursor){ 0 };
		talk->listing = true;
		return jst_talk_list(talk, buffer);
	case JST_MESSAGE_LOAD:
		return load(talk, body);
	case JST_MESSAGE_MEASURE:
		talk->wishes.measures = true;
		return true;
	case JST_MESSAGE_PROGRAM:
		return upload(talk, body, size);
	case JST_MESSAGE_START:
		return start(talk);
	case JST_MESSAGE_FLIP:
		return flip(talk);
	case JST_MESSAGE_RELEASE:
		jst_flip_release(talk->installed);
		return true;
	case JST_MESSAGE_STOP:
		return stop(talk);
	default: /* LEASE */
		return true;
	}
}

bool jst_talk_receive(struct jst_talk *talk, unsigned char *buffer, int64_t now)
{
	const ssize_t got = jst_raw_receive(talk->fd, buffer, JST_PACKET_MAX, MSG_DONTWAIT | MSG_TRUNC);
	struct jst_message head;

	if (got < 0)
		return got == -EAGAIN || got == -EINTR;
	if (got == 0)
		return false;
	if (got < (ssize_t)sizeof(head) || got > JST_PACKET_MAX)
		return refuse(talk, JST_REFUSAL_PROTOCOL, "a packet of %zd bytes is not one of ours", got);
	memcpy(&head, buffer, sizeof(head));
	if (head.size != (uint32_t)got - sizeof(head) || !expected(talk, head.type, head.size))
		return refuse(talk, JST_REFUSAL_PROTOCOL, "message %u of %u bytes does not belong here", head.type, head.size);

	const enum jst_talk_phase before = talk->phase;

	if (!act(talk, head.type, buffer + sizeof(head), head.size, buffer))
		return false;
	/* An upload has its time as a whole; everything else renews the lease. */
	if (before != JST_TALK_UPLOADING || talk->phase != JST_TALK_UPLOADING)
		talk->deadline = now + (talk->phase == JST_TALK_UPLOADING ? JST_UPLOAD_TIMEOUT_MS : JST_LEASE_MS);
	return true;
}
