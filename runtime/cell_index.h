/*
 * The index of a bank's cells as its owner sees it: private to cell.c and aggregation.c, which looks up integers and strings by itself. See cell.c for the picture.
 */
#ifndef JST_CELL_INDEX_H
#define JST_CELL_INDEX_H

#include "bytes.h"
#include "cell.h"
#include "hash.h"

enum {
	JST_INDEX_FANOUT = 16,
	JST_INDEX_DEPTH = 16,
	JST_INDEX_NODE = 1, /* tag of a ref to a node */
	JST_INDEX_WAYS = 8, /* places of the table that a cell may be in, a line of them */
};

struct jst_index_node {
	struct jst_cell cell;
	jst_ref to[JST_INDEX_FANOUT];
};

/* Where cells were seen last: a place holds the upper half of a hash and the cell's ref, 0: none yet. From the place that the hash's lower half says on, the first of JST_INDEX_WAYS that is free was taken, and none is set free again. */
struct jst_index_table {
	struct jst_cell cell;
	uint32_t mask;            /* places - 1, a power of two */
	_Atomic uint32_t cells;   /* of the bank whose keys are sought here */
	uint64_t reserved;
	_Atomic uint64_t place[]; /* relaxed: a reader that copies the chunk may look, and a signal handler sees all of it or nothing */
};

_Static_assert(sizeof(struct jst_index_table) % 16 == 0, "cells are multiples of 16 bytes");
_Static_assert(sizeof(struct jst_index_node) % 16 == 0 && sizeof(struct jst_cell) % 16 == 0 && sizeof(struct jst_chunk) % 16 == 0, "refs of cells are even");

static inline uint64_t jst_index_salt(uint16_t aggregation)
{
	return aggregation * 0x9e3779b97f4a7c15ULL;
}

/* The hash of a key that is one integer: a bijection of it. */
static inline uint64_t jst_index_hash_integer(uint16_t aggregation, uint64_t integer)
{
	return jst_mix(integer ^ jst_index_salt(aggregation));
}

/* The hash of a key that is one string or stack, by its bytes, and of any other but an integer, by its encoding. Without a call where what calls it is flattened (hash.h). */
static inline uint64_t jst_index_hash_bytes(uint16_t aggregation, const void *bytes, uint32_t size)
{
	return jst_hash_inline(bytes, size) ^ jst_index_salt(aggregation);
}

/* A single integer as an encoded key: kinds word 1, then the integer. */
static inline bool jst_index_is_integer(const uint64_t *key, uint32_t key_size)
{
	return key_size == 16 && key[0] == JST_INT;
}

/* The hash of an encoded key. Nil may follow an integer or a string, which the encoding does not tell apart; nor need we. */
static inline uint64_t jst_index_hash_key(uint16_t aggregation, const uint64_t *key, uint32_t key_size)
{
	if (jst_index_is_integer(key, key_size))
		return jst_index_hash_integer(aggregation, key[1]);
	if (key_size >= 16 && (key[0] == JST_STRING || key[0] == JST_STACK))
		return jst_index_hash_bytes(aggregation, key + 2, (uint32_t)key[1]);
	return jst_index_hash_bytes(aggregation, key, key_size);
}

static inline bool jst_index_same_key(const struct jst_cell *cell, uint16_t aggregation, const uint64_t *key, uint32_t key_size)
{
	const uint64_t *own = jst_cell_key(cell);

	if (cell->aggregation != aggregation || cell->key_size != key_size)
		return false;
	for (uint32_t i = 0; i < key_size / 8; i++) {
		if (own[i] != key[i])
			return false;
	}
	return true;
}

static inline unsigned jst_index_nibble(uint64_t hash, unsigned depth)
{
	return (unsigned)(hash >> (60 - 4 * depth)) & 15;
}

/* The cell of aggregation under one integer, or NULL where the index does not have it, or not without a closer look. Context: probe, owner. */
static inline struct jst_cell *jst_index_find_integer(const struct jst_memory *memory, const struct jst_bank *bank, uint16_t aggregation, int64_t integer)
{
	uint64_t hash = jst_index_hash_integer(aggregation, (uint64_t)integer);
	jst_ref ref = bank->root | JST_INDEX_NODE;

	if (!bank->root)
		return NULL;
	for (unsigned depth = 0; depth < JST_INDEX_DEPTH && ref & JST_INDEX_NODE; depth++) {
		const struct jst_index_node *node = jst_memory_at(memory, ref & ~(jst_ref)JST_INDEX_NODE);
		ref = node->to[hash >> 60];
		hash <<= 4;
	}
	struct jst_cell *cell = jst_memory_at(memory, ref);
	const uint64_t *key = jst_cell_key(cell);
	/* Kinds are compared as one word: a cell of this size with only an integer in it. */
	if (!ref || ref & JST_INDEX_NODE || cell->aggregation != aggregation || cell->key_size != 16 || key[0] != JST_INT || key[1] != (uint64_t)integer)
		return NULL;
	return cell;
}

/* What the table has in a way of a hash. 0: nothing, nor in the ways behind. */
static inline uint64_t jst_index_place(const struct jst_index_table *table, uint64_t hash, unsigned way)
{
	return atomic_load_explicit(&table->place[(uint32_t)(hash + way) & table->mask], memory_order_relaxed);
}

/* The next cell, from a way on, of which the table knows the hash; *way is moved behind it. NULL: none. Context: probe, owner. */
static inline struct jst_cell *jst_index_next(const struct jst_memory *memory, const struct jst_bank *bank, uint64_t hash, unsigned *way)
{
	const struct jst_index_table *table = jst_memory_at(memory, bank->table);

	if (__builtin_expect(!bank->table, 0))
		return NULL;
	while (*way < JST_INDEX_WAYS) {
		const uint64_t place = jst_index_place(table, hash, (*way)++);
		if (!place)
			return NULL;
		if (!((place ^ hash) >> 32))
			return jst_memory_at(memory, (jst_ref)place);
	}
	return NULL;
}

/*
 * The cell of aggregation under one string or stack that is not to be cut, or NULL where the table does not have it: the trie may. The string is hashed and compared where it lies.
 * Context: probe, owner.
 */
static inline struct jst_cell *jst_index_find_string(const struct jst_memory *memory, const struct jst_bank *bank, uint16_t aggregation, const struct jst_value *string)
{
	const uint32_t length = string->length;
	const uint64_t hash = jst_index_hash_bytes(aggregation, string->s, length);
	struct jst_cell *cell;
	unsigned way = 0;

	while ((cell = jst_index_next(memory, bank, hash, &way))) {
		const uint64_t *key = jst_cell_key(cell);
		if (cell->aggregation == aggregation && key[0] == string->kind && key[1] == length && jst_bytes_equal(string->s, length, key + 2))
			break;
	}
	return cell;
}

/* The same for any encoded key but a single integer; hash is jst_index_hash_key(). Context: as above. */
static inline struct jst_cell *jst_index_find_key(const struct jst_memory *memory, const struct jst_bank *bank, uint16_t aggregation, uint64_t hash, const uint64_t *key, uint32_t key_size)
{
	struct jst_cell *cell;
	unsigned way = 0;

	while ((cell = jst_index_next(memory, bank, hash, &way)) && !jst_index_same_key(cell, aggregation, key, key_size))
		;
	return cell;
}

#endif
