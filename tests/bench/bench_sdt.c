/*
 * The benchmark's events as static probes of the kind that <sys/sdt.h> makes, for bpftrace: a nop, and a note that says where it is and where the arguments are. NOP_BYTES is 1, as everywhere,
 * or 5, which newer kernels replace by a call instead of a breakpoint. x86-64 only.
 */
#include "bench.h"

#if NOP_BYTES == 5
#define NOP ".byte 0x0f, 0x1f, 0x44, 0x00, 0x00"
#else
#define NOP "nop"
#endif

/* The semaphore says whether somebody watches; the probe does not test it, as those of SDT do not by themselves. */
#define SDT_SEMAPHORE(name) static volatile unsigned short sdt_on_##name __attribute__((section(".probes"), used))
#define SDT_PROBE(name, arguments, ...)                                  \
	__asm__ volatile("990: " NOP "\n"                                \
			 ".pushsection .note.stapsdt,\"\",\"note\"\n"    \
			 ".balign 4\n"                                   \
			 ".long 992f - 991f, 994f - 993f, 3\n"           \
			 "991: .asciz \"stapsdt\"\n"                     \
			 "992: .balign 4\n"                              \
			 "993: .quad 990b, _.stapsdt.base, %c[semaphore]\n" \
			 ".asciz \"bench\"\n"                            \
			 ".asciz \"" #name "\"\n"                        \
			 ".asciz \"" arguments "\"\n"                    \
			 "994: .balign 4\n"                              \
			 ".popsection\n"                                 \
			 ::[semaphore] "i"(&sdt_on_##name), __VA_ARGS__)

__asm__(".pushsection .stapsdt.base,\"aG\",\"progbits\",.stapsdt.base,comdat\n"
	".weak _.stapsdt.base\n"
	".hidden _.stapsdt.base\n"
	"_.stapsdt.base: .space 1\n"
	".size _.stapsdt.base, 1\n"
	".popsection\n");

SDT_SEMAPHORE(off);
SDT_SEMAPHORE(filter);
SDT_SEMAPHORE(count);
SDT_SEMAPHORE(sum);
SDT_SEMAPHORE(hist);
SDT_SEMAPHORE(print);
SDT_SEMAPHORE(start);
SDT_SEMAPHORE(end);

static inline void fire_off(uint64_t id, int status)
{
	SDT_PROBE(off, "8@%1 -4@%2", "r"(id), "r"(status));
}

static inline void fire_filter(uint64_t id, int status)
{
	SDT_PROBE(filter, "8@%1 -4@%2", "r"(id), "r"(status));
}

static inline void fire_count(uint64_t id, int status)
{
	SDT_PROBE(count, "8@%1 -4@%2", "r"(id), "r"(status));
}

static inline void fire_sum(const char *path, int64_t bytes)
{
	SDT_PROBE(sum, "8@%1 -8@%2", "r"(path), "r"(bytes));
}

static inline void fire_hist(const char *path, int64_t ns)
{
	SDT_PROBE(hist, "8@%1 -8@%2", "r"(path), "r"(ns));
}

static inline void fire_print(uint64_t id, int status)
{
	SDT_PROBE(print, "8@%1 -4@%2", "r"(id), "r"(status));
}

static inline void fire_start(uint64_t id)
{
	SDT_PROBE(start, "8@%1", "r"(id));
}

static inline void fire_end(uint64_t id, int status)
{
	SDT_PROBE(end, "8@%1 -4@%2", "r"(id), "r"(status));
}

static bool enabled(enum workload workload)
{
	switch (workload) {
	case OFF:
		return sdt_on_off;
	case FILTER:
		return sdt_on_filter;
	case COUNT:
		return sdt_on_count;
	case SUM:
		return sdt_on_sum;
	case HIST:
		return sdt_on_hist;
	case PRINT:
		return sdt_on_print;
	case PAIR:
	case CROSS:
		return sdt_on_start && sdt_on_end;
	case WORKLOADS:
		break;
	}
	return false;
}

int main(void)
{
	return bench_main();
}
