/*
 * Seeing every thread outside: how something that events use is taken away from them without anybody waiting in a probe.
 *
 *     agent: store the new value; jst_quiesce_barrier(); jst_quiesce_wait()
 *
 * After the barrier each thread either has its odd sequence visible to us, or will load the new value. (Without it, its store of the sequence could linger behind its load of the old value.)
 */
#ifndef JST_QUIESCE_H
#define JST_QUIESCE_H

#include "process.h"

/* Registers this process for membarrier: 7 µs before there are threads, milliseconds after; children inherit it. Context: load, agent. */
bool jst_quiesce_register(void);

/* A full memory barrier on every running thread of the process. False: the kernel offers none. Context: agent. */
bool jst_quiesce_barrier(void);

/*
 * Waits until each thread has been outside once, at most timeout_ms in all. Calls outside(context, index), if not NULL, for each of the records 0 … threads_used-1 as its thread is seen outside. Returns how many were not, in time. Context: agent.
 */
uint32_t jst_quiesce_wait(int timeout_ms, void (*outside)(void *context, uint32_t index), void *context);

#endif
