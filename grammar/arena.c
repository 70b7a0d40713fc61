/*
 * An arena is a list of blocks; allocating advances in the newest one. Blocks grow with the arena's use only by what a single request needs beyond
 * the usual size, so that a large script costs few calls and a small one little memory.
 */
#include "arena.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BLOCK_SIZE = 64 << 10, ALIGNMENT = 16 };

struct arena_block {
	struct arena_block *next;
	size_t size;
	_Alignas(ALIGNMENT) char bytes[];
};

void *heap_resize(void *old, size_t size)
{
	void *bytes = realloc(old, size ? size : 1);

	if (!bytes) {
		fputs("jstrace: out of memory\n", stderr);
		abort();
	}
	return bytes;
}

char *heap_copy(const char *bytes, size_t length)
{
	char *copy = heap_resize(NULL, length + 1);

	if (length)
		memcpy(copy, bytes, length);
	copy[length] = '\0';
	return copy;
}

void *heap_grow(void *array, size_t count, size_t size)
{
	if (count & (count - 1))
		return array;
	return heap_resize(array, (count ? count * 2 : 1) * size);
}

void *arena_allocate(struct arena *arena, size_t size)
{
	size = (size + ALIGNMENT - 1) & ~(size_t)(ALIGNMENT - 1);
	if (size > arena->room) {
		size_t room = size > BLOCK_SIZE ? size : BLOCK_SIZE;
		struct arena_block *block = heap_resize(NULL, sizeof(*block) + room);

		block->next = arena->blocks;
		block->size = room;
		arena->blocks = block;
		arena->room = room;
	}

	void *bytes = arena->blocks->bytes + (arena->blocks->size - arena->room);

	arena->room -= size;
	memset(bytes, 0, size);
	return bytes;
}

char *arena_copy(struct arena *arena, const char *bytes, size_t length)
{
	char *copy = arena_allocate(arena, length + 1);

	if (length)
		memcpy(copy, bytes, length);
	return copy;
}

void arena_fini(struct arena *arena)
{
	while (arena->blocks) {
		struct arena_block *block = arena->blocks;

		arena->blocks = block->next;
		free(block);
	}
	arena->room = 0;
}
