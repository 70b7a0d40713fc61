/*
 * Calls the functions of the short way through a probe (leaf.c, of whichever compiler it is) as the stub does, and looks at all registers afterwards; and again with everything that the process knows wiped after the n-th instruction, for each n, as it is in the child of a fork() in a signal handler.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>
#include <unistd.h>

#include "leaf.h"
#include "quick.h"

struct jst_process *jst_process;
bool jst_pair_vector = true;
__thread struct jst_thread *jst_thread_own __attribute__((tls_model("initial-exec")));

enum { REGISTERS = 15, TRAP_FLAG = 0x100, CELL = 64, ROW = 2048, SESSION = 3, KEY = 500, NOW = 1000, HOME = JST_MAPS_OFFSET + 8192, AWAY = JST_MAPS_OFFSET + 4096 };

static struct jst_site_record record;
static uint16_t word[2];
static struct jst_plan plan[2];
static struct jst_binding binding;
static struct jst_slot slot;
static struct jst_run run;
static struct jst_session session;
static struct jst_memory_header header;
static struct jst_bank bank;
static struct jst_hot *hot;
static unsigned char memory[JST_MAPS_OFFSET + 16384] __attribute__((aligned(64)));
static _Atomic uint64_t guards[8];
static uint64_t words[2];
static volatile long steps, wipe_at = -1;
static const char *what;

/* Known to the assembly by their names. */
#define USED __attribute__((used))

/* All registers but the stack pointer, before and after; what is called, and how many bytes off the alignment of the stack. */
USED static uint64_t before[REGISTERS], after[REGISTERS], answer, off;
USED static void (*called)(void);
USED static const void *const pushed[] = { words, &record };

