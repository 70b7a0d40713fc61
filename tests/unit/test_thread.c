/* Thread records: entering, nesting, leaving by siglongjmp(), dying, being seen outside. */
#include <check.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent_wait.h"
#include "process.h"
#include "quiesce.h"
#include "thread.h"

/* ThreadSanitizer knows no threads in a child of a program with threads, and delivers signals late: no children there, and not the tests that need either. */
#ifdef __SANITIZE_THREAD__
enum { UNDER_TSAN = 1 };
#else
enum { UNDER_TSAN = 0 };
#endif

static uintptr_t frame(void)
{
	return (uintptr_t)__builtin_frame_address(0);
}

START_TEST(test_enter)
{
	struct jst_thread *thread = jst_thread_enter(frame(), 0);
	const uint64_t sequence = thread->sequence;

	ck_assert_ptr_nonnull(thread);
	ck_assert(sequence & 1);
	ck_assert(jst_thread_inside());
	ck_assert_int_eq(thread->runner.tid, getpid());
	ck_assert_ptr_eq(&jst_process->threads[thread->runner.slot], thread);
	jst_thread_leave(thread);
	ck_assert(!jst_thread_inside());
	ck_assert(thread->sequence == sequence + 1);
	ck_assert_ptr_eq(jst_thread_enter(frame(), 0), thread);
	jst_thread_leave(thread);
}
END_TEST

static __attribute__((noinline)) struct jst_thread *enter_deeper(void)
{
	volatile char room[4096];

	room[0] = 0;
	struct jst_thread *thread = jst_thread_enter(frame(), 0);

	room[1] = room[0];
	return thread;
}

START_TEST(test_nested)
{
	struct jst_thread *thread = jst_thread_enter(frame(), 0);
	const uint64_t sequence = thread->sequence;

	ck_assert_ptr_null(enter_deeper());
	ck_assert(thread->sequence == sequence);
	jst_thread_leave(thread);
}
END_TEST

static sigjmp_buf back;
static volatile int handled;
static struct jst_thread *inner;

static void leave_by_jump(int signal)
{
	(void)signal;
	handled++;
	siglongjmp(back, 1);
}

static __attribute__((noinline)) void be_interrupted(void)
{
	volatile char room[4096];

	room[0] = 0;
	jst_thread_enter(frame(), 0);
	raise(SIGUSR1);
	room[1] = room[0];
}

START_TEST(test_jump)
{
	signal(SIGUSR1, leave_by_jump);
	if (sigsetjmp(back, 1) == 0)
		be_interrupted();
	ck_assert_int_eq(handled, 1);
	ck_assert(jst_thread_inside());
	/* The next event finds that the frame is gone; the agent that waited sees another sequence. */
	const uint64_t before = jst_process->threads[0].sequence;
	struct jst_thread *thread = jst_thread_enter(frame(), 0);

	ck_assert_ptr_nonnull(thread);
	ck_assert(thread->sequence != before);
	ck_assert(thread->sequence & 1);
	jst_thread_leave(thread);
	ck_assert(!jst_thread_inside());
}
END_TEST

/* An event that goes on after another took it for abandoned, as one in a handler on an alternate stack does that is not to be seen there (SS_AUTODISARM): the thread is outside behind both. */
START_TEST(test_not_abandoned)
{
	struct jst_thread *thread = enter_deeper();

	ck_assert_ptr_eq(jst_thread_enter(frame(), 0), thread);
	jst_thread_leave(thread);
	ck_assert(!jst_thread_inside());
	jst_thread_leave(thread);
	ck_assert(!jst_thread_inside());
	ck_assert_ptr_eq(enter_deeper(), thread);
	jst_thread_leave(thread);
	ck_assert(!jst_thread_inside());
}
END_TEST

static void enter_inside(int signal)
{
	(void)signal;
	inner = jst_thread_enter(frame(), 0);
	handled++;
}

static void jump_from_inside(int signal)
{
	(void)signal;
	jst_thread_enter(frame(), 0);
	siglongjmp(back, 1);
}

/* On a stack of its own a handler may be above or below: the one inside a probe is nested all the same, and one that was left there is noticed. */
START_TEST(test_alternate_stack)
{
	static char alternate[2][65536]; /* below the stack */
	char *stacks[2] = { alternate[0], alloca(65536) };

	for (int i = 0; i < 2; i++) {
		const stack_t stack = { .ss_sp = stacks[i], .ss_size = 65536 };
		struct sigaction action = { .sa_handler = enter_inside, .sa_flags = SA_ONSTACK };

		handled = 0;
		ck_assert_int_eq(sigaltstack(&stack, NULL), 0);
		sigaction(SIGUSR1, &action, NULL);
		struct jst_thread *thread = enter_deeper();

		ck_assert_ptr_nonnull(thread);
		thread->frame = frame(); /* this one lives */
		inner = thread;
		raise(SIGUSR1);
		ck_assert_int_eq(handled, 1);
		ck_assert_ptr_null(inner);
		jst_thread_leave(thread);

		action.sa_handler = jump_from_inside;
		sigaction(SIGUSR1, &action, NULL);
		if (sigsetjmp(back, 1) == 0)
			raise(SIGUSR1);
		ck_assert(jst_thread_inside());
		ck_assert_ptr_eq(jst_thread_enter(frame(), 0), thread);
		jst_thread_leave(thread);
	}
}
END_TEST

