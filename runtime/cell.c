/*
 * Cells: appended to the chunks of a bank, found by an index that only the owner of the slot reads: a trie, and for keys that are not one integer a table before it.
 *
 *     bank.root -> node: 16 refs, one a value of the hash's topmost four bits -> 0: nothing
 *                                                                            -> odd: a node, for the next four bits
 *                                                                            -> even: the one cell below here
 *
 * Cells are multiples of 16 bytes in chunks that are aligned to 64, so that refs (units of 8) are even and the lowest bit says that a node follows. After 16 nodes the hash is
 * spent: there a node is a bag of 15 cells and a further bag. Whatever the order of a new cell's stores, readers see it whole: `used` is raised last, with release.
 *
 *     bank.table -> hash's lower half: | hash's upper half, ref | … the next ones, JST_INDEX_WAYS in all |
 *
 * The trie has every cell, the table those that it has room for: it saves the walk and is never needed, so it may be small, where memory is short, or be left behind for a larger one, which
 * starts empty and is filled as cells are found in the trie. No event ever moves more than one of its places.
 */
#include "cell.h"

#include <string.h>

#include "cell_index.h"

enum {
	BAG_NEXT = JST_INDEX_FANOUT - 1,
	BAGS = 16,  /* in a row: keys of one hash come from somebody who made them, to be searched one by one at each event; those that do not fit are dropped */
	GROWTH_CLASSES = 5,
	PLACES_MIN = 32,           /* of the first table: 288 bytes */
	PLACES_MAX = 64 << 10,     /* the largest that fits into a chunk of 1 MiB */
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

static uint32_t room_in(const struct jst_chunk *chunk)
{
	return chunk ? chunk->size - atomic_load_explicit(&chunk->used, memory_order_relaxed) : 0;
}

static struct jst_chunk *last_chunk(const struct jst_memory *memory, const struct jst_bank *bank)
{
	return bank->last_chunk ? jst_memory_at(memory, bank->last_chunk) : NULL;
}

/* size bytes after the last cell, zeroed but for the header, which no reader sees until publish(). NULL: no memory left. */
static struct jst_cell *try_reserve(struct jst_memory *memory, struct jst_bank *bank, enum jst_cell_type type, uint16_t aggregation, uint32_t size)
{
	struct jst_chunk *chunk = last_chunk(memory, bank);

	if (room_in(chunk) < size)
		chunk = add_chunk(memory, bank, chunk, size);
	if (!chunk)
		return NULL;
	struct jst_cell *cell = (struct jst_cell *)((unsigned char *)chunk + atomic_load_explicit(&chunk->used, memory_order_relaxed));
	/* An event that a siglongjmp cut short may have left something here. */
	memset(cell, 0, size);
	cell->size = size;
	cell->type = (uint8_t)type;
	cell->aggregation = aggregation;
	return cell;
}

/* The same, and counts what is lost. */
static struct jst_cell *reserve(struct jst_memory *memory, struct jst_slot *slot, struct jst_bank *bank, enum jst_cell_type type, uint16_t aggregation, uint32_t size)
{
	struct jst_cell *cell = try_reserve(memory, bank, type, aggregation, size);

	if (!cell)
		jst_slot_lose(slot, JST_LOSS_CELLS);
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

static bool same_key(const struct jst_cell *cell, uint32_t hash, uint16_t aggregation, const uint64_t *key, uint32_t key_size)
{
	return cell->hash == hash && jst_index_same_key(cell, aggregation, key, key_size);
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

static uint32_t cells_of(const struct jst_index_table *table)
{
	return atomic_load_explicit(&table->cells, memory_order_relaxed);
}

/* A table for twice the cells that there are. One that does not fit behind the last cell waits until the present one is full: what is left of a chunk is lost with a new one. */
static struct jst_index_table *grow(struct jst_memory *memory, struct jst_bank *bank, struct jst_index_table *table)
{
	const uint32_t places = table ? 2 * (table->mask + 1) : PLACES_MIN;
	const uint32_t size = (uint32_t)(sizeof(struct jst_index_table) + places * sizeof(table->place[0]));

	if (places > PLACES_MAX || (table && cells_of(table) <= table->mask && room_in(last_chunk(memory, bank)) < size))
		return table;
	struct jst_index_table *next = (struct jst_index_table *)try_reserve(memory, bank, JST_CELL_NODE, 0, size);
	if (!next)
		return table;
	next->mask = places - 1;
	atomic_store_explicit(&next->cells, table ? cells_of(table) : 0, memory_order_relaxed);
	publish(memory, bank, &next->cell);
	bank->table = jst_memory_ref(memory, next);
	return next;
}

/* Puts a cell into the table, in place of another where all the ways are taken. is_new: it was just made. */
static void remember(struct jst_memory *memory, struct jst_bank *bank, uint64_t hash, const struct jst_cell *cell, bool is_new)
{
	struct jst_index_table *table = bank->table ? jst_memory_at(memory, bank->table) : NULL;
	unsigned way = 0;

	if (is_new && table)
		atomic_store_explicit(&table->cells, cells_of(table) + 1, memory_order_relaxed);
	if (is_new && (!table || cells_of(table) > table->mask / 2))
		table = grow(memory, bank, table);
	if (!table)
		return;
	while (way < JST_INDEX_WAYS && jst_index_place(table, hash, way))
		way++;
	if (way == JST_INDEX_WAYS)
		way = (unsigned)(hash >> 32) % JST_INDEX_WAYS; /* any, but not one for all that begin here */
	atomic_store_explicit(&table->place[(uint32_t)(hash + way) & table->mask], (hash & ~(uint64_t)UINT32_MAX) | jst_memory_ref(memory, cell), memory_order_relaxed);
}

/* Walks the trie. *is_new: the cell was made. */
static struct jst_cell *find_in_trie(struct jst_memory *memory, struct jst_slot *slot, struct jst_bank *bank, uint64_t full, uint16_t aggregation,
                                     const void *key, uint32_t key_size, uint32_t keys, uint32_t state_size, bool *is_new)
{
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
			const uint64_t other = jst_index_hash_key(cell->aggregation, jst_cell_key(cell), cell->key_size);
			between->to[depth + 1 < JST_INDEX_DEPTH ? jst_index_nibble(other, depth + 1) : 0] = *place;
			*place = ref | JST_INDEX_NODE;
		}
		node = jst_memory_at(memory, *place & ~(jst_ref)JST_INDEX_NODE);
	}
	struct jst_cell *cell = make_state(memory, slot, bank, aggregation, hash, key, key_size, keys, state_size);
	*is_new = cell != NULL;
	if (cell)
		*place = jst_memory_ref(memory, cell);
	return cell;
}

struct jst_cell *jst_cell_find(struct jst_memory *memory, struct jst_slot *slot, struct jst_bank *bank, uint16_t aggregation,
                               const void *key, uint32_t key_size, uint32_t keys, uint32_t state_size)
{
	const uint64_t hash = jst_index_hash_key(aggregation, key, key_size);
	const bool sought = !jst_index_is_integer(key, key_size); /* integers go to the trie at once: jst_index_find_integer() */
	struct jst_cell *cell = sought ? jst_index_find_key(memory, bank, aggregation, hash, key, key_size) : NULL;
	bool is_new = false;

	if (__builtin_expect(cell != NULL, 1))
		return cell;
	cell = find_in_trie(memory, slot, bank, hash, aggregation, key, key_size, keys, state_size, &is_new);
	if (cell && sought)
		remember(memory, bank, hash, cell, is_new);
	return cell;
}
