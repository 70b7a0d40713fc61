/* Put before libc's: an allocator whose lock is held while a probe fires. A probe that allocates would wait for itself for ever. */
#define _GNU_SOURCE
#include <pthread.h>
#include <stddef.h>

#include <jstrace.h>

extern void *__libc_malloc(size_t size);
extern void __libc_free(void *memory);

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

__attribute__((visibility("default"))) void *malloc(size_t size)
{
	pthread_mutex_lock(&lock);
	void *memory = __libc_malloc(size);

	JSTRACE("malloc:take", "size", size);
	pthread_mutex_unlock(&lock);
	return memory;
}

__attribute__((visibility("default"))) void free(void *memory)
{
	pthread_mutex_lock(&lock);
	JSTRACE("malloc:give", "memory", (size_t)memory);
	__libc_free(memory);
	pthread_mutex_unlock(&lock);
}
