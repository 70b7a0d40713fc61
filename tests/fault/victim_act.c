/*
 * What befalls a victim, one command each. All but those that end it answer "done", or one word that says why not.
 *
 *     segv, handled, abort, exit N, _exit N, kill N   the end: a fault, one with a handler of its own, a signal of that number to itself
 *     exec, execother           becomes itself again, or a program without the library, that lives until its input ends
 *     race NS                   waits for oracle->go, then so long, then exec
 *     forks N, vforks N, clones N   children of each kind, one after the other: fork that fires and execs; vfork and raw clone that fire
 *     daemon                    goes on in a grandchild, in a session of its own; oracle->extra has been its pid for a moment
 *     take, verify              closes all descriptors above 1, opens files of its own in their places; whether these still hold what it wrote
 *     chroot, uid N             the usual ways to have less
 *     confine HOW               a filter that kills: "sockets", "files" for all threads; "own" for the calling thread alone; "strict"
 *     churn N                   opens an object, fires in its constructor, a function and its destructor, and closes it
 *     threads N                 N threads, 16 at a time, that fire thrice and end
 *     living N                  N threads that live at once, fire, and end
 *     cancel N, leave N, jump N, throw N   a probe's argument that ends the thread, or leaves by longjmp() or an exception
 *     limit WHAT N              setrlimit(): as, fsize, nproc, nofile
 *     text HOW                  extra:text with a string that is: null, empty, long, invalid, escapes, edge (up to the end of the memory that there is), bytes (the same without its end)
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <jstrace.h>

#include "victim.h"

void victim_throw(long count); /* victim_throw.cc */

static void fault(void)
{
	volatile int *volatile nowhere = NULL;

	*nowhere = 1;
}

static void on_fault(int number)
{
	(void)number;
	say("handled");
	_exit(33);
}

static void act_segv(long number, const char *text)
{
	(void)number, (void)text;
	fault();
}

static void act_handled(long number, const char *text)
{
	(void)number, (void)text;
	signal(SIGSEGV, on_fault);
	fault();
}

static void act_abort(long number, const char *text)
{
	(void)number, (void)text;
	abort();
}

static void act_exit(long number, const char *text)
{
	(void)text;
	exit((int)number);
}

static void act_exit_at_once(long number, const char *text)
{
	(void)text;
	_exit((int)number);
}

static void act_kill(long number, const char *text)
{
	(void)text;
	kill(getpid(), (int)number);
	say("done");
}

static void act_exec(long number, const char *text)
{
	(void)number, (void)text;
	execl("/proc/self/exe", "victim", "after", (char *)NULL);
	_exit(125);
}

static void act_execother(long number, const char *text)
{
	(void)number, (void)text;
	execlp("cat", "cat", (char *)NULL);
	_exit(125);
}

static void act_race(long number, const char *text)
{
	struct timespec begun, now;

	(void)text;
	while (!atomic_load_explicit(&oracle->go, memory_order_acquire))
		;
	clock_gettime(CLOCK_MONOTONIC, &begun);
	do
		clock_gettime(CLOCK_MONOTONIC, &now);
	while ((now.tv_sec - begun.tv_sec) * 1000000000L + now.tv_nsec - begun.tv_nsec < number);
	act_exec(0, "");
}

/* Whether it ended with 0. */
static int waited(pid_t child)
{
	int status;

	return child > 0 && waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static void act_forks(long number, const char *text)
{
	int good = 1;

	(void)text;
	while (number-- > 0 && good) {
		const pid_t child = fork();

		if (child == 0) {
			JSTRACE("extra:step", "n", 1);
			if (number % 2)
				execlp("true", "true", (char *)NULL);
			_exit(0);
		}
		good = waited(child);
	}
	say(good ? "done" : "a child was harmed");
}

__attribute__((noinline)) static pid_t vfork_one(void)
{
	const pid_t child = vfork();

	if (child == 0) {
		/* On its parent's memory: an event of the parent's, or, where the thread has had none before, one for which there is no slot. */
		fire_extra(2);
		_exit(0);
	}
	return child;
}

static void act_vforks(long number, const char *text)
{
	int good = 1;

	(void)text;
	while (number-- > 0 && good)
		good = waited(vfork_one());
	say(good ? "done" : "a child was harmed");
}

static void act_clones(long number, const char *text)
{
	int good = 1;

	(void)text;
	while (number-- > 0 && good) {
		const pid_t child = (pid_t)syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);

		if (child == 0) {
			for (int i = 0; i < 10; i++)
				JSTRACE("extra:step", "n", 3);
			syscall(SYS_exit_group, 0);
		}
		good = waited(child);
	}
	say(good ? "done" : "a child was harmed");
}

