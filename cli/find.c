/*
 * One process: is it instrumented, who is it, where is its marker.
 *
 * The order of the checks is the defence against recycled pids: the pidfd is opened first, everything is read, and at the end the pidfd must still be
 * of a living process with the same start time. The marker is opened through the descriptor table of the agent, which keeps it; what is opened is first
 * seen without being opened (O_PATH), so that a process cannot make us open a device or a FIFO.
 */
#include "find.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <poll.h>
#include <pwd.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <time.h>
#include <unistd.h>

#include "messages.h"
#include "probe.h"
#include "proc.h"

static int pidfd_of(pid_t pid)
{
	return (int)syscall(SYS_pidfd_open, pid, 0);
}

/* A look that failed because we are short of something, which says nothing about the process. */
static bool is_shortage(int error)
{
	return error == EMFILE || error == ENFILE || error == ENOMEM;
}

static bool is_denial(int error)
{
	return error == EACCES || error == EPERM;
}

/* A search for the marker's descriptor, whose length a process with many threads and descriptors must not decide. */
struct search {
	const struct proc_marker *where;
	unsigned left;  /* descriptors that may still be looked at; the marker's is made at load and is among a table's first */
	int error;      /* a shortage or denial because of which a part was left out, 0: none */
};
enum { DESCRIPTORS_MAX = 1 << 16 };

/* What errno says else is that a thread or descriptor has gone meanwhile. */
static void search_failed(struct search *search)
{
	if (is_shortage(errno) || is_denial(errno))
		search->error = errno;
}

/* The descriptor fd of a thread, if it is the marker's memfd: opened for reading, with its seals and size checked. -1: it is not. */
static int open_if_marker(pid_t pid, pid_t tid, const char *fd, struct search *search)
{
	const struct proc_marker *where = search->where;
	static const char name[] = "/memfd:" JST_MARKER_NAME;
	char path[320], link[64];

	snprintf(path, sizeof(path), "/proc/%d/task/%d/fd/%s", (int)pid, (int)tid, fd);

	ssize_t length = readlink(path, link, sizeof(link) - 1);

	if (length < (ssize_t)sizeof(name) - 1 || memcmp(link, name, sizeof(name) - 1) != 0)
		return -1;

	int seen = open(path, O_PATH | O_CLOEXEC);
	struct statx stat;

	if (seen < 0) {
		search_failed(search);
		return -1;
	}

	int opened = -1;

	/* What is known without asking the file system, which may be one that the process itself serves and does not answer. */
	if (statx(seen, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_TYPE | STATX_INO | STATX_SIZE, &stat) == 0 && S_ISREG(stat.stx_mode) && stat.stx_ino == where->inode &&
	    stat.stx_dev_major == where->major && stat.stx_dev_minor == where->minor) {
		snprintf(path, sizeof(path), "/proc/self/fd/%d", seen);
		opened = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
		if (opened < 0)
			search_failed(search);
	}
	close(seen);
	if (opened < 0)
		return -1;

	struct statfs file_system;
	int seals = fcntl(opened, F_GET_SEALS);

	if (seals < 0 || !(seals & F_SEAL_SHRINK) || stat.stx_size < sizeof(struct jst_marker) || fstatfs(opened, &file_system) < 0 || file_system.f_type != TMPFS_MAGIC) {
		close(opened);
		return -1;
	}
	return opened;
}

/* The marker as the descriptors of one thread have it, or -1. */
static int marker_of_thread(pid_t pid, pid_t tid, struct search *search)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/task/%d/fd", (int)pid, (int)tid);

	DIR *directory = opendir(path);
	int found = -1;

	if (!directory) {
		search_failed(search);
		return -1;
	}
	for (struct dirent *entry; found < 0 && search->left && (entry = readdir(directory)); search->left--)
		if (entry->d_name[0] != '.')
			found = open_if_marker(pid, tid, entry->d_name, search);
	closedir(directory);
	return found;
}

