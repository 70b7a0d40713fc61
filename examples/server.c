/*
 * The server: worker threads, their connections and the life of a request.
 *
 * Each worker has an epoll instance of its own, and all its connections lie in one heap, ordered by deadline: when an answer is due, when a silent client is given up, when a busy
 * one has another turn. Nothing that a connection does blocks another one. A connection goes round READING → WAITING → WRITING → READING; one request of it is served at a time, so
 * that pipelined requests are answered in order. Sockets are edge-triggered and registered once.
 *
 * Probes: conn:open {fd, peer}, conn:close {fd, requests}, request:start {id, method, path}, request:end {id, status, bytes, path}, and request:abort {id, path} where the client went
 * away before it had its answer.
 */
#include "httpd.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <sys/uio.h>
#include <unistd.h>

#include "jstrace.h"

enum {
	TURN = 0,   /* a deadline that is always due */
	TURNS = 16, /* steps of one connection before the others have theirs */
	PIECES = 9, /* pieces of a response that are sent at once */
	EVENTS = 64,
};

static int listener = -1, stop_event = -1;
static _Atomic uint64_t ids;

static int64_t clock_ns(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * SECOND + t.tv_nsec;
}

int64_t random_between(struct worker *w, int64_t low, int64_t high)
{
	w->random ^= w->random << 13;
	w->random ^= w->random >> 7;
	w->random ^= w->random << 17;
	return low + (int64_t)(w->random % (uint64_t)(high - low + 1));
}

/* ---- deadlines: a binary heap, the earliest on top ---- */

static void heap_place(struct worker *w, size_t i, struct connection *c)
{
	w->heap[i] = c;
	c->position = i;
}

static void heap_settle(struct worker *w, size_t i)
{
	struct connection *c = w->heap[i];
	for (; i && w->heap[(i - 1) / 2]->deadline > c->deadline; i = (i - 1) / 2)
		heap_place(w, i, w->heap[(i - 1) / 2]);
	for (size_t child; (child = 2 * i + 1) < w->connections; i = child) {
		if (child + 1 < w->connections && w->heap[child + 1]->deadline < w->heap[child]->deadline)
			child++;
		if (w->heap[child]->deadline >= c->deadline)
			break;
		heap_place(w, i, w->heap[child]);
	}
	heap_place(w, i, c);
}

static void set_deadline(struct worker *w, struct connection *c, int64_t deadline)
{
	c->deadline = deadline;
	heap_settle(w, c->position);
}

/* ---- connections ---- */

static const char *peer_name(int fd, char *text, size_t size)
{
	struct sockaddr_in peer = {0};
	socklen_t length = sizeof(peer);
	char address[INET_ADDRSTRLEN] = "?";
	if (!getpeername(fd, (struct sockaddr *)&peer, &length))
		inet_ntop(AF_INET, &peer.sin_addr, address, sizeof(address));
	snprintf(text, size, "%s:%u", address, ntohs(peer.sin_port));
	return text;
}

static void connection_open(struct worker *w, int fd)
{
	if (w->connections == w->capacity) {
		size_t capacity = w->capacity ? 2 * w->capacity : 64;
		struct connection **heap = realloc(w->heap, capacity * sizeof(*heap));
		if (!heap) {
			close(fd);
			return;
		}
		w->heap = heap;
		w->capacity = capacity;
	}
	struct connection *c = calloc(1, sizeof(*c));
	struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, .data.ptr = c};
	if (!c || epoll_ctl(w->epoll, EPOLL_CTL_ADD, fd, &event)) {
		free(c);
		close(fd);
		return;
	}
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
	c->fd = fd;
	c->state = READING;
	c->deadline = clock_ns() + option.timeout;
	heap_place(w, w->connections++, c);
	heap_settle(w, c->position);
	char peer[INET_ADDRSTRLEN + 8];
	JSTRACE("conn:open", "fd", fd, "peer", peer_name(fd, peer, sizeof(peer)));
}

static void connection_close(struct worker *w, struct connection *c)
{
	if (c->state == WAITING || c->state == WRITING)
		JSTRACE("request:abort", "id", c->id, "path", c->request.path);
	JSTRACE("conn:close", "fd", c->fd, "requests", c->requests);
	close(c->fd);
	struct connection *last = w->heap[--w->connections];
	if (last != c) {
		heap_place(w, c->position, last);
		heap_settle(w, last->position);
	}
	free(c);
}