/* Calls as the stub does, with the answer, the record and the words on the stack. */
static enum jst_leaf call(void (*function)(void), uint64_t odd)
{
	called = function;
	off = odd * 8;
	for (int i = 0; i < REGISTERS; i++)
		before[i] = 0xa5a5000000000000 + (uint64_t)i;
	__asm__ volatile("leaq -256(%%rsp), %%rsp\n\tpushq %%rbx\n\tpushq %%rbp\n\tmovq %%rsp, %%rbp\n\tandq $-16, %%rsp\n\tsubq off(%%rip), %%rsp\n\tpushq %%rbp\n\t"
	                 "pushq pushed(%%rip)\n\tpushq 8+pushed(%%rip)\n\tpushq $1\n\t"
	                 "movq before(%%rip), %%rax\n\tmovq 8+before(%%rip), %%rbx\n\tmovq 16+before(%%rip), %%rcx\n\tmovq 24+before(%%rip), %%rdx\n\tmovq 32+before(%%rip), %%rsi\n\t"
	                 "movq 40+before(%%rip), %%rdi\n\tmovq 48+before(%%rip), %%rbp\n\tmovq 56+before(%%rip), %%r8\n\tmovq 64+before(%%rip), %%r9\n\tmovq 72+before(%%rip), %%r10\n\t"
	                 "movq 80+before(%%rip), %%r11\n\tmovq 88+before(%%rip), %%r12\n\tmovq 96+before(%%rip), %%r13\n\tmovq 104+before(%%rip), %%r14\n\tmovq 112+before(%%rip), %%r15\n\t"
	                 "call *called(%%rip)\n\t"
	                 "movq %%rax, after(%%rip)\n\tmovq %%rbx, 8+after(%%rip)\n\tmovq %%rcx, 16+after(%%rip)\n\tmovq %%rdx, 24+after(%%rip)\n\tmovq %%rsi, 32+after(%%rip)\n\t"
	                 "movq %%rdi, 40+after(%%rip)\n\tmovq %%rbp, 48+after(%%rip)\n\tmovq %%r8, 56+after(%%rip)\n\tmovq %%r9, 64+after(%%rip)\n\tmovq %%r10, 72+after(%%rip)\n\t"
	                 "movq %%r11, 80+after(%%rip)\n\tmovq %%r12, 88+after(%%rip)\n\tmovq %%r13, 96+after(%%rip)\n\tmovq %%r14, 104+after(%%rip)\n\tmovq %%r15, 112+after(%%rip)\n\t"
	                 "popq answer(%%rip)\n\tleaq 16(%%rsp), %%rsp\n\tpopq %%rsp\n\tpopq %%rbp\n\tpopq %%rbx\n\tleaq 256(%%rsp), %%rsp"
	                 ::: "rax", "rcx", "rdx", "rsi", "rdi", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15", "memory", "cc");
	return (enum jst_leaf)answer;
}

static void check(void (*function)(void), enum jst_leaf want)
{
	for (uint64_t odd = 0; odd < 2; odd++) {
		const enum jst_leaf got = call(function, odd);

		for (int i = 0; i < REGISTERS; i++) {
			if (before[i] != after[i]) {
				printf("%s: register %d is not kept\n", what, i);
				exit(1);
			}
		}
		if (got != want) {
			printf("%s: the answer is %d, not %d\n", what, (int)got, (int)want);
			exit(1);
		}
	}
}

static uint64_t *counter(void)
{
	return (uint64_t *)(void *)(memory + CELL + sizeof(struct jst_cell));
}

/* One session, and a thread that knows the site in it: a count. */
static void set_up(void)
{
	jst_thread_own = &jst_process->threads[0];
	memset(jst_thread_own, 0, sizeof(*jst_thread_own));
	atomic_store(&jst_process->epoch, 7);
	word[1] = 1U << SESSION;
	record = (struct jst_site_record){ .id = 5, .word = (int32_t)((char *)word - (char *)&record.word), .version = JST_SITE_VERSION };
	atomic_store(&jst_process->guards, guards);
	atomic_store(&guards[record.id], 0);
	session.memory.base = memory;
	atomic_store(&header.generation, 2);
	atomic_store(&header.exit_code, -1);
	atomic_store(&bank.plain[1], CELL / 8);
	binding = (struct jst_binding){ .clauses = 1, .flags = JST_BINDING_LEAF, .plan = plan };
	run = (struct jst_run){ .slot = &slot, .session = &session, .header = &header, .generation = 2, .update.bank = &bank };
	plan[0] = (struct jst_plan){ .shortcut = JST_SHORTCUT_COUNT, .aggregation = 1 };
	hot = jst_leaf_hot(jst_thread_own, &record);
	*hot = (struct jst_hot){ .record = &record, .run = &run, .binding = &binding, .epoch = 7 };
	*counter() = 0;
}

/* A clock that stands still, and a map whose one window lies in memory; the clauses of a start, or of an end. */
static void set_up_span(bool ends)
{
	struct jst_map_root *root = &jst_map_directory(&session.memory)->roots[0];

	set_up();
	root->home_offset = HOME;
	root->away_offset = AWAY;
	memset(memory + AWAY, 0, 4);
	memset(memory + HOME, 0, JST_MAP_WINDOW * sizeof(struct jst_atomic_pair));
	atomic_store(&header.clock.index, 1);
	run.clock = (struct jst_clock_line){ .index = 1, .ns = NOW };
	words[0] = KEY;
	binding.flags = ends ? JST_BINDING_ENDS : JST_BINDING_STARTS;
	binding.clauses = ends ? 2 : 1;
	plan[0] = (struct jst_plan){ .shortcut = ends ? JST_SHORTCUT_SINCE_HIST : JST_SHORTCUT_PUT_NOW, .aggregation = 1 };
	plan[1] = (struct jst_plan){ .shortcut = JST_SHORTCUT_SPANEND };
}

static struct jst_atomic_pair *home(void)
{
	return jst_map_home(&session.memory, &jst_map_directory(&session.memory)->roots[0], jst_map_salted(KEY));
}

/* Where the entry of a start is for its end, which falls into the eleventh bucket. */
static jst_word *started(void)
{
	struct jst_histogram_state *state = (struct jst_histogram_state *)(void *)(memory + CELL + sizeof(struct jst_cell));
	struct jst_histogram_row *row = (struct jst_histogram_row *)(void *)(memory + ROW);

	memset(state, 0, ROW - CELL - sizeof(struct jst_cell));
	memset(row, 0, sizeof(*row) + 16 * sizeof(jst_word));
	state->row[0] = ROW / 8;
	atomic_store(&home()->low, jst_map_salted(KEY));
	atomic_store(&home()->high, NOW - 10);
	return &row->bucket[10];
}

/* One call, whose answer is that, and which keeps all registers. */
static void check_once(void (*function)(void), uint64_t odd, enum jst_leaf want)
{
	const enum jst_leaf got = call(function, odd);

	if (got != want || memcmp(before, after, sizeof(before)))
		exit((printf("%s: the answer is %d, not %d, or a register is not kept\n", what, (int)got, (int)want), 1));
}

static void check_spans(void)
{
	for (uint64_t odd = 0; odd < 2; odd++) {
		set_up_span(false);
		what = "a start";
		check_once(jst_probe_start, odd, JST_LEAF_DONE);
		if (atomic_load(&home()->low) != jst_map_salted(KEY) || atomic_load(&home()->high) != NOW || atomic_load(&jst_thread_own->sequence) != 2)
			exit((puts("a start: it is not put down, or the thread not outside"), 1));
		what = "a start under a key that is there";
		check_once(jst_probe_start, odd, JST_LEAF_BEGUN);
		set_up_span(false);
		memset(memory + AWAY, 1, 4);
		what = "a start whose key may be elsewhere";
		check_once(jst_probe_start, odd, JST_LEAF_LEFT);
		if (run.left != JST_LEFT_INSERTED || run.found.slot != home() || !(atomic_load(&jst_thread_own->sequence) & 1))
			exit((puts("a start whose key may be elsewhere: it is not said what is left"), 1));
		set_up_span(false);
		atomic_store(&header.clock.index, 2);
		what = "another line of the clock";
		check_once(jst_probe_start, odd, JST_LEAF_BEGUN);
		set_up_span(true);
		what = "a start where an end is bound";
		check_once(jst_probe_start, odd, JST_LEAF_BEGUN);

		set_up_span(true);
		jst_word *bucket = started();
		const uint32_t inside = atomic_load(&slot.inside);
		what = "an end";
		check_once(jst_probe_end, odd, JST_LEAF_DONE);
		if (jst_word_load(bucket) != 1 || atomic_load(&home()->low) || atomic_load(&slot.inside) != inside + 2 || atomic_load(&jst_thread_own->sequence) != 2)
			exit((puts("an end: it is not counted, its start is there yet, or the thread not outside"), 1));
		what = "an end without a start";
		check_once(jst_probe_end, odd, JST_LEAF_BEGUN);
		set_up_span(true);
		bucket = started();
		memset(memory + AWAY, 1, 4);
		what = "an end whose key may be elsewhere";
		check_once(jst_probe_end, odd, JST_LEAF_LEFT);
		if (run.left != JST_LEFT_REMOVED || jst_word_load(bucket) != 1 || !(atomic_load(&slot.inside) & 1))
			exit((puts("an end whose key may be elsewhere: it is not said what is left"), 1));
		atomic_store(&slot.inside, 0);
		set_up_span(true);
		started();
		atomic_store(&home()->high, NOW + 1);
		what = "an end before its start";
		check_once(jst_probe_end, odd, JST_LEAF_BEGUN);
		if (atomic_load(&slot.inside) & 1 || atomic_load(&home()->low) != jst_map_salted(KEY))
			exit((puts("an end before its start: something was done"), 1));
	}
}

static void check_answers(void)
{
	set_up();
	what = "a count";
	check(jst_probe_leaf, JST_LEAF_DONE);
	if (*counter() != 2 || atomic_load(&jst_thread_own->sequence) != 4 || atomic_load(&jst_thread_own->frame) != UINTPTR_MAX)
		exit((puts("a count: it is not counted, or the thread not outside"), 1));
	set_up();
	plan[0].shortcut = JST_SHORTCUT_COUNT_BY;
	words[0] = 500;
	*jst_quick_memo(&run, 1, 500) = (struct jst_run_cell){ .key = 500, .aggregation = 1, .ref = CELL / 8 };
	what = "a count by an integer";
	check(jst_probe_leaf, JST_LEAF_DONE);
	words[0] = 501;
	if (call(jst_probe_leaf, 0) != JST_LEAF_BEGUN || !(atomic_load(&jst_thread_own->sequence) & 1) || memcmp(before, after, sizeof(before)))
		exit((puts("another integer: not begun, or a register not kept"), 1));
	what = "inside";
	check(jst_probe_leaf, JST_LEAF_NOT);

	set_up();
	plan[0].guarded = true;
	plan[0].guard = (struct jst_guard){ .low = 500, .span = 0 };
	what = "a test that fails";
	check(jst_probe_leaf, JST_LEAF_DONE);
	if (*counter())
		exit((puts("a test that fails: it is counted"), 1));
	atomic_store(&guards[record.id], UINT64_C(1) << (48 + SESSION) | JST_GUARD_EQUAL | 500);
	what = "a guard that refuses";
	check(jst_probe_refuses, JST_LEAF_DONE);
	words[0] = 500;
	what = "a guard that does not";
	check(jst_probe_refuses, JST_LEAF_NOT);

	set_up();
	hot->record = NULL;
	what = "an unknown site";
	check(jst_probe_leaf, JST_LEAF_NOT);
	jst_thread_own = NULL;
	what = "a new thread";
	check(jst_probe_leaf, JST_LEAF_NOT);
	set_up();
	atomic_store(&jst_process->epoch, 8);
	if (call(jst_probe_leaf, 1) != JST_LEAF_BEGUN || memcmp(before, after, sizeof(before)))
		exit((puts("another epoch: not begun, or a register not kept"), 1));
}

static void on_trap(int signal_number, siginfo_t *info, void *context)
{
	(void)signal_number, (void)info;
	if (wipe_at < 0 || steps++ == wipe_at) {
		((ucontext_t *)context)->uc_mcontext.gregs[REG_EFL] &= ~(long long)TRAP_FLAG;
		if (wipe_at >= 0) {
			memset(jst_thread_own, 0, sizeof(*jst_thread_own));
			atomic_store(&jst_process->epoch, 0);
		}
	}
}

static void set_up_start(void)
{
	set_up_span(false);
}

static void set_up_end(void)
{
	set_up_span(true);
	started();
}

/* Whether there was a step to wipe after. */
static bool wiped(void (*set)(void), void (*function)(void), long n)
{
	set();
	steps = 0;
	wipe_at = n;
	__asm__ volatile("leaq -128(%%rsp), %%rsp; pushfq; orq $0x100, (%%rsp); popfq; leaq 128(%%rsp), %%rsp" ::: "memory", "cc");
	call(function, 0);
	const bool reached = steps > n;

	wipe_at = -1;
	__asm__ volatile("nop");
	if (memcmp(before, after, sizeof(before)))
		exit((printf("wiped after %ld instructions: a register is not kept\n", n), 1));
	return reached;
}

int main(void)
{
	const struct sigaction action = { .sa_sigaction = on_trap, .sa_flags = SA_SIGINFO };
	long n;

	jst_process = mmap(NULL, sizeof(*jst_process), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (jst_process == MAP_FAILED || sigaction(SIGTRAP, &action, NULL) != 0)
		return 1;
	check_answers();
	check_spans();
	static const struct { void (*set)(void), (*function)(void); } ways[] = { { set_up, jst_probe_leaf }, { set_up_start, jst_probe_start }, { set_up_end, jst_probe_end } };

	for (unsigned i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
		for (n = 0; wiped(ways[i].set, ways[i].function, n);)
			n++;
		/* The function alone is longer. */
		if (n < 40)
			exit((printf("only %ld instructions were stepped through\n", n), 1));
	}
	return 0;
}
