/*
 * A thread that libc does not know of, for the agent: made by clone() itself, so that a program with one thread is still one with one thread to its libc, whose malloc and stdio do without locks then, and whose pthread_exit() in the last thread ends the process.
 *
 * What runs on it may make system calls by itself (raw.h) and call what needs nothing of the calling thread: functions on memory and strings, clock_gettime(). No malloc, no stdio, no locale, no pthread function, no point of cancellation.
 * Its thread-local storage is a few pages of its own: the stack protector's canary is there, errno has a place, all else reads zero. There is at most one such thread in a process; its memory is the library's.
 */
#ifndef JST_RAW_THREAD_H
#define JST_RAW_THREAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Looks up what the process is made of; takes the loader's lock, so it is called once, before another thread may hold that as this one forks. Returns the bytes of thread-local storage that libc takes from each stack. Context: load. */
size_t jst_raw_thread_load(void);

/*
 * Whether such a thread can do here what it is for. It cannot
 *   - in a process with privileges that it may put aside: libc would have each of its threads do so, and this one not be told;
 *   - beside a sanitizer or under valgrind, which follow every thread from its making, or where another library stands in for clock_gettime();
 *   - where the bounds of stacks are to be learned from a thread of libc's (stacks.h): under musl, and where the library is loaded by another thread than the main one, which may have gone by then.
 * Context: load, fork.
 */
bool jst_raw_thread_possible(void);

/* Starts it, with the signal mask of the calling thread; when run returns, it ends. False: the kernel refused, and nothing happened. Context: load, fork; there is none in this process. */
bool jst_raw_thread_start(void (*run)(void));

/* Waits until it has ended, at most timeout_ms, and gives its memory back. Does nothing where there is none. Context: any but itself and probe. */
void jst_raw_thread_join(int timeout_ms);

/* Whether the calling thread is it. Context: any. */
bool jst_raw_thread_here(void);

/* The thread pointer of the one that started it: a thread that libc knows, if it still lives. Context: agent. */
uintptr_t jst_raw_thread_starter(void);

#endif
