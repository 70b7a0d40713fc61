/*
 * Flips: ending an interval without losing an event. Only the agent.
 */
#ifndef JST_FLIP_H
#define JST_FLIP_H

#include "install.h"

/* Begins the next generation and closes the banks of the last one where the owner was seen outside in time. Returns how many slots' banks stay open until the next flip. Context: agent. */
uint32_t jst_flip(struct jst_installed *installed);

/* The CLI has copied every closed bank: they are made ready again. Context: agent. */
void jst_flip_release(struct jst_installed *installed);

#endif
