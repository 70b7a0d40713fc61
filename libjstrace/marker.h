/*
 * The marker: the sealed memfd by which a CLI finds this process (wire.h). Only the agent.
 */
#ifndef JST_MARKER_H
#define JST_MARKER_H

#include "wire.h"

/* Makes and maps it; the calling thread is the agent. Its descriptor stays open in the agent's table. NULL: the process cannot be traced. Context: agent. */
struct jst_marker *jst_marker_make(void);

/* Publishes the name of the socket that listens, "" when none does; NULL: the same as before, to whom it is new. Context: agent. */
void jst_marker_listen(struct jst_marker *marker, const char *name);

#endif
