/*
 * System calls of the agent that take or make descriptors, past libc's wrappers.
 *
 * The agent's descriptor table is its own (agent.c). Whoever stands between a program and libc and keeps books of descriptors by number, such as ThreadSanitizer, would take the agent's 3 for the program's.
 * As the wrappers: -1 and errno. Context: agent, all of them.
 */
#ifndef JST_RAW_H
#define JST_RAW_H

#include <fcntl.h>
#include <poll.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static inline int jst_raw_open(const char *path, int flags)
{
	return (int)syscall(SYS_openat, AT_FDCWD, path, flags, 0);
}

static inline int jst_raw_close(int fd)
{
	return (int)syscall(SYS_close, fd);
}

static inline ssize_t jst_raw_read(int fd, void *buffer, size_t size)
{
	return syscall(SYS_read, fd, buffer, size);
}

static inline ssize_t jst_raw_write(int fd, const void *bytes, size_t size)
{
	return syscall(SYS_write, fd, bytes, size);
}

static inline int jst_raw_memfd(const char *name, unsigned flags)
{
	return (int)syscall(SYS_memfd_create, name, flags);
}

static inline int jst_raw_truncate(int fd, uint64_t size)
{
	return (int)syscall(SYS_ftruncate, fd, size);
}

/* The whole of a descriptor's memory, shared; MAP_FAILED. */
static inline void *jst_raw_map(int fd, size_t size, int protection)
{
	return (void *)syscall(SYS_mmap, NULL, size, protection, MAP_SHARED, fd, 0L);
}

static inline int jst_raw_seal(int fd, unsigned seals)
{
	return (int)syscall(SYS_fcntl, fd, F_ADD_SEALS, (unsigned long)seals);
}

static inline int jst_raw_socket(int family, int type)
{
	return (int)syscall(SYS_socket, family, type, 0);
}

static inline int jst_raw_bind(int fd, const void *address, socklen_t size)
{
	return (int)syscall(SYS_bind, fd, address, size);
}

static inline int jst_raw_listen(int fd, int backlog)
{
	return (int)syscall(SYS_listen, fd, backlog);
}

static inline int jst_raw_name(int fd, void *address, socklen_t *size)
{
	return (int)syscall(SYS_getsockname, fd, address, size);
}

static inline int jst_raw_accept(int fd, int flags)
{
	return (int)syscall(SYS_accept4, fd, NULL, NULL, flags);
}

static inline int jst_raw_peer(int fd, struct ucred *peer)
{
	socklen_t size = sizeof(*peer);

	return (int)syscall(SYS_getsockopt, fd, SOL_SOCKET, SO_PEERCRED, peer, &size);
}

static inline ssize_t jst_raw_send(int fd, const struct msghdr *message, int flags)
{
	return syscall(SYS_sendmsg, fd, message, flags);
}

static inline ssize_t jst_raw_receive(int fd, void *buffer, size_t size, int flags)
{
	return syscall(SYS_recvfrom, fd, buffer, size, flags, NULL, NULL);
}

static inline int jst_raw_poll(struct pollfd *set, unsigned count, int timeout_ms)
{
	struct timespec timeout = { timeout_ms / 1000, timeout_ms % 1000 * 1000000L };

	return (int)syscall(SYS_ppoll, set, count, &timeout, NULL, 0);
}

#endif