static bool is_agent(pid_t pid, pid_t tid)
{
	char *comm = proc_read(NULL, "/proc/%d/task/%d/comm", (int)pid, (int)tid);
	bool is = comm && strcmp(comm, JST_AGENT_COMM "\n") == 0;

	free(comm);
	return is;
}

/* The marker, looked for in the descriptor tables of the threads: first in those that bear the agent's name. */
static int marker_of_process(pid_t pid, struct search *search)
{
	char path[64];
	int found = -1;

	snprintf(path, sizeof(path), "/proc/%d/task", (int)pid);
	for (int named = 1; found < 0 && named >= 0; named--) {
		DIR *directory = opendir(path);

		if (!directory) {
			search_failed(search);
			return -1;
		}
		for (struct dirent *entry; found < 0 && search->left && (entry = readdir(directory));) {
			pid_t tid = (pid_t)atoi(entry->d_name);

			if (tid > 0 && is_agent(pid, tid) == (named == 1))
				found = marker_of_thread(pid, tid, search);
		}
		closedir(directory);
	}
	return found;
}

/* Our tid of the thread that is inner in the process's own pid namespace; 0: none. */
static pid_t thread_of(pid_t pid, int32_t inner)
{
	char path[64];
	pid_t found = 0;

	if (proc_status_number(pid, (pid_t)inner, "NSpid", true) == inner)
		return (pid_t)inner;
	snprintf(path, sizeof(path), "/proc/%d/task", (int)pid);

	DIR *directory = opendir(path);

	if (!directory)
		return 0;
	for (struct dirent *entry; !found && (entry = readdir(directory));) {
		pid_t tid = (pid_t)atoi(entry->d_name);

		if (tid > 0 && proc_status_number(pid, tid, "NSpid", true) == inner)
			found = tid;
	}
	closedir(directory);
	return found;
}

/* Whether the kernel says that the program runs with more rights than its caller (AT_SECURE): the library does nothing there. */
static bool is_secure(pid_t pid)
{
	enum { AUXV_SECURE = 23 };
	size_t length;
	char *text = proc_read(&length, "/proc/%d/auxv", (int)pid);
	bool secure = false;

	for (size_t at = 0; text && at + 16 <= length; at += 16) {
		uint64_t pair[2];

		memcpy(pair, text + at, sizeof(pair));
		secure |= pair[0] == AUXV_SECURE && pair[1] != 0;
	}
	free(text);
	return secure;
}

/* Whether it was started with JSTRACE=off. */
static bool is_switched_off(pid_t pid)
{
	static const char wish[] = "JSTRACE=off";
	size_t length;
	char *text = proc_read(&length, "/proc/%d/environ", (int)pid);
	bool off = false;

	for (size_t at = 0; text && at + sizeof(wish) <= length && !off; at += strnlen(text + at, length - at) + 1)
		off = memcmp(text + at, wish, sizeof(wish)) == 0;
	free(text);
	return off;
}

/* Start times are told relative to the reader's time namespace: they compare only within one. */
static bool same_time_namespace(pid_t pid)
{
	char path[64];
	struct stat ours, theirs;

	snprintf(path, sizeof(path), "/proc/%d/ns/time", (int)pid);
	return stat("/proc/self/ns/time", &ours) < 0 || stat(path, &theirs) < 0 || ours.st_ino == theirs.st_ino;
}

static void read_title(struct process *process)
{
	size_t length;
	char *text = proc_read(&length, "/proc/%d/cmdline", (int)process->pid);

	if (text) {
		while (length && text[length - 1] == 0)
			length--;
		for (size_t i = 0; i < length; i++)
			if (text[i] == 0)
				text[i] = ' ';
		snprintf(process->title, sizeof(process->title), "%s", text);
	}
	free(text);
	if (!process->title[0])
		memcpy(process->title, process->comm, sizeof(process->comm));
}

__attribute__((format(printf, 2, 3))) static enum find_result refuse(char reason[FIND_REASON], const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(reason, FIND_REASON, format, arguments);
	va_end(arguments);
	return FIND_REFUSED;
}

static enum find_result no_permission(const struct process *process, char reason[FIND_REASON])
{
	const struct passwd *user = getpwuid(process->uid);
	char number[24];

