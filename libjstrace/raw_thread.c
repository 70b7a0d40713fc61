/*
 * See raw_thread.h. One mapping:
 *
 *     lower addresses                                                         higher addresses
 *     | guard | stack, growing down ← | as far as errno is | thread pointer | a descriptor's room |
 *
 * The thread pointer is in the middle of a page, so that a thread that does not do much touches no other: a child that ends at once has paid for one.
 *
 * libc compiles in where errno, the canary and its own words of a thread lie, counted from the thread pointer. Of these only the canary must have a value: functions compare it as they return. errno lies in the static block of thread-local storage (glibc)
 * or in the thread's descriptor (musl), at the same distance in every thread, so it is measured in the starter and given a place. Nothing of ours reads it; a libc function that fails may write it.
 *
 * CLONE_FILES: the agent takes a table of its own by CLOSE_RANGE_UNSHARE. That is as good as never having shared it, and better than a copy at clone(): at no time does the agent hold a descriptor of the program's, whose pipe would not be at its end.
 */
#include "raw_thread.h"

#include <elf.h>
#include <link.h>
#include <linux/capability.h>
#include <sched.h>
#include <string.h>
#include <sys/auxv.h>
#include <time.h>

#include "process.h"
#include "raw.h"
#include "stacks.h"

enum {
	GUARD = 64 << 10,      /* a page, of whatever size pages are */
	STACK = 128 << 10,     /* of addresses; the deepest that the agent goes is a quarter of it */
	ROOM = 4096,           /* above the thread pointer: more than any libc's descriptor of a thread … */
	NEAR = 256,            /* … and below it, more than what is before that in one */
	PAGE = 4096,           /* the smallest there is */
	FAR = 64 << 20,        /* errno is not farther away than that in a program that is right */
};

static unsigned char *memory;  /* inherited by a child, where it reads zero */
static size_t memory_size;
static unsigned char *stack;    /* its highest address */
static uintptr_t thread_pointer;
static bool clock_is_libcs;

/* As the kernel's clone(), but in the new thread run() is called, and then the thread ends. */
__attribute__((visibility("hidden"))) long jst_raw_thread_clone(unsigned long flags, void *stack, _Atomic uint32_t *parent_tid, void *thread_local, _Atomic uint32_t *child_tid, void (*run)(void));

#if defined(__x86_64__)
__asm__(".text\n"
	".p2align 4\n"
	".globl jst_raw_thread_clone\n"
	".hidden jst_raw_thread_clone\n"
	".type jst_raw_thread_clone, @function\n"
	"jst_raw_thread_clone:\n"
	".cfi_startproc\n"
	"movq %r8, %r10\n"
	"movq %rcx, %r8\n"
	"movl $56, %eax\n"
	"syscall\n"
	"testq %rax, %rax\n"
	"jz 1f\n"
	"ret\n"
	".cfi_endproc\n"
	/* Whoever unwinds the thread's stack ends here. */
	".cfi_startproc\n"
	".cfi_undefined rip\n"
	"1: xorl %ebp, %ebp\n"
	"call *%r9\n"
	"xorl %edi, %edi\n"
	"movl $60, %eax\n"
	"syscall\n"
	"hlt\n"
	".cfi_endproc\n"
	".size jst_raw_thread_clone, . - jst_raw_thread_clone\n");
#elif defined(__aarch64__)
__asm__(".text\n"
	".p2align 4\n"
	".globl jst_raw_thread_clone\n"
	".hidden jst_raw_thread_clone\n"
	".type jst_raw_thread_clone, %function\n"
	"jst_raw_thread_clone:\n"
	".cfi_startproc\n"
	"mov x8, #220\n"
	"svc #0\n"
	"cbz x0, 1f\n"
	"ret\n"
	".cfi_endproc\n"
	".cfi_startproc\n"
	".cfi_undefined x30\n"
	"1: mov x29, #0\n"
	"mov x30, #0\n"
	"blr x5\n"
	"mov x0, #0\n"
	"mov x8, #93\n"
	"svc #0\n"
	"brk #0\n"
	".cfi_endproc\n"
	".size jst_raw_thread_clone, . - jst_raw_thread_clone\n");
#endif

/* ---- whether ---- */

struct objects {
	size_t thread_local_size;
	bool clock_is_libcs;
};

/* Whether the object has the address in one of its segments. */
static bool has(const struct dl_phdr_info *object, uintptr_t address)
{
	for (int i = 0; i < object->dlpi_phnum; i++) {
		const ElfW(Phdr) *part = &object->dlpi_phdr[i];

		if (part->p_type == PT_LOAD && address - (object->dlpi_addr + part->p_vaddr) < part->p_memsz)
			return true;
	}
	return false;
}

static int look_at(struct dl_phdr_info *object, size_t size, void *context)
{
	struct objects *objects = context;

	(void)size;
	for (int i = 0; i < object->dlpi_phnum; i++)
		if (object->dlpi_phdr[i].p_type == PT_TLS)
			objects->thread_local_size += object->dlpi_phdr[i].p_memsz + object->dlpi_phdr[i].p_align;
	/* Nobody has a getauxval() of his own. */
	if (has(object, (uintptr_t)clock_gettime) && has(object, (uintptr_t)getauxval))
		objects->clock_is_libcs = true;
	return 0;
}

size_t jst_raw_thread_load(void)
{
	struct objects objects = { 0, false };

	dl_iterate_phdr(look_at, &objects);
	clock_is_libcs = objects.clock_is_libcs;
	return objects.thread_local_size;
}

#if JST_SANITIZED
static bool sanitized(void)
{
	return true;
}
#else
/* A program may have a sanitizer that the library was not compiled with. */
extern char __asan_init __attribute__((weak)), __tsan_init __attribute__((weak)), __msan_init __attribute__((weak)), __hwasan_init __attribute__((weak));

