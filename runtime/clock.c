/*
 * The clock of events.
 *
 * A scale is a straight line from the time-stamp counter to nanoseconds. Once a second the agent draws a new one: it passes through the old one's value at an anchor a little
 * ahead, and is a bit steeper or flatter, so that what was off then is worked off a second later. Before the anchor a flatter line lies above the old one (by a nanosecond for
 * each ppm of difference) and a steeper one is not used (its anchor is behind), so no reader ever sees time go back.
 *
 * Publication is a sequence of two sets: the writer fills the set out of use, then raises the index. A reader copies the set, and takes the index before and after: unchanged means that the copy is whole. By the copy it tells the time as long as the index
 * is that one before and after it read the counter, which then was read before the next publication.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
#ifdef __x86_64__
#include <cpuid.h>
#include <x86intrin.h>
#endif

#include "clock.h"

enum {
	NS_PER_SECOND = 1000000000,
	FIRST_NS = 1000000,       /* what the first pair must be apart from the second: the rate is off by 20 ppm at most, until it is measured again … */
	YOUNG_NS = 2000000,       /* … over at least this */
	AHEAD_NS = 1000000,       /* the anchor of a flatter line, past its publication */
	READ_TRIES = 8,
	COPY_TRIES = 8,
	PUBLISH_TRIES = 16,
};

#define STEP_BACK_NS (INT64_C(60) * NS_PER_SECOND)

static int64_t monotonic(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * (int64_t)NS_PER_SECOND + now.tv_nsec;
}

#if defined(__x86_64__)

/* The CPU says that the counter runs at one rate in all states. */
static bool counter_is_steady(void)
{
	unsigned a, b, c, d;

	return __get_cpuid(0x80000000, &a, &b, &c, &d) && a >= 0x80000007 && __get_cpuid(0x80000007, &a, &b, &c, &d) && (d & 1 << 8);
}

/* Sources of the kernel that are the counter, and those of hypervisors that are the counter if it runs alike on all processors. */
static const char *const sources[] = { "tsc\n" };
static const char *const guest_sources[] = { "kvm-clock\n", "hyperv_clocksource_tsc_page\n", "xen\n" };

#elif defined(__aarch64__)

/* By architecture. */
static bool counter_is_steady(void)
{
	return true;
}

static const char *const sources[] = { "arch_sys_counter\n" };
static const char *const guest_sources[] = { "" };

#else

static bool counter_is_steady(void)
{
	return false;
}

static const char *const sources[] = { "" };
static const char *const guest_sources[] = { "" };

#endif

static bool is_among(const char *name, size_t length, const char *const *names, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (length && length == strlen(names[i]) && memcmp(name, names[i], length) == 0)
			return true;
	return false;
}

/*
 * In a guest: whether the vDSO tells the time without a system call. It does so if the hypervisor promises that the counters of all processors agree (KVM: PVCLOCK_TSC_STABLE_BIT), since it reckons from the counter of whichever processor it is on with
 * the one scale of the first. The flag itself lies where a program cannot count on finding it, so the ways are timed: the shortest of a few calls differs by little from one time to the next, and a vDSO that calls the kernel is no faster than the call.
 */
static bool vdso_reads_counter(void)
{
	uint64_t vdso = UINT64_MAX, call = UINT64_MAX;
	struct timespec now;

	for (int i = 0; i < 24; i++) {
		const uint64_t a = jst_clock_counter();
		clock_gettime(CLOCK_MONOTONIC, &now);
		const uint64_t b = jst_clock_counter();
		syscall(SYS_clock_gettime, CLOCK_MONOTONIC, &now);
		const uint64_t c = jst_clock_counter();

		if (b - a < vdso)
			vdso = b - a;
		if (c - b < call)
			call = c - b;
	}
	return vdso + vdso / 2 < call;
}

/* The kernel itself trusts the counter. */
static bool kernel_uses_counter(void)
{
	const int saved = errno;
	char name[64];
	/* libc's open() and read() are points of cancellation, and the agent may be a thread that libc does not know of. */
	const int fd = (int)syscall(SYS_openat, AT_FDCWD, "/sys/devices/system/clocksource/clocksource0/current_clocksource", O_RDONLY | O_CLOEXEC);
	const ssize_t n = fd < 0 ? -1 : syscall(SYS_read, fd, name, sizeof(name));
	const size_t length = n < 0 ? 0 : (size_t)n;

	if (fd >= 0)
		syscall(SYS_close, fd);
	const bool uses = is_among(name, length, sources, sizeof(sources) / sizeof(sources[0])) ||
	                  (is_among(name, length, guest_sources, sizeof(guest_sources) / sizeof(guest_sources[0])) && vdso_reads_counter());

	errno = saved;
	return uses;
}