	snprintf(number, sizeof(number), "user %u", (unsigned)process->uid);
	if (process->uid != geteuid())
		return refuse(reason, "no permission to trace process %d (%s): it belongs to %s; run jstrace as that user, or with sudo", (int)process->pid, process->comm, user ? user->pw_name : number);
	return refuse(reason, "no permission to trace process %d (%s): it does not let itself be looked at (prctl(PR_SET_DUMPABLE), capabilities or a security module); try with sudo", (int)process->pid, process->comm);
}

static enum find_result gone(pid_t pid, char reason[FIND_REASON])
{
	return refuse(reason, "process %d has exited", (int)pid);
}

static enum find_result shortage(pid_t pid, int error, char reason[FIND_REASON])
{
	return refuse(reason, "cannot look at process %d: %s", (int)pid, strerror(error));
}

/* /proc could not be read, errno says why. */
static enum find_result unreadable(const struct process *process, char reason[FIND_REASON])
{
	const int error = errno;

	if (is_shortage(error))
		return shortage(process->pid, error, reason);
	return is_denial(error) ? no_permission(process, reason) : gone(process->pid, reason);
}

/* How many seccomp filters a thread is under; before Linux 5.9 whether it is. */
static long filters_of(pid_t pid, pid_t tid)
{
	char *status = proc_status(pid, tid);
	long now = proc_status_value(status, "Seccomp_filters", false);
	const long mode = proc_status_value(status, "Seccomp", false);

	free(status);
	/* Strict mode has none, and forbids nearly all. */
	return now <= 0 || mode == 1 ? mode : now;
}

/* Whether a thread has come under a seccomp filter since the agent began: the agent might not survive its own next call, another one not its first event, in which it asks the kernel who it is. */
static bool is_confined(const struct process *process, int32_t filters)
{
	char path[64];
	bool confined = false;

	snprintf(path, sizeof(path), "/proc/%d/task", (int)process->pid);

	DIR *directory = opendir(path);

	for (struct dirent *entry; !confined && directory && (entry = readdir(directory));) {
		const pid_t tid = (pid_t)atoi(entry->d_name);

		confined = tid > 0 && filters_of(process->pid, tid) > filters;
	}
	if (directory)
		closedir(directory);
	return confined;
}

/* Maps the marker and compares what it says with what the kernel says. */
static enum find_result check_marker(struct process *process, int fd, char reason[FIND_REASON])
{
	const struct jst_marker *marker = mmap(NULL, sizeof(*marker), PROT_READ, MAP_SHARED, fd, 0);
	const int pid = (int)process->pid;

	if (marker == MAP_FAILED)
		return refuse(reason, "cannot map the marker of process %d: %s", pid, strerror(errno));
	process->marker = marker;

	/* Pairs with the agent's release store, the last of all it writes. */
	uint32_t state = atomic_load_explicit(&marker->state, memory_order_acquire);
	const uint32_t abi_min = *(const volatile uint32_t *)&marker->abi_min, abi_max = *(const volatile uint32_t *)&marker->abi_max;
	const int32_t agent = *(const volatile int32_t *)&marker->agent_tid;

