/*
 * Walking stacks: made ones, in memory that ends where the stack does, so that a step too far is a fault; and what the agent finds out about real ones.
 */
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

#include "agent_wait.h"
#include "machine.h"
#include "process.h"
#include "stacks.h"

#if defined(__SANITIZE_THREAD__)
#define UNDER_TSAN 1
#else
#define UNDER_TSAN 0
#endif

enum { SIZE = 16 << 10, CODE = 0x10000, CODE_SIZE = 0x1000, OTHER = 0x40000 };

static struct jst_stack_map map;
static struct jst_stack_known known;
static unsigned char *stack;         /* SIZE bytes between two pages that cannot be read */
static uint64_t addresses[JST_STACK_FRAMES];
static bool more;

static void set_up(void)
{
	unsigned char *base = mmap(NULL, SIZE + 2 * 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	ck_assert(base != MAP_FAILED);
	stack = base + 4096;
	ck_assert_int_eq(mprotect(stack, SIZE, PROT_READ | PROT_WRITE), 0);
	memset(&map, 0, sizeof(map));
	memset(&known, 0, sizeof(known));
	known.main_low = (uintptr_t)stack;
	known.main_high = (uintptr_t)stack + SIZE;
	known.ranges = 2;
	known.range[0].low = CODE;
	known.range[0].high = CODE + CODE_SIZE;
	known.range[1].low = OTHER;
	known.range[1].high = OTHER + 16;
	ck_assert(jst_stack_publish(&map, &known));
}

static struct jst_frame *frame_at(uint32_t at)
{
	return (struct jst_frame *)(void *)(stack + at);
}

/* A frame that leads to the one at next, 0: to none. */
static void put(uint32_t at, uint32_t next, uintptr_t address)
{
	*frame_at(at) = (struct jst_frame){ next ? (uintptr_t)frame_at(next) : 0, address };
}

static uint32_t walk(uint32_t most)
{
	more = false;
	return jst_stack_walk(&map, frame_at(0), addresses, most, &more);
}

START_TEST(test_chain)
{
	put(0, 64, CODE + 1);
	put(64, 128, CODE + 2);
	put(128, SIZE - 16, OTHER);
	put(SIZE - 16, 0, CODE + CODE_SIZE - 1);
	ck_assert_uint_eq(walk(64), 4);
	ck_assert(!more);
	ck_assert_uint_eq(addresses[0], CODE + 1);
	ck_assert_uint_eq(addresses[1], CODE + 2);
	ck_assert_uint_eq(addresses[2], OTHER);
	ck_assert_uint_eq(addresses[3], CODE + CODE_SIZE - 1);
	ck_assert(!atomic_load(&map.stale));

	/* As many as are wanted, and a word that there are more only if there are. */
	ck_assert_uint_eq(walk(3), 3);
	ck_assert(more);
	ck_assert_uint_eq(walk(4), 4);
	ck_assert(!more);
	ck_assert_uint_eq(walk(1), 1);
	ck_assert(more);
}
END_TEST

/* A frame of the library's own function between the site and its frame. */
START_TEST(test_own_frame)
{
	put(0, 64, CODE + 1);
	put(64, 128, CODE + 1);
	put(128, 0, CODE + 2);
	ck_assert_uint_eq(walk(64), 2);
	ck_assert_uint_eq(addresses[1], CODE + 2);

	/* Not a whole stack of them, which would keep the walk for as long as that is. */
	for (uint32_t at = 0; at < SIZE; at += 64)
		put(at, at + 64, CODE + 1);
	ck_assert_uint_eq(walk(8), 8);
	ck_assert(more);
}
END_TEST

START_TEST(test_ends)
{
	static const struct {
		uintptr_t address;
		bool stale;
	} bad_code[] = { { 0, true }, { CODE - 1, true }, { CODE + CODE_SIZE, true }, { OTHER - 1, true }, { OTHER + 16, true }, { UINTPTR_MAX, true } };

	for (size_t i = 0; i < sizeof(bad_code) / sizeof(bad_code[0]); i++) {
		put(0, 64, CODE);
		put(64, 128, bad_code[i].address);
		atomic_store(&map.stale, false);
		ck_assert_uint_eq(walk(64), 1);
		ck_assert(more);
		ck_assert_int_eq(atomic_load(&map.stale), bad_code[i].stale);
	}
	/* What is no frame: outside, across an end, unaligned, below what was walked, the frame itself. */
	const uintptr_t bad_frame[] = { 1, 8, UINTPTR_MAX, UINTPTR_MAX - 7, (uintptr_t)stack - 16, (uintptr_t)stack - 8, (uintptr_t)stack + SIZE - 8, (uintptr_t)stack + SIZE, (uintptr_t)stack + 100,
	                                (uintptr_t)stack + 65, (uintptr_t)stack, (uintptr_t)stack + 64, (uintptr_t)stack + 72, (uintptr_t)1 << 63 };

	for (size_t i = 0; i < sizeof(bad_frame) / sizeof(bad_frame[0]); i++) {
		put(0, 64, CODE);
		*frame_at(64) = (struct jst_frame){ bad_frame[i], CODE + 8 };
		ck_assert_uint_eq(walk(64), 2);
		ck_assert(more);
	}
}
END_TEST

/* No step goes down, so nothing goes in circles. */
START_TEST(test_cycle)
{
	put(0, 64, CODE);
	put(64, 128, CODE + 1);
	put(128, 64, CODE + 2);
	ck_assert_uint_eq(walk(64), 3);
	ck_assert(more);
}
END_TEST

/* Whatever lies on the stack and in the frame pointer. */
START_TEST(test_garbage)
{
	uint64_t random = 88172645463325252ULL, frames = 0;

	for (int round = 0; round < 20000; round++) {
		for (uint32_t at = 0; at < SIZE; at += 8) {
			random ^= random << 13;
			random ^= random >> 7;
			random ^= random << 17;
			const uint64_t near = (uintptr_t)stack - 64 + random % (SIZE + 128);
			const uint64_t word = random >> 62 == 0 ? random : random >> 62 == 1 ? CODE + random % CODE_SIZE : near & ~(uint64_t)7;

			memcpy(stack + at, &word, sizeof(word));
			/* A part of the stack suffices for most rounds. */
			if (at > 512 && round % 64)
				break;
		}
		const uint32_t count = walk(1 + (uint32_t)(random >> 20) % JST_STACK_FRAMES);

		ck_assert_uint_ge(count, 1);
		ck_assert_uint_le(count, JST_STACK_FRAMES);
		frames += count;
	}
	ck_assert_uint_gt(frames, 22000);
}
END_TEST

/* On a stack of which nothing is known, and without a map. */
START_TEST(test_elsewhere)
{
	struct jst_frame own = { (uintptr_t)&own + 64, CODE + 3 };

	ck_assert_uint_eq(jst_stack_walk(&map, &own, addresses, 64, &more), 1);
	ck_assert(more);
	ck_assert(atomic_load(&map.stale));
	ck_assert_uint_eq(addresses[0], CODE + 3);
	put(0, 64, CODE);
	put(64, 0, CODE);
	ck_assert_uint_eq(jst_stack_walk(NULL, frame_at(0), addresses, 64, &more), 1);
	ck_assert(more);
	memset(&map, 0, sizeof(map));
	ck_assert_uint_eq(walk(64), 1);
	ck_assert(more);
}
END_TEST

START_TEST(test_publish)
{
	ck_assert(!jst_stack_publish(&map, &known));
	known.range[1].high++;
	ck_assert(jst_stack_publish(&map, &known));
	ck_assert(!jst_stack_publish(&map, &known));
	ck_assert_uint_eq(atomic_load(&map.sequence) % 2, 0);
	/* While it is written nothing counts. */
	put(0, 64, CODE);
	put(64, 0, CODE + 1);
	ck_assert_uint_eq(walk(64), 2);
	atomic_fetch_add(&map.sequence, 1);
	ck_assert_uint_eq(walk(64), 1);
	ck_assert(more);
	/* The counter passes over 0. */
	atomic_store(&map.sequence, UINT32_MAX - 1);
	known.main_low += 8;
	ck_assert(jst_stack_publish(&map, &known));
	ck_assert_uint_eq(atomic_load(&map.sequence), 2);
}
END_TEST

/* ---- readers beside the writer ---- */

static _Atomic bool over;

static void *publish_in_turn(void *unused)
{
	/* Two states, of which each alone is right: in one the stack begins at its lower half, in the other nothing is known but another address that is code. */
	while (!atomic_load(&over)) {
		known.main_low = known.main_low ? 0 : (uintptr_t)stack;
		known.main_high = known.main_low ? (uintptr_t)stack + SIZE : 0;
		known.ranges = known.main_low ? 2 : 1;
		jst_stack_publish(&map, &known);
	}
	return unused;
}

START_TEST(test_race)
{
	uint32_t whole = 0, short_ones = 0;
	pthread_t writer;

	put(0, 64, CODE);
	put(64, 128, OTHER);
	put(128, 0, CODE + 1);
	atomic_store(&over, false);
	ck_assert_int_eq(pthread_create(&writer, NULL, publish_in_turn, NULL), 0);
	for (int i = 0; i < 10000000 && (whole < 1000 || short_ones < 1000); i++) {
		const uint32_t count = walk(64);

		ck_assert(count == 1 || count == 3);
		ck_assert(count == 1 ? more : !more);
		whole += count == 3;
		short_ones += count == 1;
	}
	atomic_store(&over, true);
	pthread_join(writer, NULL);
	ck_assert_uint_gt(whole, 0);
}
END_TEST

/* ---- real stacks, with what the agent finds out: by a thread, as the agent is one ---- */

static uint64_t real[JST_STACK_FRAMES];
static uint32_t real_count;
static bool real_more;

static void *refresh(void *unused)
{
	jst_stacks_refresh();
	return unused;
}

__attribute__((noinline, optimize("no-omit-frame-pointer"))) static void real_walk(void)
{
	real_count = jst_stack_walk(&jst_process->stack_map, __builtin_frame_address(0), real, JST_STACK_FRAMES, &real_more);
}

__attribute__((noinline, optimize("no-omit-frame-pointer", "no-optimize-sibling-calls"))) static void real_outer(void)
{
	real_walk();
	__asm__ volatile("");
}

__attribute__((optimize("no-omit-frame-pointer"))) static void *walk_in_thread(void *unused)
{
	real_outer();
	return unused;
}

static void on_signal(int number)
{
	(void)number;
	real_walk();
}

static bool has_return_into(const void *function)
{
	for (uint32_t i = 0; i < real_count; i++)
		if (real[i] > (uintptr_t)function && real[i] - (uintptr_t)function < 256)
			return true;
	return false;
}

START_TEST(test_real)
{
	pthread_t thread;

	ck_assert(jst_process_make());
	ck_assert_int_eq(pthread_create(&thread, NULL, refresh, NULL), 0);
	pthread_join(thread, NULL);
	ck_assert_uint_gt(atomic_load(&jst_process->stack_map.ranges), 1);
	ck_assert_uint_ne(atomic_load(&jst_process->stack_map.main_high), 0);
	/* The main thread … */
	real_outer();
	ck_assert_uint_ge(real_count, 2);
	ck_assert(has_return_into((const void *)real_outer));
	/* … one that libc made … */
	real_count = 0;
	ck_assert_int_eq(pthread_create(&thread, NULL, walk_in_thread, NULL), 0);
	pthread_join(thread, NULL);
	ck_assert(has_return_into((const void *)real_outer));
	ck_assert(has_return_into((const void *)walk_in_thread));
	/* … and one whose stack is the caller's. */
	pthread_attr_t attributes;
	const size_t size = 4 << 20; /* sanitizers take a megabyte of it */
	void *own = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	real_count = 0;
	pthread_attr_init(&attributes);
	ck_assert_int_eq(pthread_attr_setstack(&attributes, own, size), 0);
	ck_assert_int_eq(pthread_create(&thread, &attributes, walk_in_thread, NULL), 0);
	pthread_join(thread, NULL);
	pthread_attr_destroy(&attributes);
	ck_assert(has_return_into((const void *)walk_in_thread));
	munmap(own, size);
}
END_TEST

/* What lies above the agent's control block is not its own: here pages that cannot be read although they are part of its mapping, as where a thread's guard is made by MADV_GUARD_INSTALL. */
START_TEST(test_hidden_guard)
{
	enum { STACK = 4 << 20, ABOVE = 64 << 10, GUARD_INSTALL = 102 };
	pthread_attr_t attributes;
	pthread_t thread;
	unsigned char *own = mmap(NULL, STACK + ABOVE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	ck_assert(own != MAP_FAILED);
	/* An older kernel has none to hide. */
	if (madvise(own + STACK, ABOVE, GUARD_INSTALL) == 0) {
		ck_assert(jst_process_make());
		pthread_attr_init(&attributes);
		ck_assert_int_eq(pthread_attr_setstack(&attributes, own, STACK), 0);
		ck_assert_int_eq(pthread_create(&thread, &attributes, refresh, NULL), 0);
		pthread_join(thread, NULL);
		pthread_attr_destroy(&attributes);
		ck_assert_uint_ne(atomic_load(&jst_process->stack_map.form), JST_STACK_UNKNOWN);
	}
	munmap(own, STACK + ABOVE);
}
END_TEST

START_TEST(test_alternate_stack)
{
	pthread_t thread;
	/* Between the program and the main stack, where a bound that is too low would take it in. */
	const stack_t alternate = { .ss_sp = mmap(NULL, 1 << 16, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), .ss_size = 1 << 16 };

	ck_assert(jst_process_make());
	ck_assert_int_eq(pthread_create(&thread, NULL, refresh, NULL), 0);
	pthread_join(thread, NULL);
	ck_assert_int_eq(sigaltstack(&alternate, NULL), 0);
	ck_assert_int_eq(sigaction(SIGUSR1, &(struct sigaction){ .sa_handler = on_signal, .sa_flags = SA_ONSTACK }, NULL), 0);
	raise(SIGUSR1);
	ck_assert_uint_eq(real_count, 1);
	ck_assert(real_more);
}
END_TEST

/* ---- stack() ---- */

START_TEST(test_function)
{
	struct machine m;
	/* As the probe's frame lies on the stack itself; ASan puts variables elsewhere. */
	const struct jst_frame **entry = alloca(sizeof(const struct jst_frame *));
	_Atomic uintptr_t frame = (uintptr_t)entry;

	put(0, 64, CODE);
	put(64, 128, CODE + 1);
	put(128, 0, CODE + 2);
	*entry = frame_at(0);
	machine_open(&m);
	m.session.stack_map = &map;
	m.runner.frame = &frame;
	m.options.string_size = 64;
	machine_add(&m, JST_OP_CALL, 0, 0, 0, JST_FUNCTION_STACK);
	machine_add(&m, JST_OP_INT, 1, 0, 0, 2);
	machine_add(&m, JST_OP_CALL, 2, 1, 1, JST_FUNCTION_STACK);
	machine_add(&m, JST_OP_INT, 1, 0, 0, -5);
	machine_add(&m, JST_OP_CALL, 3, 1, 1, JST_FUNCTION_STACK);
	machine_start_and_fire(&m);
	struct jst_value value = machine_register(&m, 0);
	uint64_t words[8];

	ck_assert_uint_eq(value.kind, JST_STACK);
	ck_assert_uint_eq(value.length, 24);
	memcpy(words, value.s, 24);
	ck_assert_uint_eq(words[0], CODE);
	ck_assert_uint_eq(words[2], CODE + 2);
	/* Asked for two, given two: nothing is missing. */
	ck_assert_uint_eq(machine_register(&m, 2).length, 16);
	ck_assert_uint_eq(machine_register(&m, 3).length, 8);

	/* As many as a string may have bytes, with the mark. */
	for (uint32_t at = 0; at < 1024; at += 64)
		put(at, at + 64, CODE + at);
	machine_fire(&m);
	value = machine_register(&m, 0);
	ck_assert_uint_eq(value.length, 64);
	memcpy(words, value.s, 64);
	ck_assert_uint_eq(words[6], CODE + 6 * 64);
	ck_assert_uint_eq(words[7], 0);

	/* Without a stack, as in the CLI: the mark alone. */
	m.runner.frame = NULL;
	machine_fire(&m);
	value = machine_register(&m, 0);
	ck_assert_uint_eq(value.length, 8);
	memcpy(words, value.s, 8);
	ck_assert_uint_eq(words[0], 0);

	/* Where it leads nowhere near, as after an event in a signal handler that took this one for abandoned: it is not followed. */
	m.runner.frame = &frame;
	for (unsigned i = 0; i < 2; i++) {
		frame = i ? UINTPTR_MAX : (uintptr_t)(stack + SIZE);
		machine_fire(&m);
		ck_assert_uint_eq(machine_register(&m, 0).length, 8);
	}
	ck_assert_uint_eq(machine_losses(&m), 0);
	machine_close(&m);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("stack");
	TCase *made = tcase_create("made"), *live = tcase_create("real");

	tcase_add_checked_fixture(made, set_up, NULL);
	tcase_add_test(made, test_chain);
	tcase_add_test(made, test_own_frame);
	tcase_add_test(made, test_ends);
	tcase_add_test(made, test_cycle);
	tcase_add_test(made, test_garbage);
	tcase_add_test(made, test_elsewhere);
	tcase_add_test(made, test_publish);
	tcase_add_test(made, test_race);
	tcase_add_test(made, test_function);
	tcase_set_timeout(made, 60);
	suite_add_tcase(suite, made);
	tcase_add_test(live, test_hidden_guard); /* first: what is found is kept, where tests have no process of their own */
	tcase_add_test(live, test_real);
	tcase_add_test(live, test_alternate_stack);
	tcase_set_tags(live, "native"); /* under valgrind the main thread's stack is another mapping than the kernel's: its part leaves these out */
	suite_add_tcase(suite, live);
	SRunner *runner = srunner_create(suite);

	/* The library's thread runs already, and TSan allows no further ones in a child then. */
	if (UNDER_TSAN)
		srunner_set_fork_status(runner, CK_NOFORK);
	wait_for_agent();
	srunner_run_all(runner, CK_ENV);
	const int failed = srunner_ntests_failed(runner);

	srunner_free(runner);
	return failed ? 1 : 0;
}
