/*
 * System calls without libc, for the agent and what it shares with the program's threads (lock.h).
 *
 * The agent may be a thread that libc does not know of (raw_thread.h), with a descriptor table of its own (agent.c). libc's wrappers are not for it: they may be those of a tool that stands between the program and libc, such as a profiler's mmap(), and such
 * tools keep thread-local books; they may be points of cancellation; and they write errno, which is the program's.
 *
 * All of them return what the kernel does: a negative number is an error's. Context: any, but those that take or make descriptors: agent.
 */
#ifndef JST_RAW_H
#define JST_RAW_H

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/futex.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif

#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
#define JST_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer) || __has_feature(address_sanitizer) || __has_feature(memory_sanitizer)
#define JST_SANITIZED 1
#endif
#endif
#ifndef JST_SANITIZED
#define JST_SANITIZED 0
#endif

static inline long jst_raw_call(long number, long a, long b, long c, long d, long e, long f)
{
#if defined(__x86_64__)
	register long r10 __asm__("r10") = d, r8 __asm__("r8") = e, r9 __asm__("r9") = f;
	long result;

	__asm__ volatile("syscall" : "=a"(result) : "0"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9) : "rcx", "r11", "memory");
	return result;
#elif defined(__aarch64__)
	register long x8 __asm__("x8") = number, x0 __asm__("x0") = a, x1 __asm__("x1") = b, x2 __asm__("x2") = c, x3 __asm__("x3") = d, x4 __asm__("x4") = e, x5 __asm__("x5") = f;

	__asm__ volatile("svc 0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5) : "memory");
	return x0;
#endif
}

/* ---- descriptors ---- */

static inline int jst_raw_open(const char *path, int flags)
{
	return (int)jst_raw_call(SYS_openat, AT_FDCWD, (long)path, flags, 0, 0, 0);
}

static inline int jst_raw_close(int fd)
{
	return (int)jst_raw_call(SYS_close, fd, 0, 0, 0, 0, 0);
}

static inline ssize_t jst_raw_read(int fd, void *buffer, size_t size)
{
	return jst_raw_call(SYS_read, fd, (long)buffer, (long)size, 0, 0, 0);
}

static inline ssize_t jst_raw_write(int fd, const void *bytes, size_t size)
{
	return jst_raw_call(SYS_write, fd, (long)bytes, (long)size, 0, 0, 0);
}

static inline int jst_raw_memfd(const char *name, unsigned flags)
{
	return (int)jst_raw_call(SYS_memfd_create, (long)name, flags, 0, 0, 0, 0);
}

static inline int jst_raw_truncate(int fd, uint64_t size)
{
	return (int)jst_raw_call(SYS_ftruncate, fd, (long)size, 0, 0, 0, 0);
}

static inline int jst_raw_seal(int fd, unsigned seals)
{
	return (int)jst_raw_call(SYS_fcntl, fd, F_ADD_SEALS, seals, 0, 0, 0);
}

static inline int jst_raw_socket(int family, int type)
{
	return (int)jst_raw_call(SYS_socket, family, type, 0, 0, 0, 0);
}

static inline int jst_raw_bind(int fd, const void *address, socklen_t size)
{
	return (int)jst_raw_call(SYS_bind, fd, (long)address, size, 0, 0, 0);
}

static inline int jst_raw_listen(int fd, int backlog)
{
	return (int)jst_raw_call(SYS_listen, fd, backlog, 0, 0, 0, 0);
}

static inline int jst_raw_name(int fd, void *address, socklen_t *size)
{
	return (int)jst_raw_call(SYS_getsockname, fd, (long)address, (long)size, 0, 0, 0);
}

static inline int jst_raw_accept(int fd, int flags)
{
	return (int)jst_raw_call(SYS_accept4, fd, 0, 0, flags, 0, 0);
}

static inline int jst_raw_peer(int fd, struct ucred *peer)
{
	socklen_t size = sizeof(*peer);

	return (int)jst_raw_call(SYS_getsockopt, fd, SOL_SOCKET, SO_PEERCRED, (long)peer, (long)&size, 0);
}

