/*
 * A table from a name (any bytes) to a pointer: variables, aggregations, fields, whatever a script can name many of. Owns copies of the names in its arena; single-threaded.
 */
#ifndef TABLE_H
#define TABLE_H

#include <stdint.h>

#include "arena.h"

struct table_entry {
	const char *name; /* terminated; NULL: free */
	size_t length;
	uint64_t hash;
	void *value;
};

struct table {
	struct arena *arena;
	struct table_entry *entries;
	size_t capacity; /* a power of two, or 0 */
	size_t count;
};

/* The value stored under the name, or NULL. Context: any. */
void *table_find(const struct table *table, const char *name, size_t length);

/* Where the value of the name is, NULL there if the name is new. Good until the next table_slot(). Context: any. */
void **table_slot(struct table *table, const char *name, size_t length);

/* Frees the table but not what its values point to. Context: any. */
void table_fini(struct table *table);

#endif