static void act_daemon(long number, const char *text)
{
	(void)number, (void)text;
	if (fork() != 0)
		_exit(0);
	setsid();
	if (fork() != 0)
		_exit(0);
	atomic_store(&oracle->extra, (uint64_t)getpid());
	while (atomic_load(&oracle->extra))
		sched_yield();
	say("done");
}

enum { FILES_FROM = 2, FILES_TO = 40 };

static void pattern(int fd, char bytes[4096])
{
	for (int i = 0; i < 4096; i++)
		bytes[i] = (char)(i * 31 + fd * 17);
}

static void act_take(long number, const char *text)
{
	char bytes[4096];

	(void)number, (void)text;
	if (syscall(SYS_close_range, FILES_FROM, ~0U, 0) < 0)
		for (int fd = FILES_FROM; fd < 1024; fd++)
			close(fd);
	for (int fd = FILES_FROM; fd < FILES_TO; fd++) {
		pattern(fd, bytes);
		if (memfd_create("own", 0) != fd || write(fd, bytes, sizeof(bytes)) != (ssize_t)sizeof(bytes)) {
			say("descriptor %d is not free", fd);
			return;
		}
	}
	say("done");
}

static void act_verify(long number, const char *text)
{
	char bytes[4096], now[8192];

	(void)number, (void)text;
	for (int fd = FILES_FROM; fd < FILES_TO; fd++) {
		pattern(fd, bytes);
		if (pread(fd, now, sizeof(now), 0) != (ssize_t)sizeof(bytes) || memcmp(bytes, now, sizeof(bytes)) != 0 || lseek(fd, 0, SEEK_CUR) != (off_t)sizeof(bytes)) {
			say("file %d was changed", fd);
			return;
		}
	}
	say("done");
}

static void act_chroot(long number, const char *text)
{
	(void)number;
	say(chroot(text) == 0 && chdir("/") == 0 ? "done" : strerror(errno));
}

static void act_uid(long number, const char *text)
{
	(void)text;
	say(setresgid((gid_t)number, (gid_t)number, (gid_t)number) == 0 && setresuid((uid_t)number, (uid_t)number, (uid_t)number) == 0 ? "done" : strerror(errno));
}

static void act_confine(long number, const char *how)
{
	const int files = strcmp(how, "files") == 0;
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, files ? SYS_openat : SYS_socket, 1, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, files ? SYS_memfd_create : SYS_membarrier, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = { sizeof(code) / sizeof(code[0]), code };

	(void)number;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		say("%s", strerror(errno));
	else if (strcmp(how, "strict") == 0)
		say(prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT) == 0 ? "done" : "refused");
	else
		say(syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, strcmp(how, "own") == 0 ? 0 : SECCOMP_FILTER_FLAG_TSYNC, &program) == 0 ? "done" : "refused");
}

static void act_churn(long number, const char *text)
{
	char path[600];

	(void)text;
	snprintf(path, sizeof(path), "%s/plugin.so", folder);
	while (number-- > 0) {
		void *object = dlopen(path, RTLD_NOW);
		void (*hit)(void) = NULL;

		if (object)
			*(void **)&hit = dlsym(object, "plugin_hit");
		if (!hit) {
			say("%s", dlerror());
			return;
		}
		hit();
		dlclose(object);
	}
	say("done");
}

static void *fire_thrice(void *n)
{
	for (int i = 0; i < 3; i++)
		fire_extra((long)(intptr_t)n);
	return NULL;
}

static void act_threads(long number, const char *text)
{
	pthread_t thread[16];

	(void)text;
	for (long at = 0; at < number; at += 16) {
		for (int i = 0; i < 16; i++)
			if (pthread_create(&thread[i], NULL, fire_thrice, (void *)(intptr_t)(at + i)) != 0)
				abort();
		for (int i = 0; i < 16; i++)
			pthread_join(thread[i], NULL);
	}
	say("done");
}

static pthread_barrier_t together;

static void *fire_together(void *n)
{
	pthread_barrier_wait(&together);
	fire_thrice(n);
	pthread_barrier_wait(&together);
	return NULL;
}

static void act_living(long number, const char *text)
{
	pthread_t *thread = calloc((size_t)number, sizeof(*thread));
	pthread_attr_t small;

	(void)text;
	pthread_attr_init(&small);
	pthread_attr_setstacksize(&small, 128 << 10);
	pthread_barrier_init(&together, NULL, (unsigned)number + 1);
	for (long i = 0; i < number; i++)
		if (pthread_create(&thread[i], &small, fire_together, (void *)(intptr_t)i) != 0)
			abort();
	pthread_barrier_wait(&together);
	pthread_barrier_wait(&together);
	for (long i = 0; i < number; i++)
		pthread_join(thread[i], NULL);
	pthread_barrier_destroy(&together);
	free(thread);
	say("done");
}

static long cancelled(void)
{
	pthread_cancel(pthread_self());
	pthread_testcancel();
	return 0;
}

