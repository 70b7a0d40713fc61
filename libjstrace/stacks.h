/*
 * What walks of stacks go by (runtime/stack.h), found out by the agent: where code is, where the main stack is, and where libc keeps the bounds of a thread's stack.
 */
#ifndef JST_STACKS_H
#define JST_STACKS_H

#include <stdbool.h>

/* Looks at the process's mappings and publishes what is there in jst_process->stack_map. True: something was not known before. Context: agent. */
bool jst_stacks_refresh(void);

/* Whether the main thread's control block tells where libc keeps the bounds of every thread's stack: glibc's. Else the agent must have such a block itself. Context: any. */
bool jst_stacks_main_tells(void);

#endif
