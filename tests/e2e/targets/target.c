/*
 * A target that does what it is told on its standard input, one command a line, and answers each with a line:
 *
 *     fire THREADS N     each of THREADS new threads fires work:step N times        done
 *     name NAME N        jstrace_fire(NAME) N times                                 done
 *     enabled            JSTRACE_ENABLED("work:step") and jstrace_enabled()         0 0
 *     open, hit N, close the plugin beside the program                              done
 *     fork               a child that goes on with this loop in the parent's place  CHILD'S PID
 *     nested N           fires N times while a timer's handler fires too       HANDLER CALLS
 *     mode HOW           SIGUSR2: dfl ign handler sigwait signalfd                  done
 *     got                how many SIGUSR2 arrived                                   N
 *     disable            jstrace_disable()                                          done
 *     word               the address of work:step's enable word                     ADDRESS
 *     single             whether libc knows of one thread only; -: it does not say  0 or 1
 *     closeall           closes every descriptor above 2                            done
 *     hold N             N descriptors more, all of them above 2                    done
 *     setuid ID          setresuid(ID, ID, ID)                                      done
 *     hide               prctl(PR_SET_DUMPABLE, 0)                                  done
 *     leave              pthread_exit() in the main thread                          nothing
 */
#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#if __has_include(<sys/single_threaded.h>)
#include <sys/single_threaded.h>
#define SINGLE (__libc_single_threaded ? "1" : "0")
#else
#define SINGLE "-"
#endif
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <jstrace.h>

static _Atomic long got;
static const char *folder;

static void step(long n)
{
	JSTRACE("work:step", "n", n, "half", (double)n / 2, "name", "step", "odd", (_Bool)(n & 1), "raw", JSTRACE_BYTES("ab", 2));
}

static void *fire(void *count)
{
	for (long i = 0; i < *(const long *)count; i++)
		step(i);
	return NULL;
}

static void fire_all(int threads, long count)
{
	pthread_t thread[64];

	for (int i = 0; i < threads && i < 64; i++)
		pthread_create(&thread[i], NULL, fire, &count);
	for (int i = 0; i < threads && i < 64; i++)
		pthread_join(thread[i], NULL);
}

static void on_usr2(int signal)
{
	(void)signal;
	atomic_fetch_add(&got, 1);
}

static void *wait_usr2(void *argument)
{
	sigset_t set;
	int signal;

	(void)argument;
	sigemptyset(&set);
	sigaddset(&set, SIGUSR2);
	while (sigwait(&set, &signal) == 0)
		atomic_fetch_add(&got, 1);
	return NULL;
}

static void *read_usr2(void *descriptor)
{
	struct signalfd_siginfo info;

	while (read(*(const int *)descriptor, &info, sizeof(info)) == sizeof(info))
		atomic_fetch_add(&got, 1);
	return NULL;
}

static void set_mode(const char *mode)
{
	static int descriptor;
	pthread_t thread;
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR2);
	if (strcmp(mode, "dfl") == 0)
		signal(SIGUSR2, SIG_DFL);
	else if (strcmp(mode, "ign") == 0)
		signal(SIGUSR2, SIG_IGN);
	else if (strcmp(mode, "handler") == 0)
		sigaction(SIGUSR2, &(struct sigaction){ .sa_handler = on_usr2, .sa_flags = SA_RESTART }, NULL);
	else
		pthread_sigmask(SIG_BLOCK, &set, NULL);
	if (strcmp(mode, "sigwait") == 0)
		pthread_create(&thread, NULL, wait_usr2, NULL);
	if (strcmp(mode, "signalfd") == 0) {
		descriptor = signalfd(-1, &set, 0);
		pthread_create(&thread, NULL, read_usr2, &descriptor);
	}
}

/* A timer's handler fires too, as often as it can while the program's thread fires. */
static void on_alarm(int signal)
{
	const int error = errno;

	(void)signal;
	step(-1);
	atomic_fetch_add(&got, 1);
	if (errno != error)
		abort();
}