static void accept_one(struct worker *w)
{
	int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	if (fd >= 0) {
		connection_open(w, fd);
	} else if ((errno == EMFILE || errno == ENFILE) && w->spare >= 0) {
		/* No descriptors are left: turn the client away rather than spin on it. */
		close(w->spare);
		fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
		if (fd >= 0)
			close(fd);
		w->spare = open("/dev/null", O_RDONLY | O_CLOEXEC);
	}
}

/* ---- a request's life ---- */

static const char *date(struct worker *w)
{
	time_t second = time(NULL);
	if (second != w->date_second) {
		struct tm tm;
		strftime(w->date, sizeof(w->date), "%a, %d %b %Y %H:%M:%S GMT", gmtime_r(&second, &tm));
		w->date_second = second;
	}
	return w->date;
}

/* Makes the answer, to be sent by transmit(). */
static void respond(struct worker *w, struct connection *c)
{
	if (c->route->answer) {
		c->route->answer(w, c);
	} else {
		snprintf(c->text, sizeof(c->text), "%d %s\n", c->status, http_status_text(c->status));
		answer_text(c, c->status, c->text);
	}
	if (w->stopping)
		c->request.keep_alive = false;
	c->head_length = (size_t)snprintf(c->head, sizeof(c->head), "HTTP/1.1 %d %s\r\nDate: %s\r\nContent-Type: %s\r\nContent-Length: %zu\r\n%sConnection: %s\r\n\r\n", c->status,
					  http_status_text(c->status), date(w), c->type, c->body_length, c->status == 405 ? "Allow: GET, HEAD\r\n" : "",
					  c->request.keep_alive ? "keep-alive" : "close");
	if (c->request.head_only)
		c->body_length = 0;
	c->sent = 0;
	c->state = WRITING;
	set_deadline(w, c, clock_ns() + option.timeout);
}

/* Starts to serve a request that was received whole: status is 200, then it is routed, or that of an error. */
static void begin(struct worker *w, struct connection *c, int status)
{
	c->id = atomic_fetch_add_explicit(&ids, 1, memory_order_relaxed) + 1; /* names requests, orders nothing */
	c->requests++;
	c->status = status;
	c->route = status == 200 ? route_find(c->request.path) : &routes[ROUTE_REFUSED];
	if (status != 200 && status != 405)
		c->request.keep_alive = false;

	c->start = clock_ns();
	JSTRACE("request:start", "id", c->id, "method", c->request.method, "path", c->request.path);

	int64_t wait = c->route->wait_max ? random_between(w, c->route->wait_min, c->route->wait_max) : 0;
	if (c->route->plan)
		wait += c->route->plan(w, c);
	if (!wait) {
		respond(w, c);
		return;
	}
	c->state = WAITING;
	set_deadline(w, c, c->start + wait);
}

static void sample(struct worker *w, const struct connection *c, int64_t latency)
{
	if (!w->samples || w->samples->count == SAMPLES) {
		struct samples *samples = malloc(sizeof(*samples));
		if (!samples) {
			w->samples_lost++;
			return;
		}
		samples->older = w->samples;
		samples->count = 0;
		w->samples = samples;
	}
	w->samples->value[w->samples->count++] = (uint64_t)latency << 4 | (uint64_t)(c->route - routes);
}

/* The answer was sent. */
static void finish(struct worker *w, struct connection *c)
{
	int64_t now = clock_ns();
	JSTRACE("request:end", "id", c->id, "status", c->status, "bytes", c->body_length, "path", c->request.path);
	if (option.stats)
		sample(w, c, now - c->start);

	c->state = READING;
	c->received -= c->request.head;
	memmove(c->in, c->in + c->request.head, c->received);
	if (!c->request.keep_alive) {
		/* To close while bytes are still coming in would reset the connection and could take the answer away: they are read first, for a while. */
		shutdown(c->fd, SHUT_WR);
		c->state = DRAINING;
	}
	c->request = (struct http_request){.keep_alive = c->request.keep_alive};
	set_deadline(w, c, now + (c->state == DRAINING ? SECOND : option.timeout));
}