/* ---- reading ---- */

/* Copies the set in use; false: there is none, or it changes each time it is read. */
static bool copy(struct jst_clock_line *line, const struct jst_clock_page *page)
{
	for (int tries = 0; tries < COPY_TRIES; tries++) {
		/* Pairs with the last release in publish(): the set is what was published under this index, or a later one, which the second load notices. */
		const uint32_t index = atomic_load_explicit(&page->index, memory_order_acquire);

		if (!index)
			return false;
		const struct jst_clock_scale *scale = &page->scale[index & 1];

		/* A signal handler may leave this event anywhere: a copy in the making is none. */
		line->index = JST_CLOCK_NONE;
		atomic_signal_fence(memory_order_seq_cst);
		/* Pair with the releases of the set in publish(): if a word of a later set was read, the index that came before it is seen below. */
		line->tsc = atomic_load_explicit(&scale->tsc, memory_order_acquire);
		line->ns = atomic_load_explicit(&scale->ns, memory_order_acquire);
		line->mult = atomic_load_explicit(&scale->mult, memory_order_acquire);
		atomic_signal_fence(memory_order_seq_cst);
		if (atomic_load_explicit(&page->index, memory_order_relaxed) == index) {
			line->index = index;
			return true;
		}
	}
	return false;
}

int64_t jst_clock_now(struct jst_clock_line *line, const struct jst_clock_page *page)
{
	int64_t now;

	for (int tries = 0; tries < READ_TRIES; tries++) {
		if (jst_clock_try(line, page, &now))
			return now;
		if (!copy(line, page))
			break;
	}
	return monotonic();
}

int64_t jst_clock_wall(const struct jst_clock_page *page, int64_t now)
{
	/* One word, good in either set: no need to look again. */
	const uint32_t index = atomic_load_explicit(&page->index, memory_order_acquire);

	return now + atomic_load_explicit(&page->scale[index & 1].wall, memory_order_relaxed);
}

/* ---- the agent ---- */

struct pair {
	uint64_t ticks;
	int64_t ns;
};

/* Counter and clock at one time: the tightest of a few readings. */
static struct pair read_pair(void)
{
	struct pair best = { 0, 0 };
	uint64_t narrowest = UINT64_MAX;

	for (int i = 0; i < 5; i++) {
		const uint64_t before = jst_clock_counter();
		const int64_t ns = monotonic();
		const uint64_t width = jst_clock_counter() - before;

		if (width < narrowest) {
			narrowest = width;
			best = (struct pair){ before + width / 2, ns };
		}
	}
	return best;
}

static int64_t wall_offset(void)
{
	struct timespec wall;
	const int64_t before = monotonic();

	clock_gettime(CLOCK_REALTIME, &wall);
	return wall.tv_sec * (int64_t)NS_PER_SECOND + wall.tv_nsec - (before + (monotonic() - before) / 2);
}

/* Nanoseconds a tick, 32.32. */
static uint64_t rate(uint64_t ticks, int64_t ns)
{
	return (uint64_t)(((unsigned __int128)(uint64_t)ns << 32) / ticks);
}

static uint64_t ticks_of(int64_t ns, uint64_t mult)
{
	return (uint64_t)(((unsigned __int128)(uint64_t)ns << 32) / mult);
}

static void publish(struct jst_clock_page *page, uint64_t anchor, int64_t ns, uint64_t mult, int64_t wall)
{
	uint32_t index = atomic_load_explicit(&page->index, memory_order_relaxed) + 1;

	if (index == 0)
		index = 2; /* 0 says that there is no counter; 2 has its parity */
	struct jst_clock_scale *scale = &page->scale[index & 1];

	/* Pair with the acquires of the set in copy(): who reads one of these words sees at least the index before this one. */
	atomic_store_explicit(&scale->tsc, anchor, memory_order_release);
	atomic_store_explicit(&scale->ns, ns, memory_order_release);
	atomic_store_explicit(&scale->mult, mult, memory_order_release);
	atomic_store_explicit(&scale->wall, wall, memory_order_relaxed); /* good in any set */
	/* Pairs with the acquire in copy() and jst_clock_wall(). */
	atomic_store_explicit(&page->index, index, memory_order_release);
}

