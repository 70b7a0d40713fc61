/*
 * The handshake, from the first wake-up to a loaded program: the states WAKING to LOADED of a target (target.h).
 */
#ifndef ATTACH_H
#define ATTACH_H

#include "target.h"

/* WAKING: wakes the agent when that is due, and connects as soon as it listens. */
void attach_wake(struct target *target, int64_t now);

/* GREETING to LOADING: an answer of the agent. */
void attach_packet(struct target *target, const struct target_plan *plan, struct wire_packet *packet, int64_t now);

/* Keeps the sites of a packet, behind those that are there. Returns how many; 0: they make no sense, or are too many. */
uint32_t attach_sites(struct target *target, const struct wire_packet *packet);

/* The connection ended, or the deadline passed, before the target was loaded. */
void attach_broken(struct target *target, int64_t now);
void attach_late(struct target *target);

#endif