/* Receives what there is room for. False: the connection is gone. */
static bool receive(struct worker *w, struct connection *c)
{
	size_t room = sizeof(c->in) - c->received;
	ssize_t n = recv(c->fd, c->in + c->received, room, 0);
	if (n > 0) {
		c->received += (size_t)n;
		/* Less than asked for: the socket is empty and says so when that changes, unless its end has been announced already. */
		c->readable = (size_t)n == room || c->ended;
		return true;
	}
	if (n < 0 && errno == EINTR)
		return true;
	if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
		c->readable = false;
		return true;
	}
	connection_close(w, c);
	return false;
}

/* Begins the next request, if all of it was received. */
static bool take_request(struct worker *w, struct connection *c)
{
	struct http_request *r = &c->request;
	int status = c->status;
	if (!r->head) {
		status = http_parse(c->in, c->received, r);
		if (!status)
			return false;
		c->status = status;
	}
	/* A body is thrown away as it comes; the head stays, for the request's strings are in it. */
	size_t n = c->received - r->head < r->body ? c->received - r->head : r->body;
	c->received -= n;
	memmove(c->in + r->head, c->in + r->head + n, c->received - r->head);
	r->body -= n;
	if (r->body)
		return false;
	begin(w, c, status);
	return true;
}

/* Refuses what was received so far. */
static void refuse(struct worker *w, struct connection *c, int status)
{
	c->request = (struct http_request){.method = "-", .path = "-", .head = c->received};
	begin(w, c, status);
}

/* Sends what the socket takes. False: it takes no more for now, or the connection is gone. */
static bool transmit(struct worker *w, struct connection *c)
{
	struct iovec piece[PIECES];
	size_t pieces = 0, offset = c->sent, total = c->head_length + c->body_length;
	if (offset < c->head_length) {
		piece[pieces++] = (struct iovec){c->head + offset, c->head_length - offset};
		offset = c->head_length;
	}
	for (; offset < total && pieces < PIECES; pieces++) {
		size_t at = (offset - c->head_length) % BLOCK, rest = total - offset;
		size_t n = rest < BLOCK - at ? rest : BLOCK - at;
		piece[pieces] = (struct iovec){(char *)c->body + at, n};
		offset += n;
	}
	struct msghdr message = {.msg_iov = piece, .msg_iovlen = pieces};
	ssize_t n = sendmsg(c->fd, &message, MSG_NOSIGNAL);
	if (n < 0) {
		if (errno == EINTR)
			return true;
		if (errno != EAGAIN && errno != EWOULDBLOCK)
			connection_close(w, c);
		return false;
	}
	c->sent += (size_t)n;
	if (c->sent == total)
		finish(w, c);
	else
		set_deadline(w, c, clock_ns() + option.timeout);
	return true;
}

/* Goes on as far as it can without waiting; after TURNS steps the others have theirs. */
static void run(struct worker *w, struct connection *c)
{
	for (int turn = 0; turn < TURNS; turn++) {
		switch (c->state) {
		case READING:
			if (take_request(w, c))
				break;
			if (!c->readable) {
				if (w->stopping && !c->received)
					connection_close(w, c);
				return;
			}
			if (!receive(w, c))
				return;
			break;
		case WAITING:
			return;
		case WRITING:
			if (!transmit(w, c))
				return;
			break;
		case DRAINING:
			c->received = 0;
			if (!c->readable || !receive(w, c))
				return;
			break;
		}
	}
	if (c->state == READING || c->state == WRITING)
		set_deadline(w, c, TURN);
}

/* A deadline has come. */
static void expire(struct worker *w, struct connection *c)
{
	if (c->state == WAITING) {
		respond(w, c);
	} else if (c->deadline == TURN) {
		set_deadline(w, c, clock_ns() + option.timeout);
	} else if (c->state == READING && c->received) {
		refuse(w, c, 408);
	} else {
		connection_close(w, c);
		return;
	}
	run(w, c);
}

/* ---- workers ---- */

/* Serves what is due as of the clock's reading before the first; what becomes due meanwhile waits for its turn. */
static void serve_due(struct worker *w)
{
	int64_t now = clock_ns();
	for (size_t budget = w->connections; budget && w->connections && w->heap[0]->deadline <= now; budget--)
		expire(w, w->heap[0]);
}

