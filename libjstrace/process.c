/*
 * The state of the process, and the library's own constructor.
 */
#include "process.h"

#include <sys/auxv.h>
#include <sys/mman.h>
#include <stdlib.h>
#include <string.h>

#include "agent.h"
#include "jstrace.h"
#include "quiesce.h"
#include "raw.h"

struct jst_process *jst_process;
_Atomic bool jst_process_inert;
_Atomic bool jst_process_exiting;

bool jst_process_make(void)
{
	if (jst_process)
		return true;
	void *memory = mmap(NULL, sizeof(struct jst_process), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (memory == MAP_FAILED)
		return false;
	if (madvise(memory, sizeof(struct jst_process), MADV_WIPEONFORK) < 0) {
		munmap(memory, sizeof(struct jst_process));
		return false;
	}
	jst_process = memory;
	return true;
}

/* What atexit() calls; that lies in the program itself, in a page at its end that nothing else would have touched. */
int __cxa_atexit(void (*function)(void *argument), void *argument, void *object);
extern void *__dso_handle __attribute__((visibility("hidden")));

static void exiting(void *argument)
{
	(void)argument;
	atomic_store_explicit(&jst_process_exiting, true, memory_order_relaxed); /* pairs with jstrace_object_unregister(), on this thread */
}

/* JSTRACE=off in the environment: whoever starts a program may want none of this in it. */
static bool switched_off(void)
{
	const char *wish = getenv("JSTRACE");

	return wish && strcmp(wish, "off") == 0;
}

/* Ran with the privileges of another: the environment and the caller are not trusted, so nothing can be traced. Also where that is not wanted, and where a first step fails. */
__attribute__((constructor(101))) static void load(void)
{
	if (!jst_process_make() || getauxval(AT_SECURE) || switched_off()) {
		atomic_store_explicit(&jst_process_inert, true, memory_order_relaxed);
		return;
	}
	__cxa_atexit(exiting, NULL, &__dso_handle);
	atomic_store_explicit(&jst_process->pid, jst_raw_pid(), memory_order_relaxed); /* one word, by itself: looked at as a thread takes its record */
	jst_quiesce_register();
	jst_agent_load();
}

const char *jstrace_version(void)
{
	return JSTRACE_VERSION;
}
