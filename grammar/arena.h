/*
 * Memory of the compiler: an arena for what lives as long as one compilation (the tree, names, scopes), and a heap that never fails (running out of memory
 * aborts with a message) for what the compiled script owns. Single-threaded.
 */
#ifndef ARENA_H
#define ARENA_H

#include <stddef.h>

struct arena_block;

struct arena {
	struct arena_block *blocks;
	size_t room; /* bytes left in the newest block */
};

/* size zeroed bytes, aligned for anything, good until arena_fini(). Context: any. */
void *arena_allocate(struct arena *arena, size_t size);

/* A terminated copy of length bytes, good until arena_fini(). Context: any. */
char *arena_copy(struct arena *arena, const char *bytes, size_t length);

/* Frees all that was allocated from it. Context: any. */
void arena_fini(struct arena *arena);

/* malloc and realloc that abort instead of failing; heap_copy gives a terminated copy of length bytes. To be freed with free(). Context: any. */
void *heap_resize(void *old, size_t size);
char *heap_copy(const char *bytes, size_t length);

/* Room for one more element in an array of count elements of size bytes each: the array, moved perhaps; its capacity doubles at powers of two. Context: any. */
void *heap_grow(void *array, size_t count, size_t size);

#endif
