/*
 * The layout of a session's memory, and its two allocators: the heap, a counter that only rises, and stacks of recycled chunks.
 *
 * Chunks are pushed by the agent alone and popped by any thread. A head is (pops << 32 | ref); every pop raises the count, so a compare-and-swap
 * that succeeds proves that nothing was popped since the head was read, hence that the chunk it names was on the stack all the time and its `next` is the one that was read.
 * The `next` of a chunk that another thread popped meanwhile may be read too: the memory is never unmapped, and the swap then fails.
 */
#include "memory.h"

#include <string.h>

#include "map.h"
#include "ring.h"
#include "speculation.h"

enum {
	HEAP_ALIGN = 64,
	HEAP_MINIMUM = 2 * JST_CHUNK_MIN + JST_CHUNK_MAX, /* what a program can do nothing useful without */
};

static uint64_t align(uint64_t size, uint64_t to)
{
	return (size + to - 1) & ~(to - 1);
}

size_t jst_memory_minimum(const struct jst_program *program, uint32_t ring_first)
{
	return JST_MAPS_OFFSET + HEAP_ALIGN + jst_map_minimum(program) + jst_speculation_minimum(program) + sizeof(struct jst_ring) + ring_first + HEAP_MINIMUM;
}

bool jst_memory_init(struct jst_memory *memory, void *base, const struct jst_program *program, const struct jst_memory_options *options)
{
	const uint32_t ring_first = options->ring_first ? options->ring_first : options->ring_size;

	if (options->size < jst_memory_minimum(program, ring_first) || options->size > (uint64_t)UINT32_MAX * 8)
		return false;

	struct jst_memory_header *header = base;
	header->magic = JST_MEMORY_MAGIC;
	header->version = JST_MEMORY_VERSION;
	header->size = options->size;
	header->slots_offset = JST_SLOTS_OFFSET;
	header->maps_offset = JST_MAPS_OFFSET;
	header->heap_offset = align(JST_MAPS_OFFSET + jst_map_roots_size(program), HEAP_ALIGN);
	header->string_size = options->string_size;
	header->ring_size = options->ring_size;
	header->ring_first = ring_first;
	atomic_init(&header->heap_used, header->heap_offset);
	atomic_init(&header->permit, options->size);
	atomic_init(&header->generation, 2);
	atomic_init(&header->exit_code, -1);

	memory->base = base;
	memory->header = header;
	memory->slots = (struct jst_slot *)(memory->base + JST_SLOTS_OFFSET);
	return jst_map_init(memory, program) && jst_speculation_init(memory, program);
}

jst_ref jst_memory_take(struct jst_memory *memory, uint64_t size)
{
	struct jst_memory_header *header = memory->header;
	const uint64_t permit = atomic_load_explicit(&header->permit, memory_order_relaxed);
	const uint64_t seen = atomic_load_explicit(&header->heap_used, memory_order_relaxed);

	size = align(size, HEAP_ALIGN);
	/* Looking first keeps the counter from running away as a full memory is asked again and again; it passes the permit by what threads take at one instant. */
	if (seen > permit || size > permit - seen)
		return 0;
	const uint64_t start = atomic_fetch_add_explicit(&header->heap_used, size, memory_order_relaxed);
	if (start > permit || size > permit - start)
		return 0;
	return (jst_ref)(start / 8);
}

static jst_ref pop_chunk(struct jst_memory *memory, unsigned size_class)
{
	_Atomic uint64_t *stack = &memory->header->free_chunks[size_class];
	uint64_t head = atomic_load_explicit(stack, memory_order_acquire); /* pairs with the release in push_chunk() */

	while ((uint32_t)head) {
		const struct jst_chunk *chunk = jst_memory_at(memory, (jst_ref)head);
		const uint64_t next = ((head >> 32) + 1) << 32 | atomic_load_explicit(&chunk->next, memory_order_relaxed);

		if (atomic_compare_exchange_weak_explicit(stack, &head, next, memory_order_acquire, memory_order_acquire))
			return (jst_ref)head;
	}
	return 0;
}

static void push_chunk(struct jst_memory *memory, unsigned size_class, jst_ref ref)
{
	_Atomic uint64_t *stack = &memory->header->free_chunks[size_class];
	struct jst_chunk *chunk = jst_memory_at(memory, ref);
	uint64_t head = atomic_load_explicit(stack, memory_order_relaxed);

	do
		atomic_store_explicit(&chunk->next, (uint32_t)head, memory_order_relaxed);
	while (!atomic_compare_exchange_weak_explicit(stack, &head, (head & ~(uint64_t)UINT32_MAX) | ref, memory_order_release, memory_order_relaxed));
}

jst_ref jst_memory_chunk(struct jst_memory *memory, unsigned size_class)
{
	const uint32_t size = (uint32_t)JST_CHUNK_MIN << size_class;
	jst_ref ref = pop_chunk(memory, size_class);

	if (!ref)
		ref = jst_memory_take(memory, size);
	if (!ref)
		return 0;
	struct jst_chunk *chunk = jst_memory_at(memory, ref);
	chunk->size = size;
	atomic_store_explicit(&chunk->used, (uint32_t)sizeof(*chunk), memory_order_relaxed);
	atomic_store_explicit(&chunk->next, 0, memory_order_relaxed);
	return ref;
}

void jst_memory_recycle(struct jst_memory *memory, struct jst_bank *bank, uint32_t generation)
{
	jst_ref ref = atomic_load_explicit(&bank->first_chunk, memory_order_acquire);

	/* Until the new generation is published, a reader of a dead target sees the old one, which it has copied already, and leaves the bank alone. */
	atomic_store_explicit(&bank->state, JST_BANK_RECYCLING, memory_order_release);
	atomic_store_explicit(&bank->first_chunk, 0, memory_order_release);
	bank->last_chunk = 0;
	bank->root = 0;
	bank->table = 0;
	for (unsigned i = 0; i < sizeof(bank->plain) / sizeof(bank->plain[0]); i++)
		atomic_store_explicit(&bank->plain[i], 0, memory_order_relaxed);

	while (ref) {
		struct jst_chunk *chunk = jst_memory_at(memory, ref);
		const jst_ref next = atomic_load_explicit(&chunk->next, memory_order_relaxed);
		const unsigned size_class = (unsigned)__builtin_ctz(chunk->size / JST_CHUNK_MIN);

		memset(chunk + 1, 0, chunk->size - sizeof(*chunk));
		atomic_store_explicit(&chunk->used, (uint32_t)sizeof(*chunk), memory_order_relaxed);
		push_chunk(memory, size_class, ref);
		ref = next;
	}
	atomic_store_explicit(&bank->state, JST_BANK_WRITING, memory_order_release);
	/* Pairs with the owner's acquire in jst_slot_bank_at(): from here on the bank may be written. */
	atomic_store_explicit(&bank->generation, generation, memory_order_release);
}
