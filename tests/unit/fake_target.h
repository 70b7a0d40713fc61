/*
 * A process that looks like a target, made by fork: a marker whose contents and seals are chosen, and an agent that behaves, or misbehaves, as told. For tests of finding and attaching
 * that want more lies than the real library tells.
 */
#ifndef FAKE_TARGET_H
#define FAKE_TARGET_H

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "proc.h"
#include "wire.h"

struct fake {
	const char *name;           /* of the memfd; NULL: JST_MARKER_NAME */
	int seals;                  /* of the marker */
	bool no_descriptor;         /* the marker is mapped, but no thread has it open */
	void (*change)(struct jst_marker *marker);
	void (*serve)(int socket);  /* a connection; NULL: never listens */
};

enum { FAKE_SEALS = F_SEAL_SHRINK | F_SEAL_GROW };

static inline struct jst_marker *fake_marker(const struct fake *fake)
{
	struct proc_stat stat;
	int fd = memfd_create(fake->name ? fake->name : JST_MARKER_NAME, MFD_CLOEXEC | MFD_ALLOW_SEALING);

	if (fd < 0 || ftruncate(fd, 4096) < 0 || !proc_stat(getpid(), &stat))
		_exit(3);

	struct jst_marker *marker = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	if (marker == MAP_FAILED || fcntl(fd, F_ADD_SEALS, fake->seals) < 0)
		_exit(3);
	marker->magic = JST_MARKER_MAGIC;
	marker->abi_min = JST_ABI_MIN;
	marker->abi_max = JST_ABI_MAX;
	marker->pid = marker->agent_tid = (int32_t)getpid();
	marker->start_time = stat.start_time;
	marker->filters = (int32_t)proc_status_number(getpid(), 0, "Seccomp_filters", false);
	if (marker->filters < 0)
		marker->filters = (int32_t)proc_status_number(getpid(), 0, "Seccomp", false);
	marker->state = JST_MARKER_READY;
	if (fake->change)
		fake->change(marker);
	if (fake->no_descriptor)
		close(fd);
	return marker;
}

static inline int fake_listen(struct jst_marker *marker)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

	snprintf(marker->socket_name, sizeof(marker->socket_name), "jstrace-fake-%d", (int)getpid());
	size_t length = strlen(marker->socket_name);

	memcpy(address.sun_path + 1, marker->socket_name, length);
	if (fd < 0 || bind(fd, (struct sockaddr *)&address, (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + length)) < 0 || listen(fd, 8) < 0)
		_exit(3);
	atomic_store_explicit(&marker->listening, 2, memory_order_release);
	return fd;
}

static inline void fake_run(const struct fake *fake, int ready)
{
	sigset_t set;
	siginfo_t information;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	sigemptyset(&set);
	sigaddset(&set, SIGUSR2);
	sigprocmask(SIG_BLOCK, &set, NULL);

	struct jst_marker *marker = fake_marker(fake);

	if (write(ready, "r", 1) != 1)
		_exit(3);
	if (!fake->serve)
		for (;;)
			pause();
	/* Only the CLI's own call counts. */
	do
		if (sigwaitinfo(&set, &information) < 0)
			_exit(3);
	while (information.si_code != SI_QUEUE || information.si_value.sival_int != JST_WAKE_MAGIC);

	int listener = fake_listen(marker);

	for (;;) {
		int socket = accept(listener, NULL, NULL);

		if (socket < 0)
			_exit(3);
		fake->serve(socket);
		close(socket);
	}
}

/* Starts the process; it has its marker when this returns. */
static inline pid_t fake_start(const struct fake *fake)
{
	int ready[2];
	char byte;

	ck_assert_int_eq(pipe(ready), 0);

	pid_t pid = fork();

	if (pid == 0)
		fake_run(fake, ready[1]);
	ck_assert_int_gt(pid, 0);
	close(ready[1]);
	ck_assert_int_eq(read(ready[0], &byte, 1), 1);
	close(ready[0]);
	return pid;
}

static inline void fake_end(pid_t pid)
{
	int status;

	kill(pid, SIGKILL);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
}

/* Ends the program as skipped where finding cannot work: valgrind does not know pidfd_open() yet. */
static inline void fake_need_pidfd(void)
{
	int fd = (int)syscall(SYS_pidfd_open, getpid(), 0);

	if (fd < 0 && errno == ENOSYS) {
		puts("skipped: no pidfd_open() here");
		exit(77);
	}
	close(fd);
}

#endif
