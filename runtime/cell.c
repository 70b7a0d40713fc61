/*
 * Cells: appended to the chunks of a bank, found by a trie that only the owner of the slot reads.
 *
 *     bank.root -> node: 16 refs, one a value of the hash's topmost four bits -> 0: nothing
 *                                                                            -> odd: a node, for the next four bits
 *                                                                            -> even: the one cell below here
 *
 * Cells are multiples of 16 bytes in chunks that are aligned to 64, so that refs (units of 8) are even and the lowest bit says that a node follows. After 16 nodes the hash is
 * spent: there a node is a bag of 15 cells and a further bag. Whatever the order of a new cell's stores, readers see it whole: `used` is raised last, with release.
 */
#include "cell.h"

#include <string.h>

#include "cell_index.h"

enum {
	BAG_NEXT = JST_INDEX_FANOUT - 1,
	BAGS = 16,  /* in a row: keys of one hash come from somebody who made them, to be searched one by one at each event; those that do not fit are dropped */
	GROWTH_CLASSES = 5,
};

_Static_assert((JST_CHUNK_MIN << (GROWTH_CLASSES - 1)) == JST_CHUNK_MAX, "chunks grow through the first classes");

/* A chunk with room for size bytes, linked as the bank's last. Larger than wanted, or smaller, where there is nothing else. */
static struct jst_chunk *add_chunk(struct jst_memory *memory, struct jst_bank *bank, struct jst_chunk *last, uint32_t size)
{
	const uint64_t need = (uint64_t)size + sizeof(struct jst_chunk);
	unsigned least = 0;
	jst_ref ref = 0;

	while (least < JST_CHUNK_CLASSES && ((uint64_t)JST_CHUNK_MIN << least) < need)
		least++;
	unsigned wanted = last ? (unsigned)__builtin_ctz(last->size / JST_CHUNK_MIN) + 1 : 0;
	if (wanted >= GROWTH_CLASSES)
		wanted = GROWTH_CLASSES - 1;
	if (wanted < least)
		wanted = least;
	for (unsigned i = wanted; !ref && i + 1 > least && i < JST_CHUNK_CLASSES; i--)
		ref = jst_memory_chunk(memory, i);
	for (unsigned i = wanted + 1; !ref && i < JST_CHUNK_CLASSES; i++)
		ref = jst_memory_chunk(memory, i);
	if (!ref)
		return NULL;
	/* Pair with the reader's acquire of the same words. */
	if (last)
		atomic_store_explicit(&last->next, ref, memory_order_release);
	else
		atomic_store_explicit(&bank->first_chunk, ref, memory_order_release);
	bank->last_chunk = ref;
	return jst_memory_at(memory, ref);
}

/* size bytes after the last cell, zeroed but for the header, which no reader sees until publish(). */
static struct jst_cell *reserve(struct jst_memory *memory, struct jst_slot *slot, struct jst_bank *bank, enum jst_cell_type type, uint16_t aggregation, uint32_t size)
{
	struct jst_chunk *chunk = bank->last_chunk ? jst_memory_at(memory, bank->last_chunk) : NULL;

	if (!chunk || chunk->size - atomic_load_explicit(&chunk->used, memory_order_relaxed) < size)
		chunk = add_chunk(memory, bank, chunk, size);
	if (!chunk) {
		jst_slot_lose(slot, JST_LOSS_CELLS);
		return NULL;
	}
	struct jst_cell *cell = (struct jst_cell *)((unsigned char *)chunk + atomic_load_explicit(&chunk->used, memory_order_relaxed));
	/* An event that a siglongjmp cut short may have left something here. */
	memset(cell, 0, size);
	cell->size = size;
	cell->type = (uint8_t)type;
	cell->aggregation = aggregation;
	return cell;
}

static void publish(struct jst_memory *memory, struct jst_bank *bank, const struct jst_cell *cell)
{
	struct jst_chunk *chunk = jst_memory_at(memory, bank->last_chunk);

	/* Pairs with the reader's acquire of used. */
	atomic_store_explicit(&chunk->used, atomic_load_explicit(&chunk->used, memory_order_relaxed) + cell->size, memory_order_release);
}

struct jst_cell *jst_cell_append(struct jst_memory *memory, struct jst_slot *slot, struct jst_bank *bank, enum jst_cell_type type, uint16_t aggregation,
                                 uint32_t size, uint64_t word)
{
	struct jst_cell *cell = reserve(memory, slot, bank, type, aggregation, (size + 15) & ~(uint32_t)15);

	if (!cell)
		return NULL;
	memcpy(cell + 1, &word, sizeof(word));
	publish(memory, bank, cell);
	return cell;
}

/* A single integer as a key: kinds word 1, then the integer. */
static bool is_integer(const uint64_t *key, uint32_t key_size)
{
	return key_size == 16 && key[0] == JST_INT;
}

