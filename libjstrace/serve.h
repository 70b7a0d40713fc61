/*
 * Serving CLIs: the socket, the talk (wire.h) and the sessions that come of it. Only the agent; nothing here outlives the last connection.
 */
#ifndef JST_SERVE_H
#define JST_SERVE_H

#include "clock.h"
#include "marker.h"

struct jst_serve;

/* Begins to serve, or goes on: opens a socket for JST_LISTEN_MS more. *serve is NULL when nothing is being served; it stays NULL where that fails. Context: agent. */
void jst_serve_listen(struct jst_serve **serve, struct jst_marker *marker, struct jst_clock *clock);

/* CLOCK_MONOTONIC, ms. Context: any. */
int64_t jst_serve_now(void);

/* Handles what has come, after at most timeout_ms. When nothing is left to serve, frees all and sets *serve to NULL. Context: agent. */
void jst_serve_step(struct jst_serve **serve, int timeout_ms);

/* Ends all sessions and frees all. Context: agent. */
void jst_serve_end(struct jst_serve **serve);

#endif
