/*
 * Serving CLIs: one poll loop over the socket that listens and the connections, each with a phase and a deadline. Nothing here waits for a CLI: what it does not read in time ends its session.
 *
 *     GREETING --HELLO--> READY --LOAD--> UPLOADING --last PROGRAM--> LOADED --START--> RUNNING --STOP--> DONE       any of them --EOF, error, time-out--> closed, as if it had never been
 */
#include "serve.h"

#include <errno.h>
#include <string.h>
#include <sys/un.h>

#include "flip.h"
#include "install.h"
#include "jstrace.h"
#include "raw.h"
#include "sample.h"
#include "stacks.h"
#include "talk.h"
#include "thread.h"

enum {
	CONNECTIONS = 2 * JST_MAX_SESSIONS,
	UNPOLLED_NS = 5000000, /* between two looks where the kernel cannot poll */
};

struct jst_serve {
	struct jst_marker *marker;
	struct jst_clock *clock;
	int listener;              /* -1: nobody is expected */
	int64_t listen_until;      /* ms */
	int64_t next_second;       /* ms */
	int64_t stacks_due;        /* ms: when the process's mappings may be looked at again */
	struct jst_talk talk[CONNECTIONS];
	_Alignas(8) unsigned char packet[JST_PACKET_MAX];
	unsigned char reap[JST_REAP_SCRATCH];
};

int64_t jst_serve_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000LL + now.tv_nsec / 1000000;
}

static void stop_listening(struct jst_serve *serve)
{
	if (serve->listener < 0)
		return;
	jst_marker_listen(serve->marker, "");
	jst_raw_close(serve->listener);
	serve->listener = -1;
}

/* A socket with a name that the kernel chooses, in no file system. */
static bool start_listening(struct jst_serve *serve)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	socklen_t size = sizeof(sa_family_t);
	char name[sizeof(serve->marker->socket_name)] = "";
	const int fd = jst_raw_socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK);

	if (fd < 0)
		return false;
	if (jst_raw_bind(fd, &address, size) < 0 || jst_raw_listen(fd, CONNECTIONS) < 0 || (size = sizeof(address), jst_raw_name(fd, &address, &size) < 0) ||
	    size <= offsetof(struct sockaddr_un, sun_path) + 1 || size - offsetof(struct sockaddr_un, sun_path) > sizeof(name)) {
		jst_raw_close(fd);
		return false;
	}
	memcpy(name, address.sun_path + 1, size - offsetof(struct sockaddr_un, sun_path) - 1);
	serve->listener = fd;
	jst_marker_listen(serve->marker, name);
	return true;
}

void jst_serve_listen(struct jst_serve **serve, struct jst_marker *marker, struct jst_clock *clock)
{
	if (!*serve) {
		struct jst_serve *new = jst_raw_memory(sizeof(*new));

		if (!new)
			return;
		new->marker = marker;
		new->clock = clock;
		new->listener = -1;
		new->next_second = jst_serve_now() + 1000;
		for (int i = 0; i < CONNECTIONS; i++)
			new->talk[i].fd = -1;
		*serve = new;
	}
	(*serve)->listen_until = jst_serve_now() + JST_LISTEN_MS;
	/* The CLI that rang waits for a change. */
	if ((*serve)->listener < 0)
		start_listening(*serve);
	else
		jst_marker_listen(marker, NULL);
}

static void accept_one(struct jst_serve *serve, int64_t now)
{
	const int fd = jst_raw_accept(serve->listener, SOCK_CLOEXEC | SOCK_NONBLOCK);

	if (fd < 0) {
		/* No descriptor, or no memory, is left: whoever waits there would have us look without a pause. They see the end, and may ring again. */
		if (fd != -EAGAIN && fd != -ECONNABORTED && fd != -EINTR)
			stop_listening(serve);
		return;
	}
	for (int i = 0; i < CONNECTIONS; i++) {
		if (serve->talk[i].fd < 0) {
			jst_talk_begin(&serve->talk[i], fd, serve->marker, serve->clock, now);
			return;
		}
	}
	jst_raw_close(fd);
}

