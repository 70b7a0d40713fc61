/*
 * Walking the stack of the thread that fired, by frame pointers, in its own probe.
 *
 * A frame pointer may hold anything: it is that of code that uses the register for something else. So nothing is read but what is known to be this thread's own stack, from the probe's frame upwards, which stays mapped for as
 * long as the probe runs; frames must rise, and each return address must lie in code. What is needed for that is in a struct jst_stack_map, which the agent keeps up to date:
 *
 *     where in a thread's own control block libc keeps the bounds of its stack (a thread reads its own, so they are right from its first instruction to its last)
 *     the bounds of the main stack, for the thread that libc did not make
 *     the ranges of addresses that hold code
 *
 * On any other stack (an alternate signal stack, a coroutine's) only the innermost address is known, and the walk ends there.
 */
#ifndef JST_STACK_H
#define JST_STACK_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

enum {
	JST_STACK_FRAMES = 64,     /* of one walk, the innermost included */
	JST_CODE_RANGES = 4096,
};

/* What a call leaves on the stack on both machines: the caller's frame pointer and the address to return to. A frame pointer points to one. */
struct jst_frame {
	uintptr_t frame;
	uintptr_t address;
};

struct jst_code_range {
	_Atomic uintptr_t low, high; /* low <= address < high */
};

/* How libc writes down where a thread's stack is. */
enum jst_stack_form {
	JST_STACK_UNKNOWN = 0,
	JST_STACK_BLOCK = 1,  /* glibc: lowest address, size */
	JST_STACK_TOP = 2,    /* musl: address above the highest, size */
};

/*
 * Written by the agent alone, read by any number of threads, none of which waits: sequence is odd while it is being written, and a reader that saw it change takes nothing of what it read.
 * All zero: nothing is known.
 */
struct jst_stack_map {
	_Atomic uint32_t sequence;  /* 0: never written */
	_Atomic uint32_t ranges;    /* how many are in use; sorted, apart from each other */
	_Atomic uint32_t form;      /* enum jst_stack_form */
	_Atomic int32_t bounds;     /* where the two words are: bytes from the thread pointer */
	_Atomic uintptr_t main_low, main_high;
	_Atomic bool stale;         /* set by walks that met something unknown: the agent should look again */
	struct jst_code_range range[JST_CODE_RANGES];
};

/*
 * Writes up to most (at least 1) return addresses, innermost first, and returns how many. innermost: on this thread's stack, below all frames that are walked; its address is the first. *more: there are, or may be, further frames.
 * map: NULL where nothing is known. Lock-free, never faults. Context: probe.
 */
uint32_t jst_stack_walk(struct jst_stack_map *map, const struct jst_frame *innermost, uint64_t *addresses, uint32_t most, bool *more);

/* Publishes what is known; count ranges sorted and apart, at most JST_CODE_RANGES. False: it was known already. One caller. Context: agent. */
struct jst_stack_known {
	enum jst_stack_form form;
	int32_t bounds;
	uintptr_t main_low, main_high;
	uint32_t ranges;
	struct { uintptr_t low, high; } range[JST_CODE_RANGES];
};
bool jst_stack_publish(struct jst_stack_map *map, const struct jst_stack_known *known);

/* The address of the calling thread's control block. Context: any. */
static inline uintptr_t jst_thread_pointer(void)
{
	uintptr_t pointer;

#if defined(__x86_64__)
	__asm__("movq %%fs:0, %0" : "=r"(pointer));
#else
	__asm__("mrs %0, tpidr_el0" : "=r"(pointer));
#endif
	return pointer;
}

#endif