static uint64_t key_hash(uint16_t aggregation, const uint64_t *key, uint32_t key_size)
{
	if (is_integer(key, key_size))
		return jst_index_hash_integer(aggregation, key[1]);
	return jst_mix(jst_hash(key, key_size) ^ jst_index_salt(aggregation));
}

static bool same_key(const struct jst_cell *cell, uint32_t hash, uint16_t aggregation, const uint64_t *key, uint32_t key_size)
{
	const uint64_t *own = jst_cell_key(cell);

	if (cell->hash != hash || cell->aggregation != aggregation || cell->key_size != key_size)
		return false;
	for (uint32_t i = 0; i < key_size / 8; i++) {
		if (own[i] != key[i])
			return false;
	}
	return true;
}

static struct jst_cell *make_state(struct jst_memory *memory, struct jst_slot *slot, struct jst_bank *bank, uint16_t aggregation, uint32_t hash,
                                   const void *key, uint32_t key_size, uint32_t keys, uint32_t state_size)
{
	const uint32_t size = (uint32_t)((sizeof(struct jst_cell) + key_size + state_size + 15) & ~(size_t)15);
	struct jst_cell *cell = reserve(memory, slot, bank, JST_CELL_STATE, aggregation, size);

	if (!cell)
		return NULL;
	cell->keys = (uint8_t)keys;
	cell->hash = hash;
	cell->key_size = key_size;
	if (key_size)
		memcpy(cell + 1, key, key_size);
	publish(memory, bank, cell);
	return cell;
}

static jst_ref new_node(struct jst_memory *memory, struct jst_slot *slot, struct jst_bank *bank)
{
	const struct jst_cell *cell = jst_cell_append(memory, slot, bank, JST_CELL_NODE, 0, sizeof(struct jst_index_node), 0);

	return cell ? jst_memory_ref(memory, cell) : 0;
}

/* Where the hash is spent: looks through the bags from the first on; *place is where a new cell goes, NULL when no memory is left for a further bag. */
static struct jst_cell *find_in_bags(struct jst_memory *memory, struct jst_slot *slot, struct jst_bank *bank, struct jst_index_node *bag, uint32_t hash,
                                     uint16_t aggregation, const void *key, uint32_t key_size, jst_ref **place)
{
	for (unsigned bags = 1;; bags++) {
		for (unsigned i = 0; i < BAG_NEXT; i++) {
			*place = &bag->to[i];
			if (!bag->to[i])
				return NULL;
			struct jst_cell *cell = jst_memory_at(memory, bag->to[i]);
			if (same_key(cell, hash, aggregation, key, key_size))
				return cell;
		}
		if (bags == BAGS)
			jst_slot_lose(slot, JST_LOSS_CELLS);
		else if (!bag->to[BAG_NEXT])
			bag->to[BAG_NEXT] = new_node(memory, slot, bank);
		if (!bag->to[BAG_NEXT]) {
			*place = NULL;
			return NULL;
		}
		bag = jst_memory_at(memory, bag->to[BAG_NEXT]);
	}
}

struct jst_cell *jst_cell_find(struct jst_memory *memory, struct jst_slot *slot, struct jst_bank *bank, uint16_t aggregation,
                               const void *key, uint32_t key_size, uint32_t keys, uint32_t state_size)
{
	const uint64_t full = key_hash(aggregation, key, key_size);
	const uint32_t hash = (uint32_t)full;
	jst_ref *place;

	if (__builtin_expect(!bank->root, 0)) {
		bank->root = new_node(memory, slot, bank);
		if (!bank->root)
			return NULL;
	}
	struct jst_index_node *node = jst_memory_at(memory, bank->root);
	for (unsigned depth = 0;; depth++) {
		if (__builtin_expect(depth == JST_INDEX_DEPTH, 0)) {
			struct jst_cell *found = find_in_bags(memory, slot, bank, node, hash, aggregation, key, key_size, &place);
			if (found || !place)
				return found;
			break;
		}
		place = &node->to[jst_index_nibble(full, depth)];
		if (!*place)
			break;
		if (!(*place & JST_INDEX_NODE)) {
			struct jst_cell *cell = jst_memory_at(memory, *place);
			if (__builtin_expect(same_key(cell, hash, aggregation, key, key_size), 1))
				return cell;
			/* Another key is here: a node goes between, and the two part at the first nibble in which their hashes differ. */
			const jst_ref ref = new_node(memory, slot, bank);
			if (!ref)
				return NULL;
			struct jst_index_node *between = jst_memory_at(memory, ref);
			const uint64_t other = key_hash(cell->aggregation, jst_cell_key(cell), cell->key_size);
			between->to[depth + 1 < JST_INDEX_DEPTH ? jst_index_nibble(other, depth + 1) : 0] = *place;
			*place = ref | JST_INDEX_NODE;
		}
		node = jst_memory_at(memory, *place & ~(jst_ref)JST_INDEX_NODE);
	}
	struct jst_cell *cell = make_state(memory, slot, bank, aggregation, hash, key, key_size, keys, state_size);
	if (cell)
		*place = jst_memory_ref(memory, cell);
	return cell;
}
