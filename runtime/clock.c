/*
 * The clock of events.
 *
 * A scale is a straight line from the time-stamp counter to nanoseconds. Once a second the agent draws a new one: it passes through the old one's value at an anchor a little
 * ahead, and is a bit steeper or flatter, so that what was off then is worked off a second later. Before the anchor a flatter line lies above the old one (by a nanosecond for
 * each ppm of difference) and a steeper one is not used (its anchor is behind), so no reader ever sees time go back.
 *
 * Publication is a sequence of two sets: the writer fills the set out of use, then raises the index. A reader takes the index, the counter and the set, and the index again: unchanged
 * means that the set was whole, and that the counter was read before the next publication.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#ifdef __x86_64__
#include <cpuid.h>
#include <x86intrin.h>
#endif

#include "clock.h"

enum {
	NS_PER_SECOND = 1000000000,
	YOUNG_NS = 2000000,       /* what the first pair must be apart from the second */
	AHEAD_NS = 1000000,       /* the anchor of a flatter line, past its publication */
	READ_TRIES = 8,
	PUBLISH_TRIES = 16,
};

static int64_t monotonic(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * (int64_t)NS_PER_SECOND + now.tv_nsec;
}

#if defined(__x86_64__)

static inline uint64_t counter(void)
{
	return __rdtsc();
}

/* The CPU says that the counter runs at one rate in all states. */
static bool counter_is_steady(void)
{
	unsigned a, b, c, d;

	return __get_cpuid(0x80000000, &a, &b, &c, &d) && a >= 0x80000007 && __get_cpuid(0x80000007, &a, &b, &c, &d) && (d & 1 << 8);
}

static const char source_name[] = "tsc\n";

#elif defined(__aarch64__)

static inline uint64_t counter(void)
{
	uint64_t ticks;

	__asm__ volatile("mrs %0, cntvct_el0" : "=r"(ticks));
	return ticks;
}

/* By architecture. */
static bool counter_is_steady(void)
{
	return true;
}

static const char source_name[] = "arch_sys_counter\n";

#else

static inline uint64_t counter(void)
{
	return 0;
}

static bool counter_is_steady(void)
{
	return false;
}

static const char source_name[] = "";

#endif

/* The kernel itself trusts the counter. */
static bool kernel_uses_counter(void)
{
	const int saved = errno;
	char name[32];
	const int fd = open("/sys/devices/system/clocksource/clocksource0/current_clocksource", O_RDONLY | O_CLOEXEC);
	const ssize_t n = fd < 0 ? -1 : read(fd, name, sizeof(name));

	if (fd >= 0)
		close(fd);
	errno = saved;
	return n == (ssize_t)sizeof(source_name) - 1 && memcmp(name, source_name, (size_t)n) == 0;
}

/* ---- reading ---- */

static __attribute__((noinline, cold)) int64_t read_kernel(void)
{
	return monotonic();
}

static inline int64_t line(uint64_t ticks, uint64_t anchor, int64_t ns, uint64_t mult)
{
	/* Signed: the anchor may lie ahead. */
	return ns + (int64_t)((__int128)(int64_t)(ticks - anchor) * (__int128)mult >> 32);
}

int64_t jst_clock_now(const struct jst_clock_page *page)
{
	for (int tries = 0; tries < READ_TRIES; tries++) {
		/* Pairs with the last release in publish(): the set is what was published under this index, or a later one, which the second load notices. */
		const uint32_t index = atomic_load_explicit(&page->index, memory_order_acquire);

		if (__builtin_expect(index == 0, 0))
			break;
		const struct jst_clock_scale *scale = &page->scale[index & 1];
		const uint64_t ticks = counter();
		/* Pair with the releases of the set in publish(): if a word of a later set was read, the index that came before it is seen below. */
		const uint64_t anchor = atomic_load_explicit(&scale->tsc, memory_order_acquire);
		const int64_t ns = atomic_load_explicit(&scale->ns, memory_order_acquire);
		const uint64_t mult = atomic_load_explicit(&scale->mult, memory_order_acquire);

		if (__builtin_expect(atomic_load_explicit(&page->index, memory_order_relaxed) == index, 1))
			return line(ticks, anchor, ns, mult);
	}
	return read_kernel();
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
		const uint64_t before = counter();
		const int64_t ns = monotonic();
		const uint64_t width = counter() - before;

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

	/* Pair with the acquires of the set in jst_clock_now(): who reads one of these words sees at least the index before this one. */
	atomic_store_explicit(&scale->tsc, anchor, memory_order_release);
	atomic_store_explicit(&scale->ns, ns, memory_order_release);
	atomic_store_explicit(&scale->mult, mult, memory_order_release);
	atomic_store_explicit(&scale->wall, wall, memory_order_relaxed); /* good in any set */
	/* Pairs with the acquire in jst_clock_now() and jst_clock_wall(). */
	atomic_store_explicit(&page->index, index, memory_order_release);
}

void jst_clock_init(struct jst_clock *clock)
{
	*clock = (struct jst_clock){ .tsc = counter_is_steady() && kernel_uses_counter() };
	if (clock->tsc) {
		const struct pair pair = read_pair();

		clock->tsc_first = pair.ticks;
		clock->ns_first = pair.ns;
	}
}

void jst_clock_start(struct jst_clock *clock, struct jst_clock_page *page)
{
	struct pair pair = { 0, 0 };

	if (clock->tsc) {
		do
			pair = read_pair();
		while (pair.ns - clock->ns_first < YOUNG_NS);
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

	if (pair.ticks > clock->tsc_first && pair.ns - clock->ns_first >= YOUNG_NS) {
		clock->mult = rate(pair.ticks - clock->tsc_first, pair.ns - clock->ns_first);
		clock->tsc_first = pair.ticks;
		clock->ns_first = pair.ns;
	}
	if (!clock->mult)
		return; /* too early to have measured anything */
	const uint64_t measured = clock->mult;
	const int64_t ahead = line(pair.ticks, old_anchor, old_ns, old_mult) - pair.ns;

	if (ahead < -NS_PER_SECOND) {
		/* The machine slept, or nobody adjusted for long: forward at once. */
		publish(page, pair.ticks, pair.ns, measured, wall);
		return;
	}

	const uint64_t mult = slewed(measured, ahead);
	int64_t margin = AHEAD_NS;

	for (int tries = 0; tries < PUBLISH_TRIES; tries++) {
		const uint64_t now = counter();
		const uint64_t anchor = mult < old_mult ? now + ticks_of(margin, mult) : now;

		/* Rounded up: both lines are rounded down where they are read. */
		const int64_t ns = line(anchor, old_anchor, old_ns, old_mult) + 1;

		/* Published late, a flatter line would begin below what was read from the old one: look just before. */
		if (mult < old_mult && counter() - now > ticks_of(margin / 2, mult)) {
			margin *= 2;
			continue;
		}
		publish(page, anchor, ns, mult, wall);
		return;
	}
}