	if (state == JST_MARKER_ABSENT)
		return FIND_NOT_YET;
	if (*(const volatile uint64_t *)&marker->magic != JST_MARKER_MAGIC)
		return refuse(reason, "process %d (%s) has a marker that makes no sense", pid, process->comm);
	if (state == JST_MARKER_DISABLED)
		return refuse(reason, "process %d (%s) has switched tracing off (jstrace_disable)", pid, process->comm);
	if (abi_min > JST_ABI_MAX || abi_max < JST_ABI_MIN)
		return refuse(reason, "process %d (%s) was built with an incompatible jstrace: it speaks versions %u to %u of the protocol, this one %d to %d; rebuild the older of the two", pid, process->comm,
		              abi_min, abi_max, JST_ABI_MIN, JST_ABI_MAX);
	process->inner_pid = *(const volatile int32_t *)&marker->pid;
	process->inner_start_time = *(const volatile uint64_t *)&marker->start_time;
	if (proc_status_number(process->pid, 0, "NSpid", true) != process->inner_pid)
		return FIND_NOT_YET; /* the parent's marker, seen through vfork */
	if (process->inner_start_time != process->start_time && same_time_namespace(process->pid))
		return FIND_NOT_YET;
	process->agent = agent > 0 ? thread_of(process->pid, agent) : 0;
	if (!process->agent)
		return refuse(reason, "process %d (%s) is instrumented, but its jstrace thread is gone", pid, process->comm);
	if (is_confined(process, *(const volatile int32_t *)&marker->filters))
		return refuse(reason, "process %d (%s) has put itself under a seccomp filter, which may kill it for what tracing needs; it was left alone", pid, process->comm);
	return FIND_FOUND;
}

/* Whether the process was started so recently that it may not have come to its library yet: between fork and exec, or while it is being linked. */
static bool is_young(const struct process *process)
{
	enum { YOUNG_MS = 500 };
	struct timespec boot;

	clock_gettime(CLOCK_BOOTTIME, &boot);
	return (double)boot.tv_sec + (double)boot.tv_nsec / 1e9 - (double)process->start_time / (double)sysconf(_SC_CLK_TCK) < YOUNG_MS / 1e3;
}

static enum find_result look(struct process *process, char reason[FIND_REASON])
{
	const pid_t pid = process->pid;
	struct proc_stat stat;
	struct proc_marker where;
	struct search search = { .where = &where, .left = DESCRIPTORS_MAX };
	bool kernel = false;

	if (!proc_stat(pid, &stat))
		return unreadable(process, reason);
	process->start_time = stat.start_time;
	memcpy(process->comm, stat.comm, sizeof(stat.comm));

	char *status = proc_status(pid, 0);

	process->uid = (uid_t)proc_status_value(status, "Uid", false);
	process->gid = (gid_t)proc_status_value(status, "Gid", false);
	free(status);
	read_title(process);
	if (stat.state == 'Z' || stat.state == 'X')
		return gone(pid, reason);
	if (!proc_marker(pid, &where, &kernel))
		return unreadable(process, reason);
	if (kernel)
		return refuse(reason, "process %d (%s) is a kernel thread", (int)pid, process->comm);
	if (!where.found && where.other)
		return refuse(reason, "process %d (%s) was built with an incompatible version of jstrace; rebuild the older of the two", (int)pid, process->comm);
	if (!where.found && is_secure(pid))
		return refuse(reason, "process %d (%s) was started with more rights than its caller (setuid or capabilities): jstrace does nothing in such programs", (int)pid, process->comm);
	if (!where.found && is_switched_off(pid))
		return refuse(reason, "process %d (%s) was started with JSTRACE=off in its environment, which switches tracing off", (int)pid, process->comm);
	if (!where.found) {
		refuse(reason, "process %d (%s) is not instrumented: it has no libjstrace loaded, or that could not start its thread; put JSTRACE() probes into the program and link it with libjstrace.a or -ljstrace", (int)pid, process->comm);
		return is_young(process) ? FIND_NOT_YET : FIND_REFUSED;
	}

	process->marker_inode = where.inode;

	int fd = marker_of_process(pid, &search);

	if (fd < 0 && search.error) {
		errno = search.error;
		return unreadable(process, reason);
	}
	if (fd < 0 && !process_alive(process))
		return gone(pid, reason);
	/* The agent has the descriptor for as long as it lives, from before the marker is mapped; a child of vfork() has its parent's mapping and no agent. */
	if (fd < 0)
		return is_young(process) ? FIND_NOT_YET : refuse(reason, "process %d (%s) has switched tracing off (jstrace_disable)", (int)pid, process->comm);

	enum find_result result = check_marker(process, fd, reason);

	close(fd);
	return result;
}