static void *one_event(void *slot)
{
	struct jst_thread *thread = jst_thread_enter(frame(), 0);

	*(uint32_t *)slot = thread->runner.slot;
	jst_thread_leave(thread);
	return NULL;
}

static void *die_inside(void *slot)
{
	*(uint32_t *)slot = jst_thread_enter(frame(), 0)->runner.slot;
	return NULL;
}

static void gone(int32_t tid)
{
	for (int i = 0; i < 5000 && jst_thread_alive(tid); i++)
		usleep(1000);
	ck_assert(!jst_thread_alive(tid));
}

START_TEST(test_reap)
{
	static unsigned char scratch[JST_REAP_SCRATCH] __attribute__((aligned(8)));
	uint32_t mine, slot, next;
	pthread_t thread;

	one_event(&mine);
	for (int i = 0; i < 2; i++) {
		pthread_create(&thread, NULL, i ? die_inside : one_event, &slot);
		pthread_join(thread, NULL);
		ck_assert_uint_ne(slot, mine);
		gone(jst_process->threads[slot].runner.tid);
		/* A thread that died inside is outside. */
		ck_assert_uint_eq(jst_quiesce_wait(1000, NULL, NULL), 0);
		jst_thread_reap(scratch);
		ck_assert_int_eq(jst_process->threads[slot].tid, 0);
		ck_assert_int_ne(jst_process->threads[mine].tid, 0);
		ck_assert(!(jst_process->threads[slot].sequence & 1));
		pthread_create(&thread, NULL, one_event, &next);
		pthread_join(thread, NULL);
		/* One of those that are free again, not a new one. */
		ck_assert_uint_le(next, slot);
		ck_assert_uint_ne(next, mine);
	}
}
END_TEST

static uint32_t seen[JST_SLOTS];

static void note(void *context, uint32_t index)
{
	ck_assert_ptr_eq(context, seen);
	seen[index]++;
}

static void *leave_soon(void *thread)
{
	usleep(20000);
	jst_thread_leave(thread);
	return NULL;
}

START_TEST(test_quiesce)
{
	uint32_t slot;

	ck_assert(jst_quiesce_barrier());
	one_event(&slot);
	ck_assert_uint_eq(jst_quiesce_wait(1000, note, seen), 0);
	ck_assert_uint_eq(seen[slot], 1);
	struct jst_thread *thread = jst_thread_enter(frame(), 0);
	pthread_t other;

	ck_assert_uint_eq(jst_quiesce_wait(20, note, seen), 1);
	ck_assert_uint_eq(seen[slot], 1);
	/* Only the sequence is looked at, so another thread may leave for this one. */
	pthread_create(&other, NULL, leave_soon, thread);
	ck_assert_uint_eq(jst_quiesce_wait(60000, note, seen), 0);
	ck_assert_uint_eq(seen[slot], 2);
	pthread_join(other, NULL);
}
END_TEST

/* A child has no records; its thread takes one of its own. */
START_TEST(test_fork)
{
	struct jst_thread *thread = jst_thread_enter(frame(), 0);
	int status;

	jst_thread_leave(thread);
	wait_for_agent();
	const pid_t pid = fork();

	if (pid == 0) {
		const bool wiped = !thread->tid && !jst_thread_inside();
		const struct jst_thread *own = jst_thread_enter(frame(), 0);

		_exit(wiped && own && own->runner.tid == getpid() ? 0 : 1);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	ck_assert_int_eq(thread->runner.tid, getpid());
}
END_TEST
/* A child of vfork() runs on its parent's memory: a record under its tid would be taken for a dead thread's while the parent uses it. */
START_TEST(test_vfork)
{
	static struct jst_thread *volatile got;
	int status;

	wait_for_agent(); /* of this child of fork(): it sets jst_process->pid */
	got = (struct jst_thread *)&got;
	const pid_t pid = vfork();

	if (pid == 0) {
		got = jst_thread_enter(frame(), 0);
		_exit(0);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_ptr_null(got);
	struct jst_thread *thread = jst_thread_enter(frame(), 0);

	ck_assert_ptr_nonnull(thread);
	ck_assert_int_eq(thread->tid, getpid());
	jst_thread_leave(thread);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("thread");
	TCase *tests = tcase_create("thread");

	tcase_set_timeout(tests, 60);
	tcase_add_test(tests, test_enter);
	tcase_add_test(tests, test_nested);
	tcase_add_test(tests, test_not_abandoned);
	if (!UNDER_TSAN) {
		tcase_add_test(tests, test_jump);
		tcase_add_test(tests, test_alternate_stack);
		tcase_add_test(tests, test_fork);
		tcase_add_test(tests, test_vfork);
	}
	tcase_add_test(tests, test_reap);
	tcase_add_test(tests, test_quiesce);
	suite_add_tcase(suite, tests);
	SRunner *runner = srunner_create(suite);

	if (UNDER_TSAN)
		srunner_set_fork_status(runner, CK_NOFORK);

	wait_for_agent();
	srunner_run_all(runner, CK_ENV);
	const int failed = srunner_ntests_failed(runner);

	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
