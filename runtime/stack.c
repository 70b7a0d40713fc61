/*
 * See stack.h.
 *
 *     lower addresses                                              higher addresses
 *     | innermost: frame, address | … | frame, address | … | frame, address | … | top
 *            |___________________________^    |_______________^    |___ 0: the end, or something else: no frame
 */
#include "stack.h"

#include <stddef.h>

/* Of a walk. */
struct walk {
	uint64_t *addresses;
	uint32_t count, most;
	bool more;
	bool strange; /* it ended at something that the map does not know */
};

static uintptr_t load(const _Atomic uintptr_t *word)
{
	/* All words of the map: what was read counts only if the sequence did not change. */
	return atomic_load_explicit(word, memory_order_relaxed);
}

static bool is_code(const struct jst_stack_map *map, uint32_t ranges, uintptr_t address)
{
	uint32_t low = 0, high = ranges;

	while (low < high) {
		const uint32_t middle = low + (high - low) / 2;

		if (address < load(&map->range[middle].low))
			high = middle;
		else if (address >= load(&map->range[middle].high))
			low = middle + 1;
		else
			return true;
	}
	return false;
}

/* Where the stack ends that at lies on, or 0. All that is between the two is mapped, and in use by this thread. */
static uintptr_t top_of(const struct jst_stack_map *map, uintptr_t at)
{
	const uint32_t form = atomic_load_explicit(&map->form, memory_order_relaxed);

	if (form != JST_STACK_UNKNOWN) {
		const uintptr_t thread = jst_thread_pointer();
		const uintptr_t *words = (const uintptr_t *)(thread + (uintptr_t)(intptr_t)atomic_load_explicit(&map->bounds, memory_order_relaxed));
		const uintptr_t low = form == JST_STACK_BLOCK ? words[0] : words[0] - words[1];
		const uintptr_t high = low + words[1];
		/* The main thread's first word is 0, whatever the second one is. In glibc a control block lies at the top of its stack, and what is above it is not the stack's. */
		const uintptr_t top = form == JST_STACK_BLOCK ? thread : high;

		if (words[0] && low <= at && at < top && top <= high)
			return top;
	}
	return at >= load(&map->main_low) && at < load(&map->main_high) ? load(&map->main_high) : 0;
}

static uintptr_t plain_address(uintptr_t address)
{
#if defined(__aarch64__)
	/* Takes the signature off a return address; does nothing where there are none. */
	register uintptr_t link __asm__("x30") = address;

	__asm__("hint #7" : "+r"(link));
	return link;
#else
	return address;
#endif
}

/* The words of other functions' frames, which sanitizers think are nobody's business. top: 0 where it is not known. */
__attribute__((no_sanitize_address, no_sanitize_thread)) static void climb(const struct jst_stack_map *map, const struct jst_frame *innermost, uintptr_t top, struct walk *walk)
{
	uintptr_t low = (uintptr_t)(innermost + 1), at = innermost->frame;
	uint32_t ranges = atomic_load_explicit(&map->ranges, memory_order_relaxed);

	if (ranges > JST_CODE_RANGES)
		ranges = 0;
	walk->strange = !top;
	while (top && at) {
		const struct jst_frame *frame = (const struct jst_frame *)at;

		if (at < low || at % sizeof(uintptr_t) || at > top - sizeof(*frame))
			return;
		const uintptr_t address = plain_address(frame->address);

		if (!is_code(map, ranges, address)) {
			walk->strange = true;
			return;
		}
		/* The library's own function may stand between the innermost address and its frame; once, so that the walk ends soon whatever lies on the stack. */
		if (low != (uintptr_t)(innermost + 1) || address != walk->addresses[0]) {
			if (walk->count == walk->most)
				return;
			walk->addresses[walk->count++] = address;
		}
		low = at + sizeof(*frame);
		at = frame->frame;
	}
	/* The outermost function is called with a frame pointer of 0. */
	walk->more = !top;
}

static bool unchanged(const struct jst_stack_map *map, uint32_t sequence)
{
	atomic_thread_fence(memory_order_acquire); /* pairs with the release fence in jst_stack_publish() */
	return atomic_load_explicit(&map->sequence, memory_order_relaxed) == sequence;
}

uint32_t jst_stack_walk(struct jst_stack_map *map, const struct jst_frame *innermost, uint64_t *addresses, uint32_t most, bool *more)
{
	enum { TRIES = 2 };

	addresses[0] = plain_address(innermost->address);
	*more = true;
	for (int i = 0; map && i < TRIES; i++) {
		const uint32_t sequence = atomic_load_explicit(&map->sequence, memory_order_acquire); /* pairs with the release at the end of jst_stack_publish() */
		struct walk walk = { .addresses = addresses, .count = 1, .most = most, .more = true };

		if (!sequence || sequence & 1)
			continue;
		/* Bounds of which one is old and one is new would let us read what is not there: they are good before anything is read, and the addresses before anything is told. */
		const uintptr_t top = top_of(map, (uintptr_t)innermost);

		if (!unchanged(map, sequence))
			continue;
		climb(map, innermost, top, &walk);
		if (!unchanged(map, sequence))
			continue;
		if (walk.strange && !atomic_load_explicit(&map->stale, memory_order_relaxed))
			atomic_store_explicit(&map->stale, true, memory_order_relaxed); /* a hint to the agent */
		*more = walk.more;
		return walk.count;
	}
	return 1;
}

static bool is_known(const struct jst_stack_map *map, const struct jst_stack_known *known)
{
	bool same = atomic_load_explicit(&map->sequence, memory_order_relaxed) && atomic_load_explicit(&map->form, memory_order_relaxed) == known->form &&
	            atomic_load_explicit(&map->bounds, memory_order_relaxed) == known->bounds && load(&map->main_low) == known->main_low && load(&map->main_high) == known->main_high &&
	            atomic_load_explicit(&map->ranges, memory_order_relaxed) == known->ranges;

	for (uint32_t i = 0; same && i < known->ranges; i++)
		same = load(&map->range[i].low) == known->range[i].low && load(&map->range[i].high) == known->range[i].high;
	return same;
}

bool jst_stack_publish(struct jst_stack_map *map, const struct jst_stack_known *known)
{
	const uint32_t sequence = atomic_load_explicit(&map->sequence, memory_order_relaxed);

	if (is_known(map, known))
		return false;
	atomic_store_explicit(&map->sequence, sequence + 1, memory_order_relaxed);
	atomic_thread_fence(memory_order_release); /* pairs with the acquire fence in jst_stack_walk(): who saw one of the words below sees the odd sequence */
	atomic_store_explicit(&map->form, (uint32_t)known->form, memory_order_relaxed);
	atomic_store_explicit(&map->bounds, known->bounds, memory_order_relaxed);
	atomic_store_explicit(&map->main_low, known->main_low, memory_order_relaxed);
	atomic_store_explicit(&map->main_high, known->main_high, memory_order_relaxed);
	atomic_store_explicit(&map->ranges, known->ranges, memory_order_relaxed);
	for (uint32_t i = 0; i < known->ranges; i++) {
		atomic_store_explicit(&map->range[i].low, known->range[i].low, memory_order_relaxed);
		atomic_store_explicit(&map->range[i].high, known->range[i].high, memory_order_relaxed);
	}
	/* 0 is kept for a map that was never written. */
	atomic_store_explicit(&map->sequence, sequence + 2 ? sequence + 2 : 2, memory_order_release);
	return true;
}
