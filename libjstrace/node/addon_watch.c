/*
 * See addon_watch.h. The thread sleeps on jst_process->epoch, without a time-out, and blocks all signals. To end it is to change the epoch, so that it cannot miss it: others that wait look once in vain.
 */
#define NAPI_VERSION 6
#include "addon_watch.h"

#include <linux/futex.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "named.h"

struct watch {
	napi_threadsafe_function changed;
	pthread_t thread;
	pid_t pid;       /* whose the thread is: a child that forked has none */
	uint32_t seen;   /* the epoch that needs no call any more */
	_Atomic bool stop;
};

static void *look_out(void *argument)
{
	struct watch *watch = argument;

	for (;;) {
		const uint32_t epoch = atomic_load_explicit(&jst_process->epoch, memory_order_acquire); /* pairs with jst_install_changed() */

		/* After the epoch: whoever sees the one that end() began sees this too. */
		if (atomic_load_explicit(&watch->stop, memory_order_relaxed))
			break;
		if (epoch == watch->seen) {
			syscall(SYS_futex, &jst_process->epoch, FUTEX_WAIT | FUTEX_PRIVATE_FLAG, epoch, NULL, NULL, 0);
			continue;
		}
		watch->seen = epoch;
		if (napi_call_threadsafe_function(watch->changed, NULL, napi_tsfn_nonblocking) == napi_closing)
			break;
	}
	return NULL;
}

/* As the environment ends. */
static void end(void *argument)
{
	struct watch *watch = argument;

	if (watch->pid != getpid())
		return;
	atomic_store_explicit(&watch->stop, true, memory_order_relaxed); /* made visible by the release of the epoch */
	jst_named_stir();
	pthread_join(watch->thread, NULL);
	napi_release_threadsafe_function(watch->changed, napi_tsfn_abort);
	free(watch);
}

static bool start_thread(struct watch *watch)
{
	enum { STACK = 128 << 10 };
	pthread_attr_t attributes;
	sigset_t all, old;

	sigfillset(&all);
	if (pthread_attr_init(&attributes))
		return false;
	pthread_attr_setstacksize(&attributes, STACK);
	pthread_sigmask(SIG_BLOCK, &all, &old);
	int error = pthread_create(&watch->thread, &attributes, look_out, watch);

	/* Thread-local storage may want more. */
	if (error) {
		pthread_attr_setstacksize(&attributes, 16 * STACK);
		error = pthread_create(&watch->thread, &attributes, look_out, watch);
	}
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	pthread_attr_destroy(&attributes);
	return !error;
}

bool addon_watch(napi_env env, napi_value function)
{
	napi_value name;
	struct watch *watch = calloc(1, sizeof(*watch));

	if (!watch)
		return false;
	if (napi_create_string_utf8(env, "jstrace", NAPI_AUTO_LENGTH, &name) != napi_ok || napi_create_threadsafe_function(env, function, NULL, name, 1, 1, NULL, NULL, NULL, NULL, &watch->changed) != napi_ok) {
		free(watch);
		return false;
	}
	napi_unref_threadsafe_function(env, watch->changed);
	watch->pid = getpid();
	watch->seen = atomic_load_explicit(&jst_process->epoch, memory_order_acquire);
	if (!start_thread(watch)) {
		napi_release_threadsafe_function(watch->changed, napi_tsfn_abort);
		free(watch);
		return false;
	}
	napi_add_env_cleanup_hook(env, end, watch);
	return true;
}
