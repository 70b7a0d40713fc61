/*
 * 2,500 probe sites, many:part<PART>:site0 … site2499 {n}, and a function that fires each of them once: many_part<PART>(n).
 *
 * The assembler repeats them, from what the header emits for one: as many JSTRACE() would take a compiler minutes. They have no SDT notes, and more in one file would take the assembler longer.
 */
#include <jstrace.h>

#define TEXT_(x) #x
#define TEXT(x) TEXT_(x)
#define JOIN_(a, b) a##b
#define JOIN(a, b) JOIN_(a, b)
#define NAME "many:part" TEXT(PART) ":site\\number"

#if defined(__x86_64__)
#define WORDS "D"
#define UNLESS_ON "cmpl $0, " JSTRACE_WORD(NAME) "(%%rip)\n\tje 779f\n\t"
#define FIRE "leaq -128(%%rsp), %%rsp\n\tleaq 773b(%%rip), %%r11\n\tcall *jstrace_probe_stub@GOTPCREL(%%rip)\n\tleaq 128(%%rsp), %%rsp\n"
#define SCRATCH "r11"
#else
#define WORDS "r"
#define UNLESS_ON JSTRACE_ASM_ADDRESS(NAME) "\n\tb.eq 779f\n\t"
#define FIRE "mov x15, x30\n\tadrp x14, 773b\n\tadd x14, x14, :lo12:773b\n\tbl jstrace_probe_stub\n\tmov x30, x15\n"
#define SCRATCH "x14", "x15", "x16", "x17"
#endif

void JOIN(many_part, PART)(int64_t n);

__attribute__((visibility("default"))) void JOIN(many_part, PART)(int64_t n)
{
	const uint64_t words[] = { (uint64_t)n };
#if defined(__aarch64__)
	register const uint64_t *argument __asm__("x0") = words;
#else
	const uint64_t *argument = words;
#endif

	__asm__ __volatile__(
		".altmacro\n\t"
		".macro site number\n\t"
		UNLESS_ON
		JSTRACE_ASM_DATA(NAME, "n\\001", "1", "0")
		FIRE
		"779:\n\t"
		".endm\n\t"
		".set .Lnumber, 0\n\t"
		".rept 2500\n\t"
		"site %%.Lnumber\n\t"
		".set .Lnumber, .Lnumber + 1\n\t"
		".endr\n\t"
		".noaltmacro"
		: : WORDS(argument), [low] "i"(JSTRACE_TYPE_INT), [high] "i"(0) : SCRATCH, "cc", "memory", JSTRACE_VECTORS);
}