static void nested(long count)
{
	timer_t timer;
	struct sigevent event = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGALRM };
	const struct itimerspec often = { { 0, 50000 }, { 0, 50000 } };

	sigaction(SIGALRM, &(struct sigaction){ .sa_handler = on_alarm, .sa_flags = SA_RESTART }, NULL);
	timer_create(CLOCK_MONOTONIC, &event, &timer);
	timer_settime(timer, 0, &often, NULL);
	fire(&count);
	timer_delete(timer);
	signal(SIGALRM, SIG_IGN);
}

static void *plugin;
static void (*plugin_hit)(int n);

static void answer(char *line)
{
	char word[256] = "";
	long a = 0, b = 0;

	if (sscanf(line, "fire %ld %ld", &a, &b) == 2) {
		fire_all((int)a, b);
	} else if (sscanf(line, "name %255s %ld", word, &b) == 2) {
		for (long i = 0; i < b; i++) {
			const struct jstrace_field fields[] = { jstrace_int("n", i), jstrace_string("s", "x"), jstrace_bytes("b", "xyz", 3) };

			jstrace_fire(word, fields, 3);
		}
	} else if (strcmp(line, "enabled") == 0) {
		printf("%d %d\n", JSTRACE_ENABLED("work:step"), jstrace_enabled("work:step"));
		return;
	} else if (strcmp(line, "open") == 0) {
		snprintf(word, sizeof(word), "%s/plugin.so", folder);
		plugin = dlopen(word, RTLD_NOW);
		if (!plugin) {
			printf("%s\n", dlerror());
			return;
		}
		*(void **)&plugin_hit = dlsym(plugin, "plugin_hit");
	} else if (sscanf(line, "hit %ld", &a) == 1) {
		for (long i = 0; i < a; i++)
			plugin_hit((int)i);
	} else if (strcmp(line, "close") == 0) {
		dlclose(plugin);
	} else if (strcmp(line, "fork") == 0) {
		const pid_t child = fork();

		if (child) {
			int status;

			waitpid(child, &status, 0);
			_exit(WIFEXITED(status) ? WEXITSTATUS(status) : 1);
		}
		printf("%d\n", (int)getpid());
		return;
	} else if (sscanf(line, "nested %ld", &a) == 1) {
		nested(a);
		printf("%ld\n", atomic_load(&got));
		return;
	} else if (sscanf(line, "mode %15s", word) == 1) {
		set_mode(word);
	} else if (strcmp(line, "got") == 0) {
		printf("%ld\n", atomic_load(&got));
		return;
	} else if (strcmp(line, "disable") == 0) {
		jstrace_disable();
		jstrace_disable();
	} else if (strcmp(line, "word") == 0) {
		void *address;

		__asm__("leaq \"jstrace.on.work:step\"(%%rip), %0" : "=r"(address));
		printf("%p\n", address);
		return;
	} else if (strcmp(line, "single") == 0) {
		puts(SINGLE);
		return;
	} else if (strcmp(line, "closeall") == 0) {
		for (int fd = 3; fd < 1024; fd++)
			close(fd);
	} else if (sscanf(line, "hold %ld", &a) == 1) {
		while (a-- > 0)
			if (dup(0) < 3)
				abort();
	} else if (sscanf(line, "setuid %ld", &a) == 1) {
		if (setresuid((uid_t)a, (uid_t)a, (uid_t)a) < 0) {
			puts(strerror(errno));
			return;
		}
	} else if (strcmp(line, "hide") == 0) {
		prctl(PR_SET_DUMPABLE, 0);
	} else if (strcmp(line, "leave") == 0) {
		pthread_exit(NULL);
	}
	puts("done");
}

int main(int argc, char **argv)
{
	char line[512];

	(void)argc;
	folder = strdup(argv[0]);
	*strrchr((char *)folder, '/') = 0;
	setvbuf(stdout, NULL, _IOLBF, 0);
	while (fgets(line, sizeof(line), stdin)) {
		line[strcspn(line, "\n")] = 0;
		answer(line);
	}
	return 0;
}
