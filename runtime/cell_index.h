/*
 * The index of a bank's cells as its owner sees it: private to cell.c and aggregation.c, which looks up integers by itself. See cell.c for the picture.
 */
#ifndef JST_CELL_INDEX_H
#define JST_CELL_INDEX_H

#include "cell.h"
#include "hash.h"

enum { JST_INDEX_FANOUT = 16, JST_INDEX_DEPTH = 16, JST_INDEX_NODE = 1 /* tag of a ref to a node */ };

struct jst_index_node {
	struct jst_cell cell;
	jst_ref to[JST_INDEX_FANOUT];
};

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

#endif