static inline ssize_t jst_raw_send(int fd, const struct msghdr *message, int flags)
{
	return jst_raw_call(SYS_sendmsg, fd, (long)message, flags, 0, 0, 0);
}

static inline ssize_t jst_raw_receive(int fd, void *buffer, size_t size, int flags)
{
	return jst_raw_call(SYS_recvfrom, fd, (long)buffer, (long)size, flags, 0, 0);
}

static inline int jst_raw_poll(struct pollfd *set, unsigned count, int timeout_ms)
{
	struct timespec timeout = { timeout_ms / 1000, timeout_ms % 1000 * 1000000L };

	return (int)jst_raw_call(SYS_ppoll, (long)set, count, (long)&timeout, 0, 0, 0);
}

/* ---- memory ---- */

/* Whether what a call that maps returned is an error's number. */
static inline bool jst_raw_failed(const void *memory)
{
	return (uintptr_t)memory > (uintptr_t)-4096;
}

/* The whole of a descriptor's memory, shared; see jst_raw_failed(). */
static inline void *jst_raw_map(int fd, size_t size, int protection)
{
	return (void *)jst_raw_call(SYS_mmap, 0, (long)size, protection, MAP_SHARED, fd, 0);
}

/* size bytes that read zero, of the process's own; NULL: none to be had. Only what is touched is taken. */
static inline void *jst_raw_memory(size_t size)
{
#if JST_SANITIZED
	/* A sanitizer must hear of it: there may have been something else at this address. */
	void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	return memory == MAP_FAILED ? NULL : memory;
#else
	void *memory = (void *)jst_raw_call(SYS_mmap, 0, (long)size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	return jst_raw_failed(memory) ? NULL : memory;
#endif
}

static inline void jst_raw_unmap(void *memory, size_t size)
{
#if JST_SANITIZED
	munmap(memory, size);
#else
	jst_raw_call(SYS_munmap, (long)memory, (long)size, 0, 0, 0, 0);
#endif
}

static inline int jst_raw_protect(void *memory, size_t size, int protection)
{
	return (int)jst_raw_call(SYS_mprotect, (long)memory, (long)size, protection, 0, 0, 0);
}

static inline int jst_raw_advise(void *memory, size_t size, int advice)
{
	return (int)jst_raw_call(SYS_madvise, (long)memory, (long)size, advice, 0, 0, 0);
}

/* ---- processes and threads ---- */

static inline int32_t jst_raw_pid(void)
{
	return (int32_t)jst_raw_call(SYS_getpid, 0, 0, 0, 0, 0, 0);
}

static inline int32_t jst_raw_tid(void)
{
	return (int32_t)jst_raw_call(SYS_gettid, 0, 0, 0, 0, 0, 0);
}

/* The kernel's mask, of which libc's own calls would leave some signals out. */
static inline void jst_raw_mask(int how, const uint64_t *set, uint64_t *old)
{
	jst_raw_call(SYS_rt_sigprocmask, how, (long)set, (long)old, sizeof(*set), 0, 0);
}

/* Sleeps while *word is value, at most timeout_ns if that is not negative; may return early. The word is shared between processes, or between the kernel and us. */
static inline void jst_raw_wait(const _Atomic uint32_t *word, uint32_t value, int64_t timeout_ns)
{
	const struct timespec timeout = { timeout_ns / 1000000000, timeout_ns % 1000000000 };

	jst_raw_call(SYS_futex, (long)word, FUTEX_WAIT, value, timeout_ns < 0 ? 0 : (long)&timeout, 0, 0);
}

static inline void jst_raw_wake(const _Atomic uint32_t *word)
{
	jst_raw_call(SYS_futex, (long)word, FUTEX_WAKE, INT_MAX, 0, 0, 0);
}

static inline void jst_raw_sleep(int64_t ns)
{
	const struct timespec time = { ns / 1000000000, ns % 1000000000 };

	jst_raw_call(SYS_nanosleep, (long)&time, 0, 0, 0, 0, 0);
}

#endif