void jst_clock_init(struct jst_clock *clock)
{
	/* First of all: whoever starts a session waits until it is old enough. */
	const struct pair pair = read_pair();

	*clock = (struct jst_clock){ .tsc = counter_is_steady() && kernel_uses_counter(), .tsc_first = pair.ticks, .ns_first = pair.ns };
}

void jst_clock_start(struct jst_clock *clock, struct jst_clock_page *page)
{
	struct pair pair = { 0, 0 };

	if (clock->tsc) {
		do
			pair = read_pair();
		while (pair.ns - clock->ns_first < FIRST_NS);
		/* A counter that stands still or went back is none. */
		clock->tsc = pair.ticks > clock->tsc_first;
	}
	if (!clock->tsc) {
		atomic_store_explicit(&page->scale[0].wall, wall_offset(), memory_order_relaxed);
		return;
	}
	publish(page, pair.ticks, pair.ns, rate(pair.ticks - clock->tsc_first, pair.ns - clock->ns_first), wall_offset());
}

/* How steep the new line is: the measured rate, corrected so that ahead ns are made up for in a second; between half and twice the rate. */
static uint64_t slewed(uint64_t mult, int64_t ahead)
{
	const int64_t most = NS_PER_SECOND / 2;
	const int64_t correction = ahead > most ? most : ahead < -2 * most ? -2 * most : ahead;

	return (uint64_t)((__int128)mult * (NS_PER_SECOND - correction) / NS_PER_SECOND);
}

/* The rate from the last pair to this one. One that is quite another than before is that of a guest that was moved in between: it counts only if it is found again. */
static void measure(struct jst_clock *clock, struct pair pair)
{
	const int64_t ns = pair.ns - clock->ns_first;

	if (ns < YOUNG_NS)
		return;
	const uint64_t measured = pair.ticks > clock->tsc_first ? rate(pair.ticks - clock->tsc_first, ns) : 0;
	const uint64_t off = measured > clock->mult ? measured - clock->mult : clock->mult - measured;
	const bool likely = measured && (!clock->mult || clock->moved || off < clock->mult / 64);

	if (likely)
		clock->mult = measured;
	clock->moved = !likely;
	clock->tsc_first = pair.ticks;
	clock->ns_first = pair.ns;
}

void jst_clock_adjust(struct jst_clock *clock, struct jst_clock_page *page)
{
	const int64_t wall = wall_offset();

	if (!clock->tsc) {
		atomic_store_explicit(&page->scale[0].wall, wall, memory_order_relaxed);
		return;
	}

	const struct jst_clock_scale *old = &page->scale[atomic_load_explicit(&page->index, memory_order_relaxed) & 1]; /* the only writer */
	const uint64_t old_anchor = atomic_load_explicit(&old->tsc, memory_order_relaxed), old_mult = atomic_load_explicit(&old->mult, memory_order_relaxed);
	const int64_t old_ns = atomic_load_explicit(&old->ns, memory_order_relaxed);
	const struct pair pair = read_pair();

	measure(clock, pair);
	if (!clock->mult)
		return; /* too early to have measured anything */
	const uint64_t measured = clock->mult;
	const int64_t ahead = jst_clock_value(pair.ticks, old_anchor, old_ns, old_mult) - pair.ns;

	if (ahead < -NS_PER_SECOND || ahead > STEP_BACK_NS) {
		/* The machine slept, or nobody adjusted for long: forward at once. Or a guest was moved to a machine whose counter is another: no slewing would ever make up for that. */
		publish(page, pair.ticks, pair.ns, measured, wall);
		return;
	}

	const uint64_t mult = slewed(measured, ahead);
	int64_t margin = AHEAD_NS;

	for (int tries = 0; tries < PUBLISH_TRIES; tries++) {
		const uint64_t now = jst_clock_counter();
		const uint64_t anchor = mult < old_mult ? now + ticks_of(margin, mult) : now;

		/* Rounded up: both lines are rounded down where they are read. */
		const int64_t ns = jst_clock_value(anchor, old_anchor, old_ns, old_mult) + 1;

		/* Published late, a flatter line would begin below what was read from the old one: look just before. */
		if (mult < old_mult && jst_clock_counter() - now > ticks_of(margin / 2, mult)) {
			margin *= 2;
			continue;
		}
		publish(page, anchor, ns, mult, wall);
		return;
	}
}
