/*
 * A run by root on one user's processes goes on as that user, before any of the results that they wrote is read.
 */
#ifndef PRIVILEGES_H
#define PRIVILEGES_H

#include <stdbool.h>

#include "target.h"

/* targets: all of the run, attached. more: others may come later, which could be somebody else's; then nothing changes, as where they are not all of one user. Single-threaded, once a run. */
void privileges_drop(const struct target *targets, bool more);

#endif