static bool sanitized(void)
{
	return &__asan_init || &__tsan_init || &__msan_init || &__hwasan_init;
}
#endif

/* valgrind's own question, which a real processor passes over: RUNNING_ON_VALGRIND. */
static bool on_valgrind(void)
{
	volatile uint64_t question[6] = { 0x1001, 0, 0, 0, 0, 0 };
	uint64_t answer = 0;

#if defined(__x86_64__)
	__asm__ volatile("rolq $3, %%rdi\n\trolq $13, %%rdi\n\trolq $61, %%rdi\n\trolq $51, %%rdi\n\txchgq %%rbx, %%rbx" : "+d"(answer) : "a"(question) : "cc", "memory");
#elif defined(__aarch64__)
	register uint64_t x3 __asm__("x3") = 0;
	register volatile uint64_t *x4 __asm__("x4") = question;

	__asm__ volatile("ror x12, x12, #3\n\tror x12, x12, #13\n\tror x12, x12, #51\n\tror x12, x12, #61\n\torr x10, x10, x10" : "+r"(x3) : "r"(x4) : "cc", "memory");
	answer = x3;
#endif
	return answer != 0;
}

/* A user or group other than the one it runs as, or a capability, of which it may make use later, or which it may put aside. Where that cannot be told it may have some. */
static bool privileged(void)
{
	struct __user_cap_header_struct head = { _LINUX_CAPABILITY_VERSION_3, 0 };
	struct __user_cap_data_struct set[_LINUX_CAPABILITY_U32S_3];
	uint32_t user[3], group[3];

	if (jst_raw_call(SYS_capget, (long)&head, (long)set, 0, 0, 0, 0) < 0 || jst_raw_call(SYS_getresuid, (long)&user[0], (long)&user[1], (long)&user[2], 0, 0, 0) < 0 ||
	    jst_raw_call(SYS_getresgid, (long)&group[0], (long)&group[1], (long)&group[2], 0, 0, 0) < 0)
		return true;
	return set[0].permitted || set[1].permitted || user[0] != user[1] || user[0] != user[2] || group[0] != group[1] || group[0] != group[2];
}

bool jst_raw_thread_possible(void)
{
	return clock_is_libcs && jst_stacks_main_tells() && jst_raw_tid() == jst_raw_pid() && !sanitized() && !on_valgrind() && !privileged();
}

/* ---- the thread ---- */

/* Maps it, for an errno at that distance from the thread pointer. A child inherits the addresses, and neither what is on the stack nor a copy of it to pay for. */
static bool make_memory(intptr_t errno_at)
{
	if (errno_at > FAR || errno_at < -FAR)
		return false;
	const size_t below = ((errno_at < 0 ? (size_t)-errno_at : 0) + NEAR + 15) & ~(size_t)15;
	const size_t above = (errno_at > 0 ? (size_t)errno_at : 0) + ROOM;
	const size_t pointer_at = ((GUARD + STACK + below + PAGE - 1) & ~(size_t)(PAGE - 1)) + PAGE / 2;

	memory_size = (pointer_at + above + GUARD - 1) & ~(size_t)(GUARD - 1);
	memory = jst_raw_memory(memory_size);
	if (!memory)
		return false;
	if (jst_raw_protect(memory, GUARD, PROT_NONE) < 0 || jst_raw_advise(memory, memory_size, MADV_WIPEONFORK) < 0) {
		jst_raw_unmap(memory, memory_size);
		memory = NULL;
		return false;
	}
	thread_pointer = (uintptr_t)memory + pointer_at;
	stack = memory + pointer_at - below;
	return true;
}

/* Gives it what functions find by the thread pointer. */
static void fill(void)
{
#if defined(__x86_64__)
	uintptr_t *words = (uintptr_t *)thread_pointer;

	words[0] = thread_pointer; /* the address of the block itself, in both libcs … */
	words[2] = thread_pointer; /* … and of glibc's descriptor, which begins there too */
	/* The canary; functions of this very file may have begun with the starter's. */
	__asm__("movq %%fs:40, %0" : "=r"(words[5]));
#endif
	/* arm64: the canary is a variable of all threads. */
}

bool jst_raw_thread_start(void (*run)(void))
{
	_Atomic uint32_t *living = &jst_process->agent.living;
	const uintptr_t starter = jst_thread_pointer();

	if (!memory && !make_memory((intptr_t)((uintptr_t)&errno - starter)))
		return false;
	fill();
	jst_process->agent.starter = starter;
	const unsigned long flags = CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM | CLONE_SETTLS | CLONE_PARENT_SETTID | CLONE_CHILD_CLEARTID;

	return jst_raw_thread_clone(flags, stack, living, (void *)thread_pointer, living, run) > 0;
}

void jst_raw_thread_join(int timeout_ms)
{
	const _Atomic uint32_t *living = &jst_process->agent.living;
	const int64_t SLICE = 10000000;
	uint32_t tid;

	for (int64_t left = timeout_ms * INT64_C(1000000); (tid = atomic_load_explicit(living, memory_order_acquire)) && left > 0; left -= SLICE) /* pairs with the kernel's store */
		jst_raw_wait(living, tid, SLICE);
	if (tid || !memory)
		return;
	jst_raw_unmap(memory, memory_size);
	memory = NULL;
}

bool jst_raw_thread_here(void)
{
	return memory && (uintptr_t)__builtin_frame_address(0) - (uintptr_t)memory < memory_size;
}

uintptr_t jst_raw_thread_starter(void)
{
	return jst_process->agent.starter;
}