enum find_result find_process(pid_t pid, struct process *process, char reason[FIND_REASON])
{
	*process = (struct process){ .pid = pid, .pidfd = pidfd_of(pid) };
	reason[0] = 0;
	if (process->pidfd < 0) {
		int error = errno;

		if (is_shortage(error))
			return shortage(pid, error, reason);

		long leader = proc_status_number(pid, 0, "Tgid", false);

		if (error == ENOSYS)
			return refuse(reason, "this kernel has no pidfd_open; jstrace needs Linux 5.10 or later");
		if (leader > 0 && leader != pid)
			return refuse(reason, "%d is a thread of process %ld: use -p %ld", (int)pid, leader, leader);
		return refuse(reason, "no process %d", (int)pid);
	}

	enum find_result result = look(process, reason);

	if (result != FIND_REFUSED && !process_alive(process))
		result = gone(pid, reason);
	if (result == FIND_NOT_YET && !reason[0])
		snprintf(reason, FIND_REASON, "process %d (%s) is not ready to be traced: it is just starting; try again", (int)pid, process->comm);
	if (result != FIND_FOUND)
		process_fini(process);
	return result;
}

void process_fini(struct process *process)
{
	if (process->marker)
		munmap((void *)(uintptr_t)process->marker, sizeof(*process->marker));
	if (process->pidfd >= 0)
		close(process->pidfd);
	process->marker = NULL;
	process->pidfd = -1;
}

bool process_alive(const struct process *process)
{
	struct pollfd poll_pidfd = { .fd = process->pidfd, .events = POLLIN };
	struct proc_stat stat;

	/* The start time is read between two looks at the pidfd's process only if it still lives afterwards. */
	const bool same = proc_stat(process->pid, &stat) ? stat.start_time == process->start_time : is_shortage(errno);

	/* A look that fails, for want of memory, tells nothing either. */
	return same && poll(&poll_pidfd, 1, 0) != 1;
}

char process_state(const struct process *process)
{
	struct proc_stat stat;

	return proc_stat(process->pid, &stat) && stat.start_time == process->start_time ? stat.state : 0;
}

/* PIDFD_GET_INFO of Linux 6.13, whose exit code (6.15) stays readable after the process was reaped; not in older headers. */
struct pidfd_information {
	uint64_t mask;
	uint64_t cgroup;
	uint32_t ids[11];
	int32_t exit_code;
};
_Static_assert(sizeof(struct pidfd_information) == 64, "PIDFD_INFO_SIZE_VER0");
enum { INFORMATION_EXIT = 1 << 3 };

bool process_status(const struct process *process, int *status)
{
	struct pidfd_information information = { .mask = INFORMATION_EXIT };
	struct proc_stat stat;

	if (ioctl(process->pidfd, _IOWR(0xFF, 11, struct pidfd_information), &information) == 0 && (information.mask & INFORMATION_EXIT)) {
		*status = information.exit_code;
		return true;
	}
	if (!proc_stat(process->pid, &stat) || stat.start_time != process->start_time)
		return false;
	/* A dying process shows its code before it is a zombie; 0 means something only then. */
	*status = stat.exit_code;
	return stat.exit_code != 0 || stat.state == 'Z' || stat.state == 'X';
}

bool process_has_marker(const struct process *process)
{
	struct proc_marker marker;
	bool kernel;

	if (!proc_marker(process->pid, &marker, &kernel))
		return is_shortage(errno);
	return marker.found && marker.inode == process->marker_inode;
}

static bool matches(const char *glob, const char *text, size_t length)
{
	return jst_glob_match((struct jst_string){ glob, (uint32_t)strlen(glob) }, (struct jst_string){ text, (uint32_t)length });
}

bool process_matches(const struct process *process, const char *const *globs, size_t count)
{
	size_t program = strcspn(process->title, " ");
	const char *slash = memrchr(process->title, '/', program);
	const char *base = slash ? slash + 1 : process->title;

	for (size_t i = 0; i < count; i++)
		if (matches(globs[i], process->comm, strlen(process->comm)) || matches(globs[i], process->title, strlen(process->title)) ||
		    matches(globs[i], base, program - (size_t)(base - process->title)))
			return true;
	return false;
}
