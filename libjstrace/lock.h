/*
 * The registry's lock: a futex of three states (Drepper 2011, "Futexes are tricky"). It lies in memory that is wiped in a child, where it is free again
 * even if another thread of the parent held it. Taken by constructors, destructors and the agent, never in a probe.
 */
#ifndef JST_LOCK_H
#define JST_LOCK_H

#include <stdatomic.h>
#include <stdint.h>

#include "raw.h"

/* 0: free; 1: held; 2: held and perhaps waited for. Context: any but probe. */
static inline void jst_lock(_Atomic uint32_t *lock)
{
	uint32_t seen = 0;

	/* Acquire pairs with the release in jst_unlock(). */
	if (atomic_compare_exchange_strong_explicit(lock, &seen, 1, memory_order_acquire, memory_order_relaxed))
		return;
	while (atomic_exchange_explicit(lock, 2, memory_order_acquire))
		jst_raw_call(SYS_futex, (long)lock, FUTEX_WAIT | FUTEX_PRIVATE_FLAG, 2, 0, 0, 0);
}

static inline void jst_unlock(_Atomic uint32_t *lock)
{
	if (atomic_exchange_explicit(lock, 0, memory_order_release) == 2)
		jst_raw_call(SYS_futex, (long)lock, FUTEX_WAKE | FUTEX_PRIVATE_FLAG, 1, 0, 0, 0);
}

#endif