static long left(void)
{
	pthread_exit(NULL);
	return 0;
}

static void *cancel_in_argument(void *unused)
{
	fire_extra(1);
	JSTRACE("extra:step", "n", cancelled());
	return unused;
}

static void *leave_in_argument(void *unused)
{
	fire_extra(1);
	JSTRACE("extra:step", "n", left());
	return unused;
}

static void *cancel(void *unused)
{
	cancelled();
	return unused;
}

static void *leave(void *unused)
{
	left();
	return unused;
}

/* The first one leaves without a probe: what libc needs for that is there then, traced or not. */
static void one_after_the_other(long number, void *(*first)(void *), void *(*body)(void *))
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, first, NULL) != 0)
		abort();
	pthread_join(thread, NULL);
	while (number-- > 0) {
		if (pthread_create(&thread, NULL, body, NULL) != 0)
			abort();
		pthread_join(thread, NULL);
	}
	say("done");
}

static void act_cancel(long number, const char *text)
{
	(void)text;
	one_after_the_other(number, cancel, cancel_in_argument);
}

static void act_leave(long number, const char *text)
{
	(void)text;
	one_after_the_other(number, leave, leave_in_argument);
}

static long jumped(jmp_buf *back)
{
	longjmp(*back, 1);
	return 0;
}

static void act_jump(long number, const char *text)
{
	static jmp_buf back;
	static long left_over;

	(void)text;
	for (left_over = number; left_over > 0; left_over--) {
		if (setjmp(back) == 0)
			JSTRACE("extra:step", "n", jumped(&back));
		fire_extra(2);
	}
	say("done");
}

static void act_throw(long number, const char *text)
{
	(void)text;
	victim_throw(number);
	say("done");
}

static void act_limit(long number, const char *text)
{
	static const struct {
		const char *name;
		int resource;
	} limits[] = { { "as", RLIMIT_AS }, { "fsize", RLIMIT_FSIZE }, { "nproc", RLIMIT_NPROC }, { "nofile", RLIMIT_NOFILE } };
	const char *value = strchr(text, ' ');

	(void)number;
	for (size_t i = 0; value && i < sizeof(limits) / sizeof(limits[0]); i++) {
		if (strncmp(text, limits[i].name, strlen(limits[i].name)) != 0)
			continue;
		const struct rlimit limit = { strtoul(value, NULL, 0), strtoul(value, NULL, 0) };

		say(setrlimit((__rlimit_resource_t)limits[i].resource, &limit) == 0 ? "done" : strerror(errno));
		return;
	}
	say("unknown limit");
}

static void fire_text(const char *text)
{
	JSTRACE("extra:text", "text", text, "n", seen_extra(1));
}

static void act_text(long number, const char *how)
{
	(void)number;
	if (strcmp(how, "null") == 0)
		fire_text(NULL);
	else if (strcmp(how, "empty") == 0)
		fire_text("");
	else if (strcmp(how, "invalid") == 0)
		fire_text("\xff\xfe\xc0\xaf\xed\xa0\x80 end");
	else if (strcmp(how, "escapes") == 0)
		fire_text("\33]0;title\7\33[2J\x9b" "31m\r\n\b end");
	else if (strcmp(how, "long") == 0) {
		char *long_one = malloc(10 << 20);

		memset(long_one, 'l', (10 << 20) - 1);
		long_one[(10 << 20) - 1] = 0;
		fire_text(long_one);
		memset(long_one, 'f', 10 << 20);
		free(long_one); /* what it held may not be looked at any more */
	} else {
		char *pages = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		munmap(pages + 4096, 4096);
		memset(pages, 'e', 4096);
		if (strcmp(how, "bytes") == 0) {
			JSTRACE("extra:text", "text", JSTRACE_BYTES(pages + 4000, 96), "n", seen_extra(1));
		} else {
			pages[4095] = 0;
			fire_text(pages + 4000);
		}
		munmap(pages, 4096);
	}
	say("done");
}

const struct act victim_acts[] = {
	{ "segv", act_segv },       { "handled", act_handled },     { "abort", act_abort },   { "exit", act_exit },     { "_exit", act_exit_at_once }, { "kill", act_kill },
	{ "exec", act_exec },       { "execother", act_execother }, { "race", act_race },     { "forks", act_forks },   { "vforks", act_vforks },      { "clones", act_clones },
	{ "daemon", act_daemon },   { "take", act_take },           { "verify", act_verify }, { "chroot", act_chroot }, { "uid", act_uid },            { "confine", act_confine },
	{ "churn", act_churn },     { "threads", act_threads },     { "living", act_living }, { "cancel", act_cancel }, { "leave", act_leave },        { "jump", act_jump },
	{ "throw", act_throw },     { "limit", act_limit },         { "text", act_text },     { NULL, NULL },
};
