/*
 * The talk with one CLI (wire.h), from the agent's side: its phase, its deadline, and the session that comes of it. Only the agent.
 */
#ifndef JST_TALK_H
#define JST_TALK_H

#include "install.h"
#include "wire.h"

enum jst_talk_phase { JST_TALK_GREETING, JST_TALK_READY, JST_TALK_UPLOADING, JST_TALK_LOADED, JST_TALK_RUNNING, JST_TALK_DONE };

struct jst_talk {
	int fd;                         /* -1: free */
	enum jst_talk_phase phase;
	int64_t deadline;               /* ms, CLOCK_MONOTONIC: the talk ends then */
	bool several;                   /* the peer understands several sites in one message */
	struct jst_install_wishes wishes;
	bool listing;                   /* a list is under way */
	struct jst_site_cursor list;    /* what of it is sent */
	const struct jst_marker *marker;
	struct jst_clock *clock;
	struct jst_message_load load;
	unsigned char *program;         /* being uploaded, JST_PROGRAM_MAX_SIZE bytes; the session's afterwards */
	uint32_t received;              /* bytes of it */
	struct jst_installed *installed;
};

/* Takes over a new connection; refuses a peer of another user. now: ms. Context: agent. */
void jst_talk_begin(struct jst_talk *talk, int fd, const struct jst_marker *marker, struct jst_clock *clock, int64_t now);

/* Takes one packet. buffer: JST_PACKET_MAX bytes, 8-aligned. False: the talk is over; call jst_talk_end(). Context: agent. */
bool jst_talk_receive(struct jst_talk *talk, unsigned char *buffer, int64_t now);

/* Goes on sending the list of sites. False: the talk is over. Context: agent. */
bool jst_talk_list(struct jst_talk *talk, unsigned char *buffer);

/* Ends the session, if any, and frees all. Does nothing to a free one. Context: agent. */
void jst_talk_end(struct jst_talk *talk);

#endif
