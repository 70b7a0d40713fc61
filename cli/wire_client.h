/*
 * The CLI's end of a session's socket: packets out, queued where the socket is full, and packets in with the descriptors they bring. Never blocks.
 *
 * A client is the caller's storage; single-threaded. What comes in was written by the target and is not trusted: sizes are checked here, contents by who asked.
 */
#ifndef WIRE_CLIENT_H
#define WIRE_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/types.h>

#include "wire.h"

struct wire_client {
	int fd;                   /* -1: not connected */
	unsigned char *queue;     /* packets not yet sent, each preceded by its size in 4 bytes */
	size_t queued, room;
	int error;                /* why the connection is of no more use to us; 0: the other side ended it */
};

enum { WIRE_DESCRIPTORS = 2 };

struct wire_packet {
	uint32_t type;                  /* enum jst_message_type, or anything */
	uint32_t size;                  /* of the body */
	const void *body;               /* 8-aligned; good until the next receive on any client; eight readable bytes precede it */
	int descriptor[WIRE_DESCRIPTORS]; /* -1: none; the receiver owns them */
};

enum wire_status { WIRE_NONE, WIRE_PACKET, WIRE_END, WIRE_MALFORMED };

void wire_client_init(struct wire_client *client);
void wire_client_close(struct wire_client *client);

/*
 * Connects to the abstract name (without its leading NUL) in the network namespace of process pid. peer is set to who listens. False: errno says why (EPERM: the namespace may not be entered).
 */
bool wire_client_connect(struct wire_client *client, pid_t pid, const char *name, struct ucred *peer);

/* Sends or queues a packet. False: the connection is broken. */
bool wire_client_send(struct wire_client *client, enum jst_message_type type, const void *body, size_t size);
/* Sends what is queued as far as the socket takes it. False: the connection is broken. */
bool wire_client_flush(struct wire_client *client);

/* The next packet, if there is one. */
enum wire_status wire_client_receive(struct wire_client *client, struct wire_packet *packet);

/* Closes the descriptors that nobody took. */
void wire_packet_close(struct wire_packet *packet);

#endif
