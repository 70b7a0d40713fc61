/*
 * httpd's parts: httpd.c reads the options and prints statistics, server.c is the server, routes.c is what it serves, http.c parses requests.
 */
#ifndef HTTPD_H
#define HTTPD_H

#include <pthread.h>
#include <stdint.h>
#include <time.h>

#include "http.h"

#define MILLISECOND INT64_C(1000000)
#define SECOND INT64_C(1000000000)

enum {
	BLOCK = 1 << 16,   /* bytes after which a body repeats */
	SAMPLES = 1 << 15, /* latencies in a block of them */
};

enum state { READING, WAITING, WRITING, DRAINING };

/* One client. Owned by its worker, whose thread alone touches it. */
struct connection {
	int fd;
	enum state state;
	bool readable, ended; /* the socket may hold bytes that were not read; nothing follows them */
	size_t position;      /* in its worker's heap */
	int64_t deadline;     /* CLOCK_MONOTONIC, ns; TURN: it has more to do at once */
	uint64_t requests;
	char in[HTTP_HEAD_MAX + 1024]; /* what was received and not consumed; begins with the head of the request being served */
	size_t received;

	/* The request being served. */
	struct http_request request;
	const struct route *route;
	uint64_t id;
	int64_t start;
	unsigned customer;

	/* Its response: a head, then body_length bytes of body, which repeats every BLOCK bytes. */
	int status;
	const char *type, *body;
	char head[512], text[8192];
	size_t head_length, body_length, sent;
};

/* Exact latencies, for --stats: one word a request, ns << 4 | index of its route. */
struct samples {
	struct samples *older;
	uint32_t count;
	uint64_t value[SAMPLES];
};

struct worker {
	pthread_t thread;
	int epoll, timer;
	int spare;     /* a descriptor to give up when there are no others */
	int64_t armed; /* when the timer fires, 0: it is off */
	bool stopping;
	uint64_t random;
	struct connection **heap; /* all its connections, the earliest deadline first */
	size_t connections, capacity;
	time_t date_second;
	char date[40];
	struct samples *samples;
	uint64_t samples_lost;
};

struct options {
	const char *address;
	uint16_t port;
	unsigned workers;
	int64_t timeout; /* ns */
	bool stats, bug;
};
extern struct options option;

/* ---- server.c ---- */

/* Opens the socket that all workers accept from; *port is set to the port. False: errno says why. Call once, before any worker. */
bool server_listen(const char *address, uint16_t *port);
/* Starts a worker in its own thread. False: errno says why. */
bool worker_start(struct worker *worker, unsigned index);
/* Asks all workers to end: no new connections, idle ones are closed, the others get their answer, for at most five seconds. Then join their threads. */
void server_stop(void);

/* A random number from low to high, both included. Context: the worker's thread. */
int64_t random_between(struct worker *worker, int64_t low, int64_t high);

/* ---- routes.c ---- */

struct route {
	const char *path;                                      /* one that ends in / and is longer than that stands for everything below it */
	int64_t wait_min, wait_max;                            /* ns before the answer, at random in between */
	int64_t (*plan)(struct worker *, struct connection *); /* ns more to wait; may be NULL */
	void (*answer)(struct worker *, struct connection *);  /* sets status, type, body and body_length; NULL: the status is an error's */
};

enum { ROUTE_MISSING = 6, ROUTE_REFUSED = 7, ROUTES = 8 };
extern const struct route routes[ROUTES];

/* The route of a path, ROUTE_MISSING's if there is none. */
const struct route *route_find(const char *path);
/* Answers with a status and a text, which is kept by the caller. */
void answer_text(struct connection *connection, int status, const char *text);

#endif
