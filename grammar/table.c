/*
 * Open addressing with linear probing, at most half full. FNV-1a suffices: the names come from the person who runs the script.
 */
#include "table.h"

#include <stdlib.h>
#include <string.h>

enum { TABLE_MINIMUM = 32 };

static uint64_t table_hash(const char *name, size_t length)
{
	uint64_t hash = 0xcbf29ce484222325u;

	for (size_t i = 0; i < length; i++)
		hash = (hash ^ (unsigned char)name[i]) * 0x100000001b3u;
	return hash ^ hash >> 32;
}

/* The entry of the name or the free one where it belongs. The table has room. */
static struct table_entry *table_probe(const struct table *table, const char *name, size_t length, uint64_t hash)
{
	for (size_t i = hash;; i++) {
		struct table_entry *entry = &table->entries[i & (table->capacity - 1)];

		if (!entry->name || (entry->hash == hash && entry->length == length && !memcmp(entry->name, name, length)))
			return entry;
	}
}

static void table_grow(struct table *table)
{
	struct table old = *table;

	table->capacity = old.capacity ? old.capacity * 2 : TABLE_MINIMUM;
	table->entries = heap_resize(NULL, table->capacity * sizeof(*table->entries));
	memset(table->entries, 0, table->capacity * sizeof(*table->entries));
	for (size_t i = 0; i < old.capacity; i++) {
		const struct table_entry *entry = &old.entries[i];

		if (entry->name)
			*table_probe(table, entry->name, entry->length, entry->hash) = *entry;
	}
	free(old.entries);
}

void *table_find(const struct table *table, const char *name, size_t length)
{
	if (!table->count)
		return NULL;
	return table_probe(table, name, length, table_hash(name, length))->value;
}

void **table_slot(struct table *table, const char *name, size_t length)
{
	if (table->count * 2 >= table->capacity)
		table_grow(table);

	uint64_t hash = table_hash(name, length);
	struct table_entry *entry = table_probe(table, name, length, hash);

	if (!entry->name) {
		*entry = (struct table_entry){ arena_copy(table->arena, name, length), length, hash, NULL };
		table->count++;
	}
	return &entry->value;
}

void table_fini(struct table *table)
{
	free(table->entries);
	table->entries = NULL;
	table->capacity = table->count = 0;
}