/* What is due once a second, for as long as something is served. */
static void each_second(struct jst_serve *serve)
{
	jst_thread_reap(serve->reap);
	jst_install_refused();
	for (int i = 0; i < CONNECTIONS; i++) {
		struct jst_installed *installed = serve->talk[i].fd >= 0 ? serve->talk[i].installed : NULL;

		if (!installed)
			continue;
		struct jst_memory *memory = &installed->run.memory;

		jst_clock_adjust(serve->clock, &memory->header->clock);
		jst_sample_permit(memory);
		jst_sample_title(memory->header);
		jst_sample_comms(memory);
	}
}

/* A stack led to where nothing is known: something was loaded, or the main stack has grown. Where a look brings nothing new, as in code without frame pointers, the next one waits. */
static void refresh_stacks(struct jst_serve *serve, int64_t now)
{
	_Atomic bool *stale = &jst_process->stack_map.stale;

	if (now < serve->stacks_due || !atomic_load_explicit(stale, memory_order_relaxed))
		return;
	atomic_store_explicit(stale, false, memory_order_relaxed); /* first: a walk that fails meanwhile asks for another look */
	serve->stacks_due = jst_stacks_refresh() ? now : now + 1000;
}

static bool anything(const struct jst_serve *serve)
{
	if (serve->listener >= 0)
		return true;
	for (int i = 0; i < CONNECTIONS; i++)
		if (serve->talk[i].fd >= 0)
			return true;
	return false;
}

void jst_serve_end(struct jst_serve **serve)
{
	if (!*serve)
		return;
	stop_listening(*serve);
	for (int i = 0; i < CONNECTIONS; i++)
		jst_talk_end(&(*serve)->talk[i]);
	jst_raw_unmap(*serve, sizeof(**serve));
	*serve = NULL;
}

void jst_serve_step(struct jst_serve **pointer, int timeout_ms)
{
	struct jst_serve *serve = *pointer;
	struct pollfd poll_set[1 + CONNECTIONS];

	poll_set[0] = (struct pollfd){ .fd = serve->listener, .events = POLLIN };
	for (int i = 0; i < CONNECTIONS; i++)
		poll_set[1 + i] = (struct pollfd){ .fd = serve->talk[i].fd, .events = (short)(POLLIN | (serve->talk[i].listing ? POLLOUT : 0)) };
	int ready = jst_raw_poll(poll_set, 1 + CONNECTIONS, timeout_ms);

	/* No memory is left to wait with: each is asked now and then, which blocks nobody. */
	if (ready < 0 && ready != -EINTR) {
		jst_raw_sleep(UNPOLLED_NS);
		for (ready = 0; ready < 1 + CONNECTIONS; ready++)
			poll_set[ready].revents = poll_set[ready].events;
	}
	const int64_t now = jst_serve_now();

	for (int i = 0; i < CONNECTIONS; i++) {
		struct jst_talk *talk = &serve->talk[i];
		bool goes_on = true;

		if (talk->fd < 0)
			continue;
		if (ready > 0 && poll_set[1 + i].revents & POLLOUT)
			goes_on = jst_talk_list(talk, serve->packet);
		if (goes_on && ready > 0 && poll_set[1 + i].revents & ~POLLOUT)
			goes_on = jst_talk_receive(talk, serve->packet, now);
		if (!goes_on || now >= talk->deadline)
			jst_talk_end(talk);
	}
	if (serve->listener >= 0) {
		if (ready > 0 && poll_set[0].revents & POLLIN)
			accept_one(serve, now);
		else if (now >= serve->listen_until)
			stop_listening(serve);
	}
	refresh_stacks(serve, now);
	if (now >= serve->next_second) {
		serve->next_second = now + 1000;
		each_second(serve);
	}
	if (!anything(serve))
		jst_serve_end(pointer);
}