/* How long epoll may wait: arms the timer, which is finer than epoll's milliseconds, for the earliest deadline. */
static int arm(struct worker *w)
{
	int64_t next = w->connections ? w->heap[0]->deadline : 0;
	if (w->connections && next <= clock_ns())
		return 0;
	if (next && (!w->armed || next < w->armed)) {
		struct itimerspec at = {.it_value = {.tv_sec = next / SECOND, .tv_nsec = next % SECOND}};
		timerfd_settime(w->timer, TFD_TIMER_ABSTIME, &at, NULL);
		w->armed = next;
	}
	return -1;
}

/* From now on: no new connections; idle ones are closed; the others get their answer, for at most five seconds. */
static void stop(struct worker *w)
{
	w->stopping = true;
	epoll_ctl(w->epoll, EPOLL_CTL_DEL, stop_event, NULL);
	epoll_ctl(w->epoll, EPOLL_CTL_DEL, listener, NULL);
	int64_t limit = clock_ns() + 5 * SECOND;
	for (size_t i = 0; i < w->connections; i++) {
		struct connection *c = w->heap[i];
		if (c->state == READING && !c->received)
			c->deadline = TURN + 1;
		else if (c->deadline > limit)
			c->deadline = limit;
	}
	for (size_t i = w->connections / 2; i-- > 0;)
		heap_settle(w, i);
}

static void *work(void *argument)
{
	struct worker *w = argument;
	while (!w->stopping || w->connections) {
		struct epoll_event events[64];
		int n = epoll_wait(w->epoll, events, 64, arm(w));
		bool stopped = false;
		for (int i = 0; i < n; i++) {
			void *what = events[i].data.ptr;
			if (what == &listener) {
				accept_one(w);
			} else if (what == &stop_event) {
				stopped = true;
			} else if (what == &w->timer) {
				uint64_t expirations;
				if (read(w->timer, &expirations, sizeof(expirations)) > 0)
					w->armed = 0;
			} else {
				struct connection *c = what;
				if (events[i].events & (EPOLLERR | EPOLLHUP)) {
					connection_close(w, c);
					continue;
				}
				c->ended |= (events[i].events & EPOLLRDHUP) != 0;
				c->readable |= (events[i].events & (EPOLLIN | EPOLLRDHUP)) != 0;
				run(w, c);
			}
		}
		if (stopped)
			stop(w);
		serve_due(w);
	}
	free(w->heap);
	close(w->epoll);
	close(w->timer);
	close(w->spare);
	return NULL;
}

bool worker_start(struct worker *w, unsigned index)
{
	*w = (struct worker){.random = 0x9e3779b97f4a7c15u * (index + 1)};
	w->spare = open("/dev/null", O_RDONLY | O_CLOEXEC);
	w->epoll = epoll_create1(EPOLL_CLOEXEC);
	w->timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
	struct epoll_event on_connection = {.events = EPOLLIN | EPOLLEXCLUSIVE, .data.ptr = &listener};
	struct epoll_event on_timer = {.events = EPOLLIN, .data.ptr = &w->timer};
	struct epoll_event on_stop = {.events = EPOLLIN, .data.ptr = &stop_event};
	if (w->epoll < 0 || w->timer < 0 || epoll_ctl(w->epoll, EPOLL_CTL_ADD, listener, &on_connection) || epoll_ctl(w->epoll, EPOLL_CTL_ADD, w->timer, &on_timer) ||
	    epoll_ctl(w->epoll, EPOLL_CTL_ADD, stop_event, &on_stop))
		return false;
	errno = pthread_create(&w->thread, NULL, work, w);
	return !errno;
}

bool server_listen(const char *address, uint16_t *port)
{
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(*port)};
	socklen_t length = sizeof(at);
	if (inet_pton(AF_INET, address, &at.sin_addr) != 1) {
		errno = EINVAL;
		return false;
	}
	stop_event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (stop_event < 0 || listener < 0 || setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &(int){1}, sizeof(int)))
		return false;
	if (bind(listener, (struct sockaddr *)&at, length) || listen(listener, SOMAXCONN) || getsockname(listener, (struct sockaddr *)&at, &length))
		return false;
	*port = ntohs(at.sin_port);
	return true;
}

void server_stop(void)
{
	uint64_t one = 1;
	ssize_t n = write(stop_event, &one, sizeof(one)); /* its counter is 0: it cannot be full */
	(void)n;
	shutdown(listener, SHUT_RD);
}
