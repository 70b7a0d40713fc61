/*
 * The stub that a probe's cold part calls: words in the first argument register, the site's record in r11 (x14 on arm64). It keeps every general register, so that the compiler need not
 * save any for the sake of a probe; vector registers are clobbers of the inline assembly, since what is live there is rare.
 *
 * Unwinding: the caller has stepped over its red zone of 128 bytes behind the compiler's back, so the stub's frame says that the caller's stack pointer is 128 higher than it is.
 */
#include "stub.h"

#include <stddef.h>

#include "leaf.h"

#if defined(__x86_64__)

/* Keeps all that a call may change, and calls. */
#define WHOLE_WAY(function) \
	".cfi_remember_state\n" \
	"pushq %rbp\n" \
	".cfi_def_cfa_offset 144\n" \
	".cfi_offset rbp, -144\n" \
	"movq %rsp, %rbp\n" \
	".cfi_def_cfa_register rbp\n" \
	"pushq %rax\n" \
	"pushq %rcx\n" \
	"pushq %rdx\n" \
	"pushq %rsi\n" \
	"pushq %rdi\n" \
	"pushq %r8\n" \
	"pushq %r9\n" \
	"pushq %r10\n" \
	"movq %r11, %rsi\n" \
	"andq $-16, %rsp\n" \
	"pushq %rbp\n" \
	"pushq %rbp\n" \
	"movq %rsp, %rdx\n" \
	"call " function "\n" \
	"leaq -64(%rbp), %rsp\n" \
	"popq %r10\n" \
	"popq %r9\n" \
	"popq %r8\n" \
	"popq %rdi\n" \
	"popq %rsi\n" \
	"popq %rdx\n" \
	"popq %rcx\n" \
	"popq %rax\n" \
	"popq %rbp\n" \
	".cfi_def_cfa rsp, 136\n" \
	".cfi_restore rbp\n" \
	"ret\n" \
	".cfi_restore_state\n"

#if JST_HAS_LEAF
_Static_assert(offsetof(struct jst_site_record, leaf) == 27, "the stub looks at it");
_Static_assert(JST_HINT_LEAF == 1 && JST_HINT_GUARD == 2 && JST_HINT_START == 4 && JST_HINT_END == 8 && JST_LEAF_DONE == 0 && JST_LEAF_NOT == 1 && JST_LEAF_BEGUN == 2 && JST_LEAF_LEFT == 3, "the stub compares with these");
_Static_assert(offsetof(struct jst_leaf_call, answer) == 0 && offsetof(struct jst_leaf_call, record) == 8 && offsetof(struct jst_leaf_call, words) == 16 && sizeof(struct jst_leaf_call) == 24, "the stub pushes it");

/* First the short way, if it may do. Offsets are given whole: clang's assembler takes one that is adjusted from where it was before .cfi_restore_state. */
#define SHORT_WAY \
	"cmpb $0, 27(%r11)\n" \
	"je 1f\n" \
	"pushq %rdi\n" \
	".cfi_def_cfa_offset 144\n" \
	"pushq %r11\n" \
	".cfi_def_cfa_offset 152\n" \
	"pushq $1\n" \
	".cfi_def_cfa_offset 160\n" \
	"testb $2, 27(%r11)\n" \
	"je 2f\n" \
	"call jst_probe_refuses\n" \
	"cmpl $1, (%rsp)\n" \
	"jb 7f\n" \
	"2: testb $1, 27(%r11)\n" \
	"je 3f\n" \
	"call jst_probe_leaf\n" \
	"jmp 5f\n" \
	"3: testb $4, 27(%r11)\n" \
	"je 4f\n" \
	"call jst_probe_start\n" \
	"jmp 5f\n" \
	"4: testb $8, 27(%r11)\n" \
	"je 6f\n" \
	"call jst_probe_end\n" \
	"5: cmpl $1, (%rsp)\n" \
	"jnb 6f\n" \
	"7: leaq 24(%rsp), %rsp\n" \
	".cfi_def_cfa_offset 136\n" \
	"ret\n" \
	".cfi_def_cfa_offset 160\n" \
	"6: cmpl $2, (%rsp)\n" \
	"leaq 24(%rsp), %rsp\n" \
	".cfi_def_cfa_offset 136\n" \
	"jb 1f\n" \
	"jne 8f\n" \
	WHOLE_WAY("jst_probe_begun") \
	"8:\n" \
	WHOLE_WAY("jst_probe_left")
#else
#define SHORT_WAY
#endif

__asm__(".text\n"
	".p2align 4\n"
	".globl jstrace_probe_stub\n"
	".type jstrace_probe_stub, @function\n"
	"jstrace_probe_stub:\n"
	".cfi_startproc\n"
	".cfi_def_cfa rsp, 136\n"
	".cfi_offset rip, -136\n"
	SHORT_WAY
	"1:\n"
	WHOLE_WAY("jst_probe_dispatch")
	".cfi_endproc\n"
	".size jstrace_probe_stub, . - jstrace_probe_stub\n");

#elif defined(__aarch64__)

__asm__(".text\n"
	".p2align 4\n"
	".globl jstrace_probe_stub\n"
	".type jstrace_probe_stub, %function\n"
	"jstrace_probe_stub:\n"
	".cfi_startproc\n"
	"stp x29, x30, [sp, #-160]!\n"
	".cfi_def_cfa_offset 160\n"
	".cfi_offset x29, -160\n"
	".cfi_offset x30, -152\n"
	"mov x29, sp\n"
	"stp x0, x1, [sp, #16]\n"
	"stp x2, x3, [sp, #32]\n"
	"stp x4, x5, [sp, #48]\n"
	"stp x6, x7, [sp, #64]\n"
	"stp x8, x9, [sp, #80]\n"
	"stp x10, x11, [sp, #96]\n"
	"stp x12, x13, [sp, #112]\n"
	"stp x15, x18, [sp, #128]\n"
	"str x29, [sp, #144]\n"
	"mov x1, x14\n"
	"add x2, sp, #144\n"
	"bl jst_probe_dispatch\n"
	"ldp x0, x1, [sp, #16]\n"
	"ldp x2, x3, [sp, #32]\n"
	"ldp x4, x5, [sp, #48]\n"
	"ldp x6, x7, [sp, #64]\n"
	"ldp x8, x9, [sp, #80]\n"
	"ldp x10, x11, [sp, #96]\n"
	"ldp x12, x13, [sp, #112]\n"
	"ldp x15, x18, [sp, #128]\n"
	"ldp x29, x30, [sp], #160\n"
	".cfi_restore x29\n"
	".cfi_restore x30\n"
	".cfi_def_cfa_offset 0\n"
	"ret\n"
	".cfi_endproc\n"
	".size jstrace_probe_stub, . - jstrace_probe_stub\n");

#endif
