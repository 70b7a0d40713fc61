/*
 * A small CLI for tests: speaks the wire to a target's agent, one call a step, so that tests can do each step wrong or stop in the middle. Every wait has a deadline; what fails returns false and leaves a line in client_error.
 */
#ifndef CLIENT_H
#define CLIENT_H

#include <stdbool.h>
#include <sys/types.h>

#include "builder.h"
#include "session.h"
#include "wire.h"

extern char client_error[320];
extern int client_patience_ms; /* how long an agent may take to answer: JST_WAKE_TIMEOUT_MS */

struct client {
	pid_t pid;
	int fd;                               /* socket, -1: none */
	const struct jst_marker *marker;      /* mapped read-only */
	int agent;                            /* tid */
	const unsigned char *memory;          /* of the session, mapped read-only */
	uint64_t memory_size;
	int memory_fd, tails_fd;
	uint32_t sites, probes;               /* LOADED */
	char refused[252];                    /* reason of the last REFUSED, "" */
	uint32_t refusal;
	uint32_t copied[JST_SLOTS][JST_BANKS]; /* generations that client_count() has added */
};

int64_t client_ms(void);

/* Waits up to two seconds for pid's marker and maps it. */
bool client_find(struct client *client, pid_t pid);

/* Wakes the agent, once. */
void client_ring(const struct client *client);

/* Rings and connects. */
bool client_connect(struct client *client);

/* A HELLO with these; the reply is taken, and false when it is REFUSED. */
bool client_hello(struct client *client, int32_t pid, uint64_t start_time, uint32_t abi_min, uint32_t abi_max);

/* find, connect and hello in one. */
bool client_attach(struct client *client, pid_t pid);

bool client_send(struct client *client, uint32_t type, const void *body, uint32_t size);
/* The next packet; its type, 0 at EOF or when timeout_ms are over. body has room for a packet. */
uint32_t client_receive(struct client *client, void *body, uint32_t *size, int timeout_ms);
/* Sends without a body and waits for the answer of that type; body may be NULL. */
bool client_ask(struct client *client, uint32_t type, uint32_t expected, void *body);

/* LOAD and PROGRAM; maps the memory. */
bool client_load(struct client *client, const void *program, uint32_t size, uint64_t memory);

/* A program that counts the events whose name matches the glob, in aggregation 0. */
struct jst_program *client_count_program(const char *glob);

/* The same program, which also reads the aggregation, as only the CLI's own may. */
struct jst_program *client_reading_program(const char *glob);

/* What aggregation 0, a count, has in the banks that were not added before. closed: only of closed banks. */
uint64_t client_count(struct client *client, bool closed);

/* The sum of a loss over the memory. */
uint64_t client_loss(const struct client *client, enum jst_loss loss);

void client_close(struct client *client);

#endif
