/*
 * See stacks.h. All of it comes from /proc/self/maps, and from the control block of one thread of libc's: the agent's own if it is one, else that of the thread that started it.
 *
 * libc tells a thread's stack by pthread_getattr_np(), which allocates and locks, so a probe cannot ask. But it only reads two words of the thread's control block. The agent knows that thread's stack by the mapping that the block
 * lies in, so it can see at which place of the block the two words are that say so; in every other thread's they are at the same place, and each thread reads its own.
 *
 * The main thread's block is not on its stack. But glibc writes the two words there as well, lowest address 0 and the end of the main stack as size, which it also tells by its variable __libc_stack_end.
 */
#include "stacks.h"

#include <string.h>

#include "memfd.h"
#include "process.h"
#include "raw.h"
#include "raw_thread.h"
#include "text.h"

enum {
	LINE_ROOM = 8192,      /* of the text that is looked at at a time; a path has at most 4,096 bytes */
	CONTROL_MOST = 4096,   /* bytes of a thread's control block that are searched */
	PAGE = 4096,           /* the smallest there is: what libc maps is a multiple of it */
};

/* glibc's; other libcs have none. */
extern void *__libc_stack_end __attribute__((weak));

/* The agent's alone. */
static struct jst_stack_known known;
/* The thread to learn from. */
static uintptr_t thread;            /* its thread pointer */
static uintptr_t here;              /* an address in its stack, or in the control block at the top of that */
static uintptr_t own_low, own_high; /* the mapping that this is in */

static void add_code(uintptr_t low, uintptr_t high)
{
	if (known.ranges && known.range[known.ranges - 1].high == low) {
		known.range[known.ranges - 1].high = high;
		return;
	}
	/* What is too many is left out: walks end there. */
	if (known.ranges == JST_CODE_RANGES)
		return;
	known.range[known.ranges].low = low;
	known.range[known.ranges++].high = high;
}

/* low-high rwxp offset device inode path */
static void take_line(const char *line)
{
	const char *end;
	const uintptr_t low = (uintptr_t)jst_text_number(line, 16, &end);
	const uintptr_t high = *end == '-' ? (uintptr_t)jst_text_number(end + 1, 16, &end) : 0;
	const size_t length = strlen(line);

	if (low >= high || strlen(end) < 5)
		return;
	if (end[3] == 'x')
		add_code(low, high);
	if (low <= here && here < high) {
		own_low = low;
		own_high = high;
	}
	if (length > 7 && strcmp(line + length - 7, "[stack]") == 0) {
		known.main_low = low;
		known.main_high = high;
	}
}

static bool read_maps(void)
{
	const int fd = jst_raw_open("/proc/self/maps", O_RDONLY | O_CLOEXEC);
	char text[LINE_ROOM + 1];
	size_t used = 0;
	ssize_t got;

	if (fd < 0)
		return false;
	while ((got = jst_raw_read(fd, text + used, LINE_ROOM - used)) != 0) {
		if (got == -EINTR)
			continue;
		if (got < 0)
			break;
		char *line = text, *end;

		used += (size_t)got;
		text[used] = 0;
		for (; (end = strchr(line, '\n')); line = end + 1) {
			*end = 0;
			take_line(line);
		}
		used -= (size_t)(line - text);
		memmove(text, line, used);
		if (used == LINE_ROOM)
			break;
	}
	jst_raw_close(fd);
	return got == 0;
}

/* glibc: lowest address, size, and the part of it that is the guard; the control block is at the top. */
static bool is_block(const uintptr_t *words)
{
	const uintptr_t low = words[0], size = words[1], guard = words[2];

	return low % PAGE == 0 && size % PAGE == 0 && guard % PAGE == 0 && size <= own_high && guard < size / 2 && low < here && here - low < size && thread - low < size && low + guard >= own_low &&
	       low + size <= own_high;
}

/* musl: the address above the stack, its size, and that of the guard, which is below it. */
static bool is_top(const uintptr_t *words)
{
	const uintptr_t high = words[0], size = words[1], guard = words[2];

	return high > here && high <= own_high && size < high && (high - size) % PAGE == 0 && high - size >= own_low && high - size < here && guard % PAGE == 0 && guard < size;
}

/* glibc's main thread: its stack begins somewhere, and has no guard. */
static bool is_main_block(const uintptr_t *words)
{
	return &__libc_stack_end && words[0] == 0 && words[1] == (uintptr_t)__libc_stack_end && words[2] == 0;
}

bool jst_stacks_main_tells(void)
{
	return &__libc_stack_end != NULL;
}

/* A copy of what lies between first and last, as far as that can be read. Returns its bytes. The kernel copies: what is behind the control block is not ours. It may be a guard page of another stack, which the mappings
 * need not show, and it may be unmapped while we look. */
static size_t copy_control(int fd, uintptr_t first, uintptr_t last)
{
	uintptr_t at = first;

	while (at < last) {
		const size_t part = PAGE - at % PAGE < last - at ? PAGE - at % PAGE : last - at;

		if (jst_raw_write(fd, (const void *)at, part) != (ssize_t)part)
			break;
		at += part;
	}
	return at - first;
}

/* Where the words are in size bytes of a copy that begins at offset from the thread pointer; only a single place counts. */
static bool search(enum jst_stack_form form, bool (*is)(const uintptr_t *words), const unsigned char *copy, size_t size, int32_t offset)
{
	uint32_t found = 0;
	int32_t bounds = 0;

	for (size_t at = 0; at + 3 * sizeof(uintptr_t) <= size; at += sizeof(uintptr_t)) {
		const uintptr_t *words = (const uintptr_t *)(const void *)(copy + at);

		if (!is(words))
			continue;
		found++;
		bounds = offset + (int32_t)at;
	}
	if (found != 1)
		return false;
	/* Only when it is sure, and the form last: a process that is forked meanwhile goes by what it finds here. */
	known.bounds = bounds;
	atomic_thread_fence(memory_order_release);
	known.form = form;
	return true;
}

static void learn_bounds(void)
{
	const bool on_stack = own_low <= thread && thread < own_high;
#if defined(__x86_64__)
	const uintptr_t first = thread, last = thread + CONTROL_MOST;
#else
	const uintptr_t first = thread - here > CONTROL_MOST || !on_stack || here == thread ? thread - CONTROL_MOST : (here + 7) & ~(uintptr_t)7, last = thread;
#endif
	int fd;

	if (thread < here)
		return;
	void *copy = jst_memfd_map("jstrace-control", CONTROL_MOST, PROT_READ, &fd);

	if (!copy)
		return;
	const size_t size = copy_control(fd, first, last);
	const int32_t offset = (int32_t)(intptr_t)(first - thread);

	if (!search(JST_STACK_BLOCK, is_main_block, copy, size, offset) && on_stack && !search(JST_STACK_BLOCK, is_block, copy, size, offset))
		search(JST_STACK_TOP, is_top, copy, size, offset);
	jst_raw_unmap(copy, CONTROL_MOST);
	jst_raw_close(fd);
}

bool jst_stacks_refresh(void)
{
	const bool raw = jst_raw_thread_here();

	thread = raw ? jst_raw_thread_starter() : jst_thread_pointer();
	here = raw ? thread : (uintptr_t)__builtin_frame_address(0);
	known.ranges = 0;
	known.main_low = known.main_high = own_low = own_high = 0;
	/* What was known before stays. */
	if (!read_maps())
		return false;
	if (known.form == JST_STACK_UNKNOWN)
		learn_bounds();
	return jst_stack_publish(&jst_process->stack_map, &known);
}
