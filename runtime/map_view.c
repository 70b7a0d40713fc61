/*
 * See map_view.h; map_table.h, map_word.c and map_block.c for what lies there.
 *
 * A slot is read as low, high, low, high. Were the halves of two entries, the slot would have to go through the same two states twice, with the same value in the second: versions (of blocks) and starts (of words) do not come again.
 */
#include "map_view.h"

#include "cell.h"
#include "map_table.h"

enum {
	READ_TRIES = 16,      /* a slot that changes more often while it is read is left out */
	LEVEL_LEAST_LOG = 3,  /* slots of a window */
	LEVEL_MOST_LOG = 32,
};

static void refuse(struct jst_map_view *view)
{
	view->malformed = true;
}

/* Before the bytes are read. False: that is too much, and nothing more is read. */
static bool spend(struct jst_map_view *view, uint64_t bytes)
{
	if (bytes > view->allowance) {
		refuse(view);
		view->allowance = 0;
		return false;
	}
	view->allowance -= bytes;
	return true;
}

/* Whether size bytes lie at ref. */
static bool lies_within(const struct jst_map_view *view, jst_ref ref, uint64_t size)
{
	const uint64_t offset = (uint64_t)ref * 8;

	return ref && offset <= view->size && size <= view->size - offset;
}

static struct jst_pair read_halves(const struct jst_atomic_pair *slot)
{
	struct jst_pair pair;

	/* In this order; pair with the writers' swaps. */
	pair.low = atomic_load_explicit(&slot->low, memory_order_acquire);
	pair.high = atomic_load_explicit(&slot->high, memory_order_acquire);
	return pair;
}

/* What the slot holds; false: nothing, or it changes all the time. */
static bool read_slot(const struct jst_atomic_pair *slot, struct jst_pair *pair)
{
	for (unsigned i = 0; i < READ_TRIES; i++) {
		*pair = read_halves(slot);
		if (!pair->low)
			return false;
		if (jst_pair_same(read_halves(slot), *pair))
			return true;
	}
	return false;
}

/* Copies a block's key, and takes its value; false: it makes no sense, or would not fit. What it was at is only known when the slot is looked at again. */
static bool copy_block(struct jst_map_view *view, jst_ref ref, uint32_t *key_size, int64_t *value)
{
	if (!lies_within(view, ref, JST_BLOCK_MIN) || !spend(view, sizeof(struct jst_block)))
		return false;
	const struct jst_block *block = (const struct jst_block *)(view->base + (uint64_t)ref * 8);
	/* Pair with the releases in jst_block_make(). */
	const uint64_t info = atomic_load_explicit(&block->words[1], memory_order_acquire);
	const uint64_t size = (uint64_t)JST_BLOCK_MIN << (info >> JST_BLOCK_CLASS & 15);

	*key_size = (uint32_t)info;
	if ((info >> JST_BLOCK_KIND & 3) != JST_INT || !lies_within(view, ref, size) || *key_size % 8 != 0 || *key_size > size - sizeof(*block) || *key_size > view->room || !spend(view, *key_size))
		return false;
	*value = (int64_t)atomic_load_explicit(&block->words[2], memory_order_acquire);
	for (uint32_t i = 0; i < *key_size / 8; i++)
		view->key[i] = atomic_load_explicit(&block->payload[i], memory_order_acquire);
	return true;
}

/* The entry in a slot of the general table; its key is in view->key. False: there is none. */
static bool read_block(struct jst_map_view *view, const struct jst_atomic_pair *slot, uint32_t keys, uint32_t *key_size, int64_t *value)
{
	struct jst_value decoded[JST_MAX_KEYS];
	struct jst_pair pair;

	for (unsigned i = 0; i < READ_TRIES && read_slot(slot, &pair); i++) {
		const bool good = copy_block(view, (jst_ref)pair.high, key_size, value);

		if (!jst_pair_same(read_halves(slot), pair))
			continue; /* the block may have been another's already */
		if (good && jst_key_decode(view->key, *key_size, decoded, keys))
			return true;
		refuse(view);
		return false;
	}
	return false;
}

typedef void visitor(void *context, const void *key, uint32_t key_size, int64_t value);

static void read_words(struct jst_map_view *view, const struct jst_atomic_pair *slots, uint64_t count, visitor *visit, void *context)
{
	for (uint64_t i = 0; i < count; i++) {
		struct jst_pair pair;

		if (!read_slot(&slots[i], &pair))
			continue;
		const struct jst_value key = jst_value_int((int64_t)jst_map_unsalted(pair.low));
		const uint32_t key_size = jst_key_encode(view->key, view->room, &key, 1, 0, &(bool){ false });
		visit(context, view->key, key_size, (int64_t)pair.high);
	}
}

static void read_blocks(struct jst_map_view *view, const struct jst_atomic_pair *slots, uint64_t count, uint32_t keys, visitor *visit, void *context)
{
	for (uint64_t i = 0; i < count && view->allowance; i++) {
		uint32_t key_size;
		int64_t value;

		if (read_block(view, &slots[i], keys, &key_size, &value))
			visit(context, view->key, key_size, value);
	}
}

void jst_map_view_spans(struct jst_map_view *view, uint32_t map, uint32_t keys, visitor *visit, void *context)
{
	const uint64_t behind = JST_MAPS_OFFSET + sizeof(struct jst_map_directory) + ((uint64_t)map + 1) * sizeof(struct jst_map_root);

	if (keys == 0 || keys > JST_MAX_KEYS || behind > view->size) {
		refuse(view);
		return;
	}
	const struct jst_map_root *root = &((const struct jst_map_directory *)(view->base + JST_MAPS_OFFSET))->roots[map];

	for (unsigned table = 0; table < JST_MAP_TABLES; table++) {
		for (unsigned level = 0; level < JST_MAP_LEVELS; level++) {
			/* Pairs with the swap that publishes the level. */
			const uint64_t word = atomic_load_explicit(&root->levels[table][level], memory_order_acquire), log = word >> 32;
			const jst_ref ref = (jst_ref)word;

			if (word <= JST_MAP_MAKING)
				break;
			if (log < LEVEL_LEAST_LOG || log > LEVEL_MOST_LOG || ref % 8 != 0 || !lies_within(view, ref, sizeof(struct jst_atomic_pair) << log) || (table == JST_MAP_WORDS && keys != 1)) {
				refuse(view);
				break;
			}
			if (!spend(view, sizeof(struct jst_atomic_pair) << log))
				return;
			const struct jst_atomic_pair *slots = (const struct jst_atomic_pair *)(view->base + (uint64_t)ref * 8);
			if (table == JST_MAP_WORDS)
				read_words(view, slots, 1ULL << log, visit, context);
			else
				read_blocks(view, slots, 1ULL << log, keys, visit, context);
		}
	}
}
